"""A single file of a pool: its header of 4096 bytes, and SQLite's own header after it.

LiveStore, wa-sqlite and sqlite-wasm lay their headers out alike; sqlite-wasm's carries another digest.

Sources: AccessHandlePoolVFS of wa-sqlite and of LiveStore, sqlite-wasm's `opfs-sahpool`; the SQLite file format.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

HEADER = 4096
"""Bytes before the payload of a pool file."""

HEAD = HEADER + 100
"""Bytes of a file that are read: the pool's header and SQLite's."""

MAGIC = b"SQLite format 3\x00"
"""As in pjais.sqlite, which opens SQLite and is not wanted here."""

LIVESTORE, WA_SQLITE, SAHPOOL = "LiveStore", "wa-sqlite", "sqlite-wasm (opfs-sahpool)"
"""The libraries that keep pools."""

_CORPUS = 516  # bytes that the digest covers: 512 of path, 4 of flags
_DIGEST_END = 524
_UNUSED = (0xFECC5F80, 0xACCEC037)
_MAIN_DB, _DELETE_ON_CLOSE = 0x100, 0x8
_DIGESTED = 0x80
"""sqlite-wasm's mark that its header carries a digest; its earlier versions wrote none."""
_NAMED = re.compile(
    rb"/(?:eventlog|mutationlog)(?:@\d+)?\.db(?:-journal|-wal)?|/(?:state|app|livestore-)(?:-?\d+|fixed)?(?:@\d+)?\.db(?:-journal|-wal)?"
)
"""Names of LiveStore's databases in a pool."""
_LASTING = 0x100 | 0x800 | 0x4000 | 0x80000  # database, its journal, super-journal, WAL: the rest is scratch


def digest(header: bytes) -> tuple[int, int]:
    """Return the two numbers that a header must carry: cyrb53 over path and flags."""
    if not header or not header[0]:
        return _UNUSED
    one, two = 0xDEADBEEF, 0x41C6CE57
    for byte in header[:_CORPUS].ljust(_CORPUS, b"\0"):
        one = (one ^ byte) * 2654435761 & 0xFFFFFFFF
        two = (two ^ byte) * 1597334677 & 0xFFFFFFFF
    one = ((one ^ one >> 16) * 2246822507 ^ (two ^ two >> 13) * 3266489909) & 0xFFFFFFFF
    two = ((two ^ two >> 16) * 2246822507 ^ (one ^ one >> 13) * 3266489909) & 0xFFFFFFFF
    return one, two


def digest_of_sqlite_wasm(header: bytes) -> tuple[int, int]:
    """Return the two numbers that a header of sqlite-wasm's `opfs-sahpool` carries."""
    if not int.from_bytes(header[512:_CORPUS], "big") & _DIGESTED:
        return 0, 0
    one, two = 0xDEADBEEF, 1103547991
    for byte in header[:_CORPUS].ljust(_CORPUS, b"\0"):
        one = (one ^ byte) * 2654435761 & 0xFFFFFFFF
        two = (two ^ byte) * 104729 & 0xFFFFFFFF
    return one, two


