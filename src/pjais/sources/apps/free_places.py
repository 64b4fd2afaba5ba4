"""Fields that an app's form has no place for, kept where it lets anyone keep something of their own.

What is kept is what a document says otherwise than the app's own fields do; reading, it is put over them.  So an app's
object that never left it has nothing of ours, and one that we made comes back with all of its fields.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from pjais import canonical
from pjais.sources.apps import values
from pjais.sources.apps.values import as_dict, is_texts

Check = Callable[[Any], bool]


def is_text(raw: Any) -> bool:
    """Return whether a value is a text, and not an empty one."""
    return isinstance(raw, str) and raw != ""


def is_text_or_none(raw: Any) -> bool:
    """Return whether a value is a text or null."""
    return raw is None or isinstance(raw, str)


def is_object(raw: Any) -> bool:
    """Return whether a value is an object."""
    return isinstance(raw, dict)


def is_truth(raw: Any) -> bool:
    """Return whether a value is true or false."""
    return isinstance(raw, bool)


def is_date(raw: Any) -> bool:
    """Return whether a value is a date as the fields of documents have it."""
    return isinstance(raw, str) and values.ms_of_iso(raw) is not None


def is_date_or_none(raw: Any) -> bool:
    """Return whether a value is such a date or null."""
    return raw is None or is_date(raw)


def is_count(raw: Any) -> bool:
    """Return whether a value is a whole number that is not below 0."""
    return type(raw) is int and 0 <= raw < 1 << 53


def is_score(raw: Any) -> bool:
    """Return whether a value is a number from 0 to 100."""
    return type(raw) in (int, float) and 0 <= raw <= 100


PERSONA: dict[str, Check] = {
    "name": lambda raw: isinstance(raw, str),
    "description": is_text_or_none,
    "avatar": is_text_or_none,
    "personality": is_object,
    "settings": is_object,
    "memoryConfiguration": is_object,
    "privacySettings": is_object,
    "isActive": is_truth,
    "createdAt": is_date_or_none,
    "updatedAt": is_date_or_none,
    "lastUsed": is_date,
    "usageCount": is_count,
    "extra": is_object,
}
"""The fields of a persona, and what they may be where an app keeps them for us."""

MEMORY: dict[str, Check] = {
    "type": is_text,
    "name": is_text_or_none,
    "content": lambda _: True,
    "summary": is_text_or_none,
    "tags": is_texts,
    "importance": is_score,
    "memoryTier": is_text,
    "accessCount": is_count,
    "connectionCount": is_count,
    "lastAccessed": is_date,
    "createdAt": is_date,
    "updatedAt": is_date,
    "extra": is_object,
}

CONVERSATION: dict[str, Check] = {
    "title": is_text_or_none,
    "sessionId": is_text_or_none,
    "summary": is_text_or_none,
    "sentiment": is_text_or_none,
    "topics": is_texts,
    "importance": is_score,
    "isArchived": is_truth,
    "createdAt": is_date_or_none,
    "updatedAt": is_date_or_none,
    "archivedAt": is_date,
    "extra": is_object,
}

MESSAGE: dict[str, Check] = {
    "role": is_text,
    "content": lambda _: True,
    "timestamp": lambda raw: raw is None or type(raw) is int,
    "metadata": is_object,
}

_NESTED = frozenset({"personality", "settings", "extra", "metadata"})
_DEFAULTS: dict[str, Any] = {**values.DEFAULTS, "memoryConfiguration": {}, "privacySettings": {}}
"""What may be said of a field that a document lacks, which is the same as nothing."""


def merged(found: dict[str, Any], kept: Any, right: Mapping[str, Check]) -> dict[str, Any]:
    """Put what was kept for us over the fields of a document; what is of a wrong type is passed over."""
    for field, value in as_dict(kept).items():
        if field in right and right[field](value):
            if field in _NESTED:
                both = {**as_dict(found.get(field)), **value}
                found[field] = {key: one for key, one in both.items() if one is not None or key not in value}
            else:
                found[field] = value
    return found


def rest(
    document: dict[str, Any], there: dict[str, Any], right: Mapping[str, Check], without: Collection[str] = ()
) -> dict[str, Any]:
    """Return what a document says otherwise than the fields that are there; null is as good as absent.

    `without`: what of `extra` or `metadata` does not count, as it is made of the app's object.
    """
    found: dict[str, Any] = {}
    for field in right:
        value, said = document.get(field), there.get(field)
        if field not in _NESTED:
            if not canonical.same(_bare(field, value), _bare(field, said)):
                found[field] = value
            continue
        value, said = as_dict(value), as_dict(said)
        keys = [key for key in {**said, **value} if key not in without and key != "$pjais"]
        inner = {key: value.get(key) for key in keys if not canonical.same(value.get(key), said.get(key))}
        if inner:
            found[field] = inner
    return found


def _bare(field: str, value: Any) -> Any:
    """Return what a document says in a field, None where that is what a store says of an absent one."""
    return None if canonical.same(value, _DEFAULTS.get(field)) else value


def told_of(persona: dict[str, Any]) -> dict[str, Any]:
    """Return what a record that goes out alone says of its persona, without which it would refer to nobody.

    Of a persona that tells no time that is everything: the copy that comes in later would count.
    """
    if persona.get("updatedAt") is not None:
        return {key: persona.get(key) for key in ("id", "name")}
    return values.without_residue(persona)


def persona_of(kept: Any) -> dict[str, Any] | None:
    """Return the persona that such a record tells of; None if it tells of none."""
    found = as_dict(kept)
    if not is_text(found.get("id")) or not isinstance(found.get("name"), str):
        return None
    return {"id": found["id"], **{key: one for key, one in found.items() if key in PERSONA and PERSONA[key](one)}}


def with_persona(fields: dict[str, Any], kept: Any) -> dict[str, Any]:
    """Return the fields that were kept for us, `personaId` only with the persona that it names."""
    persona = persona_of(kept)
    if persona is not None and fields.get("personaId") == persona["id"]:
        return fields
    return {key: one for key, one in fields.items() if key != "personaId"}
