"""Read the output of V8's ValueSerializer: every value in Chromium's IndexedDB, and node's v8.serialize.

The facts are those of V8's value-serializer.cc (wire versions 9 to 16), of Blink's serialization_tag.h and
v8_script_value_deserializer.cc (the envelope, Blob and File), and of node's lib/v8.js (its views); checked
against node 20 (version 15) and Chromium 156 (version 16).

Nearly every value is read by `plain`.  The reader here takes the others, and says what is wrong with damaged ones.  It
is one loop with its own stack, so that nesting depth is unlimited.  Damage shows mostly as a read past the end, which
Python reports; one `except` turns that into a CloneError.
"""

from __future__ import annotations

import struct
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final

from pjais.formats.structured_clone import plain
from pjais.formats.structured_clone.leaves import DENSE, Leaves, varint
from pjais.formats.structured_clone.plain import CONSTANTS, dense_doubles, numbers
from pjais.formats.structured_clone.values import (
    CloneError,
    Decoded,
    Pending,
    array_index,
    double_at,
    frozen,
    number_of,
    pairs,
)
from pjais.js_values import HOLE, UNDEFINED, JSArray, JSError, JSMap, JSSet

NEWEST_V8: Final = 16
FIRST_BLINK: Final = 16  # up to 15 the envelope has one version for both
FIRST_TRAILER: Final = 21

# What the value at hand belongs to.  Below DENSE it goes to a key of a dict, from it on to a list's end.
_OBJECT, _TAIL, _TOP, _ERROR, _MAP, _SET = 0, 1, 2, 3, DENSE + 1, DENSE + 2

_OPENERS: Final = frozenset(b"oAa;'r")
_RUN: Final = 4096  # doubles of a sparse array that are read in one go


@lru_cache(maxsize=64)
def _sparse_doubles(length: int) -> tuple[struct.Struct, tuple[bytes, ...]]:
    """The layout of the elements 0, 1, 2 ... of a sparse array, all doubles, and what stands between them."""
    keys = tuple(b"I" + _varint_bytes(2 * index) + b"N" for index in range(length))
    return struct.Struct("<" + "".join(f"{len(key)}sd" for key in keys)), keys


def _varint_bytes(value: int) -> bytes:
    return bytes([value]) if value < 0x80 else bytes([value & 0x7F | 0x80]) + _varint_bytes(value >> 7)


def _put(kind: int, box: Any, key: Any, value: Any) -> None:
    """Put a value where it belongs."""
    if kind < DENSE:
        box[key] = value
    else:
        box.append(value)


