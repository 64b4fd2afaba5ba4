"""The history of a store, from `changes`, whoever wrote: a record's versions, differences, and restoring records.

Values are shown as people and JSON see them: JSON as a value, booleans as booleans, instants as ISO-8601.
Restoring is an ordinary write: validated, its references checked, itself in the history.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple

from pjais import canonical, choices, instants, journal, sql_text, sqlite
from pjais.core import validate
from pjais.core.mapping import Draft
from pjais.core.model import Model
from pjais.core.results import Changed, Restored
from pjais.core.shown import INSTANT, Named, fields_as_json
from pjais.core.table import Column, Record, Table
from pjais.errors import UsageError, ValidationFailed
from pjais.store.as_of import Values, match, moment, record_of, row_at, row_now, stored, table_named
from pjais.store.operations import last_change, of_change
from pjais.store.pool import Pool

When = int | str
"""A point in time for `diff`: the number of a change, a time (ISO-8601), or `now`."""


class Moment(NamedTuple):
    """One change of one record: its number, time (ms), operation (insert, update, delete), and fields.

    `by`: the name of the transaction that it was part of (`mcp:<client>:<tool>` for an assistant's; `undo of ...`);
    empty for one without a name; None if another program, or a migration, made it.
    """

    seq: Annotated[int, Named("event")]
    at: Annotated[int | None, INSTANT]
    op: str
    table: str
    key: Annotated[str, Named("id")]
    changes: tuple[Changed, ...]
    by: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the change as a JSON object."""
        return fields_as_json(self)


def history(db: sqlite.Connection, model: Model, record_id: str, table: str | None = None) -> list[Moment]:
    """Return every change of a record, oldest first; if several tables have the id, table by table.

    Empty for a record that was not changed since the migration.  Raises UsageError for an id that never existed.
    """
    found = find(db, model, record_id, table)
    if not found:
        raise UsageError("record not found at any time since the migration", where=[record_id])
    return [one for held, key in found for one in reversed(list(_backwards(db, held, key)))]


def find(db: sqlite.Connection, model: Model, record_id: str, table: str | None = None) -> list[tuple[Table, str]]:
    """Return (table, key) of the records that have or had an id.  A document without a model is found by id or key."""
    choices.text("record_id", record_id)
    found = []
    for one in model.tables if table is None else (table_named(model, table),):
        for key in _keys_of_carried(db, one, record_id) if one.carries else one.possible_keys(record_id):
            touched = sqlite.first(db, f"{_OF_RECORD} LIMIT 1", (one.name, key))
            if touched is not None or row_now(db, one, key) is not None:
                found.append((one, key))
    return found


_OF_RECORD = "SELECT seq FROM changes WHERE table_name = ? AND record_id = ?"


def _keys_of_carried(db: sqlite.Connection, table: Table, record_id: str) -> tuple[str, ...]:
    keys = f"SELECT json_array(collection, id) FROM {table.sql} WHERE id = ?1 OR json_array(collection, id) = ?1"
    past = (
        "SELECT DISTINCT record_id FROM changes WHERE table_name = ?2 "
        "AND (record_id = ?1 OR json_extract(record_id, '$[1]') = ?1)"
    )
    return tuple(key for (key,) in sqlite.fetch(db, f"{keys} UNION {past}", (record_id, table.name)))


def _backwards(db: sqlite.Connection, table: Table, key: str) -> Iterator[Moment]:
    """Yield a record's changes, newest first.  If its row and its last change disagree, the history wins."""
    row = row_now(db, table, key)
    for seq, at, op, before, after in sqlite.each(
        db,
        "SELECT seq, at, op, before, after FROM changes WHERE table_name = ? AND record_id = ? ORDER BY seq DESC",
        (table.name, key),
    ):
        late = None if op == "delete" else {**_nothing(table), **(row or {}), **stored(table, after)}
        early = None if op == "insert" else {**_nothing(table), **(late or {}), **stored(table, before)}
        changes = tuple(differences(table, key, early, late))
        yield Moment(seq, instants.from_text(at), op, table.name, key, changes, _by(db, seq))
        row = early


def _by(db: sqlite.Connection, seq: int) -> str | None:
    """Return the name of the transaction that a change was part of."""
    found = of_change(db, seq)
    if found is None:
        return None
    kind, label = found
    return label if kind == "do" else f"{kind} of {label or 'an operation'}"


def _nothing(table: Table) -> Values:
    return dict.fromkeys(table.column_names)


def diff(db: sqlite.Connection, model: Model, before: When, after: When = "now") -> list[Changed]:
    """Return the differences between two points in time, by record and field.  Raises UsageError."""
    early, late = (_resolved(db, one) for one in (before, after))
    low, high = sorted((early, late))
    found: list[Changed] = []
    for table in model.tables:
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
    """Yield the differences between two versions of a row, field by field."""
    if before is None and after is None:
        return
    if before is None or after is None:
        yield Changed(table.name, key, None, _all_shown(table, before), _all_shown(table, after))
        return
    for column in _fields(table):
        if not canonical.same(_held(column, before), _held(column, after)):
            yield Changed(table.name, key, column.name, shown(column, before), shown(column, after))


def _held(column: Column, row: Values) -> tuple[Any, ...]:
    """Return the stored values of a field; content has two columns."""
    return (row[column.name], row["content_format"] if column.form == "content" else None)


def _fields(table: Table) -> Iterator[Column]:
    return (column for column in table.columns if column.form != "content_format")


def _all_shown(table: Table, row: Values | None) -> dict[str, Any] | None:
    return None if row is None else {column.name: shown(column, row) for column in _fields(table)}


def shown(column: Column, row: Values) -> Any:
    """Decode a stored value; invalid JSON of another program is returned as text."""
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
    pool: Pool, table: str, key: str, *, seq: int | None = None, time: int | str | None = None, field: str | None = None
) -> Restored:
    """Restore a record, or one field of it, to its version at a point in time.

    `updated_at` becomes now for an existing record; a deleted one is restored exactly as it was.  A persona that was
    active becomes the only active one.
    Raises UsageError if the record did not exist then, or what it refers to is missing; ValidationFailed if that
    version is not valid by its model.
    """
    held = table_named(pool.model, table)
    choices.text("record_id", key)
    choices.maybe("field", field)
    if field is not None and field not in held.record._fields:
        raise UsageError("unknown field", where=[field, f"one of: {', '.join(held.record._fields)}"])
    if field in held.key:
        raise UsageError("an id does not change", where=[key])
    with pool.writer(f"restore {held.name} {key}") as db:
        then = row_at(db, held, key, moment(db, seq, time))
        if then is None:
            raise UsageError(
                "the record did not exist at that time",
                where=[f"{held.name} {key}"],
                next_command=f"pjais history {shlex.quote(key)}",
            )
        present = row_now(db, held, key)
        wanted, fields = _wanted(held, key, then, present, field)
        if not fields:
            return Restored(held.name, key, (), None)
        _refuse_bad(db, held, wanted)
        flag = held.sole
        if flag is not None and wanted[flag] and not (present and present[flag]):
            db.execute(f"UPDATE {held.sql} SET {flag} = 0 WHERE {flag} = 1 AND {held.key[0]} <> ?", (key,))
        put(db, held, key, wanted)
        return Restored(held.name, key, fields, last_change(db))


