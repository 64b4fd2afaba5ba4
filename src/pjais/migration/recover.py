"""Recover from an interruption: read the journals, clean up, and let the next run continue.

A run interrupted before its cutover left at most a hidden file, which is removed; its backup, if complete and still
equal to the sources, is used by the next run.  For one interrupted after the cutover, the journal is completed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

from pjais import files, journal, paths, report, sqlite
from pjais.assembly.findings import spooled
from pjais.core.model import Model
from pjais.core.results import Counts, Report
from pjais.core.snapshot import Snapshot
from pjais.core.source import SourceRef
from pjais.errors import BackupFailed, MigrationFailed
from pjais.migration import revert, state
from pjais.sources import backup
from pjais.targets import registry
from pjais.targets.contract import Before, Head, Target
from pjais.targets.sqlite import chain, cutover, heads
from pjais.targets.sqlite.target import PREVIOUS, holds
from pjais.workspace import Workspace

_UNFINISHED = (
    ".live.json.*.part",
    ".cleanup.json.*.part",
    ".*since-switch-*.part",
    f"{paths.BACKUPS}/*/.*.part*",
    f"{paths.BACKUPS}/*/.*.work*",
    ".*.head.*.part",
    f"{paths.BACKUPS}/.*.head.*.part",
)
"""Temporary files that an interrupted call may leave in the data folder."""


def recover(workspace: Workspace) -> Path | None:
    """Finish interrupted runs; return the folder of the latest one whose backup is complete.

    The caller holds the lock of the data folder, so no other run is active.
    """
    resumable: Path | None = None
    for name in _UNFINISHED:
        for part in workspace.data_dir.glob(name):
            files.remove(part)
    for run in state.runs(workspace.data_dir):
        events = journal.events(run.folder)
        if run.state == "backup" and "backup" in events and not (run.folder / backup.MANIFEST).exists():
            discard(run.folder)
            continue
        if not events and all(one.name == journal.NAME for one in run.folder.iterdir()):
            discard(run.folder)  # interrupted before its first journal entry
            continue
        if run.state == "done" and "rolling-back" in events:
            _finish_rollback(workspace, run)
        if ("replay" in events or (run.follow and run.state == "done")) and "pushed" not in events:
            _push(workspace, run)
        if run.state != "interrupted" or "abandoned" in events:
            continue
        _target(workspace, run).recover(run.id)
        if holds(Path(run.target or workspace.store), run.id):
            _report(run, workspace)
            journal.record(run.folder, "done", code="done", recovered=True)
            if run.follow:
                _push(workspace, run)
        elif "backed-up" in events and not run.follow and Path(run.target or workspace.store) == workspace.store:
            resumable = run.folder
        elif "backed-up" in events and not run.follow:
            journal.record(run.folder, "abandoned")
        else:
            discard(run.folder)
    _seal_journals(workspace)
    return resumable


def seal_journal(target: Path, folder: Path) -> None:
    """Add the complete journal of a finished run to the store's chain."""
    with closing(sqlite.open_writer(target)) as db:
        with sqlite.transaction(db):
            chain.seal(db, "finished", folder.name, {"journal": journal.extent(folder)}, changeset=b"")
        heads.note(db, target)


def _seal_journals(workspace: Workspace) -> None:
    """Do the same for runs that were interrupted just before it."""
    ended = [run for run in state.runs(workspace.data_dir) if run.state == "done" and run.target]
    for target in {Path(str(run.target)) for run in ended}:
        if cutover.inspect(target, workspace.model, older=True) != workspace.model.schema_version:
            continue
        with closing(sqlite.open_reader(target)) as db:
            events = [(one.event, one.run_id) for one in chain.links(db)]
        for run in ended:
            if Path(str(run.target)) == target and ("run", run.id) in events and ("finished", run.id) not in events:
                seal_journal(target, run.folder)


def discard(folder: Path) -> None:
    """Remove the folder of a run, its journal last, so that an interrupted removal is completed later."""
    for one in folder.iterdir():
        if one.is_dir():
            files.remove_folder(one)
        elif one.name != journal.NAME:
            files.remove(one)
    files.remove_folder(folder)


def _report(run: state.RunState, workspace: Workspace) -> None:
    """Write the report of a run that was interrupted between its cutover and its end, from the store it made."""
    if (run.folder / "report.json").exists():
        return
    target = Path(run.target or workspace.store)
    with closing(sqlite.open_reader(target)) as db:
        row = sqlite.first(db, "SELECT sources, counts, started_at FROM migration_runs WHERE id = ?", (run.id,))
    if row is None:
        return
    total = Counts(**json.loads(row[1]))
    code = "quarantined" if total.waiting else "done"
    message = "finished after an interruption; pjais verify checks it"
    made = Report(
        code,
        1 if total.waiting else 0,
        run.id,
        workspace.data_dir,
        target,
        run.started_at or 0,
        journal.now_ms(),
        tuple(json.loads(row[0])),
        total,
        backup=run.folder,
        next_command="pjais verify",
        message=message,
    )
    report.write(run.folder, made, spooled(run.folder))
    files.remove(run.folder / "findings.jsonl")


