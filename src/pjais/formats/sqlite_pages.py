"""Read the rows of a damaged SQLite file from its raw pages, where SQLite itself gives up.

SQLite stops at the first invalid page; everything after it would be lost.  This reader follows
the published file format (sqlite.org/fileformat2.html) page by page and trusts nothing it can check: cells and
free space must fill their page, a chain of overflow pages must end where its payload ends, a record must fill
its payload, and the rows of a page must be between the keys around it.

Guarantee: every readable row is returned as SQLite would return it, every other piece is named and kept as raw
bytes, and no input makes the reader raise or run for ever.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

from pjais import canonical, sqlite_wal
from pjais.core.document import Document, Json, Unreadable
from pjais.sql_text import quoted
from pjais.sqlite import MAGIC, Connection, Error, any_collation

_FILE, _INDEXES = "$file", "$index"
_SIZES = [1 << power for power in range(9, 17)]
_SAMPLE = 1 << 19  # bytes that are cut in each way, to see in which the pages are sound
_INNER, _INDEX, _TABLE_INNER, _TABLE_LEAF = (2, 5), (2, 10), 5, 13  # what the first byte of a page says
_ALL = (-(1 << 63) - 1, (1 << 63) - 1)  # the lowest and the highest possible rowid
_BODY = dict(enumerate((0, 1, 2, 3, 4, 6, 8, 8, 0, 0)))  # bytes of a value, by its serial type
_CODECS = {"utf-8": "surrogateescape", "utf-16-le": "surrogatepass", "utf-16-be": "surrogatepass"}
_SURROGATE = re.compile("[\ud800-\udfff]")
_HARMLESS = {1, 2, 18, 20, 23, 31}  # what CREATE TABLE asks an authorizer for; no ATTACH, no SELECT
_NAME = "SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND name NOT GLOB 'sqlite_*'"
_COLUMNS = """SELECT x.name, x.pk, t.type, coalesce(x.dflt_value, 'NULL') FROM pragma_table_xinfo(?, 'main') AS x
    JOIN pragma_table_info('typed', 'temp') AS t USING (cid) LEFT JOIN pragma_index_xinfo(?) AS i USING (cid)
    WHERE x.hidden <> 2 ORDER BY i.seqno, x.cid"""  # what a record holds, in its order
_Column = tuple[str, bool, bool, Json]  # its name, whether it is the rowid, whether REAL, what short rows have
_Finds = Iterator[tuple["_Node", tuple["_Cell", ...], Unreadable | None]]  # rows to read, and what is wrong
_u16, _u32 = struct.Struct(">H").unpack_from, struct.Struct(">I").unpack_from


class _Bad(Exception):
    """Bytes that make no sense."""


class _Tree(NamedTuple):
    """A b-tree that the schema names; `columns` stand in the order of its records, none if unknown."""

    name: str
    root: int
    is_index: bool = False
    columns: tuple[_Column, ...] = ()
    keys: tuple[str, ...] = ()

    def document(self, page: int, rowid: int, values: list[Json], notes: tuple[str, ...]) -> Document:
        """Return one row, with its identity as in `pjais.sources.sqlite_tables`.  Raises _Bad for any other row."""
        columns = self.columns or [(f"c{number}", False, False, None) for number in range(len(values))]
        if len(values) > len(columns):
            raise _Bad("it has more values than its table has columns")
        row: dict[str, Json] = {}
        values = [*values, *(default for *_, default in columns[len(values) :])]
        for (name, is_rowid, is_real, _), value in zip(columns, values, strict=True):
            row[name] = rowid if is_rowid else float(value) if is_real and isinstance(value, int) else value
        keys = [row[name] for name in self.keys]
        named = keys and all(isinstance(key, str | int) for key in keys)
        joined = str(keys[0]) if len(keys) == 1 else canonical.dumps(list(keys))
        native_id = joined if named else None if self.is_index else str(rowid)
        if any(isinstance(value, str) and _SURROGATE.search(value) for value in values):
            notes += ("invalid-utf8",)
        return Document(self.name, native_id, f"page {page} row {rowid}", row, None, notes)


class _Cell(NamedTuple):
    """One cell: the page below it, its rowid (in an index only a number), and the location of its payload."""

    child: int
    key: int
    start: int = 0
    local: int = 0
    length: int = 0


class _Node(NamedTuple):
    """A page of a b-tree, taken apart; `fault` says what is wrong with it, and `kind` is 0 if it is none."""

    number: int
    data: bytes
    fault: str
    kind: int = 0
    cells: tuple[_Cell, ...] = ()
    right: int = 0


class _Pages:
    """The pages of one file with the committed pages of its WAL laid over them, and which are in use."""

    def __init__(self, main: BinaryIO, wal: BinaryIO, laid: dict[int, int], size: int, reserved: int) -> None:
        self.main, self.wal, self.laid = main, wal, laid
        self.size, self.usable = size, size - reserved
        self.stored = -(-main.seek(0, io.SEEK_END) // size)
        self.header = self.page(1)[:100].ljust(100, b"\0")
        self.told = _u32(self.header, 28)[0] if self.header[24:28] == self.header[92:96] else 0
        self.limit = max(self.stored, self.told, *laid, 0)
        self.codec = "latin-1"
        self.seen, self.in_trees, self.named = set[int](), set[int](), set[tuple[str, str]]()

    def page(self, number: int) -> bytes:
        """One page; shorter where the file ends in it, empty where it ends before it."""
        if number not in self.laid and not 0 < number <= self.stored:  # farther than a file may be long, even
            return b""
        source = self.wal if number in self.laid else self.main
        source.seek(self.laid.get(number, (number - 1) * self.size))
        return source.read(self.size)

    def nodes(self) -> Iterator[_Node]:
        """Every page that is there and not known to be in use, taken apart."""
        last = min(self.stored, self.told or self.stored)
        numbers = chain(range(1, last + 1), sorted(number for number in self.laid if number > last))
        return (self.node(number) for number in numbers if number not in self.seen)

    def node(self, number: int) -> _Node:
        """Take a page of a b-tree apart, as far as that goes."""
        data = self.page(number)
        base = 100 if number == 1 else 0
        if len(data) < base + 12 or data[base] not in (*_INNER, *_INDEX, _TABLE_LEAF):
            return _Node(number, data, "this is no page of rows" if data else "the file ends before this page")
        kind, count, top = data[base], _u16(data, base + 3)[0], _u16(data, base + 5)[0] or 65536
        first = base + (12 if kind in _INNER else 8)
        floor = first + 2 * count if first + 2 * count <= top else first
        end_of_page = lowest = min(self.usable, len(data))
        filled = top + _free_bytes(data, base)
        cells: dict[int, _Cell] = {}
        for slot in range(first, min(first + 2 * count, self.usable), 2):
            with suppress(IndexError, struct.error):
                at = _u16(data, slot)[0]
                cell, end = self._cell(kind, data, at, (slot - first) // 2)
                if slot + 2 <= lowest and max(floor, slot + 2) <= at not in cells and end <= end_of_page:
                    cells[at] = cell
                    lowest, filled = min(lowest, at), filled + max(end - at, 4)
        right = _u32(data, base + 8)[0] if kind in _INNER else 0
        fault = "" if filled == self.usable else "its cells and its free space do not add up"
        if len(cells) < count:
            fault = f"{count - len(cells)} of its {count} cells cannot be located"
        children = [*(cell.child for cell in cells.values()), right] if kind in _INNER else []
        if astray := sum(not 1 < child <= self.limit for child in children):
            fault = f"{astray} of its {len(children)} pointers lead outside of the file"
        return _Node(number, data, fault, kind, tuple(cells.values()), right)

    def _cell(self, kind: int, data: bytes, at: int, key: int) -> tuple[_Cell, int]:
        """The cell at an offset, and where it ends; `key` is for cells that have no rowid."""
        child = _u32(data, at)[0] if kind in _INNER else 0
        at += 4 if kind in _INNER else 0
        if kind == _TABLE_INNER:
            key, at = _varint(data, at)
            return _Cell(child, key), at
        length, at = _varint(data, at)
        most = (self.usable - 12) * 64 // 255 - 23
        if kind == _TABLE_LEAF:
            key, at = _varint(data, at)
            most = self.usable - 35
        if length <= most:
            return _Cell(child, key, at, length, length), at + length
        least = (self.usable - 12) * 32 // 255 - 23
        local = least + (length - least) % (self.usable - 4)
        local = local if local <= most else least
        return _Cell(child, key, at, local, length), at + local + 4

    def payload(self, node: _Node, cell: _Cell) -> tuple[bytes, str]:
        """A cell's payload, as far as its chain of overflow pages goes, and where that breaks."""
        left, end = cell.length - cell.local, cell.start + cell.local
        parts = [node.data[cell.start : end]]
        after = _u32(node.data, end)[0] if left else 0
        used: set[int] = set()
        while left > 0 or after:
            page, part = self.page(after), min(left, self.usable - 4)
            taken = after in used or after in self.seen or after in self.in_trees
            if taken or not 0 < part <= len(page) - 4:
                return b"".join(parts), f"its chain of overflow pages breaks at page {after}"
            used.add(after)
            parts.append(page[4 : part + 4])
            after, left = _u32(page)[0], left - part
        self.seen |= used
        return b"".join(parts), ""

    def walk(self, tree: _Tree, number: int, trail: tuple[int, ...] = (), span: tuple[int, int] = _ALL) -> _Finds:
        """The cells that hold rows, in the tree's order, and whatever is wrong with its pages."""
        node, reason, blamed, (low, high) = self.node(number), "", number, span
        outside = sum(not low < cell.key <= high for cell in node.cells)
        if number in self.seen or len(trail) > 40:  # a sound tree has at most about 20 levels
            reason, blamed = f"it leads to page {number}, which is in use elsewhere", (number, *trail)[-1]
        elif not node.kind or (node.kind in _INDEX) != tree.is_index:
            reason = node.fault or "this page belongs to another kind of tree"
        elif outside * 2 > len(node.cells) and not tree.is_index:
            reason, blamed = f"it leads to page {number}, whose rows belong elsewhere", (number, *trail)[-1]
        place, is_inner = f"page {blamed}", node.kind in _INNER and not reason
        fault = reason or node.fault
        if not reason:
            self.seen.add(number)
        trouble = Unreadable(tree.name, place, self.page(blamed), fault) if fault else None
        yield node, () if reason or is_inner else node.cells, trouble
        for cell in (*node.cells, _Cell(node.right, high)) if is_inner else ():
            if 1 < cell.child <= self.limit:
                yield from self.walk(tree, cell.child, (*trail, number), (low, cell.key))
            if tree.is_index and cell.length:
                yield node, (cell,), None
            low = cell.key

    def rows(self, tree: _Tree, found: _Finds, *notes: str) -> Iterator[Document | Unreadable]:
        """The rows that a walk found."""
        for node, cells, trouble in found:
            if trouble and trouble[:2] not in self.named:
                self.named.add(trouble[:2])
                yield trouble
            for cell in cells:
                raw, fault = self.payload(node, cell)
                try:
                    if fault:
                        raise _Bad(fault)
                    yield tree.document(node.number, cell.key, _decode(raw, self.codec), notes)
                except _Bad as error:
                    yield Unreadable(tree.name, f"page {node.number} row {cell.key}", raw, str(error))

    def lost(self, kinds: tuple[int, ...]) -> list[tuple[int, int]]:
        """The kind and number of each page that holds rows, is not free, and is in no tree; inner ones first."""
        trunk = _u32(self.header, 32)[0]
        while trunk and trunk not in self.seen and len(page := self.page(trunk)) == self.size:
            after, count = struct.unpack_from(">II", page)
            if after > self.limit or count > self.usable // 4 - 2:
                break
            self.seen.update((trunk, *struct.unpack_from(f">{count}I", page, 8)))
            trunk = after
        return sorted((n.kind, n.number) for n in self.nodes() if n.kind in kinds and (n.cells or n.fault))


