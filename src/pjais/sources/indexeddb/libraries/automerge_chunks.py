"""A chunk of Automerge as the operations in it: a document with its history, or one change.

    chunk     = 85 6f 4a 83, first 4 bytes of the SHA-256 of the rest, kind, length, content
    document  = actors, heads, columns of changes, columns of operations
    change    = dependencies, actor, sequence, first number, time, message, other actors, columns of operations

Operations are stored by columns, each with runs of equal values.  Whatever the bytes are, only Strange is raised.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from pjais.js_values import JSBigInt, JSBuffer, JSDate, JSView
from pjais.sources.indexeddb.libraries.contract import Strange

MAKE_MAP, SET, MAKE_LIST, DELETE, MAKE_TEXT, INCREMENT, MAKE_TABLE, MARK = range(8)
"""What an operation does."""

_MAGIC = bytes.fromhex("856f4a83")
_DOCUMENT, _CHANGE, _COMPRESSED = range(3)
_DEFLATED = 8
_MOST = 1 << 21
"""The most operations of a document; a run of a few bytes can say more."""
_LARGEST = 1 << 28
"""The most bytes that a chunk or column is decompressed to."""
_EXACT = 2**53

_OBJECT_ACTOR, _OBJECT_NUMBER, _KEY_ACTOR, _KEY_NUMBER, _KEY_TEXT = 0x01, 0x02, 0x11, 0x13, 0x15
_ID_ACTOR, _ID_NUMBER, _INSERT, _ACTION, _VALUE_KIND, _VALUE = 0x21, 0x23, 0x34, 0x42, 0x56, 0x57
_PREDECESSORS, _SUCCESSORS = (0x70, 0x71, 0x73), (0x80, 0x81, 0x83)
_EXPAND, _MARK_NAME = 0x94, 0xA5
_KNOWN = {
    *(_OBJECT_ACTOR, _OBJECT_NUMBER, _KEY_ACTOR, _KEY_NUMBER, _KEY_TEXT, _ID_ACTOR, _ID_NUMBER, _INSERT, _ACTION),
    *(_VALUE_KIND, _VALUE, *_PREDECESSORS, *_SUCCESSORS, _EXPAND, _MARK_NAME),
}  # fmt: skip


class OpId(NamedTuple):
    """The name of an operation, and of the object or element that it makes; a higher one wins."""

    number: int
    actor: bytes


ROOT = OpId(0, b"")
"""The map that every document is, and the place before the first element of a list."""


class Counter(NamedTuple):
    """A number that operations of INCREMENT add to."""

    value: int


@dataclass(slots=True)
class Op:
    """An operation on a key of a map, or on an element of a list."""

    id: OpId
    object: OpId
    key: str | OpId
    insert: bool
    action: int
    value: Any
    before: tuple[OpId, ...]
    """The operations that it overwrites; only in changes."""
    after: tuple[OpId, ...]
    """The operations that overwrite it; only in documents."""


def operations(data: bytes) -> list[Op]:
    """Return the operations of all chunks in some bytes.  Raises Strange."""
    found: list[Op] = []
    reader = _Reader(data)
    try:
        while reader.at < len(data):
            found += _chunk(reader)
    except (IndexError, struct.error):
        raise Strange("a chunk ends early") from None
    except zlib.error as error:
        raise Strange(f"a chunk cannot be decompressed: {error}") from error
    except UnicodeDecodeError as error:
        raise Strange(f"a text in a chunk is damaged: {error}") from error
    return found


def _chunk(reader: _Reader) -> list[Op]:
    if reader.raw(4) != _MAGIC:
        raise Strange("a chunk does not begin with 85 6f 4a 83")
    told = reader.raw(4)
    start = reader.at
    kind = reader.raw(1)[0]
    content = reader.raw(reader.number())
    if kind == _COMPRESSED:
        content = _inflated(content)
        hashed = bytes([_CHANGE]) + _leb(len(content)) + content
    else:
        hashed = reader.data[start : reader.at]
    if hashlib.sha256(hashed).digest()[:4] != told:
        raise Strange("the checksum of a chunk is wrong")
    inner = _Reader(content)
    if kind == _DOCUMENT:
        return _document(inner)
    if kind in (_CHANGE, _COMPRESSED):
        return _change(inner)
    raise Strange(f"{kind} is no kind of chunk")


def _document(reader: _Reader) -> list[Op]:
    actors = [reader.sized() for _ in range(reader.number())]
    for _ in range(reader.number()):
        reader.raw(32)
    changes, columns = _declared(reader), _declared(reader)
    for _, length in changes:
        reader.raw(length)
    return list(_ops(_columns(reader, columns), actors, None))


def _change(reader: _Reader) -> list[Op]:
    for _ in range(reader.number()):
        reader.raw(32)
    actors = [reader.sized()]
    reader.number()
    first = reader.number()
    reader.signed()
    reader.sized()
    actors += [reader.sized() for _ in range(reader.number())]
    return list(_ops(_columns(reader, _declared(reader)), actors, first))


def _declared(reader: _Reader) -> list[tuple[int, int]]:
    return [(reader.number(), reader.number()) for _ in range(reader.number())]


def _columns(reader: _Reader, declared: list[tuple[int, int]]) -> dict[int, bytes]:
    found = {}
    for kind, length in declared:
        data = reader.raw(length)
        name = kind & ~_DEFLATED
        if name not in _KNOWN and data:
            raise Strange(f"{name:#x} is no column that is known")
        found[name] = _inflated(data) if kind & _DEFLATED else data
    return found


def _ops(columns: dict[int, bytes], actors: list[bytes], first: int | None) -> Iterator[Op]:
    """Yield operations; those of a change are numbered from `first` on, and are its first actor's."""

    def ids(actor: int, number: int) -> Iterator[OpId | None]:
        numbers = _deltas(columns.get(number, b"")) if number & 7 == 3 else _runs(columns.get(number, b""))
        for who in _runs(columns.get(actor, b"")):
            yield _id(next(numbers), who, actors)

    def groups(names: tuple[int, int, int]) -> Iterator[tuple[OpId, ...]]:
        members = ids(*names[1:])
        for size in _runs(columns.get(names[0], b"")):
            many = [next(members) for _ in range(_checked(size or 0))]
            yield tuple(one for one in many if one is not None)

    objects, places = ids(_OBJECT_ACTOR, _OBJECT_NUMBER), ids(_KEY_ACTOR, _KEY_NUMBER)
    texts, inserts = _runs(columns.get(_KEY_TEXT, b""), text=True), _booleans(columns.get(_INSERT, b""))
    names, values = ids(_ID_ACTOR, _ID_NUMBER), _values(columns)
    before, after = groups(_PREDECESSORS), groups(_SUCCESSORS)
    for index, action in enumerate(_some(columns.get(_ACTION, b""))):
        name = next(names) if first is None else OpId(first + _checked(index), actors[0])
        place, text = next(places), next(texts)
        if name is None or type(action) is not int:
            raise Strange("an operation has no name or action")
        key = text if text is not None else place or ROOT
        yield Op(name, next(objects) or ROOT, key, next(inserts), action, next(values), next(before), next(after))


