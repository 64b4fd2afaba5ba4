"""Read a LevelDB folder from its bytes: no lock is taken, nothing is written, no LevelDB library is needed.

Live entries are determined as in LevelDB: the MANIFEST that CURRENT names lists the live tables and the first live
log; of all versions of a key the one with the highest sequence number wins, and a delete is a version (LevelDB
`doc/impl.md`, `db/version_edit.cc`).  The order of keys within tables is not used, so any comparator will do.

Guarantee: every checksum is checked, unreadable parts are named in `damage` with their raw bytes, everything else is
read, and nothing raises.  Keys are held in memory, values are not: a first pass over the files notes the location of
the newest version of each key, a second one fetches values.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Container, Iterable, Iterator
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import NamedTuple

from pjais.formats.leveldb import log as leveldb_log
from pjais.formats.leveldb import table
from pjais.formats.leveldb.codings import Bad, varint
from pjais.formats.leveldb.log import Lost, Record
from pjais.formats.leveldb.table import Handle, Span

_NAME = re.compile(r"0*(\d{1,19})\.(ldb|sst|log)")
_MANIFEST = re.compile(rb"(MANIFEST-\d{1,20})\n?")
_OLDER = "what it replaced or deleted may show in its older state"
_CACHE = 16 << 20  # bytes of unpacked blocks kept at hand
_OPEN = 32  # files kept open
_MAX_RAW = 8 << 20  # bytes of one piece of damage that are carried along


class Damage(NamedTuple):
    """A stretch of a file that could not be read, as raw bytes (at most 8 MiB of them), and why."""

    file: str
    offset: int
    raw: bytes
    reason: str


class _Live(NamedTuple):
    """The content of a MANIFEST: the live tables and logs."""

    tables: frozenset[int]
    log: int
    previous_log: int


class LevelDB:
    """The live entries of a LevelDB folder.  `wanted` may leave keys out, which saves their memory.

    `near` may leave out whole blocks of tables, unread: it is asked with the last key of the block before it, that of
    its own, and its size.  Then what has lost its index is not searched for blocks either.  `idle` tells of such a pair
    of keys that nothing between them is wanted: then the block is checked and unpacked, but not taken apart.

    `twins` finds keys that differ in their bytes and are one key to the comparator: the newest of them counts.
    """

    def __init__(
        self,
        folder: Path,
        wanted: Callable[[bytes], bool] | None = None,
        near: Callable[[bytes, bytes, int], bool] | None = None,
        idle: Callable[[bytes, bytes], bool] | None = None,
        twins: Callable[[Container[bytes], Iterable[bytes]], Iterable[tuple[bytes, bytes]]] | None = None,
    ) -> None:
        self.folder, self.wanted, self.near, self.idle, self.twins = folder, wanted, near, idle, twins
        self.damage: list[Damage] = []
        self.torn: list[Damage] = []
        """Places where a log or the MANIFEST ends inside a record: LevelDB, too, reads everything before."""
        self._files = _Files(folder)
        self._blocks: list[tuple[str, Record | Handle]] = []
        self._cache: OrderedDict[int, bytes] = OrderedDict()
        self._cached = 0
        self._found: dict[bytes, int] | None = None
        self._sorted: list[bytes] = []

    def __enter__(self) -> LevelDB:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the files, and drop what is kept of them.  Reading again reopens them."""
        self._files.close()
        self._cache.clear()
        self._cached = 0

    def live_keys(self, start: bytes = b"") -> list[bytes]:
        """The live keys in byte order; those that begin with `start`, if given."""
        self._load()
        if not start:
            return self._sorted
        low = high = bisect_left(self._sorted, start)
        while high < len(self._sorted) and self._sorted[high].startswith(start):
            high += 1
        return self._sorted[low:high]

    def __contains__(self, key: bytes) -> bool:
        return key in self._load()

    def get(self, key: bytes) -> tuple[bytes, str] | None:
        """The value of a live key and its place; None if there is none, or if its file has changed since."""
        note = self._load().get(key)
        if note is None:
            return None
        start, end = note >> 32 & 0xFFFFFFFF, note & 0xFFFFFFFF
        name, where = self._blocks[note >> 64 & 0xFFFFFFFF]
        content = self._content(note >> 64 & 0xFFFFFFFF)
        if content is None:
            return None
        if isinstance(where, Record):
            return content[start:end], f"{name} byte {where.place(start)}"
        return content[start:end], f"{name} byte {where.offset} +{start}"

    def entries(self) -> Iterator[tuple[bytes, bytes, str]]:
        """All live entries in the byte order of their keys: key, value, place."""
        for key in self.live_keys():
            found = self.get(key)
            if found is not None:
                yield key, *found

    def _load(self) -> dict[bytes, int]:
        """Run the first pass: find the newest version of each key, and its location."""
        if self._found is None:
            newest: dict[bytes, int] = {}
            for name in self._names():
                data = self._files.get(name)
                if data is None:
                    self._damaged(name, b"", 0, 0, "it cannot be opened")
                elif name.endswith(".log"):
                    self._read_log(name, data, newest)
                else:
                    self._read_table(name, data, newest)
            for one, other in self.twins(newest, list(newest)) if self.twins else ():
                newest.pop(min(one, other, key=lambda key: newest.get(key, 0)), None)
            self._found = {key: note for key, note in newest.items() if note >> 96 & 0xFF}
            self._sorted = sorted(self._found)
        return self._found

    def _names(self) -> list[str]:
        """The files to read: live tables first, then logs, each by number."""
        there: dict[tuple[bool, int], str] = {}
        try:
            for path in sorted(self.folder.iterdir()):
                if match := _NAME.fullmatch(path.name):
                    there[match[2] == "log", int(match[1])] = path.name
        except OSError as error:
            self._damaged(".", b"", 0, 0, f"the folder cannot be read: {error.strerror}")
        live = self._manifest()
        if live is None:
            return [there[key] for key in sorted(there)]
        tables = [name for (is_log, _), name in sorted(there.items()) if not is_log]
        if (
            not live.log
            and not live.tables
            and any(bytes((self._files.get(name) or b"")[-8:]) == table.MAGIC for name in tables)
        ):
            self._damaged(tables[0], b"", 0, 0, "the MANIFEST is that of a new database; all tables and logs are read")
            return [there[key] for key in sorted(there)]
        if live.log and (True, live.log) not in there:
            self._damaged(
                f"{live.log:06}.log", b"", 0, 0, f"the live log is missing; its changes are lost, and {_OLDER}"
            )
            if any(is_log and number > live.log for is_log, number in there):  # the MANIFEST itself is an old one
                return [there[key] for key in sorted(there)]
        if not (
            live.log or live.tables or any(is_log for is_log, _ in there)
        ):  # whoever opens a new database begins a log
            self._damaged("*.log", b"", 0, 0, "the first log is missing; its changes are lost")
        for number in sorted(live.tables):
            if (False, number) not in there:
                reason = f"a live table is missing; its rows are lost, and {_OLDER}"
                self._damaged(f"{number:06}.ldb", b"", 0, 0, reason)
        return [
            there[is_log, number]
            for is_log, number in sorted(there)
            if (number >= live.log or number == live.previous_log if is_log else number in live.tables)
        ]

    def _manifest(self) -> _Live | None:
        """Return the content of the current MANIFEST; None, and damage, if it cannot be read."""
        name, all_read = "CURRENT", "all tables and logs are read instead, deleted rows may show"
        raw = b""
        try:
            raw = (self.folder / name).read_bytes()
            if not (match := _MANIFEST.fullmatch(raw)):
                raise Bad("it names no MANIFEST")
            name = match[1].decode()
            raw = (self.folder / name).read_bytes()
            live, torn = _edits(raw)
            if torn is not None:
                self.torn.append(Damage(name, torn.start, raw[torn.start :], torn.reason))
            return live
        except OSError as error:
            self._damaged(name, b"", 0, 0, f"{error.strerror}; {all_read}")
        except Bad as error:
            self._damaged(name, raw, 0, len(raw), f"{error}; {all_read}")
        return None

    def _read_table(self, name: str, data: bytes | mmap, newest: dict[bytes, int]) -> None:
        """Note what a table holds."""
        try:
            blocks = table.spans(data)
        except Bad as error:
            found, end = table.salvage(data) if self.near is None else ([], 0)
            blocks = [Span(handle) for handle in found]
            reason = f"the table's index cannot be read ({error}); {len(blocks)} blocks are found without it; {_OLDER}"
            self._damaged(name, data, end, len(data), reason)
        for handle, before, last in blocks:
            if self.near is not None and not self.near(before, last, handle.size):
                continue
            try:
                content = table.block(data, handle)
                if self.idle is None or not self.idle(before, last):
                    self._blocks.append((name, handle))
                    table.collect(content, len(self._blocks) - 1, newest, self.wanted)
                    if self._cached < _CACHE:  # so that a small database is unpacked once
                        self._keep(len(self._blocks) - 1, content)
            except Bad as error:
                end = handle.offset + handle.size + 5
                self._damaged(name, data, handle.offset, end, f"a block of rows: {error}; {_OLDER}")

    def _read_log(self, name: str, data: bytes | mmap, newest: dict[bytes, int]) -> None:
        """Note what a log holds."""
        next_sequence = None
        for found in leveldb_log.records(data):
            if isinstance(found, Lost):
                if found.reason == leveldb_log.TORN:
                    self.torn.append(Damage(name, found.start, data[found.start : found.end], found.reason))
                else:
                    self._damaged(name, data, found.start, found.end, f"{found.reason}; {_OLDER}")
                continue
            payload = found.payload(data)
            changes, sequence, fault = leveldb_log.batch(payload)
            sound = leveldb_log.trusted(found, changes, fault, header=sequence == next_sequence)
            if fault and not found.unsound():
                begin = max((change.end for change in sound), default=0)
                place, raw = found.place(max(begin, 0)), payload[max(begin, 0) :]
                self.damage.append(Damage(name, place, raw[:_MAX_RAW], f"a batch of changes: {fault}; {_OLDER}"))
            number, wanted = len(self._blocks) << 64, self.wanted
            for tag, key, _, start, end in sound:
                if wanted is None or wanted(key):
                    note = tag << 96 | number | (start << 32 | end if start >= 0 else 0)
                    if note > newest.get(key, 0):
                        newest[key] = note
            self._blocks.append((name, found))
            next_sequence = sequence + len(changes) if changes and not fault else None

    def _content(self, number: int) -> bytes | None:
        """Return an unpacked block or a whole batch, which the first pass has found valid."""
        content = self._cache.get(number)
        if content is not None:
            self._cache.move_to_end(number)
            return content
        name, where = self._blocks[number]
        data = self._files.get(name)
        if data is None:
            return None
        try:
            content = where.payload(data) if isinstance(where, Record) else table.block(data, where, check=False)
        except Bad:
            return None
        self._keep(number, content)
        return content

    def _keep(self, number: int, content: bytes) -> None:
        """Keep a block at hand, instead of those that were used the longest time ago."""
        self._cache[number] = content
        self._cached += len(content)
        while self._cached > _CACHE and len(self._cache) > 1:
            self._cached -= len(self._cache.popitem(last=False)[1])

    def _damaged(self, name: str, data: bytes | mmap, start: int, end: int, reason: str) -> None:
        """Note damage."""
        self.damage.append(Damage(name, start, data[start : min(end, start + _MAX_RAW)], reason))


