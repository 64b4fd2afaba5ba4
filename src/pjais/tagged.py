"""Tagged JSON: one JSON text for every value that an app can store, and back.

JSON has no Date, no undefined, no NaN, no bytes, no cycles.  Such a value becomes an object whose first key begins
with `$` (docs/formats/tagged-json.md); a real key that begins with `$` gets one more.  `loads(dumps(value))` is the
value again, for all of `pjais.js_values`, for bytes (of SQLite), and for objects that occur twice or contain
themselves.  Only a buffer that two views share comes back once for each of them.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Callable, Sequence
from typing import Any

from pjais import instants
from pjais.js_values import (
    HOLE,
    UNDEFINED,
    BlobRef,
    JSArray,
    JSBigInt,
    JSBlob,
    JSBuffer,
    JSDate,
    JSError,
    JSHost,
    JSMap,
    JSObjectOf,
    JSRegExp,
    JSSet,
    JSView,
)

_NUMBERS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf, "-0": -0.0}
_FIRST, _LAST = -62135596800000, 253402300799999
"""The milliseconds of the years 1 to 9999, which ISO-8601 writes with four digits."""
_ATOMS = frozenset({bool, int, type(None)})
_SURROGATE = re.compile("[\ud800-\udfff]")
_LIKE_JSON = re.compile(r'[0-9+.eE-]*|["\[{].*', re.DOTALL)
"""Texts that could be mistaken for the JSON of a key."""

_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def dumps(value: Any) -> str:
    """Return the tagged JSON of a value: no spaces, non-ASCII characters as they are.

    Raises RecursionError for values that are nested too deeply, TypeError for a type that no source yields.
    """
    text = _encoder.encode(tag(value))
    return text if text.isascii() else _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def loads(text: str) -> Any:
    """Return the value of a tagged JSON text.  Raises ValueError for a text that is none."""
    return untag(json.loads(text))


def tag(value: Any, blobs: Sequence[JSBlob | JSHost] = ()) -> Any:
    """Return a value as plain JSON values, tags included: what `dumps` writes.

    `blobs` are what the BlobRefs of a value that was just read stand for.
    """
    if type(value) is str and value.isascii():
        return value
    return _Tagger(blobs).tag(value)


def untag(value: Any) -> Any:
    """Return the value that plain JSON values with tags stand for; the inverse of `tag`.  Raises ValueError."""
    return _Untagger().untag(value)


def key_text(key: Any) -> str:
    """Return the text that stands for a key of IndexedDB; those of different keys differ.

    A text is itself, every other key its tagged JSON.  A text that could be mistaken for such JSON is a JSON string.
    """
    form = tag(key)
    return form if type(form) is str and not _LIKE_JSON.fullmatch(form) else dumps(key)


def key_of_text(text: str) -> Any:
    """Return the key, in tagged JSON, that a text of `key_text` stands for."""
    try:
        return json.loads(text) if _LIKE_JSON.fullmatch(text) else text
    except ValueError:
        return text


class _Tagger:
    """One value being written, with the objects that were met, by identity, numbered in document order."""

    def __init__(self, blobs: Sequence[JSBlob | JSHost]) -> None:
        self._met: dict[int, int] = {}
        self._blobs = blobs

    def tag(self, value: Any) -> Any:
        """Return the tagged form of a value."""
        kind = type(value)
        if kind is str:
            return value if value.isascii() or _SURROGATE.search(value) is None else {"$text": _units(value)}
        if kind in _ATOMS:
            return value
        if kind is float:
            return value if math.isfinite(value) and (value or math.copysign(1, value) > 0) else _number(value)
        if value is UNDEFINED:
            return {"$undefined": True}
        if value is HOLE:
            return {"$hole": True}
        if kind is JSBigInt:
            return {"$bigint": str(value.value)}
        if kind is bytes:
            return {"$bytes": _base64(value)}
        if (number := self._met.get(id(value))) is not None:
            return {"$ref": number}
        self._met[id(value)] = len(self._met)
        if kind is dict:
            return self._members(value)
        if kind is list:
            return [item if type(item) in _ATOMS else self.tag(item) for item in value]
        if kind in _LEAVES:
            return _LEAVES[kind](value)
        if kind is JSArray:
            return {"$array": [self.tag(item) for item in value.items], "properties": self._members(value.properties)}
        if kind is JSMap:
            return {"$map": [[self.tag(key), self.tag(item)] for key, item in value.items]}
        if kind is JSSet:
            return {"$set": [self.tag(item) for item in value.items]}
        if kind is JSError:
            return {"$error": self._error(value)}
        if kind is BlobRef:
            return self._blob(value)
        raise TypeError(f"no tagged form for {kind.__name__}")

    def _members(self, value: dict[str, Any]) -> dict[str, Any]:
        form: dict[str, Any] = {}
        for key, item in value.items():
            kind = type(item)  # what is its own form goes without a call, as most values do
            itself = item.isascii() if kind is str else kind in _ATOMS
            form[f"${key}" if key[:1] == "$" else key] = item if itself else self.tag(item)
        return form

    def _blob(self, ref: BlobRef) -> dict[str, Any]:
        found = self._blobs[ref.index] if ref.index < len(self._blobs) else JSBlob(None, "", 0)
        if isinstance(found, JSBlob) and ref.type is not None:
            found = found._replace(type=ref.type, name=ref.name, last_modified=ref.last_modified)
        tagged: dict[str, Any] = _LEAVES[type(found)](found)
        return tagged

    def _error(self, error: JSError) -> dict[str, Any]:
        told = {"name": error.name, "message": error.message, "stack": error.stack}
        found = {name: self.tag(text) for name, text in told.items() if text is not None}
        return found if error.cause is HOLE else {**found, "cause": self.tag(error.cause)}


def _number(value: float) -> dict[str, str]:
    return {"$number": "NaN" if value != value else "-0" if not value else "Infinity" if value > 0 else "-Infinity"}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _units(text: str) -> list[int]:
    data = text.encode("utf-16-le", "surrogatepass")
    return [int.from_bytes(data[at : at + 2], "little") for at in range(0, len(data), 2)]


def _date(value: JSDate) -> dict[str, Any]:
    ms = value.ms
    if ms != ms:
        return {"$date": None}
    if not float(ms).is_integer() or not _FIRST <= ms <= _LAST or (not ms and math.copysign(1, ms) < 0):
        return {"$date": {"ms": ms}}
    return {"$date": instants.to_text(int(ms))}


def _buffer(value: JSBuffer) -> dict[str, Any]:
    told: dict[str, Any] = {"$bytes": _base64(value.data), "type": "ArrayBuffer"}
    return told if value.max_length is None else {**told, "maxLength": value.max_length}


def _view(value: JSView) -> dict[str, Any]:
    told = {**_buffer(value.buffer), "type": value.kind}
    if value.length_tracking:
        return {**told, "offset": value.offset}
    if value.offset or value.length != len(value.buffer.data):
        return {**told, "offset": value.offset, "length": value.length}
    return told


def _blob(value: JSBlob) -> dict[str, Any]:
    told: dict[str, Any] = {"sha256": value.sha256, "type": value.type, "size": value.size}
    if value.name is not None:
        told["name"] = tag(value.name)
    if value.last_modified is not None:
        told["lastModified"] = tag(value.last_modified)
    return {"$blob": told}


_LEAVES: dict[type, Callable[[Any], dict[str, Any]]] = {
    JSDate: _date,
    JSBuffer: _buffer,
    JSView: _view,
    JSBlob: _blob,
    JSRegExp: lambda value: {"$regexp": [tag(value.source), value.flags]},
    JSObjectOf: lambda value: {"$boxed": tag(value.value)},
    JSHost: lambda value: {"$host": value.kind, "data": _base64(value.data)},
}
"""The forms of objects that hold no others."""


class _Unfinished:
    """Stands for a Map, Set, Error or array that is referred to before its end; `sites` then get the finished one."""

    def __init__(self) -> None:
        self.sites: list[tuple[Any, Any]] = []


class _Untagger:
    """One value being read, with the objects in it by their numbers."""

    def __init__(self) -> None:
        self._objects: list[Any] = []

    def untag(self, value: Any) -> Any:
        """Return the value of a tagged form."""
        if type(value) is list:
            items: list[Any] = []
            self._objects.append(items)
            self._fill(items, value)
            return items
        if type(value) is not dict:
            return value
        name = next(iter(value), "")
        if name[:1] == "$" and name[:2] != "$$":
            return self._tagged(name, value)
        members: dict[str, Any] = {}
        self._objects.append(members)
        self._fill_members(members, value)
        return members

    def _put(self, box: Any, key: Any, value: Any) -> None:
        box[key] = found = self.untag(value)
        if type(found) is _Unfinished:
            found.sites.append((box, key))

    def _fill(self, items: list[Any], values: list[Any]) -> None:
        for value in values:
            items.append(None)
            self._put(items, len(items) - 1, value)

    def _fill_members(self, members: dict[str, Any], values: dict[str, Any]) -> None:
        for key, value in values.items():
            self._put(members, key[1:] if key[:1] == "$" else key, value)

    def _tagged(self, name: str, value: dict[str, Any]) -> Any:
        content = value[name]
        try:
            if name in _PRIMITIVES:
                return _PRIMITIVES[name](content)
            if name == "$ref":
                if content < 0:
                    raise IndexError(content)
                return self._objects[content]
            if name == "$bytes" and "type" not in value:
                return base64.b64decode(content, validate=True)
            if name in _SIMPLE:
                found = _SIMPLE[name](value)
                self._objects.append(found)
                return found
            return self._finish(name, content, value)
        except (KeyError, TypeError, AttributeError, IndexError, OverflowError, ValueError) as error:
            raise ValueError(f"no tagged value: {name} of {str(content)[:40]!r}") from error

    def _finish(self, name: str, content: Any, value: dict[str, Any]) -> Any:
        """Return what is a tuple here, so that it exists only when its content does."""
        number, pending = len(self._objects), _Unfinished()
        self._objects.append(pending)
        made = self._made(name, content, value)
        for box, key in pending.sites:
            box[key] = made
        self._objects[number] = made
        return made

    def _made(self, name: str, content: Any, value: dict[str, Any]) -> Any:
        if name == "$map":
            return JSMap(tuple((self._whole(key), self._whole(item)) for key, item in content))
        if name == "$set":
            return JSSet(tuple(self._whole(item) for item in content))
        if name == "$error":
            told = {key: self._whole(item) for key, item in content.items()}
            return JSError(**told)
        if name != "$array":
            raise ValueError("an unknown tag")
        made = JSArray([], {})
        self._fill(made.items, content)
        self._fill_members(made.properties, value["properties"])
        return made

    def _whole(self, value: Any) -> Any:
        found = self.untag(value)
        if type(found) is _Unfinished:
            raise ValueError("a Map, Set or Error contains itself other than through an object")
        return found


def _text_of(units: list[int]) -> str:
    return b"".join(unit.to_bytes(2, "little") for unit in units).decode("utf-16-le", "surrogatepass")


def _true(value: Any, meaning: Any) -> Any:
    if value is not True:
        raise ValueError("true is due")
    return meaning


def _date_of(content: Any) -> JSDate:
    if content is None:
        return JSDate(math.nan)
    ms = content["ms"] if type(content) is dict else instants.from_canonical(content)
    if ms is None:
        raise ValueError("an ISO-8601 date with milliseconds and Z is due")
    return JSDate(float(ms))


def _bytes_of(value: dict[str, Any]) -> JSBuffer | JSView:
    data = base64.b64decode(value["$bytes"], validate=True)
    buffer = JSBuffer(data, value.get("maxLength"))
    if value["type"] == "ArrayBuffer":
        return buffer
    if "offset" not in value:
        return JSView(value["type"], buffer, 0, len(data))
    offset, tracks = int(value["offset"]), "length" not in value
    length = _tracked(value["type"], len(data) - offset) if tracks else int(value["length"])
    if min(offset, length) < 0 or offset + length > len(data):
        raise ValueError("a view reaches beyond its buffer")
    return JSView(value["type"], buffer, offset, length, tracks)


_WIDTHS = {"16": 2, "32": 4, "64": 8}


def _tracked(kind: str, rest: int) -> int:
    """Return how many bytes a view shows that has no length of its own: as many whole elements as there are."""
    width = next((width for bits, width in _WIDTHS.items() if bits in kind), 1)
    return rest // width * width


def _blob_of(told: dict[str, Any]) -> JSBlob:
    name = told.get("name")
    return JSBlob(told["sha256"], told["type"], told["size"], untag(name), untag(told.get("lastModified")))


_PRIMITIVES: dict[str, Callable[[Any], Any]] = {
    "$number": _NUMBERS.__getitem__,
    "$undefined": lambda content: _true(content, UNDEFINED),
    "$hole": lambda content: _true(content, HOLE),
    "$bigint": lambda content: JSBigInt(int(content)),
    "$text": _text_of,
}
_SIMPLE: dict[str, Callable[[dict[str, Any]], Any]] = {
    "$date": lambda value: _date_of(value["$date"]),
    "$bytes": _bytes_of,
    "$blob": lambda value: _blob_of(value["$blob"]),
    "$regexp": lambda value: JSRegExp(untag(value["$regexp"][0]), value["$regexp"][1]),
    "$boxed": lambda value: JSObjectOf(untag(value["$boxed"])),
    "$host": lambda value: JSHost(value["$host"], base64.b64decode(value["data"], validate=True)),
}
"""Tags of objects that hold no others, so that no reference can lead into them."""
