"""`follow`: what the still-running old app writes comes over in increments, until the cut-over.

Each increment is a backup of the sources as they are, and one transaction in the store: whoever reads the store
sees the one before or this one.  What is new or changed is known by the digest of every document, never by a
clock.  What was removed in the source is removed in the store, and stays in its history; it is kept where
somebody edited it in the store since.  An interrupted increment left nothing; the next one does its work.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from pjais import backup, files, instants, journal, normalise
from pjais.errors import MigrationFailed, NoSourceFound, SourceDamaged, SourceInUse, ValidationFailed
from pjais.model import Counts, Snapshot, SourceRef
from pjais.pipeline import keep, ladder, mirror, origins, problems, recover, retention, run, state, unchanged
from pjais.pipeline.assemble import Choices, assemble, by_absence, items, options_of, origin_of, source_entries
from pjais.pipeline.findings import Findings
from pjais.pipeline.ids import Ids
from pjais.pipeline.place import Place
from pjais.version import __version__
from pjais.words import counted
from pjais.write.sqlite import Builder

_OPTIONS = run.Options()
_MANY = 20
"""Up to so many removals at once need no word; more than half of a source's records do."""


@dataclass(frozen=True, slots=True)
class Increment:
    """One increment: its run (None: there was nothing new), what came over, and how far behind the store was (ms)."""

    run_id: str | None
    new: int = 0
    changed: int = 0
    removed: int = 0
    kept: tuple[tuple[str, str], ...] = ()
    """(record type, id) of records removed in the source and kept, since they were edited in the store."""
    overridden: tuple[tuple[str, str], ...] = ()
    """(record type, id) of records edited in the store and later in the source: the later one is live."""
    quarantined: int = 0
    lag_ms: int = 0

    def as_dict(self) -> dict[str, Any]:
        """The increment as a JSON object."""
        return {
            "run": self.run_id, "new": self.new, "changed": self.changed, "removed": self.removed,
            "kept": [list(one) for one in self.kept], "overridden": [list(one) for one in self.overridden],
            "quarantined": self.quarantined, "lag_ms": self.lag_ms,
        }  # fmt: skip


def increment(place: Place, options: run.Options = _OPTIONS, *, allow_removals: bool = False) -> Increment:
    """Bring over what the sources hold now.  The first one is a whole migration.

    Raises what a migration raises; MigrationFailed where a source suddenly lacks most of its records and
    `allow_removals` is not said.
    """
    if not place.target.exists():
        began = journal.now_ms()
        report = run.migrate(place, options)
        return Increment(report.run_id, new=report.total.migrated, quarantined=report.total.waiting,
                         lag_ms=journal.now_ms() - began)  # fmt: skip
    with problems.explained(place), files.only_run(place.data_dir):
        recover.recover(place)
        mirror.inspect(place)
        ladder.upgrade(place)
        mirror.catch_up(place)
        mirror.push(place, journal.new_run_id())  # where an increment was cut off between the account and the log
        with _steady(place):
            found, only = origins.chosen(place, place.find(), options.only)
            options = replace(options, only=only)
            if not found.sources:
                raise NoSourceFound("the sources are gone", where=[str(path) for path in place.sources])
            if not state.anything_new(place, found.sources, exact=False):
                return Increment(None)
        mirror.refuse_if_open(place)
        return _bring(place, options, found.sources, allow_removals)


@contextmanager
def _steady(place: Place) -> Iterator[None]:
    """A look at sources whose app makes and removes files meanwhile, or that are not there for a while.

    Raises NoSourceFound where one is gone, SourceInUse where only a file of it went.
    """
    try:
        _refuse_gone(place)
        yield
    except FileNotFoundError as error:
        _refuse_gone(place)
        raise SourceInUse("a source changed while it was looked at", where=[str(error.filename)]) from error


def _refuse_gone(place: Place) -> None:
    gone = [str(path) for path in place.sources if not path.exists()]
    if gone:
        raise NoSourceFound("a source is gone", where=gone)


