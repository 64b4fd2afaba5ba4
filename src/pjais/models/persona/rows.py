"""Convert records to rows and back: the stored form of every value, in one place.

`to_row(record)` is what a writer binds and what a digest covers; `to_record(table, row)` is its inverse.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from pjais import canonical, instants
from pjais.models.persona.records import Record
from pjais.models.persona.tables import BY_RECORD, TABLES, Table

Row = tuple[Any, ...]


def _json(value: Any) -> str | None:
    return None if value is None else canonical.dumps(value)


def _extra(value: dict[str, Any]) -> str | None:
    """An empty `extra` is NULL, so that ordinary records look ordinary."""
    return canonical.dumps(value) if value else None


def _instant(value: int | None) -> str | None:
    return None if value is None else instants.to_text(value)


def _content(value: Any) -> str:
    return value if type(value) is str else canonical.dumps(value)


def _content_format(value: Any) -> str:
    return "text" if type(value) is str else "json"


_ENCODERS: dict[str, Callable[[Any], Any] | None] = {
    "text": None,
    "number": None,
    "bool": int,
    "json": _json,
    "instant": _instant,
    "content": _content,
    "content_format": _content_format,
}


def _steps(table: Table) -> tuple[tuple[int, Callable[[Any], Any] | None], ...]:
    fields = table.record._fields
    steps = []
    for column in table.columns:
        attribute = "content" if column.form == "content_format" else column.name
        encode = _extra if column.name == "extra" else _ENCODERS[column.form]
        steps.append((fields.index(attribute), encode))
    return tuple(steps)


_STEPS = {table.record: _steps(table) for table in TABLES}
_KEY_COLUMNS = {table.name: len(table.key) for table in TABLES}


def to_row(record: Record) -> Row:
    """The record as the values that its table's columns hold, in order."""
    return tuple([record[index] if encode is None else encode(record[index]) for index, encode in _STEPS[type(record)]])


def to_record(table: Table, row: Row) -> Record:
    """The record that a row holds.  Raises ValueError where some other writer left what no record can be."""
    stored = dict(zip(table.column_names, row, strict=True))
    values: dict[str, Any] = {}
    for column in table.columns:
        value = stored[column.name]
        if column.form == "json":
            value = {} if value is None and column.name == "extra" else value
            value = canonical.loads(value) if isinstance(value, str) else value
        elif column.form == "instant" and value is not None:
            value = instants.from_text(value)
        elif column.form == "bool":
            value = bool(value)
        elif column.form == "content" and stored["content_format"] == "json":
            value = canonical.loads(value)
        if column.form != "content_format":
            values[column.name] = value
    return table.record(**values)


def record_digest(record: Record) -> bytes:
    """The digest of a record: that of its stored form."""
    return canonical.digest(to_row(record))


def table_of(record: Record) -> Table:
    """The table that a record belongs to."""
    return BY_RECORD[type(record)]


def record_key(record: Record) -> str:
    """The record's key as `changes` and `migration_records` write it."""
    table = table_of(record)
    if len(table.key) == 1:
        return record.id
    return _key_text([getattr(record, name) for name in table.key])


def row_key(table: str, row: Row) -> str:
    """The key of the record that a row holds, as `record_key` gives it; keys are a table's first columns."""
    count = _KEY_COLUMNS[table]
    return str(row[0]) if count == 1 else _key_text(row[:count])


def _key_text(parts: Sequence[str]) -> str:
    return json.dumps(list(parts), ensure_ascii=False, separators=(",", ":"))
