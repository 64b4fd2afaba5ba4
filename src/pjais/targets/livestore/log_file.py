"""The files of a LiveStore store that we write: its log, and the state files that LiveStore derives from it."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

from pjais import canonical, files, sqlite
from pjais.errors import UsageError
from pjais.formats import eventlog
from pjais.sources.livestore import log

LOG_NAME = re.compile(r"eventlog@(\d+)\.db")
_STATES = re.compile(r"(?:state|app|livestore-)-?(?:\d+|fixed)(?:@\d+)?\.db")


def find(path: Path, format: int | None, account: str) -> Path:
    """Return the log that a path means: itself, or the one in the folder; a new one is of format 6.

    `account`: the name of the account beside a log, which means the log as well.
    """
    if LOG_NAME.fullmatch(path.name):
        return path
    folder = path.parent if path.name == account else path
    if folder.exists() and not folder.is_dir():
        raise UsageError("a LiveStore store must be a folder", where=[str(folder)])
    there = sorted(folder.glob("eventlog@*.db"), key=format_of, reverse=True) if folder.is_dir() else []
    return there[0] if there and format is None else folder / eventlog.log_name(format or eventlog.WRITABLE[0])


def format_of(log_path: Path) -> int:
    """Return the storage format that a log's name says."""
    found = LOG_NAME.fullmatch(log_path.name)
    return int(found[1]) if found else eventlog.WRITABLE[0]


def store_files(folder: Path) -> list[Path]:
    """Return the databases in a LiveStore store's folder."""
    if not folder.is_dir():
        return []
    return sorted(one for one in folder.glob("*.db") if not one.name.startswith("."))


def states(folder: Path) -> list[Path]:
    """Return the state files in a folder: LiveStore derives them from the log, so a changed log invalidates them."""
    return [one for one in store_files(folder) if _STATES.fullmatch(one.name)]


def last_number(path: Path) -> int:
    """Return the number of a log's last event; 0 for an empty one."""
    with closing(sqlite.open_frozen(path)) as db:
        facts = log.facts(db)
    return facts.last.global_ if facts is not None and facts.last is not None else 0


def event_digest(path: Path, number: int) -> bytes | None:
    """Return the digest of one event; None if the log has none of this number."""
    with closing(sqlite.open_frozen(path)) as db:
        sql = "SELECT name, argsJson FROM eventlog WHERE seqNumGlobal = ? AND seqNumClient = 0"
        row = sqlite.first(db, sql, (number,))
    return None if row is None else canonical.digest(row)


def counter(path: Path) -> bytes:
    """Return the change counter in the header of a SQLite file, which every writer increments."""
    with path.open("rb") as file:
        return file.read(28)[24:]


def is_ours(db: sqlite.Connection) -> bool:
    """Return whether an open log was written by us, so that its app knows all our events."""
    sql = "SELECT 1 FROM eventlog WHERE name = 'v1.MigrationStarted' AND argsJson ->> '$.schemaVersion' IS NOT NULL"
    try:
        return sqlite.first(db, sql) is not None
    except sqlite.Error:
        return False


def holds(path: Path, run_id: str) -> bool:
    """Return whether a log holds a run completely."""
    if not path.exists():
        return False
    with sqlite.whole(path) as readable, closing(sqlite.open_frozen(readable)) as db:
        found = sqlite.first(
            db,
            "SELECT 1 FROM eventlog WHERE name = 'v1.MigrationCompleted' "
            "AND iif(json_valid(argsJson), argsJson ->> '$.runId', NULL) = ?",
            (run_id,),
        )
    return found is not None


def settle(path: Path) -> None:
    """Merge our log's journal into it: it must neither be lost nor be applied to the log that follows."""
    if path.exists() and sqlite.needs_recovery(path):
        with closing(sqlite.open_writer(path)) as db:
            sqlite.fetch(db, "PRAGMA wal_checkpoint(TRUNCATE)")
            sqlite.fetch(db, "PRAGMA journal_mode = DELETE")


def remove_states(path: Path) -> None:
    """Remove the state files beside a log, and the log's own side files: without them LiveStore reads it again."""
    settle(path)
    for one in states(path.parent):
        sqlite.remove(one)
    for suffix in sqlite.SIDE_FILES:
        files.remove(Path(f"{path}{suffix}"))
