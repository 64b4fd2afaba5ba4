"""Translate errors of the disk and of SQLite into messages for the owner of the data."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pjais import files, sqlite
from pjais.errors import MigrationFailed, NoSpace, PjaisError
from pjais.workspace import Workspace


def explain(error: BaseException, workspace: Workspace) -> PjaisError | None:
    """Return the error as one of ours; None for one that cannot be explained (an interrupt, a bug)."""
    if isinstance(error, PjaisError):
        return error
    full = isinstance(error, sqlite.Full) or (
        isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    )
    if full:
        return NoSpace(
            "disk full; no store was replaced", where=[str(workspace.data_dir)], safe=MigrationFailed.safe_default
        )
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return files.explained(error)
    if isinstance(error, sqlite.Error | OSError):
        return MigrationFailed(f"a file could not be read or written: {error}", where=[str(workspace.store)])
    return None


class Unfinished(MigrationFailed):
    """The commit step or a later one failed; the store is either the old or the new version, intact."""

    safe_default = "No data was lost, no changes were made to your source data; the next call completes the run."
    advice_default = "run the same command again"


@contextmanager
def explained(workspace: Workspace) -> Iterator[None]:
    """Convert errors of the disk and of SQLite inside the block to ours."""
    try:
        yield
    except (sqlite.Error, OSError) as error:
        problem = explain(error, workspace)
        if problem is None:
            raise
        raise problem from error


@contextmanager
def finishing(workspace: Workspace) -> Iterator[None]:
    """Wrap the steps after the commit: an error there does not undo it, and must not be reported as if it did."""
    try:
        yield
    except (sqlite.Error, OSError) as error:
        raise Unfinished(f"run not completed: {error}", where=[str(workspace.live)]) from error


@contextmanager
def switching(workspace: Workspace, *paths: Path) -> Iterator[None]:
    """Wrap the commit step: an error before it changed nothing; one after it is reported as such.

    `paths` are the files that it changes; by default the store and its log.
    """
    places = paths or workspace.target.replaced
    before = _who_is_there(places)
    try:
        with finishing(workspace):
            yield
    except Unfinished as error:
        if _who_is_there(places) != before:
            raise
        raise error.__cause__ or error from None


def _who_is_there(places: tuple[Path, ...]) -> list[tuple[int, int] | None]:
    """Return the identities of the files at these paths."""
    found: list[tuple[int, int] | None] = []
    for path in places:
        try:
            status = path.stat()
        except FileNotFoundError:
            found.append(None)
        else:
            found.append((status.st_dev, status.st_ino))
    return found
