"""The steps of one run: each takes the values of the one before, and hands its own on.

    Job -> BackedUp -> Filled -> Proved -> (committed) -> Report

A run that was interrupted after its backup starts with the `BackedUp` that its journal and manifest give.  Nothing is
visible before the commit; after any failure before it, what was built is removed, and the target is unchanged.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

from pjais import files, instants, journal, report
from pjais.assembly import reader_process, unchanged
from pjais.assembly.assemble import assemble, options_of, origin_of, source_entries
from pjais.assembly.findings import Findings, spooled
from pjais.assembly.ids import Ids, known
from pjais.core.results import Counts, Finding, Progress, Proof, Report
from pjais.core.snapshot import Snapshot
from pjais.errors import BackupFailed, PjaisError
from pjais.exchange import guide_backup, guide_export
from pjais.migration import backups, fault_messages, recover, rejection, retention, run_log, run_proof, state
from pjais.migration.options import Options
from pjais.migration.outcome import verdict
from pjais.sources import backup
from pjais.sources.found import Found
from pjais.sources.registry import source_of
from pjais.targets.contract import Kept, Prepared
from pjais.targets.sqlite.builder import Builder
from pjais.targets.sqlite.target import PREVIOUS, holds
from pjais.version import __version__
from pjais.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Job:
    """A migration to be executed: where, how, and the sources that were detected."""

    workspace: Workspace
    options: Options
    found: Found
    reader: reader_process.Reader
    progress: Progress
    started: int


@dataclass(frozen=True, slots=True)
class BackedUp:
    """A run with its backup: from here on only the snapshots are read.

    `findings` and `phases` are collected as the run goes on, and reported at its end, whichever that is.
    """

    job: Job
    folder: Path
    snapshots: tuple[Snapshot, ...]
    findings: Findings
    phases: list[tuple[str, float]] = field(default_factory=list)

    @property
    def id(self) -> str:
        """Return the run's id."""
        return self.folder.name

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Report the beginning of a phase, and log how long it took."""
        with _timed(self.job, self.id, self.phases, name):
            yield


@dataclass(frozen=True, slots=True)
class Filled:
    """A store with everything that was read, before its commit."""

    sources: tuple[dict[str, Any], ...] = ()
    total: Counts = field(default_factory=Counts)
    row: Mapping[str, Any] = field(default_factory=dict)
    """The run's row of `migration_runs`."""
    link: str = ""
    """The digest of the run's link in the store's chain."""


@dataclass(frozen=True, slots=True)
class Proved:
    """A store that was read back, and the files of sources that changed meanwhile."""

    filled: Filled
    proof: Proof | None = None
    changed: tuple[str, ...] = ()


Reached = Filled | Proved
"""How far a run came: the report of a failure says what was known by then."""


def execute(job: Job, resumable: Path | None) -> Report:
    """Execute a run.  On any failure the target is unchanged, and the reason is recorded.

    `resumable`: the folder of an interrupted run whose backup may be used.
    """
    run = _back_up(job, resumable)
    reached: Reached = Filled()
    try:
        in_place = job.workspace.target.in_place and job.workspace.store.exists()
        for reached in _change_in_place(run) if in_place else _make_new_store(run):  # noqa: B007 - the last one counts
            pass
    except BaseException as error:  # noqa: BLE001 - whatever happened, the unfinished store must go
        _undo(run, reached, error)
    final = _final(run, reached)
    with fault_messages.finishing(job.workspace):
        _end(run, final)
    run_log.ended(job.workspace, run.findings, run.id, f"{final.code}: {final.message}")
    return final


