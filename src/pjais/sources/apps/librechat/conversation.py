"""A conversation of LibreChat, its messages in a list or a flat tree (`stream`), and a memory.

No message is named as the one on screen: it is the branch that ends in the newest.  A text is in `text`, or in parts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pjais.sources.apps import parts, shape, trees, values
from pjais.sources.apps.librechat.stream import LIST, TREE, nested
from pjais.sources.apps.shape import Held, Path, Shape, Turn

KIND = "librechat"

_SHAPE = Shape(KIND, shape.text("title", "title"))
_MEMORY = Shape(
    KIND, shape.text("name", "key"), Held("content", ("value",), lambda raw: raw if isinstance(raw, str) else "")
)
_ROOT = "00000000-0000-0000-0000-000000000000"
_UNSEEN = frozenset({"think", "tool_call", "text"})
"""Types of parts of a message in which nobody speaks, if its texts are empty."""


def turns(native: dict[str, Any]) -> tuple[list[Turn], list[Turn]]:
    """Return all messages of a conversation, and those of the branch that ends in the newest, in order."""
    found = list(_in_tree(native) if isinstance(native.get(TREE), list) else _in_list(native))
    if all(turn.parent is None for turn in found):
        return found, found
    return found, shape.branch(found)


def faults(found: list[Turn], where: str) -> Iterator[Any]:
    """Yield what is wrong with the tree of the messages."""
    return trees.of_turns(found, where)


def _in_list(native: dict[str, Any]) -> Iterator[Turn]:
    for at, message in enumerate(values.as_list(native.get(LIST))):
        if isinstance(message, dict):
            yield _turn((LIST, at), (), message, _parent(message))


def _in_tree(native: dict[str, Any]) -> Iterator[Turn]:
    """Yield the messages of a tree; one that does not name the message above follows it all the same."""
    above: list[tuple[int, str | None]] = []
    for at, one in enumerate(values.as_list(native.get(TREE))):
        depth, message = one["depth"], one["message"]
        while above and above[-1][0] >= depth:
            above.pop()
        if isinstance(message, dict):
            told = "parentMessageId" in message or not above
            yield _turn((TREE, at), ("message",), message, _parent(message) if told else above[-1][1])
            above.append((depth, values.text_or_none(message.get("messageId"))))


def _parent(message: dict[str, Any]) -> str | None:
    found = message.get("parentMessageId")
    return found if isinstance(found, str) and found and found != _ROOT else None


def _turn(path: Path, inside: Path, message: dict[str, Any], parent: str | None) -> Turn:
    text, text_at = _text(message)
    sender = values.text_or_none(message.get("sender"))
    mine = message.get("isCreatedByUser")
    role = "user" if mine is True else "assistant" if mine is False else "unknown"
    if role == "unknown" and sender is not None:
        role = "user" if sender.lower() == "user" else "assistant"
    metadata: dict[str, Any] = {}
    if sender and role != "user":
        metadata["author"] = sender
    if isinstance(message.get("model"), str):
        metadata["model"] = message["model"]
    types = [values.as_dict(one).get("type") for one in values.as_list(message.get("content"))]
    if message.get("error") is True or "error" in types:
        metadata["kind"] = "error"
    if types and not text and all(isinstance(one, str) and one in _UNSEEN for one in types):
        metadata["hidden"] = True
    if attached := list(_attached(message)):
        metadata["attachments"] = attached
    sent = values.ms_of_text(message.get("createdAt"))
    name = values.first_text(message.get("messageId"))
    return Turn(path, role, text, sent, name, parent, None if text_at is None else (*inside, *text_at), metadata)


def _text(message: dict[str, Any]) -> tuple[str, Path | None]:
    text = message.get("text")
    if isinstance(text, str) and (text or not values.as_list(message.get("content"))):
        return text, ("text",)
    return parts.text_of(message.get("content"), ("content",))


def _attached(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what a message says of its files; their bytes are on the server alone."""
    pictures = [
        values.as_dict(part).get("image_file")
        for part in values.as_list(message.get("content"))
        if values.as_dict(part).get("type") == "image_file"
    ]
    for one in [*values.as_list(message.get("files")), *pictures, *values.as_list(message.get("attachments"))]:
        if isinstance(one, dict):
            names = (one.get(key) for key in ("filename", "file_id", "filepath"))
            name = values.first_text(*names)
            if name is not None:
                yield values.missing(name, values.text_or_none(one.get("type")), one.get("bytes"))


def document(native: dict[str, Any], found: list[Turn], shown: list[Turn]) -> dict[str, Any]:
    """Return the document of a conversation; the file has no time for it but those of its messages."""
    more = {"id": values.identity(KIND, native["conversationId"]), "updatedAt": values.iso(shape.newest(found))}
    return _SHAPE.document(native, more, turns=found, shown=shown)


def memory(native: dict[str, Any]) -> dict[str, Any]:
    """Return the document of a memory: a user has one of each key."""
    account, agent = (values.text_or_none(native.get(key)) or "" for key in ("userId", "agentId"))
    more = {
        "id": values.derived(KIND, "memory", account, agent, native.get("key")),
        "updatedAt": values.iso(_instant(native.get("updated_at"))),
    }
    return _MEMORY.document(native, more)


def _instant(raw: Any) -> int | None:
    """Return an instant of MongoDB's JSON: a text, or `{"$date": text or milliseconds}`."""
    held = raw.get("$date", raw) if isinstance(raw, dict) else raw
    if isinstance(held, dict):
        text = held.get("$numberLong")
        held = int(text) if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 19 else None
    return values.ms_of_text(held) if isinstance(held, str) else values.ms_of_ms(held)


def native(collection: str, value: Any) -> Any:
    """Return the conversation or memory that a document was made of."""
    if collection == "memories":
        return _MEMORY.native(value)
    if collection != "conversations":
        return value
    found = _SHAPE.native(value)
    if isinstance(found, dict) and isinstance(found.get(TREE), list):
        found[TREE] = nested(found[TREE])
    return found
