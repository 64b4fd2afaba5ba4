"""The store as it was: any moment of its life, read like the store itself, and never changed by what comes later.

A moment is the number of a change (`changes.seq`); 0 is the state right after the migration.  A record that was
not touched since is read where it lies; for each one that was, the row of the moment goes into a temporary table,
and temporary views put both together under the names of the real tables.  So it costs what was changed since, not
the size of the store; one record by its id costs only its own changes.  Reading again after further writes takes
only those in addition, and no read transaction is held in between.
"""

from __future__ import annotations

import json
import re
import shlex
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Generic, TypeVar, cast

from pjais import choices, instants, sqlite
from pjais.errors import StoreFailed, UsageError
from pjais.models.persona import rows
from pjais.models.persona.records import Conversation, Memory, Other, Persona, Plugin, Record, Relationship
from pjais.models.persona.tables import BY_NAME, MEMORIES, OTHERS, TABLES, Table
from pjais.persona.conversations import Conversations
from pjais.persona.memories import Memories
from pjais.persona.personas import Personas
from pjais.persona.relationships import Plugins, Relationships
from pjais.store.operations import last_change
from pjais.store.pool import BUSY_MS, Pool
from pjais.store.records import Records
from pjais.targets.sqlite import ddl

R = TypeVar("R", bound=Record)
Values = dict[str, Any]
"""A row, by column, as the columns hold it."""


def table_named(name: str) -> Table:
    """A table by its name in the file or on the store (`memories`, `others`).  Raises UsageError."""
    table = {**BY_NAME, "memories": MEMORIES, "others": OTHERS}.get(choices.text("table", name))
    if table is None:
        raise UsageError("there is no such table", where=[name, f"one of: {', '.join(BY_NAME)}"])
    return table


def match(table: Table, key: str) -> tuple[str, tuple[Any, ...]]:
    """The condition that finds a record by its key, as `changes` writes it, and the values to bind."""
    values = tuple(json.loads(key)) if len(table.key) > 1 else (key,)
    return " AND ".join(f"t.{name} = ?" for name in table.key), values


def row_now(db: sqlite.Connection, table: Table, key: str) -> Values | None:
    """A record's row as it is, or None."""
    where, values = match(table, key)
    columns = ", ".join(table.column_names)
    found = sqlite.first(db, f"SELECT {columns} FROM main.{table.name} AS t WHERE {where}", values)
    return None if found is None else dict(zip(table.column_names, found, strict=True))


def row_at(db: sqlite.Connection, table: Table, key: str, seq: int) -> Values | None:
    """A record's row as it was after change `seq`, or None where it was not there.

    What a column held then, the first later change of that column says; what no later change names is as it is.
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
    """A history image as the columns held it."""
    return {
        name: bytes.fromhex(value["$hex"]) if isinstance(value, dict) else value
        for name, value in json.loads(image or "{}").items()
        if name in table.column_names
    }


def _filled(table: Table, known: Values) -> Values:
    """All columns, also where a row vanished behind the history's back and some of them nobody knows."""
    return {name: known.get(name) for name in table.column_names}


def record_of(table: Table, values: Values) -> Record:
    """The record that a row holds.  Raises StoreFailed where another program left what no record can be."""
    try:
        return rows.to_record(table, tuple([values[name] for name in table.column_names]))
    except (ValueError, TypeError) as error:
        raise StoreFailed(
            "a row holds what no record can be; another program wrote it",
            where=[f"{table.name} {values[table.key[-1]]}"],
            advice="its history shows who left it so, and when",
            next_command=f"pjais history {shlex.quote(str(values[table.key[-1]]))}",
        ) from error


def moment(db: sqlite.Connection, seq: int | None = None, time: int | str | None = None) -> int:
    """The number of the last change at a moment: given itself, or a time (ms since 1970, or ISO-8601).

    A time is that of the writers' clocks, and of one that went back, one of the moments at which it showed the
    time.  Raises UsageError for what is no moment, or one before the history that is left.
    """
    if (seq is None) == (time is None):
        raise UsageError("give either a change's number or a time")
    low, high = _bounds(db)
    if seq is None:
        assert time is not None
        seq = _at_time(db, instant(time), low, high)
    if not low <= choices.count("seq", seq) <= high:
        raise UsageError(f"the history has no change {seq}", where=[f"it goes from {low} to {high}"])
    return seq


