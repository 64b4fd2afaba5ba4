"""List the files in the origin-private file system of a Chromium profile, whoever keeps them there.

    for one in files(profile / "File System"):
        one.origin, one.path, one.size, one.made_by     # https://app.example, .opfs-sahpool/notes.db, 40960, ...
        if not one.damage:
            one.write(destination)                      # a plain SQLite file, its journal beside it

Pools of LiveStore, wa-sqlite (AccessHandlePoolVFS) and sqlite-wasm (`opfs-sahpool`) are taken apart; every other file
is listed as it is.  A file is named by its path in OPFS; in a pool, by the pool's directory and its path in the pool.

Guarantee: every file that holds bytes is listed, or is the journal of one that is; left out are only unused slots of
pools and scratch files of SQLite.  What its library would not open has its `damage`; no name is guessed, and where
several files of a pool claim one path, none of them is taken.  Nothing raises for bad data.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pjais.formats.opfs import extract, path_index, write_ahead
from pjais.formats.opfs.extract import Carved, Spoiled, Storage
from pjais.formats.opfs.path_index import DATA, Problem
from pjais.formats.opfs.pool import HEADER, LIVESTORE, MAGIC, PoolFile, cut_off, header_fault, page_size

PLAIN = "SQLite"
"""The maker of a database that is a file of its own: several libraries write such, and they look alike."""

_CHUNK = 1 << 20
_WRITE_AHEAD = ("-wa0", "-wa1")
"""What OPFSWriteAheadVFS of wa-sqlite adds to the name of a database for its own logs."""
_SIDES = (*extract.SIDES, *_WRITE_AHEAD)
_TORN = "the last transaction in its log was not written whole, and does not count"
_BY_AHEAD = "wa-sqlite (OPFSWriteAheadVFS)"
_PERMUTED = (
    "its pages are not in order: wa-sqlite's OPFSPermutedVFS keeps their order in IndexedDB, which pjais does not apply"
)


class OpfsFile(NamedTuple):
    """One file of an origin.

    `path` is its path in OPFS, `name` that in its pool ("/notes.db") or the same as `path`; `pool` the directory of its
    pool, "" for none, "?" if that is not known.  Its content is `size` bytes of `file` from `offset` on.  `made_by`:
    the library, None if unknown.  `damage` is the reason why its app could not open it as it is; with `partial`, it is
    certainly this file and what is left of it may be read.  `sides` are the journals of a database, by suffix, also
    empty ones.  `on_disk`: how many of the `size` bytes are in `file`, where the others are in a log; `torn` says that
    the last transaction in it was not written whole.
    """

    origin: str | None
    path: str
    name: str
    pool: str
    file: Path
    offset: int
    size: int
    made_by: str | None = None
    is_sqlite: bool = False
    damage: str = ""
    partial: bool = False
    sides: tuple[tuple[str, OpfsFile], ...] = ()
    on_disk: int | None = None
    torn: str = ""

    def chunks(self) -> Iterator[bytes]:
        """Yield its content in pieces of a megabyte.  Raises SourceDamaged if it shrinks meanwhile."""
        yield from extract.chunks(self.file, self.offset, self.size if self.on_disk is None else self.on_disk)

    def raw(self) -> bytes:
        """Return its first megabyte, as it is on disk; nothing where there is no file."""
        try:
            with self.file.open("rb") as opened:
                return opened.read(_CHUNK)
        except OSError:
            return b""

    def write(self, destination: Path) -> Path:
        """Write its content as a plain private file, with its journals beside it, as its library would have made them.

        Raises SourceDamaged if it shrinks meanwhile.
        """
        for suffix, side in self.sides:
            if side.size and suffix in extract.SIDES:
                side.write(destination.with_name(destination.name + suffix))
        extract.write_chunks(self.chunks(), destination)
        if self.on_disk is not None:
            write_ahead.apply(destination, _logs(dict(self.sides)))
        return destination


def files(root: Path) -> list[OpfsFile]:
    """Return the files of a profile's "File System" folder (or of a `WebStorage/<bucket>/FileSystem`), by origin."""
    return [found for one in _storages(root) for found in sorted(_files(one), key=_order)]


def slots(root: Path) -> list[Path]:
    """Return every file of the pools that are not LiveStore's, unused ones too: together they are whole."""
    return [data.file for one in _storages(root) for data in one.data if one.maker(data)]


def _storages(root: Path) -> Iterator[Storage]:
    origins, _ = path_index.origins(root / "Origins")
    for label, number, folder in extract.storages(root)[0]:
        yield Storage(label, origins.get(number) if number else None, folder)


