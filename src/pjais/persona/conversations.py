"""Conversations: started, added to, archived."""

from __future__ import annotations

import uuid
from typing import Any

from pjais import choices, journal
from pjais.models.persona.records import Conversation
from pjais.models.persona.tables import CONVERSATIONS
from pjais.store import provenance
from pjais.store.provenance import Wanted
from pjais.store.records import List, Records


class Conversations(Records[Conversation]):
    """The conversations of a store."""

    table = CONVERSATIONS
    order = "t.updated_at DESC, t.id"

    def list(
        self,
        *,
        persona: str | None = None,
        limit: int | None = None,
        offset: int = 0,
        order: str | None = None,
        source: Wanted = None,
    ) -> List[Conversation]:
        """Return conversations, latest first, or by one field (`-importance`)."""
        with self._pool.view() as db:
            where, values = provenance.condition(db, self.table, source)
            where += " AND (? IS NULL OR t.persona_id = ?)"
            values += [choices.maybe("persona", persona), persona]
            rest = f"WHERE {where} ORDER BY {self._ordering(order)} LIMIT ? OFFSET ?"
            return self._select(rest, (*values, *choices.window(limit, offset)))

    def recent(self, persona_id: str, limit: int = 20) -> List[Conversation]:
        """Return a persona's conversations that are not archived, latest first."""
        where = "WHERE t.persona_id = ? AND t.is_archived = 0 ORDER BY t.updated_at DESC, t.id LIMIT ? OFFSET ?"
        return self._select(where, (choices.text("persona_id", persona_id), *choices.window(limit)))

    def archived(self, persona_id: str | None = None, source: Wanted = None) -> List[Conversation]:
        """Return archived conversations, the last archived first."""
        with self._pool.view() as db:
            where, values = provenance.condition(db, self.table, source)
            where += " AND t.is_archived = 1 AND (? IS NULL OR t.persona_id = ?)"
            values += [choices.maybe("persona_id", persona_id), persona_id]
            return self._select(f"WHERE {where} ORDER BY t.archived_at DESC, t.id", values)

    def add_message(self, conversation_id: str, role: str, content: Any, **more: Any) -> Conversation:
        """Append a message; a missing id is generated, a missing time is now (ms)."""
        choices.text("role", role)
        now = journal.now_ms()
        message = {"id": str(uuid.uuid4()), "role": role, "content": content, "timestamp": now, **more}
        with self._pool.writer():
            held = self.need(conversation_id)
            return self.update(conversation_id, messages=[*held.messages, message], updated_at=now)

    def archive(self, conversation_id: str) -> Conversation:
        """Archive a conversation; `restore` reverts it."""
        return self.update(conversation_id, is_archived=True, archived_at=journal.now_ms())

    def restore(self, conversation_id: str) -> Conversation:
        """Restore an archived conversation."""
        return self.update(conversation_id, is_archived=False, archived_at=None)
