"""Cutover: replace the old store with the new file in one rename, or remove it.

During the rename the old target is locked exclusively and has no WAL, so that no side file of the old store can
ever be applied to the new one.  If the old target was written to since the new one was begun, the cutover is
refused: nothing that somebody just wrote may be lost.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from pjais import files, paths, sqlite
from pjais.core.model import APPLICATION_ID, Model
from pjais.errors import ForeignTarget, MigrationFailed, OlderStore
from pjais.targets.sqlite import heads

_OURS = {"changes", "migration_runs", "migration_records"}


def inspect(
    target: Path, model: Model, look: Callable[[sqlite.Connection], object] | None = None, *, older: bool = False
) -> int | None:
    """Return the schema version of the target; None if there is no file.

    `look` is called with the open store if it is ours and up to date, since opening one takes milliseconds because of
    its triggers.  Raises ForeignTarget for a file that is not ours, is newer than this program, or cannot be opened,
    and OlderStore for one that must be upgraded first, unless `older` is set.
    """
    if not target.exists():
        if target.parent.exists() and not target.parent.is_dir():
            raise ForeignTarget("the target's folder is a file", where=[str(target.parent)])
        return None
    if target.is_dir() or not files.is_plain_file(target):
        raise ForeignTarget("the target is not a file", where=[str(target)])
    try:
        # Never with a file handle of our own: closing it would release the POSIX locks of every connection that this
        # process has on the store, and another program could then remove the WAL that we write to.
        if target.stat().st_size == 0:
            raise ForeignTarget("the target exists and is not a pjais store", where=[str(target)])
        with closing(sqlite.open_reader(target)) as db:
            application = sqlite.pragma_int(db, "application_id")
            version = sqlite.pragma_int(db, "user_version")
            tables = {name for (name,) in sqlite.each(db, "SELECT name FROM sqlite_schema WHERE type = 'table'")}
            ours = (
                application == APPLICATION_ID
                and tables >= _OURS
                and not tables.isdisjoint({*model.by_name, "_collections"})
            )
            if look is not None and ours and version == model.schema_version:
                look(db)
            needs = _version_needed(db) if ours and version > model.schema_version else None
    except sqlite.Busy as error:
        raise MigrationFailed(
            "the store is locked by another program", where=[str(target)], advice="close it first"
        ) from error
    except (sqlite.Full, sqlite.IOFault, OSError) as error:
        raise MigrationFailed(
            f"the store cannot be opened; is the disk full? ({error})", where=[str(target)], next_command="pjais status"
        ) from error
    except sqlite.NotADatabase as error:
        raise ForeignTarget("the target exists and is not a pjais store", where=[str(target)]) from error
    except sqlite.Error as error:
        raise ForeignTarget(f"the target cannot be opened: {error}", where=[str(target)]) from error
    if application != APPLICATION_ID or (version <= model.schema_version and not ours):
        raise ForeignTarget("the target exists and is not a pjais store", where=[str(target)])
    if version > model.schema_version:
        raise ForeignTarget(
            f"the target was written by a newer pjais (schema {version}, this program knows {model.schema_version})",
            where=[str(target)],
            next_command=f"pip install --upgrade 'pjais>={needs}'" if needs else "pip install --upgrade pjais",
        )
    if version < model.schema_version and not older:
        raise OlderStore(
            f"the store has schema {version}; this program works with schema {model.schema_version}",
            where=[str(target)],
        )
    return version


def _version_needed(db: sqlite.Connection) -> str | None:
    """Return the program version that last migrated into a newer store, if that can still be read."""
    try:
        found = sqlite.value(db, "SELECT program_version FROM migration_runs ORDER BY rowid DESC LIMIT 1")
    except sqlite.Error:
        return None
    return found if isinstance(found, str) and re.fullmatch(r"[0-9]+(\.[0-9a-z]+)*", found) else None


def last_change(target: Path) -> int:
    """Return the number of the last entry in the target's history."""
    with closing(sqlite.open_reader(target)) as db:
        return int(sqlite.value(db, "SELECT coalesce(max(seq), 0) FROM changes"))


