"""Views of a migration: what was found, the plan, the progress, its proof; backups, rollback, work in progress."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import Query

from pjais import files, journal, paths, sqlite
from pjais.core.source import SourceRef
from pjais.errors import UsageError
from pjais.migration import backups as migration_backups
from pjais.migration import origins, state
from pjais.migration import rollback as migration_rollback
from pjais.models.persona.tables import TABLES
from pjais.report import page, sentences
from pjais.targets.sqlite import chain
from pjais.web import view_values
from pjais.web.moving import progress, schemas
from pjais.web.schemas import Problem
from pjais.web.session import STOPPABLE, Session
from pjais.web.view_values import Id, InSession, Missing
from pjais.workspace import Workspace

_LARGEST_REPORT = 32 << 20
_FINDINGS = 200


def _runs(here: Workspace) -> list[schemas.Run]:
    return [schemas.Run(**one.as_dict()) for one in reversed(state.runs(here.data_dir)) if one.state != "backup"]


Step = Annotated[Literal["", "review"], Query()]
"""The step of an import that is shown: what was found, or what would become of it."""


def migration(session: InSession, step: Step = "") -> schemas.Migration:
    """Return the sources found, the plan, the progress, and the result.

    Where there is something new, a plan is made beside; it reads, and writes nothing.
    """
    here = session.workspace()
    found = here.find()
    over = origins.passed_over(here, found.sources)
    taken = tuple(ref for ref in found.sources if ref not in over)
    new = bool(taken) and state.anything_new(here, taken, exact=False)
    work = session.planned(here, taken, planned) if new and not _busy(session) else None
    made = work.result if work is not None and work.state == "done" else None
    plan = schemas.Plan(**made) if made else None
    pairs = zip(taken, plan.sources, strict=False) if plan else ()
    counts = {str(ref.path): one.counts.read for ref, one in pairs if (ref.kind, ref.name) == (one.kind, one.name)}
    return schemas.Migration(
        code="done",
        data_dir=str(here.data_dir),
        sources=view_values.sources(taken),
        new_data=new,
        passed=[{"path": one.label, "reason": one.reason} for one in found.passed]
        + [{"path": str(ref.path), "reason": f"of another web origin: {origin}"} for ref, origin in over.items()],
        plan=plan,
        plan_error=Problem(**work.error) if work is not None and work.error else None,
        planning=view_values.job(work) if work is not None and work.state == "running" else None,
        job=current(session, here),
        runs=_runs(here),
        searched=_searched(here, taken),
        documents=counts,
        bytes_needed=plan.bytes_needed if plan else None,
        bytes_free=plan.bytes_free if plan else None,
        stored=here.store.exists(),
        step=step,
        said=_said({f"{one.level}:{one.rule}:{one.field}": one.times for one in plan.rules} if plan else {}),
    )


def _busy(session: Session) -> bool:
    return session.job is not None and session.job.state == "running" and session.job.kind in STOPPABLE


def current(session: Session, here: Workspace) -> schemas.Job | None:
    """Return the work in progress, or the last one: this page's, or a migration of another process."""
    if session.job is None or session.job.state != "running":
        others = [one for one in state.runs(here.data_dir) if one.pid not in (None, os.getpid())]
        if others:
            return progress.of_run(others[-1])
    return view_values.job(session.job)


def _searched(here: Workspace, taken: Sequence[SourceRef]) -> list[schemas.Place]:
    """Return the places that were searched, and why each that gave nothing did."""
    places = here.sources or ((here.data_dir,) if here.named else (here.data_dir, *paths.search_places()))
    return [_place(place, sum(ref.path.is_relative_to(place) for ref in taken)) for place in dict.fromkeys(places)]


def _place(place: Path, found: int) -> schemas.Place:
    why, how = "", "found"
    if not found:
        how = "nothing"
        try:
            if not place.exists():
                why, how = "Does not exist", "missing"
            elif place.is_dir() and not any(place.iterdir()):
                why = "An empty folder"
            else:
                why = "Read; nothing in it is of a kind that pjais knows"
        except OSError as error:
            why, how = f"Cannot be read: {error.strerror or error}", "unreadable"
    return schemas.Place(path=str(place), found=found, why=why, state=how)


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
    here = session.workspace()
    found, later = migration_rollback.preview(here)
    told = _told(found)
    return schemas.Rollback(
        code="done",
        run=found.id,
        later=view_values.later(later, _names(session, here, later.examples)),
        job=view_values.job(session.job),
        started_at=view_values.text(found.started_at),
        message=told["message"] if told is not None else "",
    )


