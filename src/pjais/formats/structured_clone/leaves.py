"""The parts of a V8 clone that hold no other values: numbers, strings, dates, buffers, views, Blobs.

See v8.py for the sources; this is the half of its reader that speed does not depend on.
"""

from __future__ import annotations

from typing import Any, Final

from pjais.formats.structured_clone import hosts
from pjais.formats.structured_clone.values import (
    SPARE_ELEMENTS,
    CloneError,
    Pending,
    double_at,
    flags_of,
    number_of,
    view_of,
)
from pjais.js_values import HOLE, BlobRef, JSBigInt, JSBuffer, JSDate, JSHost, JSObjectOf, JSRegExp, JSView

DENSE: Final = 4  # the first kind of container whose values go to the end of a list
_VIEWS: Final = {
    0x62: ("Int8Array", 1),
    0x42: ("Uint8Array", 1),
    0x43: ("Uint8ClampedArray", 1),
    0x77: ("Int16Array", 2),
    0x57: ("Uint16Array", 2),
    0x64: ("Int32Array", 4),
    0x44: ("Uint32Array", 4),
    0x68: ("Float16Array", 2),
    0x66: ("Float32Array", 4),
    0x46: ("Float64Array", 8),
    0x71: ("BigInt64Array", 8),
    0x51: ("BigUint64Array", 8),
    0x3F: ("DataView", 1),
}
_NODE_VIEWS: Final = (*(_VIEWS[tag] for tag in b"bBCwWdDfF?"), ("Buffer", 1), _VIEWS[0x71], _VIEWS[0x51])
_ERROR_NAMES: Final = {
    0x45: "EvalError",
    0x52: "RangeError",
    0x46: "ReferenceError",
    0x53: "SyntaxError",
    0x54: "TypeError",
    0x55: "URIError",
}
_FLAGS: Final = "gimyusldv"  # "l" asks for V8's other engine; no page can set it
_UNREADABLE: Final = {
    0x75: "SharedArrayBuffer",
    0x74: "transferred ArrayBuffer",
    0x70: "shared object",
    0x77: "WebAssembly module",
    0x6D: "WebAssembly memory",
}


def varint(data: bytes, pos: int, most: int = 2**32) -> tuple[int, int]:
    """Return an unsigned number of up to 32 bits (or below `most`), and the offset after it."""
    value = shift = 0
    while True:
        byte = data[pos]
        pos += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
        if shift > 63:
            raise CloneError(f"a number without an end at byte {pos}")
    if value >= most:
        raise CloneError(f"a number too large at byte {pos}")
    return value, pos


