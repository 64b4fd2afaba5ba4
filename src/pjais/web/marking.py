"""Mark what was searched for in text and in HTML of ours, ignoring case."""

from __future__ import annotations

import difflib
import re

from markupsafe import Markup, escape

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
    left, right = (_WORDS.findall(one.encode("utf-8", "backslashreplace").decode()) for one in (before, after))
    if len(left) + len(right) > _MOST_WORDS:
        return Markup("<del>{}</del>").format("".join(left)), Markup("<ins>{}</ins>").format("".join(right))
    old, new = Markup(""), Markup("")
    for kind, a, b, c, d in difflib.SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        gone, came = "".join(left[a:b]), "".join(right[c:d])
        old += escape(gone) if kind == "equal" or not gone else Markup("<del>{}</del>").format(gone)
        new += escape(came) if kind == "equal" or not came else Markup("<ins>{}</ins>").format(came)
    return old, new


_WORDS = re.compile(r"\w+|\s+|[^\w\s]")
_MOST_WORDS = 4_000
