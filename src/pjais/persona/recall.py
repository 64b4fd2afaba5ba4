"""Recall: one search over memories, by meaning where the store has embeddings and this machine their model.

Whoever is shown a part of a store only must not learn of the rest from what is shown: with any filter the order is one
that tells nothing of other memories (`pjais.persona.search.Query.private`).
"""

from __future__ import annotations

from typing import NamedTuple

from pjais import choices, sqlite
from pjais.errors import UsageError
from pjais.models.persona.records import Conversation, Memory
from pjais.models.persona.tables import CONVERSATIONS, MEMORIES
from pjais.persona import filters, message_search, search, semantic
from pjais.persona.filters import Filters
from pjais.persona.message_search import MessageFilters, MessageQuery, MessageResults
from pjais.persona.search import Query
from pjais.persona.semantic import Embeddings, Target
from pjais.store.pool import Pool


class Recalled(NamedTuple):
    """A memory that was found, and the piece of its text with the hit; None: found by its meaning alone."""

    memory: Memory
    snippet: str | None


class Recollection(NamedTuple):
    """A page of results, the offset of the next one (None: the end), and the total, where it can be known."""

    found: list[Recalled]
    next_offset: int | None
    total: int | None
    by_meaning: bool


def recall(
    pool: Pool, embeddings: Embeddings, text: str, scope: Filters, *, limit: int = 20, offset: int = 0
) -> Recollection:
    """Find memories for a question, best first: those with all of its words, and those of a like meaning.

    If none has all of the words, those with any of them are given.
    """
    private = any(value for value in scope.values())
    choices.window(limit, offset)
    asked = Query(text, marks=("", ""), limit=limit, offset=offset, filters=scope, private=private)
    with pool.view() as db:
        if embeddings.usable(db):
            try:
                more = asked._replace(limit=limit + 1)
                found = semantic.hybrid(db, embeddings, more, Target(text=text), None)
            except UsageError:  # no model on this machine, or none that fits
                pass
            else:
                shown = [Recalled(one.memory, one.snippet) for one in found[:limit]]
                return Recollection(shown, offset + limit if len(found) > limit else None, None, True)
        results = search.page(db, asked)
        if not results.total:
            results = search.page(db, asked._replace(any=True))
        recalled = [Recalled(one.memory, one.snippet) for one in results.found]
        return Recollection(recalled, results.next_offset, results.total, False)


def one(pool: Pool, memory_id: str, scope: Filters) -> Memory | None:
    """Return a memory, if it passes the filters."""
    with pool.view() as db:
        where, values = filters.where(scope, db)
        sql = f"SELECT {MEMORIES.columns_of('t')} FROM memory_entities AS t WHERE t.id = ? AND {where}"
        row = sqlite.first(db, sql, (choices.text("memory_id", memory_id), *values))
    record = None if row is None else MEMORIES.to_record(row)
    assert record is None or isinstance(record, Memory)
    return record


def conversation(pool: Pool, conversation_id: str, scope: MessageFilters) -> Conversation | None:
    """Return a conversation, if it passes the filters that messages are found by."""
    with pool.view() as db:
        where, values = message_search.of_conversations(scope, db)
        sql = f"SELECT {CONVERSATIONS.columns_of('t')} FROM conversations AS t WHERE t.id = ? AND {where}"
        row = sqlite.first(db, sql, (choices.text("conversation_id", conversation_id), *values))
    record = None if row is None else CONVERSATIONS.to_record(row)
    assert record is None or isinstance(record, Conversation)
    return record


def messages(pool: Pool, text: str, scope: MessageFilters, *, limit: int = 20, offset: int = 0) -> MessageResults:
    """Find messages of conversations with all words of a text."""
    private = any(value for value in scope.values())
    choices.window(limit, offset)
    with pool.view() as db:
        asked = MessageQuery(text, False, False, ("", ""), limit, offset, scope, private)
        return message_search.page(db, asked)
