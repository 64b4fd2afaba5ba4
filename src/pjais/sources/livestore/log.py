"""Read LiveStore's event log, in every storage format: the events in order, each exactly as stored.

Only copies or closed files are opened; nothing is recovered in place.  A row that is no event (a value of another
type, text that is not UTF-8) is yielded as `Broken` with its location; the rest is read.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import NoneType
from typing import Any, NamedTuple

from pjais import canonical, instants, models, sqlite
from pjais.core.events import EventSchema
from pjais.formats.eventlog import CHANGESETS, LOG_TABLES, STATUS, LogFormat, format_of
from pjais.sql_text import quoted


class Number(NamedTuple):
    """The position of an event: its global number, its client-only number, and how often it was rebased."""

    global_: int
    client: int = 0
    generation: int = 0

    def __str__(self) -> str:
        parts = [str(self.global_)]
        if self.client or self.generation:
            parts.append(str(self.client))
        if self.generation:
            parts.append(f"r{self.generation}")
        return ".".join(parts)


class Event(NamedTuple):
    """One event of a log.  `args` is the parsed `args_json`; `at` is in ms if the event carries a time."""

    number: Number
    parent: Number | None
    name: str
    args_json: str
    args: Any
    at: int | None
    client_id: str = ""
    session_id: str = ""
    schema_hash: int = 0
    metadata: str | None = None
    created: int | None = None
    """When the event was committed (ms); only format 2 records it."""

    def as_dict(self) -> dict[str, Any]:
        """Return the event as a JSON object."""
        return {
            "event": str(self.number),
            "number": self.number.global_,
            "client": self.number.client,
            "generation": self.number.generation,
            "parent": None if self.parent is None else str(self.parent),
            "name": self.name,
            "at": None if self.at is None else instants.to_text(self.at),
            "clientId": self.client_id,
            "sessionId": self.session_id,
            "args": self.args,
        }


class Broken(NamedTuple):
    """A row of a log that is not a readable event."""

    number: Number | None
    place: str
    raw: bytes
    reason: str
    name: str | None = None


class Facts(NamedTuple):
    """The properties of a log."""

    format: LogFormat
    head: int | None
    """The last event confirmed by a sync backend; None if the status table or its row is missing."""
    last: Number | None
    events: int


def log_table(db: sqlite.Connection) -> tuple[str, LogFormat] | None:
    """Return the log's table and its format; None if the file holds no log."""
    for table in LOG_TABLES:
        columns = frozenset(
            str(name) for (name,) in sqlite.each(db, "SELECT name FROM pragma_table_xinfo(?)", (table,))
        )
        found = format_of(columns) if columns else None
        if found is not None:
            return table, found
    return None


def facts(db: sqlite.Connection) -> Facts | None:
    """Return the properties of an open log; None if the file holds no log."""
    found = log_table(db)
    if found is None:
        return None
    table, form = found
    count = int(sqlite.value(db, f"SELECT count(*) FROM {table}"))
    row = sqlite.first(db, f"SELECT {', '.join(_numbers(form))} FROM {table} ORDER BY {_order(form, ' DESC')} LIMIT 1")
    known = sqlite.value(db, "SELECT count(*) FROM sqlite_schema WHERE name = ?", (STATUS,))
    head = sqlite.value(db, f"SELECT max(head) FROM {STATUS}") if known else None
    return Facts(form, head if isinstance(head, int) else None, None if row is None else _number(row, count), count)


