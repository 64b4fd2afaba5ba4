"""`follow`: sync what the still-running old app writes, in increments, until the cutover.

Each increment is a backup of the sources, and one transaction in the store: readers of the store see the previous
increment or this one.  New and changed documents are recognised by their digest, never by a clock.  Records removed
in the source are removed in the store, and stay in its history; they are kept if somebody edited them in the store
since.  An interrupted increment leaves nothing; the next one does its work.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from pjais import files, instants, journal
from pjais.assembly import unchanged
from pjais.assembly.assemble import assemble, items, options_of, origin_of, source_entries
from pjais.assembly.findings import Findings
from pjais.assembly.ids import Ids, known
from pjais.core.results import Counts
from pjais.core.shown import Named, fields_as_json
from pjais.core.snapshot import Snapshot
from pjais.core.source import SourceRef
from pjais.display import counted
from pjais.errors import MigrationFailed, NoSourceFound, PjaisError, SourceDamaged, SourceInUse, ValidationFailed
from pjais.migration import active, backups, fault_messages, origins, recover, retention, run, state
from pjais.sources import backup
from pjais.store import upgrade
from pjais.targets.sqlite.builder import Builder
from pjais.targets.sqlite.target import holds
from pjais.version import __version__
from pjais.workspace import Workspace

_OPTIONS = run.Options()
_MANY = 20
"""Up to so many removals at once need no confirmation; beyond it, more than half of a source's records do."""


