"""Recognise what Open WebUI wrote: JSON by the keys of its first object, the database by its tables."""

from __future__ import annotations

from collections.abc import Mapping, Set

from pjais.formats.container import Container
from pjais.sources.apps import database, values

_MEMORY = frozenset({"id", "user_id", "type", "path", "content", "meta", "created_at", "updated_at"})
_MEMORY_HAS = frozenset({"id", "user_id", "content", "created_at", "updated_at"})
_CHAT_HAS = frozenset({"user_id", "archived", "pinned", "meta", "folder_id", "share_id"})
"""Keys beside `chat`, of which any export has some."""
_CHAT_COLUMNS = frozenset({"id", "user_id", "title", "chat"})


def takes(container: Container) -> bool:
    """Return whether a container as a whole is of Open WebUI.

    Of folders that is only the server's data folder: the database with its folder of uploads, or of vectors.  Any other
    folder has files that are each recognised on their own.
    """
    if container.form != "folder":
        return bool(members(container))
    is_server = any((container.path / one).is_dir() for one in ("uploads", "vector_db"))
    return is_server and "database" in members(container).values()


def members(container: Container) -> dict[str, str]:
    """Return what each member is that can be read: name -> `database`, `chats`, `memories`, `models` or `prompts`."""
    names = container.top if container.form == "folder" else container.names
    return {name: what for name in names if (what := _what(container, name)) is not None}


def _what(container: Container, name: str) -> str | None:
    suffix = name.lower().rpartition(".")[2]
    if container.form != "file" and suffix not in ("json", "jsonl", "ndjson", "db", "sqlite", "sqlite3", "bak"):
        return None
    if database.is_database(container, name):
        return "database" if is_its(database.tables(container, name)) else None
    return of_json(values.json_head(container, name))


def is_its(tables: Mapping[str, Set[str]]) -> bool:
    """Return whether a database with these tables is Open WebUI's."""
    return tables.get("chat", frozenset()) >= _CHAT_COLUMNS and bool({"auth", "user"} & tables.keys())


def of_json(head: values.Head) -> str | None:
    """Return what a file with this beginning holds; None if nothing of Open WebUI."""
    keys = head.keys
    if "chat" in keys:
        certain = keys & _CHAT_HAS and ("title" in keys or '"history"' in head.text or '"messages"' in head.text)
        return "chats" if certain or (keys == {"chat"} and '"history"' in head.text) else None
    if head.form == "list" and keys <= _MEMORY and keys >= _MEMORY_HAS:
        return "memories"
    if head.form == "list" and keys >= {"id", "base_model_id", "name"}:
        return "models"
    if head.form == "list" and keys >= {"command", "content"} and keys & {"title", "name"}:
        return "prompts"
    return None
