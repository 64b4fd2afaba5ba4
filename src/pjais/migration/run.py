"""Run or plan a migration from beginning to end; the only module that knows the order of the phases.

    detect -> back up -> read the snapshot -> validate and normalise -> write a new file -> verify -> cut over

New data goes into an existing store in one transaction instead of a new file: verified before its commit, which is
then the cutover.  Before it nothing that the owner sees has changed; after any failure before it, the new file is
removed, or the transaction rolled back, and the target is unchanged.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

from pjais import choices, files, instants, journal, report, sqlite
from pjais.assembly import reader_process, unchanged
from pjais.assembly.assemble import EVERYTHING, Choices, Only, assemble, items, options_of, origin_of, source_entries
from pjais.assembly.findings import Findings, spooled
from pjais.assembly.ids import Ids
from pjais.assembly.scratch import scratch_store
from pjais.core.results import Counts, Finding, Plan, Progress, Proof, Report
from pjais.core.snapshot import Snapshot
from pjais.core.source import SourceRef
from pjais.errors import BackupFailed, NoSpace, PjaisError, UsageError
from pjais.exchange import guide_backup, guide_export
from pjais.migration import backups, fault_messages, origins, recover, rejection, retention, run_log, run_proof, state
from pjais.migration.outcome import verdict
from pjais.sources import backup
from pjais.sources.found import Found, Passed
from pjais.store import upgrade
from pjais.targets.contract import Head, Prepared
from pjais.targets.sqlite import compare, cutover
from pjais.targets.sqlite.builder import Builder
from pjais.targets.sqlite.target import PREVIOUS, holds
from pjais.version import __version__
from pjais.workspace import Workspace, none_found, source_bytes


@dataclass(frozen=True, slots=True)
class Options:
    """The owner's choices.  `on_invalid`: stop or quarantine; `ids`: keep or new; `imported`: by `import`;
    `automatic`: unrequested.
    """

    on_invalid: choices.OnInvalid = "stop"
    ids: choices.Ids = "keep"
    expand_cold: bool = False
    password: str | None = field(default=None, repr=False)
    imported: bool = False
    only: Only = EVERYTHING
    automatic: bool = False

    def __post_init__(self) -> None:
        choices.check("on_invalid", self.on_invalid, choices.OnInvalid)
        choices.check("ids", self.ids, choices.Ids)


def _quiet(phase: str, done: int, total: int | None) -> None:
    """Report no progress."""


def plan(workspace: Workspace, options: Options = Options(), progress: Progress = _quiet) -> Plan:
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
                _choices(Ids.of_file(base, new=options.ids == "new"), options),
                base=base,
                progress=progress,
                source=lambda builder: unchanged.passing_by(workspace.backups, builder, items),
            )
        )
        findings = scratch.findings
        counts = _counts(scratch.builder, scratch.snapshots, findings)
    needed, free = _space(workspace, found.sources)
    return Plan(
        tuple(zip(found.sources, counts, strict=True)),
        str(workspace.live),
        dict(findings.rules),
        findings.shown,
        needed,
        free,
        (time.monotonic() - began) * 1.5,
        not state.anything_new(workspace, found.sources, exact=True, only=options.only[1:]),
        found.passed,
    )


def migrate(workspace: Workspace, options: Options = Options(), progress: Progress = _quiet) -> Report:
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
        if not state.anything_new(workspace, found.sources, exact=True, only=options.only[1:]):
            if not options.imported:
                state.end_rollback(workspace)
            message = "everything in the sources has been migrated before"
            if upgraded is not None:
                message = f"the store was upgraded from schema {upgraded.before} to {upgraded.after}; {message}"
            return _without_run(workspace, started, "already_migrated", message, found.passed)
        needed, free = _space(workspace, found.sources)
        if needed > free:
            raise NoSpace(
                f"the migration needs {needed:,} bytes and {free:,} are free", where=[str(workspace.data_dir)]
            )
        with reader_process.reader(found.sources, late=workspace.store.exists()) as reader:
            return _Run(workspace, options, progress, started, reader).execute(found, resumable)


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
    try:
        files.private_folder(workspace.data_dir)
        guard = files.only_run(workspace.data_dir)
        guard.__enter__()
    except OSError as error:
        raise BackupFailed(
            f"the data folder cannot be written: {error.strerror}", where=[str(workspace.data_dir)]
        ) from error
    try:
        yield
    finally:
        guard.__exit__(None, None, None)


def _space(workspace: Workspace, refs: tuple[SourceRef, ...]) -> tuple[int, int]:
    """Return (bytes needed, bytes free): raw and consistent copies, the new file with its indexes, the old target."""
    size = source_bytes(refs)
    held = workspace.store.stat().st_size if workspace.store.exists() else 0
    return 5 * size + 2 * held + (4 << 20), files.free_space(workspace.data_dir)


def _choices(ids: Ids, options: Options) -> Choices:
    return Choices(ids, options.expand_cold, options.password, options.only)


def _counts(builder: Builder, snapshots: tuple[Snapshot, ...], findings: Findings) -> tuple[Counts, ...]:
    return tuple(
        replace(builder.counts(origin_of(snapshot)), repaired=findings.repaired[snapshot.name])
        for snapshot in snapshots
    )


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


class _Run:
    """One execution of the phases, with its folder, journal and timings."""

    def __init__(
        self, workspace: Workspace, options: Options, progress: Progress, started: int, reader: reader_process.Reader
    ) -> None:
        self.workspace = workspace
        self.reader = reader
        self.options = options
        self.progress = progress
        self.started = started
        self.id = journal.new_run_id(workspace.backups)
        self.folder = workspace.backups / self.id
        self.phases: list[tuple[str, float]] = []
        self.findings = Findings()
        self.sources: tuple[dict[str, Any], ...] = ()
        self.total = Counts()
        self.passed: tuple[Passed, ...] = ()
        self.changed: list[str] = []
        self.proof: Proof | None = None
        self.new = Path()
        self.link = ""
        """The digest of the run's link in the store's chain."""
        self.head: Head | None = None
        self._previous: dict[str, dict[str, Any]] = {}
        """The previous store, as the manifest names it."""

    def execute(self, found: Found, resumable: Path | None) -> Report:
        """Run all phases in order; on any failure the target is unchanged, and the reason is recorded."""
        self.passed = found.passed
        with run_log.failures(self.workspace, self.id):
            snapshots = self._back_up(found, resumable)
        try:
            if self._fits_in_place():
                self._change_in_place(snapshots)
            else:
                self._make_new_file(snapshots)
        except BaseException as error:  # noqa: BLE001 - whatever happened, the unfinished file must go
            self._undo(error)
        quarantined = self.total.waiting
        code = "quarantined" if quarantined else "done" if self.total.read else "empty"
        message, following = verdict(code, self.total), "pjais verify"
        if self.changed:
            message += "; a source was written to meanwhile, and what is new there is not in the store yet"
            following = "pjais migrate"
        final = self._report(code, 1 if quarantined else 0, message, following)
        with fault_messages.finishing(self.workspace):
            self._end(final)
        run_log.ended(self.workspace, self.findings, self.id, f"{code}: {final.message}")
        return final

    def _fits_in_place(self) -> bool:
        """Return whether the target can be changed in place; content of its own is always rebuilt, with its store."""
        return self.workspace.target.in_place and self.workspace.store.exists()

    def _make_new_file(self, snapshots: tuple[Snapshot, ...]) -> None:
        self._keep_previous(snapshots)
        self._build(snapshots)
        self._prove()
        with self._phase("cut over"), fault_messages.switching(self.workspace):
            self.workspace.target.commit(self.id, self.new, self.head)
            journal.record(self.folder, "switched")

    def _end(self, final: Report) -> None:
        self._write_report(final)
        hashes = {name: files.sha256(self.folder / name) for name in report.NAMES}
        journal.record(self.folder, "done", code=final.code, counts=self.total.as_dict(), report=hashes)
        recover.seal_journal(self.workspace.store, self.folder)

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        self.progress(name, 0, None)
        began = time.monotonic()
        try:
            yield
        finally:
            self.phases.append((name, time.monotonic() - began))
        self._log(f"{name}: {self.phases[-1][1]:.3f} s")

    def _log(self, line: str) -> None:
        run_log.write(self.workspace, line, self.id)

    def _back_up(self, found: Found, resumable: Path | None) -> tuple[Snapshot, ...]:
        with self._phase("back up"):
            if resumable is not None:
                earlier = recover.reusable(resumable, found.sources)
                if earlier is not None:
                    self.id, self.folder = resumable.name, resumable
                    self.findings = Findings(self.folder)
                    journal.resume(self.folder)
                    return earlier
            try:
                files.private_folder(self.folder)
                journal.begin(
                    self.folder,
                    "begun",
                    target=state.relative_target(self.workspace),
                    version=__version__,
                    data_dir=str(self.workspace.data_dir),
                    imported=self.options.imported,
                    automatic=self.options.automatic,
                )
                snapshots = backup.snapshot_all(
                    self.folder,
                    found.sources,
                    at_ms=self.started,
                    progress=self.progress,
                    earlier=backups.latest_files(self.workspace, self.folder),
                )
                journal.record(self.folder, "backed-up")
            except PjaisError as error:
                journal.record(self.folder, "failed", code=error.code)
                raise
            except OSError as error:
                raise BackupFailed(
                    f"the backup could not be written: {error.strerror}", where=[str(self.folder)]
                ) from error
            self.findings = Findings(self.folder)
            return snapshots

    def _keep_previous(self, snapshots: tuple[Snapshot, ...]) -> None:
        """Copy the current target, if there is one, as a base for the build and for a rollback."""
        kept = self.workspace.target.keep(self.folder)
        if kept is None:
            return
        self.head = kept.head
        self._previous = {name: backup.weighed(path) for name, path in kept.files.items()}
        backup.write_manifest(self.folder, snapshots, self.started, **self._previous)

    def _build(self, snapshots: tuple[Snapshot, ...]) -> None:
        target, existing = self.workspace.target, self.head is not None
        self.new = target.begin(self.id)
        files.remove(self.new)
        if existing:
            files.copy_hashed(self.folder / "previous.sqlite", self.new)
        with closing(Builder(self.new, self.workspace.model, self.id, existing=existing, searched=True)) as builder:
            row = self._fill(builder, snapshots)
            builder.commit()
        self.prepared = Prepared(
            self.workspace.model, row, self.folder, self.new, None if self.head is None else self.head.change
        )
        if not target.in_place:
            with self._phase(target.writing):
                target.write(self.prepared)
        journal.record(self.folder, "built", link=self.link)

    def _fill(self, builder: Builder, snapshots: tuple[Snapshot, ...]) -> dict[str, Any]:
        """Read the snapshots into a builder, up to but excluding its commit; return the run's row."""
        with self._phase("read and write"):
            choices = _choices(Ids(builder.known_ids(), new=self.options.ids == "new"), self.options)
            for one in self.passed:
                self.findings.add(Finding("note", "passed-over", str(one.path), "$file", None, "", None, one.reason))
            with closing(guide_export.Backups(builder.model, self.folder, self.started, choices)) as guide:
                source = unchanged.passing_by(self.workspace.backups, builder, self.reader.items)
                assemble(builder, snapshots, self.findings, choices, self.progress, guide.put, source)
                self.reader.close()
                made = guide_backup.named(guide.finish(), comparable=not any(choices.only))
                self._name_in_manifest(snapshots, made)
            counts = _counts(builder, snapshots, self.findings)
            self.findings.close()
        self.total = sum(counts, Counts())
        self.sources = source_entries(builder, snapshots, counts, self.options.only)
        self._stop_on_errors()
        with self._phase("index"):
            row = self._row(builder)
            told = backup.link(self.folder)
            self.link = builder.complete(row, lambda name: self.progress(name, 0, None), told).digest.hex()
        return row

    def _name_in_manifest(self, snapshots: tuple[Snapshot, ...], exports: list[dict[str, Any]]) -> None:
        """Add files that were made after the backup to its manifest."""
        if exports:
            backup.write_manifest(self.folder, snapshots, self.started, exports=exports, **self._previous)

    def _row(self, builder: Builder) -> dict[str, Any]:
        """Return the run's row for `migration_runs`."""
        return {
            "id": self.id,
            "started_at": instants.to_text(self.started),
            "finished_at": instants.to_text(journal.now_ms()),
            "program_version": __version__,
            "ids": self.options.ids,
            "sources": json.dumps(self.sources),
            "counts": json.dumps(self.total.as_dict()),
            "options": json.dumps(
                {
                    **options_of(self.options.expand_cold, self.options.only, builder),
                    "automatic": self.options.automatic,
                }
            ),
        }

    def _stop_on_errors(self) -> None:
        if self.findings.levels["error"] and self.options.on_invalid != "quarantine":
            raise rejection.of(self.findings, self.total, self.folder / "report.json")

    def _facts(self) -> tuple[compare.Check, ...]:
        self.changed = run_proof.changed_sources(self.sources)
        return run_proof.balance(self.total), run_proof.untouched(self.changed)

    def _prove(self) -> None:
        """Compare every record of the new file with its digest, before anybody sees it."""
        with self._phase("verify"):
            facts = self._facts()
            model, previous = self.workspace.model, self.folder / PREVIOUS
            content = self.workspace.target.compare(model, self.prepared)
            facts = (*facts, *content.checks)
            self.proof = run_proof.of_new_file(model, self.new, previous, facts, content.differences)
        run_proof.demand(self.proof)
        journal.record(self.folder, "verified")

    def _change_in_place(self, snapshots: tuple[Snapshot, ...]) -> None:
        """Write new data to the existing store: one transaction, verified before it is committed.

        It includes the data to revert it, so that no copy of the store is needed (`pjais.migration.revert`).
        """
        builder = Builder(self.workspace.store, self.workspace.model, self.id, existing=True, live=True)
        with closing(builder):
            self._fill(builder, snapshots)
            with self._phase("verify"):
                self.proof = run_proof.of_change(builder.connection, builder.model, self.id, self._facts())
            run_proof.demand(self.proof)
            journal.record(self.folder, "verified")
            expired = retention.expired(self.workspace, builder)
            with self._phase("cut over"):
                self._commit(builder)
            with fault_messages.finishing(self.workspace):
                retention.discard(self.workspace, expired, self.folder, self.options.password)

    def _commit(self, builder: Builder) -> None:
        """Commit the run; after an error here or later, its report depends on whether the store holds the run."""
        try:
            builder.commit()
        except Exception as error:
            builder.close()
            with fault_messages.finishing(self.workspace):
                if holds(self.workspace.store, self.id):
                    raise error
            raise
        with fault_messages.finishing(self.workspace):
            journal.record(self.folder, "switched")

    def _undo(self, error: BaseException) -> NoReturn:
        """Remove the unfinished file, keep the journal, and raise an error that explains what happened."""
        if isinstance(error, fault_messages.Unfinished):
            raise error  # the new store is in place, or the next call finishes it
        with suppress(OSError):  # findings are spooled to disk, which may be what failed
            self.findings.close()
        with suppress(OSError):  # the next call removes the rest
            self.workspace.target.recover(self.id)
        problem = fault_messages.explain(error, self.workspace)
        if problem is None:
            self._log(f"stopped by {type(error).__name__}; the target is as it was")
            with suppress(OSError):
                journal.stop(self.folder)
            raise error
        outcome = f"{problem.code}: {problem.what}; the target is as it was"
        run_log.ended(self.workspace, self.findings, self.id, outcome)
        problem.logged = True
        problem.report = self._report(problem.code, problem.exit_code, problem.what, next_command=problem.next_command)
        try:
            self._write_report(problem.report)
            journal.record(self.folder, "failed", code=problem.code)
        except OSError:
            pass  # a full disk: the owner needs to see the error itself
        raise problem from (error if problem is not error else None)

    def _report(self, code: str, exit_code: int, message: str, next_command: str = "pjais verify") -> Report:
        return Report(
            code,
            exit_code,
            self.id,
            self.workspace.data_dir,
            self.workspace.live,
            self.started,
            journal.now_ms(),
            self.sources,
            self.total,
            dict(self.findings.rules),
            self.findings.shown,
            self.findings.total,
            self.proof,
            self.folder,
            tuple(self.phases),
            next_command,
            message,
            self.passed,
        )

    def _write_report(self, final: Report) -> None:
        report.write(self.folder, final, spooled(self.folder))
        files.remove(self.folder / "findings.jsonl")