class PoolFile(NamedTuple):
    """A data file: what it begins with, and what Paths says of it.  `pool` is a directory's id, or "?"."""

    file: Path
    size: int
    head: bytes
    pool: str
    directory: str | None
    opfs_name: str
    archive: bool

    @property
    def path(self) -> bytes:
        """Return the path in the header, as bytes; a path of 512 bytes has no terminator."""
        return self.head[:512].split(b"\0", 1)[0]

    @property
    def flags(self) -> int:
        """The flags that SQLite opened the file with."""
        return int.from_bytes(self.head[512:_CORPUS], "big")

    @property
    def stored(self) -> tuple[int, int]:
        """The digest that the header carries."""
        two = self.head[_CORPUS:_DIGEST_END]
        return int.from_bytes(two[:4], "little"), int.from_bytes(two[4:], "little")

    @property
    def sound(self) -> bool:
        """True if the header is valid, even that of an unused slot."""
        return len(self.head) >= _DIGEST_END and self.stored == digest(self.head)

    @property
    def of_sqlite_wasm(self) -> bool:
        """True if the header is valid as sqlite-wasm's `opfs-sahpool` writes it, and names a file."""
        told = bool(self.path) and len(self.path) < 512 and len(self.head) >= _DIGEST_END and not self.sound
        if not told or self.stored != digest_of_sqlite_wasm(self.head):
            return False
        if self.stored != (0, 0):
            return True
        return self.path.startswith(b"/") and bool(self.flags & _LASTING) and not self.of_livestore

    def valid_for(self, library: str) -> bool:
        """Return whether a library would accept the header, even that of an unused slot."""
        if library != SAHPOOL:
            return self.sound
        unused = (0, 0) if not self.path else None
        return len(self.head) >= _DIGEST_END and self.stored == (unused or digest_of_sqlite_wasm(self.head))

    @property
    def of_livestore(self) -> bool:
        """True if the header names a database as LiveStore names its own."""
        return bool(_NAMED.fullmatch(self.path))

    @property
    def blank(self) -> bool:
        """True if there is nothing but zeros up to the payload."""
        return not any(self.head[:HEADER])

    @property
    def payload(self) -> bytes:
        """The first bytes of the payload."""
        return self.head[HEADER:]

    def is_database(self) -> bool:
        """Return whether SQLite opened it as a database, not as a journal."""
        return bool(self.flags & _MAIN_DB)

    def is_empty(self) -> bool:
        """Return whether this is a slot that holds nothing: not begun, or given up with all its header says so."""
        return self.size == 0 or (self.blank and self.size <= HEADER) or (self.sound and not self.path)

    def is_scratch(self, library: str = LIVESTORE) -> bool:
        """Return whether this is a temporary file of SQLite's, named by chance: it never holds what was committed."""
        return self.valid_for(library) and self.is_dropped() and not self.path.startswith(b"/")

    def is_dropped(self) -> bool:
        """Return whether LiveStore drops this file for its flags."""
        return bool(self.flags & _DELETE_ON_CLOSE) or not self.flags & _LASTING

    def claimed_name(self) -> str | None:
        """Return the path in the header, if it is a text at all."""
        if self.head.startswith(MAGIC) or len(self.path) == len(self.head[:512]):
            return None
        name = self.path.decode("utf-8", "replace")
        return name if name and name.isprintable() else None

    def is_pools(self) -> bool:
        """Return whether the bytes alone show that this is a pool's."""
        return self.sound or (self.payload.startswith(MAGIC) and not self.head.startswith(MAGIC))


def is_hot(one: PoolFile) -> bool:
    """Return whether SQLite may have to roll back: its journal begins with a byte other than 0 once it is synced."""
    is_journal = (one.sound or one.of_sqlite_wasm) and one.path.endswith(b"-journal")
    return is_journal and bool(one.payload) and one.payload[0] != 0


def header_fault(one: PoolFile, library: str = LIVESTORE) -> str:
    """Return the problem of a header; "" if its library would accept it."""
    if one.head.startswith(MAGIC):
        return "a plain SQLite file where a pool's file must be: an archived state, or another program's"
    if len(one.head) < _DIGEST_END:
        return f"it is cut off within its header, after {one.size} bytes"
    if one.blank:
        return "its header is blank, but bytes follow"
    if not one.valid_for(library):
        if not one.path:
            return f"its header names no path, but its digest is not that of an unused slot; {library} would drop it"
        if one.stored == (_UNUSED if library != SAHPOOL else (0, 0)):
            return f"its header names a path, but its digest is that of an unused slot; {library} would drop it"
        return f"its header's digest is wrong; {library} would drop it"
    if one.is_dropped():
        return f"its flags {one.flags:#x} are those of a scratch file; {library} would drop it"
    if len(one.path) == 512:
        return "its path does not end"
    try:
        one.path.decode()
    except UnicodeDecodeError:
        return "its path is not UTF-8"
    return ""


def payload_fault(one: PoolFile, hot: bool) -> str:
    """Return the problem of the data after a valid header; "" if SQLite can open it.

    While there is a journal to roll back, a database may well be longer or shorter than it says, and page 1 may not
    be written yet.  A journal is never faulted: SQLite tells itself what it can use of it.
    """
    if one.size < HEADER:
        return f"it is cut off within its header, after {one.size} bytes"
    if not one.flags & _MAIN_DB or one.size == HEADER:
        return ""
    if hot and not any(one.payload[:16]):
        return ""
    if not one.payload.startswith(MAGIC):
        return "its payload does not begin as a SQLite file does"
    return "" if hot else cut_off(one.payload, one.size - HEADER)


def page_size(head: bytes) -> int:
    """Return the bytes of a page by SQLite's header; 0 if it makes no sense."""
    size = int.from_bytes(head[16:18], "big")
    size = 65536 if size == 1 else size
    return size if size >= 512 and not size & (size - 1) else 0


def cut_off(head: bytes, size: int) -> str:
    """Return whether a database is shorter than its header says (page size at offset 16, page count at 28)."""
    if size < 100:
        return f"it is cut off within SQLite's header, after {size} bytes"
    page = int.from_bytes(head[16:18], "big")
    whole = (65536 if page == 1 else page) * int.from_bytes(head[28:32], "big")
    counted = head[24:28] == head[92:96]  # only then does the number of pages count
    return f"it is cut off: {size} of {whole} bytes of the database are there" if counted and size < whole else ""
