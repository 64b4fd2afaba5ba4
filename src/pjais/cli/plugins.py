"""plugins: list, enable, disable the app's plugins."""

from __future__ import annotations

from pjais.cli.record_commands import action, list_group
from pjais.cli.tables import Column
from pjais.models.persona.records import Plugin

_COLUMNS = (
    Column("id", "id"),
    Column("name"),
    Column("version", "word"),
    Column("enabled", "word"),
    Column("installed_at", "word", drop=1),
)

plugins_command = list_group("plugins", _COLUMNS, "List, enable and disable the app's plugins.")


def _line(record: Plugin) -> str:
    return f"{record.name}: {'enabled' if record.enabled else 'disabled'}"


action(plugins_command, "enable", "Enable a plugin.", _line)
action(plugins_command, "disable", "Disable a plugin, keeping its record.", _line)
