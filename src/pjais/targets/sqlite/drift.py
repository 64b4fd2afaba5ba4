"""Report schema drift: a table or column of ours that another program removed or renamed.

Checked only after SQLite has refused a statement of ours, so that opening a store costs nothing more.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from pjais import sqlite
from pjais.core.model import Model
from pjais.errors import ForeignTarget
from pjais.targets.sqlite import ddl


def explained(path: Path, model: Model, error: Exception) -> ForeignTarget | None:
    """Return the refusal as an error that names table and column; None if the store's schema is intact."""
    try:
        with closing(sqlite.open_reader(path)) as db:
            if sqlite.pragma_int(db, "user_version") != model.schema_version:
                return None
            gone, renamed = _lost(_columns(db), _expected(model))
    except (sqlite.Error, OSError):
        return None
    if not gone:
        return None
    advice = "; ".join(f"ALTER TABLE {table} RENAME COLUMN {now} TO {name}" for table, name, now in renamed)
    return ForeignTarget(
        f"another program changed the store's schema ({error})",
        where=[f"{path}: {one}" for one in gone],
        safe="No changes were made to the data or its backups.",
        advice=f"name it as it was, by the program that renamed it: {advice}"
        if advice
        else "recreate what is missing, or restore the store from a backup",
        next_command="pjais backup list",
    )


def _lost(there: dict[str, list[str]], wanted: dict[str, list[str]]) -> tuple[list[str], list[tuple[str, str, str]]]:
    """Return what is missing, in words, and what was renamed: (table, old name, new name)."""
    gone: list[str] = []
    renamed: list[tuple[str, str, str]] = []
    for table, columns in wanted.items():
        if table not in there:
            gone.append(f"the table {table} is missing")
            continue
        missing = [one for one in columns if one not in there[table]]
        added = [one for one in there[table] if one not in columns]
        if len(missing) == len(added):
            renamed += [(table, name, now) for name, now in zip(missing, added, strict=True)]
        beside = f"; columns that are not ours: {', '.join(added)}" if added else ""
        gone += [f"the column {table}.{one} is missing{beside}" for one in missing]
    return gone, renamed


def _expected(model: Model) -> dict[str, list[str]]:
    with closing(sqlite.scratch()) as db:
        db.execute(ddl.create_tables(model))
        return _columns(db)


def _columns(db: sqlite.Connection) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for table, column in sqlite.each(
        db,
        "SELECT t.name, c.name FROM sqlite_schema AS t JOIN pragma_table_info(t.name) AS c "
        "WHERE t.type = 'table' AND t.sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY t.name, c.cid",
    ):
        found.setdefault(table, []).append(column)
    return found
