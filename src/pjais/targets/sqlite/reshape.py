"""Bring a table of an older store to the shape that its model gives it now, after an upgrade added a column.

SQLite appends a column at the end.  A store must look the same however it came to its schema, so that `verify` can
compare it: the table is made anew with its rows, indexes and triggers; what other programs added to it stays.
"""

from __future__ import annotations

from pjais import sqlite
from pjais.core.model import Model
from pjais.core.table import Table
from pjais.targets.sqlite import compare, ddl


def reshape(db: sqlite.Connection, model: Model) -> None:
    """Rebuild every table whose columns do not begin with the model's.

    The caller is in a transaction, and has turned foreign keys off and `legacy_alter_table` on.
    """
    for table in model.tables:
        wanted = [*table.column_names, *(["search_id"] if table.search is not None else [])]
        if sqlite.column_names(db, table.name)[: len(wanted)] != tuple(wanted):
            _make_anew(db, model, table)


def _make_anew(db: sqlite.Connection, model: Model, table: Table) -> None:
    ours = {key: sql for key, sql in compare.definitions(model).items() if key.endswith(f" of {table.name}")}
    theirs = [
        sql
        for key, sql in sqlite.fetch(
            db,
            "SELECT type || ' ' || name || ' of ' || tbl_name, sql FROM sqlite_schema "
            "WHERE tbl_name = ? AND type IN ('index', 'trigger') AND sql IS NOT NULL",
            (table.name,),
        )
        if key not in ours
    ]
    before = f"{table.name}_before_upgrade"
    db.execute(f"ALTER TABLE {table.name} RENAME TO {before}")
    for name in (key.split()[1] for key in ours if key.startswith("trigger ")):
        db.execute(f"DROP TRIGGER IF EXISTS {sqlite.quoted(name)}")
    db.execute(ddl.create_table(table))
    there = set(sqlite.column_names(db, table.name))
    for name, kind, needed, default in sqlite.fetch(
        db, 'SELECT name, type, "notnull", dflt_value FROM pragma_table_info(?)', (before,)
    ):
        if name not in there:
            rest = f"{kind}{' NOT NULL' if needed else ''}{'' if default is None else f' DEFAULT {default}'}"
            db.execute(f"ALTER TABLE {table.name} ADD COLUMN {sqlite.quoted(name)} {rest}")
    names = ", ".join(sqlite.quoted(name) for name in sqlite.column_names(db, before))
    db.execute(f"INSERT INTO {table.name} ({names}) SELECT {names} FROM {before} ORDER BY rowid")
    db.execute(f"DROP TABLE {before}")
    for sql in (*(sql for key, sql in ours.items() if sql and not key.startswith("table ")), *theirs):
        db.execute(sql)
