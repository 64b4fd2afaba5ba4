"""Documents in the app's own shape: LiveStore rows, RxDB documents, JSON exports, one file per record.

All of them use the same camelCase names; they differ in how values are written (SQLite rows hold JSON as text,
booleans as 1/0, instants as milliseconds) and in which keys are usually present.
"""

from __future__ import annotations

from typing import NamedTuple

from pjais.core.declare import rule_of
from pjais.core.mapping import After, Field, Fields
from pjais.core.rules import Rule
from pjais.core.table import Column, Table
from pjais.models.persona.mappings import nested
from pjais.models.persona.tables import CONVERSATIONS, MEMORIES, PERSONAS, PLUGINS, RELATIONSHIPS


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

    def rule(self, column: Column) -> Rule:
        """Return the rule that reads a column's values."""
        return rule_of(column, json_text=self.rows, tier=self.tier, content_json=self.json_content)


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


def mapping(table: Table, style: Style, *, after: After | None = None) -> Fields:
    """Return the mapping of a table's documents in this style."""
    return Fields(
        table,
        tuple(
            Field(column.name, column.names, style.rule(column), column.later or column.name in style.lacks)
            for column in table.fields
            if column.kind != "extra"
        ),
        dates=style.dates,
        any_case=style.rows,
        after=after,
    )


def personas(style: Style) -> Fields:
    """Return the mapping of personas."""
    return mapping(PERSONAS, style, after=nested.note_persona)


def memories(style: Style) -> Fields:
    """Return the mapping of memories."""
    return mapping(MEMORIES, style)


def conversations(style: Style) -> Fields:
    """Return the mapping of conversations."""
    return mapping(CONVERSATIONS, style, after=nested.note_messages)


def relationships(style: Style) -> Fields:
    """Return the mapping of relationships between entities."""
    return mapping(RELATIONSHIPS, style)


def plugins(style: Style) -> Fields:
    """Return the mapping of plugin records."""
    return mapping(PLUGINS, style)
