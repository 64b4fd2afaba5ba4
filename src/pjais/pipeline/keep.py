"""Backups as their owner handles them: create, list, verify, restore, prune; and the clean-up of old sources."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from pjais import backup, files, journal, sqlite, switch
from pjais.errors import BackupFailed, NoSourceFound, SourceInUse, UsageError, VerificationFailed
from pjais.pipeline import prove, state
from pjais.pipeline.place import Place
from pjais.version import __version__


class Kept(NamedTuple):
    """One backup: what it holds and how large it is (bytes)."""

    id: str
    created_at: str | None
    sources: tuple[str, ...]
    size: int
    complete: bool
    needed: bool
    """Whether the target's records are proved by it."""

    def as_dict(self) -> dict[str, Any]:
        """The backup as a JSON object."""
        return {**self._asdict(), "sources": list(self.sources)}


def create(place: Place) -> Path:
    """Back up all sources, and the store itself, without migrating; returns the backup's folder."""
    found = place.find()
    if not found.sources and not place.target.exists():
        raise NoSourceFound("no data to back up was found", where=[str(place.data_dir)])
    files.private_folder(place.data_dir)
    with files.only_run(place.data_dir):
        folder = files.private_folder(place.backups / journal.new_run_id())
        journal.record(folder, "backup", version=__version__)
        at = journal.now_ms()
        snapshots = backup.snapshot_all(folder, found.sources, at_ms=at)
        if place.target.exists():
            switch.inspect(place.target)
            copy = folder / "previous.sqlite"
            switch.copy_target(place.target, copy)
            entry = {"stored": copy.name, "size": copy.stat().st_size, "sha256": files.sha256(copy)}
            backup.write_manifest(folder, snapshots, at, previous=entry)
        wrong = backup.check(folder)
        if wrong:
            raise BackupFailed("the backup does not restore", where=wrong)
        return folder


def listed(place: Place) -> tuple[Kept, ...]:
    """All backups, oldest first."""
    needed = _needed(place)
    found = []
    for folder in journal.run_folders(place.data_dir):
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        try:
            body = backup.manifest(folder)
        except BackupFailed:
            found.append(Kept(folder.name, None, (), size, False, folder.name in needed))
            continue
        names = tuple(f"{one['kind']} {one['name']}" for one in body["sources"])
        found.append(Kept(folder.name, body["created_at"], names, size, True, folder.name in needed))
    return tuple(found)


def folder_of(place: Place, backup_id: str) -> Path:
    """The folder of a backup.  Raises UsageError if there is none of that name."""
    folder = place.backups / backup_id
    if "/" in backup_id or "\\" in backup_id or backup_id in ("", ".", "..") or not folder.is_dir():
        raise UsageError("there is no such backup", where=[backup_id], next_command="pjais backup list")
    return folder


def prune(place: Place, keep: int) -> list[str]:
    """Remove all but the newest `keep` backups; never one that the target's proof needs.  Returns the removed."""
    if not place.data_dir.is_dir():
        return []
    with files.only_run(place.data_dir):
        free = [one for one in listed(place) if not one.needed]
        doomed = [one.id for one in free[: max(0, len(free) - keep)]]
        for backup_id in doomed:
            files.remove_folder(place.backups / backup_id)
        return doomed


def _needed(place: Place) -> set[str]:
    """The runs that any store of this data folder was made by: its proof needs their backups."""
    targets = {place.target, *(Path(run.target) for run in state.runs(place.data_dir) if run.target)}
    needed: set[str] = set()
    for target in targets:
        if target.exists() and switch.inspect(target) is not None:
            with closing(sqlite.open_reader(target)) as db:
                needed |= {str(run) for (run,) in sqlite.each(db, "SELECT id FROM migration_runs")}
    return needed


class Leftover(NamedTuple):
    """An old source file that a verified migration has made superfluous."""

    path: Path
    size: int


def superfluous(place: Place) -> list[Leftover]:
    """The source files whose every document is in the target, proved just now.

    Raises VerificationFailed if the proof fails, SourceInUse for a file that is open or has changed since.
    """
    proof = prove.prove(place)
    if not proof.passed:  # pragma: no cover - prove raises
        raise VerificationFailed("the proof failed", report=proof)
    found: dict[Path, Leftover] = {}
    with closing(sqlite.open_reader(place.target)) as db:
        runs = sqlite.fetch(db, "SELECT sources FROM migration_runs ORDER BY started_at, id")
    known = {}
    for (text,) in runs:
        for source in json.loads(text):
            known[source["kind"], source["origin"]] = source
    for source in known.values():
        for entry in source["files"]:
            path = Path(entry["path"])
            if not path.exists() or path == place.target:
                continue
            if not path.name.endswith("-shm") and files.sha256(path) != entry["sha256"]:
                raise SourceInUse(
                    "a source has changed since it was migrated; nothing was removed",
                    where=[str(path)],
                    next_command="pjais migrate",
                )
            found[path] = Leftover(path, path.stat().st_size)
        _refuse_new_side_files(source["files"])
    users = files.users(found)
    if users:
        raise SourceInUse(
            "old data is open in another program; nothing was removed",
            where=[f"process {user}" for user in users],
            next_command="close the app, then: pjais cleanup",
        )
    return list(found.values())


def _refuse_new_side_files(entries: Sequence[dict[str, Any]]) -> None:
    """A WAL or journal that was not there when its database was migrated holds what nobody has read."""
    known = {entry["path"] for entry in entries}
    for path in known:
        for suffix in ("-wal", "-journal"):
            side = Path(f"{path}{suffix}")
            if str(side) not in known and side.exists() and side.stat().st_size:
                raise SourceInUse(
                    "a source has changed since it was migrated; nothing was removed",
                    where=[str(side)],
                    next_command="pjais migrate",
                )


def remove(place: Place, leftovers: Sequence[Leftover]) -> int:
    """Remove old source files; the backup keeps a copy of each.  Returns the bytes that were freed."""
    with files.only_run(place.data_dir):
        for one in leftovers:
            files.remove(one.path)
    return sum(one.size for one in leftovers)
