"""Memories, models and rows of Open WebUI as documents, and every document as the app's own object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pjais.sources.apps import free_places, shape, values
from pjais.sources.apps.free_places import Check
from pjais.sources.apps.open_webui import chat, ours
from pjais.sources.apps.open_webui.chat import KIND
from pjais.sources.apps.shape import Held, Shape, Turn

PREFIX = "open_webui_"
"""How the collections of what no model of ours claims begin."""


def as_text(value: Any) -> str:
    """Return a content as Open WebUI holds it: text, that of JSON for anything else."""
    return value if isinstance(value, str) else values.json_text(value)


_DATES = (chat.instant("createdAt", "created_at"), chat.instant("updatedAt", "updated_at"))
_MEMORY = Shape(KIND, Held("content", ("content",), lambda raw: raw if isinstance(raw, str) else "", as_text), *_DATES)
_PERSONA = Shape(KIND, shape.text("description", "meta", "description"), *_DATES)
_NAMED = Shape(KIND, shape.text("name", "name"), *_PERSONA.fields)

_SETTINGS = {"systemPrompt": ("params", "system"), "model": ("base_model_id",)}
"""Settings of a persona, and where a model has them."""
DATED = {"createdAt": "created_at", "updatedAt": "updated_at"}
_AVATAR = ("meta", "profile_image_url")
_OF_MEMORY = {
    **free_places.MEMORY,
    "personaId": free_places.is_text_or_none,
    "embeddingModel": free_places.is_text_or_none,
    **dict.fromkeys(("createdAt", "updatedAt", "deletedAt", "lastAccessed"), free_places.is_date_or_none),
}
_KEY = ("meta", "pjais")


def kind_of(kind: object) -> str:
    """Return the kind of a memory as Open WebUI knows it: of the user, or of any context."""
    return "user" if kind == "user" else "context"


def account_of(row: dict[str, Any]) -> str:
    """Return the user to whom a row belongs; the records of several users of a server stay apart by it."""
    return values.text_or_none(row.get("user_id")) or ""


def ours_of(row: dict[str, Any]) -> dict[str, Any]:
    """Return what we put into a memory or a model: `{"id", ...fields}`."""
    found = values.as_dict(shape.get(row, _KEY))
    return found if isinstance(found.get("id"), str) and found["id"] else {}


def chat_id(native: dict[str, Any], turns: list[Turn]) -> str | None:
    """Return the id of a chat: ours if we wrote it, its own, or one of its first message if it has none."""
    told, account = ours.of_chat(native), account_of(native)
    if told:
        return str(told["id"])
    for own in (native.get("id"), chat.body(native)[1].get("id")):
        if isinstance(own, str) and own:
            return values.identity(f"{KIND} chat", own, account)
    if not turns:
        return None
    first = turns[0]
    return values.derived(KIND, "chat of", account, first.id, first.at, first.role, first.content)


def memory(row: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
    """Return a memory's id in the app and its document; one without an id is known by its text."""
    native_id = values.first_text(row.get("id"))
    account = account_of(row)
    made = values.derived(KIND, "memory", account, values.fingerprint(row.get("content")))
    more: dict[str, Any] = {"id": made if native_id is None else values.identity(f"{KIND} memory", native_id, account)}
    if isinstance(row.get("type"), str):
        more["type"] = row["type"]
    return native_id, _with_ours(row, _MEMORY.document(row, more), _OF_MEMORY)


def is_persona(row: dict[str, Any]) -> bool:
    """Return whether a model is one that a person made of another; the rest are settings of models."""
    return bool(values.text_or_none(row.get("base_model_id"))) or bool(ours_of(row))


def persona_id(row: dict[str, Any]) -> str:
    """Return the id of the persona that a model is."""
    return str(ours_of(row).get("id") or values.identity(f"{KIND} model", row.get("id"), account_of(row)))


def persona(row: dict[str, Any]) -> dict[str, Any]:
    """Return the document of a model that a person made."""
    more: dict[str, Any] = {"id": persona_id(row)}
    name = values.text_or_none(row.get("name"))
    if not name:
        more["name"] = str(row.get("id"))
    avatar = values.text_or_none(shape.get(row, _AVATAR))
    if avatar:
        more["avatar"] = avatar
    if settings := _settings(row):
        more["settings"] = settings
    return _with_ours(row, (_NAMED if name else _PERSONA).document(row, more), free_places.PERSONA)


