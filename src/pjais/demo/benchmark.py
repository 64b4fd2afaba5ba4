"""The guides' benchmark: the duration of a migration of a given size, and the queries that guide B measures.

Guide A (docs/guides.md) names the phases (detection, backup, validation and migration, verification) and sample
LiveStore data; guide B's `measurePerformance` queries all personas, all memories, and the 100 memories above
importance 50 that were used last, and passes below 100 ms.  Its batch of 100 is the smallest size.  The data is
generated: the same size gives the same rows.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from pjais import sqlite
from pjais.api import migration, opening
from pjais.persona.store import Store
from pjais.workspace import resolve_workspace

SIZES = (100, 1_000, 10_000)
LIMIT_MS = 100.0
"""Time limit of guide B's measurePerformance for its queries together."""

_PERSONAS = 20
_DAY = 86_400_000
_BEGAN = 1_735_689_600_000
_WORDS = (
    "tea",
    "garden",
    "harbour",
    "lantern",
    "archive",
    "winter",
    "letter",
    "river",
    "clock",
    "copper",
    "orchard",
    "kettle",
    "bridge",
    "anchor",
    "cedar",
    "market",
    "meadow",
    "violin",
    "stone",
    "rain",
)
_TABLES = """
CREATE TABLE personas (id TEXT PRIMARY KEY, name TEXT, description TEXT, avatar TEXT, personality TEXT, settings TEXT,
  isActive INTEGER, createdAt INTEGER, updatedAt INTEGER, lastUsed INTEGER, usageCount INTEGER);
CREATE TABLE memoryEntities (id TEXT PRIMARY KEY, personaId TEXT, type TEXT, name TEXT, content TEXT, summary TEXT,
  tags TEXT, importance INTEGER, embedding TEXT, embeddingModel TEXT, memoryTier TEXT, connectionCount INTEGER,
  lastAccessed INTEGER, createdAt INTEGER, updatedAt INTEGER, deletedAt INTEGER);
"""


class Measured(NamedTuple):
    """One size: seconds by phase and in all, and milliseconds by query."""

    memories: int
    documents: int
    phases: dict[str, float]
    seconds: float
    queries: dict[str, float]

    @property
    def passed(self) -> bool:
        """True if the guide's three queries together stay below its limit."""
        return sum(self.queries[name] for name in GUIDE_QUERIES) < LIMIT_MS

    def as_dict(self) -> dict[str, Any]:
        """Show data as a JSON object."""
        return {
            "memories": self.memories,
            "documents": self.documents,
            "seconds": round(self.seconds, 3),
            "per_second": round(self.documents / self.seconds),
            "phases": _rounded(self.phases),
            "queries_ms": _rounded(self.queries),
            "limit_ms": LIMIT_MS,
            "passed": self.passed,
        }


GUIDE_QUERIES: dict[str, Callable[[Store], Any]] = {
    "personas": lambda store: list(store.personas.list()),
    "memories": lambda store: _rows(store, "SELECT * FROM memory_entities WHERE deleted_at IS NULL"),
    "important": lambda store: _rows(
        store,
        "SELECT * FROM memory_entities WHERE importance > 50 AND deleted_at IS NULL "
        "ORDER BY last_accessed DESC LIMIT 100",
    ),
}
QUERIES: dict[str, Callable[[Store], Any]] = {**GUIDE_QUERIES, "search": lambda store: store.memories.search("tea")}


def measure(sizes: Sequence[int] = SIZES) -> Iterator[Measured]:
    """Make, migrate, verify and query a LiveStore-shaped database of each size, in a folder that is gone afterwards."""
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="pjais-benchmark-") as scratch:
            folder = Path(scratch) / "PJais"
            folder.mkdir()
            write_source(folder / "livestore.db", size)
            yield _measure(folder, size)


def _measure(folder: Path, size: int) -> Measured:
    began = time.perf_counter()
    resolve_workspace(folder).find()
    detection = time.perf_counter() - began
    report = migration.migrate(folder)
    seconds = time.perf_counter() - began
    phases = {"detect": detection, **dict(report.phases)}
    began = time.perf_counter()
    migration.verify(folder)
    phases["verify again"] = time.perf_counter() - began
    with opening.open(folder) as store:
        queries = {name: _milliseconds(query, store) for name, query in QUERIES.items()}
    return Measured(size, report.total.read, phases, seconds, queries)


def _milliseconds(query: Callable[[Store], Any], store: Store) -> float:
    """The second of two calls: what a running app waits for."""
    query(store)
    began = time.perf_counter()
    query(store)
    return (time.perf_counter() - began) * 1000


def _rows(store: Store, sql: str) -> list[tuple[Any, ...]]:
    with store.pool.view() as db:
        return sqlite.fetch(db, sql)


def _rounded(figures: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in figures.items()}


def write_source(path: Path, memories: int) -> None:
    """Create a LiveStore-like database (guide B's columns) with this number of memories."""
    with closing(sqlite.create(path)) as db:
        db.execute(_TABLES)
        db.execute("BEGIN")
        db.executemany(f"INSERT INTO personas VALUES ({', '.join('?' * 11)})", map(_persona, range(_PERSONAS)))
        db.executemany(f"INSERT INTO memoryEntities VALUES ({', '.join('?' * 16)})", map(_memory, range(memories)))
        db.execute("COMMIT")


def _persona(number: int) -> tuple[Any, ...]:
    personality = {"traits": ["curious"], "temperament": "calm", "communicationStyle": "direct"}
    settings = {"memoryRetention": 90, "privacyLevel": "medium", "autoLearn": True}
    return (
        f"persona_{number:04}",
        f"Persona {number}",
        "made for a benchmark",
        None,
        json.dumps(personality),
        json.dumps(settings),
        int(number == 0),
        _BEGAN,
        _BEGAN + _DAY,
        None,
        number,
    )


def _memory(number: int) -> tuple[Any, ...]:
    at = _BEGAN + (number * 7919 % 365) * _DAY + number
    text = " ".join(_WORDS[(number * 31 + step * step) % len(_WORDS)] for step in range(60))
    content = json.dumps({"text": text})
    return (
        f"memory_{number:08}",
        f"persona_{number % _PERSONAS:04}",
        "text",
        f"Memory {number}",
        content,
        f"Summary of memory {number}",
        json.dumps([_WORDS[number % 7], _WORDS[number % 11]]),
        number % 101,
        None,
        None,
        ("hot", "warm", "cold")[number % 3],
        number % 5,
        at + _DAY,
        at,
        at,
        None,
    )
