"""The tables of the persona model: its records' columns, and what only a table knows.

The first columns of `personas` and `memory_entities` are those of guide A (docs/guides.md), in its order, with its
types and defaults; the model's further columns follow.
"""

from __future__ import annotations

from pjais.core.declare import table
from pjais.core.table import Column, Keeps, Search, Table
from pjais.models.persona import cold, kept_messages, kept_versions, records
from pjais.models.persona.messages import MESSAGES

PERSONAS = table(
    records.Persona,
    "personas",
    last=("avatar", "settings", "last_used", "usage_count"),
    indexes=(
        ("personas_active", "is_active"),
        ("personas_last_used", "last_used DESC"),
        ("personas_updated", "updated_at DESC"),
    ),
    sole="is_active",
    dated=True,
)

SEARCH = Search("memory_fts", ("name", "content", "summary", "tags"), (8.0, 1.0, 4.0, 3.0))
"""The full-text index over memories: a hit in the name counts most."""

MEMORIES = table(
    records.Memory,
    "memory_entities",
    last=("connection_count",),
    indexes=(
        ("memories_persona_importance", "persona_id, importance DESC, last_accessed DESC"),
        ("memories_persona_tier", "persona_id, memory_tier, type, importance, deleted_at"),  # all that figures need
        ("memories_persona_type", "persona_id, type"),
        ("memories_importance", "importance DESC, last_accessed DESC"),
        ("memories_created", "created_at, deleted_at"),
        ("memories_deleted", "deleted_at"),
    ),
    search=SEARCH,
    title="memories",
    keeps=Keeps(kept_versions.with_kept, kept_versions.bare, kept_versions.RULE, kept_versions.told, lets_go=False),
    owner="persona_id",
    dated=True,
    packed=(("content", cold.expand),),
)

CONVERSATIONS = table(
    records.Conversation,
    "conversations",
    indexes=(("conversations_persona", "persona_id, is_archived, updated_at DESC"),),
    keeps=Keeps(kept_messages.with_kept, kept_messages.bare, kept_messages.RULE, kept_messages.told),
    parts=MESSAGES,
    owner="persona_id",
    dated=True,
)

RELATIONSHIPS = table(
    records.Relationship,
    "relationships",
    indexes=(("relationships_from", "from_id, type"), ("relationships_to", "to_id, type")),
)

PLUGINS = table(records.Plugin, "plugins")

ATTACHMENTS = table(records.Attachment, "attachments", of_bytes=True)

OTHERS = Table(
    "other_records",
    records.Other,
    ("collection", "id"),
    (
        Column("collection", "TEXT NOT NULL"),
        Column("id", "TEXT NOT NULL"),
        Column("document", "JSON", "json", kind="object"),
    ),
    title="others",
    carries=True,
)

TABLES = (PERSONAS, MEMORIES, CONVERSATIONS, RELATIONSHIPS, PLUGINS, ATTACHMENTS, OTHERS)
"""Every table of records, in an order in which references point backwards."""
