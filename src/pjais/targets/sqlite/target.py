"""The target `sqlite`: one file, which is both what a run builds and what apps open."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from pjais import files
from pjais.targets.contract import Before, Head, Kept, Target

PREVIOUS = "previous.sqlite"
"""The name of a store's copy in the folder of the run that replaces it."""


def beside(store: Path, run_id: str) -> Path:
    """Return the path at which a run builds a new store, in the folder of the old one."""
    return store.with_name(f".{store.name}.{run_id}.new")


def discard(store: Path, run_id: str) -> None:
    """Remove what a run left beside a store."""
    for leftover in store.parent.glob(f".*.{run_id}.new*"):
        files.remove(leftover)


def keep(store: Path, folder: Path) -> Kept | None:
    """Copy a store into a run's folder; None if there is none."""
    from pjais.targets.sqlite import cutover  # loaded on demand: a search does without it

    if not store.exists():
        return None
    previous = folder / PREVIOUS
    cutover.copy_target(store, previous)
    return Kept({"previous": previous}, Head(cutover.last_change(previous)))


def holds(store: Path, run_id: str) -> bool:
    """Return whether a store holds a run.  Raises whatever prevents reading it, since the answer is then unknown."""
    from pjais import sqlite  # loaded on demand: a search does without it

    if not store.exists():
        return False
    try:
        with closing(sqlite.open_reader(store)) as db:
            return sqlite.first(db, "SELECT 1 FROM migration_runs WHERE id = ?", (run_id,)) is not None
    except (*sqlite.Corrupt, sqlite.SqlError):
        return False  # not a store of ours


def put_back(store: Path, before: Before) -> None:
    """Replace a store with the one of before, or remove it if there was none."""
    from pjais.targets.sqlite import cutover  # loaded on demand: a search does without it

    if before.store is None:
        cutover.remove_target(store, before.kept, expected_change=before.head.change)
    else:
        cutover.cut_over(before.store, store, expected_change=before.head.change)


@dataclass(frozen=True)
class SqliteTarget(Target):
    """A store in SQLite."""

    store: Path
    kind = "sqlite"
    in_place = True
    suffix = ".sqlite"

    @property
    def location(self) -> Path:
        """Return the file."""
        return self.store

    def keep(self, folder: Path) -> Kept | None:
        """Copy the store."""
        return keep(self.store, folder)

    def begin(self, run_id: str) -> Path:
        """Return a path beside the store."""
        from pjais import sqlite  # loaded on demand: a search does without it

        new = beside(self.store, run_id)
        sqlite.remove(new)
        return new

    def commit(self, run_id: str, store: Path, head: Head | None) -> None:  # noqa: ARG002 - of the contract
        """Replace the store in one rename."""
        from pjais.targets.sqlite import cutover  # loaded on demand: a search does without it

        cutover.cut_over(store, self.store, expected_change=None if head is None else head.change)

    def discard(self, run_id: str) -> None:
        """Remove the unfinished store."""
        discard(self.store, run_id)

    def put_back(self, before: Before) -> None:
        """Replace the store with the one of before."""
        put_back(self.store, before)
