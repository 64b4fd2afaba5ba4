"""An agent of Letta, its memory blocks and its messages.

For agents of the MemGPT kind the visible answer is the argument `message` of the call `send_message`; the text part of
such a message is the inner monologue.  Messages of the user may be events (a login, a heartbeat) as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pjais.sources.apps import shape, values
from pjais.sources.apps.shape import Path, Shape, Turn

KIND = "letta-af"

AGENT = Shape(
    KIND,
    shape.text("name", "name"),
    shape.text("description", "description"),
    shape.system_prompt("system"),
    shape.within("personality", "tags", shape.texts("", "tags")),
    shape.dated("createdAt", "created_at"),
    shape.dated("updatedAt", "updated_at"),
)
BLOCK = Shape(
    KIND,
    shape.text("name", "label"),
    shape.text("content", "value"),
    shape.dated("createdAt", "created_at"),
    shape.dated("updatedAt", "updated_at"),
)
MESSAGES = Shape(KIND)

_EVENTS = frozenset({"login", "heartbeat", "system_alert"})
_SPEAKS_BY_CALL = ("memgpt", "split_thread", "sleeptime", "voice")
"""Beginnings of the types of agents whose text is never shown; in version 1 there is no other type."""


def native(collection: str, value: Any) -> Any:
    """Return the object, or the part of the file, that a document was made of."""
    found = {"personas": AGENT, "memories": BLOCK, "conversations": MESSAGES}.get(collection)
    return found.native(value) if found else value["value"] if collection.startswith("letta_af_") else value


def turns(messages: list[Any], agent_type: object, in_context: set[int] | None) -> list[Turn]:
    """Return the messages of an agent; `in_context`: the places of those that the model sees, None if unknown."""
    by_call = not isinstance(agent_type, str) or agent_type.startswith(_SPEAKS_BY_CALL)
    found: list[Turn] = []
    for at, message in enumerate(messages):
        if isinstance(message, dict):
            turn = _turn(message, ("messages", at), by_call=by_call)
            if in_context is not None and at not in in_context:
                turn.metadata["outOfContext"] = True
            found.append(turn)
    return found


def _turn(message: dict[str, Any], path: Path, *, by_call: bool) -> Turn:
    text, text_at = _text(message)
    role = message.get("role")
    metadata: dict[str, Any] = {}
    if role == "user":
        event = _event(text)
        if event is not None:
            kind, said = event
            if kind == "user_message":
                text, text_at = said, None
            else:
                metadata |= {"kind": kind, "hidden": True}
    elif role == "assistant":
        called = _said(message)
        if called is not None:
            text, text_at = called, None
        elif not text or by_call:
            metadata |= {"kind": "tool_call" if message.get("tool_calls") else "reasoning", "hidden": True}
    else:
        metadata["hidden"] = True
        if role in ("tool", "summary", "approval"):
            metadata["kind"] = role
    if isinstance(message.get("model"), str):
        metadata["model"] = message["model"]
    if isinstance(message.get("name"), str):
        metadata["author"] = message["name"]
    known = values.first_text(role) or "unknown"
    sent, name = values.ms_of_text(message.get("created_at")), values.first_text(message.get("id"))
    return Turn(path, known, text, sent, name, None, text_at, metadata)


def _text(message: dict[str, Any]) -> tuple[str, Path | None]:
    """Return the text parts of a message, and its path if the text is stored there verbatim."""
    for key in ("content", "text"):
        if isinstance(message.get(key), str):
            return message[key], (key,)
    found = [
        (one["text"], ("content", at, "text"))
        for at, one in enumerate(values.as_list(message.get("content")))
        if isinstance(one, dict) and one.get("type") == "text" and isinstance(one.get("text"), str) and one["text"]
    ]
    return shape.joined(found)


def _event(text: str) -> tuple[str, str] | None:
    """Return the type of an event that is JSON in a message of the user, and the words of the user in it."""
    held = _loaded(text)
    kind = held.get("type")
    if kind == "user_message" and isinstance(held.get("message"), str):
        return "user_message", held["message"]
    return (kind, "") if isinstance(kind, str) and kind in _EVENTS else None


def _said(message: dict[str, Any]) -> str | None:
    """Return what a message says by calls of `send_message`; None if it has none."""
    found: list[str] = []
    for call in values.as_list(message.get("tool_calls")):
        function = values.as_dict(values.as_dict(call).get("function"))
        if function.get("name") == "send_message":
            arguments = function.get("arguments")
            said = (_loaded(arguments) if isinstance(arguments, str) else values.as_dict(arguments)).get("message")
            found += [said] if isinstance(said, str) else []
    return "\n\n".join(found) if found else None


def _loaded(text: str) -> dict[str, Any]:
    if not text.lstrip().startswith("{"):
        return {}
    try:
        return values.as_dict(json.loads(text))
    except (ValueError, RecursionError):
        return {}


def pictures(message: Any) -> Iterator[dict[str, Any]]:
    """Yield the sources of the pictures in a message: `{type, media_type, data | url | file_id}`."""
    for one in values.as_list(values.as_dict(message).get("content")):
        if isinstance(one, dict) and one.get("type") == "image" and isinstance(one.get("source"), dict):
            yield one["source"]


def in_context(agent: dict[str, Any], messages: list[Any]) -> set[int] | None:
    """Return the places of the messages that the model sees; None if the file does not tell."""
    places = agent.get("in_context_message_indices")
    if isinstance(places, list):
        return {one for one in places if type(one) is int}
    names = agent.get("in_context_message_ids")
    if not isinstance(names, list):
        return None
    known = {one for one in names if isinstance(one, str)}
    return {at for at, one in enumerate(messages) if isinstance(one, dict) and _is_in(one.get("id"), known)}


def _is_in(name: object, known: set[str]) -> bool:
    return isinstance(name, str) and name in known


def born(agent: dict[str, Any], messages: list[Any]) -> str | None:
    """Return when an agent was made: its own date, else that of the system message with which it began.

    A name is not unique, and the date of the file is that of the export.
    """
    own = values.text_or_none(agent.get("created_at"))
    first = values.as_dict(messages[0]) if messages else {}
    return own or (values.text_or_none(first.get("created_at")) if first.get("role") == "system" else None)
