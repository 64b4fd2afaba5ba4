"""SQLite files that are read table by table: the app's earlier schemas, LiveStore's tables, and any that is named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from pjais.sources.contract import Collection, Opened, ReadOptions, Tables
from pjais.sources.sqlite_source import SqliteFile

if TYPE_CHECKING:
    from pjais.core.document import Piece
    from pjais.core.snapshot import Snapshot


class SqliteTables(SqliteFile):
    """A SQLite file each row of which is a document."""

    @contextmanager
    def open(self, snapshot: Snapshot, options: ReadOptions) -> Iterator[Opened]:
        """Open the consistent copy."""
        yield OpenedTables(snapshot)


class OpenedTables(Opened):
    """The tables of a SQLite file."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    @property
    def collections(self) -> Sequence[Collection]:
        """Return the tables with their keys and DDL; none of a damaged file."""
        from pjais import sqlite
        from pjais.sources.sqlite_tables import reader

        if self._snapshot.unsound:
            return ()
        with closing(sqlite.open_frozen(self._snapshot.path)) as connection:
            return tuple(reader.known(connection))

    def read(self) -> Iterator[Piece]:
        """Yield the rows of all tables."""
        from pjais.sources.sqlite_tables import reader

        return reader.read(self._snapshot)


class PjaisDrizzle(SqliteTables):
    """The app's database of its Drizzle schema."""

    kind = dialect = "pjais-drizzle"
    precedence = 9
    names = ("pjais.db",)

    def is_called(self, relative: str) -> bool:
        """Return whether it is in the app's folder for it."""
        return relative == "database/pjais.db"

    def is_database(self, tables: Tables) -> bool:
        """Return whether a table has a column that only this schema has."""
        return "personality_profile" in _columns(tables, "personas") or "importance_score" in _columns(
            tables, "memory_entities"
        )


class PjaisFlat(SqliteTables):
    """The app's flat databases: one, or several shards, some of which may be empty."""

    kind = dialect = "pjais-flat"
    precedence = 8
    names = ("pjais.db", "shard_*.db")
    may_be_empty = True

    def is_called(self, relative: str) -> bool:
        """Return whether a file is the app's, or a numbered shard."""
        name = relative.rpartition("/")[2]
        return name == "pjais.db" or (super().is_called(name) and name[6:-3].isascii() and name[6:-3].isdigit())

    def is_database(self, tables: Tables) -> bool:
        """Return whether a table has a column that only this schema has."""
        if "personality_traits" in _columns(tables, "personas"):
            return True
        return tables.expected == self.kind and "persona_id" in _columns(tables, "memory_entities")


class LivestoreTables(SqliteTables):
    """A state file of LiveStore, or a database with its tables, alone."""

    kind = dialect = "livestore-db"
    precedence = 5
    names = ("livestore.db", "database.db")
    called = "livestore"
    takes_any = True

    def is_database(self, tables: Tables) -> bool:
        """Return whether a file has one of the tables."""
        return not tables.columns.keys().isdisjoint(
            ("personas", "memoryentities", "memory_entities", "memories", "conversations")
        )

    def version_of(self, tables: Tables) -> str | None:
        """Return whether LiveStore made it."""
        return "a LiveStore state file" if "__livestore_schema" in tables.columns else None


def _columns(tables: Tables, table: str) -> set[str]:
    return set(tables.columns.get(table, ()))


SOURCES = (PjaisDrizzle(), PjaisFlat(), LivestoreTables())
