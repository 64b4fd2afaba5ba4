"""The entries of a card's lorebook: out of the card, into memories, and back to their places.

A card is kept without its entries; each is a hole in the list until `whole` puts them back.  An element of the list
that is not an object stays where it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from pjais.sources.apps import values
from pjais.sources.apps.character_card import card as cards
from pjais.sources.apps.character_card import fields
from pjais.sources.apps.character_card.card import KIND
from pjais.sources.apps.shape import copied
from pjais.sources.apps.values import as_dict

_HOLE = {"$entry": True}
"""The placeholder in a kept lorebook for an entry that was taken out."""


class Entry(NamedTuple):
    """An entry: its place in the list, its id, the entry itself."""

    place: int
    id: str
    value: dict[str, Any]


def entries(card: dict[str, Any], owner: str) -> list[Entry]:
    """Return the entries of a card, or of a lorebook on its own; `owner`: the id of its persona, or of itself.

    An entry is known by the id that we gave it, else by its own if no other has it, else by its place.
    """
    listed = _listed(card)
    counted = Counter(_native_id(one) for one in listed if isinstance(one, dict))
    found: list[Entry] = []
    met: set[str] = set()
    for place, one in enumerate(listed):
        if isinstance(one, dict):
            native = _native_id(one)
            by_place = values.derived(KIND, owner, "place", place)
            usual = values.derived(KIND, owner, "id", native) if native and counted[native] == 1 else by_place
            key = cards.own_id(one) or usual
            if key in met:  # an entry that was copied with our id in it
                key = usual if usual not in met else by_place
            met.add(key)
            found.append(Entry(place, key, one))
    return found


def _native_id(entry: dict[str, Any]) -> str | None:
    native = entry.get("id")
    return f"{type(native).__name__} {native}" if type(native) in (int, str) else None


def without_entries(card: dict[str, Any]) -> dict[str, Any]:
    """Return a card, or a lorebook on its own, with a hole for each of its entries."""
    left: dict[str, Any] = copied(card)
    listed = _listed(left)
    listed[:] = [dict(_HOLE) if isinstance(one, dict) else one for one in listed]
    return left


def memories(card: dict[str, Any], owner: str, *, is_persona: bool = True) -> Iterator[tuple[Entry, dict[str, Any]]]:
    """Yield the entries of a card with the documents of their memories."""
    for one in entries(card, owner):
        held: dict[str, Any] = {"place": one.place, "entry": copied(one.value)}
        named: dict[str, Any] = {"id": one.id, "personaId": owner}
        if not is_persona:
            held["book"], named["personaId"] = owner, None
        found = fields.memory(one.value)
        yield one, {**named, **found, "extra": {**as_dict(found.get("extra")), KIND: held}}


def whole(persona: dict[str, Any], held: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the card of a persona with its memories as entries; those that were not entries come last.

    What the card alone would not give back, above all the ids, is in `extensions.pjais`.
    """
    card = fields.native_persona(persona)
    found = list(held)
    if found and cards.form_of(card) != "spec":
        card = cards.as_v3(card)
    filled = _filled(card, found)
    if cards.identity(card) != persona.get("id"):
        if cards.form_of(card) != "spec":
            card = cards.as_v3(card)
        cards.keep(cards.data_of(card), id=persona.get("id"))
    _identify(card, str(persona.get("id")), filled)
    return card


def whole_lorebook(book: dict[str, Any], owner: str, held: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return a lorebook on its own with its entries; `book` is what is kept of it."""
    found: dict[str, Any] = copied(book)
    filled = _filled(found, list(held))
    if cards.identity(found) != owner:
        cards.keep(cards.data_of(found), id=owner)
    _identify(found, owner, filled)
    return found


def _filled(card: dict[str, Any], held: list[dict[str, Any]]) -> dict[int, str | None]:
    """Put entries into a card; return the ids of the memories by the identity of the entries (`id`)."""
    listed = _listed(card)
    new: list[dict[str, Any]] = []
    made: dict[int, str | None] = {}
    for one in held:
        place = as_dict(as_dict(one.get("extra")).get(KIND)).get("place")
        at = place if type(place) is int and 0 <= place < len(listed) and listed[place] == _HOLE else None
        entry = fields.native_entry(one, len(listed) + len(new))
        made[id(entry)] = one.get("id")
        if at is None:
            new.append(entry)
        else:
            listed[at] = entry
    kept = [one for one in listed if one != _HOLE or id(one) in made] + new
    if new:
        data = cards.data_of(card)
        book = data if cards.is_lorebook(card) else data.get("character_book")
        if not isinstance(book, dict):
            book = data["character_book"] = {"extensions": {}}
        book["entries"] = kept
    else:
        listed[:] = kept
    return made


def _identify(card: dict[str, Any], owner: str, filled: dict[int, str | None]) -> None:
    """Give an entry its memory's id, where it would be read as another one."""
    for one in entries(card, owner):
        wanted = filled.get(id(one.value))
        if wanted is not None and wanted != one.id:
            cards.keep(one.value, id=wanted)


def _listed(card: dict[str, Any]) -> list[Any]:
    """Return the list of entries itself; one of its own where the card has none."""
    data = cards.data_of(card)
    book = data if cards.is_lorebook(card) else data.get("character_book")
    return values.as_list(as_dict(book).get("entries"))
