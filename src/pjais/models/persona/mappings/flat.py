"""The flat SQLite schema of the app's first database, also as shards.

Its columns `personality_traits`, `memory_max_memories`, `privacy_data_collection` ... are the members of the
model's objects.  Dates are SQLite's UTC text, in later rows ISO-8601.
"""

from __future__ import annotations

from pjais.core.declare import later_fields, rule_of
from pjais.core.mapping import Field, Fields, Instant
from pjais.core.rules import Id, Items, Number, Reference, RequiredText, Rule, Text, Texts, Truth
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
        *later_fields(tables.PERSONAS, json_text=True),
    ),
    dates="sql",
    any_case=True,
)

MEMORIES = Fields(
    tables.MEMORIES,
    tuple(
        Field(column.name, (column.name,), rule_of(column, json_text=True), column.later)
        for column in tables.MEMORIES.fields
        if column.kind != "extra" and column.name != "connection_count"
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
        *later_fields(tables.CONVERSATIONS, json_text=True),
    ),
    dates="sql",
    any_case=True,
)
