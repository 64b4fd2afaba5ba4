"""The flat SQLite schema of the app's first database, also as shards.

Its columns `personality_traits`, `memory_max_memories`, `privacy_data_collection` ... are the members of the
model's objects.  Dates are SQLite's UTC text, in later rows ISO-8601.
"""

from __future__ import annotations

from pjais.core.mapping import Field, Fields, Instant
from pjais.core.rules import Content, Id, Items, Number, Reference, RequiredText, Rule, Text, Texts, Tier, Truth, Vector
from pjais.models.persona import tables

_YES_NO = Truth(numeric=True)
_LIST = Texts(json_text=True)

_MEMBERS: dict[str, tuple[tuple[str, str, Rule], ...]] = {
    "personality": (
        ("personality_traits", "traits", Items(json_text=True)),
        ("personality_temperament", "temperament", Text()),
        ("personality_communication_style", "communicationStyle", Text()),
    ),
    "memory_configuration": (
        ("memory_max_memories", "maxMemories", Number(None)),
        ("memory_importance_threshold", "memoryImportanceThreshold", Number(None)),
        ("memory_auto_optimize", "autoOptimize", _YES_NO),
        ("memory_retention_period", "retentionPeriod", Number(None)),
        ("memory_categories", "memoryCategories", _LIST),
        ("memory_compression_enabled", "compressionEnabled", _YES_NO),
    ),
    "privacy_settings": (
        ("privacy_data_collection", "dataCollection", _YES_NO),
        ("privacy_analytics_enabled", "analyticsEnabled", _YES_NO),
        ("privacy_share_with_researchers", "shareWithResearchers", _YES_NO),
        ("privacy_allow_personality_analysis", "allowPersonalityAnalysis", _YES_NO),
        ("privacy_memory_retention", "memoryRetention", _YES_NO),
        ("privacy_export_data_allowed", "exportDataAllowed", _YES_NO),
    ),
}

PERSONAS = Fields(
    tables.PERSONAS,
    (
        Field("id", ("id",), Id()),
        Field("name", ("name",), RequiredText()),
        Field("description", ("description",), Text()),
        *(
            Field(attribute, (column,), rule, False, member)
            for attribute, columns in _MEMBERS.items()
            for column, member, rule in columns
        ),
        Field("is_active", ("is_active",), _YES_NO),
        Field("created_at", ("created_at",), Instant()),
        Field("updated_at", ("updated_at",), Instant()),
    ),
    dates="sql",
    any_case=True,
)

MEMORIES = Fields(
    tables.MEMORIES,
    (
        Field("id", ("id",), Id()),
        Field("persona_id", ("persona_id",), Reference()),
        Field("type", ("type",), RequiredText()),
        Field("name", ("name",), Text()),
        Field("content", ("content",), Content(json_text=False)),
        Field("summary", ("summary",), Text()),
        Field("tags", ("tags",), _LIST),
        Field("importance", ("importance",), Number(50, limits=(0, 100))),
        Field("memory_tier", ("memory_tier",), Tier("active")),
        Field("embedding", ("embedding",), Vector(json_text=True)),
        Field("embedding_model", ("embedding_model",), Text()),
        Field("access_count", ("access_count",), Number(0, whole=True)),
        Field("last_accessed", ("last_accessed",), Instant()),
        Field("created_at", ("created_at",), Instant()),
        Field("updated_at", ("updated_at",), Instant()),
        Field("deleted_at", ("deleted_at",), Instant()),
    ),
    dates="sql",
    any_case=True,
)

CONVERSATIONS = Fields(
    tables.CONVERSATIONS,
    (
        Field("id", ("id",), Id()),
        Field("persona_id", ("persona_id",), Reference()),
        Field("title", ("title",), Text()),
        Field("messages", ("messages",), Items(json_text=True)),
        Field("created_at", ("created_at",), Instant()),
        Field("updated_at", ("updated_at",), Instant()),
    ),
    dates="sql",
    any_case=True,
)
