"""Find the end of Blink's host objects, so that a value which holds one is read and the object's bytes are kept.

A CryptoKey, an ImageData or a DOMRect means nothing outside of a browser, but an app that encrypts has a key in its
records, and everything beside it is its owner's data.  Each kind is a row of parts, as Blink's
`v8_script_value_serializer.cc` writes them: v a varint, d a double, s a text with its length before it, b bytes with
their length before them.  A kind that is not listed here cannot be stepped over: nothing tells how long it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pjais.formats.structured_clone.values import CloneError

Varint = Callable[[bytes, int, int], tuple[int, int]]

_PARTS: Final = {
    0x6E: ("FileSystemFileHandle", "sv"),
    0x4E: ("FileSystemDirectoryHandle", "sv"),
    0x64: ("DOMFileSystem", "vss"),
    0x78: ("DOMException", "sss"),
    0x6B: ("RTCCertificate", "ss"),
    0x51: ("DOMPoint", "dddd"),
    0x57: ("DOMPointReadOnly", "dddd"),
    0x45: ("DOMRect", "dddd"),
    0x52: ("DOMRectReadOnly", "dddd"),
    0x54: ("DOMQuad", "d" * 16),
    0x59: ("DOMMatrix", "d" * 16),
    0x55: ("DOMMatrixReadOnly", "d" * 16),
    0x49: ("DOMMatrix", "d" * 6),
    0x4F: ("DOMMatrixReadOnly", "d" * 6),
}
_KEYS: Final = {1: "vv", 2: "vv", 4: "vvvbv", 5: "vvv", 6: "v", 7: "vv", 8: "vv"}
"""What a CryptoKey holds before its usages and its bytes: AES, HMAC, RSA, EC, without parameters, Ed25519, X25519."""
_CRYPTO_KEY, _IMAGE_DATA, _IMAGE_BITMAP = 0x4B, 0x23, 0x67
_PIXELS: Final = (4, 8, 16)
"""Bytes for a pixel: 8 bits, 16 bits or a float for each of four colours."""
_IMAGE_TAGS: Final = {1: "v", 2: "v", 3: "v", 4: "v", 5: "v", 6: "d" * 16, 7: "v", 8: "v"}

NAMES: Final = {
    **{tag: name for tag, (name, _) in _PARTS.items()},
    _CRYPTO_KEY: "CryptoKey",
    _IMAGE_DATA: "ImageData",
    _IMAGE_BITMAP: "ImageBitmap",
    0x62: "Blob by uuid",
    0x66: "File by path",
}


def end_of(tag: int, data: bytes, pos: int, varint: Varint) -> int | None:
    """Return where a host object ends whose content begins at `pos`; None for a kind whose length is not known.

    Raises CloneError where the parts do not fit the bytes.
    """
    if tag == _CRYPTO_KEY:
        parts = _KEYS.get(data[pos])
        return None if parts is None else _after(parts + "vb", data, pos + 1, varint)
    if tag in (_IMAGE_DATA, _IMAGE_BITMAP):
        return _image_end(data, pos, varint)
    known = _PARTS.get(tag)
    return None if known is None else _after(known[1], data, pos, varint)


def _after(parts: str, data: bytes, pos: int, varint: Varint) -> int:
    for part in parts:
        if part == "d":
            pos += 8
        else:
            number, pos = varint(data, pos, 2**64)
            pos += number if part in "sb" else 0
    if pos > len(data):
        raise CloneError(f"a host object reaches beyond the data of {len(data)} bytes")
    return pos


def _image_end(data: bytes, pos: int, varint: Varint) -> int:
    """The end of an image: settings (since Blink's version 18), width, height, pixels."""
    for settings in (True, False):
        at = pos
        while settings:
            tag, at = varint(data, at, 2**64)
            if not tag or tag not in _IMAGE_TAGS:
                break
            at = _after(_IMAGE_TAGS[tag], data, at, varint)
        width, at = varint(data, at, 2**64)
        height, at = varint(data, at, 2**64)
        size, at = varint(data, at, 2**64)
        if size in [width * height * one for one in _PIXELS] and at + size <= len(data):
            return at + size
    raise CloneError(f"an image whose size is not that of its pixels, before byte {pos}")
