"""Compare two texts word by word: what was removed from the first, and what was added in the second."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import NamedTuple

MOST = 4_000
"""Words up to which texts are compared word by word; of longer ones the beginning and the end that are the same."""
_WORD = re.compile(r"\w+|\s+|[^\w\s]")


class Part(NamedTuple):
    """A piece of a text, and whether the other text lacks it."""

    text: str
    differs: bool


Side = list[Part]


def compare(before: str, after: str) -> tuple[Side, Side]:
    """Return both texts in parts: joined, each is the whole text."""
    old, new = _WORD.findall(before), _WORD.findall(after)
    head = _same(old, new)
    tail = _same(old[head:][::-1], new[head:][::-1])
    middles = old[head : len(old) - tail], new[head : len(new) - tail]
    sides: tuple[Side, Side] = ([], [])
    for side in sides:
        _add(side, old[:head], differs=False)
    if max(map(len, middles)) > MOST:
        for side, middle in zip(sides, middles, strict=True):
            _add(side, middle, differs=True)
    else:
        for kind, a, b, c, d in SequenceMatcher(None, *middles, autojunk=False).get_opcodes():
            _add(sides[0], middles[0][a:b], differs=kind != "equal")
            _add(sides[1], middles[1][c:d], differs=kind != "equal")
    for side in sides:
        _add(side, old[len(old) - tail :], differs=False)
    return sides


def _same(one: list[str], other: list[str]) -> int:
    """Return how many words both begin with."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _add(side: Side, words: list[str], *, differs: bool) -> None:
    if words and side and side[-1].differs == differs:
        side[-1] = side[-1]._replace(text=side[-1].text + "".join(words))
    elif words:
        side.append(Part("".join(words), differs))
