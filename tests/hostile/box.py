"""A data folder under attack: build hostile sources in it, run the real command line, look at what is left."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pjais.cli import run as run_inside

WHEN = "2024-01-01T00:00:00.000Z"
ALWAYS_PROCESS = bool(os.environ.get("PJAIS_HOSTILE_PROCESS"))
"""Run every single call as a process of its own."""
LATER = "2024-06-01T00:00:00.000Z"
Rows = list[tuple[Any, ...]]

ROWS_SQL = """
CREATE TABLE personas(id TEXT PRIMARY KEY, name TEXT, isActive INTEGER, createdAt INTEGER, updatedAt INTEGER);
CREATE TABLE memoryEntities(id TEXT PRIMARY KEY, personaId TEXT, type TEXT, content TEXT, tags TEXT);
INSERT INTO personas VALUES ('p1', 'Ada', 1, 1700000000000, 1700000000000);
INSERT INTO memoryEntities VALUES ('m1', 'p1', 'text', '"healthy"', '[]');
"""
"""A small sound database in LiveStore's shape."""


class Result(NamedTuple):
    """What one call of the command line gave: exit code, the JSON object on stdout, and both streams."""

    exit_code: int
    body: dict[str, Any]
    out: str
    err: str

    @property
    def code(self) -> str:
        """The code in the JSON."""
        return str(self.body.get("code"))

    @property
    def total(self) -> dict[str, int]:
        """The counts of all sources."""
        return dict(self.body["total"])


def persona(record_id: Any = "p1", **more: Any) -> dict[str, Any]:
    """A sound persona."""
    return {"id": record_id, "name": "Ada", "createdAt": WHEN, "updatedAt": WHEN, **more}


def memory(record_id: Any = "m1", persona_id: Any = "p1", **more: Any) -> dict[str, Any]:
    """A sound memory."""
    return {
        "id": record_id,
        "personaId": persona_id,
        "type": "text",
        "content": "healthy",
        "createdAt": WHEN,
        "updatedAt": WHEN,
        **more,
    }


def document(personas: Sequence[Any] = (), memories: Sequence[Any] = (), **more: Any) -> str:
    """The text of a data.json; without personas it has the one that memories belong to."""
    return json.dumps({"personas": list(personas) or [persona()], "memories": list(memories), **more})


