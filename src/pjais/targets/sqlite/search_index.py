"""The search indexes of a new file, made from its rows when all of them are in.

FTS5 takes about as long as writing the rows.  Where a second core is free, it works there while the other indexes are
made here: it reads the rows from the file, whose tables do not change any more, and fills a file of its own, from which
the finished indexes are copied.  Elsewhere they are rebuilt in place.  Both ways give indexes of the same content, and
the proof of a run compares every word of them with the rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from pjais import cores, sqlite
from pjais.core.model import Model
from pjais.targets.sqlite import ddl, parts

WORTH = 16 << 20
"""Bytes of rows below which a rebuild in place is faster than a file of its own."""

_HASH = 16 << 20
"""Bytes of terms that FTS5 buffers before it writes a segment: 64 MiB are no faster, and cost memory."""
_HASH_DEFAULT = 1 << 20
_SHADOWS = ("data", "idx", "docsize", "config")
"""The tables of which an FTS5 index over another table's rows consists (sqlite.org/fts5.html, section 9)."""


class _Index(NamedTuple):
    """One index: its name, its definition, and the query of what it holds: row ids, then its columns."""

    name: str
    definition: str
    columns: tuple[str, ...]
    rows: str
    """SELECT of the row ids and the columns, without the name of their table's schema."""
    table: str


def _indexes(model: Model) -> Iterator[_Index]:
    for table, search in model.searched:
        rows = ", ".join(("search_id", *search.columns))
        yield _Index(search.name, ddl.search_index(table, search), search.columns, rows, table.sql)
    for _, one in model.divided:
        rows = ", ".join(("id", *one.search.columns))
        yield _Index(one.search.name, parts.search_index(one), one.search.columns, rows, one.name)


class SearchIndexes:
    """All search indexes of a new file: `begin` when its rows are in, `complete` before anybody changes one."""

    def __init__(self, db: sqlite.Connection, path: Path) -> None:
        self._db = db
        self._path = path
        self._scratch = Path(f"{path}{sqlite.SCRATCH}")
        self._made: Future[None] | None = None
        self._pool = ThreadPoolExecutor(1)

    def begin(self, model: Model) -> None:
        """Begin to fill the indexes beside, if that is worth it."""
        for table, one in model.divided:
            parts.fill_rows(self._db, table, one)
        self._db.execute("COMMIT; BEGIN IMMEDIATE")  # what is in the file now can be read there
        if self._path.stat().st_size >= WORTH and cores.second_is_free():
            beside = _opened(self._path, self._scratch)
            self._made = self._pool.submit(_fill, beside, tuple(_indexes(model)))

    def complete(self, model: Model) -> None:
        """Complete the indexes in the file itself."""
        for one in _indexes(model):
            self._db.execute(one.definition)
        if self._made is None:
            for one in _indexes(model):
                _hash_size(self._db, one.name, _HASH)
                self._db.execute(f"INSERT INTO {one.name} ({one.name}) VALUES ('rebuild')")
                _hash_size(self._db, one.name, _HASH_DEFAULT)
            return
        self._made.result()
        self._db.execute("ATTACH ? AS beside", (str(self._scratch),))
        for one in _indexes(model):
            for shadow in (f"{one.name}_{name}" for name in _SHADOWS):
                self._db.execute(f"DELETE FROM main.{shadow}")
                self._db.execute(f"INSERT INTO main.{shadow} SELECT * FROM beside.{shadow}")

    def close(self) -> None:
        """Wait until nothing is done beside, and remove the file of it."""
        self._pool.shutdown()
        sqlite.remove(self._scratch)


def _opened(path: Path, scratch: Path) -> sqlite.Connection:
    """Open a new file for indexes, which sees the rows of another one as they are now.

    That file is read without a lock, as if nobody wrote to it: pages are added to it meanwhile, but those of its rows
    stay as they are.  Its schema is read at once, before it changes.
    """
    sqlite.remove(scratch)
    db = sqlite.create(scratch)
    sqlite.attach_frozen(db, path, "records")
    sqlite.fetch(db, "SELECT name FROM records.sqlite_schema")
    return db


def _fill(db: sqlite.Connection, indexes: tuple[_Index, ...]) -> None:
    with closing(db):
        db.execute("BEGIN")
        for one in indexes:
            db.execute(one.definition)
            _hash_size(db, one.name, _HASH)
            columns = ", ".join(("rowid", *one.columns))
            db.execute(f"INSERT INTO {one.name} ({columns}) SELECT {one.rows} FROM records.{one.table}")
            _hash_size(db, one.name, _HASH_DEFAULT)
        db.execute("COMMIT")


def _hash_size(db: sqlite.Connection, name: str, size: int) -> None:
    db.execute(f"INSERT INTO {name} ({name}, rank) VALUES ('hashsize', ?)", (size,))
