"""The tables of our LiveStore schema, as values.

They are those of guide B (docs/guides.md), under its names, corrected where its code does not run and completed so
that nothing of the model is left out: every text that a record may lack is nullable, JSON columns take any JSON,
`sourceId` stays in the state, and `extra` carries what the model has no field for.  One description serves the
reader, the writer, the replay and the `schema.ts` with which an app boots our log.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from pjais.models.persona import records

MARK = 1
"""The version of this schema; `v1.MigrationStarted` of a log that we wrote carries it as `schemaVersion`."""


PRIVACY_LEVELS = ("low", "medium", "high")
ROLES = ("user", "assistant", "system")
"""Values that guide B's schema allows for `settings.privacyLevel` and the role of a message."""

OWN = "pjais:"
"""Prefix of the collections of a store with our own schema, since other apps' tables have the same names."""


class Column(NamedTuple):
    """One column, or one argument of an event.

    `form`: text, json (any JSON value; in the state its text), boolean (in the state 0/1), integer, real or
    date (integer milliseconds).  `null`: may be null.  `default`: what an absent one becomes in the state.
    """

    name: str
    form: str = "text"
    null: bool = True
    default: Any = None


class LiveTable(NamedTuple):
    """One table of the state; `attributes` names the model's field of each column, None where it has none."""

    name: str
    record: type[records.Record]
    columns: tuple[Column, ...]
    key: str = "id"

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names of all columns, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def by_name(self) -> dict[str, Column]:
        """The columns by name."""
        return {column.name: column for column in self.columns}


def _text(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name) for name in names)


def _json(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, "json") for name in names)


def _dates(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, "date") for name in names)


def _count(*names: str) -> tuple[Column, ...]:
    """Counters are reals: a count that JavaScript cannot hold exactly must not stop the boot."""
    return tuple(Column(name, "real", False, 0) for name in names)


_ID = Column("id", "text", False)
_IMPORTANCE = Column("importance", "real", False, 50)


def _required(name: str, form: str = "text", default: Any = "") -> Column:
    return Column(name, form, False, default)


PERSONAS = LiveTable(
    "personas",
    records.Persona,
    (
        _ID,
        *_text("sourceId"),
        _required("name"),
        *_text("description", "avatar"),
        *_json("personality", "settings", "memoryConfiguration", "privacySettings"),
        _required("isActive", "boolean", False),
        *_dates("createdAt", "updatedAt", "lastUsed"),
        *_count("usageCount"),
        *_json("extra"),
    ),
)

MEMORIES = LiveTable(
    "memoryEntities",
    records.Memory,
    (
        _ID,
        *_text("sourceId", "personaId"),
        _required("type"),
        *_text("name"),
        *_json("content"),
        *_text("summary"),
        _required("tags", "json", []),
        _IMPORTANCE,
        _required("memoryTier", default="hot"),
        *_json("embedding"),
        *_text("embeddingModel"),
        *_count("accessCount", "connectionCount"),
        *_dates("lastAccessed", "createdAt", "updatedAt", "deletedAt"),
        *_json("extra"),
    ),
)

CONVERSATIONS = LiveTable(
    "conversations",
    records.Conversation,
    (
        _ID,
        *_text("sourceId", "personaId", "sessionId", "title"),
        _required("messages", "json", []),
        *_text("summary", "sentiment"),
        _required("topics", "json", []),
        _IMPORTANCE,
        _required("isArchived", "boolean", False),
        *_dates("createdAt", "updatedAt", "archivedAt"),
        *_json("extra"),
    ),
)

RELATIONSHIPS = LiveTable(
    "relationships",
    records.Relationship,
    (
        _ID,
        *_text("sourceId"),
        _required("fromId"),
        _required("toId"),
        _required("type"),
        Column("strength", "real"),
        *_dates("createdAt"),
        *_json("extra"),
    ),
)

PLUGINS = LiveTable(
    "plugins",
    records.Plugin,
    (
        _ID,
        *_text("sourceId"),
        _required("name"),
        *_text("version"),
        _required("enabled", "boolean", True),
        *_json("manifest"),
        *_dates("installedAt"),
        *_json("extra"),
    ),
)

OTHERS = LiveTable(
    "otherRecords",
    records.Other,
    (
        Column("key", "text", False),
        _required("collection"),
        _required("recordId"),
        *_text("sourceId"),
        *_json("document"),
    ),
    key="key",
)

TABLES = (PERSONAS, MEMORIES, CONVERSATIONS, RELATIONSHIPS, PLUGINS, OTHERS)
"""Every table of the state, in an order in which references point backwards."""

BY_NAME = {table.name: table for table in TABLES}
BY_RECORD = {table.record: table for table in TABLES}

ALIASES = {"memory_entities": "memoryEntities", "memories": "memoryEntities"}
"""Names of our tables in other versions of the app."""
