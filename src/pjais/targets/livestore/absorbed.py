"""An account's note of its log (`livestore_log`): the last event that it holds, and a seal of a log that we wrote."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

from pjais import files, sqlite
from pjais.errors import MigrationFailed
from pjais.targets.livestore import log_file

_NOTES = (
    "CREATE TABLE IF NOT EXISTS livestore_log "
    "(id INTEGER PRIMARY KEY CHECK (id = 1), absorbed INTEGER NOT NULL, digest BLOB, counter BLOB, sha256 TEXT);"
    "CREATE INDEX IF NOT EXISTS livestore_log_twice ON livestore_log (absorbed, digest, counter, sha256)"
)
"""`counter` and `sha256` seal a log that we wrote: while the file's change counter is that one, nobody has written to
it since, and it must be the same to the last byte."""


def known(db: sqlite.Connection) -> int:
    """Return the last event that an account holds."""
    noted = sqlite.value(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'livestore_log'")
    return int(sqlite.value(db, "SELECT absorbed FROM livestore_log") or 0) if noted else 0


def note(db: sqlite.Connection, last: int, log_path: Path, *, ours: bool) -> None:
    """Record that the account holds the log up to this event, which must be the same whenever it is read again.

    `ours`: nobody else has written to the log since we did.
    """
    db.execute(_NOTES)
    seal = (log_file.counter(log_path), files.sha256(log_path)) if ours else (None, None)
    digest = log_file.event_digest(log_path, last)
    db.execute("INSERT OR REPLACE INTO livestore_log VALUES (1, ?, ?, ?, ?)", (last, digest, *seal))


def is_sealed(account: Path, log_path: Path) -> bool:
    """Return whether a log is what we wrote, byte by byte, with no writes by others since."""
    if sqlite.needs_recovery(log_path):
        return True
    with closing(sqlite.open_reader(account)) as db:
        if not known(db):
            return True
        counter, digest = sqlite.fetch(db, "SELECT counter, sha256 FROM livestore_log")[0]
    return counter is None or counter != log_file.counter(log_path) or digest == files.sha256(log_path)


def refuse_another_log(db: sqlite.Connection, log_path: Path, last: int) -> None:
    """Raise MigrationFailed if the event that the account knows as its last is a different one now."""
    if last and sqlite.value(db, "SELECT digest FROM livestore_log") != log_file.event_digest(log_path, last):
        raise MigrationFailed(
            f"event {last} differs from the ledger: the log was replaced",
            where=[str(log_path)],
            safe="No changes were made.",
            next_command="pjais backup list",
        )


def last_change(db: sqlite.Connection) -> int:
    """Return the last change of the account, up to which the log may be written."""
    return int(sqlite.value(db, "SELECT coalesce(max(seq), 0) FROM changes"))


def up_to(args: Any, default: int) -> int:
    """Return the last change of the account that a log covers, as the end of an import says."""
    found = args.get("upTo") if type(args) is dict else None
    return found if type(found) is int else default
