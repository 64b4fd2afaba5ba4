"""The history of a store, out of `changes`, whoever wrote: one record's moments, what differs, and the way back.

Values are shown as people and JSON see them: JSON as a value, truth as truth, instants as ISO-8601.  What is
brought back is a write of today like any other: validated, its references checked, itself in the history.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any, NamedTuple

from pjais import canonical, choices, instants, journal, sqlite
from pjais.core.results import Changed, Restored
from pjais.errors import UsageError, ValidationFailed
from pjais.models.persona import validate
from pjais.models.persona.records import Draft, Record
from pjais.models.persona.tables import OTHERS, PERSONAS, TABLES, Column, Table
from pjais.store.as_of import Values, match, moment, record_of, row_at, row_now, stored, table_named
from pjais.store.operations import last_change
from pjais.store.pool import Pool

When = int | str
"""A moment for `diff`: the number of a change, a time (ISO-8601), or `now`."""


class Moment(NamedTuple):
    """What one change did to one record: its number, when (ms), what it was (insert, update, delete), the fields."""

    seq: int
    at: int | None
    op: str
    table: str
    key: str
    changes: tuple[Changed, ...]

    def as_dict(self) -> dict[str, Any]:
        """The moment as a JSON object."""
        return {
            "event": self.seq,
            "at": None if self.at is None else instants.to_text(self.at),
            "op": self.op,
            "table": self.table,
            "id": self.key,
            "changes": [one.as_dict() for one in self.changes],
        }


def history(db: sqlite.Connection, record_id: str, table: str | None = None) -> list[Moment]:
    """Every change of a record, oldest first; of several tables that know the id, each table's after the other.

    Empty for a record that nobody touched since the migration.  Raises UsageError for an id that never was.
    """
    found = find(db, record_id, table)
    if not found:
        raise UsageError("there is no such record, and never was since the migration", where=[record_id])
    return [one for held, key in found for one in reversed(list(_backwards(db, held, key)))]


def find(db: sqlite.Connection, record_id: str, table: str | None = None) -> list[tuple[Table, str]]:
    """The records that have an id, or had it: (table, key).  A document without a model is found by either."""
    choices.text("record_id", record_id)
    found = []
    for one in TABLES if table is None else (table_named(table),):
        for key in _keys_of_others(db, record_id) if one is OTHERS else (record_id,):
            touched = sqlite.first(db, f"{_OF_RECORD} LIMIT 1", (one.name, key))
            if touched is not None or row_now(db, one, key) is not None:
                found.append((one, key))
    return found


_OF_RECORD = "SELECT seq FROM changes WHERE table_name = ? AND record_id = ?"


def _keys_of_others(db: sqlite.Connection, record_id: str) -> tuple[str, ...]:
    keys = "SELECT json_array(collection, id) FROM other_records WHERE id = ?1 OR json_array(collection, id) = ?1"
    past = (
        "SELECT DISTINCT record_id FROM changes WHERE table_name = 'other_records' "
        "AND (record_id = ?1 OR json_extract(record_id, '$[1]') = ?1)"
    )
    return tuple(key for (key,) in sqlite.fetch(db, f"{keys} UNION {past}", (record_id,)))


def _backwards(db: sqlite.Connection, table: Table, key: str) -> Iterator[Moment]:
    """A record's changes, newest first.  Where its row and its last change disagree, the history is believed."""
    row = row_now(db, table, key)
    for seq, at, op, before, after in sqlite.each(
        db,
        "SELECT seq, at, op, before, after FROM changes WHERE table_name = ? AND record_id = ? ORDER BY seq DESC",
        (table.name, key),
    ):
        late = None if op == "delete" else {**_nothing(table), **(row or {}), **stored(table, after)}
        early = None if op == "insert" else {**_nothing(table), **(late or {}), **stored(table, before)}
        yield Moment(seq, instants.from_text(at), op, table.name, key, tuple(differences(table, key, early, late)))
        row = early


def _nothing(table: Table) -> Values:
    return dict.fromkeys(table.column_names)


def diff(db: sqlite.Connection, before: When, after: When = "now") -> list[Changed]:
    """Return what differs between two moments, record by record and field by field.  Raises UsageError."""
    early, late = (_resolved(db, one) for one in (before, after))
    low, high = sorted((early, late))
    found: list[Changed] = []
    for table in TABLES:
        for (key,) in sqlite.fetch(
            db,
            "SELECT DISTINCT record_id FROM changes NOT INDEXED "
            "WHERE seq > ? AND seq <= ? AND table_name = ? ORDER BY record_id",
            (low, high, table.name),
        ):
            sides = (row_at(db, table, key, early), row_at(db, table, key, late))
            found += differences(table, key, *sides)
    return found


def _resolved(db: sqlite.Connection, when: When) -> int:
    if when == "now":
        return last_change(db)
    return moment(db, seq=when) if isinstance(when, int) else moment(db, time=when)


def differences(table: Table, key: str, before: Values | None, after: Values | None) -> Iterator[Changed]:
    """Yield what differs between two states of a row, field by field."""
    if before is None and after is None:
        return
    if before is None or after is None:
        yield Changed(table.name, key, None, _all_shown(table, before), _all_shown(table, after))
        return
    for column in _fields(table):
        if not canonical.same(_held(column, before), _held(column, after)):
            yield Changed(table.name, key, column.name, shown(column, before), shown(column, after))


