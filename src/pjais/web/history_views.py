"""The history view: a past version of a store compared with now, by record and field.

A SQLite store has its history of changes, a LiveStore store its event log; both are one sequence of versions, from 0
(as migrated; before the first event) to the last.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from fastapi import Query

from pjais.errors import NoSourceFound
from pjais.livestore_tools import timeline
from pjais.livestore_tools.timeline import Timeline
from pjais.models.persona.livestore import TABLES
from pjais.persona.store import Operation
from pjais.sources.livestore.log import Event
from pjais.sources.registry import source_of
from pjais.web import schemas, view_values
from pjais.web.session import Session
from pjais.web.view_values import InSession, Limit, Missing, Offset, page
from pjais.workspace import Workspace

At = Annotated[int | None, Query(ge=0, le=2**62)]
Where = Annotated[int, Query(ge=0, le=1000)]


def stores(here: Workspace) -> list[tuple[str, Path]]:
    """Return the stores with a history: the store in use, and the LiveStore stores found; kind and path."""
    looked_into = here.target.in_place or here.target.keeps_events
    own = [(here.target.kind, here.live)] if looked_into and here.store.exists() else []
    found = [("livestore", ref.path) for ref in here.find().sources if source_of(ref).has_log]
    return own + [one for one in found if one not in own]


def chosen(here: Workspace, where: int) -> tuple[str, Path]:
    """One of `stores`.  Raises NoSourceFound where there are none, Missing."""
    known = stores(here)
    if not known:
        raise NoSourceFound("there is no store with a history", where=[str(here.data_dir)], next_command="pjais plan")
    if where >= len(known):
        raise Missing("store not found", where=[str(where)])
    return known[where]


def time(session: InSession, at: At = None, where: Where = 0, offset: Offset = 0, limit: Limit = 100) -> schemas.Time:
    """A moment against now; without `at` it is now."""
    here = session.workspace()
    kind, path = chosen(here, where)
    names = [f"{kind}: {one}" for kind, one in stores(here)]
    shown = _of_history(session, at, offset, limit) if kind == "sqlite" else _of_log(here, path, at, offset, limit)
    return schemas.Time(code="done", store=str(path), kind=kind, stores=names, where=where, **shown)


def _of_history(session: Session, at: int | None, offset: int, limit: int) -> dict[str, Any]:
    with session.store() as store:
        last = store.last_change()
        moment = min(last, last if at is None else at)
        changes = store.diff(moment, "now")
        with store.at(moment) as past:
            when, counts = past.at, past.counts()
        return {
            "ours": True,
            "at": moment,
            "last": last,
            "number": str(moment),
            "when": view_values.text(when),
            "counts": counts,
            "page": page(len(changes), offset, limit),
            "changes": [view_values.change(one) for one in changes[offset : offset + limit]],
            "undoable": _operations(store.undoable(10)),
            "redoable": _operations(store.redoable(10)),
        }


def _operations(found: list[Operation]) -> list[schemas.Operation]:
    return [
        schemas.Operation(
            id=one.id,
            at=view_values.text(one.at),
            kind=one.kind,
            label=one.label,
            first_seq=one.first_seq,
            last_seq=one.last_seq,
        )
        for one in found
    ]


def _of_log(here: Workspace, path: Path, at: int | None, offset: int, limit: int) -> dict[str, Any]:
    with opened(here, path) as (line, events):
        last = len(events)
        moment = min(last, last if at is None else at)
        event = events[moment - 1] if moment else None
        now, then = line.point(), timeline.Point(moment, event.number if event else None)
        changes = [] if moment == last else line.diff(then, now)
        with line.state(then) as replay:
            counts = {table.name: sum(1 for _ in replay.keys(table)) for table in TABLES}
        return {
            "ours": timeline.is_ours(line),
            "at": moment,
            "last": last,
            "number": str(event.number) if event else None,
            "when": view_values.text(event.at) if event else None,
            "counts": counts,
            "page": page(len(changes), offset, limit),
            "undoable": [],
            "redoable": [],
            "changes": [view_values.change(one) for one in changes[offset : offset + limit]],
        }


@contextmanager
def opened(here: Workspace, path: Path) -> Iterator[tuple[Timeline, list[Event]]]:
    """A LiveStore store through time, and its events that can be read."""
    with timeline.opened(here, path) as line:
        yield line, [one for one in line.events() if isinstance(one, Event)]
