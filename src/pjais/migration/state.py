"""Read the state of a data folder without changing it: its runs, its target, and whether anything is new."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pjais import files, instants, journal, sqlite
from pjais.core.model import Model
from pjais.core.source import SourceRef
from pjais.sources.contract import NO_WISHES, Wishes
from pjais.targets import registry
from pjais.workspace import Workspace, resolve_workspace

PathLike = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class RunState:
    """One run or backup, according to its journal.

    `state`: done, failed, interrupted, rolled-back, or backup (made by `backup create`).
    """

    id: str
    folder: Path
    state: str
    code: str | None
    started_at: int | None
    finished_at: int | None
    target: str | None
    follow: bool = False
    """True for an increment of `follow`."""
    data_dir: str | None = None
    """Path of the data folder when the run was made: it may have been moved or copied since."""
    imported: bool = False
    """True if it read files given to `import`, which says nothing about the folder's own sources."""
    automatic: bool = False
    """True if it was unrequested: a store was opened, and there was new data."""
    pid: int | None = None
    """The process that is running it now."""

    def as_dict(self) -> dict[str, Any]:
        """Return the run as a JSON object."""
        return {
            "id": self.id,
            "state": self.state if self.pid is None else "running",
            "pid": self.pid,
            "code": self.code,
            "started_at": None if self.started_at is None else instants.to_text(self.started_at),
            "finished_at": None if self.finished_at is None else instants.to_text(self.finished_at),
            "target": self.target,
            "folder": str(self.folder),
        }


def run_state(folder: Path) -> RunState:
    """Return the state of the run in a folder."""
    entries = journal.entries(folder)
    by_event = {entry.event: entry for entry in entries}
    begun = by_event.get("begun")
    state = "interrupted" if begun else "backup"
    named = begun or by_event.get("replay")
    ended = None
    for event in ("done", "failed", "abandoned", "rolled-back"):
        if event in by_event:
            ended = by_event[event]
            state = {"abandoned": "interrupted"}.get(event, event)
    code = ended.details.get("code") if ended else None
    target = named.details.get("target") if named else None
    if target is not None:
        target = str(folder.parent.parent / target)  # an absolute path stays what it is
    of_run = begun.details if begun else {}
    return RunState(
        folder.name,
        folder,
        state,
        code,
        begun.at if begun else None,
        ended.at if ended else None,
        target,
        bool(of_run.get("follow")),
        of_run.get("data_dir"),
        bool(of_run.get("imported")),
        bool(of_run.get("automatic")),
        _at_work(entries) if state == "interrupted" else None,
    )


def _at_work(entries: Sequence[journal.Entry]) -> int | None:
    """Return the process of a run that has not ended, if it is alive."""
    for entry in reversed(entries):
        if "pid" in entry.details:
            pid, mark = entry.details["pid"], entry.details.get("process")
            told = type(pid) is int and (mark is None or isinstance(mark, str))
            return pid if told and files.is_alive(pid, mark) else None
    return None


def relative_target(here: Workspace) -> str:
    """Return the target as a journal names it: relative if it is in the data folder, which may be moved."""
    inside = here.store.is_relative_to(here.data_dir)
    return str(here.store.relative_to(here.data_dir) if inside else here.store)


def chosen(
    data_dir: PathLike | None, target: PathLike | None, run_id: str | None = None, sources: Sequence[PathLike] = ()
) -> Workspace:
    """Return the workspace with the named target; else that of the named run; else the current store.

    The current store is the one in the data folder that the last run wrote to; a target outside the folder never
    becomes it, and must be named.
    """
    here = resolve_workspace(data_dir, target, sources)
    if target is not None:
        return here
    done = [one for one in runs(here.data_dir) if one.state == "done" and one.target]
    named = [one for one in done if one.id == run_id]
    for one in reversed(named or [one for one in done if _is_inside(here, one)]):
        if one.target and Path(one.target).exists():
            return replace(here, target=registry.of_store(Path(one.target)))
    return here


def _is_inside(here: Workspace, run: RunState) -> bool:
    """Return whether a run's target is in the data folder: by its path, with links resolved or not."""
    target = None if run.target is None else Path(run.target)
    return target is not None and (target.is_relative_to(here.data_dir) or files.is_inside(target, here.data_dir))