def _id(number: Any, actor: Any, actors: list[bytes]) -> OpId | None:
    if actor is None:
        return None if not number else _wrong()
    return OpId(number, actors[actor]) if type(number) is int else _wrong()


def _wrong() -> OpId:
    raise Strange("a number has no actor, or an actor no number")


def _checked(size: int) -> int:
    if not 0 <= size <= _MOST:
        raise Strange(f"more than {_MOST} operations")
    return size


def _some(data: bytes) -> Iterator[Any]:
    """Yield the values of a column as far as it goes, which must not be too far."""
    reader = _Reader(data)
    while reader.at < len(data):
        count = reader.signed()
        if count < 0:
            yield from (reader.number() for _ in range(_checked(-count)))
        else:
            value = reader.number() if count else None
            yield from (value for _ in range(_checked(count or 1)))


def _runs(data: bytes, text: bool = False, signed: bool = False) -> Iterator[Any]:
    """Yield the values of a column, then None without end."""
    reader = _Reader(data)
    read = (lambda: reader.sized().decode("utf-8")) if text else reader.signed if signed else reader.number
    while reader.at < len(data):
        count = reader.signed()
        if count < 0:
            yield from (read() for _ in range(-count))
        elif count:
            value = read()
            yield from (value for _ in range(count))
        else:
            yield from (None for _ in range(reader.number()))
    while True:
        yield None


def _deltas(data: bytes) -> Iterator[int | None]:
    """Yield numbers that are stored as differences."""
    at = 0
    for step in _runs(data, signed=True):
        at += step or 0
        yield None if step is None else at


def _booleans(data: bytes) -> Iterator[bool]:
    """Yield booleans, which are stored as the lengths of runs; then false without end."""
    reader, value = _Reader(data), False
    while reader.at < len(data):
        yield from (value for _ in range(reader.number()))
        value = not value
    while True:
        yield False


def _values(columns: dict[int, bytes]) -> Iterator[Any]:
    reader = _Reader(columns.get(_VALUE, b""))
    for told in _runs(columns.get(_VALUE_KIND, b"")):
        yield None if told is None else _value(told & 15, reader.raw(told >> 4))


def _value(kind: int, data: bytes) -> Any:
    if kind in (0, 1, 2):
        return (None, False, True)[kind]
    reader = _Reader(data)
    if kind in (3, 4):
        number = reader.number() if kind == 3 else reader.signed()
        return number if abs(number) <= _EXACT else JSBigInt(number)
    if kind == 5:
        (double,) = struct.unpack("<d", data)
        return int(double) if double.is_integer() and (double or str(double)[0] != "-") else double
    if kind == 6:
        return data.decode("utf-8")
    if kind == 7:
        return JSView("Uint8Array", JSBuffer(data), 0, len(data))
    if kind == 8:
        return Counter(reader.signed())
    if kind == 9:
        return JSDate(float(reader.signed()))
    raise Strange(f"{kind} is no type of value")


def _inflated(data: bytes) -> bytes:
    reader = zlib.decompressobj(-15)
    found = reader.decompress(data, _LARGEST)
    if not reader.eof:
        raise Strange("compressed data end early, or are too large")
    return found


def _leb(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


class _Reader:
    """Reads numbers of seven bits a byte, and bytes; IndexError at the end."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def raw(self, size: int) -> bytes:
        found = self.data[self.at : self.at + size]
        if len(found) < size:
            raise IndexError(size)
        self.at += size
        return found

    def sized(self) -> bytes:
        return self.raw(self.number())

    def _leb(self) -> tuple[int, int, int]:
        number = shift = 0
        while True:
            one = self.data[self.at]
            self.at += 1
            number |= (one & 0x7F) << shift
            shift += 7
            if one < 0x80:
                return number, shift, one
            if shift > 63:
                raise Strange("a number is too large")

    def number(self) -> int:
        return self._leb()[0]

    def signed(self) -> int:
        number, shift, last = self._leb()
        return number - (1 << shift) if last & 0x40 else number
