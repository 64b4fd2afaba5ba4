"""The originals of a run: are the files that it was made of still there, so that its store may go?

A rollback takes a store away on the ground that its sources are what they were.  After `cleanup`, or where a file that
was imported has been deleted since, they are not: what lay in the data folder is restored from the backup, and for
what lay elsewhere the rollback stops, since nothing is written there.  A source that has changed meanwhile is its
app's to change; what it was stays in the backup, which `prune` then keeps.
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
"""The folder, in the data folder, below which backups are restored beside what is there."""
_SETS = ("pjais-files", "rxdb-profile", "livestore", "livestore-opfs")
"""Kinds whose files come and go: such a source is there while one of its files is."""


class Gone(NamedTuple):
    """A source that is not there any more: the run whose backup holds it as last seen, and where each file lay."""

    run_id: str
    origin: str
    files: tuple[tuple[CopiedFile, Path], ...]


def gone(workspace: Workspace, run_id: str) -> list[Gone]:
    """The sources of a run, and of what came after it, that are not there any more.

    Raises BackupFailed where one is gone and the backup that holds it is not sound: the store is the only copy.
    """
    found = []
    told = {one.id: one.data_dir for one in state.runs(workspace.data_dir)}
    for source, last in _read_since(workspace.target, run_id):
        moved = _moved(told.get(last), workspace)
        if _is_there(source, moved):
            continue
        held = _held(workspace, last, source)
        if not all(_is_restored(workspace, last, one) for one in held):
            found.append(Gone(last, source["origin"], tuple((one, _now(one.source, moved)) for one in held)))
    return found


def restore(workspace: Workspace, lost: Sequence[Gone]) -> list[Path]:
    """Restore the sources that are gone to where they lay in the data folder; return the files.

    Raises UsageError for one that lay elsewhere, before anything is written.
    """
    outside = [one for one in lost if not all(files.is_inside(path, workspace.data_dir) for _, path in one.files)]
    if outside:
        folder = workspace.data_dir / RESTORED / outside[0].run_id
        raise UsageError(
            "a source of this run is gone; without the store its data would be in the backup alone",
            where=[one.origin for one in outside], safe="Nothing was changed.",
            next_command=f"pjais backup restore {outside[0].run_id} --to {shlex.quote(str(folder))}",
        )  # fmt: skip
    back = []
    for one in lost:
        for file, path in one.files:
            if not path.exists():
                backup.restore_file(workspace.backups / one.run_id, file, path)
                back.append(path)
    return back


def restoring(workspace: Workspace, backup_id: str) -> str:
    """The command that restores all files of a backup to where they lay, if they lay below one folder."""
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
    """Each source that a run or a later one read, as it was seen last, and the run that saw it so."""
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
"""(the data folder as it was called when the run was made, as it is called now), where the two differ."""


def _moved(before: str | None, workspace: Workspace) -> Moved:
    return None if before is None or Path(before) == workspace.data_dir else (Path(before), workspace.data_dir)


def _now(path: str, moved: Moved) -> Path:
    """Return where a file lies now that lay in the data folder before the folder was moved or copied."""
    if moved is not None and Path(path).is_relative_to(moved[0]) and not Path(path).exists():
        return moved[1] / Path(path).relative_to(moved[0])
    return Path(path)


def _is_there(source: dict[str, Any], moved: Moved) -> bool:
    mains = [one["path"] for one in source["files"] if not one["path"].endswith(sqlite.SIDE_FILES)]
    there = [_exists(_now(path, moved)) for path in mains]
    return any(there) if source["kind"].startswith(_SETS) and not _is_set_of_databases(mains) else all(there)


def _is_set_of_databases(paths: Sequence[str]) -> bool:
    """Whether each file is a database of its own (Firefox, Chromium's SQLite backend): none comes or goes by itself."""
    return all(path.endswith((".sqlite", ".sqlite3", ".db")) for path in paths)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # what cannot be looked at is not known to be there
        return False


def _held(workspace: Workspace, run_id: str, source: dict[str, Any]) -> tuple[CopiedFile, ...]:
    """The files of a source in a run's backup.  Raises BackupFailed where it is not sound."""
    folder = workspace.backups / run_id
    try:
        wrong = backup.check(folder)
        snapshots = [] if wrong else backup.load(folder)
    except BackupFailed as error:
        wrong, snapshots = [error.what], ()
    held = [one for one in snapshots if (one.kind, one.origin) == (source["kind"], source["origin"])]
    if not held:
        raise BackupFailed(
            "a source of this run is gone, and its backup is not sound: the store is the only copy",
            where=[source["origin"], *wrong], safe="Nothing was changed.", next_command=f"pjais backup verify {run_id}",
        )  # fmt: skip
    return tuple(one for one in held[0].files if not one.source.endswith("-shm"))


def _is_restored(workspace: Workspace, run_id: str, one: CopiedFile) -> bool:
    """Return whether `backup restore` wrote a file out again, to where it writes by itself or to where we advise."""
    return any(
        path.is_file() and files.sha256(path) == one.sha256
        for path in (workspace.data_dir / one.original, workspace.data_dir / RESTORED / run_id / one.original)
    )
