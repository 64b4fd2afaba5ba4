"""Read LevelDB's logs: the write-ahead log of a folder, and its MANIFEST, which has the same format.

A log is cut into blocks of 32 KiB.  A record is one FULL fragment, or FIRST, MIDDLE... and LAST, each with a
checksum, a length and a type before it; the last six bytes or fewer of a block that can hold no header are
filled with zeros (LevelDB `doc/log_format.md`).  A record of a write-ahead log is a write batch: sequence
number, count, and that many puts and deletes (`db/write_batch.cc`).

A log that ends inside a record is the result of any crash, and LevelDB accepts it silently (`db/log_reader.cc`): it
is TORN, no damage.  A record that only seems to go past the end, since its length was changed, is damage.

Guarantee: everything before and after damage is read, damage is named, nothing raises.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from mmap import mmap
from typing import NamedTuple

from pjais.formats.leveldb.codings import Bad, crc, masked, varint

BLOCK = 32768
_HEADER = struct.Struct("<IHB")
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
TORN = "the log ends inside a record: the writer was stopped there"


class Part(NamedTuple):
    """A fragment: the offset of its header, the length of its payload, and whether its checksum matches."""

    start: int
    length: int
    sound: bool = True


class Record(NamedTuple):
    """A record, possibly with damaged fragments, or without its end (`whole` is false)."""

    parts: tuple[Part, ...]
    whole: bool = True

    def payload(self, data: bytes | mmap) -> bytes:
        """The bytes of the record."""
        return b"".join(data[part.start + 7 : part.start + 7 + part.length] for part in self.parts)

    def place(self, offset: int) -> int:
        """Return the file offset of a byte of the payload."""
        for part in self.parts:
            if offset < part.length:
                return part.start + 7 + offset
            offset -= part.length
        return self.parts[0].start

    def unsound(self) -> list[tuple[int, int]]:
        """The stretches of the payload that cannot be trusted."""
        found, at = [], 0
        for part in self.parts:
            if not part.sound:
                found.append((at, at + part.length))
            at += part.length
        return found


class Lost(NamedTuple):
    """A stretch of the file that holds no readable record."""

    start: int
    end: int
    reason: str


class _Fragment(NamedTuple):
    part: Part
    kind: int


def records(data: bytes | mmap) -> Iterator[Record | Lost]:
    """The records of a log, in its order, and what is lost between them.  Unsound fragments come out as both."""
    open_parts: list[Part] = []
    for found in _fragments(data):
        if isinstance(found, Lost):
            if open_parts:
                if found.reason == TORN:
                    found = found._replace(start=open_parts[0].start)
                else:
                    yield Record(tuple(open_parts), whole=False)
                open_parts = []
            yield found
            continue
        (part, kind), follows = found, found.kind in (_MIDDLE, _LAST)
        if not part.sound:
            yield Lost(part.start, part.start + 7 + part.length, "its checksum does not match")
        if open_parts and not follows:
            yield Lost(open_parts[0].start, part.start, "a record without its end")
            yield Record(tuple(open_parts), whole=False)
            open_parts = []
        if follows and not open_parts:
            if part.sound:
                yield Lost(part.start, part.start + 7 + part.length, "a part of a record without its beginning")
            continue
        open_parts.append(part)
        if kind in (_FULL, _LAST):
            if part.sound or len(open_parts) > 1:
                yield Record(tuple(open_parts))
            open_parts = []
    if open_parts:
        yield Lost(open_parts[0].start, len(data), TORN)


def _fragments(data: bytes | mmap) -> Iterator[_Fragment | Lost]:
    """The fragments in a file.  Where the lengths lead nowhere, reading goes on at the next block."""
    at, size = 0, len(data)
    while at < size:
        block_end = at - at % BLOCK + BLOCK
        if block_end - at < 7:
            at = block_end
            continue
        end = min(block_end, size)
        if end - at < 7:
            if any(data[at:end]):
                yield Lost(at, end, TORN)
            return
        checksum, length, kind = _HEADER.unpack_from(data, at)
        after = at + 7 + length
        if kind == length == checksum == 0:  # space that was laid out before it was needed
            if not data[at:size].strip(b"\0"):
                return
            yield Lost(at, end, "bytes that belong to no record")
            at = end
        elif after > size and after <= block_end and kind in (_FULL, _FIRST, _MIDDLE, _LAST):
            whole = _real_length(data, at)
            after = at + 7 + whole if whole is not None else _next_sound(data, at + 1)
            if after is None:
                yield Lost(at, size, TORN)
                return
            yield Lost(at, after, "its length does not match")
            at = after
        elif after <= end and kind in (_FULL, _FIRST, _MIDDLE, _LAST) and _sound(data, at):
            yield _Fragment(Part(at, length), kind)
            at = after
        elif after <= end and kind in (_FULL, _FIRST, _MIDDLE, _LAST) and _leads_on(data, after, block_end):
            yield _Fragment(Part(at, length, sound=False), kind)
            at = after
        else:
            yield Lost(at, end, "its checksum does not match, or its length or type is impossible")
            at = end


def _sound(data: bytes | mmap, at: int) -> bool:
    """Return whether the checksum of the fragment at an offset holds; it covers the type and the payload."""
    checksum, length, _ = _HEADER.unpack_from(data, at)
    return bool(masked(crc(data[at + 6 : at + 7 + length])) == checksum)


def _real_length(data: bytes | mmap, at: int) -> int | None:
    """The length with which the checksum of the last fragment holds, where the one it tells goes past the end."""
    checksum = struct.unpack_from("<I", data, at)[0]
    running = crc(data[at + 6 : at + 7])
    for length in range(len(data) - at - 6):
        if masked(running) == checksum:
            return length
        running = crc(data[at + 7 + length : at + 8 + length], running)
    return None


def _next_sound(data: bytes | mmap, start: int) -> int | None:
    """Return where the next sound fragment of the last block begins: a write that was stopped has none behind it."""
    for at in range(start, len(data) - 7):
        _, length, kind = _HEADER.unpack_from(data, at)
        if _FULL <= kind <= _LAST and at + 7 + length <= len(data) and _sound(data, at):
            return at
    return None


def _leads_on(data: bytes | mmap, at: int, block_end: int) -> bool:
    """Return whether something that can follow a fragment begins here."""
    if at == len(data) or block_end - at < 7:
        return True
    if len(data) - at < 7:
        return False
    _, length, kind = _HEADER.unpack_from(data, at)
    return kind == length == 0 or (at + 7 + length <= min(block_end, len(data)) and _sound(data, at))


class Change(NamedTuple):
    """One put (`end` > = `start`) or delete (`start` is -1) of a batch; `begin` is where it begins in the payload."""

    tag: int
    key: bytes
    begin: int
    start: int
    end: int


_change = Change._make  # less work than calling the class


def batch(payload: bytes) -> tuple[list[Change], int, str]:
    """The changes of a write batch, its first sequence number, and why it breaks off if it does."""
    if len(payload) < 12:
        return [], 0, "a batch without its header"
    sequence, count = struct.unpack_from("<QI", payload)
    changes: list[Change] = []
    at, size, number = 12, len(payload), sequence
    try:
        while at < size:
            begin, kind = at, payload[at]
            at += 2
            if at > size or (length := payload[at - 1]) > 0x7F:
                length, at = varint(payload, at - 1)
            key = payload[at : at + length]
            at += length
            start = end = -1
            if kind == 1:
                length, start = varint(payload, at)
                at = end = start + length
            if kind > 1 or at > size:
                raise Bad(
                    "a change that is neither a put nor a delete" if kind > 1 else "a change longer than its batch"
                )
            changes.append(_change(((number << 8 | kind) & 0xFFFFFFFFFFFFFFFF, key, begin, start, end)))
            number += 1
    except Bad as error:
        return changes, sequence, str(error)
    return changes, sequence, "" if len(changes) == count else f"{count} changes promised, {len(changes)} there"


def trusted(record: Record, changes: list[Change], fault: str, *, header: bool) -> list[Change]:
    """Return which changes of a damaged record can be believed.

    If only some fragments are damaged and the batch is still consistent to its last byte, the changes
    outside them; else those before the first damage.  `header` says whether the batch's own header is known good.
    """
    unsound = record.unsound()
    if not unsound:
        return changes
    if unsound[0][0] == 0 and not header:
        return []
    if fault or not record.whole:
        limit = unsound[0][0]
        return [change for change in changes if _end(change) <= limit]
    return [change for change in changes if not any(change.begin < hi and _end(change) > lo for lo, hi in unsound)]


def _end(change: Change) -> int:
    """Return where a change ends, at least."""
    return max(change.end, change.begin + 2 + len(change.key))
