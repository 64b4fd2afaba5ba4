"""A data folder for the crash tests: its sources, how its store must look, and what may lie in it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import apsw

from pjais import journal
from pjais.exchange.export import as_text
from pjais.workspace import resolve_workspace

PERSONAS = 8
SOURCES = ("data.json", "livestore.db", "livestore.db-wal")
START = 1_700_000_000_000

_LIVESTORE = """
CREATE TABLE personas (id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, description TEXT NOT NULL, avatar TEXT,
    personality TEXT NOT NULL, settings TEXT NOT NULL, isActive INTEGER NOT NULL DEFAULT 0,
    createdAt INTEGER NOT NULL, updatedAt INTEGER NOT NULL, lastUsed INTEGER, usageCount INTEGER NOT NULL DEFAULT 0);
CREATE TABLE memoryEntities (id TEXT NOT NULL PRIMARY KEY, personaId TEXT NOT NULL, type TEXT NOT NULL,
    name TEXT NOT NULL, content TEXT NOT NULL, summary TEXT NOT NULL, tags TEXT NOT NULL,
    importance INTEGER NOT NULL DEFAULT 50, embedding TEXT, embeddingModel TEXT, memoryTier TEXT NOT NULL DEFAULT 'hot',
    connectionCount INTEGER NOT NULL DEFAULT 0, lastAccessed INTEGER NOT NULL, createdAt INTEGER NOT NULL,
    updatedAt INTEGER NOT NULL, deletedAt INTEGER);
