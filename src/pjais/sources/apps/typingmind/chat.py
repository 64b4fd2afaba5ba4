"""A chat of TypingMind, a list of messages, and its characters."""

from __future__ import annotations

from typing import Any

from pjais.sources.apps import parts, shape, values
from pjais.sources.apps.shape import Held, Shape, Turn

KIND = "typingmind"


def ms_of(raw: Any) -> int | None:
    """Return the milliseconds of a date: ISO-8601, or a number of milliseconds."""
    return values.ms_of_text(raw) if isinstance(raw, str) else values.ms_of_ms(raw)


def _dated(field: str, key: str) -> Held:
    return Held(field, (key,), lambda raw: values.iso(ms_of(raw)))


SHAPE = Shape(
    KIND, shape.text("title", "chatTitle"), _dated("createdAt", "createdAt"), _dated("updatedAt", "updatedAt")
)

CHARACTER = Shape(
    KIND,
    shape.name_or("Untitled character", "title"),
    shape.text("description", "description"),
    shape.system_prompt("instruction"),
    _dated("createdAt", "createdAt"),
    _dated("updatedAt", "updatedAt"),
)


def turns(native: dict[str, Any]) -> list[Turn]:
    """Return the messages of a chat, in order."""
    found: list[Turn] = []
    for place, one in enumerate(values.as_list(native.get("messages"))):
        if isinstance(one, dict):
            text, at = parts.text_of(one.get("content"), ("content",))
            role = values.first_text(one.get("role")) or "unknown"
            told: dict[str, Any] = {"hidden": True} if role in ("system", "tool", "function") else {}
            if isinstance(one.get("model"), str) and one["model"]:
                told["model"] = one["model"]
            name = values.first_text(one.get("uuid"))
            sent = ms_of(one.get("createdAt"))
            found.append(Turn(("messages", place), role, text, sent, name, text_at=at, metadata=told))
    return found


def undated(native: dict[str, Any]) -> list[Any]:
    """Return the dates of a chat and its messages that cannot be read."""
    held = [native, *(one for one in values.as_list(native.get("messages")) if isinstance(one, dict))]
    dates = [one[key] for one in held for key in ("createdAt", "updatedAt") if one.get(key) is not None]
    return [date for date in dates if ms_of(date) is None]
