"""Keys as the two SQLite backends write them: bytes whose order is that of IndexedDB.

Both follow one plan: a byte for the type, then a number (0x10, of a Date 0x20), a text (0x30), bytes (0x40) or the
items of an array (0x50), each of the last three with 0x00 after it.  They differ in every detail:

- A double that is positive has its sign bit set; of a negative one Chromium inverts all bits, Firefox negates the word.
- In a text both write a UTF-16 unit below 0x7F as one byte, 1 more.  Chromium then writes 0x8000 more in two bytes,
  and from 0x4000 on FF and the unit; Firefox as in `_firefox_unit`.
- Bytes stand in groups of 8 in Chromium, 0x09 before each, and the length of the last one at the end; in Firefox they
  are written like a text.
- Firefox adds 0x50 to the type of an array's first item instead of a byte of its own, up to twice, and cuts off every
  0x00 at the end of the key.

Sources: keys written by Chromium 156 (tests/formats/test_any_app.py), and Gecko's `dom/indexedDB/Key.cpp`.
"""

from __future__ import annotations

import struct
from typing import Any

from pjais.formats.leveldb.codings import Bad
from pjais.formats.structured_clone.values import number_of
from pjais.js_values import JSBuffer, JSDate

_NUMBER, _DATE, _TEXT, _BYTES, _ARRAY = 0x10, 0x20, 0x30, 0x40, 0x50
_SIGN, _ALL = 1 << 63, (1 << 64) - 1
_GROUP, _MORE = 8, 9
_COLLAPSED = 3
"""Firefox writes the type of the third array within another in a byte of its own again."""
_MAX_DEPTH = 100


def _double(bits: int) -> float:
    value: float = struct.unpack(">d", bits.to_bytes(8, "big"))[0]
    return value


def chromium(data: bytes) -> Any:
    """A key of Chromium's SQLite backend.  Raises Bad."""
    key, end = _chromium(data, 0, 0)
    if end != len(data):
        raise Bad("bytes follow a key")
    return key


def _chromium(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    kind = data[at] if at < len(data) else None
    at += 1
    if kind in (_NUMBER, _DATE):
        bits = int.from_bytes(_taken(data, at, 8), "big")
        value = _double(bits ^ (_SIGN if bits & _SIGN else _ALL))
        return (number_of(value) if kind == _NUMBER else JSDate(value)), at + 8
    if kind == _TEXT:
        units = bytearray()
        while (first := _taken(data, at, 1)[0]) != 0:
            if first == 0xFF:
                units += _taken(data, at + 1, 2)
                at += 3
            elif first & 0x80:
                units += (int.from_bytes(_taken(data, at, 2), "big") & 0x7FFF).to_bytes(2, "big")
                at += 2
            else:
                units += bytes((0, first - 1))
                at += 1
        return units.decode("utf-16-be", "surrogatepass"), at + 1
    if kind == _BYTES:
        content = bytearray()
        while (mark := _taken(data, at, 1)[0]) == _MORE:
            content += _taken(data, at + 1, _GROUP)
            at += 1 + _GROUP
        if mark > _GROUP or (mark and not content):
            raise Bad("a key of bytes whose length makes no sense")
        return JSBuffer(bytes(content[: len(content) - _GROUP + mark] if content else b"")), at + 1
    if kind != _ARRAY or depth > _MAX_DEPTH:
        raise Bad("a key of no known type")
    items = []
    while _taken(data, at, 1) != b"\0":
        item, at = _chromium(data, at, depth + 1)
        items.append(item)
    return items, at + 1


def _taken(data: bytes, at: int, length: int) -> bytes:
    found = data[at : at + length]
    if len(found) != length:
        raise Bad("a key that does not end")
    return found


def firefox(data: bytes) -> Any:
    """A key of Firefox.  Raises Bad."""
    key, end = _firefox(data, 0, 0, 0)
    if data[end:].strip(b"\0"):
        raise Bad("bytes follow a key")
    return key


def _firefox(data: bytes, at: int, added: int, depth: int) -> tuple[Any, int]:
    """A key, to whose type byte `added` was added for the arrays that begin with it."""
    kind = (data[at] if at < len(data) else 0) - added
    if kind >= _ARRAY and depth <= _MAX_DEPTH:
        added += _ARRAY
        if added == _ARRAY * _COLLAPSED:
            at, added = at + 1, 0
        items = []
        while at < len(data) and data[at] != added:
            item, at = _firefox(data, at, added, depth + 1)
            items.append(item)
            added = 0
        return items, at + 1
    if kind in (_NUMBER, _DATE):
        bits = int.from_bytes(data[at + 1 : at + 9].ljust(8, b"\0"), "big")
        value = _double(bits ^ _SIGN if bits & _SIGN else -bits & _ALL)
        return (number_of(value) if kind == _NUMBER else JSDate(value)), at + 9
    if kind not in (_TEXT, _BYTES):
        raise Bad("a key of no known type")
    units, at = [], at + 1
    while at < len(data) and data[at]:
        unit, at = _firefox_unit(data, at)
        units.append(unit)
    if kind == _TEXT:
        return b"".join(one.to_bytes(2, "big") for one in units).decode("utf-16-be", "surrogatepass"), at + 1
    if any(unit > 0xFF for unit in units):
        raise Bad("a key of bytes that are none")
    return JSBuffer(bytes(units)), at + 1


def _firefox_unit(data: bytes, at: int) -> tuple[int, int]:
    """One unit of a text: below 0x7F one byte, 1 more; then two, 0x7F less; from 0x407F on three, moved by 6 bits.

    What is missing at the end of the key is 0x00.
    """
    first = data[at]
    if first < 0x80:
        return first - 1, at + 1
    second = data[at + 1] if at + 1 < len(data) else 0
    if first < 0xC0:
        return ((first & 0x3F) << 8 | second) + 0x7F, at + 2
    third = data[at + 2] if at + 2 < len(data) else 0
    return ((first << 16 | second << 8 | third) >> 6) & 0xFFFF, at + 3