class Leaves:
    """One value being read, with the objects in it by their number, which back-references use."""

    __slots__ = ("data", "flags", "loops", "node", "objects", "referenced", "size", "spare", "version")

    def __init__(self, data: bytes, version: int, *, node: bool, flags: bool) -> None:
        self.data = data
        self.size = len(data)
        self.version = version
        self.node = node  # whether host objects are node's views, not Blink's
        self.flags = flags  # whether views have flags
        self.objects: list[Any] = []
        self.referenced: set[int] = set()  # numbers of arrays that were referred to
        self.loops = False  # whether a Map, Set or Error was referred to before its end
        self.spare = self.size + SPARE_ELEMENTS

    def leaf(self, tag: int, pos: int, kind: int, box: Any, key: Any) -> tuple[Any, int]:
        """A value of one of the rarer tags that holds no others."""
        data = self.data
        value: Any
        if tag == 0x55:  # unsigned integer
            return varint(data, pos)
        if tag == 0x53:  # string, UTF-8
            return self.text(pos - 1)
        if tag == 0x2D and kind == DENSE:  # hole
            return HOLE, pos
        if tag == 0x5E:
            return self._back_reference(pos, kind, box, key)
        if tag == 0x5A:
            return self._bigint(pos)
        if tag in b"B~C":
            return self._buffer(tag, pos)
        if tag == 0x44:
            value, pos = JSDate(double_at(data, pos)), pos + 8
        elif tag == 0x52:
            source, pos = self.inner_text(pos)
            flags, pos = varint(data, pos)
            value = JSRegExp(source, flags_of(flags, _FLAGS, pos))
        elif tag == 0x79 or tag == 0x78:
            value = JSObjectOf(tag == 0x79)
        elif tag == 0x6E:
            value, pos = JSObjectOf(number_of(double_at(data, pos))), pos + 8
        elif tag == 0x73:
            value, pos = self.inner_text(pos)
            value = JSObjectOf(value)
        elif tag == 0x7A:
            value, pos = self._bigint(pos)
            value = JSObjectOf(value)
        elif tag == 0x5C:
            value, pos = self._node_view(pos) if self.node else self._host_object(data[pos], pos + 1)
        elif self.version < 13 and not self.node and tag in b"ieL":
            value, pos = self._host_object(tag, pos)
        else:
            what = _UNREADABLE.get(tag, "unknown")
            raise CloneError(f"tag 0x{tag:02x} ({what}) at byte {pos - 1} cannot be read")
        self.objects.append(value)
        return value, pos

    def error_parts(self, box: dict[str, Any], pos: int) -> tuple[int, bool]:
        """The parts of an Error up to its cause, which is any value, or its end."""
        while True:
            tag, pos = varint(self.data, pos)
            if tag == 0x2E:
                return pos, False
            if tag == 0x63:
                return pos, True
            if tag in _ERROR_NAMES:
                box["name"] = _ERROR_NAMES[tag]
            elif tag == 0x6D or tag == 0x73:
                box["message" if tag == 0x6D else "stack"], pos = self.inner_text(pos)
            else:
                raise CloneError(f"part 0x{tag:02x} of an Error before byte {pos}")

    def bytes_at(self, pos: int, length: int) -> tuple[bytes, int]:
        """So many bytes, all there."""
        end = pos + length
        if end > self.size:
            raise CloneError(f"{length} bytes claimed at byte {pos}, {self.size - pos} there")
        return self.data[pos:end], end

    def text(self, pos: int) -> tuple[str, int]:
        """A string where only a string may be."""
        while self.data[pos] == 0:
            pos += 1
        tag = self.data[pos]
        encoding = {0x22: "latin-1", 0x63: "utf-16-le", 0x53: "utf-8"}.get(tag)
        if encoding is None:
            raise CloneError(f"tag 0x{tag:02x} where a string is due, at byte {pos}")
        length, pos = varint(self.data, pos + 1)
        raw, pos = self.bytes_at(pos, length)
        return raw.decode(encoding, "strict" if tag == 0x22 else "surrogatepass"), pos

    def inner_text(self, pos: int) -> tuple[str, int]:
        """The string within a RegExp, String object or Error: before version 12 it has no tag and is UTF-8."""
        if self.version >= 12:
            return self.text(pos)
        length, pos = varint(self.data, pos)
        raw, pos = self.bytes_at(pos, length)
        return raw.decode("utf-8", "surrogatepass"), pos

    def _bigint(self, pos: int) -> tuple[JSBigInt, int]:
        """Sign in the lowest bit, number of bytes in the others, then the bytes."""
        bits, pos = varint(self.data, pos)
        raw, pos = self.bytes_at(pos, bits >> 1)
        value = int.from_bytes(raw, "little")
        return JSBigInt(-value if bits & 1 else value), pos

    def _back_reference(self, pos: int, kind: int, box: Any, key: Any) -> tuple[Any, int]:
        """An object that was read before, or is being read."""
        oid, pos = varint(self.data, pos)
        if oid >= len(self.objects):
            raise CloneError(f"a reference to object {oid} of {len(self.objects)} before byte {pos}")
        value = self.objects[oid]
        if isinstance(value, Pending):
            self.loops = True
            value.sites.append((box, key if kind < DENSE else len(box)))
        elif isinstance(value, list):
            self.referenced.add(oid)
        elif isinstance(value, JSBuffer):
            return self._view(value, pos)
        return value, pos

    def _buffer(self, tag: int, pos: int) -> tuple[Any, int]:
        """An ArrayBuffer, resizable or not, and the view on it that may follow."""
        length, pos = varint(self.data, pos, 2**64)
        most = None
        if tag == 0x7E:
            most, pos = varint(self.data, pos, 2**64)
            if most < length:
                raise CloneError(f"a buffer of {length} bytes that may have {most}, before byte {pos}")
        raw, pos = self.bytes_at(pos, length)
        buffer = JSBuffer(raw, most)
        self.objects.append(buffer)
        return self._view(buffer, pos)

    def _view(self, buffer: JSBuffer, pos: int) -> tuple[Any, int]:
        """Return the view after a buffer, if there is one; else the buffer."""
        data = self.data
        start = pos
        while start < self.size and data[start] == 0:
            start += 1
        if start >= self.size or data[start] != 0x56:
            return buffer, pos
        tag, pos = varint(data, start + 1)
        if tag not in _VIEWS:
            raise CloneError(f"a view of unknown kind 0x{tag:02x} before byte {pos}")
        offset, pos = varint(data, pos, 2**64)
        length, pos = varint(data, pos, 2**64)
        flags, pos = varint(data, pos) if self.flags else (0, pos)
        kind, width = _VIEWS[tag]
        view = view_of(kind, width, buffer, offset, None if flags & 1 else length, pos)
        self.objects.append(view)
        return view, pos

    def _node_view(self, pos: int) -> tuple[JSView, int]:
        """A typed array as node writes it: the number of its kind, its length, its bytes."""
        number, pos = varint(self.data, pos)
        if number >= len(_NODE_VIEWS):
            raise CloneError(f"host object {number} of node before byte {pos} cannot be read")
        length, pos = varint(self.data, pos)
        raw, pos = self.bytes_at(pos, length)
        return view_of(*_NODE_VIEWS[number], JSBuffer(raw), 0, length, pos), pos

    def _host_object(self, tag: int, pos: int) -> tuple[Any, int]:
        """A Blob, a File or a FileList, each by its place in the row's list of blobs; of any other kind its bytes."""
        if tag == 0x69 or tag == 0x65:
            index, pos = varint(self.data, pos)
            return BlobRef(index), pos
        if tag != 0x4C:
            end = hosts.end_of(tag, self.data, pos, varint)
            what = hosts.NAMES.get(tag, "unknown")
            if end is None:
                raise CloneError(f"host object 0x{tag:02x} ({what}) before byte {pos} cannot be read")
            return JSHost(what, self.data[pos - 1 : end]), end
        count, pos = varint(self.data, pos)
        files = []
        for _ in range(count):
            index, pos = varint(self.data, pos)
            files.append(BlobRef(index))
        return files, pos
