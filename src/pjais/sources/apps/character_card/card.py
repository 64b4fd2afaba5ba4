"""A character card as JSON: its versions, its identity, and how one version becomes another.

Four shapes are read: V1 (six texts), Pygmalion's `char_name` shape, and V2 and later (`spec` and `data`).

What a card has no field for is kept in `data.extensions.pjais`, as Python names: `id`; `persona`, other fields;
`absent`, an empty text stands for none; `v3`, what only V3 has, in a card that was turned into V2.  Entries keep theirs
in `extensions.pjais`, too.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from pjais.sources.apps import values
from pjais.sources.apps.shape import copied
from pjais.sources.apps.values import as_dict

KIND = "character-card"

V1 = ("name", "description", "personality", "scenario", "first_mes", "mes_example")
GRADIO = {
    "name": "char_name",
    "description": "char_persona",
    "scenario": "world_scenario",
    "first_mes": "char_greeting",
    "mes_example": "example_dialogue",
}
"""Names of the fields of V1 in Pygmalion's shape, which has no `personality`."""

LOREBOOK = "lorebook_v3"
_SPEC = re.compile(r"chara_card_v\d+", re.ASCII)
_NEWEST = 3.0
_BOOKKEEPING = ("modification_date", "create_date", "chat", "avatar")
"""What programs write beside the fields of V1, and change without the card being another one."""

_TEXTS = (*V1, "creator_notes", "system_prompt", "post_history_instructions", "creator", "character_version")
_LISTS = ("alternate_greetings", "tags")
_V2 = frozenset({*_TEXTS, *_LISTS, "character_book", "extensions"})
_V2_BOOK = frozenset(
    {"name", "description", "scan_depth", "token_budget", "recursive_scanning", "extensions", "entries"}
)
_V2_ENTRY = frozenset(
    {"keys", "content", "extensions", "enabled", "insertion_order", "name", "priority", "id", "comment", "selective"}
    | {"secondary_keys", "constant", "position", "case_sensitive"}
)

Form = Literal["v1", "gradio", "spec"]


def form_of(value: Any) -> Form | None:
    """Return the shape of a card; None for any other value."""
    if not isinstance(value, dict):
        return None
    if isinstance(value.get("spec"), str) and _SPEC.fullmatch(value["spec"]) and isinstance(value.get("data"), dict):
        return "spec"
    if all(key in value for key in V1):
        return "v1"
    if "char_name" in value and any(key in value for key in GRADIO.values() if key != "char_name"):
        return "gradio"
    return None


def is_lorebook(value: Any) -> bool:
    """Return whether a value is a lorebook on its own."""
    return isinstance(value, dict) and value.get("spec") == LOREBOOK and isinstance(value.get("data"), dict)


def data_of(card: dict[str, Any]) -> dict[str, Any]:
    """Return the object in which a card, or a lorebook on its own, has its fields."""
    found: dict[str, Any] = card["data"] if is_lorebook(card) or form_of(card) == "spec" else card
    return found


def version_of(card: dict[str, Any]) -> str:
    """Return the version of a card, as it says itself; `1` where it does not."""
    if "spec" not in card or not isinstance(card.get("data"), dict):
        return "1"
    said = card.get("spec_version")
    return said if isinstance(said, str) and said else f"{str(card['spec']).rpartition('_v')[2]}.0"


def is_newer(card: dict[str, Any]) -> bool:
    """Return whether a card is of a version that came after the newest known one."""
    try:
        return float(version_of(card)) > _NEWEST
    except ValueError:
        return False


# -- what is ours in it


def own(owner: Any) -> dict[str, Any]:
    """Return what we keep in the extensions of a card's data, or of an entry."""
    return as_dict(as_dict(as_dict(owner).get("extensions")).get("pjais"))


def own_id(owner: Any) -> str | None:
    """Return the id that we gave a card or an entry."""
    found = own(owner).get("id")
    return found if isinstance(found, str) and found else None


def keep(owner: dict[str, Any], **ours: Any) -> None:
    """Keep values of ours in the extensions of a card's data, or of an entry; None and `{}` remove one."""
    kept = {key: one for key, one in {**own(owner), **ours}.items() if one is not None and one != {}}
    extensions = as_dict(owner.get("extensions"))
    if kept:
        owner["extensions"] = {**extensions, "pjais": kept}
    elif "pjais" in extensions:
        owner["extensions"] = {key: one for key, one in extensions.items() if key != "pjais"}


# -- identity


def identity(card: dict[str, Any]) -> str:
    """Return the id of a card's persona, or of a lorebook: ours, else that of Chub, else one of its content.

    A card whose content was changed is another one then: to take a name for an identity destroyed users' cards.  The
    date of the change does not count, nor do empty values that a later version wants.
    """
    data = data_of(card)
    if (found := own_id(data)) is not None:
        return found
    chub = as_dict(as_dict(data.get("extensions")).get("chub"))
    for key in ("id", "full_path"):
        if type(chub.get(key)) in (int, str) and chub[key] != "":
            return values.derived(KIND, "chub", chub[key])
    return values.derived(KIND, values.fingerprint(_content(card, data)))


