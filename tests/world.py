"""What tests need again and again: a data folder, its sources, and a migration that ends with verify."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pjais
from pjais.core.results import Report

JSON = dict[str, Any]


def persona(persona_id: str = "p1", **more: Any) -> JSON:
    """A persona as the app's JSON has it."""
    return {"id": persona_id, "name": f"Persona {persona_id}", "updatedAt": "2025-03-01T00:00:00.000Z", **more}


def memory(memory_id: str = "m1", persona_id: str | None = "p1", **more: Any) -> JSON:
    """A memory as the app's JSON has it."""
    return {
        "id": memory_id,
        "personaId": persona_id,
        "type": "text",
        "content": f"content of {memory_id}",
        "tags": [],
        "importance": 50,
        "updatedAt": "2025-03-01T00:00:00.000Z",
        **more,
    }


def documents(store: Path) -> list[tuple[str, str, str]]:
    """The documents of collections that no model claims, in order: (table, key as one text, tagged JSON)."""
    with closing(sqlite3.connect(store)) as db:
        if not db.execute("SELECT 1 FROM sqlite_schema WHERE name = '_collections'").fetchall():
            return []
        found: list[tuple[str, str, str]] = []
        for (table,) in db.execute("SELECT DISTINCT tbl FROM _collections ORDER BY tbl").fetchall():
            keys = [
                _quoted(name)
                for (name,) in db.execute("SELECT name FROM pragma_table_info(?) WHERE pk ORDER BY pk", (table,))
            ]
            key = keys[0] if len(keys) == 1 else f"json_array({', '.join(keys)})"
            found += db.execute(f"SELECT ?, {key}, _document FROM {_quoted(table)} ORDER BY 2", (table,)).fetchall()
    return found


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def write_json(folder: Path, name: str = "data.json", **lists: list[Any]) -> Path:
    """A JSON source in a folder."""
    path = folder / name
    path.write_text(json.dumps(lists), "utf-8")
    return path


def write_livestore(path: Path, personas: list[JSON], memories: list[JSON]) -> Path:
    """A SQLite file with LiveStore-shaped tables (guide B's columns)."""
    db = sqlite3.connect(path)
    db.executescript(
        "CREATE TABLE personas (id TEXT PRIMARY KEY, name TEXT, description TEXT, personality TEXT, isActive INTEGER,"
        " createdAt INTEGER, updatedAt INTEGER);"
        "CREATE TABLE memoryEntities (id TEXT PRIMARY KEY, personaId TEXT, type TEXT, name TEXT, content TEXT,"
        " summary TEXT, tags TEXT, importance INTEGER, memoryTier TEXT, createdAt INTEGER, updatedAt INTEGER,"
        " deletedAt INTEGER);"
    )
    for table, records in (("personas", personas), ("memoryEntities", memories)):
        for one in records:
            columns = ", ".join(one)
            db.execute(f"INSERT INTO {table} ({columns}) VALUES ({', '.join('?' * len(one))})", tuple(one.values()))
    db.commit()
    db.close()
    return path


def hashes(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file below a folder, our own files left out."""
    ours = ("backups", "logs", ".pjais.lock", "pjais.sqlite", "pjais.sqlite-wal", "pjais.sqlite-shm")
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).parts[0] not in ours
    }


def rows(store: Path, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """A query on a store by the standard library: a second pair of eyes."""
    db = sqlite3.connect(store)
    try:
        found = db.execute(sql, values).fetchall()
        db.commit()
        return found
    finally:
        db.close()


def migrated(folder: Path, **options: Any) -> Report:
    """Migrate a folder; the sources stay as they are, the counts add up, and verify agrees."""
    before = hashes(folder)
    report = pjais.migrate(folder, **options)
    assert hashes(folder) == before
    assert report.total.balanced()
    assert pjais.verify(folder).passed
    return report