def _back_up(job: Job, resumable: Path | None) -> BackedUp:
    """Back the sources up, or take the backup of an interrupted run if it is valid and still equal to them."""
    folder = job.workspace.backups / journal.new_run_id(job.workspace.backups)
    phases: list[tuple[str, float]] = []
    with run_log.failures(job.workspace, folder.name), _timed(job, folder.name, phases, "back up"):
        earlier = None if resumable is None else recover.reusable(resumable, job.found.sources)
        if resumable is not None and earlier is not None:
            journal.resume(resumable)
            return BackedUp(job, resumable, earlier, Findings(resumable), phases)
        snapshots = _snapshots(job, folder)
        return BackedUp(job, folder, snapshots, Findings(folder), phases)


def _snapshots(job: Job, folder: Path) -> tuple[Snapshot, ...]:
    workspace = job.workspace
    try:
        files.private_folder(folder)
        journal.begin(
            folder,
            "begun",
            target=state.relative_target(workspace),
            version=__version__,
            data_dir=str(workspace.data_dir),
            imported=job.options.imported,
            automatic=job.options.automatic,
        )
        snapshots = backup.snapshot_all(
            folder,
            job.found.sources,
            at_ms=job.started,
            progress=job.progress,
            earlier=backups.latest_files(workspace, folder),
        )
        journal.record(folder, "backed-up")
    except PjaisError as error:
        journal.record(folder, "failed", code=error.code)
        raise
    except OSError as error:
        raise BackupFailed(f"the backup could not be written: {error.strerror}", where=[str(folder)]) from error
    return snapshots


@contextmanager
def _timed(job: Job, run_id: str, phases: list[tuple[str, float]], name: str) -> Iterator[None]:
    job.progress(name, 0, None)
    began = time.monotonic()
    try:
        yield
    finally:
        phases.append((name, time.monotonic() - began))
    run_log.write(job.workspace, f"{name}: {phases[-1][1]:.3f} s", run_id)


def _make_new_store(run: BackedUp) -> Iterator[Reached]:
    """Build a new store and the target's content out of sight, read both back, and put them in place."""
    workspace, target = run.job.workspace, run.job.workspace.target
    kept = target.keep(run.folder)
    previous = {} if kept is None else {name: backup.weighed(path) for name, path in kept.files.items()}
    if previous:
        backup.write_manifest(run.folder, run.snapshots, run.job.started, **previous)
    new = _new_store(run, kept)
    with closing(Builder(new, workspace.model, run.id, existing=kept is not None, searched=True)) as builder:
        yield (read := _read(run, builder, previous))
        yield (filled := _complete(run, builder, read))
        builder.commit()
    since = None if kept is None else kept.head.change
    model = builder.model
    prepared = Prepared(model, filled.row, run.folder, new, since)
    if not target.in_place:
        with run.phase(target.writing):
            target.write(prepared)
    journal.record(run.folder, "built", link=filled.link)
    with run.phase("verify"):
        changed, facts = _facts(run, filled)
        yield Proved(filled, None, changed)
        content = target.compare(model, prepared)
        checks = (*facts, *content.checks)
        proof = run_proof.of_new_file(model, new, run.folder / PREVIOUS, checks, content.differences, run.job.progress)
    yield Proved(filled, proof, changed)
    run_proof.demand(proof)
    journal.record(run.folder, "verified")
    with run.phase("cut over"), fault_messages.switching(workspace):
        target.commit(run.id, new, None if kept is None else kept.head)
        journal.record(run.folder, "switched")


def _new_store(run: BackedUp, kept: Kept | None) -> Path:
    """Return the file to build the new store in: a copy of the present one if there is one, else none yet."""
    new = run.job.workspace.target.begin(run.id)
    files.remove(new)
    if kept is not None:
        files.copy_hashed(run.folder / PREVIOUS, new)
    return new


