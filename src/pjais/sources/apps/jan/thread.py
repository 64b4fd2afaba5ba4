"""A thread of Jan and its messages, and its assistants.

Versions of Jan write dates as seconds or as milliseconds, in the same fields: the size tells.
"""

from __future__ import annotations

from typing import Any

from pjais.sources.apps import parts, shape, values
from pjais.sources.apps.shape import Held, Shape, Turn

KIND = "jan"

_LARGEST_SECONDS = 10_000_000_000
"""In seconds that is the year 2286, in milliseconds April 1970."""


def ms_of(raw: Any) -> int | None:
    """Return the milliseconds of a date, whichever the unit."""
    if type(raw) in (int, float) and abs(raw) < _LARGEST_SECONDS:
        return values.ms_of_seconds(raw)
    return values.ms_of_text(raw) if isinstance(raw, str) else values.ms_of_ms(raw)


def _dated(field: str, *path: str) -> Held:
    return Held(field, path, lambda raw: values.iso(ms_of(raw)), values.ms_of_iso)


SHAPE = Shape(
    KIND,
    shape.text("title", "thread", "title"),
    _dated("createdAt", "thread", "created"),
    _dated("updatedAt", "thread", "updated"),
)

ASSISTANT = Shape(
    KIND,
    shape.name_or("Untitled assistant", "name"),
    shape.text("description", "description"),
    shape.text("avatar", "avatar"),
    shape.system_prompt("instructions"),
    _dated("createdAt", "created_at"),
)


def assistant_of(thread: dict[str, Any]) -> tuple[str, str | None] | None:
    """Return (id, name) of the first assistant of a thread."""
    first = values.as_dict(next(iter(values.as_list(thread.get("assistants"))), None))
    found = first.get("assistant_id") or first.get("id")
    name = values.text_or_none(first.get("assistant_name")) or values.text_or_none(first.get("name"))
    return (found, name) if isinstance(found, str) and found else None


def turns(messages: list[Any]) -> list[Turn]:
    """Return the messages of a thread, in the order of its file."""
    found: list[Turn] = []
    for place, one in enumerate(messages):
        if isinstance(one, dict):
            text, at = parts.text_of(one.get("content"), ("content",))
            role = values.first_text(one.get("role")) or "unknown"
            told: dict[str, Any] = {"hidden": True} if role in ("system", "tool") else {}
            name = values.first_text(one.get("id"))
            sent = ms_of(one.get("created_at"))
            found.append(Turn(("messages", place), role, text, sent, name, text_at=at, metadata=told))
    return found
