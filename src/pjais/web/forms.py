"""Read the fields of a form of the page.

Each function raises UsageError for a field that is missing or means nothing.
"""

from __future__ import annotations

from typing import Any

from pjais import canonical
from pjais.errors import UsageError

Form = dict[str, str]
_DIGITS = 18


def need(form: Form, name: str) -> str:
    """Return a field that must be there."""
    found = form.get(name, "")
    if not found:
        raise UsageError(f"the form lacks {name}")
    return found


def whole(name: str, text: str) -> int:
    """A number that says which: a document in quarantine, a change, a store."""
    if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS):
        raise UsageError(f"{name}: not a valid number", where=[text[:80]])
    return int(text)


def json(name: str, text: str) -> Any:
    """Return a value that was typed as JSON; None for an empty field."""
    if not text.strip():
        return None
    try:
        if canonical.deeper_than(text):
            raise UsageError(f"{name}: this JSON is nested too deep", where=[f"at most {canonical.DEPTH} levels"])
        return canonical.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{name}: not JSON: {error}") from error
