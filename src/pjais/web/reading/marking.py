"""Mark what was searched for in text and in HTML of ours, ignoring case."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

from pjais.web.memories import word_diff

_TAG = re.compile(r"""(<(?:[^>"']|"[^"]*"|'[^']*')*>)""")


def holds(text: str, wanted: str) -> bool:
    """Return whether a text holds a phrase, whatever the case."""
    return wanted.casefold() in text.casefold()


def found(text: str, wanted: str) -> Markup:
    """Return a text as HTML with a phrase marked."""
    return found_in(escape(text.encode("utf-8", "backslashreplace").decode()), wanted)


def found_in(html: Markup, wanted: str) -> Markup:
    """Return HTML with a phrase marked in its text, never inside of a tag or a character reference."""
    if not wanted:
        return html
    hit = re.compile(f"({re.escape(str(escape(wanted)))})|(&[#\\w]+;)", re.IGNORECASE)
    parts = _TAG.split(str(html))
    parts[::2] = [hit.sub(lambda one: f"<mark>{one[1]}</mark>" if one[1] else one[0], part) for part in parts[::2]]
    return Markup("".join(parts))  # only marks were added


def difference(before: str, after: str) -> tuple[Markup, Markup]:
    """Return two versions of a text as HTML, with the words marked that only one of them has."""
    sides = word_diff.compare(*(one.encode("utf-8", "backslashreplace").decode() for one in (before, after)))
    old, new = (
        Markup("").join(Markup(mark).format(part.text) if part.differs else escape(part.text) for part in side)
        for side, mark in zip(sides, ("<del>{}</del>", "<ins>{}</ins>"), strict=True)
    )
    return old, new
