"""List the tables and columns of a SQLite file, by which its kind is recognised.  Imported only for a SQLite file."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from pjais import sqlite
from pjais.sources.contract import Tables


def tables(path: Path, expected: str | None) -> Tables:
    """Return the tables and columns of a SQLite file; `expected` is the kind that its name suggests."""
    with sqlite.whole(path) as there, closing(sqlite.open_frozen(there)) as connection:
        return _tables(connection, expected)


def columns(path: Path) -> dict[str, set[str]]:
    """Return the columns of each table of a plain SQLite file, in lower case; a WAL is not looked at."""
    with closing(sqlite.open_frozen(path)) as connection:
        return _columns(connection)


def _tables(connection: sqlite.Connection, expected: str | None) -> Tables:
    columns = _columns(connection)
    ids = [sqlite.pragma_int(connection, name) for name in ("application_id", "user_version")]
    return Tables(columns, ids[0], ids[1], expected, _is_browsers(connection, columns))


def _columns(connection: sqlite.Connection) -> dict[str, set[str]]:
    columns: dict[str, set[str]] = {}
    for table, column in sqlite.each(
        connection,
        "SELECT t.name, c.name FROM pragma_table_list AS t, pragma_table_xinfo(t.name) AS c "
        "WHERE t.schema = 'main' AND t.type = 'table'",
    ):
        columns.setdefault(str(table).lower(), set()).add(str(column).lower())
    return columns


def _is_browsers(connection: sqlite.Connection, columns: dict[str, set[str]]) -> bool:
    """Return whether it is a database of the browser itself, without any app's data: cookies, history, quotas."""
    marked = "SELECT 1 FROM meta WHERE key = 'last_compatible_version'"
    return {"key", "value"} <= columns.get("meta", set()) and sqlite.first(connection, marked) is not None
