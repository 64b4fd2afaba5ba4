"""Convert the text of a search box to an FTS5 query: never an error, whatever the text.

Words are quoted, so that nothing in them is syntax (`NEAR(`, `AND`, `^`, `name:`).  Three things have a meaning:
`"several words"` in quotes are a phrase, `tea*` is a prefix, and white space separates words.  An unclosed quote
extends to the end.  Characters that SQLite's text cannot hold (NUL, lone surrogates) separate words.  Text beyond
1,000 characters or 32 words is ignored.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from pjais.errors import UsageError

MAX_CHARACTERS = 1000
MAX_WORDS = 32
"""More words than anyone types; FTS5 itself stops at a depth of 256."""

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_TERM = re.compile(r'"([^"]*)(?:"(\*?)|$)|([^\s"]+)')


class Term(NamedTuple):
    """A word or a phrase; `begins`: it is a prefix."""

    text: str
    begins: bool

    @property
    def sql(self) -> str:
        """Return the term in FTS5's syntax: a string, perhaps with a star."""
        return f'"{self.text}"' + (" *" if self.begins else "")


def terms(text: str, *, prefix: bool = False) -> list[Term]:
    """Return the terms of a text; with `prefix` the last one is a prefix, unless a space follows it."""
    clean = _UNSTORABLE.sub(" ", _cut(text))
    found = []
    for match in _TERM.finditer(clean):
        phrase, star, word = match.groups()
        if word is not None:
            found.append(Term(word.rstrip("*"), word.endswith("*")))
        else:
            found.append(Term(phrase, star == "*"))
        if len(found) == MAX_WORDS:
            break
    found = [term for term in found if term.text.strip()]
    if prefix and found and not clean[-1:].isspace():
        found[-1] = found[-1]._replace(begins=True)
    return found


def check(text: str) -> None:
    """Raise UsageError for anything but text; any text is valid."""
    if not isinstance(text, str):
        raise UsageError(f"text={text!r}: must be a string")


def unstorable(text: str) -> bool:
    """Return whether a text contains what SQLite's text cannot hold: NUL, a lone surrogate."""
    return _UNSTORABLE.search(text) is not None


def _cut(text: str) -> str:
    """Return the text, or its first characters up to the limit, without a truncated word."""
    if len(text) <= MAX_CHARACTERS:
        return text
    cut = text[:MAX_CHARACTERS]
    whole = cut if text[MAX_CHARACTERS].isspace() else cut.rsplit(None, 1)[0]
    return whole or cut


def match(found: list[Term], *, any: bool = False) -> str:
    """Return the terms as an FTS5 query: all must occur, or any."""
    return (" OR " if any else " ").join(term.sql for term in found)


def holding(found: list[Term], columns: Sequence[str], *, any: bool = False) -> tuple[str, list[str]]:
    """Return SQL over the row `t` for texts that contain every term (or any) literally, and the values to bind."""
    holds = " OR ".join(f"instr(t.{name}, ?) > 0" for name in columns)
    each = (" OR " if any else " AND ").join([f"({holds})"] * len(found))
    return f"({each})", [term.text.strip() for term in found for _ in columns]


def as_typed(text: str) -> str:
    """Return a text whose last word may be the beginning of one, written so that it is one without `prefix`."""
    return " ".join(f'"{term.text}"{"*" * term.begins}' for term in terms(text, prefix=True))