class Box:
    """One data folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.target = folder / "pjais.sqlite"

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a source file."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return path

    def sqlite(self, sql: str, name: str = "livestore.db", pragma: str = "") -> Path:
        """Make a SQLite source."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(sqlite3.connect(path)) as db:
            db.executescript(pragma + sql)
            db.commit()
        return path

    def cli(self, *arguments: str | Path, process: bool = False, timeout: float = 600) -> Result:
        """Run `pjais ... --json`: exactly one JSON object on stdout, and never a traceback.

        `process`: as a process of its own; else the same command line inside this one, which is ten times faster.
        """
        words = [str(one) for one in arguments]
        words = [*words, "--data-dir", str(self.folder)] if "--data-dir" not in words else words
        words = [*words, "--json"]
        code, out, err = _process(words, timeout) if process or ALWAYS_PROCESS else _inside(words)
        assert "Traceback" not in err
        body = json.loads(out)
        assert isinstance(body, dict)
        return Result(code, body, out, err)

    def migrate(self, *arguments: str | Path, process: bool = False, timeout: float = 600) -> Result:
        """`pjais migrate`; whatever comes of it, no unfinished file may stay."""
        result = self.cli("migrate", *arguments, process=process, timeout=timeout)
        assert result.code != "PJAIS_BUG", result.body["what"]
        assert not list(self.folder.rglob(".*.new*"))
        if "total" in result.body:
            total = result.total
            assert total["read"] == sum(total[one] for one in ("migrated", "superseded", "removed", "quarantined"))
        if result.exit_code > 1:
            assert result.body["what"] and result.body["safe"] and result.body["next"]
        return result

    def quarantine(self, *arguments: str | Path, process: bool = False) -> Result:
        """`pjais migrate --on-invalid quarantine`."""
        return self.migrate("--on-invalid", "quarantine", *arguments, process=process)

    def verify(self) -> Result:
        """`pjais verify`."""
        return self.cli("verify")

    def export(self, store: Path | None = None) -> bytes:
        """The bytes of `pjais export`, which must succeed."""
        out = self.folder.parent / f"{self.folder.name}-export.pjais.json"
        assert self.cli("export", *([store] if store else []), "-o", out).exit_code == 0
        return out.read_bytes()

    def sql(self, sql: str, *values: Any) -> Rows:
        """Run a statement on the target, as any SQLite client would."""
        with contextlib.closing(sqlite3.connect(self.target)) as db:
            found = db.execute(sql, values).fetchall()
            db.commit()
            return found

    def contents(self) -> dict[str, Any]:
        """Memory id -> content, of every memory in the target."""
        if not self.sql("SELECT 1 FROM sqlite_schema WHERE name = 'memory_entities'"):
            return {}
        return dict(self.sql("SELECT id, content FROM memory_entities"))

    def settled(self) -> None:
        """A finished migration: proved, done when called again, and exportable to an equal store."""
        assert self.verify().exit_code == 0
        again = self.cli("migrate")
        assert (again.exit_code, again.code) == (0, "already_migrated")
        copy = Box(self.folder.parent / "copy")
        copy.folder.mkdir(exist_ok=True)
        exported = self.export()
        (copy.folder.parent / "first.pjais.json").write_bytes(exported)
        assert copy.cli("import", copy.folder.parent / "first.pjais.json").exit_code == 0
        assert copy.export() == exported

    def survives(self, source: Path, exit_code: int, *, quarantined: int, memories: Mapping[str, str]) -> Result:
        """The whole rule for bad input: refused by default with its code, saved with `--on-invalid quarantine`.

        `memories` are the healthy ones, id -> content.
        """
        before = fingerprint(source)
        stopped = self.migrate(process=True)
        assert stopped.exit_code == exit_code, stopped.body
        assert not self.target.exists()
        assert source.name in " ".join(stopped.body["where"])
        saved = self.quarantine()
        assert (saved.exit_code, saved.code) == (1, "quarantined"), saved.body
        assert saved.total["quarantined"] == quarantined
        assert self.contents() == dict(memories)
        assert fingerprint(source) == before
        self.settled()
        return saved

    def goes_in(self, source: Path, **total: int) -> Result:
        """A source that is odd but sound: all of it goes in."""
        before = fingerprint(source)
        done = self.migrate()
        assert (done.exit_code, done.code) == (0, "done"), done.body
        assert {name: done.total[name] for name in total} == total
        assert fingerprint(source) == before
        self.settled()
        return done


def fingerprint(source: Path) -> dict[str, str]:
    """The hashes of a source and of all files beside it whose names begin with its name."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in source.parent.iterdir()
        if path.name.startswith(source.name) and path.is_file()
    }


def _process(words: list[str], timeout: float) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "pjais", *words], capture_output=True, timeout=timeout, check=False, env=environment()
    )
    return done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8")


def environment() -> dict[str, str]:
    """The environment of this process, without what would steer pjais."""
    return {key: value for key, value in os.environ.items() if key not in ("PJAIS_DATA_DIR", "SKIP_MIGRATION")}


def _inside(words: list[str]) -> tuple[int, str, str]:
    """The same command line without a new process: for the many checks that follow a migration."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run_inside(words)
    return code, out.getvalue(), err.getvalue()


def crash_writer(database: Path, *statements: str) -> None:
    """Write to a WAL database in another process that dies without closing it; the `-wal` stays."""
    program = (
        "import os, sqlite3, sys\n"
        "db = sqlite3.connect(sys.argv[1])\n"
        "db.execute('PRAGMA journal_mode = WAL')\n"
        "db.execute('PRAGMA wal_autocheckpoint = 0')\n"
        "[db.execute(one) for one in sys.argv[2:]]\n"
        "db.commit()\n"
        "os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(database), *statements], check=False)
    assert Path(f"{database}-wal").stat().st_size > 0
