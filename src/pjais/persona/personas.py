"""Personas: exactly one of them active, through `activate`."""

from __future__ import annotations

from pjais import choices, instants, journal, sqlite
from pjais.errors import UsageError
from pjais.models.persona import observations
from pjais.models.persona.records import SAME_AS, Persona, Relationship
from pjais.models.persona.tables import PERSONAS
from pjais.persona.relationships import Relationships
from pjais.store.live import Live
from pjais.store.pool import Pool
from pjais.store.records import List, Records

_SAME = (
    "WITH RECURSIVE same (id) AS (SELECT ? UNION "
    "SELECT iif(r.from_id = same.id, r.to_id, r.from_id) FROM same JOIN relationships AS r "
    "ON (r.from_id = same.id AND r.type = ?) OR (r.to_id = same.id AND r.type = ?)) SELECT id FROM same"
)
"""SQL: a persona and all that it is linked with, directly or through others."""
_SEARCHED = 1000
"""Up to so many personas are searched for one that an unknown id may mean."""


class Personas(Records[Persona]):
    """The personas of a store."""

    table = PERSONAS
    order = "t.name, t.id"

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool)
        self._relationships = Relationships(pool)

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

    def _meant(self, key: str) -> List[str]:
        """Return the ids that an unknown one may mean: also by the name of a persona, or by a similar one."""
        found = super()._meant(key)
        if found or len(self) > _SEARCHED:
            return found
        names = {text.casefold(): one.id for one in self.list() for text in (one.id, one.name)}
        near = choices.nearest(key.casefold(), names)
        return [] if near is None else [names[near]]

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

    def link(self, a: str, b: str) -> Relationship:
        """Say that two personas are the same one: a relationship `same_as`, not a merge; return it.

        If they are linked already, in either direction, nothing is written.  Raises UsageError for an unknown persona.
        """
        if choices.text("a", a) == choices.text("b", b):
            raise UsageError("a persona is not linked with itself", where=[a])
        with self._pool.writer():
            for key in (a, b):
                self.need(key)
            return self.linked(a, b) or self._relationships.create(from_id=a, to_id=b, type=SAME_AS)

    def unlink(self, a: str, b: str) -> bool:
        """Remove the link between two personas; return whether there was one."""
        with self._pool.writer():
            held = self.linked(a, b)
            if held is None:
                self.need(a), self.need(b)
            else:
                self._relationships.remove(held.id)
        return held is not None

    def linked(self, a: str, b: str) -> Relationship | None:
        """Return the link between two personas, whichever of them it starts from; None if there is none."""
        choices.text("b", b)
        links = self._relationships.of(choices.text("a", a), SAME_AS)
        return next((one for one in links if {one.from_id, one.to_id} == {a, b}), None)

    def same_as(self, persona_id: str) -> List[Persona]:
        """Return the personas that are linked with one, directly or through others, by name."""
        with self._pool.view():
            self.need(persona_id)
            where = f"WHERE t.id <> ? AND t.id IN ({_SAME}) ORDER BY {self.order}"
            return self._select(where, (persona_id, persona_id, SAME_AS, SAME_AS))

    def likely_same(self) -> List[List[str]]:
        """Return groups of ids of personas that are likely the same and not linked: of one name, however written."""
        with self._pool.view() as db:
            return observations.likely_same(db)

    def remove(self, key: str) -> None:
        """Delete a persona and its links with others permanently; the history keeps them.

        Raises UsageError if memories or conversations refer to it.
        """
        with self._pool.writer():
            super().remove(key)
            for one in self._relationships.of(key, SAME_AS):
                self._relationships.remove(one.id)

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
