"""The records of the persona model.

Each field says in its annotation what kind of value it holds; tables, mappings, LiveStore's columns and the page are
derived from that (`pjais.core.declare`).

All are frozen: named tuples with fields in a fixed order; instants are integer milliseconds since 1970, `importance`
is 0-100, JSON-shaped fields hold plain Python values.  Data of a record's source without such a field is kept in
`extra`, so that the original document can be rebuilt.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

from pjais.core import declare as a
from pjais.core.document import Json

_LINKED = ("memory_entities", "personas", "conversations")
SAME_AS = "same_as"
"""The type of a relationship between two personas that are one to their owner; both records stay as they are."""


class Persona(NamedTuple):
    """An AI persona.  `is_active` may be true for several; activating one deactivates the others."""

    id: Annotated[str, a.key()]
    name: Annotated[str, a.required()]
    description: Annotated[str | None, a.text()]
    avatar: Annotated[str | None, a.text()]
    personality: Annotated[dict[str, Json] | None, a.json()]
    settings: Annotated[dict[str, Json] | None, a.json()]
    memory_configuration: Annotated[
        dict[str, Json] | None, a.json("memoryConfiguration", "memory_configuration", "memoryConfig")
    ]
    privacy_settings: Annotated[dict[str, Json] | None, a.json()]
    is_active: Annotated[bool, a.truth()]
    created_at: Annotated[int | None, a.instant(now=True)]
    updated_at: Annotated[int | None, a.instant(now=True)]
    last_used: Annotated[int | None, a.instant()]
    usage_count: Annotated[int, a.count()]
    extra: Annotated[dict[str, Json], a.extra()]


class Memory(NamedTuple):
    """One memory of a persona.  `content` is text or any JSON value; `deleted_at` marks a soft delete."""

    id: Annotated[str, a.key()]
    persona_id: Annotated[str | None, a.reference("personas")]
    type: Annotated[str, a.required(default="text")]
    name: Annotated[str | None, a.text(default="")]
    content: Annotated[Json, a.content()]
    summary: Annotated[str | None, a.text()]
    tags: Annotated[list[str], a.texts()]
    importance: Annotated[int | float, a.score(50, 0, 100)]
    memory_tier: Annotated[str, a.tier("memoryTier", "memory_tier", "tier", live="hot")]
    embedding: Annotated[list[int | float] | None, a.vector()]
    embedding_model: Annotated[str | None, a.text()]
    access_count: Annotated[int, a.count()]
    connection_count: Annotated[int, a.count()]
    last_accessed: Annotated[int | None, a.instant()]
    created_at: Annotated[int | None, a.instant(now=True)]
    updated_at: Annotated[int | None, a.instant(now=True)]
    deleted_at: Annotated[int | None, a.instant()]
    extra: Annotated[dict[str, Json], a.extra()]


class Conversation(NamedTuple):
    """A conversation; `messages` are `{id, role, content, timestamp, metadata}` as the source wrote them."""

    id: Annotated[str, a.key()]
    persona_id: Annotated[str | None, a.reference("personas")]
    session_id: Annotated[str | None, a.text()]
    title: Annotated[str | None, a.text()]
    messages: Annotated[list[Json], a.items()]
    summary: Annotated[str | None, a.text()]
    sentiment: Annotated[str | None, a.text()]
    topics: Annotated[list[str], a.texts()]
    importance: Annotated[int | float, a.score(50, 0, 100)]
    is_archived: Annotated[bool, a.truth()]
    created_at: Annotated[int | None, a.instant(now=True)]
    updated_at: Annotated[int | None, a.instant(now=True)]
    archived_at: Annotated[int | None, a.instant()]
    extra: Annotated[dict[str, Json], a.extra()]


class Relationship(NamedTuple):
    """A directed link between two records; `strength` is on the source's scale (0-1 in every known one)."""

    id: Annotated[str, a.key()]
    from_id: Annotated[str, a.link(*_LINKED, keys=("fromEntityId", "from_id", "fromId", "from_entity_id"))]
    to_id: Annotated[str, a.link(*_LINKED, keys=("toEntityId", "to_id", "toId", "to_entity_id"))]
    type: Annotated[str, a.required("relationshipType", "relationship_type", "type", default="text")]
    strength: Annotated[int | float | None, a.number()]
    created_at: Annotated[int | None, a.instant(now=True)]
    extra: Annotated[dict[str, Json], a.extra()]


class Plugin(NamedTuple):
    """An installed plugin's record (not its code)."""

    id: Annotated[str, a.key()]
    name: Annotated[str, a.required()]
    version: Annotated[str | None, a.text()]
    enabled: Annotated[bool, a.truth(default=True)]
    manifest: Annotated[dict[str, Json] | None, a.json()]
    installed_at: Annotated[int | None, a.instant()]
    extra: Annotated[dict[str, Json], a.extra()]


class Attachment(NamedTuple):
    """A file that messages refer to (`metadata.attachments`): `id` is the SHA-256 of its bytes, `size` their number.

    The bytes are in the store once, whoever refers to them and under whatever names.
    """

    id: Annotated[str, a.key()]
    name: Annotated[str | None, a.text()]
    media_type: Annotated[str | None, a.text()]
    size: Annotated[int, a.count()]
    extra: Annotated[dict[str, Json], a.extra()]


class Other(NamedTuple):
    """A document of a collection that the model does not know, kept whole."""

    collection: str
    id: str
    document: dict[str, Json]


Record = Persona | Memory | Conversation | Relationship | Plugin | Attachment | Other
