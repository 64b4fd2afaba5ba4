"""Leave the fixed tables of a model out of a store that holds another app's documents alone, and bring them back.

Such a file has the app's tables only.  Whoever reads records of the model in it finds none; the first writer of one
creates the tables.
"""

from __future__ import annotations

from collections.abc import Mapping

from pjais import models, sqlite
from pjais.core.model import Model
from pjais.core.table import Table
from pjais.targets.sqlite import ddl, parts


def fixed(model: Model) -> tuple[Table, ...]:
    """Return the tables that a model has in every store."""
    return tuple(one for one in (model.fixed or model).tables if not one.carries)


def are_missing(db: sqlite.Connection, model: Model) -> bool:
    """Return whether an open store holds documents of another app alone."""
    tables = fixed(model)
    there = {
        name
        for (name,) in sqlite.each(
            db,
            "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name IN ('_collections', ?)",
            (tables[0].name if tables else "",),
        )
    }
    return bool(tables) and there == {"_collections"}


def create(db: sqlite.Connection, model: Model) -> None:
    """Create the fixed tables in an open store, with indexes, search and triggers."""
    for sql in ddl.of_tables(models.extended(model, ())):
        db.execute(sql)


def stand_in(db: sqlite.Connection, model: Model) -> None:
    """Let a reading connection see empty tables in the place of those that the store lacks."""
    for table in fixed(model):
        db.execute(ddl.create_table(table).replace("CREATE TABLE", "CREATE TEMP TABLE", 1))
        if table.search is not None:
            search = ddl.search_index(table, table.search)
            db.execute(search.replace("CREATE VIRTUAL TABLE ", _VIRTUAL, 1))
        if table.parts is not None:
            db.execute(parts.create_table(table.parts).replace("CREATE TABLE", "CREATE TEMP TABLE", 1))
            search = parts.search_index(table.parts)
            db.execute(search.replace("CREATE VIRTUAL TABLE ", _VIRTUAL, 1))


def make_real(db: sqlite.Connection, model: Model) -> None:
    """Create the tables that a store lacks, inside the caller's transaction, before a record is written to one."""
    if not are_missing(db, model):
        return
    _drop(db, fixed(model), "temp.")
    create(db, model)


_VIRTUAL = "CREATE VIRTUAL TABLE temp."


def leave_out(db: sqlite.Connection, model: Model) -> Model:
    """Drop the fixed tables of a store that is being written if no record was ever in them; return its model."""
    tables = fixed(model)
    if not model.catalogue or any(_is_used(db, table) for table in tables) or _are_refused(db, model):
        return model
    _drop(db, tables)
    return models.extended(model, model.catalogue, alone=True)


def _drop(db: sqlite.Connection, tables: tuple[Table, ...], schema: str = "") -> None:
    """Drop tables, with their indexes and what is derived from them."""
    for table in reversed(tables):
        derived = () if table.parts is None else (table.parts.search.name, table.parts.name)
        search = () if table.search is None else (table.search.name,)
        for name in (*derived, *search, table.sql):
            db.execute(f"DROP TABLE IF EXISTS {schema}{name}")


_TOLD = "fixed_tables"


def told(model: Model) -> dict[str, bool]:
    """Return what a run's link says if the run created the fixed tables in a store that lacked them."""
    return {_TOLD: True} if fixed(model)[0].name in model.by_name else {}


def were_created(backup: Mapping[str, object] | None) -> bool:
    """Return whether a link says so."""
    return _TOLD in (backup or {})


def _are_refused(db: sqlite.Connection, model: Model) -> bool:
    """Return whether documents that the model claims wait in quarantine."""
    waiting = "SELECT DISTINCT coalesce(dialect, ''), collection FROM migration_records WHERE outcome = 'quarantined'"
    return any(model.mapping(dialect, collection) is not None for dialect, collection in sqlite.fetch(db, waiting))


def _is_used(db: sqlite.Connection, table: Table) -> bool:
    """Return whether a table holds a record, or ledger, quarantine or history know of one."""
    asked: tuple[tuple[str, tuple[str, ...]], ...] = (
        (f"SELECT 1 FROM {table.sql} LIMIT 1", ()),
        ("SELECT 1 FROM migration_records WHERE record_type = ? LIMIT 1", (table.name,)),
        ("SELECT 1 FROM changes WHERE table_name = ? LIMIT 1", (table.name,)),
    )
    return any(sqlite.first(db, sql, values) is not None for sql, values in asked)
