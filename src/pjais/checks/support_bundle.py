"""`support-bundle`: diagnostics for support, in two small files that one can read before sending them.

Versions, layout, sizes, states, codes and counts; no content, no name, no id, no tag, no path above the data folder.
A file's name is shown only if it is one that every installation has; any other is numbered.  Nothing in the data
folder is written, and the store is read as a scratch copy, so that this works on damaged data, too; a part that cannot
be determined names the error.
"""

from __future__ import annotations

import json
import os
import platform
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib import metadata
from pathlib import Path
from typing import Any

from pjais import files, instants, journal, logbook, sql_text, sqlite
from pjais.core.model import Model
from pjais.errors import PjaisError, UsageError, all_errors
from pjais.migration import state
from pjais.report.rules import OUTCOMES, RULES
from pjais.sources import backup
from pjais.targets.sqlite import compare
from pjais.version import __version__
from pjais.workspace import Workspace

_LIBRARIES = (
    "apsw",
    "click",
    "cramjam",
    "cryptography",
    "filelock",
    "google-crc32c",
    "orjson",
    "platformdirs",
    "pydantic",
    "rich",
    "sqlite-vec",
    "fastapi",
    "uvicorn",
)
_FILES = 400
_LINES = 60
_KNOWN = re.compile(
    r"(?:pjais(?:-account)?\.sqlite|(?:pjais|livestore|database)\.db|data\.json|eventlog@\d+\.db|state\d+@\d+\.db"
    r"|manifest\.json|journal\.jsonl|report\.(?:json|html)|previous\.(?:sqlite|eventlog\.db)|shadow\.jsonl"
    r"|migration\.log|findings\.jsonl|shard_\d+\.db|\d{6,}\.(?:log|ldb|sst)|MANIFEST-\d+|CURRENT|LOCK|LOG|LOG\.old"
    r"|\.pjais\.lock|\.live\.json|plugin\.json|backups|logs|livestore|personas|memory|plugins|shards|database|db|data"
    r"|outside|\d+|IndexedDB|File System|Default|Paths|\d{8}T\d{9}Z-[0-9a-f]{4}(?:-before-replay)?"
    r"|(?:livestore|rxdb|pjais-\w+)-backup-[\dTZ-]+\.(?:db|json))(?:-wal|-shm|-journal)?"
)
_SUFFIX = re.compile(r"\.(?:json|jsonl|db|sqlite|log|ldb|leveldb|blob|db-wal|db-shm|sqlite-wal|sqlite-shm)$")
_LOG_LINE = re.compile(r"(\S{10,30}Z) (\S+) ([A-Za-z_0-9 ]+): ?([\d.]+ s)?")
_PHASES = frozenset({"back up", "read and write", "index", "write the log", "verify", "cut over"})
_EVENTS = frozenset(
    {
        "backup",
        "begun",
        "resumed",
        "backed-up",
        "built",
        "verified",
        "switched",
        "done",
        "failed",
        "abandoned",
        "discarded",
        "rolling-back",
        "rolled-back",
    }
)
_FAULTS = (PjaisError, OSError, sqlite.Error, ValueError, KeyError, TypeError, AttributeError, OverflowError)
"""Errors that a damaged folder may cause while it is examined."""


class _Names:
    """Names for display: those that every installation has, and numbers for all others."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def of(self, path: Path) -> str:
        """Return a relative path for display."""
        return "/".join(self._one(part) for part in path.parts)

    def _one(self, name: str) -> str:
        if _KNOWN.fullmatch(name):
            return name
        number = self._numbers.setdefault(name, len(self._numbers) + 1)
        suffix = _SUFFIX.search(name)
        return f"<{number}>{suffix[0] if suffix else ''}"


def collect(workspace: Workspace) -> dict[str, Any]:
    """Return the bundle's content as a JSON object.  Never raises because of the data folder's content."""
    names = _Names()
    parts: dict[str, Callable[[], Any]] = {
        "program": _program,
        "folder": lambda: _folder(workspace),
        "files": lambda: _files(workspace.data_dir, names),
        "sources": lambda: _sources(workspace, names),
        "runs": lambda: [_guarded(_run, one) for one in state.runs(workspace.data_dir)],
        "store": lambda: _store(workspace),
        "log": lambda: _log(workspace),
    }
    return {
        "format": "pjais-support",
        "made_at": instants.to_text(journal.now_ms()),
        **{name: _guarded(part) for name, part in parts.items()},
    }


def _guarded(part: Callable[..., Any], *arguments: Any) -> Any:
    """Return a part of the bundle, or the type of an error; the error's text may quote data, so it is left out."""
    try:
        return part(*arguments)
    except _FAULTS as error:
        return {"error": error.code if isinstance(error, PjaisError) else type(error).__name__}


