"""The body of a conversation's note: each message after a line that marks it.

    %% message id="..." role="..." at="2026-05-04T10:00:00.000Z" %%

That is a comment of Obsidian.  Attributes are texts as JSON writes them.  What else a message has is in `more` (its
other fields as JSON); `less` names those of the usual ones that it lacks; `value` is a message that is not an object.

A mark inside of a code fence is text; a line of a text that looks like a mark has one more backslash before it.  A text
that leaves a fence open says so in its mark (`fence="open"`), as the fence would hide all marks that follow.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from pjais import canonical
from pjais.sources.apps import values
from pjais.sources.apps.markdown import front_matter

_MARK = re.compile(r'%% message((?:[ \t]+[A-Za-z_]+="(?:[^"\\]|\\.)*")*)[ \t]*%%[ \t]*\r?', re.DOTALL)
_ATTRIBUTE = re.compile(r'([A-Za-z_]+)="((?:[^"\\]|\\.)*)"', re.DOTALL)
_LIKE = re.compile(r"\\*%% message\b")
_FENCE = re.compile(r" {0,3}(?P<mark>`{3,}(?=[^`]*$)|~{3,})")
_USUAL = ("id", "role", "content", "timestamp", "metadata")
_ITS_OWN = frozenset({"id", "role", "at", "more", "less", "value", "fence"})


class Parsed(NamedTuple):
    """The messages of a body; `before`: the text above the first mark; `odd`: what is wrong, for people."""

    messages: list[Any]
    before: str
    odd: tuple[str, ...]


# -- write


def written(messages: list[Any]) -> str:
    """Return the body of a conversation's note.  The inverse of `parsed`."""
    parts = [_message(one) for one in messages]
    return "\n".join(f"{mark}\n{text}\n" for mark, text in parts)


def _message(message: Any) -> tuple[str, str]:
    if not isinstance(message, dict):
        return f"%% message {_attribute('value', canonical.dumps(message))} %%", ""
    said: dict[str, str] = {}
    if isinstance(message.get("id"), str):
        said["id"] = message["id"]
    if isinstance(message.get("role"), str):
        said["role"] = message["role"]
    at = message.get("timestamp")
    date = values.iso(at) if type(at) is int and values.ms_of_ms(at) == at else None
    if date is not None and values.ms_of_text(date) == at:
        said["at"] = date
    content = message.get("content")
    text = content if isinstance(content, str) and canonical.encodable(content) else ""
    lines = text.split("\n")
    fenced = _fenced(lines)
    if fenced is None:
        said["fence"] = "open"
    made = _made(said, text, 0)
    more = {key: one for key, one in message.items() if key not in made or not canonical.same(made[key], one)}
    less = [key for key in made if key not in message]
    if more:
        said["more"] = canonical.dumps(dict(sorted(more.items())))
    if less:
        said["less"] = " ".join(less)
    inside = fenced or set()
    escaped = [f"\\{one}" if n not in inside and _LIKE.match(one) else one for n, one in enumerate(lines)]
    mark = " ".join(_attribute(key, one) for key, one in said.items())
    return f"%% message {mark} %%" if mark else "%% message %%", "\n".join(escaped)


def _attribute(name: str, text: str) -> str:
    raw = front_matter.quoted(text)
    while "%%" in raw:
        raw = raw.replace("%%", "%\\u0025")
    return f"{name}={raw}"


def _made(said: dict[str, str], text: str, number: int) -> dict[str, Any]:
    """Return the message that the attributes of a mark and the text after it are, without `more` and `less`."""
    metadata = {key: one for key, one in said.items() if key not in _ITS_OWN}
    return {
        "id": said.get("id", f"message-{number}"),
        "role": said.get("role", "unknown"),
        "content": text,
        "timestamp": values.ms_of_text(said.get("at")),
        "metadata": metadata,
    }


