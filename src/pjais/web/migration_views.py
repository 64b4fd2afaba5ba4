"""Views of migrations: status, the migration, its report, backups, quarantine, cutover."""

from __future__ import annotations

import json
from typing import Any

from pjais import canonical
from pjais.errors import PjaisError, UsageError
from pjais.migration import backups as migration_backups
from pjais.migration import origins, state
from pjais.migration import quarantine as migration_quarantine
from pjais.migration import rollback as migration_rollback
from pjais.migration import status as migration_status
from pjais.migration.quarantine import Kept
from pjais.side_by_side import shadow, switch
from pjais.web import schemas, view_values
from pjais.web.session import Session
from pjais.web.view_values import Id, InSession, Missing
from pjais.workspace import Workspace

_LARGEST_REPORT = 32 << 20
_FINDINGS = 200


def front(session: InSession) -> schemas.Overview:
    """Return the status, and the next step."""
    here = session.workspace()
    status = migration_status.status(here)
    told = status["store"]
    store = told and schemas.Store(path=told["path"], kind=status["live"], size=told["size"], records=told["records"])
    return schemas.Overview(
        code="done",
        data_dir=status["data_dir"],
        store=store,
        active=_active(session, here),
        quarantined=status["quarantined"],
        sources=len(status["sources"]),
        new_data=status["new_data"],
        side=switch.live(here).side,
        runs=_runs(here),
        message=status["message"],
        next=session.typed(status["next"]),
        job=view_values.job(session.job),
    )


def _active(session: Session, here: Workspace) -> schemas.Persona | None:
    if not here.target.in_place or not here.store.exists():
        return None
    with session.store() as store:
        record = store.personas.active()
    return None if record is None else view_values.persona(record)


def _runs(here: Workspace) -> list[schemas.Run]:
    return [schemas.Run(**one.as_dict()) for one in reversed(state.runs(here.data_dir)) if one.state != "backup"]


def migration(session: InSession) -> schemas.Migration:
    """Return the sources found, the plan, the progress, and the result.

    Where there is something new, a plan is made beside; it reads, and writes nothing.
    """
    here = session.workspace()
    found = here.find()
    over = origins.passed_over(here, found.sources)
    taken = tuple(ref for ref in found.sources if ref not in over)
    new = bool(taken) and state.anything_new(here, taken, exact=False)
    work = session.planned(here, taken, planned) if new else None
    made = work.result if work is not None and work.state == "done" else None
    return schemas.Migration(
        code="done",
        data_dir=str(here.data_dir),
        sources=view_values.sources(taken),
        new_data=new,
        passed=[{"path": one.label, "reason": one.reason} for one in found.passed]
        + [{"path": str(ref.path), "reason": f"of another web origin: {origin}"} for ref, origin in over.items()],
        plan=made and schemas.Plan(**made),
        plan_error=schemas.Problem(**work.error) if work is not None and work.error else None,
        job=view_values.job(session.job),
        runs=_runs(here),
    )


def planned(made: Any) -> dict[str, Any]:
    """A plan as the page shows it."""
    return schemas.Plan(
        target=made.target,
        total=view_values.counts(made.total),
        rules=view_values.rules(made.findings),
        sources=[
            schemas.SourceCounts(kind=ref.kind, name=ref.name, counts=view_values.counts(counts))
            for ref, counts in made.sources
        ],
        bytes_needed=made.bytes_needed,
        bytes_free=made.bytes_free,
        seconds=round(made.seconds, 1),
        nothing_to_do=made.nothing_to_do,
    ).model_dump()


def rollback(session: InSession) -> schemas.Rollback:
    """Return the run that a rollback would undo, and later writes."""
    found, later = migration_rollback.preview(session.workspace())
    return schemas.Rollback(code="done", run=found.id, later=view_values.later(later), job=view_values.job(session.job))


def report(session: InSession, id: Id) -> schemas.Report:
    """The account of a run: counts by source, rules, findings, the proof, the phases."""
    found = next((one for one in state.runs(session.workspace().data_dir) if one.id == id), None)
    if found is None:
        raise Missing("run not found", where=[id], next_command="pjais status")
    told = _told(found)
    counted = told["rules"] if told is not None else {}
    return schemas.Report(
        code="done", run=schemas.Run(**found.as_dict()), report=told, rules=view_values.rules(counted)
    )


def _told(found: state.RunState) -> dict[str, Any] | None:
    path = found.folder / "report.json"
    if not path.is_file() or path.stat().st_size > _LARGEST_REPORT:
        return None
    try:
        told = dict(json.loads(path.read_text("utf-8")))
        told["findings"] = told["findings"][:_FINDINGS]
        view_values.rules(told["rules"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError("the report of this run cannot be read", where=[str(path)]) from error
    return told


def backups(session: InSession) -> schemas.Backups:
    """All backups, the newest first."""
    found = reversed(migration_backups.listed(session.workspace()))
    return schemas.Backups(
        code="done", backups=[schemas.Backup(**one.as_dict()) for one in found], job=view_values.job(session.job)
    )


def quarantine(session: InSession, everything: bool = False) -> schemas.Quarantine:
    """Return the rejected documents, and why; `everything` includes those replayed or discarded."""
    found = migration_quarantine.listed(session.workspace(), everything=everything)
    return schemas.Quarantine(code="done", entries=[_kept(one) for one in found], everything=everything)


def kept(session: InSession, id: int) -> schemas.Kept:
    """One document in quarantine, whole."""
    if not 0 <= id < 2**63:
        raise Missing("document in quarantine not found", where=[str(id)])
    found = [one for one in migration_quarantine.listed(session.workspace(), everything=True) if one.id == id]
    if not found:
        raise Missing("document in quarantine not found", where=[str(id)])
    return _kept(found[0], whole=True)


def _kept(one: Kept, *, whole: bool = False) -> schemas.Kept:
    document = json.loads(canonical.dumps(one.document)) if whole and one.document is not None else None
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
        document=document,
        raw_bytes=len(one.raw or b""),
    )


def sides(session: InSession) -> schemas.Sides:
    """Old and new: which side is live, for how long they agreed, what differed last, what was written since."""
    here = session.workspace()
    live = switch.live(here)
    try:
        agreed = shadow.agreement(here)
        since, comparisons = agreed.since, agreed.comparisons
    except PjaisError:
        since, comparisons = None, 0
    later = None
    if live.side == "new" and here.store.exists():
        later = view_values.later(migration_rollback.writes_since(here.store, live.changes))
    return schemas.Sides(
        code="done",
        side=live.side,
        since=view_values.text(live.at),
        agreed_since=view_values.text(since),
        comparisons=comparisons,
        sources=view_values.sources(here.find().sources),
        following=session.following,
        last=session.compared,
        later=later,
        job=view_values.job(session.job),
    )


def work(session: InSession) -> schemas.Job:
    """The work in progress, or the last one that ended."""
    found = view_values.job(session.job)
    if found is None:
        raise Missing("no work was begun on this page yet", next_command="pjais status")
    return found
