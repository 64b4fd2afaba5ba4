"""Give the documents of an older store, which are kept whole in one table, a table for each collection.

Each document's row is made of the document as it was migrated; what was edited since is applied after the triggers are
there, so that the history tells of it and `verify` finds what was migrated.  The old history stays as it is, under the
old table's name.  Every document is compared before the old table goes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from pjais import canonical, models, sqlite, tagged
from pjais.core.document import Document
from pjais.core.model import Model
from pjais.core.own_files import unwrapped
from pjais.core.table import Table
from pjais.errors import MigrationFailed
from pjais.targets.sqlite import compare, ddl, document_tables


class _Kept(NamedTuple):
    """One document of the old table: its key there, its present value, and the value that was migrated."""

    key: str
    present: dict[str, Any] | None
    migrated: dict[str, Any] | None
    source: str
    document: Document
    """Its identity; the value is the one that was migrated, or for a later one the present."""

    @property
    def is_edited(self) -> bool:
        """Return whether it is there, and is not what was migrated."""
        return None not in (self.present, self.migrated) and not canonical.same(self.present, self.migrated)


def convert(db: sqlite.Connection, base: Model) -> None:
    """Convert a store inside the caller's transaction; its triggers of the old table are dropped with it.

    Raises MigrationFailed if a document would not be what it was.
    """
    old = base.carrying
    assert old is not None
    empty = models.extended(base, ())
    kept = "SELECT count(*) FROM migration_records WHERE record_type = ?"
    if not sqlite.value(db, f"SELECT count(*) FROM {old.sql}") and not sqlite.value(db, kept, (old.name,)):
        db.execute(f"DROP TABLE {old.sql}")
        return
    survey = models.survey((), frozenset(), base)
    for one in _documents(db, old):
        survey.add(one.document, one.source)
        if one.is_edited:
            survey.add(_edited(one), one.source)
    model = models.extended(base, survey.catalogue())
    document_tables.extend(db, empty, model, bare=True, session=None)
    assert model.documents is not None
    tables: dict[str, Table] = {}
    db.execute("CREATE TEMP TABLE conversions (key PRIMARY KEY, tbl, record_id, digest)")
    for one in _documents(db, old):
        record = _record(model, one.document, one.source)
        table = model.table_of(record)
        row = table.to_row(record)
        if one.migrated is not None:
            db.execute(ddl.insert_sql(table), row)
        tables[one.key] = table
        db.execute(
            "INSERT INTO temp.conversions VALUES (?, ?, ?, ?)",
            (one.key, table.name, table.row_key(row), table.digest(row)),
        )
    for table in model.tables:
        if table.is_of_documents:
            for sql in ddl.around(table):
                db.execute(sql)
    for one in _documents(db, old):
        if not canonical.same(one.present, one.migrated):
            _apply(db, model, tables[one.key], one)
        _demand_same(db, model, tables[one.key], one)
    _rename(db, old)
    db.execute("DROP TABLE temp.conversions")
    db.execute(f"DROP TABLE {old.sql}")
    document_tables.count(db, model)


def _documents(db: sqlite.Connection, old: Table) -> Iterator[_Kept]:
    """Yield every document that is in the old table, or was there and is in the ledger as migrated."""
    known = (
        "SELECT seq, source_path, origin, database, collection, native_id, digest FROM migration_records "
        "WHERE record_type = ? AND record_id = ? AND outcome = 'migrated' ORDER BY seq DESC LIMIT 1"
    )
    for row in sqlite.fetch(db, f"SELECT {old.column_list} FROM {old.sql} ORDER BY rowid"):
        key = old.row_key(row)
        account = sqlite.first(db, known, (old.name, key))
        present = canonical.loads(row[2])
        yield _kept(key, present, _as_migrated(db, old, key, account), account, row)
    gone = (
        "SELECT record_id FROM migration_records AS r WHERE record_type = ? AND outcome = 'migrated' AND NOT EXISTS "
        f"(SELECT 1 FROM {old.sql} AS t WHERE {ddl.key_sql(old, 't')} = r.record_id)"
    )
    for (key,) in sqlite.fetch(db, gone, (old.name,)):
        account = sqlite.first(db, known, (old.name, key))
        migrated = _as_migrated(db, old, key, account)
        if migrated is not None:
            yield _kept(key, None, migrated, account, (*old.key_values(key), None))


def _as_migrated(db: sqlite.Connection, old: Table, key: str, account: tuple[Any, ...] | None) -> dict[str, Any] | None:
    """Return a document as it was when a run put it into the store; None for one that came later."""
    if account is None:
        return None
    for values in compare.past(db, old, key):
        if values is not None and old.digest(tuple(values[name] for name in old.column_names)) == account[6]:
            found: dict[str, Any] = canonical.loads(values["document"])
            return found
    raise MigrationFailed(
        "a document is not what was migrated, and the history does not say why",
        where=[f"{old.name} {key}"],
        next_command="pjais verify",
    )


def _kept(
    key: str,
    present: dict[str, Any] | None,
    migrated: dict[str, Any] | None,
    account: tuple[Any, ...] | None,
    row: tuple[Any, ...],
) -> _Kept:
    collection, name = str(row[0]), str(row[1])
    source, origin, database = "", None, None
    native_id: str | None = name
    if account is not None:
        _, source, origin, database, collection, native_id, _ = account
    value = migrated if migrated is not None else present
    assert value is not None
    number = value.get("id") if name.startswith("#") and name == f"#{value.get('id')}" else None
    entry = {"collection": collection, "id": native_id, "document": value}
    plain = unwrapped(Document("others", native_id, "", entry))._replace(
        native_id=native_id, origin=origin, database=database, key=number if type(number) is int else None
    )
    return _Kept(key, present, migrated, str(source), plain)


def _record(model: Model, document: Document, source: str) -> Any:
    assert model.documents is not None
    draft = model.documents.within(source).read(document)
    if draft.record is None:
        raise MigrationFailed("a document cannot be converted", where=[f"{document.collection} {document.native_id}"])
    return draft.record


def _apply(db: sqlite.Connection, model: Model, table: Table, one: _Kept) -> None:
    """Apply what was edited, added or removed since the migration, where the triggers see it."""
    was = table.to_row(_record(model, one.document, one.source))
    where, key = table.matching(), was[: len(table.key)]
    if one.present is None:
        db.execute(f"DELETE FROM {table.sql} WHERE {where}", key)
        return
    if one.migrated is None:
        db.execute(ddl.insert_sql(table), was)
        return
    value = _edited(one)
    now = table.to_row(_record(model, value, one.source))
    at = table.column_names.index("_document")
    columns = (*now[:at], was[at], *now[at + 1 :])  # what was migrated stays, where the columns alone tell of the edit
    assert model.documents is not None
    if not canonical.same(model.documents.rebuild(table.to_record(columns)), tagged.tag(value.value)):
        columns = now
    edits = {
        column.sql: held
        for column, held, before in zip(table.columns, columns, was, strict=True)
        if not canonical.same(held, before)
    }
    if edits:
        sets = ", ".join(f"{name} = ?" for name in edits)
        db.execute(f"UPDATE {table.sql} SET {sets} WHERE {where}", (*edits.values(), *key))


def _edited(one: _Kept) -> Document:
    """Return a document with its present value."""
    assert one.present is not None
    return one.document._replace(value=_plain(one.present))


def _plain(value: dict[str, Any]) -> Any:
    held = "$value" in value and value.keys() <= {"$value", "$text"}
    return value["$value"] if held else value


def _demand_same(db: sqlite.Connection, model: Model, table: Table, one: _Kept) -> None:
    """Compare a converted document with what it was.  Raises MigrationFailed."""
    row = table.to_row(_record(model, one.document, one.source))
    held = sqlite.first(
        db, f"SELECT {table.column_list} FROM {table.sql} WHERE {table.matching()}", row[: len(table.key)]
    )
    assert model.documents is not None
    found = None if held is None else model.documents.rebuild(table.to_record(held))
    wanted = None if one.present is None else tagged.tag(_plain(one.present))
    if not canonical.same(found, wanted):
        raise MigrationFailed("a document would not be what it was", where=[f"{table.name} {one.key}"])


def _rename(db: sqlite.Connection, old: Table) -> None:
    """Let ledger and decisions name the new tables.

    Of a document that was removed or superseded before, only its key is known where the store holds no copy: its digest
    is unknown from here on.
    """
    for name in ("migration_records", "migration_decisions"):
        digest = ", digest = c.digest" if name == "migration_records" else ""
        db.execute(
            f"UPDATE {name} SET record_type = c.tbl, record_id = c.record_id{digest} FROM temp.conversions AS c "
            f"WHERE record_type = ? AND {name}.record_id = c.key",
            (old.name,),
        )
    db.execute("UPDATE migration_records SET digest = NULL WHERE record_type = ?", (old.name,))
    for record_id, seq in sqlite.fetch(
        db, "SELECT record_id, seq FROM migration_records WHERE record_type = ?", (old.name,)
    ):
        parts: Iterable[Any] = json.loads(record_id)
        tbl = sqlite.value(db, "SELECT tbl FROM _collections WHERE collection = ? OR tbl = ?", tuple(parts)[:1] * 2)
        if tbl is not None:
            db.execute("UPDATE migration_records SET record_type = ? WHERE seq = ?", (tbl, seq))
