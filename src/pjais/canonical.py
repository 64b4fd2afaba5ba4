"""Canonical JSON: one text for each value, and one digest for each record.

JSON columns, exports and digests all go through `dumps` and `loads`, which round-trip every value that a
source can hold, even those that JSON lacks: NaN and the infinities, bytes, lone surrogates, integers of any size.
These are tagged: `{"$number": "NaN"}`, `{"$bytes": "<base64>"}`; a user's dict that looks like a tag gets one more
`$`.  Python's 1, 1.0 and True stay distinct; -0.0 stays -0.0.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

_TAG = re.compile(r"\$+(?:number|bytes)")
_TAG_IN_TEXT = re.compile(r'"\$+(?:number|bytes)"')
_BRACKET = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)
_MARK = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{},:]', re.DOTALL)
_OTHERWISE_WRITTEN = ("e", "n", "0.0000")
"""Signs of values that the two encoders write differently: possible exponents, and NaN (null)."""
_TEXTS, _NUMERIC = frozenset({str}), frozenset({int, float})
_SURROGATE = re.compile("[\ud800-\udfff]")
_CONTAINERS = (dict, list)
_NUMBERS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def tag_bytes(value: object) -> dict[str, str]:
    """Return bytes in their tagged form.  Raises TypeError for any other value that JSON lacks."""
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode("ascii")}
    raise TypeError(f"no canonical form for {type(value).__name__}")


_options: dict[str, Any] = {"ensure_ascii": False, "allow_nan": False, "separators": (",", ":")}
_plain = json.JSONEncoder(**_options, default=tag_bytes).encode
_sorted = json.JSONEncoder(**_options, default=tag_bytes, sort_keys=True).encode
_loads = json.JSONDecoder().decode


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


_strict = json.JSONDecoder(parse_constant=_no_constant).decode


@cache
def _orjson() -> Any:
    import orjson  # imported late: it loads a dozen modules of its own, and a store opens without

    return orjson


def dumps(value: Any, *, sort: bool = False) -> str:
    """Return the canonical JSON text of a value: no spaces, non-ASCII unescaped, lone surrogates escaped.

    Keys keep their order, as the source wrote them; `sort=True` sorts them (exports).
    Raises RecursionError for values nested deeper than the interpreter allows.
    """
    if type(value) is list and (quick := _quick(value)) is not None:
        return quick
    encode = _sorted if sort else _plain
    try:
        text = encode(value)
    except ValueError:
        text = encode(_tagged(value))
    else:
        if '"$' in text and _TAG_IN_TEXT.search(text):
            text = encode(_tagged(value))
    if not text.isascii():
        text = _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
    return text


def _quick(value: list[Any]) -> str | None:
    """Encode a list of texts or of numbers, if the fast encoder's output equals the exact one's."""
    kinds = set(map(type, value))
    if kinds != _TEXTS and not kinds <= _NUMERIC:
        return None
    try:
        text = _orjson().dumps(value).decode()
    except TypeError:  # a lone surrogate, an integer beyond 64 bits
        return None
    return text if str in kinds or not any(mark in text for mark in _OTHERWISE_WRITTEN) else None


def dumps_plain(value: Any) -> str:
    """Return the JSON text of a value from another program's JSON: no tags are written or escaped."""
    if type(value) is str:
        quick = _quick([value])
        if quick is not None:
            return quick[1:-1]
    elif type(value) is list and (quick := _quick(value)) is not None:
        return quick
    text = _plain(value)
    if not text.isascii():
        text = _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
    return text


def loads(text: str) -> Any:
    """Parse a canonical JSON text; the inverse of `dumps`.  Raises ValueError for invalid JSON."""
    value = _loads(text)
    return _untagged(value) if '"$' in text and _TAG_IN_TEXT.search(text) else value


DEPTH = 200
"""The deepest nesting of JSON that is read: far beyond what the app writes, safe for everything that follows."""


def deeper_than(text: str, limit: int = DEPTH) -> bool:
    """Return whether a JSON text is nested deeper than `limit`; brackets inside strings do not count."""
    if text.count("[") + text.count("{") <= limit:
        return False
    depth = 0
    for token in _BRACKET.finditer(text):
        depth += (token[0] in ("[", "{")) - (token[0] in ("]", "}"))
        if depth > limit:
            return True
    return False


def nested_deeper(value: Any, limit: int = DEPTH) -> bool:
    """Return whether a JSON value is nested deeper than `limit`: what `deeper_than` says of its text."""
    level = [value] if type(value) in _CONTAINERS else []
    for _ in range(limit):
        if not level:
            return False
        inside = (one.values() if type(one) is dict else one for one in level)
        level = [item for items in inside for item in items if type(item) in _CONTAINERS]
    return bool(level)


