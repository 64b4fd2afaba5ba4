"""The triggers of a store, created all at once.

SQLite reads its whole schema again for each trigger that is created, so that those of a thousand tables would take a
million readings.  Here each table's triggers are created beside, in a database with nothing else, and their rows are
put into the schema of the store as SQLite itself wrote them there; then that is read once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import lru_cache

from pjais import sqlite
from pjais.core.model import Model
from pjais.core.table import Table
from pjais.targets.sqlite import ddl, parts

Trigger = tuple[str, str, str]
"""Its name, its table's name, and its definition as SQLite keeps it."""


def triggers(model: Model) -> Iterator[Trigger]:
    """Yield all triggers of a model's store."""
    for table in model.tables:
        yield from _of(table)


def create(db: sqlite.Connection, model: Model) -> None:
    """Create all triggers of a model in a store that has its tables, inside of a transaction."""
    db.execute("PRAGMA writable_schema = ON")
    try:
        db.executemany(
            "INSERT INTO sqlite_schema (type, name, tbl_name, rootpage, sql) VALUES ('trigger', ?, ?, 0, ?)",
            triggers(model),
        )
    finally:
        db.execute("PRAGMA writable_schema = RESET")  # reads the schema again


@lru_cache(maxsize=8192)
def _of(table: Table) -> tuple[Trigger, ...]:
    with closing(sqlite.scratch()) as db:
        db.execute(ddl.create_table(table))
        if table.parts is not None:
            db.execute(parts.create_table(table.parts))
        db.execute(ddl.triggers_of(table))
        return tuple(sqlite.fetch(db, "SELECT name, tbl_name, sql FROM sqlite_schema WHERE type = 'trigger'"))
