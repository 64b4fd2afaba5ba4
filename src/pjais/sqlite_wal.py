"""Check that the WAL beside a SQLite file is applied in full.

SQLite silently stops reading a WAL at the first invalid byte, and everything after it is lost.  So the WAL is checked
against SQLite's file format, without opening the database.  These are no damage:

    an incomplete last frame, frames after the last commit           the app was stopped while it wrote
    frames of an earlier generation after the current ones           a WAL is written again from its start
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from pjais.display import counted

HEADER = 32
_FRAME = 24
PAGE_SIZES = frozenset(1 << power for power in range(9, 17))
_ALL = 0xFFFFFFFF


class State(NamedTuple):
    """The state of a side file: `lost` describes damaged data that is not applied, `torn` uncommitted data."""

    lost: str | None = None
    torn: str | None = None


class _Header(NamedTuple):
    """The header of a WAL."""

    order: str
    page_size: int
    checkpoints: int
    salts: bytes
    sums: tuple[int, int]


class _Frame(NamedTuple):
    """The header of one frame of a WAL; `whole` is false for a truncated one."""

    number: int
    at: int
    head: bytes
    whole: bool

    @property
    def salts(self) -> bytes:
        return self.head[8:16]

    @property
    def commits(self) -> bool:
        return self.head[4:8] != bytes(4)


def state(wal: Path, applied: int) -> State:
    """Return the state of a WAL of which SQLite applies the first `applied` frames."""
    size = wal.stat().st_size if wal.is_file() else 0
    if not size:
        return State()
    with wal.open("rb") as file:
        header = _wal_header(file.read(HEADER))
        if isinstance(header, str):
            count = f"{max(size - HEADER, 0):,} bytes of frames behind it are not applied"
            return State(f"the WAL's header is damaged: {header}; {count}")
        return _behind(file, header, size, applied)


def torn_tail(wal: Path) -> str | None:
    """Describe the data after a valid WAL's last commit, if there is any."""
    last = 0
    size = wal.stat().st_size if wal.is_file() else 0
    if size > HEADER:
        with wal.open("rb") as file:
            header = _wal_header(file.read(HEADER))
            for frame in _frames(file, header, size, 1) if isinstance(header, _Header) else ():
                if frame.whole and frame.salts == header.salts and frame.commits:  # type: ignore[union-attr]
                    last = frame.number
    return state(wal, last).torn


def _wal_header(head: bytes) -> _Header | str:
    """Return the header of a WAL, or its problem."""
    if len(head) < HEADER:
        return f"it ends after {len(head)} of {HEADER} bytes"
    order = {b"\x37\x7f\x06\x82": "<", b"\x37\x7f\x06\x83": ">"}.get(head[:4])
    version, page_size, checkpoints = struct.unpack_from(">III", head, 4)
    if order is None or version != 3_007_000 or page_size not in PAGE_SIZES:
        return "it is none" if any(head) else "it is all zeros"
    sums = checksum(order, head[:24], (0, 0))
    if sums != struct.unpack_from(">II", head, 24):
        return "its checksum does not match"
    return _Header(order, page_size, checkpoints, head[16:24], sums)


def checksum(order: str, data: bytes, sums: tuple[int, int]) -> tuple[int, int]:
    """Return the running checksum of a WAL; `order` is the byte order of its words."""
    one, two = sums
    for first, second in struct.iter_unpack(f"{order}II", data):
        one = one + first + two & _ALL
        two = two + second + one & _ALL
    return one, two


def _frames(file: BinaryIO, header: _Header, size: int, first: int) -> Iterator[_Frame]:
    """Yield the frames of a WAL from a number on; numbers begin at 1."""
    length = _FRAME + header.page_size
    for at in range(HEADER + (first - 1) * length, size, length):
        file.seek(at)
        yield _Frame((at - HEADER) // length + 1, at, file.read(_FRAME).ljust(_FRAME, b"\0"), at + length <= size)


def _behind(file: BinaryIO, header: _Header, size: int, applied: int) -> State:
    """Classify the frames that SQLite does not apply."""
    sums = header.sums
    for frame in _frames(file, header, size, applied) if applied else ():
        sums = struct.unpack_from(">II", frame.head, 16)
        break
    bad: tuple[_Frame, str] | None = None
    suspect: _Frame | None = None
    open_frames = lost = commits = 0
    for frame in _frames(file, header, size, applied + 1):
        present = frame.whole and frame.salts == header.salts
        if bad is None and present and suspect is not None:
            bad = suspect, "frames that count lie behind one that does not"
        if bad is None and frame.whole and not present:
            if not _is_left_over(frame, header):
                bad = frame, "it is all zeros" if not any(frame.head) else "its salts are not those of the header"
            suspect = suspect or frame
        elif bad is None and present:
            file.seek(frame.at + _FRAME)
            sums = checksum(header.order, file.read(header.page_size), checksum(header.order, frame.head[:8], sums))
            if sums != struct.unpack_from(">II", frame.head, 16) or frame.head[:4] == bytes(4):
                bad = frame, "its checksum does not match"
            open_frames += 1
        if bad is not None and frame.whole:
            lost, commits = lost + 1, commits + (present and frame.commits)
        elif not frame.whole and suspect is None and bad is None:
            open_frames += 1
    if bad is not None:
        frame, reason = bad
        behind = f"{counted(lost, 'frame')} from there on with {counted(commits, 'commit')} not applied"
        return State(f"the WAL is damaged at frame {frame.number} (byte {frame.at}): {reason}; {behind}")
    open_end = f"the WAL ends with a transaction that was never committed ({counted(open_frames, 'frame')})"
    return State(None, open_end if open_frames else None)


def _is_left_over(frame: _Frame, header: _Header) -> bool:
    """Return whether a frame belongs to an earlier generation of the WAL.

    Each generation increments the first salt and draws a new second one.  Both are drawn again only if nothing was
    ever committed; so a difference in one salt alone is damage.
    """
    if frame.salts[:4] == header.salts[:4] or frame.salts[4:] == header.salts[4:] or not any(frame.head):
        return False
    ago = (int.from_bytes(header.salts[:4], "big") - int.from_bytes(frame.salts[:4], "big")) & _ALL
    return ago <= header.checkpoints or not frame.commits