def copy_target(target: Path, destination: Path) -> None:
    """Make a consistent, synced copy of the target, WAL included; it appears only when complete."""
    files.private_folder(destination.parent)
    beside = destination.with_name(f".{destination.name}.part")
    try:
        sqlite.remove(beside)
        sqlite.copy_database(target, beside)
        files.sync_file(beside)
        files.replace(beside, destination)
    except BaseException:
        with suppress(OSError):
            sqlite.remove(beside)
        raise


def cut_over(new: Path, target: Path, *, expected_change: int | None) -> None:
    """Replace `target` with `new`.  The last step of a run; before it, nothing is visible.

    `expected_change` is `last_change` of the old target when the run began, None if there was none.
    Raises MigrationFailed if the old target is open elsewhere or was written to meanwhile.
    """
    settle(new)
    files.sync_file(new)
    if not target.exists():
        for suffix in sqlite.SIDE_FILES:  # of a removed store: it must not be applied to the new one
            side = Path(f"{target}{suffix}")
            if side.exists():
                files.replace(side, Path(f"{side}.left-{new.name.strip('.')}"))
        heads.forget(target)  # a new history begins
        files.replace(new, target)
    else:
        with _held_until_it_goes(target, expected_change):
            files.replace(new, target)


@contextmanager
def _held_until_it_goes(target: Path, expected_change: int | None) -> Iterator[None]:
    """Hold a target while it is replaced or removed; on Windows, where nothing open can be, until right before that.

    There, a program that opens the target in between makes the replacing fail.
    """
    with held(target, expected_change):
        if files.OPEN_FILES_MOVE:
            yield
    if not files.OPEN_FILES_MOVE:
        yield


@contextmanager
def held(target: Path, expected_change: int | None) -> Iterator[sqlite.Connection]:
    """Lock a target exclusively, without WAL.  Raises MigrationFailed if it is open or was written to."""
    try:
        with closing(sqlite.open_writer(target, wait_ms=3000)) as db:
            sqlite.fetch(db, "PRAGMA wal_checkpoint(TRUNCATE)")
            if sqlite.value(db, "PRAGMA journal_mode = DELETE") != "delete":
                raise MigrationFailed("the target is open in another program", where=[str(target)])
            db.execute("BEGIN EXCLUSIVE")
            now = int(sqlite.value(db, "SELECT coalesce(max(seq), 0) FROM changes"))
            if expected_change is not None and now != expected_change:
                raise MigrationFailed("the target was written to meanwhile; nothing was switched")
            yield db
            db.execute("ROLLBACK")
    except sqlite.Busy as error:
        raise MigrationFailed(
            "the target is open in another program",
            where=[str(target)],
            advice="close it first",
            next_command="pjais migrate",
        ) from error


def settle(new: Path) -> None:
    """Set the new file to WAL before anybody sees it; closed cleanly, it is one file without side files."""
    with closing(sqlite.open_writer(new)) as db:
        db.execute("PRAGMA journal_mode = WAL")
    for suffix in sqlite.SIDE_FILES:  # SQLite ignores a journal that it cannot remove
        files.remove(Path(f"{new}{suffix}"))


def remove_target(target: Path, keep: Path, *, expected_change: int | None) -> None:
    """Remove the target; `keep` holds a copy of its content."""
    if not keep.is_file():
        raise MigrationFailed("the target's copy is missing; it stays in its place", where=[str(keep)])
    with _held_until_it_goes(target, expected_change):
        heads.forget(target)
        files.remove(target)
    for suffix in sqlite.SIDE_FILES:
        files.remove(Path(f"{target}{suffix}"))
    files.remove(target.with_name(paths.vectors_name(target.name)))
    files.sync_folder(target.parent)
