"""Shared by the two readers of structured clones: how a value is refused, numbers, views, and what ends late."""

from __future__ import annotations

import math
from struct import Struct
from typing import Any, Final, NamedTuple

from pjais.js_values import JSBuffer, JSView

MAX_SAFE_INTEGER: Final = 2**53 - 1
SPARE_ELEMENTS: Final = 2**20  # how many array elements one value may claim beyond its own size in bytes


class CloneError(ValueError):
    """Bytes that are no structured clone, or one that cannot be read in full; says what and at which byte."""


class Decoded(NamedTuple):
    """A decoded value, wrapped, so that None and UNDEFINED are values and not the absence of one."""

    value: Any


class Pending:
    """Stands for a Map, Set or Error that is referred to before its end was read.

    Those are tuples here and exist only at their end; `sites` are the places that then get the finished one.
    """

    __slots__ = ("sites",)

    def __init__(self) -> None:
        self.sites: list[tuple[Any, Any]] = []

    def settle(self, value: Any) -> None:
        """Put the finished value where it was referred to."""
        for box, key in self.sites:
            box[key] = value


def frozen(values: list[Any], place: int) -> tuple[Any, ...]:
    """The contents of a Map, Set or Error as a tuple: refused where they hold one that is not yet finished."""
    if Pending in set(map(type, values)):
        raise CloneError(f"a Map, Set or Error contains itself other than through an object, before byte {place}")
    return tuple(values)


def pairs(values: list[Any], place: int) -> tuple[tuple[Any, Any], ...]:
    """The alternating keys and values of a Map as pairs."""
    flat = frozen(values, place)
    if len(flat) % 2:
        raise CloneError(f"a Map has a key without a value, before byte {place}")
    return tuple(zip(flat[::2], flat[1::2], strict=True))


_DOUBLE: Final = Struct("<d")
_unpack_double: Final = _DOUBLE.unpack_from


def number_of(value: float) -> int | float:
    """A JavaScript number from its double: an int where it is whole, exactly held and not -0."""
    if not value.is_integer():
        return value
    if not value:
        return 0 if math.copysign(1.0, value) > 0 else value
    return int(value) if -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER else value


def double_at(data: bytes, place: int) -> float:
    """The eight bytes at a place as a double."""
    value: float = _unpack_double(data, place)[0]
    return value


def array_index(key: str) -> int | None:
    """The index that a property name is, as JavaScript sees it ("7", not "07"), or None."""
    if not (key.isascii() and key.isdigit()) or len(key) > 10 or (key[0] == "0" and len(key) > 1):
        return None
    index = int(key)
    return index if index < 2**32 - 1 else None


def flags_of(bits: int, letters: str, place: int) -> str:
    """A RegExp's flags from its engine's bits: the letter of the lowest bit first.  Raises CloneError for others."""
    if bits >> len(letters):
        raise CloneError(f"RegExp flags 0x{bits:x} before byte {place}")
    return "".join(sorted(letter for number, letter in enumerate(letters) if bits >> number & 1))


def view_of(kind: str, width: int, buffer: Any, offset: int, length: int | None, place: int) -> JSView:
    """A checked view; a length of None tracks the buffer's own length."""
    if not isinstance(buffer, JSBuffer):
        raise CloneError(f"a {kind} without an ArrayBuffer at byte {place}")
    tracking = length is None
    if length is None:
        length = (len(buffer.data) - offset) // width * width
    if offset % width or length % width or length < 0 or offset + length > len(buffer.data):
        raise CloneError(f"a {kind} reaches beyond its ArrayBuffer at byte {place}")
    return JSView(kind, buffer, offset, length, tracking)
