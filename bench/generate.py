"""Made-up sources of any size for the benchmarks: the same number gives the same bytes."""

from __future__ import annotations

import json
import random
import tempfile
from contextlib import closing
from pathlib import Path

_WORDS = [
    "tea",
    "compass",
    "garden",
    "harbour",
    "lantern",
    "archive",
    "winter",
    "letter",
    "river",
    "clock",
    "copper",
    "thread",
    "window",
    "orchard",
    "map",
    "kettle",
    "paper",
    "bridge",
    "cloud",
    "anchor",
    "cedar",
    "salt",
    "market",
    "candle",
    "meadow",
    "tower",
    "violin",
    "needle",
    "stone",
    "rain",
]


def _vocabulary(rng: random.Random) -> list[str]:
    """A few thousand words, so that a search index has something to do."""
    return [f"{rng.choice(_WORDS)}{rng.choice(_WORDS)[:3]}{number % 97}" for number in range(4000)] + list(_WORDS)


def data_json(path: Path, memories: int, personas: int = 20, words: int = 78) -> Path:
    """A data.json of so many memories, about 1.2 KB each; returns its path."""
    rng = random.Random(memories)
    vocabulary = _vocabulary(rng)
    with path.open("w", encoding="utf-8") as file:
        file.write('{"personas":[')
        for number in range(personas):
            persona = {
                "id": f"persona_{number:04}",
                "name": f"Persona {number}",
                "description": "made for a benchmark",
                "personality": {"traits": ["curious"], "temperament": "calm", "communicationStyle": "direct"},
                "isActive": number == 0,
                "createdAt": "2025-01-01T00:00:00.000Z",
                "updatedAt": "2025-02-01T00:00:00.000Z",
            }
            file.write(("," if number else "") + json.dumps(persona))
        file.write('],"memories":[')
        for number in range(memories):
            day = f"2025-{1 + number % 12:02}-{1 + number % 28:02}"
            memory = {
                "id": f"memory_{number:08}",
                "personaId": f"persona_{number % personas:04}",
                "type": rng.choice(("text", "fact", "event", "preference")),
                "name": f"Memory {number}",
                "content": " ".join(rng.choices(vocabulary, k=words)),
                "summary": f"Summary of memory {number}",
                "tags": rng.sample(_WORDS, 2),
                "importance": number % 101,
                "memoryTier": rng.choice(("hot", "warm", "cold")),
                "accessCount": number % 7,
                "lastAccessed": f"{day}T10:00:00.000Z",
                "createdAt": f"{day}T08:00:00.123Z",
                "updatedAt": f"{day}T09:30:00.456Z",
            }
            file.write(("," if number else "") + json.dumps(memory))
        file.write("]}")
    return path


def livestore_log(records: Path, folder: Path) -> None:
    """A LiveStore event log with every record of a data.json, in a new folder."""
    from pjais import migrate, models, sqlite
    from pjais.targets.livestore import writer

    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="pjais-bench-") as scratch:
        store = Path(scratch) / "store.sqlite"
        migrate(Path(scratch) / "data", [records], store)
        writer.create_log(folder / "eventlog@6.db", 6)
        with closing(sqlite.open_frozen(store)) as db:
            writer.append(
                folder / "eventlog@6.db", writer.imports(db, models.in_store(models.named(), db), {}), synced=False
            )
