"""Check a persona's objects and a conversation's messages against guide B's schema, and note differences.

The app itself wrote other shapes too, so a value that is not of the guide's type is kept as it is, and named with its
path.  Nothing here changes a value or refuses a record.  A message never shows the value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from pjais import instants
from pjais.models.persona.livestore import PRIVACY_LEVELS, ROLES

Problem = tuple[str, str, str | None, str]
Document = dict[str, Any]

RULE = "nested-type"
SECONDS = "a time of 1970 as milliseconds; as Unix seconds it would be one between 1990 and 2100; kept as it is"


class Kind(NamedTuple):
    """A type of guide B's schema: its test, and its name."""

    holds: Callable[[Any], bool]
    name: str


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _one_of(*texts: str) -> Kind:
    return Kind(lambda value: type(value) is str and value in texts, " / ".join(texts))


TEXT = Kind(lambda value: type(value) is str, "text")
TEXTS = Kind(lambda value: type(value) is list and all(type(one) is str for one in value), "a list of texts")
NUMBER = Kind(_is_number, "a number")
FLAG = Kind(lambda value: type(value) is bool, "true or false")
OBJECT = Kind(lambda value: type(value) is dict, "an object")
INSTANT = Kind(lambda value: _is_number(value) or type(value) is str, "a time")
"""A message's time is milliseconds in the guide, and ISO text in what the app wrote."""

PERSONA: Mapping[str, Mapping[str, Kind]] = {
    "personality": {"traits": TEXTS, "temperament": TEXT, "communicationStyle": TEXT},
    "settings": {"memoryRetention": NUMBER, "privacyLevel": _one_of(*PRIVACY_LEVELS), "autoLearn": FLAG},
}
MESSAGE: Mapping[str, Kind] = {
    "id": TEXT,
    "role": _one_of(*ROLES),
    "content": TEXT,
    "timestamp": INSTANT,
    "metadata": OBJECT,
}


def note_persona(values: Document, _document: Document, _original: Document, problems: list[Problem]) -> None:
    """Note each member of `personality` and `settings` that is not of the guide's type."""
    for field, kinds in PERSONA.items():
        inside = values[field]
        if type(inside) is dict:
            problems.extend(_note(f"{field}.{name}", kind, value) for name, kind, value in _wrong(inside, kinds))


def note_messages(values: Document, _document: Document, _original: Document, problems: list[Problem]) -> None:
    """Note the members of messages that are not of the guide's type: one note a field, with the first such message."""
    seen: set[str] = set()
    for number, message in enumerate(values["messages"]):
        if type(message) is not dict:
            continue
        time = message.get("timestamp")
        if "seconds" not in seen and isinstance(time, int | float) and instants.like_seconds(time):
            seen.add("seconds")
            problems.append(("note", "looks-like-seconds", "messages.timestamp", f"message {number}: {SECONDS}"))
        for name, kind, value in _wrong(message, MESSAGE):
            if name not in seen and not (name == "metadata" and value is None):
                seen.add(name)
                problems.append(_note(f"messages.{name}", kind, value, f"message {number}: "))


def _wrong(inside: Document, kinds: Mapping[str, Kind]) -> Iterator[tuple[str, Kind, Any]]:
    for name, kind in kinds.items():
        if name in inside and not kind.holds(inside[name]):
            yield name, kind, inside[name]


def _note(path: str, kind: Kind, value: Any, where: str = "") -> Problem:
    return "note", RULE, path, f"{where}{_called(value)} where the guide has {kind.name}, kept as it is"


def _called(value: Any) -> str:
    """The type of a value, never the value."""
    if value is None:
        return "null"
    if type(value) is list:
        return "a list of other values" if value else "a list"
    names = {bool: "true or false", str: "another text", dict: "an object", int: "a number", float: "a number"}
    return names.get(type(value), "another value")
