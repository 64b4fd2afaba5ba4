"""Point-in-time reads: any past version of the store, read like the store itself.

A point in time is the number of a change (`changes.seq`); 0 is the state right after the migration.  A record that
has not changed since is read from the real table; for every other one, its row at that time goes into a temporary
table, and temporary views combine both under the names of the real tables.  So the cost depends on what was changed
since, not on the size of the store; one record by its id costs only its own changes.  Reading again after further
writes adds only those, and no read transaction is held in between.
"""

from __future__ import annotations

import json
import re
import shlex
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from pjais import choices, instants, sql_text, sqlite
from pjais.core.model import Model
from pjais.core.table import Record, Table
from pjais.errors import StoreFailed, UsageError
from pjais.sql_text import text_literal
from pjais.store.operations import last_change
from pjais.store.pool import BUSY_MS, Pool
from pjais.targets.sqlite import ddl, fixed_tables

R = TypeVar("R", bound=Any)
Values = dict[str, Any]
"""A row by column, with values as stored."""


def table_named(model: Model, name: str) -> Table:
    """Return a table by its name in the file or on the store (`memories`, `others`).  Raises UsageError."""
    choices.text("table", name)
    table = next((one for one in model.tables if name in (one.name, one.title)), None)
    if table is None:
        raise UsageError("unknown table", where=[name, f"one of: {', '.join(model.by_name)}"])
    return table


def match(table: Table, key: str) -> tuple[str, tuple[Any, ...]]:
    """Return the condition that selects a record by its key, as `changes` writes it, and the values to bind."""
    return table.matching("t"), table.key_values(key)


def row_now(db: sqlite.Connection, table: Table, key: str) -> Values | None:
    """Return a record's current row, or None."""
    where, values = match(table, key)
    columns = table.column_list
    found = sqlite.first(db, f"SELECT {columns} FROM main.{table.sql} AS t WHERE {where}", values)
    if found is None or (not table.plain_key and table.row_key(found) != key):  # a column's affinity changes types
        return None
    return dict(zip(table.column_names, found, strict=True))


def row_at(db: sqlite.Connection, table: Table, key: str, seq: int) -> Values | None:
    """Return a record's row after change `seq`, or None if it did not exist then.

    The first later change of a column holds its value at that time; a column without later changes has it still.
    """
    known: Values = {}
    for op, before in sqlite.each(
        db,
        "SELECT op, before FROM main.changes WHERE table_name = ? AND record_id = ? AND seq > ? ORDER BY seq",
        (table.name, key, seq),
    ):
        if op == "insert":
            return _filled(table, known) if known else None
        known = {**stored(table, before), **known}
        if op == "delete" or len(known) == len(table.columns):
            return _filled(table, known)
    present = row_now(db, table, key)
    if present is None:
        return _filled(table, known) if known else None
    return {**present, **known}


def stored(table: Table, image: str | None) -> Values:
    """Return a history image with values as stored."""
    return {
        name: bytes.fromhex(value["$hex"]) if isinstance(value, dict) else value
        for name, value in json.loads(image or "{}").items()
        if name in table.column_names
    }


def _filled(table: Table, known: Values) -> Values:
    """Return all columns, even if a row vanished without a history entry and some values are unknown."""
    return {name: known.get(name) for name in table.column_names}


def record_of(table: Table, values: Values) -> Record:
    """Return the record in a row.  Raises StoreFailed for invalid values of another program."""
    try:
        return table.to_record(tuple([values[name] for name in table.column_names]))
    except (ValueError, TypeError) as error:
        raise StoreFailed(
            "invalid row, written by another program",
            where=[f"{table.name} {values[table.key[-1]]}"],
            advice="its history shows who wrote it, and when",
            next_command=f"pjais history {shlex.quote(str(values[table.key[-1]]))}",
        ) from error


def moment(db: sqlite.Connection, seq: int | None = None, time: int | str | None = None) -> int:
    """Return the number of the last change at a point in time: given as such, or as ms since 1970, or as ISO-8601.

    Times are those of the writers' clocks; if a clock was set back, one of the points at which it showed the time.
    Raises UsageError for an invalid point in time, or one before the beginning of the history.
    """
    if (seq is None) == (time is None):
        raise UsageError("give either a change's number or a time")
    low, high = _bounds(db)
    if seq is None:
        assert time is not None
        seq = _at_time(db, instant(time), low, high)
    if not low <= choices.count("seq", seq) <= high:
        raise UsageError(f"the history has no change {seq}", where=[f"changes {low} to {high}"])
    return seq


def instant(time: int | str) -> int:
    """Return a time as milliseconds since 1970.  Raises UsageError."""
    if isinstance(time, int) and not isinstance(time, bool):
        return time
    text = choices.text("time", time)
    if re.fullmatch(r"-?[0-9]{5,18}", text):
        return int(text)
    at = instants.from_text(text)
    if at is None:
        raise UsageError("not a time: use ISO-8601, or milliseconds since 1970", where=[text])
    return at


def _bounds(db: sqlite.Connection) -> tuple[int, int]:
    """Return the first and last point in time that can be read: all, unless the history's beginning was removed."""
    first = sqlite.value(db, "SELECT min(seq) FROM main.changes")
    if first is not None:
        return int(first) - 1, last_change(db)
    gone = sqlite.value(db, "SELECT seq FROM main.sqlite_sequence WHERE name = 'changes'") or 0
    return int(gone), int(gone)


