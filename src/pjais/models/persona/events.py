"""The events of our LiveStore schema and what each does to the state: declared once, pure, versioned.

Several versions of the app used the same names with other arguments, so every argument that some version lacked is
optional, and `Event.parts` converts older shapes to the current one.  If an old event carries no time, the state's date
stays unknown: nothing here reads a clock, so that replaying a log twice gives the same state.

`pjais.core.events` applies them for our own reading; `pjais.models.persona.typescript` prints the same
effects for the app.
"""

from __future__ import annotations

from collections.abc import Iterator

from pjais.core.events import (
    Add,
    Append,
    Column,
    Effect,
    Event,
    EventSchema,
    Insert,
    LiveTable,
    Merge,
    Remove,
    Set,
    Take,
)
from pjais.core.table import Table, camel
from pjais.models.persona import tables
from pjais.models.persona.livestore import (
    ALIASES,
    CONVERSATIONS,
    MARK,
    MEMORIES,
    OTHERS,
    OWN,
    PERSONAS,
    PLUGINS,
    RELATIONSHIPS,
    TABLES,
)


def _arg(name: str, form: str = "text", *, required: bool = False) -> Column:
    return Column(name, form, not required)


def _id(name: str = "id") -> Column:
    return _arg(name, required=True)


def _columns(table: LiveTable) -> tuple[Column, ...]:
    """All columns of a table as arguments; only the key is required."""
    return tuple(Column(one.name, one.form, one.name != table.key) for one in table.columns)


def _imported(subject: str, table: LiveTable) -> Event:
    return Event(f"v1.{subject}Imported", _columns(table), (Insert(table),), about="written by a migration")


def _updated(subject: str, table: LiveTable) -> Event:
    effects: tuple[Effect, ...] = (Merge(table),)
    args = (_id(), _arg("updates", "json", required=True))
    if "updatedAt" in table.by_name:
        effects = (*effects, Set(table, {"updatedAt": Take("updatedAt")}))
        return Event(f"v1.{subject}Updated", (*args, _arg("updatedAt", "date")), effects, "updatedAt")
    return Event(f"v1.{subject}Updated", args, effects)


def _removed(subject: str, table: LiveTable) -> Event:
    return Event(f"v1.{subject}Removed", (_id(),), (Remove(table),), about="gone for good, not only marked")


def _some(table: LiveTable, *names: str) -> tuple[Column, ...]:
    columns = table.by_name
    return (_id(), *(Column(name, columns[name].form) for name in names))


def _later(table: Table) -> Iterator[str]:
    """Yield the arguments for fields that were added after the first release."""
    return (camel(column.name) for column in table.later)


_MEMORY_ARGS = _some(
    MEMORIES,
    "personaId",
    "type",
    "name",
    "content",
    "summary",
    "tags",
    "importance",
    "memoryTier",
    "embedding",
    "embeddingModel",
    "createdAt",
    *_later(tables.MEMORIES),
)