def _held(column: Column, row: Values) -> tuple[Any, ...]:
    """Return what is stored of a field; content in two columns."""
    return (row[column.name], row["content_format"] if column.form == "content" else None)


def _fields(table: Table) -> Iterator[Column]:
    return (column for column in table.columns if column.form != "content_format")


def _all_shown(table: Table, row: Values | None) -> dict[str, Any] | None:
    return None if row is None else {column.name: shown(column, row) for column in _fields(table)}


def shown(column: Column, row: Values) -> Any:
    """A stored value as a value; text that is no JSON where JSON should be (another program's) as it is."""
    held = row[column.name]
    if column.form == "bool" and held is not None:
        return bool(held)
    is_json = column.form == "json" or (column.form == "content" and row["content_format"] == "json")
    if is_json and isinstance(held, str):
        try:
            return canonical.loads(held)
        except ValueError:
            return held
    return held.hex() if isinstance(held, bytes) else held


def restore_record(
    pool: Pool,
    table: str,
    key: str,
    *,
    seq: int | None = None,
    time: int | str | None = None,
    field: str | None = None,
) -> Restored:
    """Bring a record, or one field of it, back as it was at a moment.

    `updated_at` becomes now for a record that is there; one that is gone comes back exactly as it was.  A persona
    that was active becomes the active one, and no other is.
    Raises UsageError where the record was not there then, or what it refers to is gone; ValidationFailed where
    it was what its model does not allow.
    """
    held = table_named(table)
    choices.text("record_id", key)
    choices.maybe("field", field)
    if field is not None and field not in held.record._fields:
        raise UsageError("there is no such field", where=[field, f"one of: {', '.join(held.record._fields)}"])
    if field in held.key:
        raise UsageError("an id does not change", where=[key])
    with pool.writer(f"restore {held.name} {key}") as db:
        then = row_at(db, held, key, moment(db, seq, time))
        if then is None:
            raise UsageError(
                "the record was not there at that moment", where=[f"{held.name} {key}"],
                next_command=f"pjais history {shlex.quote(key)}",
            )  # fmt: skip
        present = row_now(db, held, key)
        wanted, fields = _wanted(held, key, then, present, field)
        if not fields:
            return Restored(held.name, key, (), None)
        _refuse_bad(db, held, wanted)
        if held is PERSONAS and wanted["is_active"] and not (present and present["is_active"]):
            db.execute("UPDATE personas SET is_active = 0 WHERE is_active = 1 AND id <> ?", (key,))
        put(db, held, key, wanted)
        return Restored(held.name, key, fields, last_change(db))


def _wanted(
    table: Table, key: str, then: Values, present: Values | None, field: str | None
) -> tuple[Values, tuple[str, ...]]:
    """The row that is to be, and the names of the fields that are brought back."""
    if present is None:
        if field is not None:
            raise UsageError("the record is gone; bring it back whole", where=[f"{table.name} {key}"])
        return then, table.record._fields
    names = [
        column.name
        for column in _fields(table)
        if field in (None, column.name)
        and (column.name != "updated_at" or field is not None)
        and not canonical.same(_held(column, then), _held(column, present))
    ]
    columns = [*names, "content_format"] if "content" in names else names
    wanted = {**present, **{name: then[name] for name in columns}}
    if names and "updated_at" in wanted and field != "updated_at":
        wanted["updated_at"] = instants.to_text(journal.now_ms())  # it is a change of today, and so it must count
    return wanted, tuple(names)


def _refuse_bad(db: sqlite.Connection, table: Table, values: Values) -> None:
    """Validate a row by its model, and its references.  Raises ValidationFailed, UsageError."""
    record: Record = record_of(table, values)
    problems = validate.check(Draft(record, ()))
    if not validate.valid(problems):
        raise ValidationFailed(
            "the record was what its model does not allow; another program had written it",
            where=[f"{field}: {message}" for level, _, field, message in problems if level == "error"],
            safe="Nothing was written.",
            next_command=f"pjais history {shlex.quote(str(values[table.key[-1]]))}",
        )
    for column, value, targets in missing_references(db, table, values):
        raise UsageError(
            f"what the record refers to is gone from {targets[0]}; bring that back first",
            where=[f"{column}: {value}"], next_command=f"pjais history {shlex.quote(str(value))}",
        )  # fmt: skip


def missing_references(
    db: sqlite.Connection, table: Table, values: Values
) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """The references of a row that lead nowhere: (column, value, the tables it may lead to)."""
    for column, targets in table.references:
        value = values[column]
        if value is not None and not any(
            sqlite.first(db, f"SELECT 1 FROM {target} WHERE id = ?", (value,)) for target in targets
        ):
            yield column, value, targets


def put(db: sqlite.Connection, table: Table, key: str, wanted: Values | None) -> None:
    """Make a row what it is to be (None: not there), through the table: triggers see it like any other write."""
    where, values = match(table, key)
    present = row_now(db, table, key)
    if wanted is None:
        db.execute(f"DELETE FROM {table.name} AS t WHERE {where}", values)
    elif present is None:
        names, marks = ", ".join(wanted), ", ".join("?" * len(wanted))
        db.execute(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", tuple(wanted.values()))
    else:
        changed = {name: value for name, value in wanted.items() if not canonical.same(value, present[name])}
        if changed:
            sets = ", ".join(f"{name} = ?" for name in changed)
            db.execute(f"UPDATE {table.name} AS t SET {sets} WHERE {where}", (*changed.values(), *values))
