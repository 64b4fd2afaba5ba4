"""Read the dates that a browser wrote in its own language (`toLocaleString()`): no zone, any order.

Whether the day or the month comes first cannot be told from `5/4/2026`.  It can where one of them is above 12, and
where the year comes first; otherwise the last update of the session chooses: a message is not newer than it, and the
newest one is about as old.  The messages of a session that are written alike have one order.  Where both orders fit, or
none, the date is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Literal, NamedTuple

from pjais import instants

_DAY_MS = instants.DAY_MS
"""The zone of the writer is unknown: his midnight may be most of a day away from ours."""

Order = Literal["month", "day"]
"""What comes first."""

_MARKS = re.compile("[\u200e\u200f\u061c\u202a-\u202e]")
_TIME = re.compile(r"(?<!\d)(\d{1,2})\s?[:\u65f6\u6642]\s?(\d{2})(?:\s?[:\u5206]\s?(\d{2})\s?\u79d2?)?(?!\d)")
_TIME_WITH_DOTS = re.compile(r"(?<!\d)(\d{1,2})\.(\d{2})(?:\.(\d{2}))?(?!\d)")
_DATE = re.compile(r"(?<!\d)(\d{1,4})\s?([./-]|\u5e74)\s?(\d{1,2})\s?([./-]|\u6708)\s?(\d{1,4})(?!\d)")
_MORNING = frozenset(
    {
        "am",
        "\u4e0a\u5348",
        "\u5348\u524d",
        "\uc624\uc804",
        "\u51cc\u6668",
        "\u6e05\u6668",
        "\u65e9\u4e0a",
        "\u0635",
        "sa",
        "\u03c0\u03bc",
    }
)
_EVENING = frozenset(
    {
        "pm",
        "\u4e0b\u5348",
        "\u5348\u5f8c",
        "\uc624\ud6c4",
        "\u665a\u4e0a",
        "\u4e2d\u5348",
        "\u0645",
        "ch",
        "\u03bc\u03bc",
    }
)
_BETWEEN = frozenset({"klo", "kl", "um", "\u00e0", "at", "\u0432", "\u0433", "\u0447", "\u65e5", "h"})
"""Words that stand between date and time, or after them."""


class Written(NamedTuple):
    """A date as it is written: its first three numbers, the time, and how it is written, to know its like."""

    numbers: tuple[int, int, int]
    time: tuple[int, int, int]
    form: str


def instants_of(texts: Sequence[object], updated: int | None, zone: tzinfo) -> list[int | None]:
    """Return the instants of a session's dates in ms, None for those that are not known.

    `updated`: when the session was last changed, in ms; `zone`: that of the dates.
    """
    read = [_read(one) if isinstance(one, str) else None for one in texts]
    orders: dict[str, set[Order]] = {}
    for one in read:
        if one is not None and (order := _order(one, updated, zone)) is not None:
            orders.setdefault(one.form, set()).add(order)
    made: list[int | None] = []
    for text, one in zip(texts, read, strict=True):
        if one is None:
            made.append(_with_zone(text))
            continue
        like = orders.get(one.form, set())
        own = _order(one, updated, zone) or (next(iter(like)) if len(like) == 1 else None)
        made.append(_instant(one, own, zone))
    return made


def _with_zone(text: object) -> int | None:
    """Return the instant of an ISO text that names its zone."""
    named = isinstance(text, str) and re.search(r"(?:Z|[+-]\d\d:?\d\d)$", text) is not None
    return instants.from_text(text) if named and isinstance(text, str) else None


def _read(text: str) -> Written | None:
    """Return the parts of a date; None for a text that is none, or has words that are not known."""
    text = _MARKS.sub("", text)
    time = _TIME.search(text)
    rest = text if time is None else f"{text[: time.start()]} {text[time.end() :]}"
    date = _DATE.search(rest)
    if date is None:
        return None
    rest = f"{rest[: date.start()]} {rest[date.end() :]}"
    if time is None and (time := _TIME_WITH_DOTS.search(rest)) is not None:
        rest = f"{rest[: time.start()]} {rest[time.end() :]}"
    if time is None:
        return None
    words = [word for one in re.split(r"[\s,\u3001\u060c]+", rest) if (word := one.replace(".", "").lower())]
    half = [word for word in words if word in _MORNING or word in _EVENING]
    if len(half) > 1 or any(word not in _BETWEEN for word in words if word not in half):
        return None
    hour = int(time[1])
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half[0] in _EVENING else 0)
    form = f"{date[2]}{len(date[1]) > 2}{bool(half)}{time.start() < date.start()}"
    return Written((int(date[1]), int(date[3]), int(date[5])), (hour, int(time[2]), int(time[3] or 0)), form)


def _order(one: Written, updated: int | None, zone: tzinfo) -> Order | None:
    """Return what comes first in a date; None if nothing tells."""
    first, second, _ = one.numbers
    if one.form.startswith("."):
        return "day"  # no language writes the month first with dots
    if first > 12 or second > 12:
        return "day" if first > 12 else "month"
    if updated is None or first == second:
        return None
    both: dict[Order, int | None] = {"month": _instant(one, "month", zone), "day": _instant(one, "day", zone)}
    possible = {order: at for order, at in both.items() if at is not None and at <= updated + _DAY_MS}
    near = [order for order, at in possible.items() if at >= updated - _DAY_MS]
    found = list(possible) if len(possible) == 1 else near
    return found[0] if len(found) == 1 else None


def _instant(one: Written, order: Order | None, zone: tzinfo) -> int | None:
    first, second, third = one.numbers
    if first > 31:
        year, month, day = first, second, third
    elif order is None and first != second:
        return None
    else:
        year, month, day = third, *((first, second) if order == "month" else (second, first))
    try:
        at = datetime(year, month, day, *one.time, tzinfo=zone)
        return round(at.timestamp() * 1000) if year > 1900 else None
    except (ValueError, OverflowError):
        return None
