"""What a fault of the disk or of SQLite means to the owner of the data."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from pjais import sqlite
from pjais.errors import MigrationFailed, NoSpace, PjaisError
from pjais.pipeline.place import Place


def explain(error: BaseException, place: Place) -> PjaisError | None:
    """The error as one of ours; None for one that is not ours to explain (an interrupt, a bug)."""
    if isinstance(error, PjaisError):
        return error
    full = isinstance(error, sqlite.Full) or (
        isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    )
    if full:
        return NoSpace(
            "the disk became full; nothing was switched",
            where=[str(place.data_dir)],
            safe=MigrationFailed.safe_default,
        )
    if isinstance(error, sqlite.Error | OSError):
        return MigrationFailed(f"the new file could not be made: {error}", where=[str(place.target)])
    return None


@contextmanager
def explained(place: Place) -> Iterator[None]:
    """Turn faults of the disk and of SQLite inside the block into errors of ours."""
    try:
        yield
    except (sqlite.Error, OSError) as error:
        problem = explain(error, place)
        if problem is None:
            raise
        raise problem from error
