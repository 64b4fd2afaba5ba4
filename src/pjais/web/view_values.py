"""Shared by all views: request parameters, and values of the library converted to `schemas`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, Query, Request
from pydantic import BeforeValidator

from pjais import files, instants
from pjais.core.results import Changed
from pjais.core.source import SourceRef
from pjais.errors import UsageError
from pjais.migration.rollback import Later
from pjais.models.persona.model import MODEL
from pjais.models.persona.records import Persona
from pjais.report.rules import RULES
from pjais.store.history import Moment
from pjais.web import schemas
from pjais.web.moving import progress
from pjais.web.moving import schemas as migration_schemas
from pjais.web.session import STOPPABLE, Job, Session


def session_of(request: Request) -> Session:
    """Return the session of a request."""
    session: Session = request.app.state.session
    return session


InSession = Annotated[Session, Depends(session_of)]
Id = Annotated[str, Query(max_length=4096)]
Offset = Annotated[int, Query(ge=0, le=10**9)]
Limit = Annotated[int, Query(ge=1, le=500)]
Words = Annotated[str, Query(max_length=2000)]
Number = Annotated[
    Annotated[float, Query(ge=-1e12, le=1e12)] | None,
    BeforeValidator(lambda given: None if given == "" else given),  # a form sends its empty fields, too
]


class Missing(UsageError):
    """The requested object does not exist."""

    advice_default = "go back to the list"


def to(path: str, **query: Any) -> str:
    """An address with its query; what is empty is left out."""
    kept = {name: one for name, one in query.items() if one not in (None, "", False)}
    return f"{path}?{urlencode(kept, doseq=True)}" if kept else path


def page(total: int, offset: int, limit: int) -> schemas.Page:
    """Return the paging of a list."""
    return schemas.Page(
        total=total,
        offset=offset,
        limit=limit,
        before=max(0, offset - limit) if offset else None,
        after=offset + limit if offset + limit < total else None,
    )


def persona(record: Persona) -> schemas.Persona:
    """A persona as the export shows it."""
    return schemas.Persona(**MODEL.as_document(record))


def text(ms: int | None) -> str | None:
    """An instant (ms) as ISO-8601."""
    return None if ms is None else instants.to_text(ms)


def change(one: Changed) -> schemas.Change:
    """A change of one field."""
    return schemas.Change(table=one.table, id=one.key, field=one.field, before=one.before, after=one.after)


def step(one: Moment) -> schemas.Step:
    """Return one change of the history."""
    return schemas.Step(
        seq=str(one.seq),
        at=text(one.at),
        op=one.op,
        table=one.table,
        id=one.key,
        changes=[change(each) for each in one.changes],
        by=one.by or None,
    )


def job(one: Job | None) -> migration_schemas.Job | None:
    """The work in progress, or the last one."""
    if one is None:
        return None
    if one.state == "running":
        one.close()
    return migration_schemas.Job(
        id=one.id,
        kind=one.kind,
        started=instants.to_text(one.started),
        finished=text(one.finished),
        state=one.state,
        phases=[progress.phase(each) for each in list(one.phases)],
        result=None if one.state != "done" else one.result,
        error=None if one.error is None else schemas.Problem(**one.error),
        pid=None,
        stoppable=one.state == "running" and one.kind in STOPPABLE and not one.stopping,
    )


def rules(counted: Mapping[str, int]) -> list[migration_schemas.Rule]:
    """Rules and how often they were applied, errors first."""
    order = {"error": 0, "repair": 1, "note": 2}
    found = []
    for key, count in counted.items():
        level, rule, field = key.split(":", 2)
        found.append(
            migration_schemas.Rule(level=level, rule=rule, field=field, times=count, meaning=RULES.get(rule, ""))
        )
    return sorted(found, key=lambda one: (order.get(one.level, 3), -one.times, one.rule))


def sources(refs: Iterable[SourceRef]) -> list[migration_schemas.Source]:
    """Sources as they were found; nothing of them is opened."""
    found = []
    for ref in refs:
        there = [path for path in ref.files if path.exists()]
        found.append(
            migration_schemas.Source(
                kind=ref.kind,
                name=ref.name,
                path=str(ref.path),
                version=ref.version,
                damage=ref.damage,
                size=sum(path.stat().st_size for path in there),
                in_use=bool(files.users(there)),
                notes=list(ref.notes),
            )
        )
    return found


def later(one: Later, names: Mapping[str, str] | None = None) -> migration_schemas.Later:
    """Return the writes since a run."""
    examples = [[str(part) for part in each] for each in one.examples]
    found = dict(names or {})
    return migration_schemas.Later(
        added=one.added, edited=one.edited, removed=one.removed, examples=examples, names=found
    )


def counts(one: Any) -> migration_schemas.Counts:
    """Return the outcomes of a source's documents."""
    return migration_schemas.Counts(**one.as_dict())
