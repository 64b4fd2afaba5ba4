"""Reverse RxDB's key compression from the stored schema.

`jsonschema-key-compression` replaces every property name of the schema that is longer than three characters by a
short one, in the order of UTF-16 code units.  On disk a compressed key `|a` is stored as `__a`.  The table must be
built from the very schema that the app compressed with, so callers check the result.
"""

from __future__ import annotations

import json
from typing import Any

_ALPHABET = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ123456789"
_IGNORED = frozenset({"_rev", "_attachments", "_deleted", "_meta"})
_SHORT = 3

FLAG = "|"
"""Prefix of a compressed key in RxDB; on disk it is `__`."""


def table(schema: dict[str, Any]) -> dict[str, str]:
    """Return compressed key (with its flag) -> property name, for all properties of a schema at any depth."""
    names: set[str] = set()
    _collect(schema, names)
    names -= _IGNORED | {primary_key(schema)}
    ordered = sorted((name for name in names if len(name) > _SHORT), key=lambda name: name.encode("utf-16-be"))
    return {FLAG + _letters(number): name for number, name in enumerate(ordered)}


def without(schema: dict[str, Any], paths: list[str], *, replace: bool) -> dict[str, Any]:
    """Return a schema whose encrypted fields lost their sub-schemas, or became plain strings."""
    copy: dict[str, Any] = json.loads(json.dumps(schema))
    for path in paths:
        *parents, last = path.split(".")
        inner = copy
        for name in parents:
            inner = inner.get("properties", {}).get(name, {})
        field = inner.get("properties", {}).get(last)
        if isinstance(field, dict):
            inner["properties"][last] = {"type": "string"}
            if not replace:
                inner["properties"][last] = {key: one for key, one in field.items() if key != "properties"}
    return copy


def primary_key(schema: dict[str, Any]) -> str:
    """Return the name of a schema's primary key, plain or composite; RxDB 9 marks it at its property."""
    properties = schema.get("properties")
    named = properties.items() if isinstance(properties, dict) and "primaryKey" not in schema else ()
    marked = next((name for name, one in named if isinstance(one, dict) and one.get("primary") is True), "id")
    key = schema.get("primaryKey", marked)
    return str(key.get("key", "id")) if isinstance(key, dict) else str(key)


def _collect(schema: Any, names: set[str]) -> None:
    if not isinstance(schema, dict):
        return
    properties = schema.get("properties")
    if isinstance(properties, dict):
        names.update(properties)
        for inner in properties.values():
            _collect(inner, names)
    items = schema.get("items")
    for inner in items if isinstance(items, list) else [items]:
        _collect(inner, names)


def _letters(number: int) -> str:
    """Return the number in the alphabet of 58 letters, where the second digit counts from 0 again."""
    digits = []
    while True:
        digits.append(_ALPHABET[number % 58])
        number = number // 58 - 1
        if number < 0:
            return "".join(reversed(digits))


def shown(key: str) -> str:
    """Return a stored key as RxDB shows it: each part that begins with `__` begins with `|`."""
    if "__" not in key:
        return key
    return ".".join(FLAG + part[2:] if part.startswith("__") else part for part in key.split("."))


def decompress(value: Any, names: dict[str, str]) -> Any:
    """Restore the names of a value's keys; keys that are not in the table stay as they are."""
    if isinstance(value, list):
        return [decompress(item, names) for item in value]
    if isinstance(value, dict):
        return {names.get(key, key): decompress(item, names) for key, item in value.items()}
    return value


def unknown_keys(value: Any, names: dict[str, str]) -> set[str]:
    """Return compressed keys of a value that the table lacks: a sign of the wrong table."""
    if isinstance(value, list):
        return set().union(*(unknown_keys(item, names) for item in value)) if value else set()
    if not isinstance(value, dict):
        return set()
    here = {key for key in value if key.startswith(FLAG) and key not in names}
    return here.union(*(unknown_keys(item, names) for item in value.values()))
