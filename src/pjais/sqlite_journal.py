"""Check that the rollback journal beside a SQLite file is played back in full.

SQLite silently stops playing a journal back at the first invalid byte, and half-written pages remain.  Nor is a page
number protected by a checksum.  So the journal is checked against SQLite's file format before SQLite sees it.  These
are no damage, since crashes and finished transactions leave them:

    a journal whose first 28 bytes are zeros          the end of a transaction (journal_mode PERSIST)
    a header without its magic and its count          its pages are not on the disk yet, so the database file does not
                                                      have the change either
    records of an earlier transaction at the end      a journal is written again from its start (PERSIST)
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from pjais.sqlite_files import MAGIC as _DATABASE
from pjais.sqlite_wal import PAGE_SIZES, State

_HEADER = struct.Struct(">8sIIIII")
_MAGIC = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"
_SECTORS = frozenset(1 << power for power in range(5, 17))
_ALL = 0xFFFFFFFF
_LOCK_BYTE = 1 << 30  # the page that holds it is never used
_Key = tuple[int, int, bytes]
"""The identity of a row in a page: the kind of page, its rowid or child, the beginning of its content."""


class _Segment(NamedTuple):
    """A header of a rollback journal, its number of records, and their offset."""

    told: int
    nonce: int
    pages: int
    sector: int
    page_size: int
    start: int


class _Record(NamedTuple):
    """A page as it was before the transaction."""

    at: int
    page: int
    image: bytes
    sound: bool


def state(main: Path, journal: Path) -> State:
    """Return the state of a rollback journal, before SQLite has seen it; `main` is its database, unrecovered."""
    size = journal.stat().st_size if journal.is_file() else 0
    if not size:
        return State()
    with journal.open("rb") as file, main.open("rb") as pages:
        first = _segment(file, 0, size)
        if isinstance(first, str):
            return _damaged(0, f"its header {first}") if first else State()
        return _Journal(file, pages, size, first).state()


def _damaged(at: int, reason: str) -> State:
    return State(f"the rollback journal is damaged at byte {at}: {reason}; half-written pages may stand")


def _segment(file: BinaryIO, at: int, size: int) -> _Segment | str:
    """Return the header at an offset (count 0 if it is not valid yet), or its problem; empty if there is none."""
    file.seek(at)
    head = file.read(_HEADER.size)
    if len(head) < _HEADER.size:
        return f"ends after {len(head)} of {_HEADER.size} bytes"
    magic, count, nonce, pages, sector, page_size = _HEADER.unpack(head)
    if not any(head[:12]):
        possible = page_size in PAGE_SIZES and sector in _SECTORS
        return _Segment(0, nonce, pages, sector, page_size, at + sector) if possible else ""
    if magic != _MAGIC:
        return "is none"
    if not count:
        return "counts no records"
    if page_size not in PAGE_SIZES or sector not in _SECTORS:
        return "has an impossible page or sector size"
    if at + sector > size:
        return f"ends after {size - at} of {sector} bytes"
    return _Segment(count, nonce, pages, sector, page_size, at + sector)


class _Journal:
    """A rollback journal that SQLite plays back."""

    def __init__(self, file: BinaryIO, main: BinaryIO, size: int, first: _Segment) -> None:
        self.file, self.main, self.size, self.first = file, main, size, first
        self.stored = main.seek(0, 2)
        self.end = size - self._super_length()
        self.seen: dict[int, int] = {}

    def state(self) -> State:
        """Walk the segments as SQLite does, and continue where it stops."""
        if self.end < 0:
            return _damaged(self.size, "the name of its super-journal does not match")
        if not self.stored and self.first.pages:
            return State("the database file is empty beside a rollback journal; what it held is not there")
        segment = self.first
        while True:
            at, fault = self._play(segment)
            if fault:
                return _damaged(at, fault)
            found = _segment(self.file, at, self.size) if segment.told and at + 8 <= self.end else ""
            if isinstance(found, str):
                lost = found and self._was_header(at)
                return _damaged(at, f"a header that {found}") if lost else self._as_a_whole()
            start = at + self.first.sector
            segment = found._replace(page_size=self.first.page_size, sector=self.first.sector, start=start)

    def _as_a_whole(self) -> State:
        """Check all records together: the number of pages, and whether each record belongs to its page."""
        head = self._stored(1)[:100]
        told = int.from_bytes(head[28:32], "big")
        if 1 not in self.seen and head[24:28] == head[92:96] and told not in (0, self.first.pages):
            return _damaged(16, f"the database has {told} pages, the journal's header says {self.first.pages}")
        strange = {page: keys for page in self.seen if (keys := self._strange(page))}
        if strange:
            free = set(self._free_pages())
            for page in range(1, self.first.pages + 1):
                if page in self.seen or page in free:
                    continue
                there = _keys(self._stored(page), page)
                for other, keys in strange.items():
                    if keys & there:
                        return _damaged(self.seen[other], f"the record of page {other} holds what is on page {page}")
        return State()

    def _strange(self, page: int) -> frozenset[_Key]:
        """Return a record's rows if its page has none of them now; usually a transaction leaves some."""
        keys = _keys(self._original(page), page)
        return keys if keys.isdisjoint(_keys(self._stored(page), page)) else frozenset()

    def _free_pages(self) -> Iterator[int]:
        """Yield the pages that were free before the transaction: it may write them without a record."""
        trunk, limit = int.from_bytes(self._original(1)[32:36], "big"), self.first.pages
        for _ in range(limit):
            if not 0 < trunk <= limit:
                return
            yield trunk
            page = self._original(trunk)
            count = min(int.from_bytes(page[4:8], "big"), len(page) // 4 - 2)
            yield from struct.unpack_from(f">{max(count, 0)}I", page, 8)
            trunk = int.from_bytes(page[:4], "big")

    def _stored(self, page: int) -> bytes:
        """Return a page of the database file."""
        self.main.seek((page - 1) * self.first.page_size)
        return self.main.read(self.first.page_size)

    def _original(self, page: int) -> bytes:
        """A page as it was before the transaction."""
        if page not in self.seen:
            return self._stored(page)
        self.file.seek(self.seen[page] + 4)
        return self.file.read(self.first.page_size)

    def _play(self, segment: _Segment) -> tuple[int, str]:
        """Check the records of a header and those after them; return the possible offset of the next header."""
        length = segment.page_size + 8
        told = segment.told if segment.told != _ALL else (self.end - segment.start) // length
        at = segment.start
        for number in range(told):
            record = self._record(at, segment)
            if record is None:
                return at, f"it ends before record {number + 1} of {told}"
            fault = self._fault(record)
            if fault and segment.told == _ALL and self._is_left_over(at, segment):
                return self.end, ""
            if fault:
                return at, f"record {number + 1}: {fault}"
            self.seen[record.page] = at
            at += length
        # A header gets its count only when its records are on disk, and only then is the database file changed.
        while (record := self._record(at, segment)) is not None and record.sound:
            if told or self._differs(record):
                return at, f"a record that its header does not count ({told})"
            at += length
        return -(-at // segment.sector) * segment.sector, ""

    def _record(self, at: int, segment: _Segment) -> _Record | None:
        if at + segment.page_size + 8 > self.size:
            return None
        self.file.seek(at)
        raw = self.file.read(segment.page_size + 8)
        image = raw[4:-4]
        total = segment.nonce + sum(image[segment.page_size - 200 : 0 : -200]) & _ALL
        return _Record(at, int.from_bytes(raw[:4], "big"), image, total == int.from_bytes(raw[-4:], "big"))

    def _fault(self, record: _Record) -> str:
        """Return the problem of a record that SQLite should play back."""
        if not record.sound:
            return "its checksum does not match"
        if not 0 < record.page <= self.first.pages or record.page == _LOCK_BYTE // self.first.page_size + 1:
            return f"there is no page {record.page}"
        if record.page in self.seen:
            return f"page {record.page} is there twice"
        if (record.page == 1) != record.image.startswith(_DATABASE):
            return f"it is not page {record.page}"
        if record.page == 1 and record.image[24:28] == record.image[92:96]:
            told = int.from_bytes(record.image[28:32], "big")
            if told and told != self.first.pages:
                return f"the database had {told} pages, its header says {self.first.pages}"
        return ""

    def _differs(self, record: _Record) -> bool:
        """Return whether the page in the database file differs."""
        if not 0 < record.page <= self.first.pages:
            return False
        return self._stored(record.page) != record.image

    def _is_left_over(self, at: int, segment: _Segment) -> bool:
        """Return whether everything from here on is of an earlier transaction, whose records had another nonce.

        Only with `synchronous = OFF` does the header have no count, so that SQLite itself reaches these.
        """
        nonces = []
        while (record := self._record(at, segment)) is not None:
            stored = int.from_bytes(self._tail(at + segment.page_size + 4), "big")
            nonces.append(stored - sum(record.image[segment.page_size - 200 : 0 : -200]) & _ALL)
            at += segment.page_size + 8
        return segment.nonce not in nonces and len(nonces) > 1 and nonces[0] == nonces[1]

    def _tail(self, at: int) -> bytes:
        self.file.seek(at)
        return self.file.read(4)

    def _was_header(self, at: int) -> bool:
        """Return whether a later header was damaged here; SQLite itself invalidates one by zeroing its first byte."""
        self.file.seek(at)
        head = self.file.read(_HEADER.size)
        if len(head) < _HEADER.size or head[0] == 0:
            return False
        magic, _, _, pages, sector, page_size = _HEADER.unpack(head)
        if magic == _MAGIC:
            return True
        same = (pages == self.first.pages) + (sector == self.first.sector) + (page_size == self.first.page_size)
        return bool(same >= 2 or sum(one == other for one, other in zip(magic, _MAGIC, strict=True)) > 5)

    def _super_length(self) -> int:
        """Return the length of a super-journal's name at the end; more than the file's size for a damaged one."""
        name, start = _super_name(self.file, self.size)
        return 0 if name is None else self.size + 1 if name == b"" else self.size - start


def _super_name(file: BinaryIO, size: int) -> tuple[bytes | None, int]:
    """Return the super-journal's name and its offset; None if there is none, empty if it is damaged."""
    if size < 16:
        return None, size
    file.seek(size - 16)
    length, total, magic = struct.unpack(">II8s", file.read(16))
    if magic != _MAGIC:
        return None, size
    if not 0 < length <= 4096 or length + 20 > size:
        return b"", size
    file.seek(size - 16 - length)
    name = file.read(length)
    signed = sum(byte - 256 if byte > 127 else byte for byte in name) & _ALL
    return (name if total in (sum(name) & _ALL, signed) else b""), size - 20 - length


def super_journal(journal: Path) -> tuple[str, int] | None:
    """Return the super-journal of a transaction over several files, and the journal's length without its name."""
    size = journal.stat().st_size if journal.is_file() else 0
    if size < 16:
        return None
    with journal.open("rb") as file:
        name, start = _super_name(file, size)
    return (name.decode("utf-8", "surrogateescape"), start) if name else None


def _keys(page: bytes, number: int) -> frozenset[_Key]:
    """Return the identities of a b-tree page's rows, or of its child pages; none for any other page."""
    base = 100 if number == 1 else 0
    kind = page[base] if len(page) > base + 12 else 0
    if kind not in (2, 5, 10, 13):
        return frozenset()
    first = base + (12 if kind in (2, 5) else 8)
    found = set()
    for slot in range(first, first + 2 * int.from_bytes(page[base + 3 : base + 5], "big"), 2):
        with suppress(IndexError):
            found.add(_key(page, kind, int.from_bytes(page[slot : slot + 2], "big")))
    return frozenset(found)


def _key(page: bytes, kind: int, at: int) -> _Key:
    """Return a cell's identity.  For a table's row its rowid and first non-empty column: others may change in place."""
    if kind in (2, 5):
        return kind, int.from_bytes(page[at : at + 4], "big"), b""
    length, at = _varint(page, at)
    if kind == 10:
        return kind, 0, page[at : at + length]
    rowid, begin = _varint(page, at)
    header, at = _varint(page, begin)
    size = 0
    while at < begin + header and not size:
        serial, at = _varint(page, at)
        size = (serial - 12) // 2 if serial >= 12 else (0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0)[serial]
    return kind, rowid, page[begin + header : begin + header + min(size, 24)]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the number at an offset, and its end.  Raises IndexError."""
    value = 0
    for where in range(at, at + 9):
        value = value << 7 | data[where] & 0x7F
        if data[where] < 0x80:
            return value, where + 1
    return value, at + 9
