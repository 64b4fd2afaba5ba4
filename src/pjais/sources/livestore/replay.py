"""Replay a log's events into a state in a scratch file, forwards to any event and backwards.

The materializers (`pjais.core.events`) are pure, so the same log always gives the same state.  Rows are
kept in a SQLite file, not in memory, so a log of any length is replayed in a few MB.  The columns have no types: a
value is kept as the log wrote it.

Values that SQLite cannot hold (lone surrogates) are kept beside the rows in `exact`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pjais import canonical, models, sqlite
from pjais.bitset import Bitset
from pjais.core.events import Appended, Change, EventSchema, Gone, LiveTable, NewRow, Operation

Row = dict[str, Any]


class Replay:
    """A state under construction.  `apply` takes the operations of one event after the other.

    With `undoable` every event can be undone (`undo`); the previous rows are kept for this.
    """

    def __init__(self, path: Path, schema: EventSchema | None = None, *, undoable: bool = False) -> None:
        """`schema`: the tables of the state; None: those of the default model."""
        self.schema = schema or models.events()
        self._db = sqlite.create(path)
        self.exact: dict[tuple[str, str, str], str] = {}
        """(table, key, column) -> a text that SQLite cannot hold."""
        self.missed: list[tuple[str, str]] = []
        """(table, key) of rows that an event changed although they never existed, so far; the caller clears it."""
        self._gone: set[tuple[str, str]] = set()
        self._twice: list[tuple[str, str, tuple[Any, ...]]] = []
        self._undoable = undoable
        self._step = 0
        self._inserting: dict[str, str] = {}
        """Table -> the statement that inserts a row."""
        for table in self.schema.tables:
            self._inserting[table.name] = f"INSERT INTO {table.name} VALUES ({', '.join('?' * len(table.columns))})"
            others = ", ".join(f'"{name}"' for name in table.column_names if name != table.key)
            self._db.execute(f'CREATE TABLE {table.name} ("{table.key}" PRIMARY KEY, {others})')
        if undoable:
            self._db.execute("CREATE TABLE undo (step, table_name, key, before)")
            self._db.execute("CREATE INDEX undo_step ON undo (step)")
        self._db.execute("BEGIN")
        self._execute = self._db.cursor().execute
        """For statements with at most one row: one cursor for all."""

    def close(self) -> None:
        """Close the scratch file."""
        self._db.close()

    @property
    def step(self) -> int:
        """Return the number of events applied."""
        return self._step

    def apply(self, operations: tuple[Operation, ...]) -> None:
        """Apply the operations of one event."""
        self._step += 1
        for one in operations:
            if type(one) is NewRow and not self._undoable:
                self._insert(one.table, one.values)
            else:
                self._apply(one)

    def settle(self) -> list[tuple[str, str, tuple[Any, ...]]]:
        """Return (table, key, values) of inserts of rows that already existed, so far."""
        found, self._twice = self._twice, []
        return found

    def undo(self) -> None:
        """Undo the last event completely.  Only for an undoable replay."""
        rows = sqlite.fetch(
            self._db, "SELECT table_name, key, before FROM undo WHERE step = ? ORDER BY rowid DESC", (self._step,)
        )
        for name, key, before in rows:
            table = self.schema.by_name[name]
            self._db.execute(f"DELETE FROM {name} WHERE {table.key} = ?", (key,))
            self._forget(table, key)
            if before is not None:
                self._insert(table, tuple(json.loads(before)))
        self._db.execute("DELETE FROM undo WHERE step = ?", (self._step,))
        self._step -= 1

    def row(self, table: LiveTable, key: str) -> Row | None:
        """Return the current row of a key, its texts exact; None if there is none."""
        found = self.find(table, key)
        return None if found is None else found[1]

    def find(self, table: LiveTable, key: str) -> tuple[int, Row] | None:
        """Return the same row with its number in the table."""
        sql = f"SELECT *, rowid FROM {table.name} WHERE {table.key} = ?"
        found = self._execute(sql, (canonical.replace_surrogates(key),)).fetchone()
        return None if found is None else (found[-1], self._exactly(table, found))

    def rows(self, table: LiveTable, but: Bitset | None = None) -> Iterator[Row]:
        """Yield the current rows of a table, in order of insertion, without those of some numbers."""
        for found in sqlite.each(self._db, f"SELECT *, rowid FROM {table.name} ORDER BY rowid"):
            if but is None or found[-1] not in but:
                yield self._exactly(table, found)

    def keys(self, table: LiveTable) -> Iterator[str]:
        """Yield the keys of a table, in order of insertion."""
        for (key,) in sqlite.each(self._db, f"SELECT {table.key} FROM {table.name} ORDER BY rowid"):
            yield key

    def counts(self) -> dict[str, int]:
        """Return the number of rows of each table."""
        return {
            table.name: int(sqlite.value(self._db, f"SELECT count(*) FROM {table.name}"))
            for table in self.schema.tables
        }

    def query(self, sql: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Run a query on the current state."""
        return sqlite.fetch(self._db, sql, values)

    def dump(self) -> dict[str, list[Row]]:
        """Return the whole state, by key, for comparison."""
        return {
            table.name: sorted(self.rows(table), key=lambda row: str(row[table.key])) for table in self.schema.tables
        }

    def _exactly(self, table: LiveTable, values: tuple[Any, ...]) -> Row:
        """Return a row out of its values (and its number behind them), its texts exact."""
        row = dict(zip(table.column_names, values, strict=False))
        if self.exact:
            key = row[table.key]
            for column in table.column_names:
                text = self.exact.get((table.name, key, column))
                if text is not None:
                    row[column] = text
        return row

    def _insert(self, table: LiveTable, values: tuple[Any, ...]) -> None:
        try:
            self._execute(self._inserting[table.name], values)
        except (sqlite.Error, UnicodeEncodeError):  # an existing key, or a text that SQLite cannot hold
            self._insert_exact(table, values)

    def _insert_exact(self, table: LiveTable, values: tuple[Any, ...]) -> None:
        key = canonical.replace_surrogates(values[table.column_names.index(table.key)])
        if sqlite.value(self._db, f"SELECT 1 FROM {table.name} WHERE {table.key} = ?", (key,)):
            self._twice.append((table.name, key, values))
            return
        bound = tuple(
            self._holdable(table, key, name, one) for name, one in zip(table.column_names, values, strict=True)
        )
        self._execute(self._inserting[table.name], bound)

    def _holdable(self, table: LiveTable, key: str, column: str, value: Any) -> Any:
        """Return a value that SQLite can hold; a text that it cannot hold is kept in `exact`."""
        if self.exact:
            self.exact.pop((table.name, key, column), None)
        if type(value) is str and not canonical.encodable(value):
            self.exact[table.name, key, column] = value
            return canonical.replace_surrogates(value)
        return value

    def _forget(self, table: LiveTable, key: str) -> None:
        """Remove the exact texts of a row together with it."""
        if self.exact:
            for column in table.column_names:
                self.exact.pop((table.name, key, column), None)

    def _apply(self, operation: Operation) -> None:
        table = operation.table
        if isinstance(operation, NewRow):
            key = canonical.replace_surrogates(operation.key)
            self._remember(table, key)
            self._insert(table, operation.values)
            return
        if isinstance(operation, Change) and operation.key is None:
            if self._undoable:
                for (key,) in sqlite.fetch(self._db, f"SELECT {table.key} FROM {table.name}"):
                    self._remember(table, key)
            self._update(table, None, operation)
            return
        key = canonical.replace_surrogates(operation.key or "")
        self._remember(table, key)
        if isinstance(operation, Change):
            self._update(table, key, operation)
        elif isinstance(operation, Appended):
            self._append(table, key, operation)
        elif isinstance(operation, Gone):
            self._gone.add((table.name, key))
            self._forget(table, key)
            self._db.execute(f"DELETE FROM {table.name} WHERE {table.key} = ?", (key,))

    def _miss(self, table: LiveTable, key: str) -> None:
        if (table.name, key) not in self._gone:
            self.missed.append((table.name, key))

    def _update(self, table: LiveTable, key: str | None, change: Change) -> None:
        sets = [f'"{name}" = ?' for name in change.values]
        sets += [f'"{name}" = "{name}" + {amount}' for name, amount in change.grown.items()]
        if not sets:
            return
        values = [self._holdable(table, key or "", name, value) for name, value in change.values.items()]
        where = "" if key is None else f" WHERE {table.key} = ?"
        self._db.execute(
            f"UPDATE {table.name} SET {', '.join(sets)}{where}", (*values, *([] if key is None else [key]))
        )
        if key is not None and not self._db.changes():
            self._miss(table, key)
            self._forget(table, key)

    def _append(self, table: LiveTable, key: str, operation: Appended) -> None:
        held = sqlite.first(self._db, f'SELECT "{operation.column}" FROM {table.name} WHERE {table.key} = ?', (key,))
        if held is None:
            self._miss(table, key)
            return
        text = str(held[0] or "[]")
        if not text.startswith("["):
            return  # as `json_insert` does
        longer = f"[{operation.item}]" if text == "[]" else f"{text[:-1]},{operation.item}]"
        self._db.execute(f'UPDATE {table.name} SET "{operation.column}" = ? WHERE {table.key} = ?', (longer, key))

    def _remember(self, table: LiveTable, key: str) -> None:
        """Save a row as it was before this event, once per event."""
        if not self._undoable:
            return
        known = sqlite.first(
            self._db, "SELECT 1 FROM undo WHERE step = ? AND table_name = ? AND key = ?", (self._step, table.name, key)
        )
        if known is None:
            before = self.row(table, key)
            text = None if before is None else json.dumps(list(before.values()))
            self._db.execute("INSERT INTO undo VALUES (?, ?, ?, ?)", (self._step, table.name, key, text))