def _free_bytes(data: bytes, base: int) -> int:
    """The bytes between a page's cells that its header knows as free; absurdly many if its list is broken."""
    total, at, before = data[base + 7], _u16(data, base + 1)[0], 0
    while at > before and at + 4 <= len(data):
        total, before, at = total + _u16(data, at + 2)[0], at, _u16(data, at)[0]
    return 1 << 20 if at else total


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The number at an offset, and where it ends."""
    value = 0
    for where in range(at, at + 8):
        value = value << 7 | data[where] & 0x7F
        if data[where] < 0x80:
            return value, where + 1
    value = value << 8 | data[at + 8]
    return value - (1 << 64 if value >> 63 else 0), at + 9


def _decode(payload: bytes, codec: str) -> list[Json]:
    """The values of a record.  Raises _Bad if it does not fit together."""
    values: list[Json] = []
    try:
        body, at = _varint(payload, 0)
        first = body
        while at < first:
            kind, at = _varint(payload, at)
            end = body + (_BODY[kind] if kind < 12 else kind - 12 >> 1)
            raw, body = payload[body:end], end
            value: Json = raw
            if kind >= 12 and kind & 1:
                odd = len(raw) % 2 if "16" in codec else 0
                value = raw[: len(raw) - odd].decode(codec, _CODECS.get(codec, "strict"))
            elif kind == 7:
                value = struct.unpack(">d", raw)[0]
            elif kind < 12:
                value = kind - 8 if kind >= 8 else int.from_bytes(raw, "big", signed=True)
            values.append(value if kind and value == value else None)  # a NaN is NULL
    except (LookupError, struct.error) as error:
        raise _Bad("its record ends too early, or has a type that there is not") from error
    if at != first or body != len(payload):
        raise _Bad("its record does not fill its payload")
    return values


def _table(sql: str, root: int) -> _Tree | None:
    """Return the columns of a CREATE TABLE text, run in a scratch database.  None if it does not run."""
    with closing(Connection(":memory:")) as db:
        try:
            any_collation(db)
            db.authorizer = lambda action, *_: 0 if action in _HARMLESS else 1
            db.execute(sql)
            db.authorizer = None
            name, is_index = db.execute(_NAME).fetchone() or ("", 0)
            db.execute(f"CREATE TEMP TABLE typed AS SELECT * FROM main.{quoted(name)}")  # has affinities for types
        except (Error, ValueError):
            return None
        db.execute("INSERT INTO typed DEFAULT VALUES")
        key = db.execute("SELECT name FROM pragma_index_list(?, 'main') WHERE origin = 'pk'", (name,)).get
        columns, keys = list[_Column](), dict[int, str]()
        for column, pk, kind, default in list[Json](db.execute(_COLUMNS, (name, key if is_index else ""))):
            given = None
            with suppress(Error):
                db.execute(f"ALTER TABLE typed ADD COLUMN '*{len(columns)}' {kind} DEFAULT {default}")
                given = db.execute(f'SELECT "*{len(columns)}" FROM typed').get
            columns.append((column, bool(pk) and not key, kind == "REAL", given))
            keys |= {0: "id"} if column == "id" else {pk: column} if pk else {}
        named = (keys[0],) if 0 in keys else tuple(keys[number] for number in sorted(keys))
        return _Tree(name, root, bool(is_index), tuple(columns), named)


def _tables(pages: _Pages, schema: list[dict[str, Json]]) -> tuple[list[_Tree], tuple[str, ...]]:
    """The tables in reading order, and how the names of those begin that hold nobody's data."""
    trees: list[_Tree] = []
    system: tuple[str, ...] = (_INDEXES, "sqlite_", "__livestore_")
    for row in schema:
        values = [row.get(f"c{number}") for number in range(5)]
        raws = [value.encode("latin-1") if isinstance(value, str) else b"" for value in values]
        kind, name, owner, _, sql = (raw.decode(pages.codec, "replace") for raw in raws)
        root = values[3] if isinstance(values[3], int) else 0
        if sql.upper().startswith("CREATE VIRTUAL"):
            system += (f"{name}_",)
        elif kind == "table" or sql.upper().startswith("CREATE TABLE"):
            tree = _table(sql, root) or _Tree(name, root, pages.node(root).kind in _INDEX)
            names = [name, owner, tree.name]
            trees.append(tree._replace(name=max(names, key=names.count)))
        elif root:
            trees.append(_Tree(_INDEXES, root, True))
    return sorted(trees, key=lambda tree: (tree.name != "personas", not tree.name.startswith("memor"))), system


