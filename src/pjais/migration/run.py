"""Run or plan a migration from beginning to end (`pjais.migration.steps` has the steps of a run).

    detect -> back up -> read the snapshot -> validate and normalise -> write a new file -> verify -> cut over

New data goes into an existing store in one transaction instead of a new file: verified before its commit, which is
then the cutover.  Before it nothing that the owner sees has changed; after any failure before it, the new file is
removed, or the transaction rolled back, and the target is unchanged.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace

from pjais import files, journal, models, sqlite
from pjais.assembly import reader_process, unchanged
from pjais.assembly.assemble import items
from pjais.assembly.ids import Ids
from pjais.assembly.scratch import scratch_store
from pjais.core.results import Plan, Progress, Report
from pjais.core.source import SourceRef
from pjais.errors import BackupFailed, NoSpace, UsageError
from pjais.migration import fault_messages, origins, recover, run_log, state
from pjais.migration.options import Options
from pjais.migration.steps import Job, counts_of, execute
from pjais.sources.found import Found, Passed
from pjais.store import upgrade
from pjais.targets.sqlite import cutover, keeping
from pjais.workspace import Workspace, none_found, source_bytes

__all__ = ["Options", "migrate", "plan"]

_DEFAULT = Options()


def _quiet(phase: str, done: int, total: int | None) -> None:
    """Report no progress."""


def plan(workspace: Workspace, options: Options = _DEFAULT, progress: Progress = _quiet) -> Plan:
    """Return the actions of `migrate`.  Writes nothing but a scratch copy that is removed afterwards.

    Raises NoSourceFound, ForeignTarget, SourceInUse.
    """
    found, only = origins.chosen(workspace, _sources(workspace), options.only)
    options = replace(options, only=only)
    workspace.target.inspect()
    cutover.inspect(workspace.store, workspace.model, older=True)
    began = time.monotonic()
    with ExitStack() as stack:
        base = stack.enter_context(upgrade.readable(workspace)) if workspace.store.exists() else None
        scratch = stack.enter_context(
            scratch_store(
                workspace.model,
                found.sources,
                options.of(Ids.of_file(base, new=options.ids == "new")),
                base=base,
                progress=progress,
                source=lambda builder: unchanged.passing_by(workspace.backups, builder, items),
            )
        )
        findings = scratch.findings
        counts = counts_of(scratch.builder, scratch.snapshots, findings)
    needed, free = _space(workspace, found.sources)
    return Plan(
        tuple(zip(found.sources, counts, strict=True)),
        str(workspace.live),
        dict(findings.rules),
        findings.shown,
        needed,
        free,
        (time.monotonic() - began) * 1.5,
        not _anything_to_do(workspace, found.sources, options),
        found.passed,
    )


def migrate(workspace: Workspace, options: Options = _DEFAULT, progress: Progress = _quiet) -> Report:
    """Migrate everything new from the sources to the target; do nothing if nothing is new.

    Returns the report (`done`, `quarantined`, `empty`, `already_migrated`).  Raises a PjaisError in every other case;
    then source and target are unchanged, and the error carries the report.
    """
    with run_log.failures(workspace):
        return _migrate(workspace, options, progress)


def _migrate(workspace: Workspace, options: Options, progress: Progress) -> Report:
    started = journal.now_ms()
    with fault_messages.explained(workspace):
        found, only = origins.chosen(workspace, _sources(workspace), options.only)
        options = replace(options, only=only)
    with _held(workspace), fault_messages.explained(workspace):
        resumable = recover.recover(workspace)
        workspace.target.inspect()
        upgraded = upgrade.upgrade(workspace)
        _check_choice(workspace, options)
        workspace.target.catch_up(workspace.model)
        if not _anything_to_do(workspace, found.sources, options):
            if not options.imported:
                state.end_rollback(workspace)
            message = "everything in the sources has been migrated before"
            if upgraded is not None:
                message = f"the store was upgraded from schema {upgraded.before} to {upgraded.after}; {message}"
            return _without_run(workspace, started, "already_migrated", message, found.passed)
        needed, free = _space(workspace, found.sources)
        if needed > free:
            raise NoSpace(
                f"not enough disk space: {needed:,} bytes needed, {free:,} free", where=[str(workspace.data_dir)]
            )
        with reader_process.reader(found.sources, late=workspace.store.exists()) as reader:
            return execute(Job(workspace, options, found, reader, progress, started), resumable)


def _anything_to_do(workspace: Workspace, refs: Sequence[SourceRef], options: Options) -> bool:
    """Return whether sources have anything new, or are to let go what was kept beside them."""
    if state.anything_new(workspace, refs, exact=True, only=options.only[1:], wishes=options.wishes):
        return True
    if not options.accept_deletions or not refs:
        return False
    with closing(sqlite.open_reader(workspace.store)) as db:
        return keeping.anything_kept(db, models.in_store(workspace.model, db))


def _sources(workspace: Workspace) -> Found:
    found = workspace.find()
    if not found.sources and not (workspace.store.exists() and not workspace.sources):
        where = [str(path) for path in workspace.sources] or [str(workspace.data_dir)]
        raise none_found(where, found)
    return found


def _check_choice(workspace: Workspace, options: Options) -> None:
    if workspace.store.exists() and cutover.inspect(workspace.store, workspace.model) is not None:
        with closing(sqlite.open_reader(workspace.store)) as db:
            before = sqlite.first(db, "SELECT ids FROM migration_runs ORDER BY number LIMIT 1")
        if before and before[0] != options.ids:
            raise UsageError(f"this target was made with --ids {before[0]}; it cannot be mixed with {options.ids}")


@contextmanager
def _held(workspace: Workspace) -> Iterator[None]:
    """Lock the data folder; if it is not writable, no backup can be made."""
    with ExitStack() as stack:
        try:
            files.private_folder(workspace.data_dir)
            stack.enter_context(files.only_run(workspace.data_dir))
        except OSError as error:
            raise BackupFailed(
                f"the data folder cannot be written: {error.strerror}", where=[str(workspace.data_dir)]
            ) from error
        yield


def _space(workspace: Workspace, refs: tuple[SourceRef, ...]) -> tuple[int, int]:
    """Return (bytes needed, bytes free): raw and consistent copies, the new file with its indexes, the old target."""
    size = source_bytes(refs)
    held = workspace.store.stat().st_size if workspace.store.exists() else 0
    return 5 * size + 2 * held + (4 << 20), files.free_space(workspace.data_dir)


def _without_run(workspace: Workspace, started: int, code: str, message: str, passed: tuple[Passed, ...]) -> Report:
    return Report(
        code,
        0,
        None,
        workspace.data_dir,
        workspace.live,
        started,
        journal.now_ms(),
        message=message,
        next_command="pjais verify",
        passed=passed,
    )
