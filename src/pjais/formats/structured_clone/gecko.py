"""Read the structured clones of Firefox, which are stored Snappy-compressed in `object_data.data` of its IndexedDB.

The facts are those of Mozilla's StructuredClone.cpp and StructuredCloneTags.h and of IDBObjectStore.cpp (Blob,
File); checked against Firefox ESR 153.  All is made of little-endian words of eight bytes.  A word is a pair
(tag in the upper half, data in the lower), or a double where its upper half is no tag.  Integers are signed.

The order differs from what one expects: an object, array, Map or Set among the contents of another is written
there as a mere beginning; its contents follow when those already begun are at that point.  The reader
therefore keeps the containers begun on a stack, as Firefox does, and reads into the topmost one.
"""

from __future__ import annotations

import sys
from array import array
from typing import Any, Final

from pjais.formats.structured_clone.values import (
    SPARE_ELEMENTS,
    CloneError,
    Decoded,
    Pending,
    array_index,
    double_at,
    flags_of,
    frozen,
    number_of,
    pairs,
    view_of,
)
from pjais.js_values import (
    HOLE,
    UNDEFINED,
    BlobRef,
    JSArray,
    JSBigInt,
    JSBuffer,
    JSDate,
    JSError,
    JSMap,
    JSObjectOf,
    JSRegExp,
    JSSet,
)

_LAST_DOUBLE: Final = 0xFFF00000
_HEADER: Final = 0xFFF10000
_NULL, _UNDEFINED, _BOOLEAN, _INT32, _STRING, _DATE, _REGEXP, _ARRAY, _OBJECT = range(0xFFFF0000, 0xFFFF0009)
_BOOLEAN_OBJECT, _STRING_OBJECT, _NUMBER_OBJECT, _BACK_REFERENCE = range(0xFFFF000A, 0xFFFF000E)
_MAP, _SET, _END_OF_KEYS = range(0xFFFF0011, 0xFFFF0014)
_SAVED_FRAME: Final = 0xFFFF0016
_BIGINT, _BIGINT_OBJECT, _BUFFER, _TYPED_ARRAY, _DATA_VIEW, _ERROR, _RESIZABLE = range(0xFFFF001D, 0xFFFF0024)
_BUFFER_V2, _TYPED_ARRAY_V2, _DATA_VIEW_V2, _IMMUTABLE = 0xFFFF0009, 0xFFFF0010, 0xFFFF0015, 0xFFFF0025
_BUFFERS: Final = (_BUFFER, _BUFFER_V2, _RESIZABLE, _IMMUTABLE)
_BLOB, _FILE_WITHOUT_DATE, _FILE_LIST, _FILE = 0xFFFF8001, 0xFFFF8002, 0xFFFF8003, 0xFFFF8005
_NO_DATE: Final = 2**63 - 1
_CONTENT_PRINCIPAL: Final = 0xFFFF800D

_PRINCIPAL: Final = 0xFFFF0017
_AT_ONCE: Final = {_SET: 1, _MAP: 2, _ERROR: 3, _SAVED_FRAME: 1}  # beginnings that stand together

_UNREADABLE: Final = {
    0xFFFF001B: "SharedArrayBuffer",
    0xFFFF001C: "WebAssembly memory",
    0xFFFF0200: "transferred objects",
    0xFFFF8004: "MutableFile",
    0xFFFF8006: "WebAssembly module",
    0xFFFF8007: "ImageData",
    0xFFFF800A: "CryptoKey",
    _END_OF_KEYS: "end of a container",
}
_KINDS: Final = (
    ("Int8Array", 1),
    ("Uint8Array", 1),
    ("Int16Array", 2),
    ("Uint16Array", 2),
    ("Int32Array", 4),
    ("Uint32Array", 4),
    ("Float32Array", 4),
    ("Float64Array", 8),
    ("Uint8ClampedArray", 1),
    ("BigInt64Array", 8),
    ("BigUint64Array", 8),
    ("Float16Array", 2),
)
_ERROR_NAMES: Final = (  # as Firefox 153 numbers them; before SuppressedError the last three were one less
    "Error",
    "InternalError",
    "AggregateError",
    "EvalError",
    "RangeError",
    "ReferenceError",
    "SuppressedError",
    "SyntaxError",
    "TypeError",
    "URIError",
)