"""


def memory_ids(count: int) -> set[str]:
    """The ids of the memories that a world of this size holds."""
    return {f"memory_json_{n}" for n in range(count // 2)} | {f"memory_live_{n}" for n in range(count - count // 2)}


def write_sources(folder: Path, count: int) -> None:
    """Write a `data.json` and a LiveStore-shaped database whose rows are still in its WAL; `count` memories in all."""
    folder.mkdir(parents=True, exist_ok=True)
    personas = [
        {"id": f"persona_json_{n}", "name": f"Persona {n}", "isActive": n == 0, "createdAt": "2024-01-01T00:00:00.000Z"}
        for n in range(PERSONAS)
    ]
    memories = [_json_memory(n) for n in range(count // 2)]
    (folder / "data.json").write_text(json.dumps({"personas": personas, "memories": memories}), "utf-8")
    with tempfile.TemporaryDirectory() as scratch:
        origin = Path(scratch) / "livestore.db"
        with closing(sqlite3.connect(origin)) as db:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA wal_autocheckpoint = 0")
            db.executescript(_LIVESTORE)
            db.executemany(
                "INSERT INTO personas VALUES (?, ?, '', NULL, '{}', '{}', 0, ?, ?, NULL, 0)",
                [(f"persona_live_{n}", f"Live {n}", START + n, START + n) for n in range(PERSONAS)],
            )
            places = ", ".join("?" * 16)
            rows = [_live_memory(n) for n in range(count - count // 2)]
            db.executemany(f"INSERT INTO memoryEntities VALUES ({places})", rows)
            db.commit()
            for name in SOURCES[1:]:
                shutil.copyfile(origin.with_name(name), folder / name)


def _text(n: int) -> str:
    return f"Memory number {n}: " + " ".join(f"word{(n * 7 + k * k) % 997}" for k in range(40))


def _json_memory(n: int) -> dict[str, Any]:
    return {
        "id": f"memory_json_{n}",
        "personaId": f"persona_json_{n % PERSONAS}",
        "type": "fact",
        "content": _text(n),
        "tags": [f"tag{n % 13}"],
        "importance": n % 101,
        "memoryTier": "hot",
        "createdAt": "2024-05-06T07:08:09.010Z",
    }


def _live_memory(n: int) -> tuple[Any, ...]:
    at = START + 1000 * n
    content = json.dumps({"text": _text(-n)})
    key, persona = f"memory_live_{n}", f"persona_live_{n % PERSONAS}"
    return (key, persona, "event", f"M{n}", content, "", '["a"]', n % 101, None, None, "warm", 0, at, at, at, None)


def hashes(folder: Path) -> dict[str, str]:
    """The SHA-256 of every source file."""
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in SOURCES}


def command(folder: Path, *words: str) -> list[str]:
    """A call of pjais on a data folder."""
    return [sys.executable, "-m", "pjais", "--data-dir", str(folder), "--json", "-q", *words]


def environment(folder: Path) -> dict[str, str]:
    """The environment of a call, with a scratch folder of its own beside the data folder."""
    scratch = folder.with_name(f"{folder.name}-scratch")
    scratch.mkdir(exist_ok=True)
    return {**os.environ, "TMPDIR": str(scratch)}


def start(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    """Start pjais; its output goes nowhere."""
    return subprocess.Popen(
        command(folder, *words), env=environment(folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


class Outcome(NamedTuple):
    """How a call ended."""

    exit_code: int
    code: str
    said: str


def call(folder: Path, *words: str) -> Outcome:
    """Run pjais to its end."""
    done = subprocess.run(
        command(folder, *words), env=environment(folder), capture_output=True, text=True, timeout=300, check=False
    )
    try:
        code = str(json.loads(done.stdout)["code"])
    except (ValueError, KeyError):
        code = "no JSON"
    return Outcome(done.returncode, code, done.stdout + done.stderr)


class Held(NamedTuple):
    """What a store holds: its memories, and the mark that somebody made in it by hand."""

    memories: frozenset[str]
    marks: frozenset[str]


def look(folder: Path) -> Held | None:
    """What the target holds, read from a copy with all its side files; None where there is none.

    Fails where the file does not open, is not sound, or holds a record twice.
    """
    target = folder / "pjais.sqlite"
    if not target.exists():
        return None
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "copy.sqlite"
        for suffix in ("", "-wal", "-journal"):
            if Path(f"{target}{suffix}").exists():
                shutil.copyfile(f"{target}{suffix}", f"{copy}{suffix}")
        with closing(apsw.Connection(str(copy))) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert db.execute("PRAGMA foreign_key_check").fetchall() == []
            db.execute("INSERT INTO memory_fts (memory_fts, rank) VALUES ('integrity-check', 1)")
            ids = [str(key) for (key,) in db.execute("SELECT id FROM memory_entities")]
            marked = db.execute("SELECT id FROM memory_entities WHERE summary = 'marked by hand'").fetchall()
            searchable = db.execute("SELECT count(*) FROM memory_fts WHERE memory_fts MATCH 'number'").fetchall()
    assert len(ids) == len(set(ids)) == searchable[0][0]
    return Held(frozenset(ids), frozenset(str(key) for (key,) in marked))


def mark(folder: Path, key: str) -> None:
    """Write a memory into the target by hand, as an app would."""
    with closing(sqlite3.connect(folder / "pjais.sqlite")) as db:
        sql = (
            "INSERT INTO memory_entities (id, type, content, summary) VALUES (?, 'fact', 'A number', 'marked by hand')"
        )
        db.execute(sql, (key,))
        db.commit()


def phase(folder: Path) -> str:
    """The last entry in the journal of the latest run."""
    runs = journal.run_folders(folder)
    entries = journal.entries(runs[-1]) if runs else ()
    return entries[-1].event if entries else "before the journal"


def journal_length(folder: Path) -> int:
    """How many journal entries all runs together hold."""
    return sum(len(journal.entries(run)) for run in journal.run_folders(folder))


def leftovers(folder: Path, *, deep: bool = False) -> list[str]:
    """Hidden and unfinished files beside the target that a finished run must not leave.

    Its lock, and what it remembers of looking, may stay.  `deep`: in the folders below, too; there a kill may leave the
    unfinished part of a report.
    """
    wrong = [
        path
        for path in (folder.rglob("*") if deep else folder.iterdir())
        if (path.name.startswith(".") or path.suffix in (".part", ".new") or path.name.endswith("-journal"))
        and path.name not in (".pjais.lock", ".seen.json", ".waiting.json", ".pjais.sqlite.head")
    ]
    return sorted(str(path.relative_to(folder)) for path in wrong)


def exported(folder: Path) -> str:
    """The canonical export of the target."""
    text = as_text(resolve_workspace(folder), None).text
    assert text is not None
    return text


def shown(title: str, hits: Counter[str]) -> str:
    """How often each phase was hit, as a line."""
    return f"{title}: {sum(hits.values())} kills: " + ", ".join(f"{count} {name}" for name, count in hits.most_common())
