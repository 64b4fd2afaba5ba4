"""Determine the kind of a SQLite file by its tables and columns.  Imported only for a SQLite file."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from pjais import sqlite
from pjais.core.model import APPLICATION_ID

BROWSERS = "browser"
"""A database of the browser itself, without any app's data: cookies, history, quotas."""


def kind_of(path: Path, expected: str | None) -> tuple[str | None, str | None]:
    """Return (kind, version) of a SQLite file, by its tables and columns."""
    with sqlite.whole(path) as there, closing(sqlite.open_frozen(there)) as connection:
        return _kind_of_tables(connection, expected)


def _kind_of_tables(connection: sqlite.Connection, expected: str | None) -> tuple[str | None, str | None]:
    if sqlite.pragma_int(connection, "application_id") == APPLICATION_ID:
        return "pjais", f"schema {sqlite.pragma_int(connection, 'user_version')}"
    columns: dict[str, set[str]] = {}
    for table, column in sqlite.each(
        connection,
        "SELECT t.name, c.name FROM pragma_table_list AS t, pragma_table_xinfo(t.name) AS c "
        "WHERE t.schema = 'main' AND t.type = 'table'",
    ):
        columns.setdefault(str(table).lower(), set()).add(str(column).lower())  # names in SQL are case-insensitive
    personas = columns.get("personas", set())
    memories = columns.get("memory_entities", set())
    if "eventlog" in columns or "mutation_log" in columns:
        return "livestore", None
    if "personality_profile" in personas or "importance_score" in memories:
        return "pjais-drizzle", None
    if "personality_traits" in personas or (expected == "pjais-flat" and "persona_id" in memories):
        return "pjais-flat", None
    if expected == "livestore" and "__livestore_schema" in columns:
        return "livestore", None
    version = "a LiveStore state file" if "__livestore_schema" in columns else None
    known = columns.keys() & {"personas", "memoryentities", "memory_entities", "memories", "conversations"}
    if known:
        return "livestore-db", version
    if {"key", "value"} <= columns.get("meta", set()) and sqlite.first(
        connection, "SELECT 1 FROM meta WHERE key = 'last_compatible_version'"
    ):
        return BROWSERS, None
    return None, None