@dataclass(frozen=True, slots=True)
class Increment:
    """One increment: its run (None: nothing was new), what was synced, and how far behind the store was (ms)."""

    run_id: Annotated[str | None, Named("run")]
    new: int = 0
    changed: int = 0
    removed: int = 0
    kept: tuple[tuple[str, str], ...] = ()
    """(record type, id) of records removed in the source and kept, since they were edited in the store."""
    overridden: tuple[tuple[str, str], ...] = ()
    """(record type, id) of records edited in the store and later in the source: the source's version is live."""
    quarantined: int = 0
    lag_ms: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return the increment as a JSON object."""
        return fields_as_json(self)


def follow(
    workspace: Workspace,
    options: run.Options = _OPTIONS,
    *,
    once: bool = False,
    interval: float = 1.0,
    seconds: float | None = None,
    allow_removals: bool = False,
    waiting: Callable[[PjaisError], object] | None = None,
) -> Iterator[Increment]:
    """Yield each increment that synced something, until the new side is live; with `once` one, whatever it synced.

    A source that kept changing while it was copied, or is gone for a while, is tried again: `waiting` gets the reason.
    """
    ends = None if seconds is None else time.monotonic() + seconds
    while active.live(workspace.data_dir).side != "new":
        try:
            done = increment(workspace, options, allow_removals=allow_removals)
        except (SourceInUse, NoSourceFound) as error:
            if once or not workspace.store.exists():
                raise
            if waiting is not None:
                waiting(error)
        else:
            if done.run_id is not None or once:
                yield done
        if once or (ends is not None and time.monotonic() >= ends):
            return
        time.sleep(interval)


def increment(workspace: Workspace, options: run.Options = _OPTIONS, *, allow_removals: bool = False) -> Increment:
    """Sync the current content of the sources.  The first increment is a whole migration.

    Raises the errors of a migration; MigrationFailed if a source suddenly lacks most of its records and
    `allow_removals` is not set.
    """
    if not workspace.store.exists():
        began = journal.now_ms()
        report = run.migrate(workspace, options)
        return Increment(
            report.run_id, new=report.total.migrated, quarantined=report.total.waiting, lag_ms=journal.now_ms() - began
        )
    with fault_messages.explained(workspace), files.only_run(workspace.data_dir):
        recover.recover(workspace)
        workspace.target.inspect()
        upgrade.upgrade(workspace)
        workspace.target.catch_up(workspace.model)
        # If an increment was interrupted between the store and the content:
        workspace.target.push(workspace.model, journal.new_run_id())
        with _steady(workspace):
            found, only = origins.chosen(workspace, workspace.find(), options.only)
            options = replace(options, only=only)
            if not found.sources:
                raise NoSourceFound("sources not found", where=[str(path) for path in workspace.sources])
            if not state.anything_new(workspace, found.sources, exact=False):
                return Increment(None)
        workspace.target.refuse_if_open()
        return _bring(workspace, options, found.sources, allow_removals)


@contextmanager
def _steady(workspace: Workspace) -> Iterator[None]:
    """Handle sources whose app creates and removes files meanwhile, or that are temporarily missing.

    Raises NoSourceFound if one is missing, SourceInUse if only a file of it disappeared.
    """
    try:
        _refuse_gone(workspace)
        yield
    except FileNotFoundError as error:
        _refuse_gone(workspace)
        raise SourceInUse("a source changed while it was read", where=[str(error.filename)]) from error


def _refuse_gone(workspace: Workspace) -> None:
    gone = [str(path) for path in workspace.sources if not path.exists()]
    if gone:
        raise NoSourceFound("source not found", where=gone)


def _bring(workspace: Workspace, options: run.Options, refs: tuple[SourceRef, ...], allow_removals: bool) -> Increment:
    run_id = journal.new_run_id(workspace.backups)
    folder = files.private_folder(workspace.backups / run_id)
    began = journal.now_ms()
    journal.begin(
        folder,
        "begun",
        target=state.relative_target(workspace),
        version=__version__,
        data_dir=str(workspace.data_dir),
        follow=True,
    )
    try:
        snapshots = backup.snapshot_all(folder, refs, at_ms=began, earlier=backups.latest_files(workspace, folder))
        journal.record(folder, "backed-up")
        done, expired = _write(workspace, options, snapshots, run_id, began, allow_removals)
    except BaseException as error:
        with fault_messages.finishing(workspace):
            if holds(workspace.store, run_id):
                raise error
        with suppress(OSError):  # the next call removes it
            recover.discard(folder)  # nothing was written, so nothing needs its backup
        raise
    with fault_messages.finishing(workspace):
        journal.record(folder, "done", code="done", follow=True, **unchanged.seal_places(folder))
        workspace.target.push(workspace.model, run_id)
        journal.record(folder, "pushed")
        recover.seal_journal(workspace.store, folder)
        retention.discard(workspace, expired, folder, options.password)
    return done


def _write(
    workspace: Workspace,
    options: run.Options,
    snapshots: tuple[Snapshot, ...],
    run_id: str,
    began: int,
    allow_removals: bool,
) -> tuple[Increment, list[state.RunState]]:
    """Write the snapshots to the store; return the increment, and the runs whose backups no proof needs any longer."""
    findings = Findings()
    builder = Builder(workspace.store, workspace.model, run_id, existing=True, live=True, followed=True)
    with closing(builder):
        ids = Ids(known(builder.connection), new=options.ids == "new")
        choices = options.of(ids)
        source = unchanged.passing_by(workspace.backups, builder, items, noting=False)
        assemble(builder, snapshots, findings, choices, lambda *_: None, source=source)
        _refuse(findings, options, snapshots)
        whole = [snapshot for snapshot in snapshots if snapshot.name not in findings.incomplete]
        removed, kept = builder.remove_gone([origin_of(snapshot) for snapshot in whole])
        if not allow_removals and removed > max(_MANY, builder.accounted() // 2):
            raise MigrationFailed(
                f"the sources lack {counted(removed, 'record')}; no changes were made",
                where=[snapshot.origin for snapshot in snapshots],
                advice="check the source first; the next command syncs the removals",
                next_command="pjais follow --allow-removals",
            )
        counts = tuple(builder.counts(origin_of(snapshot)) for snapshot in snapshots)
        unchanged.keep_places(workspace.backups / run_id, builder, snapshots, counts)
        new, changed = builder.arrived()
        expired = retention.expired(workspace, builder, follow=True)
        builder.finish(
            _row(run_id, began, options, snapshots, counts, builder), backup.link(workspace.backups / run_id)
        )
    newest = max((one.mtime_ns for snapshot in snapshots for one in snapshot.files), default=0) // 1_000_000
    done = Increment(
        run_id,
        new,
        changed,
        removed,
        tuple(kept),
        tuple(builder.overridden),
        sum(one.waiting for one in counts),
        max(0, journal.now_ms() - newest),
    )
    return done, expired


def _written_since(snapshots: Sequence[Snapshot]) -> bool:
    """Return whether any file is no longer what was copied."""
    for one in (file for snapshot in snapshots for file in snapshot.files):
        try:
            now = Path(one.source).stat()
        except OSError:
            return True
        if (now.st_size, now.st_mtime_ns) != (one.size, one.mtime_ns):
            return True
    return False


def _refuse(findings: Findings, options: run.Options, snapshots: Sequence[Snapshot]) -> None:
    if not findings.levels["error"] or options.on_invalid == "quarantine":
        return
    if findings.unreadable and _written_since(snapshots):
        # A copy of files that an app is writing may be torn where no time stamp shows it: that is no damage yet.
        raise SourceInUse("a source was written to while it was read", where=[one.origin for one in snapshots])
    where = [
        f"{one.source}: {one.collection}/{one.native_id or one.place}: {one.message}"
        for one in findings.first_errors[:20]
    ]
    kind = SourceDamaged if findings.unreadable else ValidationFailed
    raise kind(
        f"{counted(findings.levels['error'], 'document is', 'documents are')} invalid",
        where=where,
        next_command="pjais follow --on-invalid quarantine",
    )


def _row(
    run_id: str,
    began: int,
    options: run.Options,
    snapshots: tuple[Snapshot, ...],
    counts: tuple[Counts, ...],
    builder: Builder,
) -> dict[str, Any]:
    sources = source_entries(builder, snapshots, counts, options.of(Ids()))
    return {
        "id": run_id,
        "started_at": instants.to_text(began),
        "finished_at": instants.to_text(journal.now_ms()),
        "program_version": __version__,
        "ids": options.ids,
        "sources": json.dumps(sources),
        "counts": json.dumps(sum(counts, Counts()).as_dict()),
        "options": json.dumps({**options_of(options.of(Ids()), builder), "follow": True}),
    }