def problems(root: Path) -> list[Problem]:
    """Return what cannot be read of the browser's own index: the names of files, or whose they are, may be unknown."""
    found, unread = extract.storages(root)
    books = [one for label, _, folder in found for one in path_index.Paths(folder / "Paths").problems]
    if any(number for _, number, _ in found):
        books += path_index.origins(root / "Origins")[1]
    return [*unread, *books]


def _order(one: OpfsFile) -> tuple[str, str]:
    return one.path, str(one.file)


def _files(storage: Storage) -> Iterator[OpfsFile]:
    """Yield the files of one storage: databases with their journals, then what is not LiveStore's and no database."""
    yield from _of_livestore([one for one in storage.pieces() if DATA.fullmatch("/".join(one.file.parts[-2:]))])
    own = [one for one in storage.data if storage.maker(one) or not (storage.pools and storage.belongs(one))]
    ahead = {one.opfs_name.removesuffix(_WRITE_AHEAD[0]) for one in own if one.opfs_name.endswith(_WRITE_AHEAD[0])}
    judged = [one for one in (_judged(storage, each, ahead) for each in own) if one is not None]
    yield from _with_sides([*_without_rivals(judged), *_missing(storage)])


def _of_livestore(pieces: list[Carved | Spoiled]) -> Iterator[OpfsFile]:
    """Yield what is in LiveStore's pools, each database with its journals."""
    valid = {(one.group, one.name): one for one in pieces if isinstance(one, Carved)}
    for one in pieces:
        name = one.name or one.file.name
        suffix = next((each for each in extract.SIDES if name.endswith(each)), None)
        if isinstance(one, Carved) and suffix and (one.group, name.removesuffix(suffix)) in valid:
            continue
        sides = {side: found for side in extract.SIDES if (found := valid.get((one.group, f"{one.name}{side}")))}
        yield _piece(one, name)._replace(sides=tuple((side, _piece(each, each.name)) for side, each in sides.items()))


def _piece(one: Carved | Spoiled, name: str) -> OpfsFile:
    directory = one.directory or "?"
    damage = one.reason if isinstance(one, Spoiled) else ""
    is_sqlite = not name.endswith(extract.SIDES) and (isinstance(one, Carved) or one.readable)
    place = _joined(directory, name)
    return OpfsFile(one.origin, place, name, directory, one.file, one.offset, one.size, LIVESTORE, is_sqlite, damage)


def _joined(directory: str, name: str) -> str:
    return f"{directory.removesuffix('/.opaque')}/{name.lstrip('/')}" if directory else name


def _judged(storage: Storage, one: PoolFile, ahead: set[str]) -> OpfsFile | None:
    """Return a file with what its header and the browser's index say; None for one that holds nothing.

    `ahead`: names of databases that have logs of OPFSWriteAheadVFS; until a checkpoint such a database is empty.
    """
    library = storage.maker(one)
    if library is not None:
        return None if one.is_empty() or one.is_scratch(library) else _pooled(storage, one, library)
    if not one.size and not one.opfs_name.endswith(_SIDES) and one.opfs_name not in ahead:
        return None
    if one.pool == "?" and one.is_empty():
        return None  # an unused slot of a pool that is not known
    path = _joined(one.directory or "", one.opfs_name) if one.opfs_name else f"?/{one.file.name}"
    is_sqlite = one.head.startswith(MAGIC) or (not one.size and one.opfs_name in ahead)
    maker = PLAIN if is_sqlite else None
    return OpfsFile(storage.origin, path, path, "", one.file, 0, one.size, maker, is_sqlite, storage.removed(one))


def _pooled(storage: Storage, one: PoolFile, library: str) -> OpfsFile:
    """Return a file of another library's pool."""
    directory = one.directory if one.directory is not None else "?"
    reason = header_fault(one, library)
    name = (one.claimed_name() or one.opfs_name or one.file.name) if reason else one.path.decode()
    if not reason and one.size < HEADER:
        reason = f"it is cut off within its header, after {one.size} bytes"
    is_sqlite = one.payload.startswith(MAGIC) if reason else one.is_database()
    offset = 0 if one.head.startswith(MAGIC) else HEADER
    size, path = max(one.size - offset, 0), _joined(directory, name)
    reason = reason or storage.removed(one)
    return OpfsFile(storage.origin, path, name, directory, one.file, offset, size, library, is_sqlite, reason)


