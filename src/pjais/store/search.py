"""Search over memories: full text, ranked, with snippets; any text that somebody types is safe."""

from __future__ import annotations

from typing import NamedTuple

from pjais import sqlite
from pjais.model import Memory
from pjais.schema import rows
from pjais.schema.tables import MEMORIES

_COLUMNS = ", ".join(f"t.{name}" for name in MEMORIES.column_names)
_WIDTH = len(MEMORIES.columns)


class Found(NamedTuple):
    """One search result: the memory, a snippet with the hits in [brackets], and its rank (smaller is better)."""

    memory: Memory
    snippet: str
    rank: float


def search(db: sqlite.Connection, text: str, *, persona: str | None = None, limit: int = 50) -> list[Found]:
    """Live memories that hold all words of `text`, best first."""
    query = " ".join(f'"{quoted}"' for word in text.replace("\x00", " ").split() if (quoted := word.replace('"', '""')))
    if not query:
        return []
    sql = (
        f"SELECT {_COLUMNS}, snippet(memory_fts, -1, '[', ']', '…', 16), bm25(memory_fts) "
        "FROM memory_fts JOIN memory_entities AS t ON t.search_id = memory_fts.rowid "
        "WHERE memory_fts MATCH ? AND t.deleted_at IS NULL AND (? IS NULL OR t.persona_id = ?) "
        "ORDER BY bm25(memory_fts), t.id LIMIT ?"
    )
    found = []
    for row in sqlite.each(db, sql, (query, persona, persona, limit)):
        record = rows.to_record(MEMORIES, row[:_WIDTH])
        if isinstance(record, Memory):
            found.append(Found(record, row[_WIDTH], row[_WIDTH + 1]))
    return found
