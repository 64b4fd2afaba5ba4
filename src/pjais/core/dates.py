"""Read the forms of a date that documents have, and write it again in the same one."""

from __future__ import annotations

import re
from typing import Any

from pjais import instants

_MILLISECONDS = re.compile(r"\s*-?\d{1,16}\s*", re.ASCII)


def is_bare_number(raw: Any) -> bool:
    """Return whether a raw instant is a number without a unit, perhaps written as text."""
    return type(raw) in (int, float) or (type(raw) is str and _MILLISECONDS.fullmatch(raw) is not None)


def read_instant(raw: Any) -> tuple[int | None, str | None, tuple[str, str] | None]:
    """Return (milliseconds, form, problem) of a raw instant.

    The form is `ms`, `iso` (JS's toISOString) or `sql` (SQLite's UTC text) where writing the instant in it
    gives the raw value again, else None.  What can't be read is null.
    """
    if type(raw) is int:
        if abs(raw) <= instants.LIMIT_MS:
            return raw, "ms", None
        return None, None, ("date-unreadable", "a number beyond every date")
    if type(raw) is str:
        return _read_date_text(raw)
    if type(raw) is float and abs(raw) <= instants.LIMIT_MS:
        problem = None if raw.is_integer() else ("date-fraction", "a fraction of a millisecond, cut off")
        return int(raw // 1), None, problem
    if raw == {}:
        return None, None, ("date-lost", "an empty object: a JS Date that was lost when it was written")
    return None, None, ("date-unreadable", "not a date")


def _read_date_text(raw: str) -> tuple[int | None, str | None, tuple[str, str] | None]:
    value = instants.from_canonical(raw)
    if value is not None:
        return value, "iso", None
    value = instants.from_text(raw)
    if value is not None:
        if instants.to_text(value) == raw:
            return value, "iso", None
        if instants.to_sqlite_text(value) == raw:
            return value, "sql", None
        return value, None, ("date-form", "a date in another form or zone, converted to UTC")
    if raw == "":
        return None, None, ("date-empty", "an empty date")
    if raw == "CURRENT_TIMESTAMP":
        return None, None, ("date-unknown", "the text CURRENT_TIMESTAMP in place of a date")
    if _MILLISECONDS.fullmatch(raw) and abs(int(raw)) <= instants.LIMIT_MS:
        return int(raw), None, ("date-form", "milliseconds written as text")
    return None, None, ("date-unreadable", "not a date")


def emit_instant(value: int | None, form: str) -> Any:
    """Return an instant in the form that the document had."""
    if value is None or form == "ms":
        return value
    return instants.to_text(value) if form == "iso" else instants.to_sqlite_text(value)