EVENTS = (
    Event(
        "v1.MigrationStarted",
        (
            _arg("fromSystem"),
            _arg("toSystem"),
            _arg("startedAt", "date"),
            _arg("runId"),
            _arg("program"),
            _arg("schemaVersion", "integer"),
        ),
        (),
        "startedAt",
        "frames an import",
    ),
    Event(
        "v1.MigrationCompleted",
        (_arg("runId"), _arg("completedAt", "date"), _arg("counts", "json"), _arg("upTo", "integer")),
        (),
        "completedAt",
        "frames an import",
    ),
    _imported("Persona", PERSONAS),
    _imported("MemoryEntity", MEMORIES),
    _imported("Conversation", CONVERSATIONS),
    _imported("Relationship", RELATIONSHIPS),
    _imported("Plugin", PLUGINS),
    _imported("OtherRecord", OTHERS),
    Event(
        "v1.PersonaCreated",
        _some(
            PERSONAS,
            "name",
            "description",
            "avatar",
            "personality",
            "settings",
            "memoryConfiguration",
            "privacySettings",
            "isActive",
            "createdAt",
            *_later(tables.PERSONAS),
        ),
        (Insert(PERSONAS, {"updatedAt": "createdAt"}),),
        "createdAt",
    ),
    _updated("Persona", PERSONAS),
    Event(
        "v1.PersonaActivated",
        (_id(), _arg("activatedAt", "date")),
        (
            Set(PERSONAS, {"isActive": False}, None),
            Set(PERSONAS, {"isActive": True, "lastUsed": Take("activatedAt"), "usageCount": Add(1, "activatedAt")}),
        ),
        "activatedAt",
        "the others are deactivated",
    ),
    Event(
        "v1.PersonaDeactivated",
        (_id(), _arg("deactivatedAt", "date")),
        (Set(PERSONAS, {"isActive": False}),),
        "deactivatedAt",
    ),
    _removed("Persona", PERSONAS),
    Event("v1.MemoryEntityCreated", _MEMORY_ARGS, (Insert(MEMORIES, {"updatedAt": "createdAt"}),), "createdAt"),
    Event(
        "v1.MemoryAdded",
        _MEMORY_ARGS,
        (Insert(MEMORIES, {"updatedAt": "createdAt"}),),
        "createdAt",
        "the name in the integration guide's schema",
    ),
    _updated("MemoryEntity", MEMORIES),
    Event(
        "v1.MemoryEntityAccessed",
        (_id(), _arg("accessedAt", "date")),
        (Set(MEMORIES, {"lastAccessed": Take("accessedAt"), "accessCount": Add(1)}),),
        "accessedAt",
    ),
    Event(
        "v1.MemoryEntityDeleted",
        (_id(), _arg("deletedAt", "date", required=True)),
        (Set(MEMORIES, {"deletedAt": Take("deletedAt")}),),
        "deletedAt",
        "marked as deleted; the row stays",
    ),
    Event(
        "v1.MemoryEntityRestored",
        (_id(), _arg("restoredAt", "date")),
        (Set(MEMORIES, {"deletedAt": None, "updatedAt": Take("restoredAt")}),),
        "restoredAt",
    ),
    Event(
        "v1.MemoryEntityEmbedded",
        (_id(), _arg("embedding", "json"), _arg("embeddingModel")),
        (Set(MEMORIES, {"embedding": Take("embedding"), "embeddingModel": Take("embeddingModel")}),),
    ),
    Event(
        "v1.MemoryEntityTierChanged",
        (_id(), _arg("memoryTier", required=True), _arg("changedAt", "date")),
        (Set(MEMORIES, {"memoryTier": Take("memoryTier"), "updatedAt": Take("changedAt")}),),
        "changedAt",
    ),
    _removed("MemoryEntity", MEMORIES),
    Event(
        "v1.ConversationStarted",
        (*_some(CONVERSATIONS, "personaId", "sessionId", "title"), _arg("startedAt", "date")),
        (Insert(CONVERSATIONS, {"createdAt": "startedAt", "updatedAt": "startedAt"}),),
        "startedAt",
    ),
    _updated("Conversation", CONVERSATIONS),
    Event(
        "v1.MessageAdded",
        (_id("conversationId"), _arg("message", "json"), _arg("messageId"), _arg("role"), _arg("content")),
        (Append(CONVERSATIONS, "conversationId", "messages", "message", "updatedAt"),),
        "message.timestamp",
        parts=("message", {"id": "messageId", "role": "role", "content": "content"}),
    ),
    Event(
        "v1.ConversationArchived",
        (_id(), _arg("archivedAt", "date")),
        (Set(CONVERSATIONS, {"isArchived": True, "archivedAt": Take("archivedAt")}),),
        "archivedAt",
    ),
    _removed("Conversation", CONVERSATIONS),
    _updated("Relationship", RELATIONSHIPS),
    _removed("Relationship", RELATIONSHIPS),
    _updated("Plugin", PLUGINS),
    _removed("Plugin", PLUGINS),
    Event(
        "v1.OtherRecordUpdated",
        (_id("key"), _arg("document", "json", required=True)),
        (Set(OTHERS, {"document": Take("document")}, "key"),),
    ),
    Event("v1.OtherRecordRemoved", (_id("key"),), (Remove(OTHERS, "key"),)),
)
"""Every event that our schema knows, in the order of the printed schema."""

SCHEMA = EventSchema(TABLES, EVENTS, ALIASES, OWN, MARK)
