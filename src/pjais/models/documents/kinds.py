"""The kinds of values in documents, the SQL types that follow from them, and values as a column holds them.

A value is in tagged JSON (docs/formats/tagged-json.md).  Its stored form depends on the value alone, never on what
else is in its column; only an integer among fractions becomes a REAL.  So a column's type may change later, when other
kinds of values come, and no stored value changes with it.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Iterable
from typing import Any, Literal

from pjais import canonical, tagged

Kind = Literal["boolean", "integer", "long", "number", "string", "date", "bigint", "bytes", "json"]

SQL = "sql:"
"""The beginning of the types of a column that came from SQL: what follows is its declared type, as it was."""

TAGGED = "tagged"
"""The type of a key column whose values are of several kinds that SQL cannot tell apart: tagged JSON texts."""

_ORDER: tuple[Kind, ...] = ("boolean", "integer", "long", "number", "string", "date", "bigint", "bytes", "json")
_DECLARED: dict[frozenset[str], str] = {
    frozenset({"boolean"}): "INTEGER",
    frozenset({"integer"}): "INTEGER",
    frozenset({"long"}): "INTEGER",
    frozenset({"integer", "long"}): "INTEGER",
    frozenset({"number"}): "REAL",
    frozenset({"integer", "number"}): "REAL",
    frozenset({"string"}): "TEXT",
    frozenset({"date"}): "TEXT",
    frozenset({"bytes"}): "BLOB",
    frozenset({"json"}): "TEXT",
    frozenset({TAGGED}): "TEXT",
}
_LEAST, _GREATEST = -(1 << 63), (1 << 63) - 1
_EXACT_REAL = 1 << 53
"""The greatest integer up to which a REAL holds each one; greater ones are of the kind `long`, never made a REAL."""
_SIMPLE: dict[type, Kind] = {bool: "boolean", str: "string", list: "json"}


def kind_of(value: Any) -> Kind | None:
    """Return the kind of a tagged value; None for what a column holds as NULL: null, undefined, NaN, an infinity."""
    found = _SIMPLE.get(type(value))
    if found is not None or value is None:
        return found
    if type(value) is int:
        return "integer" if abs(value) <= _EXACT_REAL else "long" if _LEAST <= value <= _GREATEST else "number"
    if type(value) is float:
        return "number" if math.isfinite(value) else None
    if type(value) is bytes:
        return "bytes"
    return _KINDS.get(_tag(value), "json")


_KINDS: dict[str, Kind | None] = {
    "$date": "date",
    "$bigint": "bigint",
    "$bytes": "bytes",
    "$text": "string",
    "$undefined": None,
    "$hole": None,
    "$zero": "number",
}


def _tag(value: dict[str, Any]) -> str:
    first = next(iter(value), "")
    if first == "$number":
        return "$undefined" if value[first] != "-0" else "$zero"
    return first if first[:1] == "$" and first[:2] != "$$" else ""


def is_object(value: Any) -> bool:
    """Return whether a tagged value is an object with properties, rather than a tag."""
    if type(value) is not dict:
        return False
    first = next(iter(value), "")
    return first[:1] != "$" or first[:2] == "$$"


def ordered(kinds: Iterable[str]) -> tuple[str, ...]:
    """Return kinds in a fixed order, without those that a wider one includes."""
    found = set(kinds)
    if "number" in found:
        found.discard("integer")
    return (*(one for one in _ORDER if one in found), *sorted(found - set(_ORDER)))


def declared(types: Iterable[str]) -> str:
    """Return the SQL type of a column that holds values of these kinds; empty for kinds that have none in common."""
    found = frozenset(types)
    if len(found) == 1 and (one := next(iter(found))).startswith(SQL):
        told = one.removeprefix(SQL)
        return "" if told.upper() == "ANY" else told  # of a STRICT table; elsewhere SQLite would read it as a number
    return _DECLARED.get(found, "")


_EXACT: dict[tuple[str, ...], tuple[str, ...]] = {("string",): ("TEXT", "CHAR", "CLOB"), ("integer",): ("INT",)}


def is_exact(sql_type: str, types: tuple[str, ...]) -> bool:
    """Return whether a column of a declared SQL type keeps values of these kinds as they are, and no others."""
    return any(part in sql_type.upper() for part in _EXACT.get(types, ()))


def is_text(types: tuple[str, ...]) -> bool:
    """Return whether a column's values are texts, whatever is written to it."""
    sql = types[0].startswith(SQL) and is_exact(types[0].removeprefix(SQL), ("string",)) if len(types) == 1 else False
    return types == ("string",) or sql


def as_stored(value: Any, *, real: bool = False, types: tuple[str, ...] = ()) -> Any:
    """Return a tagged value as a column of some types holds it; `real`: the column's numbers are REAL.

    Booleans are 0 and 1, dates ISO-8601 texts, big integers integers where they fit, objects and arrays JSON texts.
    """
    kind = type(value)
    if types == (TAGGED,):
        return json_text(value)
    if kind is str:
        return canonical.replace_surrogates(value)  # a damaged store's text; the document itself has it as it is
    if value is None:
        return value
    if kind is bool:
        return int(value)
    if kind is int:
        if real or not _LEAST <= value <= _GREATEST:
            return float(value) if abs(value) < 1 << 1023 else None
        return value
    if kind is float:
        return value if math.isfinite(value) else None
    if kind is bytes:
        return value
    return _of_object(value)


def _of_object(value: Any) -> Any:
    tag = _tag(value) if type(value) is dict else ""
    if tag in ("$undefined", "$hole"):
        return None
    if tag == "$zero":
        return 0.0  # as a REAL column of SQLite gives it back; the document itself has its sign
    if tag == "$date":
        at = value["$date"]
        return at if isinstance(at, str) or at is None else canonical.dumps(at["ms"])
    if tag == "$bigint":
        number = int(value["$bigint"])
        return number if _LEAST <= number <= _GREATEST else str(number)
    if tag == "$bytes":
        return _bytes(value)
    if tag == "$text":
        return canonical.replace_surrogates(str(tagged.untag(value)))
    return json_text(value)


def _bytes(value: dict[str, Any]) -> bytes:
    try:
        data = base64.b64decode(value["$bytes"])
    except (binascii.Error, TypeError, ValueError):
        return b""
    start = int(value.get("offset") or 0)
    length = value.get("length")
    return data[start:] if length is None else data[start : start + int(length)]


def json_text(value: Any) -> str:
    """Return tagged JSON as text: no spaces, lone surrogates escaped."""
    return canonical.dumps_plain(value)


def of_stored(held: Any, original: Any, types: Iterable[str]) -> Any:
    """Return the tagged value that an edited column means: as its kinds say, or as the original value was.

    `original` is None if the document had no such property.
    """
    if held is None:
        return None
    kinds = set(types)
    was = kind_of(original) if original is not None else None
    if type(held) is int and (was == "boolean" or kinds == {"boolean"}) and held in (0, 1):
        return bool(held)
    if type(held) is float and held.is_integer() and abs(held) < 1 << 53:
        return int(held)
    if type(held) is bytes:
        return {"$bytes": base64.b64encode(held).decode("ascii")}
    if type(held) is str:
        if was == "date" or kinds == {"date"}:
            return {"$date": held}
        if was == "bigint":
            return {"$bigint": held}
        if was == "json" or kinds in ({"json"}, {TAGGED}):
            try:
                return canonical.loads_plain(held)
            except ValueError:
                return held
        return tagged.tag(held)
    return {"$bigint": str(held)} if was == "bigint" else held
