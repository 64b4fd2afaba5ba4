"""Charts as SVG, rendered on the server: columns over time, bars by name, dots on a map.

Plain shapes with classes, so that the page's style gives them their colours in light and dark; each shape has a
tooltip, and the whole has a name for screen readers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from markupsafe import Markup, escape

_WIDTH = 720
_GROUPS = 8
"""Number of colours; further groups reuse them."""


def columns(counts: Mapping[str, int], name: str, height: int = 220) -> Markup:
    """One column for each entry, in their order; of many, only some are named."""
    if not counts:
        return Markup("")
    top, bottom = 18, 34
    most = max(counts.values()) or 1
    step = _WIDTH / len(counts)
    every = max(1, math.ceil(len(counts) / 12))
    parts = []
    for place, (label, count) in enumerate(counts.items()):
        tall = (height - top - bottom) * count / most
        x, y = place * step, height - bottom - tall
        parts.append(
            f'<g><title>{escape(label)}: {count:,}</title><rect class="shape" x="{x + step * 0.08:.1f}" y="{y:.1f}" '
            f'width="{max(step * 0.84, 0.5):.1f}" height="{max(tall, 0.5):.1f}" rx="2"/>'
        )
        if len(counts) <= 16:
            parts.append(f'<text class="count" x="{x + step / 2:.1f}" y="{y - 4:.1f}">{count:,}</text>')
        if place % every == 0:
            parts.append(f'<text class="label" x="{x + step / 2:.1f}" y="{height - 12}">{escape(label)}</text>')
        parts.append("</g>")
    return _svg(parts, name, height)


def bars(counts: Mapping[str, int], name: str) -> Markup:
    """One bar for each entry, the longest first."""
    if not counts:
        return Markup("")
    found = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    most = found[0][1] or 1
    row, left = 26, 150
    parts = []
    for place, (label, count) in enumerate(found):
        y = place * row
        wide = (_WIDTH - left - 70) * count / most
        shown = label or "(none)"
        cut = shown if len(shown) <= 20 else f"{shown[:19]}…"
        parts.append(
            f"<g><title>{escape(shown)}: {count:,}</title>"
            f'<text class="name" x="{left - 10}" y="{y + 17}">{escape(cut)}</text>'
            f'<rect class="shape" x="{left}" y="{y + 4}" width="{max(wide, 1):.1f}" height="{row - 8}" rx="2"/>'
            f'<text class="amount" x="{left + wide + 8:.1f}" y="{y + 17}">{count:,}</text></g>'
        )
    return _svg(parts, name, row * len(found))


def dots(points: Iterable[Any], name: str, size: int = 520) -> Markup:
    """Points with `id`, `name`, `group`, `x`, `y` (-1 to 1), each leading to its memory; one colour for each group."""
    found = list(points)
    groups = {group: place % _GROUPS for place, group in enumerate(sorted({one.group for one in found}))}
    parts = []
    for one in found:
        x, y = (_WIDTH - 24) * (one.x + 1) / 2 + 12, (size - 24) * (1 - one.y) / 2 + 12
        parts.append(
            f'<a href="/memory?id={quote(one.id, safe="")}" aria-label="{escape(one.name)}">'
            f"<title>{escape(one.name)} ({escape(one.group or 'no type')})</title>"
            f'<circle class="dot group{groups[one.group]}" cx="{x:.1f}" cy="{y:.1f}" r="6"/></a>'
        )
    return _svg(parts, name, size, role="group")


def _svg(parts: Iterable[str], name: str, height: int, role: str = "img") -> Markup:
    inner = "".join(parts)
    head = f'<svg class="picture" viewBox="0 0 {_WIDTH} {height}" role="{role}" aria-label="{escape(name)}">'
    return Markup(f"{head}{inner}</svg>")
