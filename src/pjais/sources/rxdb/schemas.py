"""The hash by which RxDB recognises a collection's schema: `importJSON()` refuses a dump with another one.

RxDB stores the schema in its normal form, and its hash is SHA-256 over the JSON text of that.  15, 16 and 17 have the
same form; 14 lacks what they add to each index.  12 and 13 sort `required`: the app's own order is lost, and with it
the hash that a later version computes.  Up to 11 the form is another one.
"""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from typing import Any

from pjais.sources.rxdb.keys import primary_key

_LWT = "_meta.lwt"


def schema_hash(schema: dict[str, Any], major: int) -> str | None:
    """Return the hash that RxDB 15 to 17 have for a stored schema, None if that cannot be known.

    `major` is the version that stored it; 14 stands for all earlier ones, too.
    """
    required = schema.get("required")
    if major < 15 and not (isinstance(required, list) and "_deleted" in required and required[0] != "_attachments"):
        return None
    form = schema if major >= 15 else _as_15(schema)
    return hashlib.sha256(_stringified(form).encode("utf-8", "surrogatepass")).hexdigest()


def _as_15(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema of 12 to 14 in the normal form of 15: `_deleted` begins each index, one more is by time."""
    primary = primary_key(schema)
    indexes = [["_deleted", *one] for one in map(_listed, schema.get("indexes") or ()) if _LWT not in one]
    indexes = indexes or [["_deleted", primary]]
    return {**schema, "indexes": [*indexes, [_LWT, primary]]}


def _listed(index: Any) -> list[str]:
    return [str(one) for one in index] if isinstance(index, list) else [str(index)]


def _stringified(value: Any) -> str:
    """Return the text that JavaScript's JSON.stringify() gives for a JSON value."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{_text(key)}:{_stringified(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_stringified, value)) + "]"
    return _number(value) if isinstance(value, float) else _text(value)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _number(value: float) -> str:
    """Return a number as JavaScript writes it: an exponent only below 1e-6 and from 1e21 on."""
    if value == 0 or 1e-6 <= abs(value) < 1e21:
        return f"{Decimal(repr(value or 0.0)):f}".removesuffix(".0")
    mantissa, _, exponent = repr(value).partition("e")
    return f"{mantissa.removesuffix('.0')}e{exponent[0]}{exponent[1:].lstrip('0')}"
