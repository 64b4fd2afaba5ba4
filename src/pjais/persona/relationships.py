"""Relationships between records, and the plugins of the app."""

from __future__ import annotations

from pjais import choices
from pjais.models.persona.records import Plugin, Relationship
from pjais.models.persona.tables import PLUGINS, RELATIONSHIPS
from pjais.store.records import List, Records


class Relationships(Records[Relationship]):
    """Directed links between memories, personas and conversations."""

    table = RELATIONSHIPS
    order = "t.created_at, t.id"

    def of(self, record_id: str, type: str | None = None) -> List[Relationship]:
        """Return the links from or to a record, strongest first."""
        where = "WHERE (t.from_id = ? OR t.to_id = ?) AND (? IS NULL OR t.type = ?) ORDER BY t.strength DESC, t.id"
        return self._select(where, (choices.text("record_id", record_id), record_id, choices.maybe("type", type), type))


class Plugins(Records[Plugin]):
    """The records of installed plugins (not their code)."""

    table = PLUGINS
    order = "t.name, t.id"

    def enable(self, plugin_id: str) -> Plugin:
        """Enable a plugin."""
        return self.update(plugin_id, enabled=True)

    def disable(self, plugin_id: str) -> Plugin:
        """Disable a plugin; its record stays."""
        return self.update(plugin_id, enabled=False)
