"""Views of records: personas, memories, conversations, charts.  Each returns one typed value."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pjais import instants
from pjais.core.shown import fields_as_json
from pjais.errors import UsageError
from pjais.models.persona.model import MODEL
from pjais.models.persona.records import Memory, Record
from pjais.persona.filters import Filters
from pjais.persona.message_search import MessageResults
from pjais.persona.store import Provenance, Records, Store
from pjais.web import schemas, view_values
from pjais.web.view_values import Id, InSession, Limit, Missing, Number, Offset, Words, page, step

MARKS = ("\ue000", "\ue001")
"""Marks around a hit in a snippet: characters without a meaning in any text."""
_MAPPED_UNASKED = 5_000
_MESSAGES = 10
"""Number of messages that a search shows beside the memories."""
_OF_MESSAGES = {"persona", "created", "source"}
"""The filters of memories that messages have, too."""
_SMALL = 20_000
_BEGINNING, _BEGINNING_OF_MANY = 2, 4
"""From so many letters on, what is typed may be the beginning of a word; of many memories fewer begin each one's."""


def _memory(record: Memory) -> schemas.Memory:
    return schemas.Memory(**MODEL.as_document(record))


def _conversation(record: Record) -> schemas.Conversation:
    return schemas.Conversation(**MODEL.as_document(record))


def _history(store: Store, record: Record, table: str) -> list[schemas.Step]:
    return [step(one) for one in reversed(store.history(str(record.id), table))]


def _source(one: Provenance) -> schemas.RecordSource:
    return schemas.RecordSource(kind=one.kind, name=one.name)


def _sources(records: Records[Any], found: Iterable[Any]) -> dict[str, schemas.RecordSource]:
    """The source of each of these records by its id."""
    sources = records.provenance([one.id for one in found])
    return {key: _source(one) for key, one in sources.items()}


def _known(store: Store) -> list[schemas.RecordSource]:
    return [_source(one) for one in store.known_sources()]


def _hits(store: Store, found: Iterable[tuple[Memory, str | None]]) -> list[schemas.Hit]:
    """Memories with their snippets, as lists show them."""
    pairs = list(found)
    sources = _sources(store.memories, (one for one, _ in pairs))
    return [schemas.Hit(memory=_memory(one), snippet=snippet, source=sources[one.id]) for one, snippet in pairs]


def _names(store: Store) -> dict[str, str]:
    return {one.id: one.name or one.id for one in store.personas.list()}


def beginning(store: Store) -> int:
    """Return from how many letters on a word that is typed may be the beginning of one."""
    return _BEGINNING if len(store.memories) <= _SMALL else _BEGINNING_OF_MANY


def personas(session: InSession, offset: Offset = 0, limit: Limit = 60) -> schemas.Personas:
    """The personas by name, with how many memories each has."""
    with session.store() as store:
        found = store.personas.page(limit=limit, offset=offset)
        counts = {
            one.id: int(session.figure(store, str({"persona": one.id}), _of(store, one.id))["total"])
            for one in found.records
        }
    return schemas.Personas(
        code="done",
        page=page(found.total, offset, limit),
        memories=counts,
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
            source=_sources(store.personas, [record])[id],
            figures=store.personas.stats(id),
            conversations=[_conversation(one) for one in store.conversations.recent(id, 10)],
            history=_history(store, record, "personas"),
        )


def _of(store: Store, persona: str) -> Callable[[], dict[str, Any]]:
    return lambda: store.memories.stats(persona=persona)