def _change_in_place(run: BackedUp) -> Iterator[Reached]:
    """Write new data to the existing store: one transaction, verified before it is committed.

    It includes the data to revert it, so that no copy of the store is needed (`pjais.migration.revert`).
    """
    workspace = run.job.workspace
    builder = Builder(workspace.store, workspace.model, run.id, existing=True, live=True)
    with closing(builder):
        yield (read := _read(run, builder, {}))
        yield (filled := _complete(run, builder, read))
        with run.phase("verify"):
            changed, facts = _facts(run, filled)
            proof = run_proof.of_change(builder.connection, builder.model, run.id, facts)
        yield Proved(filled, proof, changed)
        run_proof.demand(proof)
        journal.record(run.folder, "verified")
        expired = retention.expired(workspace, builder)
        with run.phase("cut over"):
            _commit(run, builder)
        with fault_messages.finishing(workspace):
            retention.discard(workspace, expired, run.folder, run.job.options.password)


def _commit(run: BackedUp, builder: Builder) -> None:
    """Commit a change in place; after an error here or later, its report depends on whether the store holds the run."""
    try:
        builder.commit()
    except Exception as error:
        builder.close()
        with fault_messages.finishing(run.job.workspace):
            if holds(run.job.workspace.store, run.id):
                raise error
        raise
    with fault_messages.finishing(run.job.workspace):
        journal.record(run.folder, "switched")


def _read(run: BackedUp, builder: Builder, previous: Mapping[str, dict[str, Any]]) -> Filled:
    """Read the snapshots into a builder.  `previous`: the copies of the target, as the manifest names them."""
    job, options = run.job, run.job.options
    with run.phase("read and write"):
        choices = options.of(Ids(known(builder.connection), new=options.ids == "new"))
        for one in job.found.passed:
            run.findings.add(Finding("note", "passed-over", str(one.path), "$file", None, "", None, one.reason))
        with closing(guide_export.Backups(builder.model, run.folder, job.started, choices)) as guide:
            source = unchanged.passing_by(job.workspace.backups, builder, job.reader.items)
            assemble(builder, run.snapshots, run.findings, choices, job.progress, guide.put, source)
            job.reader.close()
            exports = guide_backup.named(guide.finish(), comparable=not any(choices.only))
        if exports:
            backup.write_manifest(run.folder, run.snapshots, job.started, exports=exports, **previous)
        counts = counts_of(builder, run.snapshots, run.findings)
        unchanged.keep_places(run.folder, builder, run.snapshots, counts)
        run.findings.close()
    return Filled(source_entries(builder, run.snapshots, counts, choices), sum(counts, Counts()))


def _complete(run: BackedUp, builder: Builder, read: Filled) -> Filled:
    """Complete a store, all but its commit.  Raises ValidationFailed for rejected documents, unless told otherwise."""
    if run.findings.levels["error"] and not _goes_on(run, read.total):
        raise rejection.of(run.findings, read.total, run.folder / "report.json")
    with run.phase("index"):
        row = _row(run, builder, read)
        told = backup.link(run.folder)
        link = builder.complete(row, lambda name: run.job.progress(name, 0, None), told)
    return replace(read, row=row, link=link.digest.hex())


def _goes_on(run: BackedUp, total: Counts) -> bool:
    """Return whether a run goes on without the documents that are invalid.

    Unless its owner says, it does if all of them are of kinds that tolerate that, and something is left.
    """
    if run.job.options.on_invalid is not None:
        return run.job.options.on_invalid == "quarantine"
    tolerant = {one.name for one in run.snapshots if source_of(one).tolerates_invalid}
    return run.findings.faulty <= tolerant and total.quarantined < total.read


def counts_of(builder: Builder, snapshots: Sequence[Snapshot], findings: Findings) -> tuple[Counts, ...]:
    """Return the counts of each source."""
    return tuple(
        replace(builder.counts(origin_of(snapshot)), repaired=findings.repaired[snapshot.name])
        for snapshot in snapshots
    )


