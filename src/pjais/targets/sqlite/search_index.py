"""The search index of a new file, filled together with the rows.

FTS5 dominates a bulk load.  Filled at once from the rows at hand, the index keeps the writing process busy while
another one reads and normalises; a rebuild could only begin when all rows are there.  If a record that was already
added must change or be removed, the index is rebuilt at the end, which is always correct.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter

from pjais import sqlite
from pjais.core.model import Model
from pjais.core.table import Row, Search, Table
from pjais.targets.sqlite import ddl, parts

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


class SearchIndexes:
    """All search indexes of a new file.  `filled`: with the rows as they come; otherwise `complete` makes them."""

    def __init__(self, db: sqlite.Connection, model: Model, *, filled: bool) -> None:
        self._db = db
        self._held = self._made(model) if filled else {}

    def _made(self, model: Model) -> dict[Table, SearchIndex]:
        return {table: SearchIndex(self._db, table, search) for table, search in model.searched}

    def add(self, table: Table, rows: Iterable[Row]) -> None:
        """Add rows of a table as they were inserted: all columns, then the search id."""
        if table in self._held:
            self._held[table].add(rows)

    def spoil(self, table: Table) -> None:
        """Mark a table's index for a rebuild: a record that was already added changes or is removed."""
        if table in self._held:
            self._held[table].spoil()

    def complete(self, model: Model) -> None:
        """Complete the indexes of the tables that the file has in the end."""
        if not self._held:
            self._held = self._made(model)
            for index in self._held.values():
                index.spoil()
        for table, _ in model.searched:
            self._held[table].complete()
        for table, one in model.divided:
            self._db.execute(parts.search_index(one))
            parts.fill(self._db, table, one)
