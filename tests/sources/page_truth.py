"""What a page saw of its own IndexedDB, as the goldens' `expected.json.gz` has it, and the same of our values."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pjais.js_values import (
    HOLE,
    UNDEFINED,
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

_LONG = 2048


def expected(folder: Path) -> list[dict[str, Any]]:
    """Return what the page of each origin of a golden profile saw."""
    with gzip.open(folder / "expected.json.gz") as file:
        return [one["truth"] for one in json.load(file)["origins"]]


def _bytes(data: bytes) -> Any:
    if len(data) > _LONG:
        return {"n": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    return base64.b64encode(data).decode()


def _text(text: str) -> Any:
    units = text.encode("utf-16-le", "surrogatepass")
    if len(units) // 2 > _LONG:
        return {"$": "long", "n": len(units) // 2, "sha256": hashlib.sha256(units).hexdigest()}
    if any("\ud800" <= one <= "\udfff" for one in text):
        return {"$": "units", "v": [int.from_bytes(units[at : at + 2], "little") for at in range(0, len(units), 2)]}
    return text


def _number(value: float) -> Any:
    if math.isfinite(value) and (value or math.copysign(1, value) > 0):
        return value
    told = "NaN" if value != value else "-0" if not value else "Infinity" if value > 0 else "-Infinity"
    return {"$": "num", "v": told}


class Seen:
    """One value in the form of the goldens; `blobs` are the bytes of its Blobs."""

    def __init__(self, blobs: Mapping[str, bytes]) -> None:
        self._blobs = blobs
        self._met: dict[int, int] = {}

    def of(self, value: Any) -> Any:
        """Return the form of a value."""
        if value is UNDEFINED:
            return {"$": "undefined"}
        if value is HOLE:
            return {"$": "hole"}
        if value is None or isinstance(value, bool | int):
            return value
        if isinstance(value, float):
            return _number(value)
        if isinstance(value, str):
            return _text(value)
        if isinstance(value, JSBigInt):
            return {"$": "bigint", "v": str(value.value)}
        if id(value) in self._met:
            return {"$": "ref", "v": self._met[id(value)]}
        self._met[id(value)] = len(self._met)
        return self._object(value)

    def _object(self, value: Any) -> Any:
        if isinstance(value, JSDate):
            return {"$": "date", "v": None if math.isnan(value.ms) else int(value.ms)}
        if isinstance(value, JSRegExp):
            return {"$": "regexp", "s": value.source, "f": value.flags}
        if isinstance(value, JSObjectOf):
            return {"$": "boxed", "v": self.of(value.value)}
        if isinstance(value, JSBlob):
            told = {"type": value.type, "v": _bytes(self._blobs[str(value.sha256)])}
            if value.name is None:
                return {"$": "blob", **told}
            return {"$": "file", "name": value.name, "lm": value.last_modified, **told}
        if isinstance(value, JSBuffer):
            return {"$": "buffer", "v": _bytes(value.data)}
        if isinstance(value, JSView):
            size = len(value.buffer.data)
            told = {"k": value.kind, "off": value.offset, "len": value.length, "buf": size}
            return {"$": "view", **told, "v": _bytes(value.data)}
        if isinstance(value, JSError):
            cause = {} if value.cause is HOLE else {"cause": self.of(value.cause)}
            return {"$": "error", "name": value.name, "message": value.message or "", **cause}
        if isinstance(value, JSMap):
            return {"$": "map", "v": [[self.of(key), self.of(item)] for key, item in value.items]}
        if isinstance(value, JSSet):
            return {"$": "set", "v": [self.of(item) for item in value.items]}
        if isinstance(value, JSHost):
            return {"$": "other", "v": f"[object {value.kind}]"}
        if isinstance(value, JSArray):
            items = [self.of(item) for item in value.items]
            return {"$": "array", "v": items, "props": {key: self.of(item) for key, item in value.properties.items()}}
        if isinstance(value, list):
            return [self.of(item) for item in value]
        pairs = [[_text(key), self.of(item)] for key, item in value.items()]
        odd = any(key in ("$", "__proto__") or not isinstance(key, str) for key, _ in pairs)
        return {"$": "object", "v": pairs} if odd else dict(pairs)
