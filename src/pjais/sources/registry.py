"""Registry of readers, which turn a snapshot into documents, lazily: one module per dialect.

Every reader is a function `(Snapshot) -> Iterator[Piece]`.  It yields documents exactly as stored, in an order that
depends on the bytes only, and never stops at a damaged piece: that becomes an `Unreadable` with its location and raw
bytes.  Observations about the source as a whole are yielded as `Remark`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from pjais import extensions
from pjais.core.document import Piece
from pjais.core.snapshot import Snapshot
from pjais.errors import UsageError
from pjais.sources import json_files, sqlite_tables

Reader = Callable[[Snapshot], Iterator[Piece]]


READERS: dict[str, Reader] = {
    "livestore-db": sqlite_tables.read,
    "pjais-flat": sqlite_tables.read,
    "pjais-drizzle": sqlite_tables.read,
    "pjais": sqlite_tables.read,
    "pjais-export": json_files.read_export,
    "json": json_files.read_export,
    "rxdb-export": json_files.read_export,
    "rxdb-dump": json_files.read_dump,
    "pjais-files": json_files.read_folder,
}
"""The reader of each dialect."""


def password(given: str | None = None) -> str | None:
    """Return the password of encrypted sources: the given one, else that of the environment."""
    return os.environ.get("PJAIS_PASSWORD") if given is None else given


def read(snapshot: Snapshot, secret: str | None = None, *, decrypt: bool = True) -> Iterator[Piece]:
    """Read all documents of a snapshot, in reading order.

    `secret`: the password of encrypted sources; None takes that of the environment (`PJAIS_PASSWORD`).
    Raises PasswordNeeded if an encrypted source's password is missing or wrong; `decrypt=False` leaves it encrypted.
    """
    if snapshot.damage is not None:
        return json_files.read_damaged(snapshot)
    if snapshot.kind == "rxdb-profile":
        from pjais.sources import rxdb

        return rxdb.read(snapshot, password(secret), decrypt=decrypt)
    if snapshot.kind in ("livestore", "livestore-opfs"):
        from pjais.sources import livestore

        return livestore.read(snapshot)
    if snapshot.dialect not in READERS:
        added = extensions.source_kind(snapshot.dialect)
        if added is None:
            raise UsageError(f"the extension that reads {snapshot.dialect} is not installed", where=[snapshot.name])
        return added.read(snapshot)
    return READERS[snapshot.dialect](snapshot)
