"""Yield the records of a store as documents of our export: list by list, each list sorted by id."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from typing import Any

from pjais import canonical, sqlite
from pjais.core.model import Model
from pjais.core.table import Record, Table
from pjais.errors import SourceDamaged
from pjais.models.documents import blobs
from pjais.targets.sqlite import ddl


def documents(db: sqlite.Connection, model: Model) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every record of an open store as a document of our export, with the name of its list; sorted by id."""
    for name, tables in model.lists.items():
        for table in tables:
            for record in records(db, table, None):
                yield name, document(db, model, record)


def document(db: sqlite.Connection, model: Model, record: Record) -> dict[str, Any]:
    """Return a record as our export has it, with the bytes of a document's Blobs, or those that it is about."""
    found = model.exported(record)
    if model.table_of(record).of_bytes:
        held = blobs.named(db, {record.id})
    else:
        held = blobs.of(db, found["document"]) if "table" in found else {}
    return {**found, "blobs": {digest: _base64(data) for digest, data in held.items()}} if held else found


def line(document: dict[str, Any]) -> str:
    """Return a document of our export as text: each object sorted by key, but for the value of any app's document.

    The order of its properties is the app's, and tagged JSON counts objects in it.
    """
    if "table" not in document:
        return canonical.dumps(document, sort=True)
    members = (f"{canonical.dumps(name)}:{canonical.dumps(document[name])}" for name in sorted(document))
    return f"{{{','.join(members)}}}"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def records(db: sqlite.Connection, table: Table, keys: Sequence[str] | None) -> Iterator[Record]:
    """Yield the records of a table, sorted by key; `keys` limits it to some."""
    columns = table.column_list
    order = table.key_list if table.plain_key or not table.is_of_documents else ddl.key_sql(table, "t")
    if keys is None:
        for row in sqlite.each(db, f"SELECT {columns} FROM {table.sql} AS t ORDER BY {order}"):
            yield _record(table, row)
        return
    key = ddl.key_sql(table, "t")
    for one in sorted(keys):
        for row in sqlite.fetch(db, f"SELECT {columns} FROM {table.sql} AS t WHERE {key} = ?", (one,)):
            yield _record(table, row)


def _record(table: Table, row: tuple[Any, ...]) -> Record:
    try:
        return table.to_record(row)
    except (ValueError, TypeError) as error:
        raise SourceDamaged(
            "a row of the store holds what no record can be",
            where=[f"{table.name} {row[0]}"],
            next_command="pjais verify",
        ) from error
