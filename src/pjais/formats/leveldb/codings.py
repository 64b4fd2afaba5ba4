"""The encodings used throughout a LevelDB folder: varints, masked checksums, Snappy.

Sources: LevelDB's `doc/log_format.md` and `doc/table_format.md`; Snappy's `format_description.txt`.
"""

from __future__ import annotations

from typing import Any

import cramjam
import google_crc32c

_ZSTD = b"\x28\xb5\x2f\xfd"
_LARGEST = 1 << 30  # bytes that one value may have
_SNAPPY_RATIO = 32  # a copy of 64 bytes costs 3, so no sound stream grows more than about 21 times


class Bad(Exception):
    """Bytes that make no sense; the message says why."""


def varint(data: bytes, at: int) -> tuple[int, int]:
    """The unsigned little-endian base-128 number at an offset, and where it ends.  Raises Bad."""
    if at < len(data) and (value := data[at]) < 0x80:
        return value, at + 1
    if at + 1 < len(data) and (byte := data[at + 1]) < 0x80:  # most of the others
        return value & 0x7F | byte << 7, at + 2
    value = shift = 0
    for where in range(at, min(at + 10, len(data))):
        byte = data[where]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, where + 1
        shift += 7
    raise Bad("a number does not end")


def crc(data: bytes, before: int = 0) -> int:
    """Return the CRC-32C of some bytes, continuing that of the preceding bytes."""
    found: int = google_crc32c.extend(before, data)
    return found


def masked(checksum: int) -> int:
    """A CRC-32C as LevelDB stores it: turned right by 15 bits, plus a constant, so that CRCs of CRCs stay useful."""
    return ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF


def unsnappy(data: bytes) -> bytes:
    """The content of a raw Snappy stream.  Raises Bad, also where it promises more than such a stream can hold."""
    length, _ = varint(data, 0)
    if length > _SNAPPY_RATIO * len(data) + 64:
        raise Bad("its Snappy data promise more than they can hold")
    return bytes(_unpacked(cramjam.snappy.decompress_raw, data, "Snappy"))


def unzstd(data: bytes) -> bytes:
    """The content of a zstd frame (RFC 8878), which must tell its size, as Chromium demands too.  Raises Bad."""
    about = data[4] if len(data) > 4 else 0
    single = about >> 5 & 1
    width = (single, 2, 4, 8)[about >> 6]
    at = 6 - single + (0, 1, 2, 4)[about & 3]
    size = int.from_bytes(data[at : at + width], "little") + 256 * (width == 2)
    if data[:4] != _ZSTD or not width or at + width > len(data) or size > _LARGEST:
        raise Bad("its zstd data do not tell their size")
    content = bytearray(size)
    if _unpacked(lambda packed: cramjam.zstd.decompress_into(packed, content), data, "zstd") != size:
        raise Bad("its zstd data are shorter than they say")
    return bytes(content)


def _unpacked(unpack: Any, data: bytes, name: str) -> Any:
    """Decompress, with one kind of error."""
    try:
        return unpack(data)
    except (cramjam.DecompressionError, MemoryError, OverflowError) as error:
        raise Bad(f"its {name} data cannot be unpacked: {error}") from error
