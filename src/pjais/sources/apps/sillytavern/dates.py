"""The dates of SillyTavern's messages, in all the forms that its versions have written.

Forms without a zone were written in local time, and the program itself reads them as UTC: so they are read here, unless
the owner names a zone.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from typing import Any

from pjais import instants
from pjais.sources.apps import values

_HUMAN = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2}) ?@ ?(\d{1,2})h ?(\d{1,2})m ?(\d{1,2})s(?: ?(\d{1,3})ms)?", re.ASCII | re.IGNORECASE
)
"""`2024-07-12@01h31m37s123ms`, `2024-7-12@01h31m37s`, `2024-6-5 @14h 56m 50s 682ms`."""
_SPOKEN = re.compile(r"([A-Za-z]+) (\d{1,2}), (\d{4}) (\d{1,2}):(\d{2}) ?([ap]m)", re.ASCII | re.IGNORECASE)
"""`June 19, 2023 2:20pm`."""
_ZONED = re.compile(r"(?:Z|[+-]\d\d:?\d\d)$", re.ASCII | re.IGNORECASE)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def zone_of(name: str) -> tzinfo:
    """Return the zone of an IANA name; UTC for one that is not known."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def sent(raw: Any, zone: tzinfo = UTC) -> int | None:
    """Return the milliseconds of a date: a number or its text, ISO-8601, or one of the other forms; else None."""
    if type(raw) in (int, float):
        return values.ms_of_ms(raw)
    if not isinstance(raw, str) or not raw.strip():
        return None
    text = raw.strip()
    if text.isascii() and text.isdigit():
        return values.ms_of_ms(int(text)) if len(text) < 20 else None
    if found := _HUMAN.fullmatch(text):
        year, month, day, hour, minute, second, ms = (int(one or 0) for one in found.groups())
        return _local(zone, year, month, day, hour, minute, second, ms)
    if found := _SPOKEN.fullmatch(text):
        name, spoken_day, spoken_year, spoken_hour, spoken_minute, half = found.groups()
        if name[:3].lower() not in _MONTHS:
            return None
        hour = int(spoken_hour) % 12 + (12 if half.lower() == "pm" else 0)
        month = _MONTHS.index(name[:3].lower()) + 1
        return _local(zone, int(spoken_year), month, int(spoken_day), hour, int(spoken_minute))
    at = instants.from_text(text)
    if at is None or zone is UTC or _ZONED.search(text):
        return at
    there = datetime.fromtimestamp(at / 1000, UTC)
    return _local(zone, *there.timetuple()[:6], at % 1000)


def is_local(raw: Any) -> bool:
    """Return whether a date has no zone."""
    if not isinstance(raw, str) or raw.strip().isdigit():
        return False
    return sent(raw) is not None and not _ZONED.search(raw.strip())


def _local(zone: tzinfo, *parts: int) -> int | None:
    """Return the milliseconds of (year, month, day, hour, minute, second, ms) in a zone; None if there is no such."""
    *first, ms = parts if len(parts) == 7 else (*parts, *(0,) * (7 - len(parts)))
    try:
        at = datetime(*first, tzinfo=zone)  # type: ignore[misc, arg-type]
        return round(at.timestamp()) * 1000 + ms
    except (ValueError, OverflowError, OSError):
        return None
