"""Documents in the app's own shape: LiveStore rows, RxDB documents, JSON exports, one file per record.

All of them use the same camelCase names; they differ in how values are written (SQLite rows hold JSON as text,
booleans as 1/0, instants as milliseconds) and in which keys are usually present.
"""

from __future__ import annotations

from typing import NamedTuple

from pjais.core.mapping import Field, Fields, Instant
from pjais.core.rules import (
    Content,
    Id,
    Items,
    Number,
    Object,
    Reference,
    RequiredText,
    Rule,
    Text,
    Texts,
    Tier,
    Truth,
    Vector,
)
from pjais.models.persona import tables
from pjais.models.persona.mappings import nested


class Style(NamedTuple):
    """The form in which one kind writes its values.

    `rows`: SQLite rows.  `dates`: the usual form of instants.  `lacks`: the attributes whose key is usually
    absent when there is nothing to say.  `tier`: what a memory without a tier has.
    """

    rows: bool
    dates: str
    lacks: frozenset[str]
    tier: str = "active"
    json_content: bool = False


_JSON_LACKS = frozenset(
    [
        "name",
        "description",
        "avatar",
        "personality",
        "settings",
        "memory_configuration",
        "privacy_settings",
        "created_at",
        "updated_at",
        "last_used",
        "usage_count",
        "persona_id",
        "summary",
        "embedding",
        "embedding_model",
        "access_count",
        "connection_count",
        "last_accessed",
        "deleted_at",
        "session_id",
        "title",
        "sentiment",
        "archived_at",
        "strength",
        "version",
        "manifest",
        "installed_at",
    ]
)

ROWS = Style(True, "ms", frozenset({"memory_configuration", "privacy_settings", "access_count", "title"}), tier="hot")
ROWS_JSON_CONTENT = ROWS._replace(json_content=True)
JSON = Style(False, "iso", _JSON_LACKS)
EXPORT = Style(False, "ms", _JSON_LACKS | {"memory_tier"}, tier="hot")
RXDB = Style(False, "iso", _JSON_LACKS, tier="hot")


def personas(style: Style) -> Fields:
    """The mapping of personas."""
    objects = Object(json_text=style.rows)
    return Fields(
        tables.PERSONAS,
        _fields(
            style,
            ("id", ("id",), Id()),
            ("name", ("name",), RequiredText()),
            ("description", ("description",), Text()),
            ("avatar", ("avatar",), Text()),
            ("personality", ("personality",), objects),
            ("settings", ("settings",), objects),
            ("memory_configuration", ("memoryConfiguration", "memory_configuration", "memoryConfig"), objects),
            ("privacy_settings", ("privacySettings", "privacy_settings"), objects),
            ("is_active", ("isActive", "is_active"), Truth(numeric=style.rows)),
            ("created_at", ("createdAt", "created_at"), Instant()),
            ("updated_at", ("updatedAt", "updated_at"), Instant()),
            ("last_used", ("lastUsed", "last_used"), Instant()),
            ("usage_count", ("usageCount", "usage_count"), Number(0, whole=True)),
        ),
        dates=style.dates,
        any_case=style.rows,
        after=nested.note_persona,
    )


def memories(style: Style) -> Fields:
    """The mapping of memories."""
    return Fields(
        tables.MEMORIES,
        _fields(
            style,
            ("id", ("id",), Id()),
            ("persona_id", ("personaId", "persona_id"), Reference()),
            ("type", ("type",), RequiredText()),
            ("name", ("name",), Text()),
            ("content", ("content",), Content(json_text=style.json_content)),
            ("summary", ("summary",), Text()),
            ("tags", ("tags",), Texts(json_text=style.rows)),
            ("importance", ("importance",), Number(50, limits=(0, 100))),
            ("memory_tier", ("memoryTier", "memory_tier", "tier"), Tier(style.tier)),
            ("embedding", ("embedding",), Vector(json_text=style.rows)),
            ("embedding_model", ("embeddingModel", "embedding_model"), Text()),
            ("access_count", ("accessCount", "access_count"), Number(0, whole=True)),
            ("connection_count", ("connectionCount", "connection_count"), Number(0, whole=True)),
            ("last_accessed", ("lastAccessed", "last_accessed"), Instant()),
            ("created_at", ("createdAt", "created_at"), Instant()),
            ("updated_at", ("updatedAt", "updated_at"), Instant()),
            ("deleted_at", ("deletedAt", "deleted_at"), Instant()),
        ),
        dates=style.dates,
        any_case=style.rows,
    )


def conversations(style: Style) -> Fields:
    """The mapping of conversations."""
    return Fields(
        tables.CONVERSATIONS,
        _fields(
            style,
            ("id", ("id",), Id()),
            ("persona_id", ("personaId", "persona_id"), Reference()),
            ("session_id", ("sessionId", "session_id"), Text()),
            ("title", ("title",), Text()),
            ("messages", ("messages",), Items(json_text=style.rows)),
            ("summary", ("summary",), Text()),
            ("sentiment", ("sentiment",), Text()),
            ("topics", ("topics",), Texts(json_text=style.rows)),
            ("importance", ("importance",), Number(50, limits=(0, 100))),
            ("is_archived", ("isArchived", "is_archived"), Truth(numeric=style.rows)),
            ("created_at", ("createdAt", "created_at"), Instant()),
            ("updated_at", ("updatedAt", "updated_at"), Instant()),
            ("archived_at", ("archivedAt", "archived_at"), Instant()),
        ),
        dates=style.dates,
        any_case=style.rows,
        after=nested.note_messages,
    )


def relationships(style: Style) -> Fields:
    """Return the mapping of relationships between entities."""
    return Fields(
        tables.RELATIONSHIPS,
        _fields(
            style,
            ("id", ("id",), Id()),
            ("from_id", ("fromEntityId", "from_id", "fromId", "from_entity_id"), Id()),
            ("to_id", ("toEntityId", "to_id", "toId", "to_entity_id"), Id()),
            ("type", ("relationshipType", "relationship_type", "type"), RequiredText()),
            ("strength", ("strength",), Number(None)),
            ("created_at", ("createdAt", "created_at"), Instant()),
        ),
        dates=style.dates,
        any_case=style.rows,
    )


def plugins(style: Style) -> Fields:
    """Return the mapping of plugin records."""
    return Fields(
        tables.PLUGINS,
        _fields(
            style,
            ("id", ("id",), Id()),
            ("name", ("name",), RequiredText()),
            ("version", ("version",), Text()),
            ("enabled", ("enabled",), Truth(numeric=style.rows, default=True)),
            ("manifest", ("manifest",), Object(json_text=style.rows)),
            ("installed_at", ("installedAt", "installed_at"), Instant()),
        ),
        dates=style.dates,
        any_case=style.rows,
    )


def _fields(style: Style, *fields: tuple[str, tuple[str, ...], Rule]) -> tuple[Field, ...]:
    return tuple(Field(name, keys, rule, name in style.lacks) for name, keys, rule in fields)