def _wanted(
    table: Table, key: str, then: Values, present: Values | None, field: str | None
) -> tuple[Values, tuple[str, ...]]:
    """Return the row to write, and the names of the restored fields."""
    if present is None:
        if field is not None:
            raise UsageError("record deleted: restore the whole record", where=[f"{table.name} {key}"])
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
        wanted["updated_at"] = instants.to_text(journal.now_ms())  # it is a change made now, and must count as one
    return wanted, tuple(names)


def _refuse_bad(db: sqlite.Connection, table: Table, values: Values) -> None:
    """Validate a row by its model, and its references.  Raises ValidationFailed, UsageError."""
    record: Record = record_of(table, values)
    problems = validate.check(Draft(record, ()))
    if not validate.valid(problems):
        raise ValidationFailed(
            "that version is invalid: another program had written it",
            where=[f"{field}: {message}" for level, _, field, message in problems if level == "error"],
            safe="Nothing was written.",
            next_command=f"pjais history {shlex.quote(str(values[table.key[-1]]))}",
        )
    for column, value, targets in missing_references(db, table, values):
        raise UsageError(
            f"a referenced record is missing in {targets[0]}; restore that first",
            where=[f"{column}: {value}"],
            next_command=f"pjais history {shlex.quote(str(value))}",
        )


def missing_references(
    db: sqlite.Connection, table: Table, values: Values
) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Return a row's dangling references: (column, value, tables that it may refer to)."""
    for column, targets in table.references:
        value = values[column]
        if value is not None and not any(
            sqlite.first(db, f"SELECT 1 FROM {target} WHERE id = ?", (value,)) for target in targets
        ):
            yield column, value, targets


def put(db: sqlite.Connection, table: Table, key: str, wanted: Values | None) -> None:
    """Set a row to the wanted values (None: delete it), as an ordinary write that triggers see."""
    where, values = match(table, key)
    present = row_now(db, table, key)
    if wanted is None:
        db.execute(f"DELETE FROM {table.sql} AS t WHERE {where}", values)
    elif present is None:
        names, marks = ", ".join(map(sql_text.identifier, wanted)), ", ".join("?" * len(wanted))
        db.execute(f"INSERT INTO {table.sql} ({names}) VALUES ({marks})", tuple(wanted.values()))
    else:
        changed = {name: value for name, value in wanted.items() if not canonical.same(value, present[name])}
        if changed:
            sets = ", ".join(f"{sql_text.identifier(name)} = ?" for name in changed)
            db.execute(f"UPDATE {table.sql} AS t SET {sets} WHERE {where}", (*changed.values(), *values))