def instant(time: int | str) -> int:
    """A time as milliseconds since 1970.  Raises UsageError."""
    if isinstance(time, int) and not isinstance(time, bool):
        return time
    text = choices.text("time", time)
    if re.fullmatch(r"-?[0-9]{5,18}", text):
        return int(text)
    at = instants.from_text(text)
    if at is None:
        raise UsageError("not a time: give ISO-8601, or milliseconds since 1970", where=[text])
    return at


def _bounds(db: sqlite.Connection) -> tuple[int, int]:
    """The first and last moment that can be told: all of them, unless somebody removed the history's beginning."""
    first = sqlite.value(db, "SELECT min(seq) FROM main.changes")
    if first is not None:
        return int(first) - 1, last_change(db)
    gone = sqlite.value(db, "SELECT seq FROM main.sqlite_sequence WHERE name = 'changes'") or 0
    return int(gone), int(gone)


def _at_time(db: sqlite.Connection, wanted: int, low: int, high: int) -> int:
    """By halves: looking at every change would read the whole history."""
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


class _Then(Pool):
    """In place of a store's connections: one that sees the moment, under the names of the real tables.

    It is opened when it is needed: a record by its id is read through the store's own connections.
    """

    def __init__(self, store: Pool, seq: int) -> None:
        self.path = store.path
        self.seq = seq
        self._store = store
        self._db: sqlite.Connection | None = None
        self._alone = threading.RLock()
        self._inside = 0
        """How many read at once: nested calls, and generators that are read by turns."""
        self._ended = False
        self._covered: int | None = None
        """The last change whose record is among the temporary rows; None: there are none yet."""
        self._covered_before: int | None = None

    def close(self) -> None:
        """Let go of the file."""
        with self._alone:
            self._ended = True
            if self._db is not None:
                self._db.close()

    @contextmanager
    def present(self) -> Iterator[sqlite.Connection]:
        """A connection in a read transaction, for `main` alone: temporary tables may be out of date or missing."""
        if self._db is None:
            with self._store.view() as db:
                yield db
        else:
            with self._own() as db:
                yield db

    @contextmanager
    def reader(self) -> Iterator[sqlite.Connection]:
        """The connection, seeing the moment."""
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
        """The last one out ends the view, whoever began it."""
        if ended == "ROLLBACK":
            self._covered = self._covered_before
        if db.in_transaction:
            db.execute(ended)

    def _opened(self) -> sqlite.Connection:
        if self._ended:
            raise StoreFailed("this look back was closed", where=[str(self.path)], advice="look again by store.at(...)")
        if self._db is None:
            self._db = sqlite.open_reader(self.path, wait_ms=BUSY_MS)
            self._db.execute("PRAGMA temp_store = FILE")  # however much was changed since, memory stays flat
        return self._db

    @contextmanager
    def writer(self, label: str | None = None) -> Iterator[sqlite.Connection]:  # noqa: ARG002
        """The past does not change.  Raises UsageError."""
        raise UsageError(
            "the past does not change; restore_record brings a record back", next_command="pjais restore-record --help"
        )
        yield  # what makes it a generator, as a context manager must be

    def _cover(self, db: sqlite.Connection) -> None:
        """Put the rows of all records that were touched since the moment into the temporary tables."""
        last = last_change(db)
        if last < self.seq:
            raise StoreFailed("the moment is not committed yet, or was taken back", where=[f"change {self.seq}"])
        if self._covered is None:
            db.execute(_temporary())
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
                self._keep(db, BY_NAME[name], key)
        self._covered = last

    def _keep(self, db: sqlite.Connection, table: Table, key: str) -> None:
        values = row_at(db, table, key, self.seq)
        if values is not None:
            marks = ", ".join("?" * len(table.columns))
            db.execute(f"INSERT INTO temp.past_{table.name} VALUES ({marks})", tuple(values.values()))


