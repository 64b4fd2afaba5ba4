"""Retention of the backups of unrequested runs: increments of `follow`, and automatic migrations.

A backup may be removed once every document that its run imported is unchanged in the backup of a later run: the proof
then reads it there.  The data to revert such a run stays in the store itself.  Of automatic migrations the last ten
are kept in any case, and an older one that holds the only copy of anything stays.

A rollback reverts whole migrations, and with them the backups from which the proof of the earlier state would be read.
So the increment before a migration keeps its backup until ten migrations have followed it.  A run that discards a
backup records that in its journal: once it is rolled back itself, the proof knows why that backup is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pjais import journal
from pjais.migration import copies, recover, state
from pjais.targets.sqlite.builder import Builder
from pjais.workspace import Workspace

DISCARDED = "discarded"
"""The event in the journal of the run that discarded the backup of another."""
KEPT = 10
"""Number of backups of automatic migrations that are kept, whether a proof needs them or not."""


def expired(workspace: Workspace, builder: Builder, *, follow: bool = False) -> list[state.RunState]:
    """Return the runs whose backups no proof needs once the builder's run is in place.

    `follow`: that run is an increment, which no rollback reverts by itself.
    """
    runs = state.runs(workspace.data_dir)
    done = [one for one in runs if one.state == "done" and Path(one.target or workspace.store) == workspace.store]
    return [one for at, one in enumerate(done) if _may_go(one, done[at + 1 :], follow) and not builder.needs(one.id)]


def _may_go(run: state.RunState, later: Sequence[state.RunState], follow: bool) -> bool:
    """Return whether a run was unrequested, and no likely rollback needs it."""
    if run.follow:
        whole = sum(not one.follow for one in later) + (not follow)
        return whole == 0 or whole >= KEPT
    return run.automatic and sum(one.automatic for one in later) >= KEPT


def discard(workspace: Workspace, runs: Sequence[state.RunState], by: Path, password: str | None = None) -> None:
    """Remove the backups of these runs; of an automatic migration never the only copy of anything.

    `by`: the folder of the run that no longer needs them.
    """
    held = copies.Copies(workspace, [workspace.store], password)
    for one in runs:
        others = [folder for folder in journal.run_folders(workspace.data_dir) if folder != one.folder]
        if not one.automatic or held.only_here(one.folder, others) is None:
            journal.record(by, DISCARDED, run=one.id)
            recover.discard(one.folder)


def discarded(data_dir: Path) -> set[str]:
    """Return the runs whose backups were discarded, as the journals of later runs say."""
    entries = (entry for folder in journal.run_folders(data_dir) for entry in journal.entries(folder))
    return {str(entry.details["run"]) for entry in entries if entry.event == DISCARDED}
