"""Our own files as sources: a store, and an export."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pjais.sources.contract import Members, Tables
from pjais.sources.json_files import JsonFile
from pjais.sources.sqlite_source import SqliteFile

if TYPE_CHECKING:
    from pjais.core.document import Piece
    from pjais.core.snapshot import Snapshot


class Store(SqliteFile):
    """A SQLite store."""

    kind = dialect = "pjais"
    precedence = 10
    is_ours = True

    def is_database(self, tables: Tables) -> bool:
        """Return whether a SQLite file bears our mark."""
        from pjais.core.model import APPLICATION_ID

        return tables.application_id == APPLICATION_ID

    def version_of(self, tables: Tables) -> str | None:
        """Return the version of its schema."""
        return f"schema {tables.user_version}"

    def read(self, snapshot: Snapshot) -> Iterator[Piece]:
        """Yield the records."""
        from pjais.sources.pjais_store import reader

        return reader.read(snapshot)


class Export(JsonFile):
    """An export of a store."""

    kind = "pjais"
    dialect = "pjais-export"
    precedence = 10
    is_ours = True
    names = ("*.pjais.json",)

    def is_json(self, members: Members) -> bool:
        """Return whether a JSON file says that it is an export."""
        return "format" in members.keys and '"pjais-export"' in members.text[:200]

    def read(self, snapshot: Snapshot) -> Iterator[Piece]:
        """Yield the records."""
        from pjais.sources.json_files import reader

        return reader.read_export(snapshot, own=True)


SOURCES = (Store(), Export())
