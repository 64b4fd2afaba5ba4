"""Removals from an existing store: records that their source no longer holds, or that an export names as removed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pjais import sqlite
from pjais.core.model import Model
from pjais.core.table import Table
from pjais.sources.registry import absence_means_removed
from pjais.targets.sqlite import ddl
from pjais.targets.sqlite.entries import Origin
from pjais.targets.sqlite.ledger import Account

_SAME = (
    "SELECT 1 FROM migration_records AS m WHERE m.run_id = ? AND m.source_path = r.source_path AND "
    "m.source_kind = r.source_kind AND (m.origin IS r.origin OR r.origin IS NULL) AND coalesce(m.database || "
    "'/', '') || m.collection = coalesce(r.database || '/', '') || r.collection AND m.native_id IS r.native_id"
)
"""SQL: ledger entries that this run made for the document of the entry `r`."""


def remove(db: sqlite.Connection, model: Model, table_name: str, key: str, removed_at: int | None) -> None:
    """Remove a record that our own export names as removed, unless it was changed later or is referred to."""
    table = model.by_name.get(table_name)
    if table is None:
        return
    columns = table.column_list
    where = f"{ddl.key_sql(table, 't')} = ?"
    present = sqlite.first(db, f"SELECT {columns} FROM {table.sql} AS t WHERE {where}", (key,))
    if present is None or (removed_at is not None and table.age(table.to_record(present)) > removed_at):
        return
    if not is_referred_to(db, model, table, key):
        db.execute(f"DELETE FROM {table.sql} AS t WHERE {where}", (key,))


def remove_gone(
    db: sqlite.Connection, model: Model, account: Account, origins: Sequence[Origin]
) -> tuple[int, list[tuple[str, str]]]:
    """Remove what these sources no longer hold; return the number, and (record type, id) of those that are kept.

    A tombstone removes a record; mere absence does, too, where the kind says so.  A record that another
    source still holds stays, and one that was edited in the store since is kept.
    """
    removed, kept = 0, list[tuple[str, str]]()
    for table in reversed(model.tables):
        for origin in origins:
            for seq, key, digest in list(_gone(db, account, table, origin, absent=absence_means_removed(origin.kind))):
                if _is_edited(db, table, key, digest) or is_referred_to(db, model, table, key):
                    kept.append((table.name, key))
                else:
                    db.execute(f"DELETE FROM {table.sql} AS t WHERE {ddl.key_sql(table, 't')} = ?", (key,))
                    account.forget(seq)  # a tombstone has an entry of its own
                    removed += 1
    return removed, kept


def _gone(
    db: sqlite.Connection, account: Account, table: Table, origin: Origin, *, absent: bool
) -> Iterator[tuple[int, str, bytes]]:
    """Yield the entries of earlier runs whose document this run did not find alive."""
    tombstone = f"EXISTS ({_SAME} AND m.outcome = 'removed')"
    met = f"{_SAME} AND (m.native_id IS NOT NULL OR m.place = r.place) AND m.outcome <> 'removed'"
    for seq, key, digest in sqlite.each(
        db,
        "SELECT seq, record_id, digest FROM migration_records AS r WHERE record_type = ? AND outcome = 'migrated' "
        f"AND run_id <> ? AND source_path = ? AND source_kind = ? AND (? OR {tombstone}) AND NOT EXISTS ({met}) "
        "AND NOT EXISTS (SELECT 1 FROM migration_records AS o WHERE o.record_type = r.record_type AND "
        "o.record_id = r.record_id AND o.outcome = 'migrated' AND o.seq <> r.seq)",
        (table.name, account.run_id, origin.name, origin.kind, absent, account.run_id, account.run_id),
    ):
        if seq not in account.met:
            yield seq, key, digest


def is_referred_to(db: sqlite.Connection, model: Model, table: Table, key: str) -> bool:
    """Return whether other records belong to a record."""
    return any(
        sqlite.first(db, f"SELECT 1 FROM {other.sql} WHERE {column} = ?", (key,)) is not None
        for other in model.tables
        for column, targets in other.references
        if column == other.owner and targets == (table.name,)
    )


def _is_edited(db: sqlite.Connection, table: Table, key: str, digest: bytes) -> bool:
    """Return whether a record differs from what a run made of it."""
    columns = table.column_list
    present = sqlite.first(db, f"SELECT {columns} FROM {table.sql} AS t WHERE {ddl.key_sql(table, 't')} = ?", (key,))
    return present is not None and table.digest(present) != digest
