"""The records of the persona model.

All are frozen: named tuples with fields in a fixed order; instants are integer milliseconds since 1970, `importance`
is 0-100, JSON-shaped fields hold plain Python values.  Data of a record's source without such a field is kept in
`extra`, so that the original document can be rebuilt.
"""

from __future__ import annotations

from typing import NamedTuple

from pjais.core.document import Json


class Persona(NamedTuple):
    """An AI persona.  `is_active` may be true for several; activating one deactivates the others."""

    id: str
    name: str
    description: str | None
    avatar: str | None
    personality: dict[str, Json] | None
    settings: dict[str, Json] | None
    memory_configuration: dict[str, Json] | None
    privacy_settings: dict[str, Json] | None
    is_active: bool
    created_at: int | None
    updated_at: int | None
    last_used: int | None
    usage_count: int
    extra: dict[str, Json]


class Memory(NamedTuple):
    """One memory of a persona.  `content` is text or any JSON value; `deleted_at` marks a soft delete."""

    id: str
    persona_id: str | None
    type: str
    name: str | None
    content: Json
    summary: str | None
    tags: list[str]
    importance: int | float
    memory_tier: str
    embedding: list[int | float] | None
    embedding_model: str | None
    access_count: int
    connection_count: int
    last_accessed: int | None
    created_at: int | None
    updated_at: int | None
    deleted_at: int | None
    extra: dict[str, Json]


class Conversation(NamedTuple):
    """A conversation; `messages` are `{id, role, content, timestamp, metadata}` as the source wrote them."""

    id: str
    persona_id: str | None
    session_id: str | None
    title: str | None
    messages: list[Json]
    summary: str | None
    sentiment: str | None
    topics: list[str]
    importance: int | float
    is_archived: bool
    created_at: int | None
    updated_at: int | None
    archived_at: int | None
    extra: dict[str, Json]


class Relationship(NamedTuple):
    """A directed link between two records; `strength` is on the source's scale (0-1 in every known one)."""

    id: str
    from_id: str
    to_id: str
    type: str
    strength: int | float | None
    created_at: int | None
    extra: dict[str, Json]


class Plugin(NamedTuple):
    """An installed plugin's record (not its code)."""

    id: str
    name: str
    version: str | None
    enabled: bool
    manifest: dict[str, Json] | None
    installed_at: int | None
    extra: dict[str, Json]


class Other(NamedTuple):
    """A document of a collection that the model does not know, carried whole."""

    collection: str
    id: str
    document: dict[str, Json]


Record = Persona | Memory | Conversation | Relationship | Plugin | Other
