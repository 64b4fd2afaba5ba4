"""An update of Yjs (format 1) as the changes in it: what was inserted after what, and what was deleted.

    update   = clients, (structs, client, clock, struct...)..., deletions
    struct   = info byte, then an item, or the length of a range that is collected (0) or left out (10)
    item     = [left], [right], [parent: 1 and the name of a root, or 0 and an item], [key in a map], content

All numbers are of variable length, seven bits a byte.  Whatever the bytes are, nothing but Strange is raised.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from pjais.js_values import UNDEFINED, JSBigInt, JSBuffer, JSView
from pjais.sources.indexeddb.libraries import javascript_json
from pjais.sources.indexeddb.libraries.contract import Strange

GC, DELETED, JSON, BINARY, STRING, EMBED, FORMAT, TYPE, ANY, DOC, SKIP = range(11)
"""What a struct holds, by the low five bits of its first byte."""
ARRAY, MAP, TEXT, XML_ELEMENT, XML_FRAGMENT, XML_HOOK, XML_TEXT = range(7)
"""The shared types, by their numbers in a content of TYPE."""

_HAS_LEFT, _HAS_RIGHT, _HAS_KEY = 0x80, 0x40, 0x20
_LIMIT = 2**53


class Id(NamedTuple):
    """The place of one element: the client that made it, and how many it had made before."""

    client: int
    clock: int


class NewType(NamedTuple):
    """The content of an item that is a shared type; `name` of an XML element."""

    kind: int
    name: str = ""


@dataclass(eq=False, slots=True)
class Struct:
    """A run of elements of one client.

    `content` is UTF-16 bytes of STRING, a list of ANY and JSON, a pair of FORMAT, a value of the others.
    """

    client: int
    clock: int
    length: int
    kind: int
    content: Any = None
    left: Id | None = None
    right: Id | None = None
    parent: str | Id | None = None
    key: str | None = None


class Deletion(NamedTuple):
    """A range of elements that were deleted."""

    client: int
    clock: int
    length: int


def parse(data: bytes) -> tuple[list[Struct], list[Deletion]]:
    """Return the changes in an update.  Raises Strange."""
    reader = _Reader(data)
    try:
        return list(_structs(reader)), _deletions(reader)
    except (IndexError, struct.error):
        raise Strange("an update ends early") from None
    except RecursionError:
        raise Strange("a value in an update is nested too deeply") from None
    except Strange:
        raise
    except ValueError as error:
        raise Strange(f"a text in an update is damaged: {error}") from error


def _structs(reader: _Reader) -> list[Struct]:
    found = []
    for _ in range(reader.number()):
        count, client, clock = reader.number(), reader.number(), reader.number()
        for _ in range(count):
            made = _struct(reader, client, clock)
            clock += made.length
            if made.kind != SKIP:
                found.append(made)
    return found


def _struct(reader: _Reader, client: int, clock: int) -> Struct:
    info = reader.byte()
    kind = info & 0x1F
    if kind in (GC, SKIP):
        return Struct(client, clock, reader.length(), kind)
    made = Struct(client, clock, 1, kind)
    made.left = Id(reader.number(), reader.number()) if info & _HAS_LEFT else None
    made.right = Id(reader.number(), reader.number()) if info & _HAS_RIGHT else None
    if made.left is None and made.right is None:  # else its neighbour tells
        made.parent = reader.text() if reader.number() == 1 else Id(reader.number(), reader.number())
        made.key = reader.text() if info & _HAS_KEY else None
    if kind not in _CONTENT:
        raise Strange(f"{kind} is no kind of content")
    made.content = _CONTENT[kind](reader)
    if kind == DELETED:
        made.length, made.content = made.content, None
    elif kind == STRING:
        made.length = len(made.content) // 2
    elif kind in (ANY, JSON):
        made.length = len(made.content)
    if made.length < 1:
        raise Strange("a change has no elements")
    return made


def _deletions(reader: _Reader) -> list[Deletion]:
    found = []
    for _ in range(reader.number()):
        client = reader.number()
        found += [Deletion(client, reader.number(), reader.number()) for _ in range(reader.number())]
    if not reader.at_end():
        raise Strange("more bytes follow an update")
    return found


class _Reader:
    """Reads the numbers, texts and values of an update; IndexError, struct.error or ValueError at its end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def at_end(self) -> bool:
        return self._at == len(self._data)

    def byte(self) -> int:
        found = self._data[self._at]
        self._at += 1
        return found

    def number(self) -> int:
        return self._more(0, 0)

    def _more(self, number: int, shift: int) -> int:
        while True:
            one = self.byte()
            number |= (one & 0x7F) << shift
            shift += 7
            if number > _LIMIT or shift > 63:
                raise Strange("a number is too large")
            if one < 0x80:
                return number

    def length(self) -> int:
        found = self.number()
        if not found:
            raise Strange("a range has no elements")
        return found

    def signed(self) -> int | float:
        first = self.byte()
        size = self._more(first & 0x3F, 6) if first & 0x80 else first & 0x3F
        if first & 0x40:
            return -size if size else -0.0
        return size

    def bytes(self) -> bytes:
        size = self.number()
        found = self._data[self._at : self._at + size]
        if len(found) < size:
            raise IndexError(size)
        self._at += size
        return found

    def text(self) -> str:
        return self.bytes().decode("utf-8")

    def unpacked(self, form: str, size: int) -> Any:
        (found,) = struct.unpack_from(form, self._data, self._at)
        self._at += size
        return found

    def float(self, form: str, size: int) -> int | float:
        found: float = self.unpacked(form, size)
        return int(found) if found.is_integer() and (found or str(found)[0] != "-") else found

    def list(self, read: Callable[[_Reader], Any]) -> list[Any]:
        return [read(self) for _ in range(self.number())]

    def any(self) -> Any:
        kind = self.byte()
        if kind not in _ANY:
            raise Strange(f"{kind} is no type of value")
        return _ANY[kind](self)

    def members(self) -> dict[str, Any]:
        return {self.text(): self.any() for _ in range(self.number())}

    def array(self) -> JSView:
        data = self.bytes()
        return JSView("Uint8Array", JSBuffer(data), 0, len(data))

    def json(self) -> Any:
        text = self.text()
        return UNDEFINED if text == "undefined" else javascript_json.parse(text)

    def new_type(self) -> NewType:
        kind = self.number()
        if kind > XML_TEXT:
            raise Strange(f"{kind} is no shared type")
        return NewType(kind, self.text() if kind in (XML_ELEMENT, XML_HOOK) else "")


_ANY: dict[int, Callable[[_Reader], Any]] = {
    127: lambda _: UNDEFINED,
    126: lambda _: None,
    125: _Reader.signed,
    124: lambda reader: reader.float(">f", 4),
    123: lambda reader: reader.float(">d", 8),
    122: lambda reader: JSBigInt(reader.unpacked(">q", 8)),
    121: lambda _: False,
    120: lambda _: True,
    119: _Reader.text,
    118: _Reader.members,
    117: lambda reader: reader.list(_Reader.any),
    116: _Reader.array,
}
_CONTENT: dict[int, Callable[[_Reader], Any]] = {
    DELETED: _Reader.length,
    JSON: lambda reader: reader.list(_Reader.json),
    BINARY: _Reader.array,
    STRING: lambda reader: reader.text().encode("utf-16-le"),
    EMBED: _Reader.json,
    FORMAT: lambda reader: (reader.text(), reader.json()),
    TYPE: _Reader.new_type,
    ANY: lambda reader: reader.list(_Reader.any),
    DOC: lambda reader: {"guid": reader.text(), "options": reader.any()},
}
