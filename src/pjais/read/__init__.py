"""From a snapshot to documents, lazily: one module for each way in which bytes lie on disk.

Every reader is a function `(Snapshot) -> Iterator[Piece]`.  It yields what is there exactly as stored, in an
order that the same bytes always give, and never stops at a bad piece: that becomes an `Unreadable` with its
place and raw bytes.  What it sees of the source as a whole it yields as a `Remark`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from pjais import extensions
from pjais.errors import UsageError
from pjais.model import Piece, Snapshot
from pjais.read import jsonfiles, tables

Reader = Callable[[Snapshot], Iterator[Piece]]


READERS: dict[str, Reader] = {
    "livestore-db": tables.read,
    "pjais-flat": tables.read,
    "pjais-drizzle": tables.read,
    "pjais": tables.read,
    "pjais-export": jsonfiles.read_export,
    "json": jsonfiles.read_export,
    "rxdb-export": jsonfiles.read_export,
    "rxdb-dump": jsonfiles.read_dump,
    "pjais-files": jsonfiles.read_folder,
}
"""The reader of each dialect."""


def password(given: str | None = None) -> str | None:
    """Return the password of encrypted sources: the one that was given, else that of the environment."""
    return os.environ.get("PJAIS_PASSWORD") if given is None else given


def read(snapshot: Snapshot, secret: str | None = None, *, decrypt: bool = True) -> Iterator[Piece]:
    """All documents of a snapshot, in reading order.

    `secret`: the password of encrypted sources; None takes that of the environment (`PJAIS_PASSWORD`).
    Raises PasswordNeeded for an encrypted source whose password is missing or wrong; `decrypt=False` gives it as it is.
    """
    if snapshot.damage is not None:
        return jsonfiles.read_damaged(snapshot)
    if snapshot.kind == "rxdb-profile":
        from pjais.read import rxdb

        return rxdb.read(snapshot, password(secret), decrypt=decrypt)
    if snapshot.kind in ("livestore", "livestore-opfs"):
        from pjais.read import livestore

        return livestore.read(snapshot)
    if snapshot.dialect not in READERS:
        added = extensions.source_kind(snapshot.dialect)
        if added is None:
            raise UsageError(f"the extension that reads {snapshot.dialect} is not installed", where=[snapshot.name])
        return added.read(snapshot)
    return READERS[snapshot.dialect](snapshot)
