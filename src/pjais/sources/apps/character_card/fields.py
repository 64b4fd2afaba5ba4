"""What of a card is which field of ours, and the way back.

A document keeps the card (or the entry) in `extra`.  Going back, only what was changed since is written into it, so an
untouched one is the very same: first into the card's own fields, and what these cannot hold into
`extensions.pjais`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from pjais import canonical
from pjais.sources.apps import free_places, shape, values
from pjais.sources.apps.character_card import card as cards
from pjais.sources.apps.character_card.card import KIND
from pjais.sources.apps.free_places import MEMORY, PERSONA
from pjais.sources.apps.shape import copied
from pjais.sources.apps.values import as_dict

_MADE_OF_IT = (KIND, "attachments")
"""What of `extra` is made of the card."""


class Slot(NamedTuple):
    """A field of a document, the name under which a card has it, and how its value is read and written.

    `read` returns None for what is not a such value; `empty` stands for none where the card has the field.
    """

    path: tuple[str, ...]
    key: str
    read: Callable[[Any], Any]
    empty: Any = ""
    write: Callable[[Any], Any] = lambda value: value


def _text(raw: Any) -> str | None:
    return raw if isinstance(raw, str) else None


def _texts(raw: Any) -> list[str] | None:
    return list(raw) if isinstance(raw, list) and all(isinstance(one, str) for one in raw) else None


def _tags(raw: Any) -> list[str] | None:
    """Return tags; older cards have them in one text, with commas."""
    return [one.strip() for one in raw.split(",") if one.strip()] if isinstance(raw, str) else _texts(raw)


_SECONDS = shape.seconds("", "")


def _date(raw: Any) -> str | None:
    """Return Unix seconds as a date; 0 is unknown."""
    found: str | None = _SECONDS.read(raw) if raw else None
    return found


def _whole_seconds(value: Any) -> int | None:
    ms = values.ms_of_iso(value)
    return None if ms is None else ms // 1000


_SLOTS = (
    Slot(("name",), "name", _text),
    Slot(("description",), "description", _text),
    *(
        Slot(("personality", key), key, _text)
        for key in ("nickname", "personality", "scenario", "first_mes", "mes_example")
    ),
    Slot(("personality", "tags"), "tags", _tags, []),
    Slot(("settings", "systemPrompt"), "system_prompt", _text),
    *(Slot(("settings", key), key, _text) for key in ("post_history_instructions", "creator_notes")),
    *(Slot(("settings", key), key, _texts, []) for key in ("alternate_greetings", "group_only_greetings")),
    Slot(("createdAt",), "creation_date", _date, 0, _whole_seconds),
    Slot(("updatedAt",), "modification_date", _date, 0, _whole_seconds),
)


# -- personas


def persona(card: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a card's persona, besides its id."""
    return free_places.merged(_of_card(card), cards.own(cards.data_of(card)).get("persona"), PERSONA)


def _of_card(card: dict[str, Any]) -> dict[str, Any]:
    data = cards.data_of(card)
    ours = cards.own(data)
    only_v3 = as_dict(ours.get("v3"))
    found: dict[str, Any] = {"name": "", "personality": {}, "settings": {}}
    for slot in _SLOTS:
        key = _key(card, slot)
        value = slot.read(data.get(key, only_v3.get(key)))
        if value is None or (ours.get("absent") is True and value == slot.empty):
            continue
        holder = found if len(slot.path) == 1 else found[slot.path[0]]
        holder[slot.path[-1]] = value
    if _text(data.get("name")) is None and isinstance(card.get("name"), str):
        found["name"] = card["name"]
    return found


def _key(card: dict[str, Any], slot: Slot) -> str:
    return cards.GRADIO.get(slot.key, slot.key) if cards.form_of(card) == "gradio" else slot.key