def _names(session: Session, here: Workspace, examples: Sequence[tuple[str, str, str]]) -> dict[str, str]:
    """Return what people call records of the store, by their ids."""
    if not here.target.in_place:
        return {}
    found = {}
    with session.store() as store:
        for _, table, key in examples:
            records = {one.name: getattr(store, one.title, None) for one in TABLES}.get(table)
            record = None if records is None or not hasattr(records, "get") else records.get(key)
            told = (getattr(record, name, None) for name in ("name", "title", "summary", "content"))
            found[key] = next((one[:120] for one in told if isinstance(one, str) and one.strip()), key)
    return found


def report(session: InSession, id: Id) -> schemas.Report:
    """The report of a run: counts by source, rules, findings, the proof, the phases."""
    here, found = session.workspace(), _run(session, id)
    told = _told(found)
    title, text, checks = found.state.replace("-", " ").capitalize(), "", list[schemas.Check]()
    if told is not None:
        total = told["total"]
        title, text = page.headline(told["exit_code"], total["read"], total["quarantined"], told["message"])
        checks = [schemas.Check(**one._asdict()) for one in page.checked(told["proof"])] if told.get("proof") else []
    counted = told["rules"] if told is not None else {}
    return schemas.Report(
        code="done",
        run=schemas.Run(**found.as_dict()),
        report=told,
        rules=view_values.rules(counted),
        title=title if found.state != "rolled-back" else "This run was rolled back",
        text=text,
        checks=checks,
        said=_said(counted),
        digests=_digests(here, found),
        again=session.typed(f"pjais verify --run {found.id}"),
        version=_version(found),
    )


def _run(session: Session, id: str) -> state.RunState:
    found = next((one for one in state.runs(session.workspace().data_dir) if one.id == id), None)
    if found is None:
        raise Missing("run not found", where=[id], next_command="pjais status")
    return found


def report_file(session: Session, id: str) -> bytes:
    """Return the bytes of a run's `report.html`.  Raises Missing."""
    path = _run(session, id).folder / "report.html"
    if not path.is_file():
        raise Missing("this run left no report", where=[id], next_command="pjais status")
    return path.read_bytes()


def _version(run: state.RunState) -> str:
    told = (entry.details.get("version") for entry in journal.entries(run.folder))
    return next((str(one) for one in told if one), "")


def _said(counted: Mapping[str, int]) -> list[schemas.Said]:
    return [schemas.Said(**{**one._asdict(), "fields": list(one.fields)}) for one in sentences.of_rules(counted)]


def _digests(here: Workspace, run: state.RunState) -> list[schemas.Digest]:
    """Return the digests that a run can be known by: its backup, its report, its link in the store's chain."""
    found = []
    for name, told in (("manifest.json", "Backup manifest"), ("report.json", "Report, all findings")):
        if (run.folder / name).is_file():
            found.append(schemas.Digest(of=told, sha256=files.sha256(run.folder / name)))
    if here.store.exists():
        with closing(sqlite.open_reader(here.store)) as db:
            links = chain.links(db)
        at = next((number for number, one in enumerate(links) if one.run_id == run.id), None)
        if at:
            found.append(schemas.Digest(of="Step before it in the store", sha256=links[at - 1].digest.hex()))
        if at is not None:
            found.append(schemas.Digest(of="This run in the store", sha256=links[at].digest.hex()))
    return found


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
    here = session.workspace()
    kinds = {one.id: _kind(one) for one in state.runs(here.data_dir)}
    found = reversed(migration_backups.listed(here))
    return schemas.Backups(
        code="done",
        backups=[schemas.Backup(**one.as_dict()) for one in found],
        kinds=kinds,
        job=view_values.job(session.job),
    )


def _kind(run: state.RunState) -> str:
    if run.id.endswith("-before-replay"):
        return "Before a quarantine import"
    if run.state == "backup":
        return "Backup"
    return "Sync" if run.follow else "Import" if run.imported else "Migration"


def work(session: InSession) -> schemas.Job:
    """The work in progress, or the last one that ended."""
    found = current(session, session.workspace())
    if found is None:
        raise Missing("nothing was started on this page yet", next_command="pjais status")
    return found
