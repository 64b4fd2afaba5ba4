"""Personas of the user in SillyTavern: whom the person plays, not a character.

They are memories about the user, or personas where the owner wishes that.  SillyTavern knows one by the file of its
avatar; its name and its description are in two objects.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pjais.core.document import Document
from pjais.sources.apps import values
from pjais.sources.apps.shape import copied
from pjais.sources.apps.sillytavern.chat import KIND
from pjais.sources.apps.values import as_dict

TYPE = "user_persona"
NAMES, DESCRIPTIONS, DEFAULT = "personas", "persona_descriptions", "default_persona"


def people(holder: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield each persona of the user as one object: its avatar's file, name, description, and if it is the default."""
    names, described = as_dict(holder.get(NAMES)), as_dict(holder.get(DESCRIPTIONS))
    for avatar in {**names, **described}:
        found: dict[str, Any] = {"avatar": avatar}
        if avatar in names:
            found["name"] = names[avatar]
        if avatar in described:
            found["description"] = described[avatar]
        if holder.get(DEFAULT) == avatar:
            found["default"] = True
        yield copied(found)


def document(found: dict[str, Any], place: str, picture: dict[str, Any] | None, *, as_persona: bool) -> Document:
    """Return the memory, or the persona, of a persona of the user; `picture`: what is known of its avatar."""
    key = values.derived(KIND, "user", found["avatar"])
    name, text = _name(found), _text(found)
    extra: dict[str, Any] = {KIND: {"user": found}}
    if picture is not None:
        extra["attachments"] = [{"role": "avatar", **picture}]
    if as_persona:
        avatar = {} if picture is None else {"avatar": picture["sha256"]}
        value = {"id": key, "name": name, "description": text, **avatar, "extra": extra}
        return Document("personas", found["avatar"], place, value)
    value = {"id": key, "personaId": None, "type": TYPE, "name": name, "content": text, "extra": extra}
    return Document("memories", found["avatar"], place, value)


def _name(found: dict[str, Any]) -> str:
    name = found.get("name")
    return name if isinstance(name, str) else ""


def _text(found: dict[str, Any]) -> str:
    text = as_dict(found.get("description")).get("description")
    return text if isinstance(text, str) else ""


def is_one(value: dict[str, Any]) -> bool:
    """Return whether a document is a persona of the user."""
    return isinstance(as_dict(as_dict(value.get("extra")).get(KIND)).get("user"), dict)


def native(value: dict[str, Any]) -> dict[str, Any]:
    """Return a persona of the user as one object, with what was edited since."""
    found: dict[str, Any] = copied(value["extra"][KIND]["user"])
    text = value.get("description") if "description" in value else value.get("content")
    if value.get("name") not in (None, _name(found)):
        found["name"] = value["name"]
    if isinstance(text, str) and text != _text(found):
        found["description"] = {**as_dict(found.get("description")), "description": text}
    return found


def file_of(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the file of personas of these."""
    default = [one["avatar"] for one in found if one.get("default") is True]
    return {
        NAMES: {one["avatar"]: one["name"] for one in found if "name" in one},
        DESCRIPTIONS: {one["avatar"]: one["description"] for one in found if "description" in one},
        **({DEFAULT: default[0]} if default else {}),
    }
