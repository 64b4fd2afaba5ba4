"""The names of records for people: history, undo and comparisons show them beside the ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pjais import sqlite
from pjais.core.model import Model
from pjais.store.as_of import row_at
from pjais.store.operations import Operation

_NAMES = ("name", "title", "label", "subject", "summary", "content", "text")
"""The fields that name a record, the best one first."""
_LONGEST = 60
_FEW = 20


def name_in(fields: Mapping[str, Any]) -> str | None:
    """Return the name that a record's fields give it: its name or title, else the beginning of its text."""
    texts = (fields.get(one) for one in _NAMES)
    found = next((one for one in texts if isinstance(one, str) and one.strip()), None)
    if found is None:
        return None
    line = " ".join(found.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def name_of(db: sqlite.Connection, model: Model, table: str, key: str) -> str | None:
    """Return the name of a record, of a removed one its last; None if it has none, or there never was one."""
    held = model.by_name.get(table)
    if held is None:
        return None
    row = row_at(db, held, key, _LAST)
    if row is None:
        sql = "SELECT max(seq) FROM main.changes WHERE table_name = ? AND record_id = ?"
        removed = sqlite.value(db, sql, (table, key))
        row = None if removed is None else row_at(db, held, key, int(removed) - 1)
    return None if row is None else name_in(row)


_LAST = (1 << 63) - 1


def changed_by(db: sqlite.Connection, operation: Operation) -> list[tuple[str, str]]:
    """Return (table, key) of the first records that an operation changed."""
    return sqlite.fetch(
        db,
        "SELECT table_name, record_id FROM main.changes NOT INDEXED WHERE seq BETWEEN ? AND ? "
        "GROUP BY table_name, record_id ORDER BY min(seq) LIMIT ?",
        (operation.first_seq, operation.last_seq, _FEW),
    )
