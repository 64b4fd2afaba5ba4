"""The search index of a new file, filled together with the rows.

FTS5 dominates a bulk load.  Filled at once from the rows at hand, the index keeps the writing process busy while
another one reads and normalises; a rebuild could only begin when all rows are there.  If a record that was already
added must change or be removed, the index is rebuilt at the end, which is always correct.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter

from pjais import sqlite
from pjais.core.table import Row, Search, Table
from pjais.targets.sqlite import ddl

_HASH = 16 << 20
"""Bytes of terms that FTS5 buffers before it writes a segment: 64 MiB are no faster, and cost memory."""
_HASH_DEFAULT = 1 << 20


class SearchIndex:
    """One index of a new file: `add` what was inserted, `spoil` it if a row changes, then `complete` it."""

    def __init__(self, db: sqlite.Connection, table: Table, search: Search) -> None:
        self._db = db
        self._sound = True
        self._name = search.name
        columns = search.columns
        self._insert = f"INSERT INTO {self._name} (rowid, {', '.join(columns)}) VALUES (?{', ?' * len(columns)})"
        self._values = itemgetter(-1, *(table.column_names.index(name) for name in columns))
        db.execute(ddl.search_index(table, search))
        self._hash_size(_HASH)

    def add(self, rows: Iterable[Row]) -> None:
        """Add rows as they were inserted: all columns, then the search id."""
        if self._sound:
            self._db.executemany(self._insert, map(self._values, rows))

    def spoil(self) -> None:
        """Mark the index for a rebuild: a record that was already added changes or is removed."""
        self._sound = False

    def complete(self) -> None:
        """Complete the index for everything in the table, and restore its ordinary settings."""
        if not self._sound:
            self._db.execute(f"INSERT INTO {self._name} ({self._name}) VALUES ('rebuild')")
        self._hash_size(_HASH_DEFAULT)

    def _hash_size(self, size: int) -> None:
        self._db.execute(f"INSERT INTO {self._name} ({self._name}, rank) VALUES ('hashsize', ?)", (size,))
