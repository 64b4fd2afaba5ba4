"""Recognise and read lists of LangChain's messages, and items of LangGraph's store (a list, lines, or one)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from pjais.core.document import Document, Piece, Remark, Unreadable
from pjais.formats.container import Container
from pjais.formats.json_stream import Value
from pjais.sources.apps import values
from pjais.sources.apps.langchain.records import MESSAGES, identity, item, turn, type_of

_ITEM = frozenset({"namespace", "key", "value", "created_at", "updated_at"})
_MORE = frozenset({"score", "expires_at", "ttl_minutes"})
"""What a search or another store adds to an item."""
_DATA = frozenset({"additional_kwargs", "response_metadata", "type", "id", "name"})
"""Keys of a message's data, of which there is at least one besides its content."""


def form(container: Container) -> Literal["messages", "items"] | None:
    """Return what a file holds; None if its first element is neither a message nor an item."""
    if container.form != "file":
        return None
    head = values.json_head(container, container.names[0])
    if head.form == "list" and head.keys == {"type", "data"}:
        first = _first(container)
        return "messages" if type_of(first) and _is_data(first.get("data")) else None
    if head.form is not None and _ITEM <= head.keys <= _ITEM | _MORE:
        return "items" if _is_item(_first(container)) else None
    return None


def _first(container: Container) -> dict[str, Any]:
    """Return the first element of a file, an empty object if it is broken."""
    for one in values.items(container, container.names[0], "$file"):
        return values.as_dict(one.value) if isinstance(one, Value) else {}
    return {}


def _is_data(data: Any) -> bool:
    return isinstance(data, dict) and isinstance(data.get("content"), str | list) and bool(data.keys() & _DATA)


def _is_item(one: Any) -> bool:
    if not isinstance(one, dict) or not one.keys() >= _ITEM:
        return False
    return (
        isinstance(one["namespace"], list)
        and all(isinstance(each, str) for each in one["namespace"])
        and isinstance(one["key"], str)
        and isinstance(one["value"], dict)
    )


def pieces(container: Container) -> Iterator[Piece]:
    """Yield everything in a file."""
    return _items(container) if form(container) == "items" else _messages(container)


def _items(container: Container) -> Iterator[Piece]:
    name = container.names[0]
    for one in values.items(container, name, "memories"):
        if isinstance(one, Unreadable):
            yield one
        elif not isinstance(one.value, dict) or not isinstance(one.value.get("key"), str):
            yield values.unexpected("memories", name, one, "not an item: no key")
        else:
            yield values.document("memories", one.value["key"], name, one, item(one.value))


def _messages(container: Container) -> Iterator[Piece]:
    """Yield the messages of a file as one conversation."""
    name = container.names[0]
    found: list[dict[str, Any]] = []
    for one in values.items(container, name, "conversations"):
        if isinstance(one, Unreadable):
            yield one
        elif not isinstance(one.value, dict):
            yield values.unexpected("conversations", name, one, "not a message: not an object")
        else:
            found.append(one.value)
            if type_of(one.value) is None:
                where = values.place(name, one.place)
                yield Remark("unknown-type", "conversations", where, "a message of an unknown type; kept as it is")
    turns = [turn(one, at) for at, one in enumerate(found)]
    yield Document("conversations", None, name, MESSAGES.document(found, {"id": identity(found)}, turns=turns))
