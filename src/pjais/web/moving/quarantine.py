"""Views of the quarantine: why each document was rejected, and a proposed fix where one is obvious."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import Query

from pjais import canonical
from pjais.errors import PjaisError
from pjais.migration import quarantine as migration_quarantine
from pjais.migration.quarantine import Kept
from pjais.web.moving import schemas
from pjais.web.session import Session
from pjais.web.view_values import InSession, Missing, Offset, page

State = Annotated[Literal["", "imported", "discarded"], Query()]
PAGE = 50
"""Documents on one page of the list."""
_CHOICES = 200
"""Personas to choose from."""
_WHY = {
    "orphan": "It refers to a record that does not exist",
    "wrong-type": "A value has the wrong type",
    "not-an-object": "It is not an object",
    "no-id": "It has no usable id",
    "too-deep": "It is nested too deeply",
    "unreadable": "It could not be read",
    "bytes-missing": "An attachment lacks its bytes",
    "another-key": "Its key is of another kind than the keys of its table",
    "not-a-list": "A collection is no list",
}
_ONE = {"memories": "memory", "personas": "persona", "conversations": "conversation"}


def quarantine(
    session: InSession, everything: bool = False, state: State = "", offset: Offset = 0
) -> schemas.Quarantine:
    """Return the rejected documents, and why; `everything` includes those replayed or discarded.

    `state`: only those that were imported, or discarded, since.
    """
    found = migration_quarantine.listed(session.workspace(), everything=True)
    groups = {
        "": [one for one in found if one.replayed_at is None and not one.discarded],
        "imported": [one for one in found if one.replayed_at is not None],
        "discarded": [one for one in found if one.discarded and one.replayed_at is None],
    }
    wanted = found if everything and not state else groups[state]
    first = wanted[offset : offset + 1]
    return schemas.Quarantine(
        code="done",
        entries=[_kept(one) for one in wanted],
        everything=everything,
        shown=_whole(session, first[0], found, []) if first else None,
        counts={name or "waiting": len(some) for name, some in groups.items()},
        state=state,
        page=page(len(wanted), offset, PAGE),
    )


def kept(session: InSession, id: int) -> schemas.Kept:
    """One document in quarantine, whole."""
    if not 0 <= id < 2**63:
        raise Missing("document in quarantine not found", where=[str(id)])
    everything = migration_quarantine.listed(session.workspace(), everything=True)
    found = next((one for one in everything if one.id == id), None)
    if found is None:
        raise Missing("document in quarantine not found", where=[str(id)])
    waiting = [one for one in everything if one.replayed_at is None and not one.discarded]
    beside = waiting if found in waiting else [found, *waiting]
    at = beside.index(found)
    first = max(0, min(at - PAGE // 2, len(beside) - PAGE))
    return _whole(session, found, everything, beside[first : first + PAGE])


def _kept(one: Kept) -> schemas.Kept:
    return schemas.Kept(
        id=one.id,
        run=one.run_id,
        source_kind=one.source_kind,
        source=one.source,
        collection=one.collection,
        native_id=one.native_id,
        place=one.place,
        reasons=one.reasons,
        replayed_at=one.replayed_at,
        discarded=one.discarded,
        document=None,
        raw_bytes=len(one.raw or b""),
        title=_title(one),
        why=_why(one),
        fix=None,
        entries=[],
    )


def _whole(session: Session, one: Kept, everything: Sequence[Kept], beside: Sequence[Kept]) -> schemas.Kept:
    document = json.loads(canonical.dumps(one.document)) if one.document is not None else None
    shown = {"document": document, "fix": _fix(session, one, everything), "entries": [_kept(each) for each in beside]}
    return _kept(one).model_copy(update=shown)


def _title(one: Kept) -> str:
    document = one.document if isinstance(one.document, dict) else {}
    told = (document.get(name) for name in ("name", "title", "summary", "content"))
    named = next((text[:120] for text in told if isinstance(text, str) and text.strip()), None)
    return named or f"{one.collection} {one.native_id or one.place}"


def _errors(one: Kept) -> list[dict[str, Any]]:
    return [reason for reason in one.reasons if reason.get("level") == "error"]


def _why(one: Kept) -> str:
    """Return why a document was rejected, in a few words."""
    reason = (_errors(one) or [{}])[0]
    rule, field = reason.get("rule", ""), reason.get("field")
    kind = _ONE.get(one.collection, "document")
    if rule == "orphan" and _is_persona(field):
        return f"The persona of this {kind} does not exist"
    if rule == "wrong-type" and field:
        return f"{str(field).replace('_', ' ').capitalize()}: {reason.get('message', 'of the wrong type')}"
    return _WHY.get(rule) or str(reason.get("message", "rejected")).capitalize()


def _is_persona(field: object) -> bool:
    return plain(field) in ("personaid", "persona")


def plain(field: object) -> str:
    """Return a field's name as documents and records have it in common: `persona_id` is `personaId`."""
    return str(field or "").partition(".")[0].replace("_", "").lower()


def key_of(document: Any, field: object) -> str | None:
    """Return the key of a document that a reason's field means; None if it has none."""
    wanted = plain(field)
    keys = document if isinstance(document, dict) else {}
    return next((key for key in keys if plain(key) == wanted), None)


def _fix(session: Session, one: Kept, everything: Sequence[Kept]) -> schemas.Fix | None:
    """Return a proposed fix, where one is obvious: a missing persona is chosen, a wrong value is left out."""
    errors = _errors(one)
    if len(errors) != 1 or one.replayed_at is not None or not isinstance(one.document, dict):
        return None
    rule, field = errors[0].get("rule"), errors[0].get("field")
    key = key_of(one.document, field)
    if key is None:
        return None
    others = [each.id for each in everything if each.id != one.id and _is_same(each, rule, field)]
    value = json.loads(canonical.dumps(one.document[key]))
    if rule == "orphan" and _is_persona(field):
        text = f"No record has this id. Choose the persona that the {_ONE.get(one.collection, 'document')} belongs to."
        found = _personas(session)
        return (
            schemas.Fix(kind="choose", field=key, value=value, choices=found, others=others, text=text)
            if found
            else None
        )
    if rule == "wrong-type" and plain(field) not in ("id", "content", "personaid"):
        text = "Import the document without this value. The original stays in quarantine as it is."
        return schemas.Fix(kind="leave out", field=key, value=value, choices={}, others=others, text=text)
    return None


def _is_same(one: Kept, rule: object, field: object) -> bool:
    """Return whether a document waits for a decision because of one problem, and the same one."""
    errors = _errors(one)
    waits = one.replayed_at is None and not one.discarded and isinstance(one.document, dict)
    return waits and len(errors) == 1 and (errors[0].get("rule"), errors[0].get("field")) == (rule, field)


def _personas(session: Session) -> dict[str, str]:
    try:
        with session.store() as store:
            return {one.id: one.name or one.id for one in store.personas.list(limit=_CHOICES)}
    except PjaisError:
        return {}


def bad_keys(one: schemas.Kept) -> set[str]:
    """Return the keys of a document that the reasons for its rejection mean."""
    found = (key_of(one.document, reason.get("field")) for reason in one.reasons if reason.get("level") == "error")
    return {key for key in found if key is not None}
