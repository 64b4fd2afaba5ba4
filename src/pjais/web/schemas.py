"""Types of the views' values: the JSON of `GET /api/...` and the values of the pages.

Records are as `pjais export` and `--json` show them: camelCase, instants as ISO-8601 in UTC (null: unknown),
importance 0-100.  The rest is named as the command line's JSON names it.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, create_model

from pjais.core.table import Table, camel
from pjais.models.persona.tables import CONVERSATIONS, MEMORIES, PERSONAS


class Shape(BaseModel):
    """The base of all: what is not named here is not shown."""

    model_config = ConfigDict(extra="forbid")


class Problem(Shape):
    """An error: its code, what happened, which record or file, the impact, the next command."""

    code: str
    exit_code: int
    what: str
    where: list[str]
    safe: str
    advice: str
    next: str


_TYPES: dict[str, Any] = {
    **dict.fromkeys(("key", "required", "tier", "link"), str),
    **dict.fromkeys(("text", "reference", "instant"), str | None),
    **dict.fromkeys(("texts", "items"), list[Any]),
    "count": int | float,
    "number": int | float,
    "truth": bool,
    "object": dict[str, Any] | None,
    "vector": list[Any] | None,
    "content": Any,
    "extra": dict[str, Any],
}


def _shape(table: Table) -> Any:
    """Return the base of a record's shape, derived from its table."""
    fields: dict[str, Any] = {camel(column.name): (_TYPES[column.kind], ...) for column in table.fields}
    return create_model(table.record.__name__, __base__=Shape, **fields)


class Persona(_shape(PERSONAS)):  # type: ignore[misc]  # the fields are the model's
    """An AI persona."""


class Memory(_shape(MEMORIES)):  # type: ignore[misc]
    """One memory of a persona; `content` is text, or any JSON value."""


class Conversation(_shape(CONVERSATIONS)):  # type: ignore[misc]
    """A conversation with its messages."""


class Page(Shape):
    """The position in a list: how many there are in all, and the offset of what comes before and after."""

    total: int
    offset: int
    limit: int
    before: int | None
    after: int | None


class Change(Shape):
    """One field of one record at two moments; `field` null: the whole record, which one side lacks."""

    table: str
    id: str
    field: str | None
    before: Any
    after: Any


class RecordSource(Shape):
    """The source that a record was migrated from; `pjais` without a name: it was written in the store."""

    kind: str
    name: str | None


class Step(Shape):
    """One change of a record."""

    seq: str
    at: str | None
    op: str
    table: str
    id: str
    changes: list[Change]
    by: str | None = None
    """The name of the transaction that it was part of, `mcp:<client>:<tool>` for an assistant's."""


class Personas(Shape):
    """The personas, and how many memories each has."""

    code: str
    page: Page
    records: list[Persona]
    memories: dict[str, int]


class PersonaView(Shape):
    """One persona with its numbers, what it talked about last, and its history."""

    code: str
    record: Persona
    source: RecordSource
    figures: dict[str, Any]
    conversations: list[Conversation]
    history: list[Step]


class Hit(Shape):
    """A memory, and where it was searched the piece of text that was found (hits between U+E000 and U+E001)."""

    memory: Memory
    snippet: str | None
    source: RecordSource


class MessageFound(Shape):
    """A message that a search found: where it is, who wrote it and when, and a piece of its text as in `Hit`."""

    conversation_id: str
    title: str | None
    position: int
    message_id: str | None
    role: str | None
    at: str | None
    snippet: str
    rank: float


class Memories(Shape):
    """Memories, most important first, or those that a search found, best first; with it the best of the messages."""

    code: str
    q: str
    page: Page
    hits: list[Hit]
    messages: list[MessageFound]
    messages_total: int
    tiers: dict[str, int]
    types: dict[str, int]
    personas: dict[str, str]
    sources: list[RecordSource]
    """Those that were migrated into the store, as the filter `source` takes them by kind or name."""


class Link(Shape):
    """A relationship of a memory with another record."""

    id: str
    other: str
    outgoing: bool
    type: str
    strength: int | float | None


class MemoryView(Shape):
    """One memory with its links, the memories most like it, its score (0-100) and its history."""

    code: str
    record: Memory
    source: RecordSource
    persona: str | None
    score: float
    links: list[Link]
    similar: list[Hit]
    history: list[Step]


class Conversations(Shape):
    """Conversations, latest first, with the source of each by its id."""

    code: str
    page: Page
    records: list[Conversation]
    personas: dict[str, str]
    source_of: dict[str, RecordSource]
    sources: list[RecordSource]


class ConversationView(Shape):
    """One conversation, and its history."""

    code: str
    record: Conversation
    source: RecordSource
    persona: str | None
    history: list[Step]


class Operation(Shape):
    """An operation that `undo` would revert, or `redo` do again."""

    id: int
    at: str | None
    kind: str
    label: str
    first_seq: int
    last_seq: int


class Time(Shape):
    """A moment of a store against now: `at` of `last` moments; changes read from then to now."""

    code: str
    store: str
    kind: str
    ours: bool
    stores: list[str]
    where: int
    at: int
    last: int
    number: str | None
    when: str | None
    counts: dict[str, int]
    page: Page
    changes: list[Change]
    undoable: list[Operation]
    redoable: list[Operation]


class Dot(Shape):
    """A memory in the map of embeddings, -1 to 1 each way."""

    id: str
    name: str
    group: str
    x: float
    y: float


class Pictures(Shape):
    """Figures to look at: memories by month, tier, type and importance, and the map of their embeddings."""

    code: str
    persona: str | None
    personas: dict[str, str]
    months: dict[str, int]
    tiers: dict[str, int]
    types: dict[str, int]
    importance: dict[str, int]
    total: int
    map: list[Dot]
    mapped_of: int