def read_events(db: sqlite.Connection, after: Number | None = None) -> Iterator[Event | Broken]:
    """Yield the events of an open log in the order in which LiveStore applies them; `after` skips up to that one."""
    found = log_table(db)
    if found is None:
        return
    table, form = found
    more = [form.created] if form.created else ["clientId", "sessionId"]
    more += ["schemaHash", *([form.sync] if form.sync else [])]
    there = {str(one) for (one,) in sqlite.each(db, "SELECT name FROM pragma_table_xinfo(?)", (table,))}
    more = [quoted(one) if one in there else "NULL" for one in more]  # SQLite reads an unknown "name" as a text
    parents = [one if one.strip('"') in there else "NULL" for one in _parents(form)]
    columns = [*_numbers(form), *parents, quoted(form.name), '"argsJson"', *more]
    columns += [] if form.sync else ["NULL"]
    cursor = db.execute(f"SELECT {', '.join(columns)} FROM {quoted(table)} ORDER BY {_order(form)}")
    schema = models.events()
    position = 0
    while True:
        position += 1
        try:
            row = cursor.fetchone()
        except UnicodeDecodeError:
            yield from _bad_text(db, table, form, position)
            continue
        if row is None:
            return
        event = _event(schema, form, row, position)
        if after is None or event.number is None or event.number > after:
            yield event


def _order(form: LogFormat, direction: str = "") -> str:
    named = (form.global_, form.client, form.generation)
    if form.client is None:  # 0.1.0: the ids are texts without an order
        return f"rowid{direction}"
    return ", ".join(f"{quoted(name)}{direction}" for name in named if name is not None)


def _numbers(form: LogFormat) -> list[str]:
    return [quoted(name) if name else "NULL" for name in (form.global_, form.client, form.generation)]


def _parents(form: LogFormat) -> list[str]:
    names = (form.parent_global, form.parent_client, form.parent_generation)
    return [quoted(name) if name else "NULL" for name in names]


def _number(values: tuple[Any, ...], position: int) -> Number | None:
    """Return the number from its three columns; if it is a text (0.1.0), the position in the log, from 0."""
    first, client, generation = values
    if type(first) is str:
        first = position - 1
    if type(first) is not int or type(client) not in _COUNTS or type(generation) not in _COUNTS:
        return None
    return Number(first, client or 0, generation or 0)


_COUNTS = (int, NoneType)


def _event(
    schema: EventSchema, form: LogFormat, row: tuple[Any, ...], position: int, place: str | None = None
) -> Event | Broken:
    """Return the event in a row as `read_events` selects it; `place`: where a row without a number is."""
    name, args_json = row[6], row[7]
    number = _number(row[:3], position)
    if number is None or type(name) is not str or type(args_json) is not str:
        raw = args_json if isinstance(args_json, bytes) else str(args_json).encode("utf-8", "replace")
        where = f"row {place or position}" if number is None else f"event {number}"
        return Broken(number, where, raw, "not an event: a value of another type", name if type(name) is str else None)
    try:
        args = canonical.loads_strict(args_json)
    except (ValueError, RecursionError):
        raw = args_json.encode("utf-8", "surrogateescape")
        return Broken(number, f"event {number}", raw, f"{name}: its arguments are no JSON", name)
    if form.created:
        args = schema.unfolded(name, args)
        committed, client_id, session_id = _created(row[8]), "", ""
    else:
        committed, client_id, session_id = None, str(row[8] or ""), str(row[9] or "")
    at = committed if committed is not None else schema.time_of(name, args)
    parent = _number(row[3:6], 0) if row[3] is not None else None
    schema_hash = row[-2] if type(row[-2]) is int else 0
    metadata = row[-1] if type(row[-1]) is str else None
    return Event(number, parent, name, args_json, args, at, client_id, session_id, schema_hash, metadata, committed)


def event_of_row(row: dict[str, Any], place: str) -> Event | Broken:
    """Return the event in a row salvaged from a damaged file."""
    form = format_of(frozenset(row))
    if form is None:
        return Broken(None, place, canonical.dumps(row).encode(), "not an event: columns are missing")
    names = (form.global_, form.client, form.generation, form.parent_global, form.parent_client, form.parent_generation)
    more = (form.created,) if form.created else ("clientId", "sessionId")
    values = [row.get(name) if name else None for name in names]
    values += [row.get(form.name), row.get("argsJson"), *(row.get(one) for one in more), row.get("schemaHash")]
    return _event(models.events(), form, (*values, row.get(form.sync) if form.sync else None), 0, place)


