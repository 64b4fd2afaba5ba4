"""What LangChain's messages and LangGraph's items mean; neither has a title, messages have no times."""

from __future__ import annotations

from typing import Any

from pjais.sources.apps import shape, values
from pjais.sources.apps.shape import Path, Shape, Turn

KIND = "langchain"

MESSAGES = Shape(KIND)
_TIMES = (shape.dated("createdAt", "created_at"), shape.dated("updatedAt", "updated_at"))
_WITH_TEXT = Shape(KIND, shape.text("name", "key"), shape.text("content", "value", "content"), *_TIMES)
_WITH_VALUE = Shape(KIND, shape.text("name", "key"), shape.Held("content", ("value",), lambda raw: raw), *_TIMES)

ROLES = {
    "human": "user",
    "ai": "assistant",
    "system": "system",
    "tool": "tool",
    "function": "tool",
    "chat": "chat",
    "developer": "system",
}
"""The types of messages, and their roles."""


def item_shape(native: Any) -> Shape:
    """Return the shape of an item: its content is the text `content` of its value, else the value."""
    value = values.as_dict(values.as_dict(native).get("value"))
    return _WITH_TEXT if isinstance(value.get("content"), str) else _WITH_VALUE


def native(collection: str, value: Any) -> Any:
    """Return the list of messages, or the item, that a document was made of."""
    if collection == "conversations":
        return MESSAGES.native(value)
    if collection == "memories":
        return item_shape(values.as_dict(value.get("extra")).get(KIND)).native(value)
    return value


def type_of(message: Any) -> str | None:
    """Return the type of a message, of a chunk of one that of the message; None for what is none."""
    found = message.get("type") if isinstance(message, dict) else None
    if not isinstance(found, str):
        return None
    found = found.removesuffix("MessageChunk").lower() if found.endswith("MessageChunk") else found
    return found if found in ROLES else None


def turn(message: dict[str, Any], at: int) -> Turn:
    """Return a message of a list."""
    data = values.as_dict(message.get("data"))
    kind = type_of(message) or values.first_text(message.get("type")) or "unknown"
    text, text_at = _text(data)
    named = values.text_or_none(data.get("role")) if kind == "chat" else None
    role = named or ROLES.get(kind, kind)
    metadata: dict[str, Any] = {}
    if role in ("system", "tool") or (not text and data.get("tool_calls")):
        metadata["hidden"] = True
    if role == "tool":
        metadata["kind"] = kind
    told = values.as_dict(data.get("response_metadata"))
    model = next((told[key] for key in ("model_name", "model") if isinstance(told.get(key), str)), None)
    if model is not None:
        metadata["model"] = model
    if isinstance(data.get("name"), str):
        metadata["author"] = data["name"]
    return Turn((at,), role, text, None, values.first_text(data.get("id")), None, text_at, metadata)


def _text(data: dict[str, Any]) -> tuple[str, Path | None]:
    """Return the text of a message, or of its blocks, and its path if the text is stored there verbatim."""
    content = data.get("content")
    if isinstance(content, str):
        return content, ("data", "content")
    found: list[tuple[str, Path]] = []
    for at, block in enumerate(values.as_list(content)):
        if isinstance(block, str) and block:
            found.append((block, ("data", "content", at)))
        elif isinstance(block, dict) and block.get("type") == "text" and isinstance(block.get("text"), str):
            found.append((block["text"], ("data", "content", at, "text")))
    return shape.joined(found)


def identity(messages: list[dict[str, Any]]) -> str:
    """Return the id of a list of messages: from the first id in it, else from its beginning up to the first answer.

    A list has no id of its own, and a later one has more messages.
    """
    first = next((values.as_dict(one.get("data")).get("id") for one in messages), None)
    if isinstance(first, str) and values.is_unique(first):
        return values.derived(KIND, "messages", first)
    answered = next((at for at, one in enumerate(messages) if type_of(one) == "ai"), len(messages))
    return values.derived(KIND, "messages", values.fingerprint(messages[: answered + 1]))


def item(native: dict[str, Any]) -> dict[str, Any]:
    """Return the memory of an item of a store; its namespace is its tags."""
    space = [one for one in values.as_list(native.get("namespace")) if isinstance(one, str)]
    key = native["key"]
    found = key if values.is_unique(key) else values.derived(KIND, "item", native.get("namespace"), key)
    return item_shape(native).document(native, {"id": found, "type": "item", "tags": space})
