"""JSON text as JavaScript's JSON.parse reads it: its numbers, and any depth.

Python's parser gives up at some hundred levels; PouchDB's tree of revisions alone has two for each edit of a document.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any

_TOKEN = re.compile(r'[ \t\n\r]*(?:([\[\]{},:"])|(true|false|null)|(-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?))')
_TEXT = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_END = re.compile(r"[ \t\n\r]*\Z")
_WORDS = {"true": True, "false": False, "null": None}


def parse(text: str) -> Any:
    """Return the value of a JSON text.  Raises ValueError for a text that is none."""
    try:
        return json.loads(text, parse_int=number, parse_float=number, parse_constant=_refuse)
    except RecursionError:
        return _Deep(text).value()


def number(text: str) -> int | float:
    """Return a number as JavaScript has it: a double, as int where it is a whole number that is not -0."""
    found = float(text)
    return int(found) if math.isfinite(found) and found.is_integer() and (found or text[0] != "-") else found


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


class _Deep:
    """A text that is nested too deeply for recursion: the containers that are open are on a stack of ours."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def value(self) -> Any:
        """Return the value.  Raises ValueError."""
        open_: list[list[Any] | dict[str, Any]] = []
        names: list[str] = []
        while True:
            made = self._begun(open_, names)
            while made is not _OPENED:
                if not open_:
                    if _END.match(self._text, self._at) is None:
                        raise ValueError("more than one value")
                    return made
                inside = open_[-1]
                if isinstance(inside, list):
                    inside.append(made)
                else:
                    inside[names.pop()] = made
                made = self._next(open_, names)

    def _begun(self, open_: list[list[Any] | dict[str, Any]], names: list[str]) -> Any:
        """Read a value, or open a container: then _OPENED, with the name of its first member read."""
        sign, word, figures, *_ = self._token()
        if word:
            return _WORDS[word]
        if figures:
            return number(figures)
        if sign == '"':
            return self._string()
        if sign == "[":
            return self._opened([], "]", open_, names, lambda: None)
        if sign == "{":
            return self._opened({}, "}", open_, names, lambda: names.append(self._name()))
        raise ValueError("a value is due")

    def _opened(
        self,
        made: list[Any] | dict[str, Any],
        end: str,
        open_: list[list[Any] | dict[str, Any]],
        names: list[str],
        first: Callable[[], None],
    ) -> Any:
        before = self._at
        if self._token()[0] == end:
            return made
        self._at = before
        open_.append(made)
        first()
        return _OPENED

    def _next(self, open_: list[list[Any] | dict[str, Any]], names: list[str]) -> Any:
        """Go on after a value in a container: _OPENED if another follows, else the container, which ends here."""
        sign = self._token()[0]
        if sign == ",":
            if isinstance(open_[-1], dict):
                names.append(self._name())
            return _OPENED
        if sign != ("]" if isinstance(open_[-1], list) else "}"):
            raise ValueError("a comma is due")
        return open_.pop()

    def _name(self) -> str:
        if self._token()[0] != '"':
            raise ValueError("a name is due")
        name = self._string()
        if self._token()[0] != ":":
            raise ValueError("a colon is due")
        return name

    def _string(self) -> str:
        """Read a text whose opening quotation mark was read."""
        found = _TEXT.match(self._text, self._at - 1)
        if found is None:
            raise ValueError("a text does not end")
        self._at = found.end()
        return str(json.loads(found[0]))

    def _token(self) -> tuple[str | Any, ...]:
        found = _TOKEN.match(self._text, self._at)
        if found is None:
            raise ValueError(f"no JSON at {self._at}")
        self._at = found.end()
        return found.groups()


_OPENED = object()
