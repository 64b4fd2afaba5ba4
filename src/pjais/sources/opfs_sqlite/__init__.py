"""SQLite databases that a web page keeps in its browser: in OPFS, or in IndexedDB, whichever library put them there.

Each comes out as a file, and each row of its tables as a document, whose database is the file's path.  The pools of
LiveStore are a kind of their own, which comes first.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pjais.formats import sqlite_libraries
from pjais.sources.contract import Databases, Opened, ReadOptions, Source
from pjais.sources.indexeddb.layouts import InIndexedDb, InLevelDb, InSqlite
from pjais.sources.opfs_sqlite.detector import KIND, Detector

if TYPE_CHECKING:
    from pathlib import Path

    from pjais.core.snapshot import Snapshot
    from pjais.core.source import SourceRef

__all__ = ["SOURCES", "Detector"]


class OpfsSqlite(Source):
    """The databases in the private file system of one origin."""

    kind = dialect = KIND
    of_browser = True
    shares = True

    def files(self, ref: SourceRef) -> list[Path]:
        """Return the files of the databases, and the browser's index that names them."""
        return list(ref.files)

    @contextmanager
    def open(self, snapshot: Snapshot, options: ReadOptions) -> Iterator[Opened]:
        """Open all databases in a snapshot, on copies of their own."""
        from pjais.sources.opfs_sqlite import reader

        with reader.opened_opfs(snapshot) as found:
            yield found


class StoredSqlite(InIndexedDb):
    """The databases that an origin keeps in its IndexedDB."""

    kind = KIND
    made_by = "SQLite in IndexedDB"

    def in_indexeddb(self, there: Databases) -> frozenset[str] | None:
        """Return the IndexedDB databases that hold SQLite files."""
        if there.layout != self.layout:
            return None
        names = frozenset(
            name for name, stores in there.stores.items() if sqlite_libraries.is_of(name, frozenset(stores))
        )
        return names or None

    @contextmanager
    def open(self, snapshot: Snapshot, options: ReadOptions) -> Iterator[Opened]:
        """Open all databases in a snapshot, on copies of their own."""
        from pjais.sources.opfs_sqlite import reader

        with self.containers(snapshot) as containers, reader.opened_indexeddb(snapshot, containers) as found:
            yield found


class StoredInLevelDb(StoredSqlite, InLevelDb):
    """In Chromium and Electron."""

    dialect = f"{KIND}-leveldb"


class StoredInSqlite(StoredSqlite, InSqlite):
    """In Chromium's SQLite backend."""

    dialect = f"{KIND}-sqlite"


SOURCES = (OpfsSqlite(), StoredInLevelDb(), StoredInSqlite())
