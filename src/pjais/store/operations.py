"""The operations of a store: the changes of each transaction of ours, kept in `store_operations`.

`changes` records every write, by anyone; operations record which of them belong together, so that they can be undone
as one.  A row is written inside the transaction that it describes, so it exists exactly when the changes do.
Undo and redo are operations, too: nothing is erased, and both survive a reopen.
"""

from __future__ import annotations

import re
from typing import Annotated, NamedTuple

from pjais import instants, journal, sqlite
from pjais.core.shown import INSTANT, fields_as_json
from pjais.targets.sqlite import ddl

_SIGNED = re.compile(r"(page|cli|assistant(?: [^›]{1,80})?) › ")
"""What stands before a label in the store: who made the operation, where that program says so."""
_ASSISTANT = re.compile(r"mcp:(.{1,80}?):\w+")
"""The label of an operation of the MCP server, which names the assistant's program and the tool."""


class Operation(NamedTuple):
    """One transaction: its number, time (ms), kind (do, undo, redo), and its changes, by their `seq`."""

    id: int
    at: Annotated[int | None, INSTANT]
    kind: str
    label: str
    first_seq: int
    last_seq: int

    def as_dict(self) -> dict[str, object]:
        """Return the operation as a JSON object."""
        return fields_as_json(self)


def last_change(db: sqlite.Connection) -> int:
    """Return the `seq` of the last change; 0 if nothing was written since the migration."""
    return int(sqlite.value(db, "SELECT coalesce(max(seq), 0) FROM main.changes"))


def signed(label: str | None) -> tuple[str, str]:
    """Return who made an operation (`page`, `cli`, `assistant NAME`; nothing if not said), and its label without it."""
    text = label or ""
    if (found := _SIGNED.match(text)) is not None:
        return found[1], text[found.end() :]
    assistant = _ASSISTANT.fullmatch(text)
    return (f"assistant {assistant[1]}" if assistant else "", text)


def note(db: sqlite.Connection, since: int, label: str | None, kind: str = "do", by: str | None = None) -> int | None:
    """Record the changes after `since` as one operation; return its number.

    `by`: who made it (see `signed`).  Changes of an operation recorded inside the same transaction are left out; None
    if nothing remains.
    """
    last = last_change(db)
    if last <= since and kind == "do":
        return None
    db.execute(ddl.OPERATIONS_TABLE)
    noted = sqlite.value(db, "SELECT last_seq FROM store_operations ORDER BY id DESC LIMIT 1")
    first = max(since, noted or 0) + 1
    if last < first and kind == "do":
        return None
    if by is not None:
        label = f"{by} › {label or _described(db, first, last)}"
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
    """Return the operations that can be undone, the last one first."""
    return _listed(db, _UNDOABLE, limit)


def undoable_one(db: sqlite.Connection, number: int) -> Operation | None:
    """Return the operation of this number, if it can be undone."""
    return next(iter(_listed(db, f"{_UNDOABLE} AND id = {int(number)}", 1)), None)


def since(db: sqlite.Connection, change: int) -> Operation | None:
    """Return the operation whose first change is the one after `change`; None if there is none."""
    return next(iter(_listed(db, f"first_seq = {int(change) + 1}", 1)), None)


def of_change(db: sqlite.Connection, change: int) -> tuple[str, str] | None:
    """Return the kind (do, undo, redo) and label of the operation that a change belongs to; None: somebody else's."""
    if sqlite.first(db, "SELECT 1 FROM sqlite_schema WHERE name = 'store_operations'") is None:
        return None
    found = sqlite.first(
        db,
        "SELECT kind, label, last_seq FROM store_operations WHERE first_seq <= ? "
        "ORDER BY first_seq DESC, id DESC LIMIT 1",
        (change,),
    )
    return None if found is None or found[2] < change else (str(found[0]), str(found[1] or ""))


def redoable(db: sqlite.Connection, limit: int) -> list[Operation]:
    """Return the undo operations that can be redone, the last one first."""
    return _listed(db, _REDOABLE, limit)


def undone(db: sqlite.Connection, operation: Operation, by: int) -> None:
    """Record that an operation was undone by another one."""
    db.execute("UPDATE store_operations SET undone_by = ? WHERE id = ?", (by, operation.id))


def foreign_change(db: sqlite.Connection, table: str, key: str, since: int) -> int | None:
    """Return the first change of a record after `since` that belongs to no operation, so is somebody else's."""
    found = sqlite.value(
        db,
        "SELECT seq FROM changes AS c WHERE table_name = ? AND record_id = ? AND seq > ? AND seq > coalesce("
        "(SELECT last_seq FROM store_operations WHERE first_seq <= c.seq ORDER BY first_seq DESC, id DESC LIMIT 1), 0)"
        " ORDER BY seq LIMIT 1",
        (table, key, since),
    )
    return None if found is None else int(found)


def changed_since(db: sqlite.Connection, first: int, last: int) -> tuple[str, str, int, str] | None:
    """Return a change after `last` of a record that the changes from `first` on touched: table, key, `seq`, time."""
    return sqlite.first(
        db,
        "SELECT table_name, record_id, seq, at FROM changes AS c WHERE seq > ?2 AND EXISTS (SELECT 1 FROM changes AS e "
        "WHERE e.table_name = c.table_name AND e.record_id = c.record_id AND e.seq BETWEEN ?1 AND ?2) LIMIT 1",
        (first, last),
    )


def _listed(db: sqlite.Connection, where: str, limit: int) -> list[Operation]:
    if sqlite.first(db, "SELECT 1 FROM sqlite_schema WHERE name = 'store_operations'") is None:
        return []
    found = sqlite.fetch(
        db,
        f"SELECT id, at, kind, label, first_seq, last_seq FROM store_operations WHERE {where} ORDER BY id DESC LIMIT ?",
        (limit,),
    )
    return [
        Operation(number, instants.from_text(at), kind, signed(label)[1] or _described(db, first, last), first, last)
        for number, at, kind, label, first, last in found
    ]


def _described(db: sqlite.Connection, first: int, last: int) -> str:
    """Describe an operation without a label by its first change."""
    found = sqlite.first(
        db,
        "SELECT op || ' ' || table_name || ' ' || record_id FROM changes WHERE seq BETWEEN ? AND ? "
        "ORDER BY seq LIMIT 1",
        (first, last),
    )
    text = "nothing" if found is None else str(found[0])
    return text if last <= first else f"{text} and {last - first} more"
