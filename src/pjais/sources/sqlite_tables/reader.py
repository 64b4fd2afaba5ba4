"""SQLite sources: every row of every table, as a dict of its columns, exactly as SQLite returns it.

Reads the consistent copy of the snapshot.  LiveStore's own tables, SQLite's, and the shadow tables of virtual
tables are not data.  A file that fails SQLite's integrity check is read page by page, so that intact rows are
salvaged and damaged ones are named.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from pjais import canonical, sqlite, sqlite_wal
from pjais.core.document import Document, Piece, Remark, Unreadable
from pjais.core.snapshot import Snapshot
from pjais.errors import SourceDamaged
from pjais.formats import sqlite_pages
from pjais.sources.contract import Collection
from pjais.sql_text import SYSTEM_NAMES, quoted

_FIRST = ("personas", "memoryentities", "memory_entities", "memories", "conversations")
_SECONDS = re.compile(
    r"\(*\s*(?:unixepoch\s*\([^)]*\)|(?:cast\s*\(\s*)?strftime\s*\(\s*['\"]%s['\"][^)]*\)[^*]*?)\s*\)*", re.I
)
"""Column defaults that produce Unix seconds; times a thousand they produce milliseconds."""


def read(snapshot: Snapshot, *, own: bool = False, derived: Iterable[str] = ()) -> Iterator[Piece]:
    """Read the rows of a SQLite snapshot, personas first, so that references mostly point backwards.

    `own`: it is a store of ours, of which only the records are read, and no `derived` table.
    """
    passed_over = {*SYSTEM_NAMES, *derived} if own else set()
    lost = [line for line in snapshot.unsound if line.startswith(sqlite.NOT_APPLIED)]
    for line in lost:
        yield Unreadable("$file", f"{snapshot.name}, WAL or journal", b"", line)
    torn = sqlite_wal.torn_tail(snapshot.folder / f"{snapshot.files[0].stored}-wal") if snapshot.consistent else None
    if torn and not lost:
        yield Remark("torn-tail", "$file", f"{snapshot.name}-wal", torn)
    if len(snapshot.unsound) > len(lost):
        for piece in sqlite_pages.salvage(snapshot.path):
            if piece.collection in passed_over:
                continue
            if own and isinstance(piece, Document):
                piece.value.pop("search_id", None)
            yield piece
        return
    with closing(sqlite.open_frozen(snapshot.path)) as connection:
        try:
            tables = [table for table in data_tables(connection) if table not in passed_over]
        except SourceDamaged:  # a table name that is no text
            yield from sqlite_pages.salvage(snapshot.path)
            return
        for table in tables:
            yield from _rows_or_pages(connection, table, snapshot.path, own)


def read_file(path: Path, wanted: Callable[[str], bool], order: Sequence[str] = ()) -> Iterator[Document | Unreadable]:
    """Yield the rows of those tables of a plain SQLite file that are wanted; of a damaged file what is intact.

    `order`: tables that come first.  No row of any other table is yielded.  What belongs to no table for certain is
    an `Unreadable` of `$file`.
    """
    with closing(sqlite.open_frozen(path)) as connection:
        tables = None
        if not sqlite.problems(connection):
            try:
                tables = [table for table in data_tables(connection) if wanted(table)]
            except (SourceDamaged, sqlite.Error):
                tables = None
        if tables is not None:
            place = {table: number for number, table in enumerate(order)}
            for table in sorted(tables, key=lambda one: place.get(one, len(place))):
                yield from _rows_or_pages(connection, table, path, own=False)
            return
    for piece in sqlite_pages.salvage(path):
        if isinstance(piece, Unreadable) or wanted(piece.collection):
            yield piece


def _rows_or_pages(connection: sqlite.Connection, table: str, path: Path, own: bool) -> Iterator[Document | Unreadable]:
    """Yield a table's rows as SQLite returns them; if it cannot (a collation of the app's), from its pages."""
    began = False
    try:
        for document in _rows(connection, table, own):
            began = True
            yield document
    except (SourceDamaged, sqlite.Error) as error:
        pieces = [] if began else [one for one in sqlite_pages.salvage(path) if one.collection == table]
        yield from pieces or [Unreadable(table, f"table {table}", b"", f"cannot be read: {error}")]


def data_tables(connection: sqlite.Connection) -> list[str]:
    """Return the tables that hold user data, in reading order; of virtual tables those with rows of their own."""
    found = sqlite.fetch(
        connection,
        "SELECT t.name, t.type, s.sql FROM pragma_table_list AS t LEFT JOIN sqlite_schema AS s ON s.name = t.name "
        "WHERE t.schema = 'main' AND t.type IN ('table', 'virtual')",
    )
    data = [
        str(name)
        for name, kind, sql in found
        if not str(name).startswith(("sqlite_", "__livestore_"))
        and (kind == "table" or "content=" not in str(sql).replace(" ", ""))
    ]
    first = {name: number for number, name in enumerate(_FIRST)}
    return sorted(data, key=lambda name: (first.get(name.lower(), len(_FIRST)), name))


def known(connection: sqlite.Connection) -> Iterator[Collection]:
    """Yield each table with its key and its DDL, in reading order."""
    ddl = sqlite.pairs(connection, "SELECT name, sql FROM sqlite_schema WHERE type = 'table'")
    for table in data_tables(connection):
        keys = sqlite.fetch(connection, "SELECT name FROM pragma_table_info(?) WHERE pk ORDER BY pk", (table,))
        is_empty = sqlite.first(connection, f"SELECT 1 FROM {quoted(table)} LIMIT 1") is None
        yield Collection(table, key_path=tuple(str(name) for (name,) in keys), schema=ddl.get(table), is_empty=is_empty)


def _rows(connection: sqlite.Connection, table: str, own: bool) -> Iterator[Document | Unreadable]:
    info = sqlite.fetch(
        connection,
        "SELECT name, pk, hidden, dflt_value FROM pragma_table_xinfo(?) WHERE hidden IN (0, 2, 3) ORDER BY cid",
        (table,),
    )
    columns = [str(name) for name, *_ in info if not (own and name == "search_id")]
    stored = [str(name) for name, _, hidden, _ in info if hidden != 2 and name in columns]
    keys = [str(name) for name, pk, *_ in sorted(info, key=lambda row: row[1]) if pk]
    seconds = tuple(f"seconds:{name}" for name, *_, default in info if _SECONDS.fullmatch(str(default)))
    rowid = _rowid(connection, table, {name.lower() for name in columns})
    order = rowid or ", ".join(quoted(name) for name in keys)
    order = f"ORDER BY {order}" if order else ""
    named = [name for name in columns if name.lower() == "id"] or keys
    if named != keys and _occurs_twice(connection, table, named[0]):
        named = keys  # else one row would take the place of another
    number = 0
    # The second and third way are for tables that use functions or collations of the app's.
    for chosen, ordering in ((columns, order), (stored, order), (stored, "")):
        try:
            for row, notes in _fetched(connection, table, chosen, rowid, ordering, number):
                number += 1
                value = dict(zip(chosen, row[1:], strict=True))
                native_id = _native_id([value[name] for name in named], row[0])
                where = f"row {row[0] if rowid else number}"
                noted = (*notes, *_of_numbers(value, seconds))
                yield Document(table, native_id, where, value, None, noted, key=None if named else row[0])
        except sqlite.Error:
            if ordering == "":
                raise
        else:
            return


def _occurs_twice(connection: sqlite.Connection, table: str, column: str) -> bool:
    """Return whether a column that is no key has a value more than once."""
    name = quoted(column)
    try:
        sql = f"SELECT 1 FROM {quoted(table)} GROUP BY {name} HAVING count(*) > 1 LIMIT 1"
        return sqlite.first(connection, sql) is not None
    except sqlite.Error:
        return False


def _of_numbers(value: dict[str, Any], seconds: tuple[str, ...]) -> tuple[str, ...]:
    """Return the notes for the columns that hold a number in this row."""
    return tuple(note for note in seconds if type(value.get(note[8:])) in (int, float)) if seconds else ()


def _fetched(
    connection: sqlite.Connection, table: str, columns: list[str], rowid: str | None, order: str, skip: int
) -> Iterator[tuple[tuple[Any, ...], tuple[str, ...]]]:
    """Yield (row with its rowid first, notes) for all rows but the first ones; invalid text does not end it."""
    select = ", ".join(quoted(name) for name in columns)
    sql = f"SELECT {rowid or 'NULL'}, {select} FROM {quoted(table)} {order} LIMIT -1 OFFSET ?"
    cursor = connection.execute(sql, (skip,))
    while True:
        try:
            row = cursor.fetchone()
        except UnicodeDecodeError:
            yield _bad_text_row(connection, table, columns, rowid, order, skip), ("invalid-utf8",)
            cursor = connection.execute(sql, (skip + 1,))
        else:
            if row is None:
                return
            yield row, ()
        skip += 1


def _rowid(connection: sqlite.Connection, table: str, columns: set[str]) -> str | None:
    """Return a name by which the table's rowid can be selected, if it has one."""
    without = sqlite.first(connection, "SELECT wr FROM pragma_table_list WHERE schema = 'main' AND name = ?", (table,))
    if without and without[0]:
        return None
    return next((name for name in ("rowid", "_rowid_", "oid") if name not in columns), None)


def _native_id(keys: list[Any], rowid: Any) -> str | None:
    if len(keys) == 1 and type(keys[0]) in (str, int):
        return str(keys[0])
    if keys and all(type(key) in (str, int) for key in keys):
        return canonical.dumps(keys)
    return None if rowid is None else str(rowid)


def _bad_text_row(
    connection: sqlite.Connection, table: str, columns: list[str], rowid: str | None, order: str, number: int
) -> tuple[Any, ...]:
    """Fetch row `number`, which holds text that is not UTF-8, as bytes; keep bad bytes as U+DC80-U+DCFF."""
    asked = ", ".join(
        f"typeof({quoted(name)}), CASE typeof({quoted(name)}) WHEN 'text' THEN CAST({quoted(name)} AS BLOB) "
        f"ELSE {quoted(name)} END"
        for name in columns
    )
    (row,) = sqlite.fetch(
        connection, f"SELECT {rowid or 'NULL'}, {asked} FROM {quoted(table)} {order} LIMIT 1 OFFSET ?", (number,)
    )
    pairs = zip(row[1::2], row[2::2], strict=True)
    return (row[0], *(value.decode("utf-8", "surrogateescape") if kind == "text" else value for kind, value in pairs))
