"""Recognise an agent file, and read its parts: agents and blocks, or the blocks and messages of one agent."""

from __future__ import annotations

from collections.abc import Iterator

from pjais.formats.container import Container
from pjais.sources.apps import entries, values

SHARED = frozenset({"agents", "blocks", "tools", "groups", "files", "sources", "mcp_servers", "skills"})
"""The lists of version 2."""

_AGENTS = ("llm_config", "embedding_config", "block_ids", "agent_type", "in_context_message_ids", "tool_ids")
"""Keys of an agent of version 2."""


def version(container: Container) -> str | None:
    """Return the version of an agent file, `1` or `2`; None for any other file."""
    if container.form != "file":
        return None
    head = values.json_head(container, container.names[0])
    if head.form != "object":
        return None
    if "core_memory" in head.keys and head.keys & {"in_context_message_indices", "agent_type", "llm_config"}:
        return "1"
    if {"agents", "blocks", "tools"} <= head.keys:
        return "2"
    if "agents" not in head.keys or not head.keys <= SHARED | {"metadata", "created_at"}:
        return None
    return "2" if sum(f'"{key}"' in head.text for key in _AGENTS) >= 3 else None


def read(container: Container, version: str) -> Iterator[entries.Entry]:
    """Yield the elements of the file's lists, and every other value whole."""

    def lists(keys: entries.Keys) -> bool:
        return keys[0] in (SHARED if version == "2" else ("core_memory", "messages")) and len(keys) == 1

    def collection(keys: entries.Keys) -> str:
        key = keys[0] if keys else ""
        known = {"agents": "personas", "blocks": "memories", "core_memory": "memories", "messages": "conversations"}
        return known.get(key, f"letta_af_{key}" if key in SHARED else "letta_af_file")

    return entries.entries(container, container.names[0], collection, lists=lists)