def _created(value: Any) -> int | None:
    if type(value) is int and abs(value) <= instants.LIMIT_MS:
        return value
    return instants.from_text(value) if type(value) is str else None


def _bad_text(db: sqlite.Connection, table: str, form: LogFormat, position: int) -> Iterator[Broken]:
    """Yield the row at a position whose text is not UTF-8, its arguments as bytes."""
    columns = ", ".join(_numbers(form))
    sql = f"SELECT {columns}, CAST(argsJson AS BLOB) FROM {quoted(table)} ORDER BY {_order(form)} LIMIT 1 OFFSET ?"
    row = sqlite.first(db, sql, (position - 1,))
    if row is not None:
        number = _number(row[:3], position)
        yield Broken(number, f"event {number}", row[3] or b"", "its text is not UTF-8")


class Applied(NamedTuple):
    """The events that a state file has seen, by its changesets: runs of global numbers, and client-only events."""

    runs: tuple[range, ...] = ()
    local: frozenset[tuple[int, int]] = frozenset()
    lowest: int | None = None
    highest: tuple[int, int] | None = None

    def saw(self, number: Number, head: int | None) -> bool:
        """Return whether the state holds an event: it has a changeset, or one trimmed after confirmation."""
        if number.client:
            if (number.global_, number.client) in self.local:
                return True
        else:
            at = bisect_right(self.runs, number.global_, key=_start)
            if at and number.global_ in self.runs[at - 1]:
                return True
        return head is not None and number.global_ < head and (self.lowest is None or number.global_ < self.lowest)


def applied(db: sqlite.Connection) -> Applied | None:
    """Return the changesets of an open state file; None if it keeps none (0.2 has the table and leaves it empty)."""
    columns = [str(name) for (name,) in sqlite.each(db, "SELECT name FROM pragma_table_xinfo(?)", (CHANGESETS,))]
    pair = next(
        ((first, second) for first, second in _CHANGESET_COLUMNS if first in columns and second in columns), None
    )
    if pair is None:
        return None
    seen: list[range] = []
    local: set[tuple[int, int]] = set()
    count = 0
    for first, second in sqlite.each(db, f"SELECT {pair[0]}, {pair[1]} FROM {CHANGESETS}"):
        count += 1
        if type(first) is not int or type(second) is not int:
            continue
        if second:
            local.add((first, second))
        elif seen and seen[-1].stop == first:
            seen[-1] = range(seen[-1].start, first + 1)
        else:
            seen.append(range(first, first + 1))
    if pair == _FORMAT_2 and not count:
        return None  # format 2 has the table and leaves it empty
    runs = _joined(seen)
    ends = [*((run[0], 0) for run in runs[:1]), *((run[-1], 0) for run in runs[-1:]), *local]
    return Applied(runs, frozenset(local), min(ends)[0] if ends else None, max(ends, default=None))


def _joined(found: list[range]) -> tuple[range, ...]:
    """Return the same numbers in order, as few runs as possible."""
    runs: list[range] = []
    for one in sorted(found, key=_start):
        if runs and one.start <= runs[-1].stop:
            runs[-1] = range(runs[-1].start, max(one.stop, runs[-1].stop))
        else:
            runs.append(one)
    return tuple(runs)


def _start(run: range) -> int:
    return run.start


_FORMAT_2 = ("idGlobal", "idLocal")
_CHANGESET_COLUMNS = (("seqNumGlobal", "seqNumClient"), ("idGlobal", "idClient"), _FORMAT_2)


def is_log(path: Path) -> bool:
    """Return whether a closed SQLite file holds a LiveStore log."""
    with closing(sqlite.open_frozen(path)) as db:
        return log_table(db) is not None