def _everything(pages: _Pages) -> Iterator[Document | Unreadable]:
    """All rows: the schema first, then each table twice, to see which pages it has and to read it."""
    first = list(pages.rows(_Tree(_FILE, 1), pages.walk(_Tree(_FILE, 1), 1)))
    damage = [piece for piece in first if isinstance(piece, Unreadable)]
    schema = [piece.value for piece in first if isinstance(piece, Document)]
    yield from damage
    told = [*_CODECS][(pages.header[59] - 1) % 3]
    kinds = {row["c0"] for row in schema}
    pages.codec = next((codec for codec in _CODECS if "table".encode(codec).decode("latin-1") in kinds), told)
    trees, system = _tables(pages, schema)
    before = set(pages.seen)
    hurt = [tree for tree in trees if sum(bool(find[2]) for find in pages.walk(tree, tree.root))]
    by_key = any(tree.is_index and not tree.name.startswith(system) for tree in hurt)
    pages.in_trees = set(pages.seen)
    heirs: dict[int, _Tree | None] = {}
    for kind, number in pages.lost((_TABLE_LEAF, *_INDEX) if by_key else (_TABLE_LEAF,)):
        likely = [tree for tree in hurt if tree.is_index == (kind in _INDEX)]
        heirs[number] = likely[0] if len(likely) == 1 and not damage else None
    pages.in_trees.update(heirs)
    pages.seen = before
    for tree in trees:
        if not tree.name.startswith(system):
            yield from pages.rows(tree, pages.walk(tree, tree.root))
            mine = (n for n, heir in heirs.items() if heir is tree and n not in pages.seen)
            yield from pages.rows(tree, chain.from_iterable(pages.walk(tree, n) for n in mine), "salvaged")
    for number in (number for number, heir in heirs.items() if heir is None):
        reason = "a page of rows that belongs to no readable table"
        yield Unreadable(_FILE, f"page {number}", pages.page(number), reason)