def runs(data_dir: Path) -> tuple[RunState, ...]:
    """Return all runs of a data folder, oldest first."""
    return tuple(run_state(folder) for folder in journal.run_folders(data_dir))


def rolled_back(here: Workspace) -> RunState | None:
    """Return a rollback after which no migration was requested; None if an automatic one is allowed.

    The last decision about migrating matters, not the last folder: a backup, a replay, an import or a failed run is no
    such decision.
    """
    for run in reversed(runs(here.data_dir)):
        if Path(run.target or here.store) != here.store:
            continue
        if run.state == "rolled-back":
            return None if "asked" in journal.events(run.folder) else run
        if run.state == "done" and not run.imported:
            return None
    return None


def end_rollback(here: Workspace) -> None:
    """Record in a rolled-back run that a migration was requested since, though it had nothing to do."""
    if (held := rolled_back(here)) is not None:
        journal.record(held.folder, "asked")


FAILED = ".waiting.json"
"""File in the backups folder: the last automatic migration that failed (`pjais.migration.automatic`)."""


def forget_failed(here: Workspace) -> None:
    """Remove the record of a failed migration after a decision, so that the next call retries."""
    with suppress(OSError):
        files.remove(here.backups / FAILED)


Known = dict[tuple[str, str], list[dict[str, Any]]]
"""The files of every migrated source when it was last read: (kind, origin) -> files."""


def known_sources(
    db: sqlite.Connection, only: tuple[str | None, ...] = (None, None), wishes: Wishes = NO_WISHES
) -> Known:
    """Return what an open store knows of its sources; `only`: limited to a database and collection.

    A source that was read with other wishes than those of now is not known; without any it is.
    """
    asked = wishes.as_dict()
    known: Known = {}
    for (text,) in sqlite.each(db, "SELECT sources FROM migration_runs ORDER BY rowid"):
        for source in json.loads(text):
            taken = source.get("only", {})
            if (taken.get("database"), taken.get("collection")) not in ((None, None), only):
                continue  # the rest of it was never read
            if asked and source.get("wishes", {}) != asked:
                known.pop((source["kind"], source["origin"]), None)
                continue
            known[source["kind"], source["origin"]] = source["files"]
    return known


def is_new(ref: SourceRef, known: Known, *, exact: bool) -> bool:
    """Return whether a source differs from what was last migrated from it.

    Compares sizes and times, and the SHA-256 of files whose times differ; with `exact`, that of every file.
    """
    recorded = known.get((ref.kind, str(ref.path)))
    if recorded is None:
        return True
    before = {entry["path"]: entry for entry in recorded if not entry["path"].endswith("-shm")}
    now = {str(path) for path in ref.files if not path.name.endswith("-shm") and path.exists()}
    if before.keys() != now:
        return True
    for path, entry in before.items():
        status = Path(path).stat()
        if status.st_size != entry["size"]:
            return True
        if (exact or status.st_mtime_ns != entry["mtime_ns"]) and files.sha256(Path(path)) != entry["sha256"]:
            return True
    return False


def anything_new(
    here: Workspace,
    refs: Sequence[SourceRef],
    *,
    exact: bool,
    known: Known | None = None,
    only: tuple[str | None, ...] = (None, None),
    wishes: Wishes = NO_WISHES,
) -> bool:
    """Return whether a migration would have anything to do.  `known`: the target's sources, if already read."""
    if not here.store.exists():
        return bool(refs)
    if known is None:
        with closing(sqlite.open_reader(here.store)) as db:
            known = known_sources(db, only, wishes)
    return any(is_new(ref, known, exact=exact) for ref in refs)


def record_counts(target: Path, model: Model) -> dict[str, int]:
    """Return the number of records in each table of the target; one of an older version lacks some."""
    with closing(sqlite.open_reader(target)) as db:
        there = [table for table in model.tables if sqlite.column_names(db, table.name)]
        counts = {table: int(sqlite.value(db, f"SELECT count(*) FROM {table.sql}")) for table in there}
    found = {table.name: count for table, count in counts.items() if not table.is_of_documents}
    documents = sum(count for table, count in counts.items() if table.is_of_documents)
    return {**found, "documents": documents} if model.catalogue else found  # an app's names may tell of its content
