"""SQLite sources: every row of every table, as a dict of its columns, exactly as SQLite gives it.

Reads the consistent copy of the snapshot.  LiveStore's own tables, SQLite's, and the shadow tables of virtual
tables are not data (formats/livestore.md §2).  A file that fails SQLite's integrity check is read page by
page, so that what is sound is saved and what is not is named.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

from pjais import sqlite
from pjais.model import Document, Snapshot, Unreadable
from pjais.read import sqlite_pages
from pjais.schema.ddl import SYSTEM_NAMES, quoted

_FIRST = ("personas", "memoryEntities", "memory_entities", "memories", "conversations")


def read(snapshot: Snapshot) -> Iterator[Document | Unreadable]:
    """The rows of a SQLite snapshot, personas first, so that references mostly point backwards."""
    own = snapshot.dialect == "pjais"
    if snapshot.unsound:
        for piece in sqlite_pages.salvage(snapshot.path):
            if own and piece.collection in SYSTEM_NAMES:
                continue
            if own and isinstance(piece, Document):
                piece.value.pop("search_id", None)
            yield piece
        return
    with closing(sqlite.open_frozen(snapshot.path)) as connection:
        for table in data_tables(connection):
            if not own or table not in SYSTEM_NAMES:
                yield from _rows(connection, table, own)


def data_tables(connection: sqlite.Connection) -> list[str]:
    """The tables that hold somebody's data, in reading order."""
    names = [
        str(row[0])
        for row in sqlite.each(
            connection, "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
        )
    ]
    data = [name for name in names if not name.startswith(("sqlite_", "__livestore_"))]
    return sorted(data, key=lambda name: (_FIRST.index(name) if name in _FIRST else len(_FIRST), name))


def _rows(connection: sqlite.Connection, table: str, own: bool) -> Iterator[Document | Unreadable]:
    info = sqlite.fetch(
        connection, "SELECT name, pk FROM pragma_table_xinfo(?) WHERE hidden IN (0, 2, 3) ORDER BY cid", (table,)
    )
    columns = [str(name) for name, _ in info if not (own and name == "search_id")]
    keys = [str(name) for name, pk in sorted(info, key=lambda row: row[1]) if pk]
    rowid = _rowid(connection, table, {name.lower() for name in columns})
    select = ", ".join(quoted(name) for name in columns)
    order = rowid or ", ".join(quoted(name) for name in keys)
    place = rowid or "NULL"
    sql = f"SELECT {place}, {select} FROM {quoted(table)} ORDER BY {order}"
    cursor = connection.execute(sql)
    key_indexes = [columns.index(name) for name in (["id"] if "id" in columns else keys)]
    number = 0
    while True:
        number += 1
        notes: tuple[str, ...] = ()
        try:
            row = cursor.fetchone()
        except UnicodeDecodeError:
            row = _bad_text_row(connection, table, columns, rowid, order, number)
            cursor = connection.execute(f"{sql} LIMIT -1 OFFSET ?", (number,))
            notes = ("invalid-utf8",)
        if row is None:
            return
        values = row[1:]
        native_id = _native_id([values[index] for index in key_indexes], row[0])
        where = f"row {row[0] if rowid else number}"
        yield Document(table, native_id, where, dict(zip(columns, values, strict=True)), None, notes)


def _rowid(connection: sqlite.Connection, table: str, columns: set[str]) -> str | None:
    """A name under which the table's rowid can be asked, if it has one."""
    without = sqlite.first(connection, "SELECT wr FROM pragma_table_list WHERE schema = 'main' AND name = ?", (table,))
    if without and without[0]:
        return None
    return next((name for name in ("rowid", "_rowid_", "oid") if name not in columns), None)


def _native_id(keys: list[Any], rowid: Any) -> str | None:
    if len(keys) == 1 and type(keys[0]) in (str, int):
        return str(keys[0])
    if keys and all(type(key) in (str, int) for key in keys):
        return "/".join(str(key) for key in keys)
    return None if rowid is None else str(rowid)


def _bad_text_row(
    connection: sqlite.Connection, table: str, columns: list[str], rowid: str | None, order: str, number: int
) -> tuple[Any, ...]:
    """One row that holds text which is not UTF-8: fetched as bytes, bad bytes kept as U+DC80-U+DCFF."""
    asked = ", ".join(
        f"typeof({quoted(name)}), CASE typeof({quoted(name)}) WHEN 'text' THEN CAST({quoted(name)} AS BLOB) "
        f"ELSE {quoted(name)} END"
        for name in columns
    )
    (row,) = sqlite.fetch(
        connection,
        f"SELECT {rowid or 'NULL'}, {asked} FROM {quoted(table)} ORDER BY {order} LIMIT 1 OFFSET ?",
        (number - 1,),
    )
    pairs = zip(row[1::2], row[2::2], strict=True)
    return (
        row[0],
        *(value.decode("utf-8", "surrogateescape") if kind == "text" else value for kind, value in pairs),
    )
