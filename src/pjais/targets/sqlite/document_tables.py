"""Create and extend the document tables of a store that is being written, and its catalogue.

A new column goes at the end of its table.  A column that must hold other kinds of values gets another declared type;
its stored values stay as they are (`pjais.models.documents.kinds`), so the ledger's digests do, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from pjais import models, sql_text, sqlite
from pjais.core.model import Model
from pjais.models.documents import catalogue
from pjais.targets.sqlite import ddl, reshape
from pjais.targets.sqlite.entries import Entry


def extend(db: sqlite.Connection, old: Model, new: Model, *, bare: bool, session: sqlite.Session | None) -> None:
    """Bring an open store from one model to another that has more document tables, or more columns.

    `bare`: indexes and triggers are created later.  `session` records what else is changed; how the tables are changed
    is not recorded, as a revert follows the catalogue.
    """
    before = {table.name: table for table in old.tables if table.is_of_documents}
    with unrecorded(session):
        if new.catalogue:
            db.execute(catalogue.DDL)
        for table in new.tables:
            if not table.is_of_documents or before.get(table.name) is table:
                continue
            was = before.get(table.name)
            around = () if bare else ddl.around(table)
            if was is None:
                for sql in (ddl.create_table(table), *around):
                    db.execute(sql)
            elif ddl.create_table(was) != ddl.create_table(table):
                reshape.make_anew(db, was, table, around)
    if session is not None:
        for name in (*catalogue.TABLES, *(name for name in new.by_name if name not in before)):
            session.attach(name)
    catalogue.store(db, new.catalogue, old.catalogue)


def allow_open_ends(db: sqlite.Connection, model: Model) -> None:
    """Let a document refer to one that is not there, or that comes later; not inside a transaction."""
    if model.documents is not None:
        sqlite.fetch(db, "PRAGMA foreign_keys = OFF")


def list_all(db: sqlite.Connection, model: Model) -> None:
    """Write the catalogue of a new store that has its document tables from the start."""
    catalogue.store(db, model.catalogue, ())


@contextmanager
def unrecorded(session: sqlite.Session | None) -> Iterator[None]:
    """Keep a session from recording what the block does."""
    if session is None:
        yield
        return
    session.enabled = False
    try:
        yield
    finally:
        session.enabled = True


def drop_unknown(db: sqlite.Connection, old: Model, new: Model) -> None:
    """Remove the document tables and columns that a reverted store's catalogue no longer has."""
    kept = {table.name: table for table in new.tables if table.is_of_documents}
    for table in old.tables:
        if not table.is_of_documents:
            continue
        now = kept.get(table.name)
        for name, _ in table.views:
            db.execute(f"DROP VIEW IF EXISTS {sql_text.identifier(name)}")
        if now is None:
            db.execute(f"DROP TABLE {table.sql}")
        elif ddl.create_table(now) != ddl.create_table(table):
            reshape.make_anew(db, table, now, ddl.around(now))
    if old.catalogue and not new.catalogue:
        for name in catalogue.TABLES:
            if name != catalogue.BLOBS:  # other records may be about bytes, too; `blobs.forget` removes an empty one
                db.execute(f"DROP TABLE IF EXISTS {name}")


def twins(model: Model) -> dict[str, tuple[str, ...]]:
    """Return the tables that hold other copies of a table's collection: from another source, or in another run."""
    groups: dict[tuple[object, ...], list[str]] = {}
    for one in model.catalogue:
        groups.setdefault(one.place[1:], []).append(one.table)
    return {
        name: tuple(other for other in names if other != name)
        for names in groups.values()
        if len(names) > 1
        for name in names
    }


def twin_of(db: sqlite.Connection, model: Model, names: Sequence[str], entry: Entry) -> str | None:
    """Return the twin of a document's table that holds the very same document already."""
    key = model.by_name[entry.table].row_key(entry.row)
    same = (
        "SELECT 1 FROM migration_records WHERE record_type = ? AND record_id = ? AND digest = ? "
        "AND outcome = 'migrated'"
    )
    return next((name for name in names if sqlite.first(db, same, (name, key, entry.digest))), None)


def complete(db: sqlite.Connection, model: Model, *, bare: bool) -> Model:
    """Count what the tables hold, and remove those that stayed empty as all of their documents are in a twin."""
    unused = _unused(db, model, twins(model))
    if unused:
        old, model = model, _dropped(db, model, unused)
        for table in model.tables:  # a reference to a table that is gone goes, too
            was = old.by_name[table.name]
            if table.is_of_documents and ddl.create_table(was) != ddl.create_table(table):
                reshape.make_anew(db, was, table, () if bare else ddl.around(table))
    count(db, model)
    return model


def _unused(db: sqlite.Connection, model: Model, twins: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """Return tables with twins that hold nothing and have no entry in the ledger."""
    known = "SELECT 1 FROM migration_records WHERE record_type = ? LIMIT 1"
    return frozenset(
        name
        for name in twins
        if sqlite.first(db, f"SELECT 1 FROM {model.by_name[name].sql} LIMIT 1") is None
        and sqlite.first(db, known, (name,)) is None
    )


def _dropped(db: sqlite.Connection, model: Model, names: frozenset[str]) -> Model:
    """Remove document tables; return the model without them."""
    for name in names:
        for view, _ in model.by_name[name].views:
            db.execute(f"DROP VIEW IF EXISTS {sql_text.identifier(view)}")
        db.execute(f"DROP TABLE {model.by_name[name].sql}")
        for table in ("_collections", "_columns", "_indexes", "_schemas"):
            db.execute(f"DELETE FROM {table} WHERE tbl = ?", (name,))
    return models.extended(model, tuple(one for one in model.catalogue if one.table not in names))


def count(db: sqlite.Connection, model: Model) -> None:
    """Note in the catalogue how many documents each table holds, and how many of its collection are not readable."""
    for one in model.catalogue:
        table, place = model.by_name[one.table], one.place
        of_one = " WHERE origin = ? AND area = ?" if one.is_shared else ""
        values = (place.origin or "", place.database) if one.is_shared else ()
        documents = int(sqlite.value(db, f"SELECT count(*) FROM {table.sql}{of_one}", values))
        db.execute(
            "UPDATE _collections SET documents = ?1, unreadable = (SELECT count(*) FROM migration_quarantine AS q "
            "WHERE q.source_path = source AND q.origin IS _collections.origin AND q.database IS _collections.database "
            "AND q.collection = _collections.collection AND q.replayed_at IS NULL) WHERE tbl = ?2 AND source = ?3 "
            "AND origin IS ?4 AND database IS ?5 AND collection = ?6",
            (documents, table.name, *place),
        )