def _bring(place: Place, options: run.Options, refs: tuple[SourceRef, ...], allow_removals: bool) -> Increment:
    run_id = journal.new_run_id(place.backups)
    folder = files.private_folder(place.backups / run_id)
    began = journal.now_ms()
    journal.begin(folder, "begun", target=state.relative_target(place), version=__version__,
                  data_dir=str(place.data_dir), follow=True)  # fmt: skip
    try:
        snapshots = backup.snapshot_all(folder, refs, at_ms=began, earlier=keep.latest_files(place, folder))
        journal.record(folder, "backed-up")
        done, expired = _write(place, options, snapshots, run_id, began, allow_removals)
    except BaseException as error:
        with problems.finishing(place):
            if recover.is_in_place(run_id, place.target):
                raise error
        with suppress(OSError):  # the next call discards it
            recover.discard(folder)  # nothing was written, so nothing needs its backup
        raise
    with problems.finishing(place):
        journal.record(folder, "done", code="done", follow=True)
        mirror.push(place, run_id)
        journal.record(folder, "pushed")
        recover.seal_journal(place.target, folder)
        retention.discard(place, expired, options.password)
    return done


def _write(
    place: Place, options: run.Options, snapshots: tuple[Snapshot, ...], run_id: str, began: int, allow_removals: bool
) -> tuple[Increment, list[state.RunState]]:
    """Bring the snapshots into the store; return what came, and the runs whose backups no proof needs any more."""
    findings = Findings()
    builder = Builder(place.target, run_id, normalise.rebuild, existing=True, live=True, followed=True)
    with closing(builder):
        ids = Ids(builder.known_ids(), new=options.ids == "new")
        choices = Choices(ids, options.expand_cold, options.password, options.only)
        source = unchanged.passing_by(place.backups, builder, items, noting=False)
        assemble(builder, snapshots, findings, choices, lambda *_: None, source=source)
        _refuse(findings, options)
        whole = [snapshot for snapshot in snapshots if snapshot.name not in findings.incomplete]
        removed, kept = builder.remove_gone([origin_of(snapshot) for snapshot in whole], by_absence)
        if not allow_removals and removed > max(_MANY, builder.accounted() // 2):
            raise MigrationFailed(
                f"the sources suddenly lack {counted(removed, 'record')}; nothing was changed",
                where=[snapshot.origin for snapshot in snapshots],
                advice="look at the source first; this takes the removals over",
                next_command="pjais follow --allow-removals",
            )
        counts = tuple(builder.counts(origin_of(snapshot)) for snapshot in snapshots)
        new, changed = builder.arrived()
        expired = retention.expired(place, builder, follow=True)
        builder.finish(_row(run_id, began, options, snapshots, counts, builder), backup.link(place.backups / run_id))
    newest = max((one.mtime_ns for snapshot in snapshots for one in snapshot.files), default=0) // 1_000_000
    done = Increment(
        run_id, new, changed, removed, tuple(kept), tuple(builder.overridden),
        sum(one.waiting for one in counts), max(0, journal.now_ms() - newest),
    )  # fmt: skip
    return done, expired


def _refuse(findings: Findings, options: run.Options) -> None:
    if not findings.levels["error"] or options.on_invalid == "quarantine":
        return
    where = [f"{one.source}: {one.collection}/{one.native_id or one.place}: {one.message}"
             for one in findings.first_errors[:20]]  # fmt: skip
    kind = SourceDamaged if findings.unreadable else ValidationFailed
    raise kind(f"{counted(findings.levels['error'], 'document')} cannot go in", where=where,
               next_command="pjais follow --on-invalid quarantine")  # fmt: skip


def _row(
    run_id: str, began: int, options: run.Options, snapshots: tuple[Snapshot, ...], counts: tuple[Counts, ...],
    builder: Builder,
) -> dict[str, Any]:  # fmt: skip
    sources = source_entries(builder, snapshots, counts, options.only)
    return {
        "id": run_id,
        "started_at": instants.to_text(began),
        "finished_at": instants.to_text(journal.now_ms()),
        "program_version": __version__,
        "ids": options.ids,
        "sources": json.dumps(sources),
        "counts": json.dumps(sum(counts, Counts()).as_dict()),
        "options": json.dumps({**options_of(options.expand_cold, options.only, builder), "follow": True}),
    }
