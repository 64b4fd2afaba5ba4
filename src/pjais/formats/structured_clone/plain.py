"""Read the V8 values that nearly every record consists of: plain objects and arrays of texts, numbers and dates.

It reads every document of a database and is therefore written for speed.  Whatever it does not know, damage too,
makes it give up: then `v8` reads the value from its beginning.  So it has no errors of its own, and needs no numbers
of objects, which only back-references use.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from pjais.formats.structured_clone.values import number_of
from pjais.js_values import UNDEFINED, JSDate

OLDEST: Final = 11
"""The first version in which an undefined in an array is no hole."""

CONSTANTS: Final[dict[int, Any]] = {0x54: True, 0x46: False, 0x30: None, 0x5F: UNDEFINED}
_unpack_double = struct.Struct("<d").unpack_from
_names: dict[bytes, str] = {}  # property names by their bytes: the same few in every document
_NAMES_KEPT: Final = 4096
_RUN: Final = 4096  # doubles read in one go
_DEEPEST: Final = 100


class NotPlain(Exception):
    """The value has something in it that is not read here."""


def read(data: bytes, pos: int) -> tuple[Any, int]:
    """Return the value at an offset, and the offset after it.  Raises NotPlain."""
    try:
        value, end = _READERS[data[pos]](data, data.decode("latin-1"), pos + 1, 0)
    except (LookupError, struct.error, UnicodeDecodeError, MemoryError) as error:  # a tag without a reader, too
        raise NotPlain from error
    if end > len(data):
        raise NotPlain
    return value, end


def _object(data: bytes, text: str, pos: int, depth: int) -> tuple[dict[str, Any], int]:
    """The properties of an object; the commonest values are read in place, since a call costs more than they do."""
    if depth > _DEEPEST:
        raise NotPlain
    names, constants = _names, CONSTANTS
    members: dict[str, Any] = {}
    while data[pos] == 0x22:
        at = pos + 2 + data[pos + 1]
        key = names.get(data[pos + 2 : at]) or _name(data[pos + 2 : at])
        tag = data[at]
        if tag == 0x22 and (length := data[at + 1]) < 0x80:
            pos = at + 2 + length
            members[key] = text[at + 2 : pos]
        elif tag in constants:
            members[key] = constants[tag]
            pos = at + 1
        elif tag == 0x49 and (number := data[at + 1]) < 0x80:
            members[key] = number >> 1 ^ -(number & 1)
            pos = at + 2
        else:
            members[key], pos = _READERS[tag](data, text, at + 1, depth + 1)
    if data[pos] != 0x7B or not data[pos + 1] == len(members) < 0x80:
        raise NotPlain
    return members, pos + 2


def _name(raw: bytes) -> str:
    """A property's name that was not seen of late; kept, but not without end."""
    if len(raw) > 0x7F:  # its length is a longer number
        raise NotPlain
    if len(_names) >= _NAMES_KEPT:
        _names.clear()
    name = _names[raw] = str(raw, "latin-1")
    return name


def _array(data: bytes, text: str, pos: int, depth: int) -> tuple[list[Any], int]:
    """The elements of an array that has neither holes nor properties."""
    if depth > _DEEPEST:
        raise NotPlain
    want, pos = _varint(data, pos)
    items, pos = dense_doubles(data, pos, want)
    for _ in range(want - len(items)):
        item, pos = _READERS[data[pos]](data, text, pos + 1, depth + 1)
        items.append(item)
    tag = data[pos]
    properties, pos = _varint(data, pos + 1)
    length, pos = _varint(data, pos)
    if tag != 0x24 or properties or length != want:
        raise NotPlain
    return items, pos


def dense_doubles(data: bytes, pos: int, want: int) -> tuple[list[Any], int]:
    """The elements of an array if all are doubles, as in embeddings, and the offset after them; else none of them."""
    stop = pos + 9 * want
    if want <= 3 or stop > len(data) or data[pos:stop:9] != b"N" * want:
        return [], pos
    items: list[Any] = []
    for begin in range(0, want, _RUN):
        run = _layout(min(_RUN, want - begin))
        items += numbers(run.unpack_from(data, pos))
        pos += run.size
    return items, pos


@lru_cache(maxsize=256)
def _layout(length: int) -> struct.Struct:
    """The layout of `length` doubles, each after its tag."""
    return struct.Struct("<" + "xd" * length)


def numbers(values: tuple[float, ...]) -> list[Any]:
    """Doubles as JavaScript numbers."""
    return [number_of(value) for value in values] if any(map(float.is_integer, values)) else list(values)


def _double(data: bytes, text: str, pos: int, depth: int) -> tuple[int | float, int]:  # noqa: ARG001 - as all readers
    value: float = _unpack_double(data, pos)[0]
    return number_of(value) if value.is_integer() else value, pos + 8


def _date(data: bytes, text: str, pos: int, depth: int) -> tuple[JSDate, int]:  # noqa: ARG001
    return JSDate(_unpack_double(data, pos)[0]), pos + 8


def _signed(data: bytes, text: str, pos: int, depth: int) -> tuple[int, int]:  # noqa: ARG001
    value, pos = _varint(data, pos)
    return value >> 1 ^ -(value & 1), pos


def _latin(data: bytes, text: str, pos: int, depth: int) -> tuple[str, int]:  # noqa: ARG001
    length, pos = _varint(data, pos)
    return text[pos : pos + length], pos + length


def _utf16(data: bytes, text: str, pos: int, depth: int) -> tuple[str, int]:  # noqa: ARG001
    length, pos = _varint(data, pos)
    return data[pos : pos + length].decode("utf-16-le", "surrogatepass"), pos + length


def _padding(data: bytes, text: str, pos: int, depth: int) -> tuple[Any, int]:
    """The value after a 0, with which the units of a text begin at an even place."""
    while not data[pos]:
        pos += 1
    return _READERS[data[pos]](data, text, pos + 1, depth)


def _constant(data: bytes, text: str, pos: int, depth: int) -> tuple[Any, int]:  # noqa: ARG001
    return CONSTANTS[data[pos - 1]], pos


def _varint(data: bytes, pos: int) -> tuple[int, int]:
    """Return a number of up to 28 bits, which every length is, and the offset after it."""
    byte = data[pos]
    if byte < 0x80:
        return byte, pos + 1
    value = byte & 0x7F
    for shift in (7, 14, 21):
        pos += 1
        byte = data[pos]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, pos + 1
    raise NotPlain


_READERS: Final[dict[int, Callable[[bytes, str, int, int], tuple[Any, int]]]] = {
    0x6F: _object,
    0x41: _array,
    0x22: _latin,
    0x63: _utf16,
    0x49: _signed,
    0x4E: _double,
    0x44: _date,
    0x00: _padding,
    **dict.fromkeys(CONSTANTS, _constant),
}
"""The readers of values, by tag: given the data, the same as Latin-1 text, the offset after the tag, the depth."""
