"""Leave credentials out of Cherry Studio's settings: by name, by place, in text that is JSON, in addresses.

The state is JSON text inside JSON text, tokens are items of localStorage, the environments and headers of MCP
servers hold keys under any name.
"""

from __future__ import annotations

import re
from typing import Any

from pjais import canonical
from pjais.sources.apps.redaction import REDACTED, redacted_settings

_NAME = re.compile(r"(?:token|pass|accesskeyid|apikeys|authconfig|cookies|serviceaccount)$", re.ASCII)
"""Ends of names, in lower case and letters and digits alone, besides those that are credentials everywhere."""
_OBJECTS = frozenset({"env", "headers", "extraheaders", "customheaders", "defaultheaders"})
"""Names of objects with credentials under any name."""
_ARGUMENT = re.compile(r"--?[a-z-]*(?:key|token|secret|password|pass|auth)(=.+)?", re.ASCII | re.IGNORECASE)
_IN_ADDRESS = re.compile(
    r"[a-z][a-z0-9+.-]*://(?:[^/\s@]*:[^/\s@]*@|\S*[?&](?:[a-z_-]*key|[a-z_-]*token|secret|password|auth)=[^&\s])",
    re.ASCII | re.IGNORECASE,
)

_MENTION = re.compile(r"key|token|secret|pass|auth", re.ASCII | re.IGNORECASE)
"""What a text that is broken JSON must not mention."""


def cleaned(value: Any, *, texts: bool = True) -> tuple[Any, tuple[str, ...]]:
    """Return a value of the settings without credentials, and the paths where they were.

    `texts`: also look into texts that are JSON themselves; not into what people wrote.
    """
    found: list[str] = []
    value, at_once = redacted_settings(value)
    return _cleaned(value, "", found, texts), (*at_once, *found)


def is_secret(name: object) -> bool:
    """Return whether only credentials have a name."""
    if not isinstance(name, str):
        return False
    last = re.split(r"[.:/]", name)[-1]
    return redacted_settings({last: "x"})[1] != () or _NAME.search(_letters(last)) is not None


def item(name: object, value: Any) -> tuple[Any, tuple[str, ...]]:
    """Return the value of a named setting without credentials; all of it if its name says that it is one."""
    if is_secret(name) and isinstance(value, str | dict | list) and value and value != REDACTED:
        return dict(REDACTED), (str(name),)
    value, found = cleaned(value)
    return value, tuple(f"{name}.{one}" if one else str(name) for one in found)


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _cleaned(value: Any, where: str, found: list[str], texts: bool) -> Any:
    if isinstance(value, dict):
        return {key: _member(key, one, f"{where}.{key}" if where else key, found, texts) for key, one in value.items()}
    if isinstance(value, list):
        return _elements(value, where, found, texts)
    if isinstance(value, str):
        return _text(value, where, found, texts)
    return value


def _member(key: str, value: Any, where: str, found: list[str], texts: bool) -> Any:
    if value and value != REDACTED:
        if _NAME.search(_letters(key)) and isinstance(value, str | dict | list):
            found.append(where)
            return dict(REDACTED)
        if _letters(key) in _OBJECTS and isinstance(value, dict):
            found.extend(f"{where}.{name}" for name, one in value.items() if one and one != REDACTED)
            return {name: dict(REDACTED) if one else one for name, one in value.items()}
    return _cleaned(value, where, found, texts)


def _elements(value: list[Any], where: str, found: list[str], texts: bool) -> list[Any]:
    """Return a list; of arguments of a program without the value of one that is a credential."""
    made: list[Any] = []
    awaited = False
    for index, one in enumerate(value):
        at = f"{where}[{index}]"
        argument = _ARGUMENT.fullmatch(one) if isinstance(one, str) else None
        if isinstance(one, str) and one and (awaited or (argument is not None and argument[1])):
            found.append(at)
            made.append(dict(REDACTED))
        else:
            made.append(_cleaned(one, at, found, texts))
        awaited = argument is not None and not argument[1]
    return made


def _text(value: str, where: str, found: list[str], texts: bool) -> Any:
    if _IN_ADDRESS.match(value):
        found.append(where)
        return dict(REDACTED)
    if not texts or value.lstrip()[:1] not in ("{", "["):
        return value
    try:
        inside = None if canonical.deeper_than(value) else canonical.loads_plain(value)
    except (ValueError, RecursionError):
        inside = None
    if inside is None:  # nothing tells what in it is one
        if _MENTION.search(value) is None:
            return value
        found.append(where)
        return dict(REDACTED)
    made, its = cleaned(inside)
    if not its:
        return value
    found.extend(f"{where}.{one}" for one in its)
    return canonical.dumps_plain(made)
