"""The history view: a past version of a store compared with now, by record and field.

A SQLite store has its history of changes, a LiveStore store its event log; both are one sequence of versions, from 0
(as migrated; before the first event) to the last.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import Query

from pjais import sqlite
from pjais.core.results import Changed
from pjais.errors import NoSourceFound
from pjais.livestore_tools import timeline
from pjais.livestore_tools.timeline import Timeline
from pjais.models.persona.livestore import TABLES
from pjais.persona.store import Operation, Store
from pjais.sources.livestore.log import Event
from pjais.sources.registry import source_of
from pjais.store import change_log, operations
from pjais.web import schemas, view_values
from pjais.web.reading import history_words
from pjais.web.reading import schemas as reading_schemas
from pjais.web.session import Session
from pjais.web.view_values import InSession, Limit, Missing, Offset, page
from pjais.workspace import Workspace

At = Annotated[int | None, Query(ge=0, le=2**62)]
Where = Annotated[int, Query(ge=0, le=1000)]
Who = Annotated[Literal["", "app", "page", "assistant", "cli", "program", "other"], Query()]
_ENTRIES = 40
"""Number of entries on a page."""
_STEPS = 120
"""Number of steps of the line that shows the growth."""
_TICKS = 6
_SHOWN = 200
"""Number of records of a change that are compared field by field."""
_FIELDS = 40
_STATE = ("updated_at", "content_format", "deleted_at", "is_archived", "archived_at", "last_accessed", "last_used")
"""Fields that only repeat what is said of a change already: deleted, archived, accessed."""
_REVERTED = 20_000
"""Number of changes that can be undone at once; a run is rolled back."""


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


def time(
    session: InSession,
    at: At = None,
    where: Where = 0,
    who: Who = "",
    before: At = None,
    offset: Offset = 0,
    limit: Limit = 100,
) -> reading_schemas.History:
    """The history up to a point in time, which is compared with now; without `at` it is now.

    `who`: only changes of the app, this page, an assistant, the CLI, another program of ours, or any other.  `before`:
    entries before this change.
    """
    here = session.workspace()
    kind, path = chosen(here, where)
    names = [f"{kind}: {one}" for kind, one in stores(here)]
    if kind == "sqlite":
        shown = _of_history(session, at, who, before, offset, limit)
    else:
        shown = _of_log(here, path, at, before, offset, limit)
    return reading_schemas.History(code="done", store=str(path), kind=kind, stores=names, where=where, who=who, **shown)


def _of_history(
    session: Session, at: int | None, who: str, before: int | None, offset: int, limit: int
) -> dict[str, Any]:
    with session.store() as store:
        last = store.last_change()
        moment = min(last, last if at is None else at)
        changes = store.diff(moment, "now")
        with store.at(moment) as past:
            when, counts = past.at, past.counts()
        model = store.pool.model
        with store.pool.view() as db:
            known = {one.id: one for one in change_log.runs(db)}
            upto = moment if before is None else min(moment, before)
            wanted = [who] if who else change_log.WHO
            found, earlier = change_log.entries(db, model, upto, _ENTRIES, wanted)
            entries = [history_words.entry(one, known.get(one.by)) for one in found]
            if not earlier and "app" in wanted:
                begun = [one for one in known.values() if one.last == one.before == 0]
                entries += [history_words.migrated(one) for one in reversed(begun)]
            here = change_log.at(db, model, moment) if moment else None
            following = change_log.at(db, model, moment + 1) if moment < last else None
            growth = session.figure(store, "growth", lambda: change_log.growth(db, last, min(last, _STEPS)))
            shares = session.figure(store, "shares", lambda: change_log.shares(db))
            shown = changes[offset : offset + limit]
            return {
                "ours": True,
                "at": moment,
                "last": last,
                "number": str(moment),
                "when": view_values.text(when),
                "counts": counts,
                "page": page(len(changes), offset, limit),
                "changes": [view_values.change(one) for one in shown],
                "undoable": _operations(store.undoable(10)),
                "redoable": _operations(store.redoable(10)),
                "shares": shares,
                "entries": entries,
                "earlier": earlier or None,
                "previous": here.first - 1 if here is not None else None,
                "following": following.last if following is not None else None,
                "selected": None if here is None else _selected(store, db, here, known),
                "growth": [sum(counts_now(session, store).values()) - growth[-1] + one for one in growth],
                "ticks": _ticks(db, last),
                "tally": history_words.tally((one.table, one.key, one.field, one.before, one.after) for one in changes),
                "names": {one.key: change_log.name_of(db, model, one.table, one.key, _row(one)) for one in shown},
            }


def counts_now(session: Session, store: Store) -> dict[str, int]:
    """The number of records of each table now."""

    def count() -> dict[str, int]:
        with store.at(store.last_change()) as now:
            return now.counts()

    return session.figure(store, "counts now", count)


def _row(one: Changed) -> dict[str, Any]:
    held = one.before if isinstance(one.before, dict) else one.after
    return held if one.field is None and isinstance(held, dict) else {}


def _selected(
    store: Store, db: sqlite.Connection, here: change_log.Entry, known: dict[str, change_log.Run]
) -> reading_schemas.Selected:
    """The change that is looked at: what it changed by record and field, and whether it can be undone."""
    model = store.pool.model
    many = sum(here.counts.values()) > _SHOWN
    changes = [] if many else store.diff(here.first - 1, here.last)
    changes = [one for one in changes if one.field is not None and one.field not in _STATE]
    refused = None
    if here.undone:
        refused = "It is undone already."
    elif here.last - here.first > _REVERTED:
        refused = "It is too large to be undone here; use rollback."
    elif newer := operations.changed_since(db, here.first, here.last):
        name = change_log.name_of(db, model, newer[0], newer[1], {})
        refused = f"“{name}” was changed again since."
    return reading_schemas.Selected(
        entry=history_words.entry(here, known.get(here.by)),
        changes=[
            reading_schemas.NamedChange(
                **view_values.change(one).model_dump(),
                name=change_log.name_of(db, model, one.table, one.key, _row(one)),
            )
            for one in changes[:_FIELDS]
        ],
        more=sum(here.counts.values()) if many else max(0, len(changes) - _FIELDS),
        refused=refused,
    )


def _ticks(db: sqlite.Connection, last: int) -> list[reading_schemas.Tick]:
    """Days along the history, at equal steps of changes."""
    found: list[reading_schemas.Tick] = []
    for part in range(_TICKS if last >= _TICKS else 0):
        seq = last * part // _TICKS + 1
        at = sqlite.value(db, "SELECT at FROM changes WHERE seq >= ? ORDER BY seq LIMIT 1", (seq,))
        found.append(reading_schemas.Tick(seq=seq, day=str(at or "")))
    days = {one.day[:10] for one in found}
    return [one.model_copy(update={"day": one.day[11:16] if len(days) == 1 else one.day[:10]}) for one in found]


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


def _of_log(here: Workspace, path: Path, at: int | None, before: int | None, offset: int, limit: int) -> dict[str, Any]:
    with opened(here, path) as (line, events):
        last = len(events)
        moment = min(last, last if at is None else at)
        event = events[moment - 1] if moment else None
        now, then = line.point(), timeline.Point(moment, event.number if event else None)
        changes = [] if moment == last else line.diff(then, now)
        with line.state(then) as replay:
            counts = {table.name: sum(1 for _ in replay.keys(table)) for table in TABLES}
        upto = moment if before is None else min(moment, before)
        first = max(0, upto - _ENTRIES)
        entries = [history_words.event(place, events[place - 1]) for place in range(upto, first, -1)]
        shown = changes[offset : offset + limit]
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
            "changes": [view_values.change(one) for one in shown],
            "shares": {"app": last} if last else {},
            "entries": entries,
            "earlier": first or None,
            "previous": moment - 1 if moment else None,
            "following": moment + 1 if moment < last else None,
            "selected": None,
            "growth": [],
            "ticks": [],
            "tally": history_words.tally((one.table, one.key, one.field, one.before, one.after) for one in changes),
            "names": {},
        }


@contextmanager
def opened(here: Workspace, path: Path) -> Iterator[tuple[Timeline, list[Event]]]:
    """A LiveStore store through time, and its events that can be read."""
    with timeline.opened(here, path) as line:
        yield line, [one for one in line.events() if isinstance(one, Event)]
