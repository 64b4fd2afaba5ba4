"""Bring a table of an older store to the shape that its model gives it now, after an upgrade added a column.

SQLite appends a column at the end.  A store must look the same however it came to its schema, so that `verify` can
compare it: the table is made anew with its rows, indexes and triggers; what other programs added to it stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pjais import sql_text, sqlite
from pjais.core.model import Model
from pjais.core.table import Table
from pjais.targets.sqlite import compare, ddl

_BEFORE = "migration_before_reshape"
"""The name of a table while it is made anew; no other table has it (`pjais.sql_text`)."""


def reshape(db: sqlite.Connection, model: Model) -> None:
    """Rebuild every table whose columns do not begin with the model's.

    The caller is in a transaction, and has turned foreign keys off and `legacy_alter_table` on.
    """
    for table in model.tables:
        wanted = [*table.column_names, *(["search_id"] if table.search is not None else [])]
        if sqlite.column_names(db, table.name)[: len(wanted)] != tuple(wanted):
            make_anew(
                db, table, table, [sql for key, sql in compare.definitions(model).items() if _is_of(key, table) and sql]
            )


def _is_of(key: str, table: Table) -> bool:
    return key.endswith(f" of {table.name}") and not key.startswith("table ")


def make_anew(db: sqlite.Connection, was: Table, table: Table, around: Sequence[str]) -> None:
    """Make a table anew with other columns, or types of columns, and its rows as they are.

    `around`: the SQL of its indexes and triggers; what other programs added to it stays.
    """
    kept = "SELECT name, sql, type FROM sqlite_schema WHERE tbl_name = ? AND type IN ('index', 'trigger')"
    there = sqlite.fetch(db, f"{kept} AND sql IS NOT NULL", (was.name,))
    ours = {_named(sql) for sql in _statements(around)}
    theirs = [sql for name, sql, _ in there if name not in ours]
    legacy = sqlite.value(db, "PRAGMA legacy_alter_table")
    sqlite.fetch(db, "PRAGMA legacy_alter_table = ON")  # views and triggers must not follow a renamed table
    db.execute(f"ALTER TABLE {was.sql} RENAME TO {_BEFORE}")
    for name, _, kind in there:
        if kind == "trigger":
            db.execute(f"DROP TRIGGER {sql_text.quoted(name)}")
    db.execute(ddl.create_table(table))
    now = set(sqlite.column_names(db, table.name))
    gone = set(was.column_names) - set(table.column_names)
    for name, kind, needed, default in sqlite.fetch(
        db, 'SELECT name, type, "notnull", dflt_value FROM pragma_table_info(?)', (_BEFORE,)
    ):
        if name not in now and name not in gone:
            rest = f"{kind}{' NOT NULL' if needed else ''}{'' if default is None else f' DEFAULT {default}'}"
            db.execute(f"ALTER TABLE {table.sql} ADD COLUMN {sql_text.quoted(name)} {rest}")
    held = (name for name in sqlite.column_names(db, _BEFORE) if name not in gone)
    names = ", ".join(map(sql_text.quoted, held))
    db.execute(f"INSERT INTO {table.sql} ({names}) SELECT {names} FROM {_BEFORE} ORDER BY rowid")
    db.execute(f"DROP TABLE {_BEFORE}")
    for sql in (*around, *theirs):
        db.execute(sql)
    sqlite.fetch(db, f"PRAGMA legacy_alter_table = {legacy}")


_NAME = re.compile(r'CREATE (?:UNIQUE )?(?:INDEX|TRIGGER) ("(?:[^"]|"")+"|\w+)')


def _statements(scripts: Sequence[str]) -> Iterator[str]:
    for script in scripts:
        for found in _NAME.finditer(script):
            yield found[0]


def _named(sql: str) -> str:
    """Return the name of what a CREATE statement makes."""
    found = _NAME.match(sql)
    name = "" if found is None else found[1]
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
