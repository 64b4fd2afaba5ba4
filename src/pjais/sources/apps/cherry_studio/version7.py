"""A topic of version 7: a row of `topic`, and its messages, a tree by their parents, as rows of `message`.

The document keeps `{"topic": row, "messages": [rows]}`, the rows as they are: texts are inside JSON text there.
"""

from __future__ import annotations

from typing import Any

from pjais.sources.apps import shape, values
from pjais.sources.apps.cherry_studio.databases import Row, column, instant, json_of, key_of
from pjais.sources.apps.cherry_studio.topic import KIND
from pjais.sources.apps.shape import Held, Shape, Turn


def _shape(topic: Row) -> Shape:
    return Shape(
        KIND,
        Held("title", ("topic", key_of(topic, "name")), lambda raw: raw if isinstance(raw, str) and raw else None),
        *(
            Held(one, ("topic", key_of(topic, one)), lambda raw: values.iso(instant(raw)), values.ms_of_iso)
            for one in ("createdAt", "updatedAt")
        ),
    )


def document(topic: Row, messages: list[Row], more: dict[str, Any]) -> dict[str, Any]:
    """Return the document of a topic and its messages; one that was deleted in the app is archived."""
    everything, shown = turns(topic, messages)
    if column(topic, "deletedAt"):
        more = {**more, "isArchived": True}
    whole = {"topic": topic, "messages": messages}
    return _shape(topic).document(whole, more, turns=everything, shown=shown)


def is_one(whole: Any) -> bool:
    """Return whether what a document keeps is a topic of version 7."""
    return isinstance(whole, dict) and "messages" in whole


def native(value: dict[str, Any]) -> Any:
    """Return the rows that a document was made of, with what was edited since."""
    return _shape(values.as_dict(value["extra"][KIND].get("topic"))).native(value)


def turns(topic: Row, messages: list[Row]) -> tuple[list[Turn], list[Turn]]:
    """Return all messages, and those of the branch that was on screen."""
    found = [_turn(number, row) for number, row in enumerate(messages)]
    active = column(topic, "activeNodeId")
    return found, shape.branch(found, active if isinstance(active, str) else None)


def _turn(number: int, row: Row) -> Turn:
    role = column(row, "role")
    role = values.first_text(role) or "unknown"
    metadata: dict[str, Any] = {} if role in ("user", "assistant") else {"hidden": True}
    model = column(row, "modelId")
    if isinstance(model, str) and model:
        metadata["model"] = model
    name, parent = column(row, "id"), column(row, "parentId")
    return Turn(
        ("messages", number),
        role,
        _text(json_of(column(row, "data"))),
        instant(column(row, "createdAt")),
        name if isinstance(name, str) and name else None,
        parent if isinstance(parent, str) and parent else None,
        None,
        metadata,
    )


def _text(data: Any) -> str:
    """Return the text of a message: that of its blocks of text, or of its parts, which later versions have instead."""
    told = values.as_dict(data)
    found = [
        one.get("content") if one.get("type") == "main_text" else one.get("text")
        for one in (*values.as_list(told.get("blocks")), *values.as_list(told.get("parts")))
        if isinstance(one, dict) and one.get("type") in ("main_text", "text")
    ]
    return "\n\n".join(one for one in found if isinstance(one, str) and one)
