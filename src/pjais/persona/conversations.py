"""Conversations: started, added to, searched, archived."""

from __future__ import annotations

from typing import Any, Unpack

from pjais import choices, journal, sqlite
from pjais.models.persona.records import Conversation
from pjais.models.persona.tables import CONVERSATIONS
from pjais.persona import message_search
from pjais.persona.message_search import MessageFilters, MessageHit, MessageQuery, MessageResults
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
        archived: bool | None = None,
    ) -> List[Conversation]:
        """Return conversations, latest first, or by one field (`-importance`); `archived`: only those, or none."""
        with self._pool.view() as db:
            where, values = self._where(db, persona, source, archived)
            rest = f"WHERE {where} ORDER BY {self._ordering(order)} LIMIT ? OFFSET ?"
            return self._select(rest, (*values, *choices.window(limit, offset)))

    def count(self, *, persona: str | None = None, source: Wanted = None, archived: bool | None = None) -> int:
        """Return the number of conversations that `list` would return without a limit."""
        with self._pool.view() as db:
            where, values = self._where(db, persona, source, archived)
            return int(sqlite.value(db, f"SELECT count(*) FROM {self.table.sql} AS t WHERE {where}", values))

    def _where(
        self, db: sqlite.Connection, persona: str | None, source: Wanted, archived: bool | None
    ) -> tuple[str, List[Any]]:
        where, values = provenance.condition(db, self.table, source)
        where += " AND (? IS NULL OR t.persona_id = ?) AND (? IS NULL OR t.is_archived = ?)"
        shelved = None if archived is None else int(choices.flag("archived", archived))
        return where, [*values, choices.maybe("persona", persona), persona, shelved, shelved]

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
        import uuid  # loaded on demand: reading makes no ids

        choices.text("role", role)
        now = journal.now_ms()
        message = {"id": str(uuid.uuid4()), "role": role, "content": content, "timestamp": now, **more}
        with self._pool.writer():
            held = self.need(conversation_id)
            return self.update(conversation_id, messages=[*held.messages, message], updated_at=now)

    def search(
        self,
        text: str,
        *,
        any: bool = False,
        prefix: bool = False,
        marks: tuple[str, str] = ("[", "]"),
        limit: int | None = 50,
        offset: int = 0,
        **wanted: Unpack[MessageFilters],
    ) -> List[MessageHit]:
        """Find messages with all words of `text` (or any), best first; for `text` see `Memories.search`.

        The filters are `role`, `since`, `until`, `persona`, `source` and `hidden` (see `MessageFilters`).
        """
        asked = MessageQuery(text, any, prefix, marks, limit, offset, wanted)
        with self._pool.view() as db:
            return message_search.search_messages(db, asked)

    def search_page(
        self,
        text: str,
        *,
        any: bool = False,
        prefix: bool = False,
        marks: tuple[str, str] = ("[", "]"),
        limit: int | None = 50,
        offset: int = 0,
        **wanted: Unpack[MessageFilters],
    ) -> MessageResults:
        """Return one page of `search`, the total number of hits, and the offset of the next page."""
        asked = MessageQuery(text, any, prefix, marks, limit, offset, wanted)
        with self._pool.view() as db:
            return message_search.page(db, asked)

    def archive(self, conversation_id: str) -> Conversation:
        """Archive a conversation; `restore` reverts it."""
        return self.update(conversation_id, is_archived=True, archived_at=journal.now_ms())

    def restore(self, conversation_id: str) -> Conversation:
        """Restore an archived conversation."""
        return self.update(conversation_id, is_archived=False, archived_at=None)
