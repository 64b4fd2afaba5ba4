"""The tables of the SQLite target, as values.

One description gives the DDL, the triggers, the rows that are bound, and the columns that a digest covers.
The first columns of `personas` and `memory_entities` are those of guide A (docs/guides.md), in its order, with its
types and defaults; the model's further columns follow.
"""

from __future__ import annotations

from typing import NamedTuple

from pjais.models.persona import records

APPLICATION_ID = 0x504A4149
"""`PJAI` in the SQLite header: this file is ours."""

SCHEMA_VERSION = 2
"""The header's user_version; a file with a larger one was written by a newer program."""


class Column(NamedTuple):
    """One column: its declaration in SQL, and in which form the model's value is stored.

    `form`: text, number, bool (0/1), json (text), instant (ISO-8601 text), content (text or JSON text) or
    content_format (`text` | `json`, derived from content).
    """

    name: str
    declaration: str
    form: str = "text"


class Table(NamedTuple):
    """One table of records.  `references` are (column, table) pairs that must resolve."""

    name: str
    record: type[records.Record]
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    indexes: tuple[tuple[str, str], ...] = ()
    references: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names of the columns that hold the record, in order."""
        return tuple(column.name for column in self.columns)


def camel(name: str) -> str:
    """A column's name as documents, exports and LiveStore have it."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


_NOW = "TEXT DEFAULT CURRENT_TIMESTAMP"


def _json(name: str) -> Column:
    return Column(name, "JSON", "json")


def _instant(name: str, declaration: str = "TEXT") -> Column:
    return Column(name, declaration, "instant")


PERSONAS = Table(
    "personas",
    records.Persona,
    ("id",),
    (
        Column("id", "TEXT PRIMARY KEY"),
        Column("name", "TEXT NOT NULL"),
        Column("description", "TEXT"),
        _json("personality"),
        _json("memory_configuration"),
        _json("privacy_settings"),
        Column("is_active", "INTEGER DEFAULT 0", "bool"),
        _instant("created_at", _NOW),
        _instant("updated_at", _NOW),
        Column("avatar", "TEXT"),
        _json("settings"),
        _instant("last_used"),
        Column("usage_count", "INTEGER DEFAULT 0", "number"),
        _json("extra"),
    ),
    (
        ("personas_active", "is_active"),
        ("personas_last_used", "last_used DESC"),
        ("personas_updated", "updated_at DESC"),
    ),
)

MEMORIES = Table(
    "memory_entities",
    records.Memory,
    ("id",),
    (
        Column("id", "TEXT PRIMARY KEY"),
        Column("persona_id", "TEXT REFERENCES personas(id)"),
        Column("type", "TEXT NOT NULL"),
        Column("name", "TEXT"),
        Column("content", "TEXT NOT NULL", "content"),
        Column("summary", "TEXT"),
        _json("tags"),
        Column("importance", "INTEGER DEFAULT 50", "number"),
        Column("memory_tier", "TEXT DEFAULT 'active'"),
        _json("embedding"),
        Column("embedding_model", "TEXT"),
        Column("access_count", "INTEGER DEFAULT 0", "number"),
        _instant("last_accessed"),
        _instant("created_at", _NOW),
        _instant("updated_at", _NOW),
        _instant("deleted_at"),
        Column("connection_count", "INTEGER DEFAULT 0", "number"),
        Column("content_format", "TEXT DEFAULT 'text'", "content_format"),
        _json("extra"),
    ),
    (
        ("memories_persona_importance", "persona_id, importance DESC, last_accessed DESC"),
        ("memories_persona_tier", "persona_id, memory_tier, type, importance, deleted_at"),  # all that figures need
        ("memories_persona_type", "persona_id, type"),
        ("memories_importance", "importance DESC, last_accessed DESC"),
        ("memories_created", "created_at, deleted_at"),
        ("memories_deleted", "deleted_at"),
    ),
    (("persona_id", ("personas",)),),
)

CONVERSATIONS = Table(
    "conversations",
    records.Conversation,
    ("id",),
    (
        Column("id", "TEXT PRIMARY KEY"),
        Column("persona_id", "TEXT REFERENCES personas(id)"),
        Column("session_id", "TEXT"),
        Column("title", "TEXT"),
        _json("messages"),
        Column("summary", "TEXT"),
        Column("sentiment", "TEXT"),
        _json("topics"),
        Column("importance", "INTEGER DEFAULT 50", "number"),
        Column("is_archived", "INTEGER DEFAULT 0", "bool"),
        _instant("created_at", _NOW),
        _instant("updated_at", _NOW),
        _instant("archived_at"),
        _json("extra"),
    ),
    (("conversations_persona", "persona_id, is_archived, updated_at DESC"),),
    (("persona_id", ("personas",)),),
)

RELATIONSHIPS = Table(
    "relationships",
    records.Relationship,
    ("id",),
    (
        Column("id", "TEXT PRIMARY KEY"),
        Column("from_id", "TEXT NOT NULL"),
        Column("to_id", "TEXT NOT NULL"),
        Column("type", "TEXT NOT NULL"),
        Column("strength", "NUMERIC", "number"),
        _instant("created_at", _NOW),
        _json("extra"),
    ),
    (("relationships_from", "from_id, type"), ("relationships_to", "to_id, type")),
    (
        ("from_id", ("memory_entities", "personas", "conversations")),
        ("to_id", ("memory_entities", "personas", "conversations")),
    ),
)

PLUGINS = Table(
    "plugins",
    records.Plugin,
    ("id",),
    (
        Column("id", "TEXT PRIMARY KEY"),
        Column("name", "TEXT NOT NULL"),
        Column("version", "TEXT"),
        Column("enabled", "INTEGER DEFAULT 1", "bool"),
        _json("manifest"),
        _instant("installed_at"),
        _json("extra"),
    ),
)

OTHERS = Table(
    "other_records",
    records.Other,
    ("collection", "id"),
    (Column("collection", "TEXT NOT NULL"), Column("id", "TEXT NOT NULL"), _json("document")),
)

TABLES = (PERSONAS, MEMORIES, CONVERSATIONS, RELATIONSHIPS, PLUGINS, OTHERS)
"""Every table of records, in an order in which references point backwards."""

BY_NAME = {table.name: table for table in TABLES}
BY_RECORD = {table.record: table for table in TABLES}

SEARCHED = ("name", "content", "summary", "tags")
"""The columns of `memory_entities` that `memory_fts` indexes."""
