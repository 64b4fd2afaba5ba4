"""Read LevelDB's tables (`.ldb`, `.sst`): sorted, immutable, checked block by block.

A table is blocks, each followed by a byte that names its compression and by a checksum; the last 48 bytes point to
the index block, whose values point to the data blocks.  In a block each key shares the beginning of the key before
it (LevelDB `doc/table_format.md`, `table/format.cc`, `table/block_builder.cc`).

If footer or index are damaged, the blocks are found by their checksums, from the beginning of the file.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from mmap import mmap
from typing import NamedTuple

from pjais.formats.leveldb.codings import Bad, crc, masked, unsnappy, unzstd, varint

MAGIC = bytes.fromhex("57fb808b247547db")
_FOOTER = 48
_MAX_SALVAGE = 1 << 23  # no block that Chromium writes comes near this
_TYPES = re.compile(rb"[\x00-\x02]")
_u32 = struct.Struct("<I").unpack_from


class Handle(NamedTuple):
    """The location of a block, without its trailer of five bytes."""

    offset: int
    size: int


class Span(NamedTuple):
    """A data block of a table by the index: its keys lie after `before` and up to `last`; both are b"" if unknown."""

    handle: Handle
    before: bytes = b""
    last: bytes = b""


def spans(data: bytes | mmap) -> list[Span]:
    """The data blocks of a table, by its index.  Raises Bad if it is unreadable."""
    footer = data[-_FOOTER:]
    if len(data) < _FOOTER or footer[-8:] != MAGIC:
        raise Bad("it does not end like a table")
    at = varint(footer, varint(footer, 0)[1])[1]
    index = block(data, _handle(footer, at)[0])
    found: dict[Handle, Span] = {}
    before = b""
    for key, start, _ in _entries(index):
        handle = _handle(index, start)[0]
        found.setdefault(handle, Span(handle, before, key[:-8]))
        before = key[:-8]
    return list(found.values())


def handles(data: bytes | mmap) -> list[Handle]:
    """Return where the data blocks of a table are, by its index.  Raises Bad if it is unreadable."""
    return [one.handle for one in spans(data)]


def block(data: bytes | mmap, handle: Handle, *, check: bool = True) -> bytes:
    """The content of a block.  Raises Bad if its checksum does not match or it cannot be unpacked."""
    end = handle.offset + handle.size
    if end + 5 > len(data):
        raise Bad("the file ends before this block does")
    if check and masked(crc(data[handle.offset : end + 1])) != _u32(data, end + 1)[0]:
        raise Bad("its checksum does not match")
    raw, kind = data[handle.offset : end], data[end]
    if kind > 2:
        raise Bad(f"compression {kind} is not known")
    return (bytes, unsnappy, unzstd)[kind](raw)


def collect(
    content: bytes, number: int, newest: dict[bytes, int], wanted: Callable[[bytes], bool] | None = None
) -> None:
    """Note the newest version of every key in a data block.  Raises Bad where the block makes no sense.

    A note packs the tag (sequence number and type, 64 bits), the number of the block and where in it the value
    begins and ends (32 bits each) into one integer: the larger one is the newer one.
    """
    limit = _limit(content)
    at, number = 0, number << 64
    key, from_bytes, get = b"", int.from_bytes, newest.get
    while at < limit:
        shared, own, length = content[at], content[at + 1], content[at + 2]
        at += 3
        if (shared | own) > 0x7F:
            shared, at = varint(content, at - 3)
            own, at = varint(content, at)
            length, at = varint(content, at)
        elif length > 0x7F:
            length, at = varint(content, at - 1)
        start = at + own
        if shared > len(key) or start + length > limit or shared + own < 8:
            raise Bad("an entry that does not fit its block")
        key = key[:shared] + content[at:start]
        at = start + length
        user_key = key[:-8]
        if wanted is None or wanted(user_key):
            note = from_bytes(key[-8:], "little") << 96 | number | start << 32 | at
            if note > get(user_key, 0):
                newest[user_key] = note


def _limit(content: bytes) -> int:
    """Return where the entries of a block end and its restart points begin.  Raises Bad."""
    limit = len(content) - 4 - 4 * _u32(content, len(content) - 4)[0] if len(content) >= 4 else -1
    if limit < 0:
        raise Bad("a block without its restart points")
    return limit


def _entries(content: bytes) -> Iterator[tuple[bytes, int, int]]:
    """The keys of a block, and where their values begin and end.  Raises Bad."""
    at, limit, key = 0, _limit(content), b""
    while at < limit:
        shared, own, length = content[at], content[at + 1], content[at + 2]
        at += 3
        if (shared | own | length) > 0x7F:
            shared, at = varint(content, at - 3)
            own, at = varint(content, at)
            length, at = varint(content, at)
        start = at + own
        at = start + length
        if shared > len(key) or at > limit:
            raise Bad("an entry that does not fit its block")
        key = key[:shared] + content[start - own : start]
        yield key, start, at


def _handle(data: bytes, at: int) -> tuple[Handle, int]:
    """A pointer to a block, and where it ends."""
    offset, at = varint(data, at)
    size, at = varint(data, at)
    return Handle(offset, size), at


def salvage(data: bytes | mmap) -> tuple[list[Handle], int]:
    """The data blocks of a table that cannot be read by its index, and where the last one found ends.

    Blocks are contiguous: each ends at the first byte at which a matching checksum follows.  Blocks
    of pointers and of filters are told from data by their content.
    """
    found: list[Handle] = []
    at = 0
    while (end := _block_end(data, at)) is not None:
        found.append(Handle(at, end - at))
        at = end + 5
    return [handle for handle in found if _holds_data(data, handle, set(found))], at


def _block_end(data: bytes | mmap, start: int) -> int | None:
    """Return where the block that begins here ends."""
    checksum, done = 0, start
    for match in _TYPES.finditer(data, start, min(len(data) - 4, start + _MAX_SALVAGE)):
        end = match.start()
        checksum, done = crc(data[done:end], checksum), end
        if masked(crc(data[end : end + 1], checksum)) == _u32(data, end + 1)[0]:
            return end
    return None


def _holds_data(data: bytes | mmap, handle: Handle, known: set[Handle]) -> bool:
    """Return whether a block is one of rows: neither all pointers to known blocks, nor unreadable as a filter is."""
    try:
        content = block(data, handle, check=False)
        entries = list(_entries(content))
    except Bad:
        return False
    for key, start, end in entries:
        try:
            pointer, after = _handle(content, start)
        except Bad:
            return True
        if after != end or pointer not in known or pointer == handle:
            return len(key) >= 8
    return False
