"""Manage backups: create, list, verify, restore, prune."""

from __future__ import annotations

from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple

from pjais import files, journal, paths, sqlite
from pjais.core.results import Progress
from pjais.core.shown import fields_as_json
from pjais.core.snapshot import CopiedFile
from pjais.errors import BackupFailed, NoSourceFound, UsageError
from pjais.exchange import guide_backup
from pjais.migration import copies, fault_messages, recover, run_log, state
from pjais.sources import backup, stored
from pjais.targets.sqlite import cutover, heads
from pjais.version import __version__
from pjais.workspace import Workspace


class Kept(NamedTuple):
    """One backup: its content and size (bytes)."""

    id: str
    created_at: str | None
    sources: tuple[str, ...]
    size: int
    complete: bool
    needed: bool
    """True if the proof of the target's records needs it."""

    def as_dict(self) -> dict[str, Any]:
        """Return the backup as a JSON object."""
        return fields_as_json(self)


def latest_files(workspace: Workspace, but: Path) -> stored.Earlier:
    """Return the source files in the latest valid backups; `but`: the backup being made."""
    folders = [
        one for one in journal.run_folders(workspace.data_dir) if one != but and (one / backup.MANIFEST).exists()
    ]
    return backup.stored_files(folders[-2:])


def create(workspace: Workspace, *, password: str | None = None, progress: Progress | None = None) -> Path:
    """Back up all sources, and the store itself, without migrating; return the backup's folder.

    For RxDB sources the guide's backup JSON is written too; the manifest says what is not in it.
    """
    with run_log.failures(workspace), fault_messages.explained(workspace):
        found = workspace.find()
        if not found.sources and not workspace.store.exists():
            raise NoSourceFound("no data found to back up", where=[str(workspace.data_dir)])
        files.private_folder(workspace.data_dir)
        with files.only_run(workspace.data_dir):
            recover.recover(workspace)
            folder = files.private_folder(workspace.backups / journal.new_run_id(workspace.backups))
            try:
                journal.begin(folder, "backup", version=__version__)
                more = _keep_store(workspace, folder)
                at_ms = journal.now_ms()
                earlier = latest_files(workspace, folder)
                snapshots = backup.snapshot_all(
                    folder, found.sources, at_ms=at_ms, progress=progress, earlier=earlier, **more
                )
                made = guide_backup.write(workspace.model, folder, snapshots, at_ms, password)
                if made.exports or made.left_out:
                    more |= {"exports": guide_backup.named(made.exports), "left_out": list(made.left_out)}
                    backup.write_manifest(folder, snapshots, at_ms, **more)
            except BaseException:
                with suppress(OSError):  # the next call discards it
                    recover.discard(folder)
                raise
            return folder


def _keep_store(workspace: Workspace, folder: Path) -> dict[str, Any]:
    """Copy the store and its log, if they exist; return them as entries of the manifest, which is written last."""
    if not workspace.store.exists():
        return {}
    cutover.inspect(workspace.store, workspace.model)
    kept = workspace.target.keep(folder)
    heads.note_closed(workspace.store)
    return {} if kept is None else {name: backup.weighed(path) for name, path in kept.files.items()}


def listed(workspace: Workspace) -> tuple[Kept, ...]:
    """Return all backups, oldest first."""
    needed = _needed(workspace)
    found = []
    for folder in journal.run_folders(workspace.data_dir):
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        try:
            body = backup.manifest(folder)
        except BackupFailed:
            found.append(Kept(folder.name, None, (), size, False, folder.name in needed))
            continue
        names = tuple(f"{one['kind']} {one['name']}" for one in body["sources"])
        found.append(Kept(folder.name, body["created_at"], names, size, True, folder.name in needed))
    return tuple(found)


def _files_of(folder: Path) -> list[CopiedFile]:
    with suppress(BackupFailed):
        return [one for snapshot in backup.load(folder) for one in snapshot.files]
    return []


def check(folder: Path, tell: files.Tell = files.silent) -> list[str]:
    """Return what has changed in a run's folder since it was written: its backup, its journal, its report.

    What a later run is spared by (`assembly.unchanged`) may be missing, but not changed.  Raises BackupFailed if there
    is no valid manifest.
    """
    wrong = [*backup.check(folder, tell), *journal.problems(folder)]
    written = [entry.details.get("report") for entry in journal.entries(folder)]
    told = [entry.details["places"] for entry in journal.entries(folder) if "places" in entry.details]
    if told and (folder / paths.PLACES).is_file() and files.sha256(folder / paths.PLACES) != told[-1]:
        wrong.append(f"{paths.PLACES}: its content was changed; it only spares a later run work: remove it")
    for name, digest in next((one for one in reversed(written) if one), {}).items():
        path = folder / name
        if not path.is_file() or files.sha256(path) != digest:
            wrong.append(f"{name}: its content was changed")
    return wrong