def untag(value: Any) -> Any:
    """Decode the tags in a value of our own JSON."""
    return _untagged(value)


def loads_plain(text: str) -> Any:
    """Parse a JSON text of another program: tags are not decoded."""
    return _parsed(text, _loads)


def loads_strict(text: str) -> Any:
    """Do the same, and raise ValueError for NaN and the infinities, too, which are no JSON."""
    return _parsed(text, _strict)


def _parsed(text: str, exact: Callable[[str], Any]) -> Any:
    """Parse a JSON text with the fast parser, where it gives the same as the exact one.

    It refuses some texts (a lone surrogate, 1e400), and makes an integer beyond 64 bits a float.
    """
    try:
        value = _orjson().loads(text)
        differs = _holds_huge(value.values() if type(value) is dict else (value,))
    except (ValueError, RecursionError):
        differs = True
    return exact(text) if differs else value


def _holds_huge(values: Iterable[Any]) -> bool:
    """Return whether a float that may have been an integer beyond 64 bits is among values, at any depth."""
    for one in values:
        kind = type(one)
        if kind is str or kind is int:
            continue
        if kind is float:
            if abs(one) >= _HUGE:
                return True
        elif (kind is list and _holds_huge(one)) or (kind is dict and _holds_huge(one.values())):
            return True
    return False


_HUGE = 1 << 63


def _tagged(value: Any) -> Any:
    if isinstance(value, dict):
        escape = len(value) == 1 and _TAG.fullmatch(next(iter(value)))
        return {f"${key}" if escape else key: _tagged(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_tagged(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"$number": "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"}
    return value


def _untagged(value: Any) -> Any:
    if isinstance(value, list):
        return [_untagged(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((key, item),) = value.items()
        if key == "$number" and isinstance(item, str) and item in _NUMBERS:
            return _NUMBERS[item]
        if key == "$bytes" and isinstance(item, str):
            return base64.b64decode(item)
        if _TAG.fullmatch(key):
            return {key[1:]: _untagged(item)}
    return {key: _untagged(item) for key, item in value.items()}


def same(left: Any, right: Any) -> bool:
    """Return whether two values are identical in type and bits: 1 is not 1.0, NaN is NaN, key order is ignored."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(item, right[key]) for key, item in left.items())
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, float):
        return repr(left) == repr(right)
    return bool(left == right)


def top_keys(text: str, level: int = 1) -> list[str]:
    """Return the keys of the object at the beginning of a JSON text, as far as the text goes.

    `level` 2: those of all objects in the list, or object, that the text begins with; and so on.
    """
    keys: list[str] = []
    depth, expecting = 0, False
    for token in _MARK.finditer(text):
        mark = token[0]
        if mark in "{[":
            depth += 1
            expecting = depth == level and mark == "{"
        elif mark in "}]":
            depth -= 1
            if depth == 0:
                break
        elif mark == ",":
            expecting = depth == level
        elif expecting and depth == level and mark[0] == '"':
            keys.append(mark[1:-1])
            expecting = False
    return keys


def encodable(text: str) -> bool:
    """Return whether a text is well-formed Unicode, so that SQLite and UTF-8 can hold it (no lone surrogates)."""
    return text.isascii() or _SURROGATE.search(text) is None


def replace_surrogates(text: str) -> str:
    """Replace each lone surrogate of a text by U+FFFD."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def weight(row: tuple[Any, ...]) -> int:
    """Return a row's contribution to the sum over a set of rows: its digest as a number, bytes written in hex."""
    return int.from_bytes(digest(tuple([one.hex() if type(one) is bytes else one for one in row])))


def digest(row: tuple[Any, ...]) -> bytes:
    """Return the digest of a record in its stored form: SHA-256 over the JSON array of its columns, in schema order.

    A row holds only what SQLite holds (text, 64-bit integers, finite floats, None), so the fast encoder is
    exact here; a row that some other writer filled with anything else is digested through its tagged form.
    """
    return plain_digest(row) or bytes(_sha256()(dumps(list(row)).encode("utf-8")).digest())


def plain_digest(row: tuple[Any, ...]) -> bytes | None:
    """Return the digest of a row that holds only what SQLite can hold; None for any other, as with a lone surrogate."""
    try:
        return bytes(_sha256()(_orjson().dumps(row)).digest())
    except TypeError:
        return None


@cache
def _sha256() -> Callable[[bytes], Any]:
    from hashlib import sha256  # imported late, since a search computes no digest

    return sha256
