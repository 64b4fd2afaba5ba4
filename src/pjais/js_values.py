"""JavaScript values that JSON lacks, as plain Python values.

JSON-like values need nothing from here: they come as None, bool, int, float, str, list and dict.  A JavaScript
number is an int where it is a whole number that a double holds exactly (and not -0), as JSON.stringify prints
it; else it is a float.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple


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


class Hole:
    """The type of HOLE, an element that an array does not have: neither undefined nor null."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "hole"

    def __copy__(self) -> Hole:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Hole:
        return self

    def __reduce__(self) -> str:
        return "HOLE"


HOLE: Final = Hole()


class JSHost(NamedTuple):
    """An object that only a browser can hold, such as a CryptoKey: its class, and its bytes as they are stored."""

    kind: str
    data: bytes


class BlobRef(NamedTuple):
    """A Blob or a File; its bytes are stored elsewhere, at this index of the row's blob list.

    Firefox writes the rest into the value; in Chromium it is part of the list.
    """

    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody asks of it
    type: str | None = None
    name: str | None = None
    last_modified: float | None = None


class JSBlob(NamedTuple):
    """A Blob, or a File if it has a name: its bytes by their SHA-256 (None: they are missing), and what it says.

    `last_modified` is in ms since 1970.
    """

    sha256: str | None
    type: str
    size: int
    name: str | None = None
    last_modified: float | None = None


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
    """A RegExp; `flags` are its letters as JavaScript gives them, in alphabetical order."""

    source: str
    flags: str


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
    """An Error; None for a message or stack that is absent, HOLE for a cause that is: it may be undefined."""

    name: str
    message: str | None = None
    stack: str | None = None
    cause: Any = HOLE
