"""The search index of a new file, filled together with the rows.

FTS5 dominates a bulk load.  Filled at once from the rows at hand, the index keeps the writing process busy while
another one reads and normalises; a rebuild could only begin when all rows are there.  If a memory that was already
added must change or be removed, the index is rebuilt at the end, which is always correct.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter

from pjais import sqlite
from pjais.models.persona import rows
from pjais.models.persona.tables import MEMORIES, SEARCHED
from pjais.targets.sqlite import ddl

_HASH = 16 << 20
"""Bytes of terms that FTS5 buffers before it writes a segment: 64 MiB are no faster, and cost memory."""
_HASH_DEFAULT = 1 << 20
_INSERT = f"INSERT INTO memory_fts (rowid, {', '.join(SEARCHED)}) VALUES (?{', ?' * len(SEARCHED)})"
_values = itemgetter(-1, *(MEMORIES.column_names.index(name) for name in SEARCHED))


class SearchIndex:
    """`memory_fts` of one new file.  `add` what was inserted, `spoil` it when a row changed, then `complete`."""

    def __init__(self, db: sqlite.Connection) -> None:
        self._db = db
        self._sound = True
        db.execute(ddl.SEARCH_INDEX)
        self._hash_size(_HASH)

    def add(self, memories: Iterable[rows.Row]) -> None:
        """Add rows as they were inserted: all columns, then the search id."""
        if self._sound:
            self._db.executemany(_INSERT, map(_values, memories))

    def spoil(self) -> None:
        """Mark the index for a rebuild: a memory that was already added changes or is removed."""
        self._sound = False

    def complete(self) -> None:
        """Complete the index for everything in the table, and restore its ordinary settings."""
        if not self._sound:
            self._db.execute("INSERT INTO memory_fts (memory_fts) VALUES ('rebuild')")
        self._hash_size(_HASH_DEFAULT)

    def _hash_size(self, size: int) -> None:
        self._db.execute("INSERT INTO memory_fts (memory_fts, rank) VALUES ('hashsize', ?)", (size,))
