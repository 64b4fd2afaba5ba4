"""SillyTavern's own objects, made of documents."""

from __future__ import annotations

from typing import Any

from pjais.sources.apps.character_card import fields
from pjais.sources.apps.character_card.card import KIND as CARD
from pjais.sources.apps.sillytavern import chat, people, world
from pjais.sources.apps.values import as_dict


def native(collection: str, value: Any) -> Any:
    """Return the object that a document was made of."""
    if not isinstance(value, dict):
        return value
    if collection == "conversations":
        return chat.native(value)
    if collection in ("personas", "memories"):
        if people.is_one(value):
            return people.native(value)
        if collection == "personas":
            return fields.native_persona(value)
        return fields.native_entry(value) if CARD in as_dict(value.get("extra")) else world.native(value)
    inside = {"sillytavern_worlds": "world", "sillytavern_groups": "group", "sillytavern_files": "value"}
    return value.get(inside[collection]) if collection in inside else value
