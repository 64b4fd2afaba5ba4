"""Personas: exactly one of them active, through `activate`."""

from __future__ import annotations

from pjais import choices, instants, journal, sqlite
from pjais.models.persona.records import Persona
from pjais.models.persona.tables import PERSONAS
from pjais.store.live import Live
from pjais.store.records import List, Records


class Personas(Records[Persona]):
    """The personas of a store."""

    table = PERSONAS
    order = "t.name, t.id"

    def active(self) -> Persona | None:
        """Return the active persona; if an earlier app left several, the one used or changed last."""
        found = self._select("WHERE t.is_active = 1 ORDER BY t.last_used DESC, t.updated_at DESC, t.id LIMIT 1")
        return found[0] if found else None

    def live_active(self) -> Live[Persona | None]:
        """Return the active persona as a live query."""
        return Live(self._pool, self.active, [self.table.name])

    def recent(self, limit: int = 5) -> List[Persona]:
        """Return the personas used last, latest first (`recentPersonas`)."""
        where = "WHERE t.last_used IS NOT NULL ORDER BY t.last_used DESC, t.id LIMIT ? OFFSET ?"
        return self._select(where, choices.window(limit))

    def activate(self, persona_id: str) -> Persona:
        """Make one persona the active one, and no other; its use is counted.  Raises UsageError for an unknown one."""
        now = journal.now_ms()
        with self._pool.writer() as db:
            held = self.need(persona_id)
            db.execute("UPDATE personas SET is_active = 0 WHERE is_active = 1 AND id <> ?", (persona_id,))
            record = held._replace(is_active=True, last_used=now, usage_count=held.usage_count + 1)
            self._write(db, record)
        return record

    def deactivate(self, persona_id: str) -> Persona:
        """Make a persona inactive; no other becomes active."""
        return self.update(persona_id, is_active=False)

    def stats(self, persona_id: str) -> dict[str, object]:
        """Return a persona's statistics: memories by tier and type, mean importance, conversations, last activity."""
        self.need(persona_id)
        with self._pool.view() as db:
            live = "FROM memory_entities WHERE persona_id = ? AND deleted_at IS NULL"
            by_tier = sqlite.pairs(db, f"SELECT memory_tier, count(*) {live} GROUP BY 1 ORDER BY 1", (persona_id,))
            by_type = sqlite.pairs(db, f"SELECT type, count(*) {live} GROUP BY 1 ORDER BY 1", (persona_id,))
            total, mean, last = sqlite.fetch(
                db, f"SELECT count(*), avg(importance), max(coalesce(last_accessed, updated_at)) {live}", (persona_id,)
            )[0]
            talks = sqlite.value(db, "SELECT count(*) FROM conversations WHERE persona_id = ?", (persona_id,))
        return {
            "memories": total,
            "by_tier": by_tier,
            "by_type": by_type,
            "mean_importance": mean,
            "conversations": talks,
            "last_activity": None if last is None else instants.from_text(last),
        }