def _fenced(lines: list[str]) -> set[int] | None:
    """Return the numbers of lines inside of code fences; None if one is left open."""
    found: set[int] = set()
    at = 0
    while at < len(lines):
        end = _end_of_fence(lines, at)
        if end is None:
            at += 1
        elif end < 0:
            return None
        else:
            found.update(range(at, end + 1))
            at = end + 1
    return found


def _end_of_fence(lines: list[str], at: int) -> int | None:
    """Return the line that closes the fence that a line opens; None if it opens none, -1 if none closes it."""
    opening = _FENCE.match(lines[at].removesuffix("\r"))
    if opening is None:
        return None
    mark = opening["mark"]
    for number in range(at + 1, len(lines)):
        bare = lines[number].strip(" \t\r")
        if bare.startswith(mark) and not bare.strip(mark[0]) and lines[number].startswith((mark[0], " ")):
            return number
    return -1


# -- read


def parsed(body: str) -> Parsed:
    """Return the messages in the body of a conversation's note."""
    lines = body.split("\n")
    marks = list(_marks(lines))
    odd: list[str] = []
    first = marks[0][0] if marks else len(lines)
    before = "\n".join(lines[:first])
    messages: list[Any] = []
    for number, (at, said) in enumerate(marks):
        is_last = number + 1 == len(marks)
        until = len(lines) if is_last else marks[number + 1][0]
        text = _text(lines[at + 1 : until], said, is_last=is_last, crlf=lines[at].endswith("\r"))
        messages.append(_read(said, text, number + 1, odd))
    return Parsed(messages, before, tuple(odd))


def _marks(lines: list[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the line of every mark, and its attributes.  A fence that is never closed hides none."""
    at, fences, shut = 0, True, 0
    while at < len(lines):
        mark = _MARK.fullmatch(lines[at]) if lines[at].startswith("%% message") else None
        if mark is not None:
            said = {key: _unescaped(raw) for key, raw in _ATTRIBUTE.findall(mark[1])}
            fences = said.get("fence") != "open"
            yield at, said
        elif fences and at >= shut:
            end = _end_of_fence(lines, at)
            if end is not None and end > 0:
                at = end
            elif end is not None:
                shut = _next_mark(lines, at)  # look for no other end of it
        at += 1


def _next_mark(lines: list[str], at: int) -> int:
    return next((n for n in range(at + 1, len(lines)) if lines[n].startswith("%% message")), len(lines))


def _unescaped(raw: str) -> str:
    try:
        return str(json.loads(f'"{raw}"', strict=False))
    except ValueError:
        return raw


def _text(lines: list[str], said: dict[str, str], *, is_last: bool, crlf: bool) -> str:
    inside = (_fenced(lines) or set()) if said.get("fence") != "open" else set()
    text = "\n".join(
        one[1:] if n not in inside and one.startswith("\\") and _LIKE.match(one) else one for n, one in enumerate(lines)
    )
    end = "\r\n" if crlf else "\n"
    if is_last:
        return text.removesuffix(end)
    # the lines before the next mark: one empty line, whose own end was cut off with it
    return text.removesuffix("\r").removesuffix(end) if crlf else text.removesuffix("\n")


def _read(said: dict[str, str], text: str, number: int, odd: list[str]) -> Any:
    try:
        if "value" in said:
            return canonical.loads(said["value"])
        message = _made(said, text, number)
        more = canonical.loads(said.get("more", "{}"))
        if not isinstance(more, dict):
            raise ValueError("not an object")
    except (ValueError, RecursionError):
        odd.append(f"message {number}: an attribute of its mark is not the JSON that belongs there; kept as text")
        message = _made(said, text, number)
        more = {"metadata": {**message["metadata"], "mark": said}}
    if "at" in said and message["timestamp"] is None:
        odd.append(f"message {number}: {said['at']!r} is not a date; the message has none")
        more = {"metadata": {**message["metadata"], "at": said["at"]}, **more}
    less = said.get("less", "").split()
    return {key: one for key, one in {**message, **more}.items() if key not in less or key in more}
