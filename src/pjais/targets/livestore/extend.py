"""Append what changed in an account to its log, as the events of one run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from pjais import files, instants, journal, models, sqlite
from pjais.core.model import Model
from pjais.targets.contract import Prepared
from pjais.targets.livestore import absorbed, log_file, writer
from pjais.version import __version__


def new_log(prepared: Prepared, path: Path, previous: Path, format: int) -> None:
    """Write a run's new log: the previous one, plus what the run changed in its account."""
    files.remove(path)
    if previous.exists():
        files.copy_hashed(previous, path)
    else:
        writer.create_log(path, format)
    with closing(sqlite.open_frozen(prepared.store)) as db:
        model, ids = prepared.model, _source_ids(db, prepared.model)
        if previous.exists():
            body = writer.later(db, model, prepared.since or 0, ids)
        else:
            body = writer.imports(db, model, ids)
        last = writer.append(path, _framed(prepared.run, body, absorbed.last_change(db)), synced=False)
    files.sync_file(path)
    with closing(sqlite.open_writer(prepared.store)) as db:
        absorbed.note(db, last, path, ours=True)


def is_behind(account: Path, log_path: Path) -> bool:
    """Return whether an account holds changes that its log does not cover."""
    with closing(sqlite.open_reader(account)) as db:
        return absorbed.last_change(db) > _covered(log_path)


def push(account: Path, log_path: Path, model: Model, run_id: str) -> None:
    """Append to a log in place what was changed in its account only; no app may have it open."""
    with closing(sqlite.open_writer(account)) as db:
        run = {"id": run_id, "started_at": instants.to_text(journal.now_ms()), "sources": "[]", "counts": "{}"}
        later = writer.later(db, model, _covered(log_path), _source_ids(db, model))
        number = append(log_path, _framed(run, later, absorbed.last_change(db)))
        absorbed.note(db, number, log_path, ours=True)


def append(log_path: Path, events: Iterator[writer.NewEvent] | list[writer.NewEvent]) -> int:
    """Append events to a log in place and remove the state files; return the number of the last event."""
    log_file.remove_states(log_path)
    return writer.append(log_path, events)


def _framed(run: Mapping[str, Any], body: Iterator[writer.NewEvent], upto: int) -> Iterator[writer.NewEvent]:
    kinds = sorted({source["kind"] for source in json.loads(run["sources"])})
    yield writer.event(
        "v1.MigrationStarted",
        fromSystem=", ".join(kinds),
        toSystem="livestore",
        startedAt=instants.from_text(run["started_at"]),
        runId=run["id"],
        program=f"pjais {__version__}",
        schemaVersion=models.events().version,
    )
    yield from body
    counts = json.loads(run["counts"])
    yield writer.event("v1.MigrationCompleted", runId=run["id"], completedAt=journal.now_ms(), counts=counts, upTo=upto)


def _source_ids(db: sqlite.Connection, model: Model) -> dict[tuple[str, str], str]:
    """(table, id) -> the id that the record had in its source."""
    found: dict[tuple[str, str], str] = {}
    for old, new in sqlite.each(db, "SELECT old_id, new_id FROM migration_ids"):
        if old.startswith("$moved:"):
            _, table, source = old.split(":", 2)
            found[table, new] = source
        else:
            found.update(((table.name, new), old) for table in model.tables)
    return found


def _covered(log_path: Path) -> int:
    """Return the last change of the account that the log covers."""
    with sqlite.whole(log_path) as path, closing(sqlite.open_frozen(path)) as db:
        sql = "SELECT argsJson FROM eventlog WHERE name = 'v1.MigrationCompleted' AND json_valid(argsJson)"
        return max((absorbed.up_to(json.loads(text), 0) for (text,) in sqlite.each(db, sql)), default=0)
