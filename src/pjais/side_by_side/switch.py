"""`switch`: make the new side live in one recorded step; and `switch --undo`, at once or later.

The live side is recorded in `live.json` in the data folder, never in the profile that is being replaced, and changes
by one rename.  The switch is refused while the two sides differ, while the old app runs, or while the last increment
is old.  The old side is not changed, so it can become live again at any time.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pjais import files, instants, journal
from pjais.core.results import Difference
from pjais.core.source import SourceRef
from pjais.display import counted
from pjais.errors import NoSourceFound, SourceInUse, UsageError, VerificationFailed
from pjais.exchange import guide_export
from pjais.migration import active, backups, fault_messages, originals, origins, recover, rollback, run, state, verify
from pjais.migration.active import LIVE, Live
from pjais.side_by_side import follow, shadow
from pjais.targets.sqlite import cutover
from pjais.workspace import Workspace, resolve_workspace

__all__ = ["LIVE", "Live", "Returned", "back", "go", "live"]

_OPTIONS = run.Options()


def live(workspace: Workspace) -> Live:
    """Return the live side from the data folder's record; the old one if nothing was ever switched."""
    return active.live(workspace.data_dir)


def go(workspace: Workspace, options: run.Options = _OPTIONS, *, keep_edits: bool = False) -> Live:
    """Switch to the new side: a last increment, the comparison, the proof, the final backup, the record.

    Raises SourceInUse while the old app runs, VerificationFailed while the two sides differ, and if the store has
    edits, which the old side lacks, unless `keep_edits` is set.
    """
    with fault_messages.explained(workspace):
        return _go(workspace, options, keep_edits)


def _go(workspace: Workspace, options: run.Options, keep_edits: bool) -> Live:
    if live(workspace).side == "new":
        raise UsageError(
            "the target is already active", where=[str(workspace.data_dir / LIVE)], next_command="pjais status"
        )
    refs = _old_side(workspace, options)
    if not refs:
        raise NoSourceFound("source not found", where=[str(path) for path in workspace.sources])
    _refuse_if_running(refs)
    follow.increment(workspace, options)
    seen = shadow.compare(workspace, password=options.password, only=options.only)
    if seen.count:
        raise VerificationFailed(
            f"source and target differ in {counted(seen.count, 'place')}; no cutover",
            where=[_line(one) for one in seen.differences[:20]],
            safe="No changes were made; the source is still active.",
            advice="sync the source, or edit the record",
            next_command="pjais shadow",
        )
    if seen.edit_count and not keep_edits:
        raise VerificationFailed(
            f"the target was edited since the migration ({counted(seen.edit_count, 'place')}); no cutover",
            where=[_line(one) for one in seen.edits[:20]],
            safe="No changes were made; the source is still active, the edits are in the target.",
            next_command="pjais switch --keep-edits",
        )
    verify.verify(workspace, password=options.password)
    final = backups.create(workspace)
    with files.only_run(workspace.data_dir):
        _refuse_if_running(refs)
        if state.anything_new(workspace, _old_side(workspace, options), exact=False):
            raise SourceInUse(
                "the source changed during the cutover; no cutover",
                where=[str(ref.path) for ref in refs],
                next_command="pjais switch",
            )
        done = Live(
            "new",
            journal.now_ms(),
            str(workspace.live),
            cutover.last_change(workspace.store),
            tuple(str(ref.path) for ref in refs),
            final.name,
        )
        _record(workspace, done)
    return done


def _old_side(workspace: Workspace, options: run.Options) -> tuple[SourceRef, ...]:
    """Return the sources of the old side, except those of an excluded web origin."""
    return origins.chosen(workspace, workspace.find(), options.only)[0].sources


def _line(one: Difference) -> str:
    return f"{one.record_type} {one.record_id}{', ' + one.field if one.field else ''}: {one.problem}"


def _refuse_if_running(refs: Any) -> None:
    users = files.users([path for ref in refs for path in ref.files])
    if users:
        raise SourceInUse(
            "the old app is running; no cutover",
            where=[f"process {user}" for user in users],
            advice="close it first",
            next_command="pjais switch",
        )


@dataclass(frozen=True, slots=True)
class Returned:
    """An undone switch: the number of records written on the new side since, and the files that hold them."""

    later: rollback.Later
    export: Path | None
    guide: Path | None

    def as_dict(self) -> dict[str, Any]:
        """Return the outcome as a JSON object."""
        return {
            "code": "done",
            "live": "old",
            "added": self.later.added,
            "edited": self.later.edited,
            "removed": self.later.removed,
            "export": None if self.export is None else str(self.export),
            "rxdb_export": None if self.guide is None else str(self.guide),
        }


def back(workspace: Workspace) -> Returned:
    """Make the old side live again, after exporting what was written on the new side since, in two formats.

    `since-switch-<time>.pjais.json` can be restored by `pjais import`; `rxdb-since-switch-<time>.json` is the guide's
    export, which the old side can read.  The store is not changed.
    """
    with fault_messages.explained(workspace), files.only_run(workspace.data_dir):
        recover.recover(workspace)
        was = live(workspace)
        return _back(workspace if was.target is None else _with_target(workspace, was.target), was)


def _with_target(workspace: Workspace, target: str) -> Workspace:
    """Return the workspace with the store that was switched to, whatever the call's target."""
    return replace(workspace, target=resolve_workspace(workspace.data_dir, target).target)


def _back(workspace: Workspace, was: Live) -> Returned:
    if was.side != "new":
        raise UsageError("the source is active: nothing to switch back", next_command="pjais status")
    gone = [path for path in was.sources if not Path(path).exists()]
    if gone:
        raise NoSourceFound(
            "source not found: restore it first",
            where=gone,
            safe="No changes were made; the target is still active.",
            advice="restore it, then: pjais switch --undo",
            next_command=originals.restoring(workspace, str(was.backup)),
        )
    workspace.target.catch_up(workspace.model)
    there = workspace.store.exists()  # the store may have been removed by hand
    later = rollback.writes_since(workspace.store, was.changes) if there else rollback.Later(0, 0, 0, ())
    export = guide = None
    if later.total:
        stamp = instants.to_text(journal.now_ms()).replace(":", "-").replace(".", "-")
        export = workspace.data_dir / f"since-switch-{stamp}.pjais.json"
        guide = workspace.data_dir / f"rxdb-since-switch-{stamp}.json"
        rollback.export_since(workspace.model, workspace.store, was.changes, export)
        guide_export.export(workspace, export, guide)
    _record(workspace, Live("old", journal.now_ms(), was.target, was.changes, was.sources, was.backup))
    return Returned(later, export, guide)


def _record(workspace: Workspace, what: Live) -> None:
    """Write the record atomically: old or new, never half."""
    path = workspace.data_dir / LIVE
    with fault_messages.switching(workspace, path):
        files.write_atomically(path, (json.dumps(what.as_dict(), indent=2) + "\n").encode())
