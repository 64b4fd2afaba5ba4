"""The values that a call may choose from, as types and checked where they come in.

A type checker sees a wrong one before the program runs; whoever has none gets a UsageError that names the value and
those that are allowed, and nothing is taken for the default.
"""

from __future__ import annotations

from typing import Any, Literal, TypeVar, get_args

from pjais.errors import UsageError

OnInvalid = Literal["stop", "quarantine"]
Ids = Literal["keep", "new"]
Target = Literal["sqlite", "livestore"]
LogFormat = Literal[6, 4]
Side = Literal["old", "new"]

T = TypeVar("T")


def check(name: str, value: T, allowed: Any) -> T:
    """Return the value if it is one of a Literal type.  Raises UsageError."""
    known = get_args(allowed)
    if any(type(value) is type(one) and value == one for one in known):
        return value
    import difflib

    near = difflib.get_close_matches(str(value), [str(one) for one in known], 1)
    listed = ", ".join(repr(one) for one in known)
    raise UsageError(
        f"{name}={value!r}: there is no such choice",
        where=[f"allowed: {listed}"],
        advice=f"did you mean {near[0]}?" if near else f"choose one of {listed}",
    )


def count(name: str, value: Any, *, least: int = 0) -> int:
    """Return a whole number of at least so much.  Raises UsageError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least or value >= 1 << 63:
        raise UsageError(f"{name}={value!r}: a whole number of at least {least} is needed")
    return value


def number(name: str, value: Any) -> float:
    """Return a number.  Raises UsageError for anything else, and for what is none (NaN)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise UsageError(f"{name}={value!r}: a number is needed")
    return value
