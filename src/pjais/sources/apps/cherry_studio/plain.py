"""Make JSON of JavaScript values as the app's own backup does (`JSON.stringify`), so that all versions give the same.

What JSON has no word for (Blobs, bytes, Maps) is kept in tagged JSON.
"""

from __future__ import annotations

import math
from typing import Any

from pjais import instants, tagged
from pjais.js_values import HOLE, UNDEFINED, JSArray, JSDate, JSObjectOf


def plain(value: Any) -> Any:
    """Return the JSON value of a JavaScript value.  Raises RecursionError for one that contains itself."""
    kind = type(value)
    if kind is dict:
        return {key: plain(one) for key, one in value.items() if one is not UNDEFINED}
    if kind is list:
        return [plain(one) for one in value]
    if kind is JSArray and not value.properties:
        return [plain(one) for one in value.items]
    if kind is float:
        return None if not math.isfinite(value) else value or 0
    if kind is JSDate:
        return _date(value.ms)
    if kind is JSObjectOf:
        return plain(value.value)
    if value is UNDEFINED or value is HOLE:
        return None
    if kind is str or value is None or kind in (bool, int):
        return value
    return tagged.tag(value)


def _date(ms: float) -> str | None:
    if not math.isfinite(ms) or abs(ms) > instants.LIMIT_MS:
        return None
    return instants.to_text(int(ms))
