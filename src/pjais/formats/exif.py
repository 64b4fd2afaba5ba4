"""Find the user comment in the EXIF data of a JPEG or WEBP: some programs keep JSON there.

Only that: a picture whose EXIF data are damaged has none.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

LARGEST_SEGMENTS = 1 << 17
"""Bytes at the beginning of a JPEG in which its EXIF data are."""

_EXIF = b"Exif\0\0"
_EXIF_IFD, _USER_COMMENT = 0x8769, 0x9286
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 9: 4, 10: 8}
"""Bytes of a value by the type of a field."""
_SCAN, _END = 0xDA, 0xD9


def is_jpeg(head: bytes) -> bool:
    """Return whether a file begins as a JPEG."""
    return head.startswith(b"\xff\xd8\xff")


def is_webp(head: bytes) -> bool:
    """Return whether a file begins as a WEBP."""
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"


def may_have_comment(head: bytes) -> bool:
    """Return whether a picture that begins so has EXIF data."""
    if is_webp(head):
        return head[12:16] == b"VP8X" and len(head) > 20 and bool(head[20] & 8)
    return is_jpeg(head) and _EXIF in head


def user_comment(data: bytes) -> str | None:
    """Return the user comment of a picture, without its 8 bytes of encoding; None if it has none."""
    for tiff in _jpeg(data) if is_jpeg(data) else _webp(data) if is_webp(data) else ():
        try:
            found = _comment(tiff)
        except (struct.error, RecursionError):
            continue
        if found is not None:
            return found
    return None


def _jpeg(data: bytes) -> Iterator[bytes]:
    """Yield the EXIF data in the segments before the picture itself."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] not in (_SCAN, _END):
        (size,) = struct.unpack_from(">H", data, at + 2)
        segment = data[at + 4 : at + 2 + size]
        if data[at + 1] == 0xE1 and segment.startswith(_EXIF):
            yield segment[len(_EXIF) :]
        at += 2 + max(size, 2)


def _webp(data: bytes) -> Iterator[bytes]:
    at = 12
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        if name == b"EXIF":
            yield data[at + 8 : at + 8 + size].removeprefix(_EXIF)
        at += 8 + size + size % 2


def _comment(tiff: bytes) -> str | None:
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return None
    (first,) = struct.unpack_from(f"{order}I", tiff, 4)
    for tag, raw in _fields(tiff, order, first):
        if tag == _EXIF_IFD and len(raw) == 4:
            for inner, comment in _fields(tiff, order, *struct.unpack(f"{order}I", raw)):
                if inner == _USER_COMMENT:
                    return _decoded(comment, order)
    return None


def _fields(tiff: bytes, order: str, at: int) -> Iterator[tuple[int, bytes]]:
    """Yield (tag, bytes of the value) of the fields of a directory."""
    (count,) = struct.unpack_from(f"{order}H", tiff, at)
    for index in range(count):
        tag, kind, many = struct.unpack_from(f"{order}HHI", tiff, at + 2 + 12 * index)
        size = _SIZES.get(kind, 0) * many
        where = at + 10 + 12 * index
        if size > 4:
            (where,) = struct.unpack_from(f"{order}I", tiff, where)
        yield tag, tiff[where : where + size]


def _decoded(comment: bytes, order: str) -> str:
    encoding, text = comment[:8], comment[8:]
    if encoding.startswith(b"UNICODE"):
        wide = "utf-16-le" if order == "<" else "utf-16-be"
        return text.decode(wide, "replace").rstrip("\0")
    if encoding.rstrip(b"\0 ") in (b"ASCII", b"JIS", b""):
        comment = text
    return comment.decode("utf-8", "replace").rstrip("\0")
