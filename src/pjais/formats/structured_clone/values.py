"""Values of a structured clone that JSON lacks, as plain Python values.

JSON-like values need nothing from here: they come as None, bool, int, float, str, list and dict.  A JavaScript
number is an int where it is a whole number that a double holds exactly (and not -0), as JSON.stringify prints
it; else it is a float.
"""

from __future__ import annotations

import math
from struct import Struct
from typing import Any, Final, NamedTuple

MAX_SAFE_INTEGER: Final = 2**53 - 1
SPARE_ELEMENTS: Final = 2**20  # how many array elements one value may claim beyond its own size in bytes


class CloneError(ValueError):
    """Bytes that are no structured clone, or one that cannot be read in full; says what and at which byte."""


class Undefined:
    """The type of UNDEFINED, the one value of JavaScript that says: nothing was set."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "undefined"

    def __copy__(self) -> Undefined:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Undefined:
        return self

    def __reduce__(self) -> str:
        return "UNDEFINED"


UNDEFINED: Final = Undefined()


class BlobRef(NamedTuple):
    """A Blob or a File; its bytes are stored elsewhere, at this index of the row's blob list."""

    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody asks of it


class JSDate(NamedTuple):
    """A Date: milliseconds since 1970, NaN for an invalid one."""

    ms: float


class JSMap(NamedTuple):
    """A Map, in insertion order."""

    items: tuple[tuple[Any, Any], ...]


class JSSet(NamedTuple):
    """A Set, in insertion order."""

    items: tuple[Any, ...]


class JSRegExp(NamedTuple):
    """A RegExp; `flags` are the bits of the engine that wrote it (V8 and Gecko differ)."""

    source: str
    flags: int


class JSBigInt(NamedTuple):
    """A BigInt: apart from int, because JSON.stringify refuses it."""

    value: int


class JSObjectOf(NamedTuple):
    """A Boolean, Number, String or BigInt object, such as `new Number(1)`."""

    value: Any


class JSArray(NamedTuple):
    """An array that has properties besides its elements; one without is a plain list."""

    items: list[Any]
    properties: dict[str, Any]


class JSBuffer(NamedTuple):
    """An ArrayBuffer; `max_length` only where it is resizable."""

    data: bytes
    max_length: int | None = None


class JSView(NamedTuple):
    """A typed array or DataView on a buffer; offset and length in bytes."""

    kind: str
    buffer: JSBuffer
    offset: int
    length: int
    length_tracking: bool = False

    @property
    def data(self) -> bytes:
        """The bytes that the view shows."""
        return self.buffer.data[self.offset : self.offset + self.length]


class JSError(NamedTuple):
    """An Error; None for a message or stack that is absent, UNDEFINED for a cause that is."""

    name: str
    message: str | None = None
    stack: str | None = None
    cause: Any = UNDEFINED


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
