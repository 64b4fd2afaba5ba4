"""`rollback`: restore the state before a run, after showing later writes.

A copy of the current target is always kept in the run's folder; writes since the run can be exported first
(`keep_later`) in our own format, so that `import` restores them.
"""

from __future__ import annotations

import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pjais import files, journal, sqlite
from pjais.core.model import Model
from pjais.core.shown import HIDDEN, Named, fields_as_json
from pjais.display import counted
from pjais.errors import ConfirmationNeeded, MigrationFailed, NoSourceFound, UsageError
from pjais.exchange import transfer
from pjais.migration import active, fault_messages, originals, recover, state
from pjais.targets.contract import Head
from pjais.targets.sqlite import cutover, heads
from pjais.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Later:
    """Writes to the target since a run: numbers of records added, edited, removed."""

    added: int
    edited: int
    removed: int
    examples: Annotated[tuple[tuple[str, str, str], ...], HIDDEN]
    """(operation, table, record id) of the first ones."""

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers as a JSON object."""
        return fields_as_json(self)

    @property
    def total(self) -> int:
        """Return the number of records written."""
        return self.added + self.edited + self.removed


@dataclass(frozen=True, slots=True)
class Undone:
    """The result of a rollback: the run, the target's state, and the copy of its last state."""

    run_id: Annotated[str, Named("run")]
    restored: Annotated[bool, Named("restored_previous")]
    """True if an earlier target was restored; if not, there was none before the run."""
    kept: Path
    later: Later
    later_file: Path | None
    backup: Path
    """The folder of the run's backup, which holds the migrated data even if the sources are deleted."""
    sources: Annotated[tuple[Path, ...], Named("restored_sources")] = ()
    """The missing source files that were restored."""

    def as_dict(self) -> dict[str, Any]:
        """The outcome as a JSON object."""
        return {"code": "rolled_back", **fields_as_json(self)}


def later_writes(target: Path, run_id: str) -> Later:
    """Return writes after the end of a run by anyone but a run.  Raises UsageError for an unknown run."""
    with closing(sqlite.open_reader(target)) as db:
        mark = sqlite.value(db, "SELECT changes_seq FROM migration_runs WHERE id = ?", (run_id,))
        if mark is None:
            raise UsageError("run not found in the target", where=[run_id], next_command="pjais status")
    return writes_since(target, int(mark))


def writes_since(target: Path, mark: int) -> Later:
    """Return writes after an entry of the store's history."""
    with closing(sqlite.open_reader(target)) as db:
        touched = _touched(db, mark)
    ops = [op for op, _, _ in touched]
    return Later(ops.count("insert"), ops.count("update"), ops.count("delete"), tuple(touched[:20]))


def _touched(db: sqlite.Connection, mark: int) -> list[tuple[str, str, str]]:
    """Return (net change, table, record id) of every record written since `mark`."""
    found = []
    for table, key, first, last in sqlite.each(
        db,
        "SELECT first.table_name, first.record_id, first.op, last.op FROM "
        "(SELECT min(seq) AS low, max(seq) AS high FROM changes WHERE seq > ? GROUP BY table_name, record_id) AS span "
        "JOIN changes AS first ON first.seq = span.low JOIN changes AS last ON last.seq = span.high ORDER BY span.low",
        (mark,),
    ):
        if first == "insert" and last == "delete":
            continue
        found.append(("delete" if last == "delete" else "insert" if first == "insert" else "update", table, key))
    return found