def write(workspace: Workspace, folder: Path) -> tuple[dict[str, Any], list[Path]]:
    """Write the bundle as JSON and text; return it and the two files.  Raises UsageError if they cannot be written."""
    found = collect(workspace)
    stamp = found["made_at"].replace("-", "").replace(":", "").replace(".", "")
    made = [folder / f"pjais-support-{stamp}.{suffix}" for suffix in ("json", "txt")]
    try:
        files.private_folder(folder)
        files.write_atomically(made[0], (json.dumps(found, indent=2) + "\n").encode())
        files.write_atomically(made[1], "\n".join(text(found)).encode() + b"\n")
    except OSError as error:
        raise UsageError(
            "cannot write the bundle", where=[str(folder)], next_command="pjais support-bundle -o pjais-support"
        ) from error
    return found, made


def text(found: dict[str, Any]) -> list[str]:
    """Return the bundle as lines for people."""
    lines = [
        f"pjais support bundle, made {found['made_at']}",
        "Versions, layout, states, codes and counts. No content, names, ids or tags. Nothing was uploaded.",
    ]
    for name, part in found.items():
        if name in ("format", "made_at"):
            continue
        lines += ["", name.upper()]
        rows = part if isinstance(part, list) else list(part.items())
        lines += [_line(row) for row in rows] or ["(none)"]
    return lines


def _line(row: Any) -> str:
    if isinstance(row, tuple):
        return f"  {row[0]}: {row[1] if isinstance(row[1], str | int | float | None) else json.dumps(row[1])}"
    if isinstance(row, dict):
        return "  " + "  ".join(f"{key}={json.dumps(value)}" for key, value in row.items() if value not in (None, {}))
    return f"  {row}"


def _program() -> dict[str, Any]:
    with closing(sqlite.scratch()) as db:
        version = sqlite.value(db, "SELECT sqlite_version()")
    return {
        "pjais": __version__,
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "sqlite": version,
        "system": platform.platform(),
        "machine": platform.machine(),
        "encoding": sys.getfilesystemencoding(),
        "libraries": dict(_versions()),
    }


def _versions() -> Iterator[tuple[str, str | None]]:
    for name in _LIBRARIES:
        try:
            yield name, metadata.version(name)
        except metadata.PackageNotFoundError:
            yield name, None


def _folder(workspace: Workspace) -> dict[str, Any]:
    folder = workspace.data_dir
    return {
        "named": workspace.named,
        "exists": folder.is_dir(),
        "free_bytes": files.free_space(folder),
        "writable": os.access(folder, os.W_OK),
        "target_exists": workspace.store.exists(),
        "to": workspace.target.kind,
        "log_format": workspace.target.format,
        "skip_migration": bool(os.environ.get("SKIP_MIGRATION")),
    }


def _files(folder: Path, names: _Names) -> list[dict[str, Any]]:
    """Return the content of the data folder: kind by name, size, date, mode.  Some hundred; the rest is counted."""
    found: list[dict[str, Any]] = []
    left = size = 0
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        if len(found) >= _FILES:
            left, size = left + 1, size + status.st_size
            continue
        shown = names.of(path.relative_to(folder)) + ("/" if path.is_dir() else "")
        found.append(
            {
                "name": shown,
                "bytes": status.st_size,
                "modified": instants.to_text(int(status.st_mtime * 1000)),
                "mode": f"{status.st_mode & 0o7777:o}",
                "link": path.is_symlink() or None,
            }
        )
    return found + ([{"more": left, "bytes": size}] if left else [])


def _sources(workspace: Workspace, names: _Names) -> list[dict[str, Any]]:
    found = workspace.find()
    sources: list[dict[str, Any]] = []
    for ref in found.sources:
        inside = ref.path.is_relative_to(workspace.data_dir)
        sizes = [path.stat().st_size for path in ref.files if path.exists()]
        sources.append(
            {
                "kind": ref.kind,
                "dialect": ref.dialect,
                "damaged": ref.damage is not None,
                "files": len(ref.files),
                "bytes": sum(sizes),
                "in_use": bool(files.users(ref.files)),
                "name": names.of(ref.path.relative_to(workspace.data_dir)) if inside else "(elsewhere)",
            }
        )
    return sources + ([{"passed_over": len(found.passed)}] if found.passed else [])


