"""Validate the arguments of public calls.

A type checker finds an invalid one before the program runs; without one, a UsageError names the value and the allowed
ones.  No value is silently replaced by the default, and none reaches SQLite that would silently give a wrong list.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from pjais.errors import UsageError

OnInvalid = Literal["stop", "quarantine"]
Ids = Literal["keep", "new"]
MODEL = "persona"
"""The model that is meant if none is named."""
LogFormat = Literal[6, 4]

T = TypeVar("T")


def check(name: str, value: T, allowed: Any) -> T:
    """Return the value if it is one of a Literal type.  Raises UsageError."""
    known = get_args(allowed)
    if any(type(value) is type(one) and value == one for one in known):
        return value
    near = nearest(str(value), [str(one) for one in known])
    listed = ", ".join(repr(one) for one in known)
    raise UsageError(
        f"{name}={value!r}: not a valid choice",
        where=[f"allowed: {listed}"],
        advice=f"did you mean {near}?" if near else f"choose one of {listed}",
    )


def nearest(text: str, known: Iterable[str]) -> str | None:
    """Return the known text that is most like another one; None if none is."""
    import difflib

    return next(iter(difflib.get_close_matches(text, list(known), 1)), None)


def count(name: str, value: Any, *, least: int = 0) -> int:
    """Return an integer of at least `least` that SQLite can hold.  Raises UsageError for anything else."""
    try:
        found = operator.index(value)
    except TypeError:
        found = least - 1
    if isinstance(value, bool) or not least <= found < 1 << 63:
        raise UsageError(f"{name}={value!r}: must be a whole number of at least {least}")
    return found


def counts(name: str, value: Any) -> list[int]:
    """Return one integer or several as a list.  Raises UsageError for anything else."""
    several = isinstance(value, Iterable) and not isinstance(value, str | bytes | dict)
    return [count(name, one) for one in value] if several else [count(name, value)]


def window(limit: Any, offset: Any = 0) -> tuple[int, int]:
    """Return a page of a list as SQL's LIMIT and OFFSET (no limit: -1).  Raises UsageError."""
    return -1 if limit is None else count("limit", limit), count("offset", offset)


def number(name: str, value: Any) -> float:
    """Return a number.  Raises UsageError for anything else, and for NaN."""
    wanted = isinstance(value, int | float) and not isinstance(value, bool) and value == value
    if not wanted or (isinstance(value, int) and abs(value) >= 1 << 63):
        raise UsageError(f"{name}={value!r}: must be a number")
    return float(value) if isinstance(value, float) else int(value)


def flag(name: str, value: Any) -> bool:
    """Return a boolean.  Raises UsageError for anything else."""
    if not isinstance(value, bool):
        raise UsageError(f"{name}={value!r}: must be True or False")
    return value


def text(name: str, value: Any) -> str:
    """Return a text that SQLite can hold.  Raises UsageError for anything else, and for lone surrogates."""
    if not isinstance(value, str):
        raise UsageError(f"{name}={value!r}: must be a string")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UsageError(f"{name}={value!a}: not valid Unicode") from error
    return value


def timezone(name: str, value: Any) -> str:
    """Return the name of a time zone, as the IANA database has it.  Raises UsageError for one that is not known."""
    told = text(name, value)
    if told == "UTC":
        return told
    from zoneinfo import ZoneInfo  # loaded on demand: most ask for none

    try:
        ZoneInfo(told)
    except (ValueError, OSError, LookupError) as error:
        raise UsageError(f"{name}={told!r}: unknown time zone", where=["examples: Europe/Berlin, UTC"]) from error
    return told


def maybe(name: str, value: Any) -> str | None:
    """Return a text or None.  Raises UsageError."""
    return None if value is None else text(name, value)


def texts(name: str, value: Any) -> list[str]:
    """Return one text or several as a list, None as an empty one.  Raises UsageError."""
    if value is None:
        return []
    if isinstance(value, str):
        return [text(name, value)]
    if not isinstance(value, Iterable):
        raise UsageError(f"{name}={value!r}: must be a string or several")
    return [text(name, one) for one in value]


def path(name: str, value: Any) -> Path:
    """Return a path, `~` expanded.  Raises UsageError for anything that names no file or folder."""
    given = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(given, str):
        raise UsageError(f"{name}={value!r}: must be a path (str or Path)")
    if not given or "\0" in given:
        raise UsageError(f"{name}={value!r}: the path is {'invalid' if given else 'empty'}")
    try:
        return Path(given).expanduser()
    except RuntimeError as error:
        raise UsageError(f"{name}={value!r}: home folder not found") from error


def maybe_path(name: str, value: Any) -> Path | None:
    """Return a path or None.  Raises UsageError."""
    return None if value is None else path(name, value)


def paths(name: str, value: Any) -> tuple[Path, ...]:
    """Return one path or several as a tuple.  Raises UsageError."""
    if isinstance(value, str | os.PathLike):
        return (path(name, value),)
    if not isinstance(value, Iterable) or isinstance(value, bytes | dict):
        raise UsageError(f"{name}={value!r}: must be a path or several")
    return tuple(path(name, one) for one in value)


def function(name: str, value: T) -> T:
    """Return a callable.  Raises UsageError."""
    if not callable(value):
        raise UsageError(f"{name}={value!r}: a callable is required")
    return value
