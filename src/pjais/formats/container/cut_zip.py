"""Find the members of a zip archive that is cut off, and so lacks the directory at its end.

Every member is preceded by a header of its own (APPNOTE 4.3.7).  Where that does not tell the size (bit 3 of its flags:
it follows the data), the data is inflated to find its end.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, NamedTuple

_HEADER = struct.Struct("<4s5H3I2H")
_SIGNATURE = b"PK\x03\x04"
_DESCRIPTOR = b"PK\x07\x08"
_SIZE_FOLLOWS, _UTF8, _ENCRYPTED = 1 << 3, 1 << 11, 1
_IN_64_BITS = 0xFFFFFFFF
_CHUNK = 1 << 18


class Found(NamedTuple):
    """A member: where its data begins; `packed` and `size` in bytes, None where the archive ends inside of it."""

    info: zipfile.ZipInfo
    at: int
    packed: int | None
    size: int


def members(file: IO[bytes], length: int, most: int) -> Iterator[Found]:
    """Yield the members of an archive from its beginning, as far as it goes; never more than `most` bytes of data."""
    at = total = 0
    while True:
        file.seek(at)
        head = file.read(_HEADER.size)
        if len(head) < _HEADER.size or not head.startswith(_SIGNATURE):
            return
        _, _, flags, method, _, _, crc, packed, size, name_size, more_size = _HEADER.unpack(head)
        name = file.read(name_size)
        more = file.read(more_size)
        begin = at + _HEADER.size + name_size + more_size
        if begin > length or flags & _ENCRYPTED or method not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            return
        info = zipfile.ZipInfo(name.decode("utf-8" if flags & _UTF8 else "cp437", "replace"))
        info.compress_type, info.CRC = method, crc
        if _IN_64_BITS in (packed, size):
            size, packed = _sizes(more, size, packed)
        if flags & _SIZE_FOLLOWS:
            if method != zipfile.ZIP_DEFLATED:
                return  # nothing says where it ends
            end, size = _inflated(file, begin, most - total)
            info.CRC = 0
            whole = end is not None
            at = length if end is None else end + _descriptor(file, end)
            packed = 0 if end is None else end - begin
        else:
            whole = begin + packed <= length
            at = begin + packed
            if not whole:
                _, size = _inflated(file, begin, most - total) if method else (None, length - begin)
        total += size
        yield Found(info, begin, packed if whole else None, size)
        if not whole:
            return


def _sizes(more: bytes, size: int, packed: int) -> tuple[int, int]:
    """Return sizes of 64 bits from the extra field of a header."""
    at = 0
    while at + 4 <= len(more):
        kind, length = struct.unpack_from("<2H", more, at)
        if kind == 1 and length >= 16:
            return struct.unpack_from("<2Q", more, at + 4)
        at += 4 + length
    return size, packed


def _inflated(file: IO[bytes], begin: int, most: int) -> tuple[int | None, int]:
    """Return where the data that begins at a byte ends, None if it does not, and how many bytes it inflates to."""
    file.seek(begin)
    inflate, size, read = zlib.decompressobj(-zlib.MAX_WBITS), 0, begin
    while not inflate.eof and (data := file.read(_CHUNK)):
        read += len(data)
        try:
            size += len(inflate.decompress(data))
        except zlib.error:
            return None, size
        if size > most:
            return None, size
    return (read - len(inflate.unused_data) if inflate.eof else None), size


def _descriptor(file: IO[bytes], end: int) -> int:
    """Return the length of what follows the data of such a member: with or without a signature, in 32 or 64 bits."""
    file.seek(end)
    data = file.read(32)
    for length in (12, 16, 20, 24):
        if (length in (16, 24)) == data.startswith(_DESCRIPTOR) and data[length : length + 2] in (b"PK", b""):
            return length
    return 16


def stream(file: IO[bytes], one: Found) -> Iterator[bytes]:
    """Yield the bytes of a member, as far as they are there.  Raises zlib.error where the data is damaged."""
    file.seek(one.at)
    inflate = zlib.decompressobj(-zlib.MAX_WBITS) if one.info.compress_type else None
    left = one.packed
    while (left is None or left > 0) and (data := file.read(_CHUNK if left is None else min(_CHUNK, left))):
        left = None if left is None else left - len(data)
        yield data if inflate is None else inflate.decompress(data)
        if inflate is not None and inflate.eof:
            return
    if inflate is not None and not inflate.eof:
        raise zlib.error("the archive is cut off inside of it")