def _run(run: state.RunState) -> dict[str, Any]:
    took = None if run.started_at is None or run.finished_at is None else run.finished_at - run.started_at
    started = None if run.started_at is None else instants.to_text(run.started_at)
    shown = {
        "id": run.id if _KNOWN.fullmatch(run.id) else "(odd)",
        "state": run.state,
        "code": _code(run.code),
        "follow": run.follow,
        "started": started,
        "ms": took,
        "events": [one.event for one in journal.entries(run.folder) if one.event in _EVENTS][-12:],
    }
    return {
        **shown,
        "journal": len(journal.problems(run.folder)),
        "backup": _guarded(_backup, run.folder),
        **_guarded(_reported, run.folder),
    }


def _backup(folder: Path) -> dict[str, Any]:
    body = backup.manifest(folder)
    return {"sources": Counter(str(one["kind"]) for one in body["sources"]), "wrong": len(backup.check(folder))}


def _reported(folder: Path) -> dict[str, Any]:
    """Return counts by outcome and by rule, and the duration of each phase, from a run's report."""
    path = folder / "report.json"
    if not path.is_file():
        return {}
    body = json.loads(path.read_bytes())
    rules: Counter[str] = Counter()
    for key, count in body["rules"].items():
        level, rule, *_ = key.split(":")
        rules[f"{level}:{rule if rule in RULES else '(unknown)'}"] += int(count)
    return {
        "counts": {str(key): int(value) for key, value in body["total"].items()},
        "findings": dict(rules),
        "phases": {name: float(took) for name, took in body["phases"].items() if name in _PHASES},
    }


def _code(code: str | None) -> str | None:
    known = {*OUTCOMES, *(error.code for error in all_errors())}
    return code if code is None or code in known else "(unknown)"


def _store(workspace: Workspace) -> dict[str, Any]:
    """Return the versions, counts and checks of the store, from a scratch copy."""
    if not workspace.store.exists():
        return {"state": "missing"}
    shown = _guarded(_copied, workspace.store, workspace.model)
    for name, figures in workspace.target.figures().items():
        shown[name] = _guarded(figures)
    return dict(shown)


def _copied(path: Path, model: Model) -> dict[str, Any]:
    with closing(sqlite.open_scratch(path)) as db:
        shown: dict[str, Any] = {
            name: _guarded(sqlite.value, db, f"PRAGMA {name}")
            for name in ("application_id", "user_version", "journal_mode", "page_size", "page_count", "freelist_count")
        }
        tables = [*(table.name for table in model.tables if not table.is_of_documents), *sorted(sql_text.SYSTEM_NAMES)]
        shown["rows"] = {name: _guarded(sqlite.value, db, f"SELECT count(*) FROM {name}") for name in tables}
        outcomes = "SELECT outcome, count(*) FROM migration_records GROUP BY outcome"
        shown["outcomes"] = _guarded(sqlite.pairs, db, outcomes)
        shown["quarantine"] = _guarded(_quarantine, db)
        shown["checks"] = _guarded(lambda: {what: ok for what, ok, _ in compare.check_file(db, model)})
        return shown


def _quarantine(db: sqlite.Connection) -> dict[str, int]:
    sql = (
        "SELECT r.value ->> '$.rule', count(*) FROM migration_quarantine AS q, json_each(q.reasons) AS r "
        "WHERE q.replayed_at IS NULL GROUP BY 1"
    )
    return {rule if rule in RULES else "(unknown)": int(count) for rule, count in sqlite.each(db, sql)}


def _log(workspace: Workspace) -> list[dict[str, Any]]:
    """Return the last lines of migration.log: time, run, and event; only phases and codes."""
    path = workspace.log_dir / logbook.NAME
    if not path.is_file():
        return []
    found: list[dict[str, Any]] = []
    for line in path.read_bytes().decode("utf-8", "replace").splitlines()[-_LINES:]:
        match = _LOG_LINE.match(line)
        if match is None or not (match[2] == "-" or _KNOWN.fullmatch(match[2])):
            found.append({"what": "(other)"})
            continue
        what = match[3] if match[3] in _PHASES else _code(match[3])
        found.append({"at": match[1], "run": match[2], "what": what, "took": match[4]})
    return found
