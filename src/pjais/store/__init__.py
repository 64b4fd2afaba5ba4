"""The store people live in: personas and memories of an open target.

store = pjais.open(folder)
store.personas.active()
store.memories.search("tea ceremony")
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from pjais import sqlite
from pjais.model import Memory, Persona, Record
from pjais.schema import rows
from pjais.schema.tables import MEMORIES, PERSONAS, Table


class Found(NamedTuple):
    """One search result: the memory, a snippet with the hits in [brackets], and its rank (smaller is better)."""

    memory: Memory
    snippet: str
    rank: float


class Store:
    """An open target.  Use as a context manager, or call `close`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db = sqlite.open_writer(path)
        self.personas = Personas(self._db)
        self.memories = Memories(self._db)

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()


class _Records:
    """Reading one table of records."""

    table: Table

    def __init__(self, db: sqlite.Connection) -> None:
        self._db = db
        self._columns = ", ".join(f"t.{name}" for name in self.table.column_names)

    def __len__(self) -> int:
        return int(sqlite.value(self._db, f"SELECT count(*) FROM {self.table.name}"))

    def _select(self, rest: str, values: tuple[Any, ...] = ()) -> Iterator[Record]:
        for row in sqlite.each(self._db, f"SELECT {self._columns} FROM {self.table.name} AS t {rest}", values):
            yield rows.to_record(self.table, row)


class Personas(_Records):
    """The personas of a store."""

    table = PERSONAS

    def get(self, persona_id: str) -> Persona | None:
        """The persona of this id, or None."""
        return next((one for one in self._select("WHERE id = ?", (persona_id,)) if isinstance(one, Persona)), None)

    def list(self) -> list[Persona]:
        """All personas by name."""
        return [one for one in self._select("ORDER BY name, id") if isinstance(one, Persona)]

    def active(self) -> Persona | None:
        """The active persona; of several the one used or changed last."""
        order = "WHERE is_active = 1 ORDER BY last_used DESC, updated_at DESC, id LIMIT 1"
        return next((one for one in self._select(order) if isinstance(one, Persona)), None)


class Memories(_Records):
    """The memories of a store."""

    table = MEMORIES

    def get(self, memory_id: str) -> Memory | None:
        """The memory of this id, deleted or not, or None."""
        return next((one for one in self._select("WHERE id = ?", (memory_id,)) if isinstance(one, Memory)), None)

    def search(self, text: str, *, persona: str | None = None, limit: int = 50) -> list[Found]:
        """Live memories that hold all words of `text`, best first.  Any text is safe: it is no query language."""
        query = " ".join('"' + word.replace('"', '""') + '"' for word in text.replace("\x00", " ").split())
        if not query:
            return []
        sql = (
            f"SELECT {self._columns}, snippet(memory_fts, -1, '[', ']', '…', 16), bm25(memory_fts) "
            "FROM memory_fts JOIN memory_entities AS t ON t.search_id = memory_fts.rowid "
            "WHERE memory_fts MATCH ? AND t.deleted_at IS NULL AND (? IS NULL OR t.persona_id = ?) "
            "ORDER BY bm25(memory_fts), t.id LIMIT ?"
        )
        width = len(self.table.columns)
        found = []
        for row in sqlite.each(self._db, sql, (query, persona, persona, limit)):
            record = rows.to_record(self.table, row[:width])
            if isinstance(record, Memory):
                found.append(Found(record, row[width], row[width + 1]))
        return found