class _Reader:
    """One value being read."""

    __slots__ = ("data", "end", "halves", "objects", "open", "pos", "referenced", "spare")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.end = len(data) // 8
        self.halves = array("I", data)  # data and tag of each word
        if sys.byteorder == "big":
            self.halves.byteswap()
        self.pos = 0  # in words
        self.objects: list[Any] = []
        self.open: list[tuple[int, Any, int, Any, Any]] = []  # kind, contents, number, and the place it goes to
        self.referenced: set[int] = set()
        self.spare = len(data) + SPARE_ELEMENTS

    def read(self) -> Any:
        """Return the whole value; like Firefox, refuse words after it."""
        if self.halves[1] == _HEADER:
            self.pos = 1
        top: dict[str, Any] = {}
        top["value"] = self._value(top, "value")
        while self.open:
            self._next()
        if self.pos != self.end:
            raise CloneError(f"{(self.end - self.pos) * 8} bytes follow the value, from byte {self.pos * 8}")
        return top["value"]

    def _next(self) -> None:
        """One property or entry of the topmost container, or its end."""
        if self.halves[2 * self.pos + 1] == _END_OF_KEYS:
            self.pos += 1
            self._close()
            return
        kind, box, oid, _, _ = self.open[-1]
        if kind in (_OBJECT, _ARRAY):
            key = self._key()
            if key is None:  # an end as old versions wrote it
                self._close()
            elif kind == _OBJECT:
                box[key] = self._value(box, key)
            else:
                self._element(box, self.objects[oid], key)
        else:
            for _ in range(_AT_ONCE[kind]):
                box.append(None)
                box[-1] = self._value(box, len(box) - 1)

    def _key(self) -> str | None:
        """A property's name."""
        key = self._value(None, None)
        if key is None or isinstance(key, str):
            return key
        if isinstance(key, int) and not isinstance(key, bool):
            return str(key)
        raise CloneError(f"a property named by a {type(key).__name__} before byte {self.pos * 8}")

    def _element(self, properties: dict[str, Any], items: list[Any], key: str) -> None:
        """An element or a property of an array."""
        index = array_index(key)
        if index is None:
            properties[key] = self._value(properties, key)
        elif index < len(items):
            items[index] = self._value(items, index)
        else:
            raise CloneError(f"element {index} of an array of {len(items)} before byte {self.pos * 8}")

    def _close(self) -> None:
        """End the topmost container: what is a tuple here can be made now, and put where it belongs."""
        kind, box, oid, home, key = self.open.pop()
        place = self.pos * 8
        if kind == _OBJECT or (kind == _ARRAY and not box):
            return
        value: Any
        if kind == _ARRAY:
            if oid in self.referenced:
                raise CloneError(f"an array with properties that is referred to before its end, before byte {place}")
            value = JSArray(self.objects[oid], box)
            home[key] = value
        else:
            value = self._frozen(kind, box, place)
            self.objects[oid].settle(value)
        self.objects[oid] = value

    def _frozen(self, kind: int, box: list[Any], place: int) -> Any:
        """The value of a container that is a tuple here."""
        if kind == _MAP:
            return JSMap(pairs(box, place))
        if kind == _SET:
            return JSSet(frozen(box, place))
        head, *rest = box
        if kind == _SAVED_FRAME:
            if len(rest) != 1 or not (rest[0] is None or isinstance(rest[0], str)):
                raise CloneError(f"a stack without a parent, before byte {place}")
            return head + (rest[0] or "")
        frozen(rest, place)
        if len(rest) != 3 or not (rest[2] is None or isinstance(rest[2], str)):
            raise CloneError(f"an Error without cause, errors and stack, before byte {place}")
        cause, _, stack = rest
        name, message, has_cause = head
        return JSError(name, message, stack, cause if has_cause else HOLE)

    def _begin(self, kind: int, box: Any, home: Any, key: Any) -> Any:
        """Begin a Map, Set, Error or stack; a stand-in for it goes to its place."""
        pending = Pending()
        pending.sites.append((home, key))
        self.open.append((kind, box, len(self.objects), home, key))
        self.objects.append(pending)
        return pending

    def _value(self, home: Any, key: Any) -> Any:
        """The next value, which the caller puts to home[key]; of a container, the beginning."""
        at = 2 * self.pos
        low, tag = self.halves[at], self.halves[at + 1]
        self.pos += 1
        if tag == _STRING:
            return self._string(low)
        if tag <= _LAST_DOUBLE:
            return number_of(double_at(self.data, at * 4))
        if tag == _INT32:
            return low - 2**32 if low >= 2**31 else low
        if tag == _BOOLEAN:
            return low != 0
        if tag == _NULL:
            return None
        if tag == _UNDEFINED:
            return UNDEFINED
        if home is None:
            raise CloneError(f"tag 0x{tag:08x} where a property's name is due, at byte {at * 4}")
        if tag == _OBJECT:
            content: dict[str, Any] = {}
            self.open.append((_OBJECT, content, len(self.objects), home, key))
            self.objects.append(content)
            return content
        if tag == _ARRAY:
            self.spare -= low
            if self.spare < 0:
                raise CloneError(f"an array of {low} elements at byte {at * 4}: more than is sensible")
            self.open.append((_ARRAY, {}, len(self.objects), home, key))
            self.objects.append([HOLE] * low)
            return self.objects[-1]
        return self._rare(tag, low, home, key)

    def _rare(self, tag: int, low: int, home: Any, key: Any) -> Any:
        """A value of one of the rarer tags."""
        if tag == _BACK_REFERENCE:
            return self._back_reference(low, home, key)
        if tag in (_MAP, _SET):
            return self._begin(tag, [], home, key)
        if tag in (_ERROR, _SAVED_FRAME):
            head = self._error_head(low) if tag == _ERROR else self._frame_head(low)
            return self._begin(tag, [head], home, key)
        if tag == _BIGINT:
            return self._bigint(low)
        if tag in (_TYPED_ARRAY, _TYPED_ARRAY_V2, _DATA_VIEW, _DATA_VIEW_V2):
            return self._view(tag, low)
        oid = len(self.objects)
        self.objects.append(None)
        self.objects[oid] = value = self._object(tag, low)
        return value

    def _object(self, tag: int, low: int) -> Any:
        """An object that holds no others."""
        if tag == _DATE:
            return JSDate(double_at(self.data, self._words(1)))
        if tag == _REGEXP:
            return JSRegExp(self._text(), flags_of(low, "igmyusdv", self.pos * 8))
        if tag == _BOOLEAN_OBJECT:
            return JSObjectOf(low != 0)
        if tag == _STRING_OBJECT:
            return JSObjectOf(self._string(low))
        if tag == _NUMBER_OBJECT:
            return JSObjectOf(number_of(double_at(self.data, self._words(1))))
        if tag == _BIGINT_OBJECT:
            return JSObjectOf(self._bigint(low))
        if tag in _BUFFERS:
            return self._buffer(tag, low)
        if tag in (_BLOB, _FILE, _FILE_WITHOUT_DATE):
            return self._blob(tag, low)
        if tag == _FILE_LIST:
            return [self._blob(*self._pair()) for _ in range(low)]
        what = _UNREADABLE.get(tag, "unknown")
        raise CloneError(f"tag 0x{tag:08x} ({what}) at byte {self.pos * 8 - 8} cannot be read")

    def _words(self, count: int) -> int:
        """Step over so many words, all there; gives the byte where they begin."""
        begin = self.pos
        if begin + count > self.end:
            raise CloneError(f"{count * 8} bytes claimed at byte {begin * 8}, {(self.end - begin) * 8} there")
        self.pos = begin + count
        return begin * 8

    def _bytes(self, length: int) -> bytes:
        """So many bytes, which are padded to whole words."""
        begin = self._words((length + 7) // 8)
        return self.data[begin : begin + length]

    def _uint64(self) -> int:
        return int.from_bytes(self._bytes(8), "little")

    def _pair(self) -> tuple[int, int]:
        """A word as tag and data."""
        at = self._words(1) // 4
        return self.halves[at + 1], self.halves[at]

    def _string(self, low: int) -> str:
        """Bit 31: Latin-1, else UTF-16; bit 30: a pointer into Firefox's memory; the others are the length."""
        length = low & 0x3FFFFFFF
        if low & 0x40000000:
            raise CloneError(f"a string that is not in the data, before byte {self.pos * 8}")
        if low & 0x80000000:
            return str(self._bytes(length), "latin-1")
        return self._bytes(2 * length).decode("utf-16-le", "surrogatepass")

    def _text(self) -> str:
        """A string where only a string may be."""
        tag, low = self._pair()
        if tag != _STRING:
            raise CloneError(f"tag 0x{tag:08x} where a string is due, before byte {self.pos * 8}")
        return self._string(low)

    def _plain(self, *types: type) -> Any:
        """A value where only some primitive ones may be."""
        value = self._value(None, None)
        if type(value) not in types:
            raise CloneError(f"a {type(value).__name__} out of place before byte {self.pos * 8}")
        return value

    def _bigint(self, low: int) -> JSBigInt:
        """Bit 31: negative; the others are the number of words."""
        value = int.from_bytes(self._bytes(8 * (low & 0x7FFFFFFF)), "little")
        return JSBigInt(-value if low & 0x80000000 else value)

    def _back_reference(self, oid: int, home: Any, key: Any) -> Any:
        """An object that was begun before."""
        if oid >= len(self.objects) or self.objects[oid] is None:
            raise CloneError(f"a reference to object {oid} of {len(self.objects)} before byte {self.pos * 8}")
        value = self.objects[oid]
        if isinstance(value, Pending):
            value.sites.append((home, key))
        elif isinstance(value, list):
            self.referenced.add(oid)
        return value

    def _buffer(self, tag: int, low: int) -> JSBuffer:
        """An ArrayBuffer."""
        length = low if tag == _BUFFER_V2 else self._uint64()
        most = self._uint64() if tag == _RESIZABLE else None
        return JSBuffer(self._bytes(length), most)

    def _view(self, tag: int, low: int) -> Any:
        """A typed array or DataView: number of elements, the buffer or a reference to it, the offset in it."""
        oid = len(self.objects)
        self.objects.append(None)  # numbered before its buffer
        number, count = low, low
        if tag == _TYPED_ARRAY_V2:
            number = self._uint64()
        elif tag != _DATA_VIEW_V2:
            count = self._uint64()
        if tag in (_DATA_VIEW, _DATA_VIEW_V2):
            kind, width = "DataView", 1
        elif number < len(_KINDS):
            kind, width = _KINDS[number]
        else:
            raise CloneError(f"a view of unknown kind {number} before byte {self.pos * 8}")
        inner, inner_low = self._pair()
        if inner != _BACK_REFERENCE and inner not in _BUFFERS:
            raise CloneError(f"tag 0x{inner:08x} where the ArrayBuffer of a view is due, before byte {self.pos * 8}")
        buffer = self._rare(inner, inner_low, {}, None)
        length = None if count == 2**64 - 1 else count * width
        view = view_of(kind, width, buffer, self._uint64(), length, self.pos * 8)
        self.objects[oid] = view
        return view

    def _blob(self, tag: int, low: int) -> BlobRef:
        """A Blob or File: size and type, of a File also date (ms) and name."""
        if tag not in (_BLOB, _FILE, _FILE_WITHOUT_DATE):
            raise CloneError(f"tag 0x{tag:08x} in a FileList before byte {self.pos * 8}")
        self._words(1)  # its size
        kind, name, modified = self._utf8(), None, None
        if tag != _BLOB:
            modified = int.from_bytes(self._bytes(8), "little", signed=True) if tag == _FILE else None
            name = self._utf8()
        return BlobRef(low, kind, name, None if modified == _NO_DATE else modified)

    def _utf8(self) -> str:
        """A text of its DOM: the length, then UTF-8."""
        return self._bytes(self._uint64() & 0xFFFFFFFF).decode("utf-8", "replace")

    def _error_head(self, low: int) -> tuple[str, str | None, bool]:
        """Name and message of an Error, and whether it has a cause; its file and line are part of its stack."""
        message = self._plain(str, type(None))
        has_cause = self._plain(bool)
        self._plain(str)
        self._plain(int)
        self._plain(int)
        return (_ERROR_NAMES[low] if low < len(_ERROR_NAMES) else "Error"), message, has_cause

    def _frame_head(self, low: int) -> str:
        """One line of a stack, behind whose code it was: a principal, of which only that of a page is known."""
        if low == _PRINCIPAL:
            tag, _ = self._pair()
            if tag != _CONTENT_PRINCIPAL:
                raise CloneError(f"a stack with principal 0x{tag:08x} before byte {self.pos * 8} cannot be read")
            suffix, spec = self._pair()
            self._bytes(suffix)
            self._bytes(spec)
            origin, _ = self._pair()
            self._bytes(origin)
            _, domain = self._pair()
            self._bytes(domain)
        source = self._plain(bool, str)
        if isinstance(source, bool):  # a flag that older ones lack
            source = self._plain(str)
        line, column = self._plain(int), self._plain(int)
        name = self._plain(str, type(None))
        self._plain(str, type(None))
        return f"{name or ''}@{source}:{line}:{column}\n"


def decode_gecko(data: bytes) -> Decoded:
    """A value of Firefox's IndexedDB, uncompressed."""
    if len(data) % 8 or not data:
        raise CloneError(f"{len(data)} bytes are no whole number of words of 8")
    reader = _Reader(bytes(data))
    try:
        return Decoded(reader.read())
    except IndexError as error:
        raise CloneError(f"the data ends at byte {len(data)}, within what begins before") from error
    except (UnicodeDecodeError, MemoryError) as error:
        raise CloneError(f"{error or 'too large'} near byte {reader.pos * 8}") from error
