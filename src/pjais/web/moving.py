"""The views of the pipeline: what is where, the migration, its report, backups, quarantine, old and new."""

from __future__ import annotations

import json
from typing import Any

from pjais import canonical
from pjais.errors import PjaisError, UsageError
from pjais.pipeline import cutover, keep, origins, overview, shadow, state, triage, undo
from pjais.pipeline.place import Place
from pjais.pipeline.triage import Kept
from pjais.web import reading, shapes
from pjais.web.home import Home
from pjais.web.reading import AtHome, Id, Missing

_LARGEST_REPORT = 32 << 20
_FINDINGS = 200


def front(home: AtHome) -> shapes.Overview:
    """What is where, and what to do next."""
    here = home.place()
    status = overview.status(here)
    told = status["store"]
    store = told and shapes.Store(path=told["path"], kind=status["live"], size=told["size"], records=told["records"])
    return shapes.Overview(
        code="done", data_dir=status["data_dir"], store=store, active=_active(home, here),
        quarantined=status["quarantined"], sources=len(status["sources"]), new_data=status["new_data"],
        side=cutover.live(here).side, runs=_runs(here), message=status["message"], next=home.typed(status["next"]),
        job=reading.job(home.job),
    )  # fmt: skip


def _active(home: Home, here: Place) -> shapes.Persona | None:
    if here.log is not None or not here.target.exists():
        return None
    with home.store() as store:
        record = store.personas.active()
    return None if record is None else reading.persona(record)


def _runs(here: Place) -> list[shapes.Run]:
    return [shapes.Run(**one.as_dict()) for one in reversed(state.runs(here.data_dir)) if one.state != "backup"]


def migration(home: AtHome) -> shapes.Migration:
    """What was found, what a migration would do, how far it is, and what it came to.

    Where there is something new, a plan is made beside; it reads, and writes nothing.
    """
    here = home.place()
    found = here.find()
    over = origins.passed_over(here, found.sources)
    taken = tuple(ref for ref in found.sources if ref not in over)
    new = bool(taken) and state.anything_new(here, taken, exact=False)
    work = home.planned(here, taken, planned) if new else None
    made = work.result if work is not None and work.state == "done" else None
    return shapes.Migration(
        code="done", data_dir=str(here.data_dir), sources=reading.sources(taken), new_data=new,
        passed=[{"path": one.label, "reason": one.reason} for one in found.passed]
        + [{"path": str(ref.path), "reason": f"of another web origin: {origin}"} for ref, origin in over.items()],
        plan=made and shapes.Plan(**made),
        plan_error=shapes.Problem(**work.error) if work is not None and work.error else None,
        job=reading.job(home.job), runs=_runs(here),
    )  # fmt: skip


def planned(made: Any) -> dict[str, Any]:
    """A plan as the page shows it."""
    return shapes.Plan(
        target=made.target, total=reading.counts(made.total), rules=reading.rules(made.findings),
        sources=[
            shapes.SourceCounts(kind=ref.kind, name=ref.name, counts=reading.counts(counts))
            for ref, counts in made.sources
        ],
        bytes_needed=made.bytes_needed, bytes_free=made.bytes_free, seconds=round(made.seconds, 1),
        nothing_to_do=made.nothing_to_do,
    ).model_dump()  # fmt: skip


def rollback(home: AtHome) -> shapes.Rollback:
    """Which run a rollback would undo, and what was written since."""
    found, later = undo.preview(home.place())
    return shapes.Rollback(code="done", run=found.id, later=reading.later(later), job=reading.job(home.job))


def report(home: AtHome, id: Id) -> shapes.Report:
    """The account of a run: counts by source, rules, findings, the proof, the phases."""
    found = next((one for one in state.runs(home.place().data_dir) if one.id == id), None)
    if found is None:
        raise Missing("there is no such run", where=[id], next_command="pjais status")
    told = _told(found)
    counted = told["rules"] if told is not None else {}
    return shapes.Report(code="done", run=shapes.Run(**found.as_dict()), report=told, rules=reading.rules(counted))


def _told(found: state.RunState) -> dict[str, Any] | None:
    path = found.folder / "report.json"
    if not path.is_file() or path.stat().st_size > _LARGEST_REPORT:
        return None
    try:
        told = dict(json.loads(path.read_text("utf-8")))
        told["findings"] = told["findings"][:_FINDINGS]
        reading.rules(told["rules"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError("the report of this run cannot be read", where=[str(path)]) from error
    return told


def backups(home: AtHome) -> shapes.Backups:
    """All backups, the newest first."""
    found = reversed(keep.listed(home.place()))
    return shapes.Backups(
        code="done", backups=[shapes.Backup(**one.as_dict()) for one in found], job=reading.job(home.job)
    )


def quarantine(home: AtHome, everything: bool = False) -> shapes.Quarantine:
    """The documents that could not go in, and why; with `everything` also those replayed or discarded."""
    found = triage.listed(home.place(), everything=everything)
    return shapes.Quarantine(code="done", entries=[_kept(one) for one in found], everything=everything)


def kept(home: AtHome, id: int) -> shapes.Kept:
    """One document in quarantine, whole."""
    if not 0 <= id < 2**63:
        raise Missing("there is no such document in quarantine", where=[str(id)])
    found = [one for one in triage.listed(home.place(), everything=True) if one.id == id]
    if not found:
        raise Missing("there is no such document in quarantine", where=[str(id)])
    return _kept(found[0], whole=True)


def _kept(one: Kept, *, whole: bool = False) -> shapes.Kept:
    document = json.loads(canonical.dumps(one.document)) if whole and one.document is not None else None
    return shapes.Kept(
        id=one.id, run=one.run_id, source_kind=one.source_kind, source=one.source, collection=one.collection,
        native_id=one.native_id, place=one.place, reasons=one.reasons, replayed_at=one.replayed_at,
        discarded=one.discarded, document=document, raw_bytes=len(one.raw or b""),
    )  # fmt: skip


def sides(home: AtHome) -> shapes.Sides:
    """Old and new: which side is live, for how long they agreed, what differed last, what was written since."""
    here = home.place()
    live = cutover.live(here)
    try:
        agreed = shadow.agreement(here)
        since, comparisons = agreed.since, agreed.comparisons
    except PjaisError:
        since, comparisons = None, 0
    later = None
    if live.side == "new" and here.target.exists():
        later = reading.later(undo.writes_since(here.target, live.changes))
    return shapes.Sides(
        code="done", side=live.side, since=reading.text(live.at), agreed_since=reading.text(since),
        comparisons=comparisons, sources=reading.sources(here.find().sources), following=home.following,
        last=home.compared, later=later, job=reading.job(home.job),
    )  # fmt: skip


def work(home: AtHome) -> shapes.Job:
    """The work in progress, or the last one that ended."""
    found = reading.job(home.job)
    if found is None:
        raise Missing("no work was begun on this page yet", next_command="pjais status")
    return found
