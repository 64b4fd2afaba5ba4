"""Replace credentials before anything is stored, and name where they were.

A credential becomes `{"$redacted": true}`; its value is only in the raw backup, which the finding says.  What a kind
knows to be one is named by its path; besides, in settings every text under a name that only credentials have, also
inside of texts that are JSON themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pjais import canonical
from pjais.core.document import Piece, Remark
from pjais.formats.json_stream import Value
from pjais.sources.apps import values

REDACTED = {"$redacted": True}
"""The replacement of a credential."""

_SECRET = re.compile(
    r"(?:^|[a-z0-9])(?:apikey|secretkey|accesskey|licensekey|privatekey|authtoken|accesstoken|refreshtoken|idtoken|"
    r"password|passwd|passphrase|secret|secrets|bearer|authorization|clientsecret|openaikey|accesscode|cookie|"
    r"webdavpass|credential|credentials|keyvaults)$|^token$",
    re.ASCII,
)
"""Ends of names, in lower case and without `_` and `-`, that only credentials have."""


def redacted(value: Any, *paths: tuple[str, ...]) -> tuple[Any, tuple[str, ...]]:
    """Return a JSON value without the credentials at some paths (`*`: every key or element), and the paths found."""
    found: list[str] = []
    for path in paths:
        value = _at(value, path, "", found)
    return value, tuple(found)


def redacted_settings(value: Any, *paths: tuple[str, ...], texts: bool = False) -> tuple[Any, tuple[str, ...]]:
    """Return settings without the credentials at some paths, and under names that only credentials have; the paths.

    `texts`: also look into texts that are JSON themselves; not into what people wrote.
    """
    value, known = redacted(value, *paths)
    found: list[str] = []
    return _by_name(value, "", found, texts), (*known, *found)


def entry(collection: str, key: str, name: str, item: Value, *paths: tuple[str, ...]) -> Iterator[Piece]:
    """Yield a named value that no model knows as `{"name", "value"}`, without credentials; `paths` begin at `key`."""
    value, found = redacted_settings({key: item.value}, *paths, texts=True)
    yield from remarks(collection, name, found)
    text = None if found else values.wrapped(key, item.text)
    yield values.document(collection, key, name, item._replace(text=text), {"name": key, "value": value[key]})


def remarks(collection: str, name: str, found: tuple[str, ...]) -> Iterator[Remark]:
    """Yield the finding that credentials were left out: where, and where they still are."""
    if found:
        shown = ", ".join(found[:20]) + (f" and {len(found) - 20} more" if len(found) > 20 else "")
        message = f"credentials not stored: {shown}; they are only in the raw backup"
        yield Remark("secret-redacted", collection, name, message)


def _at(value: Any, path: tuple[str, ...], where: str, found: list[str]) -> Any:
    if not path:
        if value is None or value == "" or value == REDACTED or isinstance(value, bool) or value in ({}, []):
            return value
        found.append(where)
        return dict(REDACTED)
    step, rest = path[0], path[1:]
    if isinstance(value, dict):
        keys = list(value) if step == "*" else [step] if step in value else []
        changed = {key: _at(value[key], rest, f"{where}.{key}" if where else key, found) for key in keys}
        return {**value, **changed}
    if isinstance(value, list) and step == "*":
        return [_at(one, rest, f"{where}[{index}]", found) for index, one in enumerate(value)]
    return value


def _by_name(value: Any, where: str, found: list[str], texts: bool) -> Any:
    if isinstance(value, list):
        return [_by_name(one, f"{where}[{index}]", found, texts) for index, one in enumerate(value)]
    if texts and isinstance(value, str):
        return _in_text(value, where, found)
    if not isinstance(value, dict):
        return value
    made = {}
    for key, one in value.items():
        path = f"{where}.{key}" if where else key
        held = isinstance(one, str | dict | list) and one and one != REDACTED
        if held and _SECRET.search(re.sub(r"[_\-\s]", "", key).lower()):
            found.append(path)
            made[key] = dict(REDACTED)
        else:
            made[key] = _by_name(one, path, found, texts)
    return made


def _in_text(text: str, where: str, found: list[str]) -> str:
    """Return a text that is JSON without the credentials in it; any other, and one without any, as it is."""
    if text.lstrip()[:1] not in ("{", "["):
        return text
    try:
        inside = None if canonical.deeper_than(text) else canonical.loads_plain(text)
    except (ValueError, RecursionError):
        return text
    its: list[str] = []
    made = _by_name(inside, where, its, True)
    found.extend(its)
    return canonical.dumps_plain(made) if its else text
