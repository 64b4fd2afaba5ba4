"""Answers of tools: JSON as the MCP memory server writes it, within a size that a model's context can take.

An answer is at most `MOST` bytes, in its text and in its structured form.  What does not fit is named, with how to get
it: never left out in silence.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

MOST = 20_480
NOTE = 700
"""Bytes kept for the text that says what is missing."""
_ROOM = MOST - NOTE
_SURROGATE = re.compile("[\ud800-\udfff]")


class Answer(NamedTuple):
    """What a tool says: its texts, its structured form, and the cursor of what follows.

    `error`: the call failed in a way that who called can act on.
    """

    texts: tuple[str, ...]
    structured: dict[str, Any] | None = None
    cursor: str | None = None
    error: bool = False


def failed(text: str) -> Answer:
    """Return the answer of a call that failed."""
    return Answer((cut_text(text, MOST),), error=True)


def dumps(value: Any) -> str:
    """Return a value as JavaScript's `JSON.stringify(value, null, 2)` does."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def size(text: str) -> int:
    """Return the bytes of a text."""
    return len(text.encode("utf-8", "surrogatepass"))


def cost(value: Any, depth: int) -> int:
    """Return at most how many bytes a value takes in a text, as an element at this depth."""
    text = dumps(value)
    return size(text) + (text.count("\n") + 1) * 2 * depth + 2


def cut_text(text: str, most: int, told: str = "…") -> str:
    """Return a text, or its beginning and what is told of the rest, in at most so many bytes of JSON."""
    if size(text) * 6 <= most or size(dumps(text)) <= most:
        return text
    low, high = 0, min(len(text), most)
    room = most - size(dumps(told))
    while low < high:  # the longest beginning that fits
        middle = (low + high + 1) // 2
        if size(dumps(text[:middle])) <= room:
            low = middle
        else:
            high = middle - 1
    return text[:low] + told


def cut(text: str, most: int, key: str, offset: int = 0) -> str:
    """Return a text that fits, which says how to read on (the tool `get`, with the id of the memory)."""
    if size(text) * 6 <= most or size(dumps(text)) <= most:
        return text
    told = f"… [cut here: {len(text):,} characters in all; to read on: get with id {key} and offset {{}}]"
    shown = cut_text(text, most, told.format("0" * 10))
    length = len(shown) - len(told.format("0" * 10))
    return text[:length] + told.format(offset + length)


def fitting(values: list[Any], room: int = _ROOM, depth: int = 1) -> int:
    """Return how many values of a list, from the first, fit into an answer."""
    used = 0
    for number, value in enumerate(values):
        used += cost(value, depth)
        if used > room:
            return number
    return len(values)