class _Files:
    """The files of the folder, mapped into memory, a few at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.open: OrderedDict[str, bytes | mmap] = OrderedDict()

    def get(self, name: str) -> bytes | mmap | None:
        """A file's bytes; None if it cannot be opened."""
        data = self.open.get(name)
        if data is not None:
            self.open.move_to_end(name)
            return data
        try:
            with (self.folder / name).open("rb") as file:
                data = mmap(file.fileno(), 0, access=ACCESS_READ) if file.seek(0, 2) else b""
        except (OSError, ValueError):
            return None
        self.open[name] = data
        while len(self.open) > _OPEN:
            self._close(self.open.popitem(last=False)[1])
        return data

    def close(self) -> None:
        """Close all."""
        while self.open:
            self._close(self.open.popitem()[1])

    @staticmethod
    def _close(data: bytes | mmap) -> None:
        if isinstance(data, mmap):
            data.close()


def _edits(data: bytes) -> tuple[_Live, Lost | None]:
    """Play the edits of a MANIFEST, up to its torn end if it has one.

    Raises Bad if any other piece of it cannot be read: then none of it can be relied upon.
    """
    torn: Lost | None = None
    tables: set[tuple[int, int]] = set()
    log = previous = 0
    told: set[int] = set()
    names = {2: "log", 3: "next file", 4: "last sequence", 9: "previous log"}
    for record in leveldb_log.records(data):
        if isinstance(record, Lost):
            if record.reason == leveldb_log.TORN:
                torn = record
                continue
            raise Bad(f"it is damaged at byte {record.start}: {record.reason}")
        edit, at = record.payload(data), 0
        while at < len(edit):
            tag, at = varint(edit, at)
            if tag in names:
                number, at = varint(edit, at)
                told.add(tag)
                log, previous = (number if tag == 2 else log), (number if tag == 9 else previous)
            elif tag == 1:
                at = _skip(edit, at)
            elif tag == 5:
                at = _skip(edit, varint(edit, at)[1])
            elif tag in (6, 7):
                level, at = varint(edit, at)
                number, at = varint(edit, at)
                if tag == 6:
                    tables.discard((level, number))
                else:
                    tables.add((level, number))
                    at = _skip(edit, _skip(edit, varint(edit, at)[1]))
            else:
                raise Bad(f"it holds an edit of unknown kind {tag}")
    if not told >= {2, 3, 4}:
        raise Bad("it ends before it says which files count")
    return _Live(frozenset(number for _, number in tables), log, previous), torn


def _skip(data: bytes, at: int) -> int:
    """Return where the text that begins here ends.  Raises Bad."""
    length, at = varint(data, at)
    if at + length > len(data):
        raise Bad("it holds a text that does not end")
    return at + length
