"""Firestore's values: what the persistent cache stores for each, and the plain value that it is.

Null, booleans, numbers, text, arrays and maps are what they are; bytes are a Uint8Array.  Timestamps, geo points,
references and vectors are objects with a `type`, as the library's own `toJSON` makes them.
"""

from __future__ import annotations

import base64
import math
import re
from calendar import timegm
from collections.abc import Callable
from typing import Any

from pjais.js_values import JSBigInt, JSBuffer, JSView
from pjais.sources.indexeddb.libraries.contract import Strange

TIMESTAMP = "firestore/timestamp/1.0"
GEO_POINT = "firestore/geoPoint/1.0"
REFERENCE = "firestore/documentReference/1.0"
VECTOR = "firestore/vectorValue/1.0"
SERVER_TIMESTAMP = "server_timestamp"
"""The `type` of a time that only the server will set, in a document that is not yet written there."""

_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf, "-0": -0.0}
_INSTANT = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?Z")
_WHOLE = re.compile(r"-?\d{1,19}")
_EXACT = 2**53


def fields(stored: Any) -> dict[str, Any]:
    """Return the fields of a document or map as plain values; none if they are left out.  Raises Strange."""
    if stored is None:
        return {}
    if type(stored) is not dict:
        raise Strange("its fields are no object")
    try:
        return {name: value(one) for name, one in stored.items()}
    except RecursionError:
        raise Strange("its fields are nested too deeply") from None


def value(stored: Any) -> Any:
    """Return a value.  Raises Strange for a type that this cache does not have."""
    if type(stored) is not dict or len(stored) != 1:
        raise Strange("a value has not exactly one type")
    ((kind, content),) = stored.items()
    if kind not in _READ:
        raise Strange(f"{str(kind)[:40]!r} is no type of value")
    return _READ[kind](content)


def path(name: Any) -> str:
    """Return the path of a document, such as `rooms/a`, from its full name.  Raises Strange."""
    parts = name.split("/") if type(name) is str else []
    if len(parts) < 7 or not len(parts) % 2 or (parts[0], parts[2], parts[4]) != ("projects", "databases", "documents"):
        raise Strange("a name of a document has not the form projects/P/databases/D/documents/...")
    return "/".join(parts[5:])


def timestamp(stored: Any) -> dict[str, Any]:
    """Return an instant from its text, or from its seconds and nanoseconds.  Raises Strange."""
    if type(stored) is dict:
        seconds, nanoseconds = _whole(stored.get("seconds", 0)), _whole(stored.get("nanos", 0))
    else:
        found = _INSTANT.fullmatch(stored) if type(stored) is str else None
        if found is None:
            raise Strange("a timestamp is no instant")
        *parts, fraction = found.groups()
        try:
            seconds = timegm(tuple(map(int, parts)))
        except ValueError as error:
            raise Strange(f"a timestamp is no instant: {error}") from error
        nanoseconds = int((fraction or "").ljust(9, "0"))
    return {"type": TIMESTAMP, "seconds": seconds, "nanoseconds": nanoseconds}


def _whole(stored: Any) -> int:
    if type(stored) is str and _WHOLE.fullmatch(stored):
        return int(stored)
    if type(stored) is not int:
        raise Strange("a whole number is due")
    return stored


def _integer(stored: Any) -> int | float | JSBigInt:
    """Return a number of 64 bits; one that JavaScript cannot hold exactly as JSBigInt, where the library rounds it."""
    if type(stored) is float:
        return _double(stored)
    number = _whole(stored)
    return number if abs(number) <= _EXACT else JSBigInt(number)


def _double(stored: Any) -> int | float:
    if type(stored) is str and stored in _SPECIAL:
        return _SPECIAL[stored]
    if type(stored) not in (int, float):
        raise Strange("a double is no number")
    number: int | float = stored
    return number


def _bytes(stored: Any) -> JSView:
    if isinstance(stored, JSView):
        return stored
    try:
        data = base64.b64decode(stored, validate=True) if type(stored) is str else None
    except ValueError as error:
        raise Strange(f"bytes are no base64: {error}") from error
    if data is None:
        raise Strange("bytes are neither text nor an array")
    return JSView("Uint8Array", JSBuffer(data), 0, len(data))


def _geo_point(stored: Any) -> dict[str, Any]:
    if type(stored) is not dict:
        raise Strange("a geo point is no object")
    at = {name: _double(stored.get(name, 0)) for name in ("latitude", "longitude")}
    return {"type": GEO_POINT, **at}


def _array(stored: Any) -> list[Any]:
    values = stored.get("values", []) if type(stored) is dict else None
    if type(values) is not list:
        raise Strange("an array has no list of values")
    return [value(one) for one in values]


def _map(stored: Any) -> Any:
    if type(stored) is not dict:
        raise Strange("a map is no object")
    inside = fields(stored.get("fields"))
    kind = inside.get("__type__")
    if kind == "__vector__" and type(inside.get("value")) is list:
        return {"type": VECTOR, "vectorValues": inside["value"]}
    if kind == "server_timestamp":
        return {"type": SERVER_TIMESTAMP}
    return inside


def _of_type(kind: type, what: str) -> Callable[[Any], Any]:
    def read(stored: Any) -> Any:
        if type(stored) is not kind:
            raise Strange(f"a {what} is none")
        return stored

    return read


def _null(stored: Any) -> None:
    if stored not in (None, "NULL_VALUE", 0):
        raise Strange("a null is none")


_READ: dict[str, Callable[[Any], Any]] = {
    "nullValue": _null,
    "booleanValue": _of_type(bool, "boolean"),
    "integerValue": _integer,
    "doubleValue": _double,
    "timestampValue": timestamp,
    "stringValue": _of_type(str, "text"),
    "bytesValue": _bytes,
    "referenceValue": lambda stored: {"type": REFERENCE, "referencePath": path(stored)},
    "geoPointValue": _geo_point,
    "arrayValue": _array,
    "mapValue": _map,
}
