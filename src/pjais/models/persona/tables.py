"""The tables of the SQLite target, as values.

One description gives the DDL, the triggers, the rows that are bound, and the columns that a digest covers.
The first columns of `personas` and `memory_entities` are those of guide A (docs/guides.md), in its order, with its
types and defaults; the model's further columns follow.
"""

from __future__ import annotations

from typing import Any

from pjais.core.table import Column, Search, Table
from pjais.models.persona import cold, records

_NOW = "TEXT DEFAULT CURRENT_TIMESTAMP"


def _json(name: str, default: Any = None) -> Column:
    return Column(name, "JSON", "json", default)


def _instant(name: str, declaration: str = "TEXT") -> Column:
    return Column(name, declaration, "instant")


PERSONAS = Table(
    "personas",
    records.Persona,
    ("id",),
    (
        Column("id", "TEXT PRIMARY KEY"),
        Column("name", "TEXT NOT NULL", default=""),
        Column("description", "TEXT"),
        _json("personality"),
        _json("memory_configuration"),
        _json("privacy_settings"),
        Column("is_active", "INTEGER DEFAULT 0", "bool", False),
        _instant("created_at", _NOW),
        _instant("updated_at", _NOW),
        Column("avatar", "TEXT"),
        _json("settings"),
        _instant("last_used"),
        Column("usage_count", "INTEGER DEFAULT 0", "number", 0),
        _json("extra", {}),
    ),
    (
        ("personas_active", "is_active"),
        ("personas_last_used", "last_used DESC"),
        ("personas_updated", "updated_at DESC"),
    ),
    sole="is_active",
    dated=True,
)

SEARCH = Search("memory_fts", ("name", "content", "summary", "tags"), (8.0, 1.0, 4.0, 3.0))
"""The full-text index over memories: a hit in the name counts most."""

MEMORIES = Table(
    "memory_entities",
    records.Memory,
    ("id",),
    (
        Column("id", "TEXT PRIMARY KEY"),
        Column("persona_id", "TEXT REFERENCES personas(id)"),
        Column("type", "TEXT NOT NULL", default="text"),
        Column("name", "TEXT", default=""),
        Column("content", "TEXT NOT NULL", "content", ""),
        Column("summary", "TEXT"),
        _json("tags", []),
        Column("importance", "INTEGER DEFAULT 50", "number", 50),
        Column("memory_tier", "TEXT DEFAULT 'active'", default="active"),
        _json("embedding"),
        Column("embedding_model", "TEXT"),
        Column("access_count", "INTEGER DEFAULT 0", "number", 0),
        _instant("last_accessed"),
        _instant("created_at", _NOW),
        _instant("updated_at", _NOW),
        _instant("deleted_at"),
        Column("connection_count", "INTEGER DEFAULT 0", "number", 0),
        Column("content_format", "TEXT DEFAULT 'text'", "content_format"),
        _json("extra", {}),
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
    SEARCH,
    title="memories",
    owner="persona_id",
    dated=True,
    packed=(("content", cold.expand),),
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
        _json("messages", []),
        Column("summary", "TEXT"),
        Column("sentiment", "TEXT"),
        _json("topics", []),
        Column("importance", "INTEGER DEFAULT 50", "number", 50),
        Column("is_archived", "INTEGER DEFAULT 0", "bool", False),
        _instant("created_at", _NOW),
        _instant("updated_at", _NOW),
        _instant("archived_at"),
        _json("extra", {}),
    ),
    (("conversations_persona", "persona_id, is_archived, updated_at DESC"),),
    (("persona_id", ("personas",)),),
    owner="persona_id",
    dated=True,
)

RELATIONSHIPS = Table(
    "relationships",
    records.Relationship,
    ("id",),
    (
        Column("id", "TEXT PRIMARY KEY"),
        Column("from_id", "TEXT NOT NULL"),
        Column("to_id", "TEXT NOT NULL"),
        Column("type", "TEXT NOT NULL", default="text"),
        Column("strength", "NUMERIC", "number"),
        _instant("created_at", _NOW),
        _json("extra", {}),
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
        Column("name", "TEXT NOT NULL", default=""),
        Column("version", "TEXT"),
        Column("enabled", "INTEGER DEFAULT 1", "bool", True),
        _json("manifest"),
        _instant("installed_at"),
        _json("extra", {}),
    ),
)

OTHERS = Table(
    "other_records",
    records.Other,
    ("collection", "id"),
    (Column("collection", "TEXT NOT NULL"), Column("id", "TEXT NOT NULL"), _json("document")),
    title="others",
    carries=True,
)

TABLES = (PERSONAS, MEMORIES, CONVERSATIONS, RELATIONSHIPS, PLUGINS, OTHERS)
"""Every table of records, in an order in which references point backwards."""
