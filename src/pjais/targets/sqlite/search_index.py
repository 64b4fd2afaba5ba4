"""The search index of a file in the making (design §7): filled beside the rows while they come in.

FTS5 dominates a bulk load.  Filled at once from the rows at hand, the index keeps the writing process busy while
another one reads and normalises; a rebuild at the end could only begin when everything is there.  Where a memory
that is in already must change or leave again, the index is built anew at the end, which is always right.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter

from pjais import sqlite
from pjais.models.persona import rows
from pjais.models.persona.tables import MEMORIES, SEARCHED
from pjais.targets.sqlite import ddl

_HASH = 16 << 20
"""Bytes of terms that FTS5 holds before it writes a segment: 64 MiB buy no more speed, and cost memory."""
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
        """Take in rows as they were inserted: all columns, then the search id."""
        if self._sound:
            self._db.executemany(_INSERT, map(_values, memories))

    def spoil(self) -> None:
        """A memory that is in already changes or leaves: the index will be built anew."""
        self._sound = False

    def complete(self) -> None:
        """Bring the index to what the table holds, and to its ordinary settings."""
        if not self._sound:
            self._db.execute("INSERT INTO memory_fts (memory_fts) VALUES ('rebuild')")
        self._hash_size(_HASH_DEFAULT)

    def _hash_size(self, size: int) -> None:
        self._db.execute("INSERT INTO memory_fts (memory_fts, rank) VALUES ('hashsize', ?)", (size,))
