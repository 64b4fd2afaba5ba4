"""Instants: integer milliseconds inside, ISO-8601 UTC with milliseconds and `Z` in text.

All dates of earlier programs are parsed here and nowhere else: JS milliseconds, ISO text of any zone, SQLite's
zoneless text (which is UTC).  The range is that of a JS Date,
±8.64e15 ms; years beyond 0000-9999 are written in JS's extended form.
"""

from __future__ import annotations

import re
from datetime import datetime

LIMIT_MS = 8_640_000_000_000_000
"""The largest distance from 1970 that a JS Date can hold, in ms (ECMA-262, Time Values)."""

DAY_MS = 86_400_000
_EXTENDED = re.compile(r"([+-]\d{6})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)", re.ASCII)
_PLAIN = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s?(Z|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII | re.IGNORECASE,
)
_days: dict[int, str] = {}
_recent: dict[int, str] = {}
"""Cache of canonical texts: a date that is read is usually written again."""


_SECONDS = (631_152_000, 4_102_444_800)


def like_seconds(number: float) -> bool:
    """Return whether a number is in early 1970 as milliseconds, and between 1990 and 2100 as Unix seconds."""
    return _SECONDS[0] <= number <= _SECONDS[1]


def to_text(ms: int) -> str:
    """Return milliseconds since 1970 as `YYYY-MM-DDTHH:MM:SS.mmmZ`."""
    recent = _recent.get(ms)
    if recent is not None:
        return recent
    day, rest = divmod(ms, DAY_MS)
    date = _days.get(day)
    if date is None:
        if len(_days) > 50_000:
            _days.clear()
        date = _days[day] = _date_text(day)
    seconds, milli = divmod(rest, 1000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{date}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z"


def to_sqlite_text(ms: int) -> str | None:
    """Return milliseconds as SQLite's own `YYYY-MM-DD HH:MM:SS` (UTC), or None if that would lose precision."""
    text = to_text(ms)
    return None if ms % 1000 or len(text) != 24 else f"{text[:10]} {text[11:19]}"


def from_text(text: str) -> int | None:
    """Return the milliseconds of a date text, or None if it is no date.

    Accepts ISO-8601 with any zone or none and SQLite's zoneless form; no zone means UTC.  Fractions finer
    than a millisecond are cut off (the caller keeps the original text).
    """
    ms = from_canonical(text)
    if ms is not None:
        return ms
    match = _PLAIN.fullmatch(text) or _EXTENDED.fullmatch(text)
    return None if match is None else _from_parts(match)


def from_canonical(text: str) -> int | None:
    """Return the milliseconds of a text in exactly the form of `to_text` (years 0001-9999), else None."""
    found = _canonical(text)
    if found is None:
        return None
    ms = round(found.timestamp() * 1000)  # exact: a double has 13 bits to spare
    if len(_recent) >= 8192:
        _recent.clear()
    _recent[ms] = text
    return ms


def is_canonical(text: str) -> bool:
    """Return whether a text is an instant exactly as `to_text` writes it (years 0001-9999)."""
    return _canonical(text) is not None


def from_sqlite(text: str) -> str | None:
    """Return SQLite's own `YYYY-MM-DD HH:MM:SS` (UTC) as `to_text` writes it; None for any other text."""
    made = f"{text[:10]}T{text[11:]}.000Z"
    return made if text[10:11] == " " and _canonical(made) is not None else None


def _canonical(text: str) -> datetime | None:
    """Return the instant of a text as `to_text` writes it: its signs are where they belong, its digits make a date."""
    if len(text) != 24 or text[4:20:3] != "--T::." or text[23] != "Z" or text[11:13] == "24":
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _from_parts(match: re.Match[str]) -> int | None:
    year, month, day = int(match[1]), int(match[2]), int(match[3])
    hour, minute, second = int(match[4] or 0), int(match[5] or 0), int(match[6] or 0)
    milli = int((match[7] or "0").ljust(3, "0")[:3])
    if not (1 <= month <= 12 and 1 <= day <= _month_days(year, month)):
        return None
    if minute > 59 or second > 59 or hour > 24 or (hour == 24 and (minute or second or milli)):
        return None
    if match[1] == "-000000":
        return None
    seconds = (_days_from_civil(year, month, day) * 24 + hour) * 3600 + minute * 60 + second
    offset = _offset_seconds(match[8])
    ms = (seconds - offset) * 1000 + milli
    return ms if abs(ms) <= LIMIT_MS else None


def _offset_seconds(zone: str | None) -> int:
    if zone is None or zone in "Zz":
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    seconds = int(digits[:2]) * 3600 + int(digits[2:]) * 60
    return -seconds if zone[0] == "-" else seconds


def _date_text(day: int) -> str:
    year, month, date = _civil_from_days(day)
    if 0 <= year <= 9999:
        return f"{year:04}-{month:02}-{date:02}"
    return f"{'-' if year < 0 else '+'}{abs(year):06}-{month:02}-{date:02}"


def _month_days(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def _days_from_civil(year: int, month: int, day: int) -> int:
    """Return the days since 1970-01-01 in the proleptic Gregorian calendar (years may be negative).

    Counts from 1 March of year 0, so that the leap day is the last of its year; 719468 is that day's
    distance from 1970.
    """
    year -= month <= 2
    era, of_era = divmod(year, 400)
    of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def _civil_from_days(days: int) -> tuple[int, int, int]:
    """Return the date of a day number; the inverse of `_days_from_civil`."""
    era, of_era = divmod(days + 719_468, 146_097)
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    shifted = (5 * of_year + 2) // 153
    day = of_year - (153 * shifted + 2) // 5 + 1
    month = shifted + 3 if shifted < 10 else shifted - 9
    return year + era * 400 + (month <= 2), month, day
