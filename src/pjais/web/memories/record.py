"""The view of one memory: its content, its versions side by side, where it came from, and what it is linked with."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from fastapi import Query

from pjais import canonical
from pjais.core.results import Changed
from pjais.migration import state
from pjais.models.persona.records import Memory
from pjais.persona.store import Store
from pjais.store.history import Moment
from pjais.web import view_values
from pjais.web.memories import schemas as shapes
from pjais.web.memories.lists import hits_of, memory_shape
from pjais.web.memories.personas import record_sources
from pjais.web.reading.attachment import PICTURES
from pjais.web.session import Session
from pjais.web.view_values import Id, InSession, Missing, text

TABLE = "memory_entities"
_SHA256 = re.compile(r"\b[0-9a-f]{64}\b")
_MOST_ATTACHMENTS = 50
_SILENT = ("updated_at", "content_format", "search_id")
"""Fields that change with others: no version differs by them alone."""
_Version = Annotated[int | None, Query(ge=1, le=10**9)]


def memory(session: InSession, id: Id, first: _Version = None, second: _Version = None) -> shapes.MemoryView:
    """One memory with its links, what is like it, its history, and two of its versions compared."""
    with session.store() as store:
        record = store.memories.get(id)
        if record is None:
            raise Missing("memory not found", where=[id])
        owner = None if record.persona_id is None else store.personas.get(record.persona_id)
        similar = store.memories.similar_to(id, limit=5) if record.embedding else []
        moments = store.history(id, TABLE)
        versions = versions_of(moments)
        return shapes.MemoryView(
            code="done",
            record=memory_shape(record),
            source=record_sources(store.memories, [record])[id],
            persona=None if owner is None else owner.name or owner.id,
            score=store.memories.score(id),
            links=list(_links(store, id)),
            similar=hits_of(store, ((one.memory, f"{one.similarity:.2f}") for one in similar)),
            history=[view_values.step(one) for one in reversed(moments)],
            origin=_origin(session, store, id),
            versions=versions,
            compared=_compared(moments, versions, first, second),
            attachments=_attachments(store, record),
        )


def versions_of(moments: Sequence[Moment]) -> list[shapes.Version]:
    """Return the versions of a record, oldest first: the one before its first change, and one after each change."""
    found = []
    if moments and moments[0].op != "insert":
        found.append(shapes.Version(number=1, seq=str(moments[0].seq - 1), at=None, op="migrated", fields=[]))
    for one in moments:
        fields = [each.field for each in one.changes if each.field is not None and each.field not in _SILENT]
        at = None if one.at is None else text(one.at)
        found.append(shapes.Version(number=len(found) + 1, seq=str(one.seq), at=at, op=one.op, fields=fields))
    return found


def _compared(
    moments: Sequence[Moment], versions: Sequence[shapes.Version], first: int | None, second: int | None
) -> shapes.Comparison | None:
    """Return the differences of two versions, by default of the last two; None where there are no two."""
    last = len(versions)
    if last < 2:
        return None
    late = min(second or last, last)
    early = min(first or max(1, late - 1), last)
    low, high = sorted((early, late))
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for one in moments[low - (last - len(moments)) : high - (last - len(moments))]:
        for change in _by_field(one.changes):
            before.setdefault(str(change.field), change.before)
            after[str(change.field)] = change.after
    fields = [
        view_values.change(Changed(TABLE, moments[0].key, name, before[name], after[name]))
        for name in before
        if name not in _SILENT and not canonical.same(before[name], after[name])
    ]
    return shapes.Comparison(first=low, second=high, fields=fields)


def _by_field(changes: Sequence[Changed]) -> Iterator[Changed]:
    """Yield changes field by field, also of a record that was made or removed."""
    for one in changes:
        if one.field is not None:
            yield one
            continue
        before, after = one.before or {}, one.after or {}
        for name in {**before, **after}:
            yield one._replace(field=name, before=before.get(name), after=after.get(name))


def _links(store: Store, key: str) -> Iterator[shapes.Link]:
    for one in store.relationships.of(key):
        other = one.to_id if one.from_id == key else one.from_id
        table, name = _named(store, other)
        yield shapes.Link(
            id=one.id,
            other=other,
            outgoing=one.from_id == key,
            type=one.type,
            strength=one.strength,
            table=table,
            name=name,
        )


def _named(store: Store, key: str) -> tuple[str | None, str | None]:
    """Return the table and the name of a record by its id; None for one that is nowhere."""
    if (memory := store.memories.get(key)) is not None:
        content = memory.content if isinstance(memory.content, str) else canonical.dumps(memory.content)
        return TABLE, memory.name or memory.summary or content
    if (persona := store.personas.get(key)) is not None:
        return "personas", persona.name
    if (talk := store.conversations.get(key)) is not None:
        return "conversations", talk.title or talk.summary
    return None, None


def _origin(session: Session, store: Store, key: str) -> shapes.Origin | None:
    found = store.memories.origin(key)
    if found is None:
        return None
    folder = session.workspace().backups / found.run
    run = state.run_state(folder) if folder.is_dir() else None
    return shapes.Origin(
        **{**found._asdict(), "digest": None if found.digest is None else found.digest.hex()},
        finished=None if run is None else text(run.finished_at),
        proved=run is not None and run.state == "done",
        backup=run is not None,
    )


def _attachments(store: Store, record: Memory) -> list[shapes.Picture]:
    """Return the attachments that a memory names by the SHA-256 of their bytes, as far as the store has them."""
    told = canonical.dumps([record.content, record.extra])
    keys = list(dict.fromkeys(_SHA256.findall(told)))[:_MOST_ATTACHMENTS]
    found = [one for key in keys if (one := store.attachments.get(key)) is not None]
    shown = set(PICTURES.values())
    return [
        shapes.Picture(id=one.id, name=one.name or one.id, size=one.size, picture=one.media_type in shown)
        for one in found
    ]
