"""Backups: create, list, verify, restore, prune."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pjais import choices
from pjais.api.arguments import PathLike, Paths, current_workspace, new_workspace, reporter

if TYPE_CHECKING:
    from pjais.core.results import Progress
    from pjais.migration.backups import Created, Kept, Pruned, Verified


def create(
    data_dir: PathLike | None = None,
    sources: Paths = (),
    *,
    password: str | None = None,
    progress: Progress | None = None,
) -> Created:
    """Back up every source, and the store, without migrating; of RxDB also the guide's backup JSON."""
    from pjais.migration import backups

    here = current_workspace(data_dir, sources=sources)
    folder = backups.create(here, password=choices.maybe("password", password), progress=reporter(progress))
    return backups.created(folder)


def list(data_dir: PathLike | None = None) -> tuple[Kept, ...]:
    """Return all backups, oldest first."""
    from pjais.migration import backups

    return backups.listed(new_workspace(data_dir, None, ()))


def verify(
    data_dir: PathLike | None = None,
    backup_id: str | None = None,
    *,
    password: str | None = None,
    progress: Progress | None = None,
) -> Verified:
    """Read every file of a backup (None: of all) back: sizes, hashes, and the guide's JSON against the raw files.

    Raises BackupFailed if anything differs.
    """
    from pjais.migration import backups

    here, name = new_workspace(data_dir, None, ()), choices.maybe("backup_id", backup_id)
    return backups.verify(here, name, password=choices.maybe("password", password), progress=reporter(progress))


def restore(
    data_dir: PathLike | None, backup_id: str, to: PathLike | None = None, *, progress: Progress | None = None
) -> tuple[Path, ...]:
    """Write the raw files of a backup below `to` (None: the data folder); return them.  Nothing is overwritten."""
    from pjais.migration import backups
    from pjais.sources import backup

    here, folder = new_workspace(data_dir, None, ()), choices.maybe_path("to", to)
    source = backups.folder_of(here, choices.text("backup_id", backup_id))
    return tuple(backup.restore(source, (folder or here.data_dir).absolute(), reporter(progress)))


def prune(data_dir: PathLike | None = None, keep: int = 5) -> Pruned:
    """Remove all but the newest `keep` backups; never one that a proof needs, nor the only copy of anything."""
    from pjais.migration import backups

    return backups.prune(new_workspace(data_dir, None, ()), choices.count("keep", keep))