def _push(workspace: Workspace, run: state.RunState) -> None:
    """Write to a target's content what a replay or an increment put into its store only."""
    target = _target(workspace, run)
    if not target.in_place and target.store.exists():
        target.catch_up(workspace.model)
        target.push(workspace.model, run.id)
        journal.record(run.folder, "pushed")


def _target(workspace: Workspace, run: state.RunState) -> Target:
    """Return the target of a run."""
    ours = run.target is None or Path(run.target) == workspace.store
    return workspace.target if ours else registry.of_store(Path(str(run.target)))


def _finish_rollback(workspace: Workspace, run: state.RunState) -> None:
    """Finish an interrupted rollback: complete its journal if the store is back; the store follows its content."""
    target = _target(workspace, run)
    target.recover(run.id)
    kept = run.folder / next(one.details["kept"] for one in journal.entries(run.folder)[::-1] if "kept" in one.details)
    if not holds(target.store, run.id):
        journal.record(run.folder, "rolled-back", kept=kept.name)
    elif not target.holds(run.id):
        head = Head(cutover.last_change(target.store))
        put_back(target, workspace.model, run.folder, kept, head, resumed=True)


def put_back(target: Target, model: Model, folder: Path, kept: Path, head: Head, *, resumed: bool = False) -> bool:
    """Restore a target from before a run, or remove it if there was none; return which, and record it.

    `kept` is a copy of its current store, `head` that store's.  `resumed`: its content is back already.
    """
    new = None
    try:
        new = _store_before(target, model, folder, kept)
        heads.forget(target.store)  # the history is truncated
        target.put_back(Before(model, folder, new, kept, head, resumed))
    except BaseException:
        with suppress(OSError):
            target.recover(folder.name)
        raise
    finally:
        heads.note_closed(target.store)
    journal.record(folder, "rolled-back", kept=kept.name)
    return new is not None


def _refuse_to_empty(kept: Path, run_id: str) -> None:
    """Raise MigrationFailed if a store was not empty before a run, and nothing is left to restore it from.

    Only reverting the first run of a store leaves no store.
    """
    with closing(sqlite.open_reader(kept)) as db:
        earlier = sqlite.fetch(
            db,
            "SELECT id FROM migration_runs WHERE number < (SELECT number FROM migration_runs WHERE id = ?)",
            (run_id,),
        )
    if earlier:
        raise MigrationFailed(
            "the data to revert this run is missing; the store was kept",
            where=[run_id, *(f"built on {one}" for (one,) in earlier)],
            safe="No changes were made to the store.",
            next_command="pjais verify",
        )


def _store_before(target: Target, model: Model, folder: Path, kept: Path) -> Path | None:
    """Rebuild the store from before a run out of sight; None if there was none."""
    previous = folder / PREVIOUS
    if not previous.exists() and not revert.is_kept(kept, folder.name):
        _refuse_to_empty(kept, folder.name)
        return None
    new = target.begin(folder.name)
    sqlite.remove(new)
    if previous.exists():
        _copy_previous(previous, new)
    else:
        files.copy_hashed(kept, new)
        revert.revert(new, model, folder.name)
    return new


def _copy_previous(previous: Path, new: Path) -> None:
    """Copy the previous store from a backup, checking its hash against the manifest."""
    _, digest = files.copy_hashed(previous, new)
    if digest != backup.manifest(previous.parent)["previous"]["sha256"]:
        raise BackupFailed(
            "the previous store in the backup was changed; not restored",
            where=[str(previous)],
            safe="No changes were made to the store.",
            next_command="pjais verify",
        )


def reusable(folder: Path, refs: Sequence[SourceRef]) -> tuple[Snapshot, ...] | None:
    """Return the snapshots of an interrupted run, if they are valid and equal to the sources."""
    try:
        if backup.check(folder):
            raise BackupFailed("not valid")
        snapshots = backup.load(folder)
    except BackupFailed:
        journal.record(folder, "abandoned")
        return None
    same = [snapshot.origin for snapshot in snapshots] == [str(ref.path) for ref in refs] and all(
        _is_same(snapshot, ref) for snapshot, ref in zip(snapshots, refs, strict=False)
    )
    if not same:
        journal.record(folder, "abandoned")
        return None
    return snapshots


def _is_same(snapshot: Snapshot, ref: SourceRef) -> bool:
    copied = {one.original: one for one in snapshot.files if not one.original.endswith("-shm")}
    there = [path for path in ref.files if path.exists() and not path.name.endswith("-shm")]
    if len(copied) != len(there):
        return False
    for path in there:
        relative = path.relative_to(ref.root).as_posix() if path.is_relative_to(ref.root) else path.name
        one = copied.get(relative)
        if one is None or path.stat().st_size != one.size or files.sha256(path) != one.sha256:
            return False
    return True
