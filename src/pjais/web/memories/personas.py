"""Views of records: personas, memories, conversations, charts.  Each returns one typed value."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pjais.models.persona.model import MODEL
from pjais.models.persona.records import Record
from pjais.persona.store import Provenance, Records, Store
from pjais.web import schemas, view_values
from pjais.web.view_values import Id, InSession, Limit, Missing, Offset, page, step

MARKS = ("\ue000", "\ue001")
"""Marks around a hit in a snippet: characters without a meaning in any text."""


def _conversation(record: Record) -> schemas.Conversation:
    return schemas.Conversation(**MODEL.as_document(record))


def record_history(store: Store, record: Record, table: str) -> list[schemas.Step]:
    """The changes of a record, latest first."""
    return [step(one) for one in reversed(store.history(str(record.id), table))]


def source(one: Provenance) -> schemas.RecordSource:
    """A source as views show it."""
    return schemas.RecordSource(kind=one.kind, name=one.name)


def record_sources(records: Records[Any], found: Iterable[Any]) -> dict[str, schemas.RecordSource]:
    """The source of each of these records by its id."""
    sources = records.provenance([one.id for one in found])
    return {key: source(one) for key, one in sources.items()}


def known_sources(store: Store) -> list[schemas.RecordSource]:
    """The sources that were migrated into the store."""
    return [source(one) for one in store.known_sources()]


def persona_names(store: Store) -> dict[str, str]:
    """The name of each persona by its id."""
    return {one.id: one.name or one.id for one in store.personas.list()}


def personas(session: InSession, offset: Offset = 0, limit: Limit = 60) -> schemas.Personas:
    """The personas by name, with how many memories each has."""
    with session.store() as store:
        found = store.personas.page(limit=limit, offset=offset)
        counts = session.figure(store, "memories of personas", lambda: store.memories.groups().by(0, {}))
    return schemas.Personas(
        code="done",
        page=page(found.total, offset, limit),
        memories={one.id: counts[one.id] for one in found.records},
        records=[view_values.persona(one) for one in found.records],
    )


def persona(session: InSession, id: Id) -> schemas.PersonaView:
    """One persona with its numbers and its history."""
    with session.store() as store:
        record = store.personas.get(id)
        if record is None:
            raise Missing("persona not found", where=[id])
        return schemas.PersonaView(
            code="done",
            record=view_values.persona(record),
            source=record_sources(store.personas, [record])[id],
            figures=store.personas.stats(id),
            conversations=[_conversation(one) for one in store.conversations.recent(id, 10)],
            history=record_history(store, record, "personas"),
        )