def memories(
    session: InSession,
    q: Words = "",
    persona: Id = "",
    tier: Id = "",
    type: Id = "",
    source: Id = "",
    tag: Words = "",
    since: Id = "",
    until: Id = "",
    least: Number = None,
    most: Number = None,
    deleted: bool = False,
    order: Id = "",
    offset: Offset = 0,
    limit: Limit = 50,
) -> schemas.Memories:
    """Memories that pass the filters, most important first; with words those that hold them, best first."""
    wanted = _filters(persona, tier, type, source, tag, since, until, least, most)
    with session.store() as store:
        messages = MessageResults([], 0, None)
        if q.strip():
            begins = len(q.split()[-1]) >= beginning(store)
            found = store.memories.search_page(q, prefix=begins, marks=MARKS, limit=limit, offset=offset, **wanted)
            total = found.total
            hits = _hits(store, ((one.memory, one.snippet) for one in found.found))
            if not offset and not wanted.keys() - {
                "persona",
                "created",
                "source",
            }:  # the filters that messages have, too
                messages = _messages(store, q, wanted, begins=begins)
        elif deleted:
            gone = store.memories.deleted(persona or None, source or None)
            total = len(gone)
            hits = _hits(store, ((one, None) for one in gone[offset : offset + limit]))
        else:
            total = int(session.figure(store, str(wanted), lambda: store.memories.stats(**wanted))["total"])
            listed = store.memories.filtered(limit=limit, offset=offset, order=order or None, **wanted)
            hits = _hits(store, ((one, None) for one in listed))
        of_persona: Filters = {"persona": persona} if persona else {}
        every = session.figure(store, str(of_persona), lambda: store.memories.stats(**of_persona))
        return schemas.Memories(
            code="done",
            q=q,
            page=page(total, offset, limit),
            hits=hits,
            messages=[schemas.MessageFound(**fields_as_json(one)) for one in messages.found],
            messages_total=messages.total,
            tiers=_named(every["by_tier"]),
            types=_named(every["by_type"]),
            personas=_names(store),
            sources=_known(store),
        )


def _messages(store: Store, q: str, wanted: Filters, *, begins: bool) -> MessageResults:
    since, until = (None if time is None else int(time) for time in wanted.get("created") or (None, None))
    return store.conversations.search_page(
        q,
        prefix=begins,
        marks=MARKS,
        limit=_MESSAGES,
        persona=wanted.get("persona"),
        since=since,
        until=until,
        source=wanted.get("source"),
    )


def _named(counts: dict[Any, int]) -> dict[str, int]:
    return {str(name): count for name, count in counts.items()}


def _filters(
    persona: str,
    tier: str,
    kind: str,
    source: str,
    tag: str,
    since: str,
    until: str,
    least: float | None,
    most: float | None,
) -> Filters:
    wanted: Filters = {}
    if persona:
        wanted["persona"] = persona
    if tier:
        wanted["tier"] = tier
    if kind:
        wanted["type"] = kind
    if source:
        wanted["source"] = source
    if tag.strip():
        wanted["tags"] = [one.strip() for one in tag.split(",") if one.strip()]
    ends = [None if not text else instants.from_text(text) for text in (since, until)]
    if any(text and end is None for text, end in zip((since, until), ends, strict=True)):
        raise UsageError("not a date: give it as 2025-03-01", where=[text for text in (since, until) if text])
    if since or until:
        wanted["created"] = (ends[0], ends[1])
    if least is not None or most is not None:
        wanted["importance"] = (least, most)
    return wanted


def memory(session: InSession, id: Id) -> schemas.MemoryView:
    """One memory with its links, what is like it, and its history."""
    with session.store() as store:
        record = store.memories.get(id)
        if record is None:
            raise Missing("memory not found", where=[id])
        owner = None if record.persona_id is None else store.personas.get(record.persona_id)
        similar = store.memories.similar_to(id, limit=5) if record.embedding else []
        return schemas.MemoryView(
            code="done",
            record=_memory(record),
            source=_sources(store.memories, [record])[id],
            persona=None if owner is None else owner.name or owner.id,
            score=store.memories.score(id),
            links=[
                schemas.Link(
                    id=one.id,
                    other=one.to_id if one.from_id == id else one.from_id,
                    outgoing=one.from_id == id,
                    type=one.type,
                    strength=one.strength,
                )
                for one in store.relationships.of(id)
            ],
            similar=_hits(store, ((one.memory, f"{one.similarity:.2f}") for one in similar)),
            history=_history(store, record, "memory_entities"),
        )


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
            personas=_names(store),
            total=stats["total"],
            months=session.figure(store, f"months {wanted}", lambda: store.memories.months(**wanted)),
            importance=session.figure(store, f"importance {wanted}", lambda: store.memories.importance(**wanted)),
            tiers=_named(stats["by_tier"]),
            types=_named(stats["by_type"]),
            mapped_of=of,
            map=[schemas.Dot(id=one.id, name=one.name or one.id, group=one.type, x=x, y=y) for one, x, y in points],
        )
