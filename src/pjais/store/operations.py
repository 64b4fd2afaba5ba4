"""The operations of a store: which changes were made by one transaction of ours, kept in `store_operations`.

`changes` says what was written, by whoever; this says which of it belongs together, so that it can be taken back
as one.  A row is written inside of the transaction that it describes, so it is there exactly when the changes are.
Undoing and redoing are operations, too: nothing is erased, and both survive a reopen.
"""

from __future__ import annotations

from typing import NamedTuple

from pjais import instants, journal, sqlite
from pjais.targets.sqlite import ddl


class Operation(NamedTuple):
    """One transaction: its number, when (ms), what it was (do, undo, redo), and its changes, by their `seq`."""

    id: int
    at: int | None
    kind: str
    label: str
    first_seq: int
    last_seq: int

    def as_dict(self) -> dict[str, object]:
        """The operation as a JSON object."""
        return {**self._asdict(), "at": None if self.at is None else instants.to_text(self.at)}


def last_change(db: sqlite.Connection) -> int:
    """The `seq` of the last change; 0 where nothing was written since the migration."""
    return int(sqlite.value(db, "SELECT coalesce(max(seq), 0) FROM main.changes"))


def note(db: sqlite.Connection, since: int, label: str | None, kind: str = "do") -> int | None:
    """Write down that the changes after `since` are one operation; returns its number.

    What an operation noted inside of the same transaction covers is left out; None where nothing remains.
    """
    last = last_change(db)
    if last <= since and kind == "do":
        return None
    db.execute(ddl.OPERATIONS_TABLE)
    noted = sqlite.value(db, "SELECT last_seq FROM store_operations ORDER BY id DESC LIMIT 1")
    first = max(since, noted or 0) + 1
    if last < first and kind == "do":
        return None
    db.execute(
        "INSERT INTO store_operations (at, kind, label, first_seq, last_seq) VALUES (?, ?, ?, ?, ?)",
        (instants.to_text(journal.now_ms()), kind, label, first, last),
    )
    return int(db.last_insert_rowid())


_UNDOABLE = "undone_by IS NULL AND kind <> 'undo'"
_REDOABLE = (
    "undone_by IS NULL AND kind = 'undo' AND id > (SELECT coalesce(max(id), 0) FROM store_operations WHERE kind = 'do')"
)
"""A new operation ends the list of what can be redone."""


def undoable(db: sqlite.Connection, limit: int) -> list[Operation]:
    """The operations in force, the last one first."""
    return _listed(db, _UNDOABLE, limit)


def redoable(db: sqlite.Connection, limit: int) -> list[Operation]:
    """The undoings that can be taken back, the last one first."""
    return _listed(db, _REDOABLE, limit)


def undone(db: sqlite.Connection, operation: Operation, by: int) -> None:
    """Write down that an operation was taken back by another one."""
    db.execute("UPDATE store_operations SET undone_by = ? WHERE id = ?", (by, operation.id))


def foreign_change(db: sqlite.Connection, table: str, key: str, since: int) -> int | None:
    """The first change of a record after `since` that belongs to no operation: somebody else's."""
    found = sqlite.value(
        db,
        "SELECT seq FROM changes AS c WHERE table_name = ? AND record_id = ? AND seq > ? AND seq > coalesce("
        "(SELECT last_seq FROM store_operations WHERE first_seq <= c.seq ORDER BY first_seq DESC, id DESC LIMIT 1), 0)"
        " ORDER BY seq LIMIT 1",
        (table, key, since),
    )
    return None if found is None else int(found)


def _listed(db: sqlite.Connection, where: str, limit: int) -> list[Operation]:
    if sqlite.first(db, "SELECT 1 FROM sqlite_schema WHERE name = 'store_operations'") is None:
        return []
    found = sqlite.fetch(
        db,
        f"SELECT id, at, kind, label, first_seq, last_seq FROM store_operations WHERE {where} ORDER BY id DESC LIMIT ?",
        (limit,),
    )
    return [
        Operation(number, instants.from_text(at), kind, label or _described(db, first, last), first, last)
        for number, at, kind, label, first, last in found
    ]


def _described(db: sqlite.Connection, first: int, last: int) -> str:
    """Return what an operation without a label did, by its first change."""
    found = sqlite.first(
        db,
        "SELECT op || ' ' || table_name || ' ' || record_id FROM changes WHERE seq BETWEEN ? AND ? "
        "ORDER BY seq LIMIT 1",
        (first, last),
    )
    text = "nothing" if found is None else str(found[0])
    return text if last <= first else f"{text} and {last - first} more"