def _settings(row: dict[str, Any]) -> dict[str, str]:
    return {key: text for key, path in _SETTINGS.items() if (text := values.text_or_none(shape.get(row, path)))}


def _with_ours(row: dict[str, Any], made: dict[str, Any], right: Mapping[str, Check]) -> dict[str, Any]:
    """Return a document with what we put into its row, if we had written it; what its row says counts where it can."""
    told = ours_of(row)
    if not told:
        return made
    kept = {key: one for key, one in told.items() if key in right and right[key](one)}
    kept = free_places.with_persona(kept, told.get("persona"))
    exact = {key: one for key, one in kept.items() if key not in made or _is_exact(key, one, made[key], row)}
    extra = {**values.as_dict(told.get("extra")), **made["extra"]}
    return {**made, **exact, "id": told["id"], "extra": extra}


def _is_exact(field: str, ours: Any, theirs: Any, row: dict[str, Any]) -> bool:
    """Return whether what a row says is what we had written, as far as it could hold that."""
    if field in ("createdAt", "updatedAt"):
        seconds = chat.whole_seconds(ours)
        return (ours is None or seconds is not None) and seconds == row.get(DATED[field])
    if field == "settings":
        return isinstance(ours, dict) and isinstance(theirs, dict) and theirs.items() <= ours.items()
    if field == "type":
        return bool(kind_of(ours) == theirs)
    return field == "content" and bool(as_text(ours) == theirs)


def _keep_ours(found: dict[str, Any], value: dict[str, Any], before: dict[str, Any]) -> None:
    """Write the fields that were edited in the store into what we put into a row; `before` is its document."""
    told = ours_of(found)
    for field in told.keys() - {"id", "extra"}:
        if field in value and value[field] != before.get(field):
            told[field] = value[field]


def table_document(table: str, row: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return a row's id in the app and its document; an `id` that is not unique in the world becomes one that is.

    Its own is `native_id` then: as it is, in a list if it is a list, and an empty list if the row has none.
    """
    key = next((row[one] for one in ("id", "key", "command", "collection_name") if row.get(one) is not None), None)
    account = account_of(row)
    made = values.identity(f"{KIND} {table}", values.fingerprint(row) if key is None else key, account)
    if "id" in row and row["id"] == made:
        return made, dict(row)
    own = [] if "id" not in row else [row["id"]] if isinstance(row["id"], list) else row["id"]
    return str(key), {**row, "id": made, "native_id": own}


def native(collection: str, value: Any) -> Any:
    """Return the app's own object that a document was made of."""
    if collection == "conversations":
        return chat.native(value)
    if collection == "memories":
        return _memory_native(value)
    if collection == "personas":
        return _persona_native(value)
    if not collection.startswith(PREFIX) or not isinstance(value, dict):
        return value
    row = {key: one for key, one in value.items() if key not in ("native_id", "attachment")}
    own = value.get("native_id", value.get("id"))
    if own == []:
        del row["id"]
        return row
    return {**row, "id": own[0] if isinstance(own, list) else own}


def _memory_native(value: dict[str, Any]) -> Any:
    kept = value["extra"][KIND]
    found = _MEMORY.native(value)
    if isinstance(kept, dict) and isinstance(found, dict):
        before = memory(kept)[1]
        if "type" in before and value.get("type") != before["type"]:
            found["type"] = kind_of(value.get("type"))
        _keep_ours(found, value, before)
    return found


def _persona_native(value: dict[str, Any]) -> Any:
    kept = value["extra"][KIND]
    found = (_NAMED if values.text_or_none(kept.get("name")) else _PERSONA).native(value)
    before = persona(kept)
    was, now = values.as_dict(before.get("settings")), values.as_dict(value.get("settings"))
    for key, path in _SETTINGS.items():
        if isinstance(now.get(key), str) and now[key] != was.get(key):
            shape.put(found, path, now[key])
    if isinstance(value.get("avatar"), str) and value["avatar"] != before.get("avatar"):
        shape.put(found, _AVATAR, value["avatar"])
    _keep_ours(found, value, before)
    return found
