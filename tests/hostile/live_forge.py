"""LiveStore stores made by hand, byte by byte what LiveStore would write, or nearly: a log, a state, a pool."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).parents[1] / "golden" / "livestore"
WHEN = 1_700_000_000_000
LOG = "eventlog@6.db"
STATE = "state129391784031@6.db"

LOG_SQL = """
CREATE TABLE "eventlog" ("seqNumGlobal" integer not null, "seqNumClient" integer not null,
 "seqNumRebaseGeneration" integer not null, "parentSeqNumGlobal" integer not null,
 "parentSeqNumClient" integer not null, "parentSeqNumRebaseGeneration" integer not null, "name" text not null,
 "argsJson" text not null, "clientId" text not null, "sessionId" text not null, "schemaHash" integer not null,
 "syncMetadataJson" text not null, PRIMARY KEY ("seqNumGlobal", "seqNumClient", "seqNumRebaseGeneration")) strict;
CREATE TABLE "__livestore_sync_status" ("head" integer primary key, "backendId" text) strict;
INSERT INTO "__livestore_sync_status" VALUES (0, NULL);
"""
STATE_SQL = """
CREATE TABLE "__livestore_schema" ("tableName" text primary key, "schemaHash" integer not null,
 "updatedAt" text not null) strict;
CREATE TABLE "__livestore_session_changeset" ("seqNumGlobal" integer not null, "seqNumClient" integer not null,
 "seqNumRebaseGeneration" integer not null, "changeset" blob, "debug" text) strict;
CREATE TABLE "personas" ("id" text primary key, "name" text not null, "description" text, "avatar" text,
 "personality" text, "settings" text, "isActive" integer not null default 0, "createdAt" integer, "updatedAt" integer,
 "lastUsed" integer, "usageCount" integer not null default 0) strict;
CREATE TABLE "memoryEntities" ("id" text primary key, "personaId" text, "type" text not null, "name" text,
 "content" text, "summary" text, "tags" text, "importance" integer not null default 50, "embedding" text,
 "embeddingModel" text, "memoryTier" text not null default 'hot', "connectionCount" integer not null default 0,
 "lastAccessed" integer, "createdAt" integer, "updatedAt" integer, "deletedAt" integer) strict;
"""
TEMPLATE_TEXTS = {"personas": ("description", "avatar"), "memoryEntities": ("name", "summary", "embeddingModel")}
"""Columns of the state that hold plain text and may be changed freely."""

Event = tuple[Any, ...]
"""(name, arguments), or (name, arguments, number); arguments as a value, or as the text of `argsJson`."""


def persona(key: Any = "p1", **more: Any) -> Event:
    """A persona comes."""
    return "v1.PersonaImported", {"id": key, "name": "Ada", "createdAt": WHEN, "updatedAt": WHEN, **more}


def memory(key: Any = "m1", **more: Any) -> Event:
    """A memory comes."""
    args = {
        "id": key,
        "personaId": "p1",
        "type": "text",
        "content": "healthy",
        "tags": [],
        "createdAt": WHEN,
        "updatedAt": WHEN,
    }
    return "v1.MemoryEntityImported", {**args, **more}


SOUND = (persona(), memory("m1"), memory("m2"))


def updated(key: str, at: int = WHEN + 1000, **updates: Any) -> Event:
    """A memory is changed."""
    return "v1.MemoryEntityUpdated", {"id": key, "updates": updates, "updatedAt": at}


def execute(path: Path, *statements: str | tuple[str, tuple[Any, ...]]) -> Path:
    """Run statements on a SQLite file, as any other program would."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as db:
        for one in statements:
            if isinstance(one, str):
                db.executescript(one)
            else:
                db.execute(*one)
        db.commit()
    return path


def rows(path: Path, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """Ask a SQLite file that nobody writes."""
    with closing(sqlite3.connect(path)) as db:
        return db.execute(sql, values).fetchall()


def event_row(event: Event, number: int) -> tuple[Any, ...]:
    """The row of an event in a log of format 6."""
    name, args, *more = event
    place = more[0] if more else number
    text = args if isinstance(args, str | bytes) else json.dumps(args)
    numbers = place if isinstance(place, tuple) else (place, 0, 0)
    return (*numbers, numbers[0] - 1, 0, 0, name, text, "c", "s", 0, '{"_tag":"None"}')


def append(path: Path, *events: Event) -> Path:
    """Events at the end of a log, as an app commits them."""
    with closing(sqlite3.connect(path)) as db:
        last = db.execute("SELECT coalesce(max(seqNumGlobal), 0) FROM eventlog").fetchone()[0]
        marks = ", ".join("?" * 12)
        rows = [event_row(one, number) for number, one in enumerate(events, last + 1)]
        if "seqNumRebaseGeneration" not in {row[1] for row in db.execute("PRAGMA table_info(eventlog)")}:
            rows, marks = [(*row[:2], *row[3:5], *row[6:]) for row in rows], ", ".join("?" * 10)
        db.executemany(f"INSERT INTO eventlog VALUES ({marks})", rows)
        db.commit()
    return path


def log(folder: Path, *events: Event, name: str = LOG, sql: str = LOG_SQL) -> Path:
    """A log with these events."""
    return append(execute(folder / name, sql), *events)


def state(
    folder: Path, *, seen: int = 3, name: str = STATE, more: str = "", memories: Iterable[str] = ("m1", "m2")
) -> Path:
    """A state with the persona p1 and memories, which has seen the events up to a number."""
    path = execute(folder / name, STATE_SQL)
    with closing(sqlite3.connect(path)) as db:
        db.executemany(
            "INSERT INTO __livestore_session_changeset VALUES (?, 0, 0, NULL, NULL)", [(n,) for n in range(1, seen + 1)]
        )
        db.execute("INSERT INTO personas (id, name, createdAt, updatedAt) VALUES ('p1', 'Ada', ?, ?)", (WHEN, WHEN))
        db.executemany(
            "INSERT INTO memoryEntities (id, personaId, type, content, tags, createdAt, updatedAt) "
            "VALUES (?, 'p1', 'text', '\"healthy\"', '[]', ?, ?)",
            [(one, WHEN, WHEN) for one in memories],
        )
        db.executescript(more)
        db.commit()
    return path