def _at_time(db: sqlite.Connection, wanted: int, low: int, high: int) -> int:
    """Find the last change at a time by bisection; a scan would read the whole history."""
    while low < high:
        middle = (low + high + 1) // 2
        seq, at = sqlite.fetch(
            db, "SELECT seq, at FROM main.changes WHERE seq <= ? ORDER BY seq DESC LIMIT 1", (middle,)
        )[0]
        if (instants.from_text(at) or 0) <= wanted:
            low = middle
        else:
            high = seq - 1
    return low


class PoolAsOf(Pool):
    """Replaces a store's connections by one that sees a point in time, under the names of the real tables.

    It is opened on demand: a record by its id is read through the store's own connections.
    """

    def __init__(self, store: Pool, seq: int) -> None:
        self.path = store.path
        self.base = store.base
        self.seq = seq
        self._store = store
        self._db: sqlite.Connection | None = None
        self._alone = threading.RLock()
        self._inside = 0
        """Number of simultaneous reads: nested calls, and interleaved generators."""
        self._ended = False
        self._covered: int | None = None
        """The last change covered by the temporary rows; None: there are none yet."""
        self._covered_before: int | None = None

    def close(self) -> None:
        """Close the file."""
        with self._alone:
            self._ended = True
            if self._db is not None:
                self._db.close()

    @contextmanager
    def present(self) -> Iterator[sqlite.Connection]:
        """Yield a connection in a read transaction, for `main` only: temporary tables may be out of date or missing."""
        if self._db is None:
            with self._store.view() as db:
                yield db
        else:
            with self._own() as db:
                yield db

    @contextmanager
    def reader(self) -> Iterator[sqlite.Connection]:
        """Yield the connection, seeing the point in time."""
        with self._own() as db:
            self._cover(db)
            yield db

    view = reader

    @contextmanager
    def _own(self) -> Iterator[sqlite.Connection]:
        with self._alone:
            db = self._opened()
            if not self._inside:
                self._covered_before = self._covered
                db.execute("BEGIN")
            self._inside += 1
            ended = "ROLLBACK"
            try:
                yield db
                ended = "COMMIT"  # not ROLLBACK: that would take the temporary rows back, too
            finally:
                self._inside -= 1
                if not self._inside:
                    self._end(db, ended)

    def _end(self, db: sqlite.Connection, ended: str) -> None:
        """End the view when its last user leaves, whoever began it."""
        if ended == "ROLLBACK":
            self._covered = self._covered_before
        if db.in_transaction:
            db.execute(ended)

    def _opened(self) -> sqlite.Connection:
        if self._ended:
            raise StoreFailed(
                "this point in time was closed", where=[str(self.path)], advice="open it again by store.at(...)"
            )
        if self._db is None:
            self._db = sqlite.open_reader(self.path, wait_ms=BUSY_MS)
            if fixed_tables.are_missing(self._db, self.base):
                fixed_tables.stand_in(self._db, self.base)
            self._db.execute("PRAGMA temp_store = FILE")  # memory use stays constant, however much was changed since
        return self._db

    @contextmanager
    def writer(self, label: str | None = None) -> Iterator[sqlite.Connection]:  # noqa: ARG002
        """Raise UsageError: the past is read-only."""
        raise UsageError(
            "past versions are read-only; restore_record restores a record", next_command="pjais restore-record --help"
        )
        yield  # makes this a generator, as a context manager must be

    def _cover(self, db: sqlite.Connection) -> None:
        """Put the rows of all records that were changed since into the temporary tables."""
        last = last_change(db)
        if last < self.seq:
            raise StoreFailed("that change is not committed yet, or was rolled back", where=[f"change {self.seq}"])
        if self._covered is None:
            db.execute(_temporary(self.model))
        since = self.seq if self._covered is None else self._covered
        if last > since:
            known = sqlite.value(db, "SELECT coalesce(max(id), 0) FROM temp.past_keys")
            db.execute(
                "INSERT OR IGNORE INTO temp.past_keys (table_name, record_id) "
                "SELECT DISTINCT table_name, record_id FROM main.changes NOT INDEXED WHERE seq > ?",
                (since,),
            )
            new = "SELECT table_name, record_id FROM temp.past_keys WHERE id > ?"
            for name, key in sqlite.each(db, new, (known,)):
                self._keep(db, self.model.by_name[name], key)
        self._covered = last

    def _keep(self, db: sqlite.Connection, table: Table, key: str) -> None:
        values = row_at(db, table, key, self.seq)
        if values is not None:
            marks = ", ".join("?" * len(table.columns))
            db.execute(f"INSERT INTO temp.{_past(table)} VALUES ({marks})", tuple(values.values()))


def _past(table: Table) -> str:
    return sql_text.identifier(f"past_{table.name}")


def _temporary(model: Model) -> str:
    """Return the SQL of the temporary tables, and of the views that shadow the real ones."""
    lines = [
        "CREATE TEMP TABLE past_keys (id INTEGER PRIMARY KEY, table_name, record_id, UNIQUE (table_name, record_id));"
    ]
    for table in model.tables:
        columns = table.column_list
        lines.append(
            f"CREATE TEMP TABLE {_past(table)} ({columns}, PRIMARY KEY ({table.key_list}));"
            f"CREATE TEMP VIEW {table.sql} AS SELECT {columns} FROM main.{table.sql} AS t WHERE NOT EXISTS "
            f"(SELECT 1 FROM temp.past_keys WHERE table_name = {text_literal(table.name)} "
            f"AND record_id = {ddl.key_sql(table, 't')}) "
            f"UNION ALL SELECT {columns} FROM temp.{_past(table)};"
        )
    return "\n".join(lines)