class Created(NamedTuple):
    """A new backup: its id, its folder, the guide's exports in it, and what those leave out."""

    id: str
    folder: Path
    exports: tuple[Path, ...]
    left_out: tuple[str, ...]


def created(folder: Path) -> Created:
    """Return what a new backup holds, by its manifest."""
    body = backup.manifest(folder)
    exports = tuple(folder / one["stored"] for one in body.get("exports", ()))
    return Created(folder.name, folder, exports, tuple(body.get("left_out", ())))


class Verified(NamedTuple):
    """The ids of verified backups, and the files that could not be compared with the raw ones."""

    ids: tuple[str, ...]
    not_compared: tuple[str, ...]


def verify(
    workspace: Workspace, backup_id: str | None, *, password: str | None = None, progress: Progress | None = None
) -> Verified:
    """Read a backup (None: each) back.  Raises BackupFailed if anything differs, UsageError if there is none."""
    named = [one.id for one in listed(workspace)] if backup_id is None else [backup_id]
    folders = [folder_of(workspace, one) for one in named]
    if not folders:
        raise UsageError("backup not found", where=[str(workspace.backups)], next_command="pjais backup create")
    wrong: list[str] = []
    unread: list[str] = []
    total = sum(one.size for folder in folders for one in _files_of(folder))
    done = 0

    def tell(more: int) -> None:
        nonlocal done
        done = min(done + more, total)
        if progress is not None:
            progress("check the backup", done, total)

    for folder in folders:
        bad = check(folder, tell)
        differs, skipped = guide_backup.check(workspace.model, folder, password) if not bad else ([], [])
        wrong += [f"{folder.name}/{line}" for line in (*bad, *differs)]
        unread += [f"{folder.name}/{line}" for line in skipped]
    if wrong:
        raise BackupFailed("invalid backup", where=wrong)
    return Verified(tuple(named), tuple(unread))


def folder_of(workspace: Workspace, backup_id: str) -> Path:
    """Return the folder of a backup.  Raises UsageError if there is none of that name."""
    folder = workspace.backups / backup_id
    if "/" in backup_id or "\\" in backup_id or backup_id in ("", ".", "..") or not folder.is_dir():
        raise UsageError("backup not found", where=[backup_id], next_command="pjais backup list")
    return folder


class Pruned(NamedTuple):
    """The removed backups, and those kept in spite of `--keep`, with the reason."""

    removed: list[str]
    stays: list[tuple[str, str]]


def prune(workspace: Workspace, keep: int) -> Pruned:
    """Remove all but the newest `keep` backups; never one that a store's proof needs, or the only copy of anything."""
    pruned = Pruned([], [])
    if not workspace.data_dir.is_dir():
        return pruned
    with fault_messages.explained(workspace), files.only_run(workspace.data_dir):
        kept = listed(workspace)
        free = [one for one in kept if not one.needed]
        left = [workspace.backups / one.id for one in kept]
        held = copies.Copies(workspace, sorted(_targets(workspace)))
        for one in free[: max(0, len(free) - keep)]:
            folder = workspace.backups / one.id
            others = [path for path in left if path != folder]
            if (reason := held.only_here(folder, others)) is not None:
                pruned.stays.append((one.id, reason))
                continue
            files.remove_folder(folder)
            left = others
            pruned.removed.append(one.id)
    return pruned


def _targets(workspace: Workspace) -> set[Path]:
    """Return every store that was ever written to from this data folder, whether it still exists or not."""
    return {workspace.store, *(Path(run.target) for run in state.runs(workspace.data_dir) if run.target)}


def _needed(workspace: Workspace) -> set[str]:
    """Return the runs that made the stores of this data folder: their proofs need these backups.

    A missing store outside the data folder may be on a disk that is not mounted now.
    """
    needed = {
        run.id
        for run in state.runs(workspace.data_dir)
        if run.state in ("done", "interrupted") and run.target and _is_away(workspace, Path(run.target))
    }
    for target in _targets(workspace):
        if target.exists() and cutover.inspect(target, workspace.model) is not None:
            with closing(sqlite.open_reader(target)) as db:
                needed |= {str(run) for (run,) in sqlite.each(db, "SELECT id FROM migration_runs")}
    return needed


def _is_away(workspace: Workspace, target: Path) -> bool:
    return not target.exists() and not files.is_inside(target, workspace.data_dir)