def native_persona(document: dict[str, Any]) -> dict[str, Any]:
    """Return the card of a persona with what was changed since, as it is kept: without the entries of its lorebook."""
    extra = as_dict(document.get("extra"))
    held = as_dict(extra.get(KIND)).get("card")
    card: dict[str, Any] = copied(held) if cards.form_of(held) else cards.skeleton()
    if document.get("avatar") in {one.get("sha256") for one in pictures(document)}:
        document = {**document, "avatar": persona(card).get("avatar")}
    if not free_places.rest(document, persona(card), PERSONA, _MADE_OF_IT):
        return card
    known = cards.V1 if cards.form_of(card) == "v1" else tuple(cards.GRADIO)
    changed = [slot for slot in _SLOTS if _is_changed(document, card, slot)]
    if cards.form_of(card) != "spec" and any(slot.key not in known for slot in changed):
        card = cards.as_v3(card)
    _write(document, card, changed)
    left = free_places.rest(document, _of_card(card), PERSONA, _MADE_OF_IT)
    if left and cards.form_of(card) != "spec":
        card = cards.as_v3(card)
        left = free_places.rest(document, _of_card(card), PERSONA, _MADE_OF_IT)
    if cards.form_of(card) == "spec":
        cards.keep(cards.data_of(card), id=document.get("id") if left else cards.own_id(card["data"]), persona=left)
    return card


def _is_changed(document: dict[str, Any], card: dict[str, Any], slot: Slot) -> bool:
    value = _at(document, slot.path)
    fits = value is None or slot.read(slot.write(value)) is not None
    return fits and not canonical.same(value, _at(_of_card(card), slot.path))


def _write(document: dict[str, Any], card: dict[str, Any], changed: list[Slot]) -> None:
    data = cards.data_of(card)
    for slot in changed:
        value, key = _at(document, slot.path), _key(card, slot)
        if value is not None:
            data[key] = slot.write(value)
        elif key in data:
            data[key] = copied(slot.empty)


def _at(document: dict[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = document
    for step in path:
        value = as_dict(value).get(step)
    return value


def pictures(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what a persona says of its pictures: references to attachments."""
    listed = values.as_list(as_dict(document.get("extra")).get("attachments"))
    return [one for one in listed if isinstance(one, dict) and one.get("role") in ("avatar", "inline")]


# -- entries


def memory(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of an entry's memory, besides its ids."""
    return free_places.merged(_of_entry(entry), cards.own(entry).get("memory"), MEMORY)


def _of_entry(entry: dict[str, Any]) -> dict[str, Any]:
    tier = "archived" if entry.get("enabled") is False else "hot" if entry.get("constant") is True else "active"
    return {
        "type": "lore",
        "name": _text(entry.get("name")) or _text(entry.get("comment")) or None,
        "content": _text(entry.get("content")) or "",
        "tags": _texts(entry.get("keys")) or [],
        "memoryTier": tier,
    }


def native_entry(document: dict[str, Any], place: int = 0) -> dict[str, Any]:
    """Return the entry of a memory with what was changed since; `place`: that of a new one in the list."""
    held = as_dict(as_dict(document.get("extra")).get(KIND)).get("entry")
    entry: dict[str, Any] = copied(held) if isinstance(held, dict) else cards.new_entry(place)
    if not free_places.rest(document, memory(entry), MEMORY, _MADE_OF_IT):
        return entry
    said = _of_entry(entry)
    for field, key in (("name", "name"), ("content", "content"), ("tags", "keys")):
        value = document.get(field)
        right = _texts(value) is not None if field == "tags" else isinstance(value, str)
        if right and not canonical.same(value, said[field]):
            entry[key] = value
    is_archived, was_archived = document.get("memoryTier") == "archived", said["memoryTier"] == "archived"
    if is_archived != was_archived and document.get("memoryTier"):
        entry["enabled"] = not is_archived
    left = free_places.rest(document, _of_entry(entry), MEMORY, _MADE_OF_IT)
    if "content" in left and not isinstance(left["content"], str):
        entry["content"] = canonical.dumps(left["content"])
    cards.keep(entry, memory=left)
    return entry
