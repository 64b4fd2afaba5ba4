"""Views of records: personas, memories, conversations, charts.  Each returns one typed value."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pjais.models.persona.model import MODEL
from pjais.models.persona.records import Record
from pjais.persona.filters import Filters
from pjais.persona.store import Provenance, Records, Store
from pjais.web import schemas, view_values
from pjais.web.view_values import Id, InSession, Limit, Missing, Offset, page, step

MARKS = ("\ue000", "\ue001")
"""Marks around a hit in a snippet: characters without a meaning in any text."""
_MAPPED_UNASKED = 5_000


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


def _named(counts: dict[Any, int]) -> dict[str, int]:
    return {str(name): count for name, count in counts.items()}


def pictures(session: InSession, persona: Id = "", map: bool = False) -> schemas.Pictures:
    """Memories by month, tier, type and importance; the map of their embeddings (of very many only when asked for)."""
    wanted: Filters = {"persona": persona} if persona else {}
    with session.store() as store:
        stats = session.figure(store, str(wanted), lambda: store.memories.stats(**wanted))
        count = session.figure(store, "embedded", store.memories.embedded)
        points, of = store.memories.atlas(persona or None) if map or 0 < count <= _MAPPED_UNASKED else ([], count)
        return schemas.Pictures(
            code="done",
            persona=persona or None,
            personas=persona_names(store),
            total=stats["total"],
            months=session.figure(store, f"months {wanted}", lambda: store.memories.months(**wanted)),
            importance=session.figure(store, f"importance {wanted}", lambda: store.memories.importance(**wanted)),
            tiers=_named(stats["by_tier"]),
            types=_named(stats["by_type"]),
            mapped_of=of,
            map=[schemas.Dot(id=one.id, name=one.name or one.id, group=one.type, x=x, y=y) for one, x, y in points],
        )