def rollback(
    workspace: Workspace, run_id: str | None = None, *, keep_later: Path | None = None, discard_later: bool = False
) -> Undone:
    """Undo the latest run, or the one named (which must be the latest that is in place).

    Raises ConfirmationNeeded if there are later writes and neither option was chosen; UsageError while the store is the
    live side, and if a source of the run is missing that cannot be restored to its location;
    NoSourceFound if there is no run to undo; MigrationFailed if the target is open elsewhere.
    """
    if not workspace.data_dir.is_dir():
        raise NoSourceFound("data folder not found", where=[str(workspace.data_dir)])
    with fault_messages.explained(workspace), files.only_run(workspace.data_dir):
        recover.recover(workspace)
        run = _run_to_undo(workspace, run_id)
        cutover.inspect(workspace.store, workspace.model)
        _refuse_while_live(workspace)
        if run.id not in _held(workspace):
            return _accept_older(workspace, run, discard_later=discard_later)
        _catch_up(workspace, run.id, discard_later)
        later = later_writes(workspace.store, run.id)
        if later.total and keep_later is None and not discard_later:
            raise ConfirmationNeeded(
                f"since this run {counted(later.added, 'record was', 'records were')} added, {later.edited:,} edited, "
                f"{later.removed:,} removed",
                where=[f"{op} {table} {key}" for op, table, key in later.examples],
                safe="No changes were made.",
                advice="export them to a file, or pass --discard-later",
                next_command=f"pjais rollback {run.id} --keep-later later-{run.id}.pjais.json",
            )
        if (
            keep_later is not None
            and keep_later.exists()
            and not _is_that(keep_later, workspace.model, workspace.store, run.id)
        ):
            raise UsageError("the file for later records already exists", where=[str(keep_later)])
        back = originals.restore(workspace, originals.gone(workspace, run.id))
        kept = run.folder / f"rolled-back-{journal.new_run_id()}.sqlite"
        head = Head(cutover.last_change(workspace.store))
        cutover.copy_target(workspace.store, kept)
        if keep_later is not None and later.total:
            _export_later(workspace.model, kept, run.id, keep_later)
        journal.record(run.folder, "rolling-back", kept=kept.name)
        with fault_messages.switching(workspace):
            restored = recover.put_back(workspace.target, workspace.model, run.folder, kept, head)
        file = keep_later if later.total else None
        return Undone(run.id, restored, kept, later, file, run.folder, tuple(back))


def _accept_older(workspace: Workspace, run: state.RunState, *, discard_later: bool) -> Undone:
    """Record that a run is no longer in the store because its owner restored an older one; the store stays unchanged.

    Writes after that run are not in this file, so they cannot be shown: the owner must confirm that they are discarded.
    """
    if not discard_later:
        raise ConfirmationNeeded(
            "an older copy of the store is in place, without this run and later records",
            where=[run.id, f"its documents are in {run.folder}"],
            safe="No changes were made.",
            advice="restore the newer store; or keep the older one, and `pjais migrate` reads the sources again",
            next_command=f"pjais rollback {run.id} --discard-later",
        )
    kept = run.folder / f"rolled-back-{journal.new_run_id()}.sqlite"
    cutover.copy_target(workspace.store, kept)
    heads.forget(workspace.store)
    heads.note_closed(workspace.store)
    journal.record(run.folder, "rolled-back", kept=kept.name, older_store=True)
    return Undone(run.id, True, kept, Later(0, 0, 0, ()), None, run.folder)


def _refuse_while_live(workspace: Workspace) -> None:
    """Raise UsageError while the store is the live side: switch back first, or no side would be left."""
    was = active.live(workspace.data_dir)
    named = None if was.target is None else Path(was.target)
    if was.side == "new" and (named is None or files.same(named, workspace.live) or not named.exists()):
        raise UsageError(
            "the target is active: switch back before rolling back its store",
            where=[str(workspace.live)],
            safe="No changes were made.",
            next_command="pjais switch --undo",
        )


def preview(workspace: Workspace) -> tuple[state.RunState, Later]:
    """Return the run that a rollback would undo, and later writes.  Raises as `rollback`; changes nothing."""
    run = _run_to_undo(workspace, None)
    _refuse_while_live(workspace)
    if run.id not in _held(workspace):
        _accept_older(workspace, run, discard_later=False)
    return run, later_writes(workspace.store, run.id)


def _catch_up(workspace: Workspace, run_id: str, discard_later: bool) -> None:
    """Sync what an app committed; an unreadable log is kept as it is, if its owner discards later writes."""
    try:
        workspace.target.catch_up(workspace.model)
    except MigrationFailed as error:
        if not discard_later:
            raise MigrationFailed(
                error.what,
                where=error.where,
                safe=error.safe,
                advice="the current log is kept beside the backup",
                next_command=f"pjais rollback {run_id} --discard-later",
            ) from error


