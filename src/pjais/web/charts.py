"""Charts as SVG, rendered on the server: columns on a true axis, a line of growth, a map.

Plain shapes with the classes of the page's style, so that they have its colours in light and dark; sizes are
attributes, each shape has a tooltip, and the whole has a name for screen readers.  What a chart shows is also in a
table beside it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, NamedTuple
from urllib.parse import quote

from markupsafe import Markup, escape

_WIDTH, _HEIGHT = 1080, 216
_LEFT, _TOP, _BOTTOM = 44, 12, 34
_SHORT = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
LONG = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September", "October"),
    *("November", "December"),
)
_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")
_MOST_MONTHS = 4_800
"""Number of months on one axis: what lies before them is told in words."""
_LONG_GAP, _BREAK = 24, 4
"""A gap of more months than that breaks the axis, and is drawn as wide as a few."""
GROUPS = 6
"""Number of category colours; what has none of its own is gray."""


class Months(NamedTuple):
    """Counts on an axis without holes: (year, month, count), those before it, and those without a date."""

    axis: list[tuple[int, int, int]]
    earlier: int
    undated: int


def month_name(year: int, month: int) -> str:
    """Return a month in words."""
    return f"{LONG[month - 1]} {year}"


def months(counts: Mapping[str, int]) -> Months:
    """Return counts by month (`2025-03`) on a true axis: months without any are there, with 0."""
    dated = {int(m[1]) * 12 + int(m[2]) - 1: count for text, count in counts.items() if (m := _MONTH.fullmatch(text))}
    undated = sum(count for text, count in counts.items() if not _MONTH.fullmatch(text))
    if not dated:
        return Months([], 0, undated)
    last = max(dated)
    first = max(min(dated), last - _MOST_MONTHS + 1)
    axis = [(one // 12, one % 12 + 1, dated.get(one, 0)) for one in range(first, last + 1)]
    return Months(axis, sum(count for one, count in dated.items() if one < first), undated)


def _steps(most: float) -> list[int]:
    """Return round values from 0 up to at least `most`, at most six of them."""
    if most <= 5:
        return list(range(max(1, math.ceil(most)) + 1))
    size = 10 ** math.floor(math.log10(most / 5))
    step = next(int(size * factor) for factor in (1, 2, 5, 10) if size * factor * 5 >= most)
    return list(range(0, step * math.ceil(most / step) + 1, step))


def _places(found: Months) -> list[float]:
    """Return where each month begins, in months, and where the last one ends; a long gap takes the room of a few."""
    wide = [1.0] * len(found.axis)
    for place, count in gaps(found):
        if count > _LONG_GAP:
            wide[place : place + count] = [_BREAK / count] * count
    return [0.0, *accumulate(wide)]


def month_columns(found: Months, name: str) -> Markup:
    """One column for each month; where several in a row have none, the gap is drawn and named."""
    if not found.axis:
        return Markup("")
    steps = _steps(max(count for *_, count in found.axis))
    floor = _HEIGHT - _BOTTOM
    places = _places(found)
    unit = (_WIDTH - _LEFT) / places[-1]
    bounds = [_LEFT + unit * one for one in places]
    parts = []
    for value in steps:
        y = floor - (floor - _TOP) * value / steps[-1]
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="end" x="{_LEFT - 8}" y="{y + 4:.1f}">{value:,}</text>')
    bar = min(unit, 90.0)
    for place, (year, month, count) in enumerate(found.axis):
        if count:
            tall = max(2.0, (floor - _TOP) * count / steps[-1])
            parts.append(
                f'<rect class="bar" x="{bounds[place] + (unit - bar * 0.82) / 2:.1f}" y="{floor - tall:.1f}" '
                f'width="{bar * 0.82:.1f}" height="{tall:.1f}" rx="{min(2.0, unit / 6):.1f}">'
                f"<title>{month_name(year, month)}: {count:,}</title></rect>"
            )
    parts += _month_labels(found, bounds, unit, floor)
    parts += _gaps(found, bounds, floor)
    parts.append(f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH}" y1="{floor}" y2="{floor}"/>')
    return _svg(parts, name, _WIDTH, _HEIGHT)


def _month_labels(found: Months, bounds: Sequence[float], unit: float, floor: float) -> Iterator[str]:
    """Yield names of months and years, as many as there is room for; where the axis breaks, the year is told again."""
    every = next(size for size in (1, 2, 3, 6, 12, 24, 60, 120, 10**9) if size * unit >= 32 or size == 10**9)
    ended, told = 0.0, None
    for place, (year, month, _) in enumerate(found.axis):
        if bounds[place + 1] - bounds[place] < unit * 0.99:
            told = None  # in a break
            continue
        number = year * 12 + month - 1
        begins, middle = told is None, (bounds[place] + bounds[place + 1]) / 2
        if not (begins or number % every == 0) or middle < ended:
            continue
        style = "mid strong" if begins or month == 1 else "mid"
        if every < 12 or (begins and month != 1):
            yield f'<text class="{style}" x="{middle:.1f}" y="{floor + 16}">{_SHORT[month - 1]}</text>'
        if told != year:
            yield f'<text class="{style}" x="{middle:.1f}" y="{floor + 30}">{year}</text>'
        ended, told = middle + 30, year


def gaps(found: Months) -> list[tuple[int, int]]:
    """Return where two or more months in a row have no data: the place of the first, and how many."""
    result, run = [], 0
    for place, (*_, count) in enumerate([*found.axis, (0, 0, 1)]):
        if count and run >= 2:
            result.append((place - run, run))
        run = 0 if count else run + 1
    return result


def _gaps(found: Months, bounds: Sequence[float], floor: float) -> Iterator[str]:
    for place, count in gaps(found):
        x, width = bounds[place], bounds[place + count] - bounds[place]
        box = f'x="{x:.1f}" y="{_TOP}" width="{width:.1f}" height="{floor - _TOP}"'
        yield f'<rect class="gap-fill" {box}/><rect class="gap" {box}><title>No data, {count} months</title></rect>'
        if width >= 52:
            middle, y = x + width / 2, (floor + _TOP) / 2
            yield f'<text class="mid" x="{middle:.1f}" y="{y:.0f}">No data</text>'
            yield f'<text class="mid" x="{middle:.1f}" y="{y + 14:.0f}">{count} months</text>'


def importance_columns(counts: Mapping[str, int], name: str) -> Markup:
    """One column for each step of the importance, with its number above."""
    most = max(counts.values(), default=0)
    if not most:
        return Markup("")
    step, floor = 52, 190
    wide = step * len(counts) + 4
    parts = []
    for place, (label, count) in enumerate(counts.items()):
        x = 6 + place * step
        tall = max(2.0, 160 * count / most) if count else 0.0
        said = label.replace("-", " to ")
        short = label.partition("-")[0] if label[0].isdigit() else {"below 0": "<0", "above 100": ">100"}.get(label, "")
        if count:
            parts.append(
                f'<rect class="bar" x="{x}" y="{floor - tall:.1f}" width="44" height="{tall:.1f}" rx="2">'
                f"<title>{escape(said)}: {count:,}</title></rect>"
            )
        parts.append(f'<text class="mid" x="{x + 22}" y="207">{escape(short)}</text>')
        parts.append(f'<text class="mid strong val" x="{x + 22}" y="{floor - tall - 6:.1f}">{count:,}</text>')
    parts.append(f'<line class="axis" x1="2" x2="{wide - 2}" y1="190.5" y2="190.5"/>')
    return _svg(parts, name, wide, 212)


def growth(found: Months, name: str) -> Markup:
    """The number of all memories month by month, as a line."""
    if len(found.axis) < 2:
        return Markup("")
    total, values = found.earlier + found.undated, []
    for *_, count in found.axis:
        total += count
        values.append(total)
    steps = _steps(values[-1])
    floor, wide = _HEIGHT - _BOTTOM, 524
    ends = _places(found)[1:]
    points = [
        (_LEFT + (wide - _LEFT - 8) * (end - ends[0]) / (ends[-1] - ends[0]), floor - (floor - _TOP) * one / steps[-1])
        for end, one in zip(ends, values, strict=True)
    ]
    parts = []
    for value in steps:
        y = floor - (floor - _TOP) * value / steps[-1]
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{wide}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="end" x="{_LEFT - 8}" y="{y + 4:.1f}">{value:,}</text>')
    line = " L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    parts.append(f'<path class="area" d="M{_LEFT} {floor} L{line} L{points[-1][0]:.1f} {floor} Z"/>')
    parts.append(f'<path class="line" d="M{line}"/>')
    for place in (0, len(points) - 1):
        year, month, _ = found.axis[place]
        style = "end" if place else ""
        parts.append(
            f'<text class="{style}" x="{points[place][0]:.1f}" y="{floor + 16}">{_SHORT[month - 1]} {year}</text>'
        )
    parts.append(f'<circle class="now-dot" cx="{points[-1][0]:.1f}" cy="{points[-1][1]:.1f}" r="4"/>')
    return _svg(parts, name, wide, _HEIGHT)


def growth_line(values: Sequence[int], at: float, name: str) -> Markup:
    """The number of records along the history, as a line; `at`: the part of it (0 to 1) that is looked at."""
    low, high = (min(values), max(values)) if values else (0, 0)
    span = (high - low) or 1
    steps = max(1, len(values) - 1)
    points = [(1080 * place / steps, 82 - 72 * (value - low) / span) for place, value in enumerate(values)]
    line = " L".join(f"{x:.1f} {y:.1f}" for x, y in points) or "0 82 L1080 82"
    grid = "".join(f'<line class="grid" x1="{x}" x2="{x}" y1="0" y2="88"/>' for x in range(180, 1080, 180))
    return Markup(
        '<svg class="spark" viewBox="0 0 1080 88" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(name)}">{grid}<path class="area" d="M0 88 L{line} L1080 88 Z"/>'
        f'<path class="line" d="M{line}"/><line class="now" x1="{1080 * at:.1f}" x2="{1080 * at:.1f}" y1="0" y2="88"/>'
        "</svg>"
    )


def dots(points: Iterable[Any], colours: Mapping[str, int], name: str) -> Markup:
    """Points with `id`, `name`, `group`, `x`, `y` (-1 to 1), each leading to its memory; colours by group, 0: gray."""
    wide, high = 760, 430
    parts = []
    for one in points:
        x, y = (wide - 40) * (one.x + 1) / 2 + 20, (high - 40) * (1 - one.y) / 2 + 20
        kind = f", {one.group}" if one.group else ""
        parts.append(
            f'<a href="/memory?id={quote(one.id, safe="")}" aria-label="{escape(one.name)}">'
            f"<title>{escape(one.name)}{escape(kind)}</title>"
            f'<circle class="k{colours.get(one.group, 0)}" cx="{x:.1f}" cy="{y:.1f}" r="5"/></a>'
        )
    return _svg(parts, name, wide, high, role="group")


def _svg(parts: Iterable[str], name: str, wide: float, high: float, role: str = "img") -> Markup:
    head = f'<svg viewBox="0 0 {wide} {high}" role="{role}" aria-label="{escape(name)}">'
    return Markup(f"{head}{''.join(parts)}</svg>")
