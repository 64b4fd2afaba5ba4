"""Status of a data folder: the store, the runs, the quarantine, new data in the sources, and the next step."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from pjais import instants, journal, models, sqlite
from pjais.migration import active, origins, state
from pjais.store import provenance
from pjais.targets.sqlite import cutover, decisions
from pjais.workspace import Workspace


def status(here: Workspace) -> dict[str, Any]:
    """Return the status of a data folder, as `pjais status --json` prints it.  Raises ForeignTarget."""
    store, quarantined = _store(here)
    found = here.find()
    runs = state.runs(here.data_dir)
    over = origins.passed_over(here, found.sources)
    taken = [ref for ref in found.sources if ref not in over]
    new = state.anything_new(here, taken, exact=False) if taken else False
    begun = [run for run in runs if run.state != "backup"]
    working = [run for run in begun if run.pid is not None]
    if working:
        since = "" if working[-1].started_at is None else f", since {instants.to_text(working[-1].started_at)}"
        message, following = f"a migration is running (process {working[-1].pid}{since})", "pjais status"
    elif any(run.state == "interrupted" for run in begun[-1:]):
        message, following = "the last run was interrupted; the next one continues it", "pjais migrate"
    elif new:
        message, following = "new data to migrate", "pjais plan"
    elif store is not None:
        message, following = "all data found is migrated", "pjais verify"
    else:
        message, following = "no data found", "pjais detect --help"
    return {
        "code": "done",
        "data_dir": str(here.data_dir),
        "live": None if store is None else here.target.kind,
        "store": store,
        "quarantined": quarantined,
        "active_side": active.live(here.data_dir).as_dict(),
        "sources": [{"kind": ref.kind, "name": ref.name, "path": str(ref.path)} for ref in taken],
        "not_chosen": [{"path": str(ref.path), "origin": origin} for ref, origin in over.items()],
        "new_data": new,
        "runs": [run.as_dict() for run in runs],
        "at": instants.to_text(journal.now_ms()),
        "message": message,
        "next": following,
    }


def sources(here: Workspace) -> list[dict[str, Any]]:
    """Return the sources that the store has records of, each with their number; `pjais`: written in the store."""
    with closing(sqlite.open_reader(here.store)) as db:
        found = provenance.sources(db, models.in_store(here.model, db))
    return [{"kind": one.kind, "name": one.name, "records": one.records} for one in found]


def _store(here: Workspace) -> tuple[dict[str, Any] | None, int]:
    """Return the store, and the number of undecided documents in its quarantine."""
    version = cutover.inspect(here.store, here.model, older=True)
    if version is None:
        return None, 0
    with closing(sqlite.open_reader(here.store)) as db:
        quarantined = decisions.waiting(db)
    return {
        "path": str(here.live),
        "schema": version,
        "upgrade": [step.does for step in here.model.upgrades_after(version)],
        "size": here.store.stat().st_size,
        "records": state.record_counts(here.store, here.model),
    }, quarantined
