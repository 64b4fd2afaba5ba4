"""Write records to a LiveStore event log that the real LiveStore boots.

Every record becomes one event with all its values and times in its arguments; later changes become update or
removal events.  The events come from a SQLite store of ours, whose rows already hold JSON as text, which is
copied into the arguments as it is.  A run's events are framed by `v1.MigrationStarted` and
`v1.MigrationCompleted`; the latter names the last change of that store (`upTo`) that the log covers.

No state file is written: LiveStore rebuilds it from the log at its next boot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from pjais import instants, models, sqlite
from pjais.core.events import LiveTable
from pjais.core.model import Model
from pjais.core.table import Table, camel
from pjais.formats import eventlog
from pjais.targets.sqlite import ddl

CLIENT = "pjais"
"""The clientId of events that we write; LiveStore takes any text."""
_SESSION = "static"
_BATCH = 5000
_BYTES = 16 << 20
"""Bytes of arguments after which a batch ends."""

SUBJECTS = {
    "personas": "Persona",
    "memoryEntities": "MemoryEntity",
    "conversations": "Conversation",
    "relationships": "Relationship",
    "plugins": "Plugin",
    "otherRecords": "OtherRecord",
}
"""The event names of each table: `v1.PersonaUpdated`."""

SourceIds = Mapping[tuple[str, str], str]
"""(table of the target, id) -> the id that the record had in its source, if it differs."""


class NewEvent(NamedTuple):
    """One event to write: its name and its arguments as JSON."""

    name: str
    args: bytes


def event(name: str, /, **args: Any) -> NewEvent:
    """Return an event with plain arguments."""
    return NewEvent(name, orjson.dumps(args))


def create_log(path: Path, number: int) -> None:
    """Create an empty log of format 6 or 4, as LiveStore lays it out; the file must not exist."""
    with closing(sqlite.create(path)) as db:
        db.execute(f"PRAGMA page_size = {eventlog.PAGE_SIZE}")
        db.execute(eventlog.DDL[number])
        db.execute(f"INSERT INTO {eventlog.STATUS} (head) VALUES (0)")


def append(path: Path, events: Iterable[NewEvent], *, synced: bool = True) -> int:
    """Append events to a log, in one transaction; returns the number of the last one.

    With `synced` off, for a file that is not in use yet, nothing is flushed to disk in between.
    """
    with closing(sqlite.open_writer(path)) as db:
        if not synced:
            sqlite.bulk(db)
        columns = {str(name) for (name,) in sqlite.each(db, "SELECT name FROM pragma_table_xinfo('eventlog')")}
        generations = "seqNumRebaseGeneration" in columns
        with sqlite.transaction(db):
            last = sqlite.first(db, _LAST.format("seqNumRebaseGeneration" if generations else "0"))
            number, generation = (0, 0) if last is None else (int(last[0]), int(last[1]))
            for batch in _batches(events):
                db.executemany(_INSERT_6 if generations else _INSERT_4, _rows(batch, number, generation, generations))
                number, generation = number + len(batch), 0
        return number


_LAST = (
    "SELECT seqNumGlobal, {} FROM eventlog WHERE seqNumClient = 0 ORDER BY seqNumGlobal DESC, seqNumClient DESC LIMIT 1"
)
_INSERT_6 = (
    f"INSERT INTO eventlog VALUES (?, 0, 0, ?, 0, ?, ?, ?, '{CLIENT}', '{_SESSION}', 0, '{eventlog.NO_METADATA}')"
)
_INSERT_4 = f"INSERT INTO eventlog VALUES (?, 0, ?, 0, ?, ?, '{CLIENT}', '{_SESSION}', 0, '{eventlog.NO_METADATA}')"


def _batches(events: Iterable[NewEvent]) -> Iterator[list[NewEvent]]:
    batch: list[NewEvent] = []
    size = 0
    for one in events:
        batch.append(one)
        size += len(one.args)
        if len(batch) >= _BATCH or size >= _BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _rows(batch: list[NewEvent], last: int, generation: int, generations: bool) -> Iterator[tuple[Any, ...]]:
    for number, one in enumerate(batch, last + 1):
        args = one.args.decode("utf-8")
        if generations:
            yield number, number - 1, generation if number == last + 1 else 0, one.name, args
        else:
            yield number, number - 1, one.name, args


def _written(model: Model) -> Iterator[Table]:
    """Yield the tables that have events; records about bytes are among the documents that are kept whole."""
    return (table for table in model.tables if table.record in models.events().by_record)


def imports(db: sqlite.Connection, model: Model, source_ids: SourceIds) -> Iterator[NewEvent]:
    """Yield every record of a store of ours as an event, personas first, so that references point backwards."""
    for table in _written(model):
        encode = _encoder(table, source_ids)
        name = f"v1.{SUBJECTS[models.events().by_record[table.record].name]}Imported"
        columns = table.column_list
        for row in sqlite.each(db, f"SELECT {columns} FROM {table.sql} ORDER BY rowid"):
            yield NewEvent(name, orjson.dumps(encode(row)))


def later(db: sqlite.Connection, model: Model, mark: int, source_ids: SourceIds) -> Iterator[NewEvent]:
    """Yield what changed in a store of ours since an entry of its history, as events: new, changed, removed."""
    for table in _written(model):
        encode = _encoder(table, source_ids)
        live = models.events().by_record[table.record]
        columns = table.columns_of("t")
        key = ddl.key_sql(table, "t")
        removed: list[str] = []
        for record_id, was_there, *row in sqlite.each(
            db,
            f"SELECT c.record_id, c.op <> 'insert', {columns} FROM {_FIRST_CHANGES} AS c "
            f"LEFT JOIN {table.sql} AS t ON {key} = c.record_id ORDER BY c.seq",
            (mark, table.name),
        ):
            if row[0] is None:
                removed += [record_id] if was_there else []
                continue
            args = encode(tuple(row))
            yield _updated(live, args) if was_there else _imported(live, args)
        name = f"v1.{SUBJECTS[live.name]}Removed"
        yield from (NewEvent(name, orjson.dumps({live.key: one})) for one in removed)


_FIRST_CHANGES = (
    "(SELECT min(seq) AS seq, record_id, op FROM changes WHERE seq > ? AND table_name = ? GROUP BY record_id)"
)


def _imported(live: LiveTable, args: dict[str, Any]) -> NewEvent:
    return NewEvent(f"v1.{SUBJECTS[live.name]}Imported", orjson.dumps(args))


def _updated(live: LiveTable, args: dict[str, Any]) -> NewEvent:
    if live.carries:
        return NewEvent("v1.OtherRecordUpdated", orjson.dumps({"key": args["key"], "document": args["document"]}))
    cleared = {column.name: None for column in live.columns if column.null and column.name not in args}
    updates = {name: value for name, value in (args | cleared).items() if name not in ("id", "sourceId")}
    return NewEvent(f"v1.{SUBJECTS[live.name]}Updated", orjson.dumps({"id": args["id"], "updates": updates}))


def _encoder(table: Table, source_ids: SourceIds) -> Callable[[tuple[Any, ...]], dict[str, Any]]:
    """Return the function from a row of ours to an event's arguments: JSON text is copied, null is left out.

    A null in an argument would become the JSON text `null` in a JSON column, and fail the boot elsewhere.
    """
    if table.carries:
        return lambda row: _other_args(table, row, source_ids)
    live = models.events().by_record[table.record]
    places = {camel(name): place for place, name in enumerate(table.column_names)}
    forms = {column.name: _ENCODE[column.form] for column in live.columns if column.name in places}
    plan = [(one.name, places[one.name], forms[one.name]) for one in live.columns if one.name not in _MADE]
    content = (places["content"], places["contentFormat"]) if "contentFormat" in places else None
    name = table.name

    def encode(row: tuple[Any, ...]) -> dict[str, Any]:
        args: dict[str, Any] = {"id": row[0], "sourceId": source_ids.get((name, row[0]), row[0])}
        for key, place, form in plan:
            value = row[place]
            if value is not None:
                args[key] = value if form is None else form(value)
        if content is not None:
            value = row[content[0]]
            args["content"] = orjson.Fragment(value) if row[content[1]] == "json" else value
        return args

    return encode


_MADE = ("id", "sourceId", "content")

_ENCODE: dict[str, Callable[[Any], Any] | None] = {
    "text": None,
    "integer": None,
    "real": None,
    "json": orjson.Fragment,
    "boolean": bool,
    "date": instants.from_text,
}


def _other_args(table: Table, row: tuple[Any, ...], source_ids: SourceIds) -> dict[str, Any]:
    collection, record_id, document = row
    key = orjson.dumps([collection, record_id]).decode()
    source = source_ids.get((table.name, key), record_id)
    return {
        "key": key,
        "collection": collection,
        "recordId": record_id,
        "sourceId": source,
        "document": orjson.Fragment(document),
    }
