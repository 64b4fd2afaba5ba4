"""The tables of our LiveStore schema, as values.

They are those of guide B (docs/guides.md), under its names, corrected where its code does not run and completed so
that nothing of the model is left out: every text that a record may lack is nullable, JSON columns take any JSON,
`sourceId` stays in the state, and `extra` carries what the model has no field for.  One description serves the
reader, the writer, the replay and the `schema.ts` with which an app boots our log.
"""

from __future__ import annotations

from pjais.core import table
from pjais.core.events import Column, LiveTable
from pjais.core.table import camel
from pjais.models.persona import records, tables

MARK = 1
"""The version of this schema; `v1.MigrationStarted` of a log that we wrote carries it as `schemaVersion`."""


PRIVACY_LEVELS = ("low", "medium", "high")
ROLES = ("user", "assistant", "system")
"""Values that guide B's schema allows for `settings.privacyLevel` and the role of a message."""

OWN = "pjais:"
"""Prefix of the collections of a store with our own schema, since other apps' tables have the same names."""


_FORMS = {"number": "real", "bool": "boolean", "instant": "date", "json": "json", "content": "json"}


def _column(column: table.Column) -> Column:
    """Return the column of the state.  Counters are reals: one that JavaScript cannot hold must not stop the boot."""
    name, form = camel(column.name), _FORMS.get(column.form, "text")
    if column.kind in ("key", "link", "required", "tier"):
        empty = None if column.kind == "key" else ""
        return Column(name, form, False, empty if column.live is None else column.live)
    if column.kind in ("texts", "items") or (form in ("real", "boolean") and column.default is not None):
        return Column(name, form, False, column.default)
    return Column(name, form)


def _table(name: str, stored: table.Table) -> LiveTable:
    """Return the table of the state: the record's fields in their order, and the id in the source."""
    first, *rest = map(_column, stored.fields)
    return LiveTable(name, stored.record, (first, Column("sourceId"), *rest))


PERSONAS = _table("personas", tables.PERSONAS)
MEMORIES = _table("memoryEntities", tables.MEMORIES)
CONVERSATIONS = _table("conversations", tables.CONVERSATIONS)
RELATIONSHIPS = _table("relationships", tables.RELATIONSHIPS)
PLUGINS = _table("plugins", tables.PLUGINS)

OTHERS = LiveTable(
    "otherRecords",
    records.Other,
    (
        Column("key", "text", False),
        Column("collection", "text", False, ""),
        Column("recordId", "text", False, ""),
        Column("sourceId"),
        Column("document", "json"),
    ),
    key="key",
    carries=True,
)

TABLES = (PERSONAS, MEMORIES, CONVERSATIONS, RELATIONSHIPS, PLUGINS, OTHERS)
"""Every table of the state, in an order in which references point backwards."""

BY_NAME = {table.name: table for table in TABLES}
BY_RECORD = {table.record: table for table in TABLES}

ALIASES = {"memory_entities": "memoryEntities", "memories": "memoryEntities"}
"""Names of our tables in other versions of the app."""