def _row(run: BackedUp, builder: Builder, read: Filled) -> dict[str, Any]:
    """Return the run's row for `migration_runs`."""
    options = run.job.options
    chosen = {**options_of(options.of(Ids()), builder), "automatic": options.automatic}
    return {
        "id": run.id,
        "started_at": instants.to_text(run.job.started),
        "finished_at": instants.to_text(journal.now_ms()),
        "program_version": __version__,
        "ids": options.ids,
        "sources": json.dumps(read.sources),
        "counts": json.dumps(read.total.as_dict()),
        "options": json.dumps(chosen),
    }


def _facts(run: BackedUp, filled: Filled) -> tuple[tuple[str, ...], run_proof.Facts]:
    """Return the files of sources that were written to since their snapshot, and the checks besides the records."""
    changed = run_proof.changed_sources(run.snapshots)
    return tuple(changed), (run_proof.balance(filled.total), run_proof.untouched(changed))


def _undo(run: BackedUp, reached: Reached, error: BaseException) -> NoReturn:
    """Remove what was built, keep the journal, and raise an error that explains what happened."""
    workspace = run.job.workspace
    if isinstance(error, fault_messages.Unfinished):
        raise error  # the new store is in place, or the next call finishes it
    with suppress(OSError):  # findings are spooled to disk, which may be what failed
        run.findings.close()
    with suppress(OSError):  # the next call removes the rest
        workspace.target.recover(run.id)
    problem = fault_messages.explain(error, workspace)
    if problem is None:
        run_log.write(workspace, f"stopped by {type(error).__name__}; no changes were made to the target", run.id)
        with suppress(OSError):
            journal.stop(run.folder)
        raise error
    outcome = f"{problem.code}: {problem.what}; no changes were made to the target"
    run_log.ended(workspace, run.findings, run.id, outcome)
    problem.logged = True
    problem.report = _report(run, reached, problem.code, problem.exit_code, problem.what, problem.next_command)
    try:
        _write_report(run, problem.report)
        journal.record(run.folder, "failed", code=problem.code)
    except OSError:
        pass  # a full disk: the owner needs to see the error itself
    raise problem from (error if problem is not error else None)


def _final(run: BackedUp, reached: Reached) -> Report:
    """Return the report of a run that is in place."""
    filled, _, changed = _parts(reached)
    code = "quarantined" if filled.total.waiting else "done" if filled.total.read else "empty"
    message, following = verdict(code, filled.total), "pjais verify"
    if changed:
        message += "; a source has changed meanwhile: its new data is not migrated yet"
        following = "pjais migrate"
    return _report(run, reached, code, 1 if filled.total.waiting else 0, message, following)


def _parts(reached: Reached) -> tuple[Filled, Proof | None, tuple[str, ...]]:
    if isinstance(reached, Proved):
        return reached.filled, reached.proof, reached.changed
    return reached, None, ()


def _report(run: BackedUp, reached: Reached, code: str, exit_code: int, message: str, next_command: str) -> Report:
    job, findings, (filled, proof, _) = run.job, run.findings, _parts(reached)
    return Report(
        code,
        exit_code,
        run.id,
        job.workspace.data_dir,
        job.workspace.live,
        job.started,
        journal.now_ms(),
        filled.sources,
        filled.total,
        dict(findings.rules),
        findings.shown,
        findings.total,
        proof,
        run.folder,
        tuple(run.phases),
        next_command,
        message,
        job.found.passed,
    )


def _write_report(run: BackedUp, final: Report) -> None:
    report.write(run.folder, final, spooled(run.folder))
    files.remove(run.folder / "findings.jsonl")


def _end(run: BackedUp, final: Report) -> None:
    """Write the report, complete the journal, and seal it in the store's chain."""
    _write_report(run, final)
    hashes = {name: files.sha256(run.folder / name) for name in report.NAMES}
    journal.record(
        run.folder,
        "done",
        code=final.code,
        counts=final.total.as_dict(),
        report=hashes,
        **unchanged.seal_places(run.folder),
    )
    recover.seal_journal(run.job.workspace.store, run.folder)
