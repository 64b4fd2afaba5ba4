"""The memories that changed since a copy of something of theirs was made: what keeps such copies up to date.

`changes`, to which the store's triggers write whoever writes, names the memories to read again; or all of them are
read, if the history is not the one that was followed (the file was replaced, or an old state was copied into it).  A
task's uncommitted writes count for that task, and are read again next time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pjais import sqlite
from pjais.store.pool import Pool

_MOMENT = """
SELECT coalesce((SELECT max(seq) FROM changes), 0), (SELECT id FROM migration_runs ORDER BY rowid DESC LIMIT 1),
    (SELECT at || record_id FROM changes WHERE seq = ?)
"""
"""The last change, the last run, and a mark of the last change that was read."""


class Following:
    """The part of the history that was read for one copy.  The caller sees to it that one thread at a time uses it."""

    def __init__(self, pool: Pool, columns: Sequence[str]) -> None:
        """`columns`: those of `memory_entities` that the copy depends on."""
        touched = " OR ".join(f"json_type(after, '$.{name}') IS NOT NULL" for name in columns)
        self._changed = (
            "SELECT DISTINCT record_id FROM changes WHERE seq > ? AND table_name = 'memory_entities' "
            f"AND (op <> 'update' OR {touched})"
        )
        self._pool = pool
        self._seq = self._last = 0
        self._marks: tuple[Any, Any] | None = None
        self._unsure: set[str] = set()
        """Memories that were read inside a transaction, which may have been rolled back since."""

    def changed(self, db: sqlite.Connection) -> set[str] | None:
        """Return the ids of the memories to read again; None: all of them, and forget any other."""
        self._last, *marks = sqlite.fetch(db, _MOMENT, (self._seq,))[0]
        if tuple(marks) != self._marks or self._last < self._seq:
            return None
        if self._last == self._seq:
            return set(self._unsure)
        return {key for (key,) in sqlite.each(db, self._changed, (self._seq,))} | self._unsure

    def done(self, db: sqlite.Connection, read: set[str]) -> None:
        """Note that these were read; inside a transaction, also that they may yet be rolled back."""
        if self._pool.writing:
            self._unsure = read
            return
        if self._last != self._seq or self._marks is None or read:
            marks = sqlite.fetch(db, _MOMENT, (self._last,))[0][1:]
            self._seq, self._marks, self._unsure = self._last, (marks[0], marks[1]), set()

    def restart(self) -> None:
        """Forget everything: the copy was discarded."""
        self._seq, self._marks, self._unsure = 0, None, set()