def _without_rivals(judged: list[OpfsFile]) -> Iterator[OpfsFile]:
    """Yield the files; of those of a pool that claim one path none is taken, nor are their journals."""
    claims = Counter(one.path for one in judged if one.pool and not one.damage)
    sides = {f"{path}{suffix}" for path, count in claims.items() if count > 1 for suffix in extract.SIDES}
    for one in judged:
        if claims[one.path] > 1 and one.pool and not one.damage:
            yield one._replace(damage="several files claim this path")
        elif one.path in sides:
            yield one._replace(damage="several files claim the path it belongs to")
        else:
            yield one


def _with_sides(found: list[OpfsFile]) -> Iterator[OpfsFile]:
    """Yield the files, each database with its journals."""
    sides: dict[str, dict[str, OpfsFile]] = {one.path: {} for one in found if one.is_sqlite}
    for one in found:
        suffix = next((each for each in _SIDES if one.path.endswith(each)), "")
        main = one.path.removesuffix(suffix)
        if one.is_sqlite:
            continue
        if suffix and main in sides:
            sides[main][suffix] = one
        elif not one.size and not one.damage:
            continue
        elif suffix and (one.pool or suffix in _WRITE_AHEAD) and not one.damage:
            yield one._replace(damage="its database is not there")
        else:
            yield one
    for one in found:
        if one.is_sqlite:
            yield one if one.damage else _complete(one, sides[one.path])


def _complete(one: OpfsFile, sides: dict[str, OpfsFile]) -> OpfsFile:
    """Return a database with its journals, judged together with them."""
    one = one._replace(sides=tuple((suffix, sides[suffix]) for suffix in _SIDES if suffix in sides))
    for side in sides.values():
        if side.damage:
            return one._replace(damage=f"{side.path}: {side.damage}")
    if any(sides[each].size for each in _WRITE_AHEAD if each in sides):
        return _with_logs(one, sides)
    if not one.size:
        return one
    head, hot = _bytes(one, 0, 100), "-journal" in sides and any(_bytes(sides["-journal"], 0, 1))
    if not (head.startswith(MAGIC) or (hot and not any(head[:16]))):
        return one._replace(damage="its content does not begin as a SQLite file does")
    if hot or ("-wal" in sides and sides["-wal"].size):  # then it may well be shorter or longer than it says
        return one
    if damage := cut_off(head, one.size):
        return one._replace(damage=damage, partial=True)
    return one._replace(damage=_PERMUTED) if _is_permuted(one, head) else one


def _with_logs(one: OpfsFile, sides: dict[str, OpfsFile]) -> OpfsFile:
    """Return a database whose newer pages are in logs."""
    logs = _logs(sides)
    ahead = write_ahead.read(logs)
    size = one.size if ahead.size is None else ahead.size
    most = one.size + sum(len(log) for log in logs)
    farthest = max((page.position + page.length for page in ahead.pages), default=0)
    beyond = "its logs name pages beyond all that is there" if max(size, farthest) > most else ""
    return one._replace(
        size=size, on_disk=one.size, made_by=_BY_AHEAD, damage=ahead.damage or beyond, torn=_TORN * ahead.torn
    )


def _logs(sides: dict[str, OpfsFile]) -> list[bytes]:
    return [_bytes(sides[each], 0, sides[each].size) if each in sides else b"" for each in _WRITE_AHEAD]


def _is_permuted(one: OpfsFile, head: bytes) -> bool:
    """Return whether a file is longer than its header says, and another page of it is a first page, too."""
    page = page_size(head)
    if one.pool or not page or one.size <= page * int.from_bytes(head[28:32], "big"):
        return False
    return any(_bytes(one, at, len(MAGIC)) == MAGIC for at in range(page, one.size, page))


def _bytes(one: OpfsFile, at: int, length: int) -> bytes:
    try:
        with one.file.open("rb") as opened:
            opened.seek(one.offset + at)
            return opened.read(length)
    except OSError:
        return b""


def _missing(storage: Storage) -> Iterator[OpfsFile]:
    """Yield what the browser's index names outside LiveStore's pools and is not there, and what cannot be read."""
    there = {one.file for one in storage.data} | {one.file for one in storage.unread}
    for data, info in storage.paths.by_data.items():
        if DATA.fullmatch(data) and storage.folder / data not in there and info.parent not in storage.pools:
            directory = storage.paths.directory(info.parent) or ""
            path = _joined(directory, info.name)
            pool = directory if info.parent in storage.makers else ""
            reason = "the browser's index names it, but it is not there"
            yield OpfsFile(storage.origin, path, path, pool, storage.folder / data, 0, 0, damage=reason)
    for one in storage.unread:
        if one.file.is_file() and not storage.pools:
            yield OpfsFile(one.origin, one.file.name, one.file.name, "", one.file, 0, 0, damage=one.reason)