def _wal(file: BinaryIO) -> tuple[int, dict[int, int]]:
    """Return the page size of a WAL, and the offset of the newest committed version of each page."""
    head = file.read(32)
    order = {b"\x37\x7f\x06\x82": "<", b"\x37\x7f\x06\x83": ">"}.get(head[:4], "")
    size = _u32(head, 8)[0] if order and len(head) == 32 else 0
    if size not in _SIZES or (sums := sqlite_wal.checksum(order, head[:24], (0, 0))) != struct.unpack_from(
        ">II", head, 24
    ):
        return 0, {}
    laid, waiting = dict[int, int](), dict[int, int]()
    while len(frame := file.read(24 + size)) == 24 + size and frame[8:16] == head[16:24]:
        sums = sqlite_wal.checksum(order, frame[24:], sqlite_wal.checksum(order, frame[:8], sums))
        if sums != struct.unpack_from(">II", frame, 16):
            break
        waiting[_u32(frame)[0]] = file.tell() - size
        if any(frame[4:8]):
            laid |= waiting
    return size, laid


def salvage(path: Path) -> Iterator[Document | Unreadable]:
    """Everything that a damaged SQLite file still holds, and every piece of it that cannot be read.

    `path` is a private copy; the committed frames of a WAL beside it count.  Tables stand in the order of the
    schema, but personas first and memories second, so that references point backwards.
    """
    side = path.with_name(f"{path.name}-wal")
    with path.open("rb") as main, side.open("rb") if side.is_file() else io.BytesIO() as wal:
        head = main.read(100).ljust(100, b"\0")
        told = {1: 65536}.get(_u16(head, 16)[0], _u16(head, 16)[0])
        logged, laid = _wal(wal)
        sizes = [logged] if laid else sorted(_SIZES, key=lambda size: size != told)
        ways = [_Pages(main, wal, laid, size, min(kept, size - 480)) for size in sizes for kept in {head[20], 0}]
        sound = [sum(not node.fault for node in islice(way.nodes(), _SAMPLE // way.size)) for way in ways]
        if any(sound) or (head[:16] == MAGIC and told in _SIZES):
            yield from _everything(ways[sound.index(max(sound))])
            return
        main.seek(0)
        yield Unreadable(_FILE, "byte 0", main.read(8 << 20), "not a SQLite file")