def _temporary() -> str:
    """The temporary tables, and the views that stand before the real ones."""
    lines = [
        "CREATE TEMP TABLE past_keys (id INTEGER PRIMARY KEY, table_name, record_id, UNIQUE (table_name, record_id));",
    ]
    for table in TABLES:
        columns = ", ".join(table.column_names)
        lines.append(
            f"CREATE TEMP TABLE past_{table.name} ({columns}, PRIMARY KEY ({', '.join(table.key)}));"
            f"CREATE TEMP VIEW {table.name} AS SELECT {columns} FROM main.{table.name} AS t WHERE NOT EXISTS "
            f"(SELECT 1 FROM temp.past_keys WHERE table_name = '{table.name}' "
            f"AND record_id = {ddl.key_sql(table, 't')}) "
            f"UNION ALL SELECT {columns} FROM temp.past_{table.name};"
        )
    return "\n".join(lines)


class _Past(Records[R], Generic[R]):
    """The records of one table at a moment: one by its id without looking at any other."""

    def get(self, key: str) -> R | None:
        """The record of this id as it was, or None."""
        choices.text("key", key)
        then = cast(_Then, self._pool)
        with then.present() as db:
            values = row_at(db, self.table, key, then.seq)
        return None if values is None else cast(R, record_of(self.table, values))


class PastPersonas(_Past[Persona], Personas):
    """The personas of a moment."""


class PastMemories(_Past[Memory], Memories):
    """The memories of a moment."""

    def search(self, *_: Any, **__: Any) -> Any:
        """Only the present is indexed.  Raises UsageError."""
        raise UsageError("the search index holds the present; list the memories of the moment instead")

    search_page = hybrid = search


class PastConversations(_Past[Conversation], Conversations):
    """The conversations of a moment."""


class PastRelationships(_Past[Relationship], Relationships):
    """The relationships of a moment."""


class PastPlugins(_Past[Plugin], Plugins):
    """The plugins of a moment."""


class PastOthers(_Past[Other]):
    """The documents without a model of a moment; their key is the JSON array of collection and id."""

    table = OTHERS
    order = "t.collection, t.id"


class Past:
    """A store as it was after change `seq`: read-only.  Use as a context manager, or call `close`."""

    def __init__(self, store: Pool, seq: int) -> None:
        self.seq = seq
        self._then = _Then(store, seq)
        self.personas = PastPersonas(self._then)
        self.memories = PastMemories(self._then)
        self.conversations = PastConversations(self._then)
        self.relationships = PastRelationships(self._then)
        self.plugins = PastPlugins(self._then)
        self.others = PastOthers(self._then)

    def __enter__(self) -> Past:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def at(self) -> int | None:
        """When the last change was made (ms); None for the state right after the migration."""
        with self._then.present() as db:
            text = sqlite.value(db, "SELECT at FROM main.changes WHERE seq <= ? ORDER BY seq DESC LIMIT 1", (self.seq,))
        return None if text is None else instants.from_text(text)

    def get(self, table: str, key: str) -> Record | None:
        """A record of any table by its key, as it was, or None."""
        choices.text("key", key)
        with self._then.present() as db:
            values = row_at(db, table_named(table), key, self.seq)
        return None if values is None else record_of(table_named(table), values)

    def counts(self) -> dict[str, int]:
        """Return how many records each table held."""
        with self._then.reader() as db:
            return {table.name: int(sqlite.value(db, f"SELECT count(*) FROM {table.name}")) for table in TABLES}

    def records(self, table: str | None = None) -> Iterator[Record]:
        """Every record, or those of one table, ordered by key; read one by one, in one view for as long as it runs."""
        for one in TABLES if table is None else (table_named(table),):
            columns = ", ".join(one.column_names)
            with self._then.reader() as db:
                for row in sqlite.each(db, f"SELECT {columns} FROM {one.name} ORDER BY {', '.join(one.key)}"):
                    yield record_of(one, dict(zip(one.column_names, row, strict=True)))

    def close(self) -> None:
        """Let go of the file."""
        self._then.close()