class _Reader(Leaves):
    """One value being read, with the objects in it by their number, which back-references use."""

    __slots__ = ()

    def read(self, pos: int) -> tuple[Any, int]:
        """Return the value at an offset, and the offset after it."""
        stack: list[tuple[int, Any, Any, int, int]] = []
        kind, key, want, oid = _TOP, None, 0, -1
        box: Any = {}
        try:
            while True:
                tag = self.data[pos]
                pos += 1
                if tag == 0 or tag == 0x3F:  # padding, or how many objects there are so far
                    pos = varint(self.data, pos)[1] if tag else pos
                    continue
                if tag in _OPENERS:
                    stack.append((kind, box, key, want, oid))
                    kind, box, want, oid, pos = self._open(tag, pos)
                else:
                    value, pos = self._leaf(tag, pos, kind, box, key)
                    _put(kind, box, key, value)
                while True:  # until a value is due
                    key, pos = self._next(kind, box, want, pos)
                    if key is not None:
                        break
                    if kind == _TOP:
                        return box[None], pos
                    if kind == DENSE:
                        kind, box = _TAIL, {}
                        continue
                    value, pos = self._close(kind, box, want, oid, pos)
                    kind, box, key, want, oid = stack.pop()
                    _put(kind, box, key, value)
        except (IndexError, struct.error) as error:
            raise CloneError(f"the data ends at byte {self.size}, within what begins before byte {pos}") from error
        except (UnicodeDecodeError, MemoryError) as error:
            raise CloneError(f"{error or 'too large'} near byte {pos}") from error

    def _next(self, kind: int, box: Any, want: int, pos: int) -> tuple[Any, int]:
        """The key of the value that is due in a container (any, where values have none); None at its end."""
        if kind < _TOP:
            return self._key(pos, kind)
        if kind == DENSE:
            return (True if len(box) < want else None), pos
        if kind == _TOP:
            if pos > self.size:
                raise CloneError(f"the value ends at byte {pos}, the data at {self.size}")
            return None, pos
        pos, due = self._more(kind, box, pos)
        return ("cause" if due else None), pos

    def _leaf(self, tag: int, pos: int, kind: int, box: Any, key: Any) -> tuple[Any, int]:
        """A value that holds no others.  A text that is cut shows by what is to follow it."""
        data = self.data
        if tag in CONSTANTS:
            return CONSTANTS[tag], pos
        if tag == 0x22:  # string, Latin-1
            length, pos = varint(data, pos)
            return str(data[pos : pos + length], "latin-1"), pos + length
        if tag == 0x63:  # string, UTF-16
            length, pos = varint(data, pos)
            try:
                return data[pos : pos + length].decode("utf-16-le", "surrogatepass"), pos + length
            except UnicodeDecodeError as error:
                raise CloneError(f"{error} near byte {pos}") from error
        if tag == 0x49:  # signed integer, zigzag
            length, pos = varint(data, pos)
            return length >> 1 ^ -(length & 1), pos
        if tag == 0x4E:
            return number_of(double_at(data, pos)), pos + 8
        return self.leaf(tag, pos, kind, box, key)

    def _key(self, pos: int, kind: int) -> tuple[Any, int]:
        """A property's name: a str, an int in an array's tail; None where the container ends."""
        data = self.data
        if data[pos] == 0x22:
            length, pos = varint(data, pos + 1)
            return str(data[pos : pos + length], "latin-1"), pos + length
        while data[pos] == 0:
            pos += 1
        tag = data[pos]
        if tag == 0x7B if kind == _OBJECT else tag in b"$@":
            return None, pos
        key: Any
        if tag in b'"cS':
            key, pos = self.text(pos)
        elif tag == 0x49 or tag == 0x55:
            key, pos = varint(data, pos + 1)
            key = key if tag == 0x55 else key >> 1 ^ -(key & 1)
        elif tag == 0x4E:
            key, pos = number_of(double_at(data, pos + 1)), pos + 9
        else:
            raise CloneError(f"tag 0x{tag:02x} where a property or an end is due, at byte {pos}")
        if isinstance(key, float):
            raise CloneError(f"a property named {key} before byte {pos}")
        return (str(key) if kind == _OBJECT else key), pos

    def _open(self, tag: int, pos: int) -> tuple[int, Any, int, int, int]:
        """Begin an object, array, Map, Set or Error: its kind, box, declared length and number, and the place."""
        oid = len(self.objects)
        if tag == 0x6F:
            members: dict[str, Any] = {}
            self.objects.append(members)
            return _OBJECT, members, 0, oid, pos
        if tag == 0x41:
            want, pos = varint(self.data, pos)
            if want > self.size - pos:
                raise CloneError(f"an array of {want} elements in {self.size - pos} bytes, at byte {pos}")
            items, pos = dense_doubles(self.data, pos, want)
            self.objects.append(items)
            return DENSE, items, want, oid, pos
        if tag == 0x61:
            want, pos = varint(self.data, pos)
            self.spare -= want
            if self.spare < 0:
                raise CloneError(f"a sparse array of {want} elements before byte {pos}: more than is sensible")
            self.objects.append([HOLE] * want)
            entries, pos = self._sparse_run(want, pos)
            return _TAIL, entries, want, oid, pos
        self.objects.append(Pending())
        if tag == 0x72:
            return _ERROR, {"name": "Error"}, 0, oid, pos
        return (_MAP if tag == 0x3B else _SET), [], 0, oid, pos

    def _sparse_run(self, want: int, pos: int) -> tuple[dict[Any, Any], int]:
        """The elements of a sparse array where all are there and doubles, as in embeddings; else none of them."""
        if 3 < want <= _RUN and pos + 11 * want <= self.size and self.data[pos : pos + 3] == b"I\0N":
            layout, keys = _sparse_doubles(want)
            if pos + layout.size <= self.size:
                parts = layout.unpack_from(self.data, pos)
                if parts[::2] == keys:
                    return dict(enumerate(numbers(parts[1::2]))), pos + layout.size
        return {}, pos

    def _close_array(self, box: dict[Any, Any], want: int, oid: int, pos: int) -> tuple[Any, int]:
        """End an array: put sparse elements in their places, check the counts."""
        items: list[Any] = self.objects[oid]
        tag = self.data[pos]
        count, pos = varint(self.data, pos + 1)
        length, pos = varint(self.data, pos)
        if count != len(box) or length != want or (tag == 0x24 and len(items) != want):
            raise CloneError(f"an array of {want} elements and {len(box)} properties with other counts at byte {pos}")
        if self.version < 11 and tag == 0x24:  # a hole was written like undefined then
            items[:] = [HOLE if item is UNDEFINED else item for item in items]
        if not box:
            return items, pos
        if not self.loops and len(box) == want and list(box) == list(range(want)):
            items[:] = box.values()
            return items, pos
        properties: dict[str, Any] = {}
        for key, value in box.items():
            index = array_index(key) if isinstance(key, str) else key
            place: tuple[Any, Any] = (items, index) if index in range(want) else (properties, str(key))
            place[0][place[1]] = value
            if isinstance(value, Pending):
                value.sites.append(place)
        if not properties:
            return items, pos
        if oid in self.referenced:
            raise CloneError(f"an array with properties that contains itself, before byte {pos}")
        self.objects[oid] = JSArray(items, properties)
        return self.objects[oid], pos

    def _more(self, kind: int, box: Any, pos: int) -> tuple[int, bool]:
        """Return whether another value is due in a Map, Set or Error, or its end is at the place."""
        data = self.data
        if kind == _ERROR:
            return self.error_parts(box, pos)
        while data[pos] == 0:
            pos += 1
        return pos, data[pos] != (0x3A if kind == _MAP else 0x2C)

    def _close(self, kind: int, box: Any, want: int, oid: int, pos: int) -> tuple[Any, int]:
        """End a container; put a Map, Set or Error where it was referred to from within."""
        value: Any
        if kind == _OBJECT:
            count, pos = varint(self.data, pos + 1)
            if count != len(box):
                raise CloneError(f"{len(box)} properties, not {count}, before byte {pos}")
            return box, pos
        if kind == _TAIL:
            return self._close_array(box, want, oid, pos)
        if kind == _ERROR:
            frozen(list(box.values()), pos)
            value = JSError(**box)
        else:
            count, pos = varint(self.data, pos + 1)
            if count != len(box):
                raise CloneError(f"a Map or Set of {count} entries has {len(box)}, before byte {pos}")
            value = JSMap(pairs(box, pos)) if kind == _MAP else JSSet(frozen(box, pos))
        self.objects[oid].settle(value)
        self.objects[oid] = value
        return value, pos