def _run_to_undo(workspace: Workspace, run_id: str | None) -> state.RunState:
    done = in_place(workspace)
    if not done:
        raise NoSourceFound(
            "no migration to roll back",
            where=[str(workspace.data_dir)],
            safe="No changes were made.",
            next_command="pjais status",
        )
    ids = [run.id for run in done]
    if run_id is not None and run_id not in ids:
        raise UsageError("run not found", where=[run_id], next_command="pjais status")
    if run_id is not None and run_id != ids[-1] and run_id in _held(workspace):
        raise UsageError(
            "later runs build on this one; roll them back first",
            where=ids[ids.index(run_id) + 1 :],
            next_command=f"pjais rollback {ids[-1]}",
        )
    if not workspace.store.exists():
        raise MigrationFailed("target not found, nothing to roll back", where=[str(workspace.store)])
    return done[-1] if run_id is None else done[ids.index(run_id)]


def in_place(workspace: Workspace) -> list[state.RunState]:
    """Return the whole migrations of a store, in the order in which the store received them."""
    done = [
        run
        for run in state.runs(workspace.data_dir)
        if run.state == "done" and Path(run.target or workspace.store) == workspace.store and not run.follow
    ]
    held = _held(workspace)
    return sorted(done, key=lambda run: held.index(run.id) if run.id in held else len(held))


def _held(workspace: Workspace) -> list[str]:
    """Return the runs that a store holds, in its order; none if there is no store."""
    if cutover.inspect(workspace.store, workspace.model) is None:
        return []
    with closing(sqlite.open_reader(workspace.store)) as db:
        return [str(one) for (one,) in sqlite.each(db, "SELECT id FROM migration_runs ORDER BY rowid")]


def _is_that(file: Path, model: Model, store: Path, run_id: str) -> bool:
    """Return whether a file holds exactly what would be exported, so that an interrupted rollback wrote it."""
    with tempfile.TemporaryDirectory(prefix="pjais-later-") as scratch:
        now = Path(scratch) / "later.json"
        _export_later(model, store, run_id, now)
        return file.is_file() and files.sha256(file) == files.sha256(now)


def _export_later(model: Model, store: Path, run_id: str, destination: Path) -> None:
    """Export the records written since a run, and name those that were removed."""
    with closing(sqlite.open_reader(store)) as db:
        mark = sqlite.value(db, "SELECT changes_seq FROM migration_runs WHERE id = ?", (run_id,))
    export_since(model, store, int(mark), destination)


def export_since(model: Model, store: Path, mark: int, destination: Path) -> None:
    """Export the records written since an entry of the history, and name those that were removed."""
    with closing(sqlite.open_reader(store)) as db:
        touched = _touched(db, mark)
        alive: dict[str, list[str]] = {}
        removed: list[dict[str, Any]] = []
        for op, table, key in touched:
            if op == "delete":
                last = sqlite.value(
                    db,
                    "SELECT at FROM changes WHERE table_name = ? AND record_id = ? ORDER BY seq DESC LIMIT 1",
                    (table, key),
                )
                removed.append({"collection": table, "id": key, "removedAt": last})
            else:
                alive.setdefault(table, []).append(key)
        _add_owners(db, model, alive)
        files.private_folder(destination.absolute().parent)
        with files.writing(destination) as file:
            transfer.write_export(db, model, file.text, only=alive, removed=removed)


def _add_owners(db: sqlite.Connection, model: Model, alive: dict[str, list[str]]) -> None:
    """Add the records to which those of the export belong, so that it is self-contained."""
    for table in model.tables:
        if table.owner is None:
            continue
        (owners,) = (targets for column, targets in table.references if column == table.owner)
        sql = f"SELECT {table.owner} FROM {table.sql} WHERE {table.key[0]} = ?"
        found = {sqlite.value(db, sql, (key,)) for key in alive.get(table.name, ())} - {None}
        if found:
            alive[owners[0]] = sorted({*alive.get(owners[0], ()), *found})
