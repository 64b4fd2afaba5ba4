"""What a store keeps of a record of which an export brings a newer copy that lacks a part (`core.table.Keeps`).

An export never says that what is not in it was deleted.  So what the winning copy lacks of the others is put back in an
edit of its own, which the history shows: the ledger has the document as it was read, and the proof leads to it.

Whoever accepts deletions lets all of it go, also what was kept before, of every record that a source brings as it is.
"""

from __future__ import annotations

from typing import NamedTuple

from pjais import sqlite
from pjais.core.model import Model
from pjais.core.table import Record, Row, Table
from pjais.sources.registry import absence_means_removed
from pjais.targets.sqlite.entries import Arrival, Origin


class Kept(NamedTuple):
    """A record that keeps some parts of an earlier copy."""

    table: Table
    key: str
    row: Row
    parts: int


class Keeping:
    """Collects the copies that lost, and says what the winner lacks of them.

    `active` False: nothing is kept, and what was kept before goes.
    """

    def __init__(self) -> None:
        self.active = True
        self._confirmed: dict[tuple[Table, str], None] = {}
        self._others: dict[tuple[Table, str], list[Record]] = {}
        self._kept: list[Kept] = []

    def note(self, arrival: Arrival, present: Row) -> None:
        """Note that of two copies of a record, one arriving and one present, only one will be live."""
        keeps = arrival.table.keeps
        if keeps is None or absence_means_removed(arrival.origin.kind):
            return
        if self.active or not keeps.lets_go:
            others = self._others.setdefault((arrival.table, arrival.key), [])
            others += (one for one in (arrival.record, arrival.table.record_of(present)) if one is not None)

    def confirm(self, table: Table, key: str, origin: Origin) -> None:
        """Note that a source brings a live record as it was before."""
        if table.keeps is None or not table.keeps.lets_go or absence_means_removed(origin.kind):
            return
        if not self.active:
            self._confirmed[table, key] = None

    def let_go(self, db: sqlite.Connection) -> list[tuple[str, str]]:
        """Return (title, key) of the confirmed records of which kept parts are to go; nothing is written yet."""
        gone: list[tuple[str, str]] = []
        for table, key in self._confirmed:
            columns, where = table.column_list, table.matching()
            row = sqlite.first(db, f"SELECT {columns} FROM {table.sql} WHERE {where}", table.key_values(key))
            if row is None:
                continue
            bare = table.bare_row(row)
            if bare is not None:
                self._kept.append(Kept(table, key, bare, 0))
                gone.append((table.title, key))
        self._confirmed.clear()
        return gone

    def find(self, db: sqlite.Connection) -> list[Kept]:
        """Return the records that lack a part of another copy, as they are to be; nothing is written yet."""
        for (table, key), others in self._others.items():
            columns, where = table.column_list, table.matching()
            row = sqlite.first(db, f"SELECT {columns} FROM {table.sql} WHERE {where}", table.key_values(key))
            if row is None or table.keeps is None:
                continue
            record, total = table.record_of(row), 0
            for other in others if record is not None else ():
                found = table.keeps.add(other, record)
                if found is not None:
                    record, total = found[0], total + found[1]
            if total:
                self._kept.append(Kept(table, key, table.to_row(record), total))
        self._others.clear()
        return self._kept

    def write(self, db: sqlite.Connection) -> None:
        """Write them, once the history records it."""
        for one in self._kept:
            sql = f"UPDATE {one.table.sql} SET {one.table.assignments} WHERE {one.table.matching()}"
            db.execute(sql, (*one.row, *one.table.key_values(one.key)))
        self._kept.clear()


def anything_kept(db: sqlite.Connection, model: Model) -> bool:
    """Return whether a store holds parts that its sources lack."""
    for table in model.tables:
        if table.keeps is None or not sqlite.column_names(db, table.name):
            continue
        rows = sqlite.each(db, f"SELECT {table.column_list} FROM {table.sql}")
        if any(table.bare_row(row) is not None for row in rows):
            return True
    return False
