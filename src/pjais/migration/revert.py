"""Revert a run that changed the store in place.

Every step that changed the store in place left a changeset with its link in the chain.  From the last link to the
run's own, each step is reverted in turn: its changeset is applied in reverse, and edits in between are walked back
through the history.  At the end the chain itself is the proof: every sum and every digest must be what the link before
the run says.

Works on a copy, which replaces the store only then.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

from pjais import models, sqlite
from pjais.core.model import Model
from pjais.core.table import Table
from pjais.errors import MigrationFailed
from pjais.targets.sqlite import blobs, chain, compare, document_tables, fixed_tables, parts


def is_kept(store: Path, run_id: str) -> bool:
    """Return whether a store holds what is needed to revert a run."""
    with closing(sqlite.open_reader(store)) as db:
        return any(_is_step(one, run_id) and "changeset" in (one.backup or {}) for one in chain.links(db))


def _is_step(link: chain.Link, run_id: str) -> bool:
    return link.run_id == run_id and link.event != "finished"


def revert(copy: Path, model: Model, run_id: str) -> None:
    """Revert a copy of a store to the state before a run.

    Raises MigrationFailed if later steps cannot be reverted exactly; the copy is then unusable.
    """
    with closing(sqlite.open_writer(copy)) as db:
        sqlite.without_triggers(db)
        with sqlite.transaction(db):
            links = chain.links(db)
            held = blobs.ids(db, model)
            first = next(at for at, one in enumerate(links) if _is_step(one, run_id))
            _undo_edits(db, model, links[-1])
            for at in range(len(links) - 1, first - 1, -1):
                _undo(db, model, links[at], links[at - 1], copy)
            document_tables.drop_unknown(db, model, models.in_store(model, db))
            blobs.forget(db, models.in_store(model, db), held - blobs.ids(db, model))
            _forget_numbers(db)
            for _, search in model.searched:
                db.execute(f"INSERT INTO {search.name} ({search.name}) VALUES ('rebuild')")
            for table, one in model.divided:
                parts.fill(db, table, one)
            if any(fixed_tables.were_created(link.backup) for link in links[first:]):
                fixed_tables.leave_out(db, models.in_store(model, db))
            wrong = chain.check(db)
            if wrong:
                raise _refusal(copy, *wrong)


def _undo(db: sqlite.Connection, model: Model, link: chain.Link, before: chain.Link, copy: Path) -> None:
    if link.event == chain.EDITS:
        _undo_edits(db, model, before)
    elif link.event != "finished" and not any(one.adds_only and one.event == link.event for one in model.upgrades):
        changeset = chain.changeset(db, link)
        if changeset is None:
            raise _refusal(copy, f"what {link.event} {link.run_id or ''} changed is not kept")
        try:
            # A searched record that was removed and restored has another number in the search index.
            sqlite.apply_inverse(db, changeset, lenient=[table.name for table, _ in model.searched])
        except sqlite.Error as error:
            raise _refusal(copy, f"what {link.event} {link.run_id or ''} changed was changed since: {error}") from error
    db.execute("DELETE FROM migration_changesets WHERE link = ?", (link.number,))
    db.execute("DELETE FROM migration_chain WHERE number = ?", (link.number,))


def _undo_edits(db: sqlite.Connection, model: Model, before: chain.Link) -> None:
    """Walk every record back to its version when a link was made, and delete the later history."""
    touched = sqlite.fetch(
        db, "SELECT DISTINCT table_name, record_id FROM changes WHERE seq > ?", (before.changes_seq,)
    )
    for name, key in touched:
        table = model.by_name[name]
        _put(db, table, key, compare.values_before(db, table, key, before.changes_seq))
    db.execute("DELETE FROM changes WHERE seq > ?", (before.changes_seq,))
    db.execute("DELETE FROM store_operations WHERE id > ?", (before.operation_id,))
    db.execute("UPDATE store_operations SET undone_by = NULL WHERE undone_by > ?", (before.operation_id,))


def _put(db: sqlite.Connection, table: Table, key: str, values: dict[str, Any] | None) -> None:
    """Set a record to its old values; None: it did not exist."""
    where = table.matching(operator="IS")
    parts = compare.key_parts(table, key)
    if values is None:
        db.execute(f"DELETE FROM {table.sql} WHERE {where}", parts)
        return
    row = [values.get(name) for name in table.column_names]
    sets = table.assignments
    before = db.total_changes()
    db.execute(f"UPDATE {table.sql} SET {sets} WHERE {where}", (*row, *parts))
    if db.total_changes() == before:
        names, marks = table.column_list, ", ".join("?" * len(row))
        number = f"(SELECT coalesce(max(search_id), 0) + 1 FROM {table.sql})"
        more, last = ("", "") if table.search is None else (", search_id", f", {number}")
        db.execute(f"INSERT INTO {table.sql} ({names}{more}) VALUES ({marks}{last})", row)


def _forget_numbers(db: sqlite.Connection) -> None:
    """Reset the numbering: reverted rows must not look like rows that somebody removed."""
    for table, key in (("changes", "seq"), ("store_operations", "id"), ("migration_chain", "number")):
        last = sqlite.value(db, f"SELECT coalesce(max({key}), 0) FROM {table}")
        db.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = ?", (last, table))
        if not last:
            db.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table,))


def _refusal(copy: Path, *why: str) -> MigrationFailed:
    return MigrationFailed(
        "the run cannot be reverted exactly",
        where=[str(copy.parent), *why],
        safe="No changes were made to the store.",
        next_command="pjais verify",
    )
