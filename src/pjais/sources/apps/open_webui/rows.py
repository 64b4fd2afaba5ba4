"""The rows of `webui.db` as Open WebUI's own interface gives them: JSON columns as values, booleans true or false.

The accounts of the server, with passwords, keys and sessions, are never read, nor are its settings, which are full of
keys of other services.
"""

from __future__ import annotations

import json
from typing import Any

from pjais import canonical
from pjais.sources.apps import redaction

NOT_READ = frozenset(
    {"user", "auth", "api_key", "oauth_session", "oauth_client", "config", "config_old", "alembic_version"}
    | {"migratehistory"}
)
"""Accounts, credentials, settings of the server, and the record of its migrations."""

_JSON = frozenset(
    {"access_control", "chat", "data", "embeds", "error", "files", "info", "items", "meta", "output", "params"}
    | {"permissions", "settings", "snapshot", "sources", "specs", "status_history", "tags", "tasks", "usage"}
    | {"valves", "variables"}
)
_TRUTHS = frozenset(("archived", "done", "is_active", "is_expanded", "is_global", "is_pinned", "is_private", "pinned"))
_SECRETS: dict[str, tuple[tuple[str, ...], ...]] = {
    "app": (("api_key",),),
    "channel_webhook": (("token",),),
    "function": (("valves",),),
    "function_history": (("snapshot", "valves"),),
    "tool": (("valves",),),
    "tool_history": (("snapshot", "valves"),),
}
"""Where rows have credentials: those of other programs, and settings of functions and tools, which are keys mostly."""


def is_read(table: str) -> bool:
    """Return whether a table is read."""
    return table.lower() not in NOT_READ


def as_told(table: str, value: dict[str, Any]) -> dict[str, Any]:
    """Return a row as the program's own interface gives it; a text that is not JSON stays as it is."""
    found: dict[str, Any] = {}
    for name, held in value.items():
        if isinstance(held, bytes):
            held = canonical.tag_bytes(held)
        elif isinstance(held, str) and (name in _JSON or (name == "content" and table == "chat_message")):
            held = _read(held, any_value=name == "content")
        elif name in _TRUTHS and type(held) is int and held in (0, 1):
            held = held == 1
        found[name] = held
    return found


def _read(text: str, *, any_value: bool) -> Any:
    if not any_value and text[:1] not in ("{", "[") and text != "null":
        return text
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return text if canonical.deeper_than(text) else value


def chat_without_secrets(native: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return a chat without credentials in its parameters, and where they were."""
    found: list[str] = []
    for path in (("params",), ("chat", "params")):
        holder = native.get("chat") if len(path) > 1 else native
        if not isinstance(holder, dict) or not isinstance(holder.get("params"), dict):
            continue
        held, hidden = redaction.redacted_settings(holder["params"], texts=True)
        if hidden:
            found += [".".join((*path, one)) for one in hidden]
            holder = {**holder, "params": held}
            native = {**native, "chat": holder} if len(path) > 1 else holder
    return native, tuple(found)


def without_secrets(table: str, row: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return a row without credentials, and where they were."""
    return redaction.redacted_settings(row, *_SECRETS.get(table, ()))