def _content(card: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    without = _BOOKKEEPING if data is card else ("modification_date",)
    content = {key: one for key, one in data.items() if key not in without}
    if content.get("group_only_greetings") == []:
        del content["group_only_greetings"]
    book = content.get("character_book")
    if isinstance(book, dict) and isinstance(book.get("entries"), list):
        content["character_book"] = {**book, "entries": [_plain_entry(one) for one in book["entries"]]}
    return content


def _plain_entry(entry: Any) -> Any:
    if isinstance(entry, dict) and entry.get("use_regex") is False:
        return {key: one for key, one in entry.items() if key != "use_regex"}
    return entry


# -- one version from another


def skeleton() -> dict[str, Any]:
    """Return an empty card of V3, with every field that the version wants."""
    data: dict[str, Any] = {**dict.fromkeys(_TEXTS, ""), **{key: [] for key in _LISTS}}
    data |= {"group_only_greetings": [], "extensions": {"pjais": {"absent": True}}}
    return {"spec": "chara_card_v3", "spec_version": "3.0", "data": data}


def new_entry(place: int) -> dict[str, Any]:
    """Return an empty entry of a lorebook of V3."""
    made: dict[str, Any] = {"keys": [], "content": "", "extensions": {}, "enabled": True}
    return {**made, "insertion_order": place, "use_regex": False}


def as_v3(card: dict[str, Any]) -> dict[str, Any]:
    """Return a card as V3: what an older one lacks is added, nothing is dropped."""
    form = form_of(card)
    if form == "spec":
        if card["spec"] != "chara_card_v2":
            return card
        data = copied(card["data"])
        lifted = own(data).get("v3")
        if isinstance(lifted, dict):
            keep(data, v3=None)
            data |= lifted
        data.setdefault("group_only_greetings", [])
        _each_entry(data, _entry_as_v3)
        return {**card, "spec": "chara_card_v3", "spec_version": "3.0", "data": data}
    made = skeleton()
    names = {theirs: ours for ours, theirs in GRADIO.items()} if form == "gradio" else {}
    left: dict[str, Any] = {}
    for key, one in copied(card).items():
        named = names.get(key, key)
        if named == "extensions" and isinstance(one, dict):
            made["data"]["extensions"] = {**one, **made["data"]["extensions"]}
        elif named == "tags" and isinstance(one, str):
            made["data"]["tags"] = [each.strip() for each in one.split(",") if each.strip()]
        elif named in _V2 and (named not in _TEXTS or isinstance(one, str)) and (named not in _LISTS or _is_list(one)):
            made["data"][named] = one
        elif key not in ("spec", "spec_version", "data"):
            left[key] = one
    return {**made, **left}


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _each_entry(data: dict[str, Any], change: Any) -> None:
    book = data.get("character_book")
    if isinstance(book, dict) and isinstance(book.get("entries"), list):
        book["entries"] = [change(one) if isinstance(one, dict) else one for one in book["entries"]]


def _entry_as_v3(entry: dict[str, Any]) -> dict[str, Any]:
    lifted = own(entry).get("v3")
    if isinstance(lifted, dict):
        keep(entry, v3=None)
        entry = {**entry, **lifted}
    return {**entry, "use_regex": entry.get("use_regex", False)}


def as_v2(card: dict[str, Any], persona: str) -> dict[str, Any]:
    """Return a card of V3 as V2; what only V3 has is kept for us in the extensions, with the persona's id."""
    data = copied(data_of(as_v3(card)))
    made, only_v3 = _split(data, _V2)
    if only_v3.get("group_only_greetings") == [] and len(only_v3) == 1:
        only_v3 = {}
    if only_v3:
        keep(made, v3=only_v3)
    book = made.get("character_book")
    if isinstance(book, dict):
        known, other = _split(book, _V2_BOOK)
        made["character_book"] = known
        if other:
            keep(known, v3=other)
        _each_entry(made, _entry_as_v2)
    older = {"spec": "chara_card_v2", "spec_version": "2.0", "data": made}
    if identity(older) != persona:
        keep(made, id=persona)
    return older


def _entry_as_v2(entry: dict[str, Any]) -> dict[str, Any]:
    made, only_v3 = _split(entry, _V2_ENTRY)
    if isinstance(made.get("id"), str):
        only_v3["id"] = made.pop("id")
    if only_v3.get("use_regex") is False:
        del only_v3["use_regex"]
    if only_v3:
        keep(made, v3=only_v3)
    return made


def _split(value: dict[str, Any], names: frozenset[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return an object's members of these names, and the others."""
    others = {key: one for key, one in value.items() if key not in names}
    return {key: one for key, one in value.items() if key in names}, others
