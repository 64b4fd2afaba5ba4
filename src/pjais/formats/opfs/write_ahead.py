"""The logs of wa-sqlite's OPFSWriteAheadVFS: pages that were committed and are not in the database file yet.

Two logs, `-wa0` and `-wa1`, take turns.  Each has a header of 32 bytes: magic, number of the next transaction, two
salts, a checksum; the first salt counts the turns, and is even in `-wa0`.  Then frames: a header of 32 bytes (type,
flags, page size, place in the database or, of a commit, its size; the salts; a checksum) and, of a page, its bytes.
The checksum is SQLite's own for a WAL.  Reading ends, as in the library, at the first frame that is not valid.

Guarantee: only whole transactions count.  A frame that is not valid although another of the same turn follows it is
damage, and is named.  Nothing raises for bad data.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

_MAGIC = 0x377F0684
_HEAD = 32
_PAGE, _COMMIT, _END = 0, 1, 2
_TURNS = 2
"""Flag of a commit after which the other log goes on."""


class Page(NamedTuple):
    """A page of a log: its place in the database, which log it is in and where, its length."""

    position: int
    log: int
    at: int
    length: int


class Ahead(NamedTuple):
    """The content of the logs: pages in the order of their writing, the size of the database (None: as it is), damage.

    `torn`: the last transaction was not written whole, which is how a crash looks.
    """

    pages: tuple[Page, ...]
    size: int | None
    damage: str = ""
    torn: bool = False


class _Header(NamedTuple):
    number: int
    salts: tuple[int, int]


class _Frame(NamedTuple):
    kind: int
    flags: int
    length: int
    place: int


def read(logs: Sequence[bytes]) -> Ahead:
    """Return what is committed in the two logs."""
    headers = [_header(log) for log in logs]
    for number, log in enumerate(logs):
        if headers[number] is None and any(log):
            return Ahead((), None, f"the header of the log -wa{number} is damaged")
    known = sorted((one.number, number) for number, one in enumerate(headers) if one is not None)
    if not known:
        return Ahead((), None)
    active, at = known[0][1], _HEAD
    pages: list[Page] = []
    waiting: list[Page] = []
    size: int | None = None
    turns = 0
    while (header := headers[active]) is not None:
        frame = _frame(logs[active], at, header)
        if frame is None:
            damage = _damage(logs[active], at, header, active)
            return Ahead(tuple(pages), size, damage, bool(waiting) or any(logs[active][at:]))
        turns_now = frame.kind == _END or (frame.kind == _COMMIT and bool(frame.flags & _TURNS))
        after = headers[1 - active]
        if turns_now and (after is None or after.salts[0] != (header.salts[0] + 1) & 0xFFFFFFFF):
            break  # the library ends here, too: the other log was not begun
        if frame.kind == _PAGE:
            waiting.append(Page(frame.place, active, at + _HEAD, frame.length))
        elif frame.kind == _COMMIT:
            pages += waiting
            waiting, size = [], frame.place
        at += _HEAD + frame.length
        if turns_now:
            active, at, turns = 1 - active, _HEAD, turns + 1
        if turns > 1:
            break
    return Ahead(tuple(pages), size)


def apply(path: Path, logs: Sequence[bytes]) -> None:
    """Write what is committed in the logs into a private copy of the database."""
    ahead = read(logs)
    with path.open("r+b") as file:
        for one in ahead.pages:
            file.seek(one.position)
            file.write(logs[one.log][one.at : one.at + one.length])
        if ahead.size is not None:
            file.truncate(ahead.size)


def _checksum(*parts: bytes) -> tuple[int, int]:
    one = two = 0
    for part in parts:
        for first, second in struct.iter_unpack("<II", part):
            one = (one + first + two) & 0xFFFFFFFF
            two = (two + second + one) & 0xFFFFFFFF
    return one, two


def _header(log: bytes) -> _Header | None:
    """Return the header of a log; None for one that is not begun."""
    if len(log) < _HEAD:
        return None
    magic, _, number, one, two, *check = struct.unpack(">IIQIIII", log[:_HEAD])
    return _Header(number, (one, two)) if magic == _MAGIC and tuple(check) == _checksum(log[:24]) else None


def _frame(log: bytes, at: int, header: _Header) -> _Frame | None:
    """Return the frame at a place; None if there is none of this turn, or it is not valid."""
    if at + _HEAD > len(log):
        return None
    kind, flags, length, _, place, *salts, one, two = struct.unpack(">BBHIQIIII", log[at : at + _HEAD])
    length = 65536 if length == 1 else length
    content = log[at + _HEAD : at + _HEAD + length]
    if tuple(salts) != header.salts or kind not in (_PAGE, _COMMIT, _END) or len(content) != length or length % 8:
        return None
    return _Frame(kind, flags, length, place) if (one, two) == _checksum(log[at : at + 24], content) else None


def _damage(log: bytes, at: int, header: _Header, number: int) -> str:
    """Return the damage at the end of reading: a valid frame of the same turn follows, so it is not the last one."""
    salts = struct.pack(">II", *header.salts)
    found = at
    while (found := log.find(salts, found + 1)) >= 0:
        if found >= 16 and found - 16 > at and _frame(log, found - 16, header) is not None:
            return f"the log -wa{number} is damaged at byte {at:,}: committed pages follow, which do not count any more"
    return ""
