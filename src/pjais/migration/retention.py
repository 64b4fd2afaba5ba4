"""How long the backups of runs that nobody asked for are kept: increments of `follow`, and automatic migrations.

A backup may go once every document that its run brought in has come again, as it was, in the backup of a later run:
then the proof reads it there.  What takes such a run back stays in the store itself.  Of automatic migrations the last
ten are kept all the same, and an older one that holds the only copy of anything stays.

A rollback takes whole migrations back, and with them the backups that the proof of what was before would be read from.
So the increment before a migration keeps its backup, until ten migrations have followed it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pjais import journal
from pjais.migration import copies, recover, state
from pjais.targets.sqlite.builder import Builder
from pjais.workspace import Workspace

KEPT = 10
"""So many backups of automatic migrations are kept, whether a proof needs them or not."""


def expired(workspace: Workspace, builder: Builder, *, follow: bool = False) -> list[state.RunState]:
    """The runs whose backups no proof needs once the run that the builder is making is in place.

    `follow`: that run is an increment, which no rollback takes back by itself.
    """
    runs = state.runs(workspace.data_dir)
    done = [one for one in runs if one.state == "done" and Path(one.target or workspace.target) == workspace.target]
    return [one for at, one in enumerate(done) if _may_go(one, done[at + 1 :], follow) and not builder.needs(one.id)]


def _may_go(run: state.RunState, later: Sequence[state.RunState], follow: bool) -> bool:
    """Return whether nobody asked for a run, and no likely rollback leads back to it."""
    if run.follow:
        whole = sum(not one.follow for one in later) + (not follow)
        return whole == 0 or whole >= KEPT
    return run.automatic and sum(one.automatic for one in later) >= KEPT


def discard(workspace: Workspace, runs: Sequence[state.RunState], password: str | None = None) -> None:
    """Remove the backups of these runs; of an automatic migration never the only copy of anything."""
    held = copies.Copies(workspace, [workspace.target], password)
    for one in runs:
        others = [folder for folder in journal.run_folders(workspace.data_dir) if folder != one.folder]
        if not one.automatic or held.only_here(one.folder, others) is None:
            recover.discard(one.folder)
