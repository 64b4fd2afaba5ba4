"""The original files of a run: check that they still exist before a rollback removes their store.

A rollback may remove a store because its sources still exist.  After `cleanup`, or if an imported file was deleted
since, they do not: files that were in the data folder are restored from the backup; for files elsewhere the rollback
stops, since nothing is written there.  A source that changed meanwhile was changed by its app; its old content stays
in the backup, which `prune` then keeps.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from pjais import files, sqlite
from pjais.core.snapshot import CopiedFile
from pjais.errors import BackupFailed, UsageError
from pjais.migration import state
from pjais.sources import backup
from pjais.workspace import Workspace

RESTORED = "restored"
"""The folder, in the data folder, below which backups are restored without touching existing files."""


class Gone(NamedTuple):
    """A missing source: the run whose backup holds its last version, and the path of each file."""

    run_id: str
    origin: str
    files: tuple[tuple[CopiedFile, Path], ...]


def gone(workspace: Workspace, run_id: str) -> list[Gone]:
    """Return the sources of a run and of later ones that no longer exist.

    Raises BackupFailed if one is missing and its backup is invalid: the store is then the only copy.
    """
    found = []
    told = {one.id: one.data_dir for one in state.runs(workspace.data_dir)}
    for source, last in _read_since(workspace.store, run_id):
        moved = _moved(told.get(last), workspace)
        if _is_there(source, moved):
            continue
        held = _held(workspace, last, source)
        if not all(_is_restored(workspace, last, one) for one in held):
            found.append(Gone(last, source["origin"], tuple((one, _now(one.source, moved)) for one in held)))
    return found


def restore(workspace: Workspace, lost: Sequence[Gone]) -> list[Path]:
    """Restore missing sources to their paths in the data folder; return the files.

    Raises UsageError for one outside the data folder, before anything is written.
    """
    outside = [one for one in lost if not all(files.is_inside(path, workspace.data_dir) for _, path in one.files)]
    if outside:
        folder = workspace.data_dir / RESTORED / outside[0].run_id
        raise UsageError(
            "a source of this run is missing: without the store, only the backup has its data",
            where=[one.origin for one in outside],
            safe="No changes were made.",
            next_command=f"pjais backup restore {outside[0].run_id} --to {shlex.quote(str(folder))}",
        )
    back = []
    for one in lost:
        for file, path in one.files:
            if not path.exists():
                backup.restore_file(workspace.backups / one.run_id, file, path)
                back.append(path)
    return back


def restoring(workspace: Workspace, backup_id: str) -> str:
    """Return the command that restores all files of a backup to their original paths, if these share one folder."""
    command = f"pjais backup restore {shlex.quote(backup_id)}"
    try:
        held = [one for source in backup.load(workspace.backups / backup_id) for one in source.files]
    except BackupFailed:
        return command
    roots = {one.source.removesuffix("/" + one.original) for one in held if one.source.endswith("/" + one.original)}
    if roots <= {str(workspace.data_dir)}:
        return command
    root = roots.pop() or "/" if len(roots) == 1 else str(workspace.data_dir / RESTORED / backup_id)
    return f"{command} --to {shlex.quote(root)}"


def _read_since(target: Path, run_id: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield each source that a run or a later one read, in its last version, with the run that read it."""
    with closing(sqlite.open_reader(target)) as db:
        rows = sqlite.fetch(
            db,
            "SELECT sources, id FROM migration_runs WHERE rowid >= (SELECT rowid FROM migration_runs WHERE id = ?) "
            "ORDER BY rowid",
            (run_id,),
        )
    seen = {(one["kind"], one["origin"]): (one, last) for text, last in rows for one in json.loads(text)}
    yield from seen.values()


Moved = tuple[Path, Path] | None
"""(path of the data folder when the run was made, its path now), if they differ."""


def _moved(before: str | None, workspace: Workspace) -> Moved:
    return None if before is None or Path(before) == workspace.data_dir else (Path(before), workspace.data_dir)


def _now(path: str, moved: Moved) -> Path:
    """Return the current path of a file that was in the data folder before the folder was moved or copied."""
    if moved is not None and Path(path).is_relative_to(moved[0]) and not Path(path).exists():
        return moved[1] / Path(path).relative_to(moved[0])
    return Path(path)


def _is_there(source: dict[str, Any], moved: Moved) -> bool:
    mains = [one["path"] for one in source["files"] if not one["path"].endswith(sqlite.SIDE_FILES)]
    there = [_exists(_now(path, moved)) for path in mains]
    comes_and_goes = source["origin"] not in mains and not _is_set_of_databases(mains)
    return any(there) if comes_and_goes else all(there)  # files of a folder come and go


def _is_set_of_databases(paths: Sequence[str]) -> bool:
    """Return whether each file is a separate database (Firefox, Chromium's SQLite backend), so none comes and goes."""
    return all(path.endswith((".sqlite", ".sqlite3", ".db")) for path in paths)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a file that cannot be examined is not known to exist
        return False


def _held(workspace: Workspace, run_id: str, source: dict[str, Any]) -> tuple[CopiedFile, ...]:
    """Return the files of a source in a run's backup.  Raises BackupFailed if it is invalid."""
    folder = workspace.backups / run_id
    try:
        wrong = backup.check(folder)
        snapshots = [] if wrong else backup.load(folder)
    except BackupFailed as error:
        wrong, snapshots = [error.what], ()
    held = [one for one in snapshots if (one.kind, one.origin) == (source["kind"], source["origin"])]
    if not held:
        raise BackupFailed(
            "a source of this run is missing and its backup is invalid: the store is the only copy",
            where=[source["origin"], *wrong],
            safe="No changes were made.",
            next_command=f"pjais backup verify {run_id}",
        )
    return tuple(one for one in held[0].files if not one.source.endswith("-shm"))


def _is_restored(workspace: Workspace, run_id: str, one: CopiedFile) -> bool:
    """Return whether `backup restore` has restored a file, to its default destination or the one that we advise."""
    return any(
        path.is_file() and files.sha256(path) == one.sha256
        for path in (workspace.data_dir / one.original, workspace.data_dir / RESTORED / run_id / one.original)
    )
