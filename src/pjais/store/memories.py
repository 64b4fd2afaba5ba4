"""Memories: searched, remembered, counted, moved between tiers, deleted so that they can come back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pjais import instants, journal
from pjais.model import Memory
from pjais.schema import rows
from pjais.schema.tables import MEMORIES
from pjais.store import search
from pjais.store.records import List, Records
from pjais.store.search import Found

_LIVE = "t.deleted_at IS NULL AND (? IS NULL OR t.persona_id = ?)"


class Memories(Records[Memory]):
    """The memories of a store.  Lists leave out deleted ones; `get` finds those too."""

    table = MEMORIES
    order = "t.importance DESC, t.last_accessed DESC, t.id"

    def list(
        self, *, persona: str | None = None, limit: int | None = None, offset: int = 0, order: str | None = None
    ) -> List[Memory]:
        """Live memories, by importance and last access, or by one field (`-updated_at`)."""
        where = f"WHERE {_LIVE} ORDER BY {self._ordering(order)} LIMIT ? OFFSET ?"
        return self._select(where, (persona, persona, -1 if limit is None else limit, offset))

    def hot(self, persona: str | None = None, limit: int = 50) -> List[Memory]:
        """The memories of the hot tier (formats/pjais.md §3.2, hotMemories; `active` counts as hot)."""
        where = f"WHERE {_LIVE} AND t.memory_tier IN ('hot', 'active') ORDER BY {self.order} LIMIT ?"
        return self._select(where, (persona, persona, limit))

    def important(self, persona: str | None = None, above: float = 80, limit: int = 100) -> List[Memory]:
        """Memories whose importance is above a bound (0-100), most important first."""
        where = f"WHERE {_LIVE} AND t.importance > ? ORDER BY {self.order} LIMIT ?"
        return self._select(where, (persona, persona, above, limit))

    def recent(self, persona: str | None = None, limit: int = 20) -> List[Memory]:
        """Memories made last, latest first."""
        return self._select(f"WHERE {_LIVE} ORDER BY t.created_at DESC, t.id LIMIT ?", (persona, persona, limit))

    def deleted(self, persona: str | None = None) -> List[Memory]:
        """Memories that were deleted and can be restored, latest first."""
        where = "WHERE t.deleted_at IS NOT NULL AND (? IS NULL OR t.persona_id = ?) ORDER BY t.deleted_at DESC, t.id"
        return self._select(where, (persona, persona))

    def remember(self, content: Any, *, persona: str | None = None, **fields: Any) -> Memory:
        """A new memory; without a persona it belongs to the active one, if there is one."""
        if persona is None:
            found = self._pool_value("SELECT id FROM personas WHERE is_active = 1 ORDER BY last_used DESC LIMIT 1")
            persona = found if isinstance(found, str) else None
        return self.create(content=content, persona_id=persona, **fields)

    def access(self, memory_id: str) -> Memory:
        """A memory, its access counted."""
        now = journal.now_ms()
        with self._pool.writer() as db:
            held = self.need(memory_id)
            record = held._replace(access_count=held.access_count + 1, last_accessed=now)
            db.execute(
                "UPDATE memory_entities SET access_count = ?, last_accessed = ? WHERE id = ?",
                (record.access_count, instants.to_text(now), memory_id),
            )
        return record

    def delete(self, memory_id: str) -> Memory:
        """Mark a memory as deleted; `restore` brings it back."""
        return self.update(memory_id, deleted_at=journal.now_ms())

    def restore(self, memory_id: str) -> Memory:
        """Bring a deleted memory back."""
        return self.update(memory_id, deleted_at=None)

    def search(self, text: str, *, persona: str | None = None, limit: int = 50) -> List[Found]:
        """Live memories that hold all words of `text`, best first.  Any text is safe."""
        with self._pool.reader() as db:
            return search.search(db, text, persona=persona, limit=limit)

    def _insert(self, db: Any, record: Memory) -> None:
        names = ", ".join(self.table.column_names)
        marks = ", ".join("?" * len(self.table.columns))
        number = "(SELECT coalesce(max(search_id), 0) + 1 FROM memory_entities)"
        db.execute(f"INSERT INTO memory_entities ({names}, search_id) VALUES ({marks}, {number})", rows.to_row(record))

    def _pool_value(self, sql: str, values: Sequence[Any] = ()) -> Any:
        with self._pool.reader() as db:
            found = db.execute(sql, tuple(values)).fetchone()
        return None if found is None else found[0]