def _read_value(data: bytes, pos: int, version: int, *, node: bool) -> tuple[Any, int]:
    """The value behind the headers.

    Chromium wrote some version 13 with the flags of version 14 (crbug.com/1284506): a second try reads those.
    """
    if not 0 < version <= NEWEST_V8:
        raise CloneError(f"V8 wire version {version} at byte {pos}: 1 to {NEWEST_V8} are known")
    if version >= plain.OLDEST:
        with suppress(plain.NotPlain):
            return plain.read(data, pos)
    try:
        return _Reader(data, version, node=node, flags=version >= 14).read(pos)
    except CloneError:
        if version != 13:
            raise
        try:
            return _Reader(data, version, node=node, flags=True).read(pos)
        except CloneError:
            pass
        raise


def _header(data: bytes, pos: int, what: str) -> tuple[int, int]:
    """Return the version after an 0xFF, and the offset after it."""
    if data[pos : pos + 1] != b"\xff":
        raise CloneError(f"no header of {what} at byte {pos}")
    try:
        return varint(data, pos + 1)
    except IndexError as error:
        raise CloneError(f"the data ends within the header of {what} at byte {pos}") from error


def _nothing_after(data: bytes, pos: int, end: int) -> None:
    """Refuse anything but padding after the value: it would be data that was not read."""
    if data[pos:end].strip(b"\0"):
        raise CloneError(f"{end - pos} bytes follow the value, from byte {pos}")


def decode_v8(data: bytes) -> Decoded:
    """A value as node's `v8.serialize` writes it: 0xFF, version, value."""
    data = bytes(data)
    version, pos = _header(data, 0, "V8")
    value, pos = _read_value(data, pos, version, node=True)
    _nothing_after(data, pos, len(data))
    return Decoded(value)


def decode_chromium(data: bytes) -> Decoded:
    """A value of Chromium's IndexedDB, unwrapped and uncompressed: Blink's header, V8's header, value, trailer.

    The trailer (a list of the interfaces that the value needs) is not read.  Up to version 15 there was one
    header for both.
    """
    data = bytes(data)
    end = len(data)
    version, pos = _header(data, 0, "Blink")
    if version >= FIRST_BLINK:
        if version >= FIRST_TRAILER and data[pos : pos + 1] == b"\xfe":
            offset = int.from_bytes(data[pos + 1 : pos + 9], "big")
            size = int.from_bytes(data[pos + 9 : pos + 13], "big")
            pos += 13
            if size:
                if offset < pos or offset + size > end:
                    raise CloneError(f"a trailer at byte {offset} of {size} bytes, outside the data of {end}")
                end = offset
        version, pos = _header(data, pos, "V8")
    value, pos = _read_value(data, pos, version, node=False)
    if pos > end:
        raise CloneError(f"the value ends at byte {pos}, within the trailer from byte {end} on")
    _nothing_after(data, pos, end)
    return Decoded(value)
