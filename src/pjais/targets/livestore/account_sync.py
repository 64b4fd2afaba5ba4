"""Keep a LiveStore event log and its account, a SQLite store of the same content beside it, in sync.

The account (`pjais-account.sqlite`) is a store like any other target: it holds every record, the outcome of every
document, the quarantine and the history, and everything that works on a store works on it.

    catch_up    copy what the app committed since from the log into the account
    extend      append what a run changed in the account to the log, as events
    compare     replay the whole log: it must produce the account's rows, digest by digest (log_proof)

The log is authoritative: a run is in place once its log is.  An account that lags behind its log (a crash between
the two renames) is brought up to date by the next call; one that is ahead is reported.
"""

from __future__ import annotations

import json
import re
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

from pjais import canonical, files, instants, journal, models, paths, sqlite
from pjais.core.events import LiveTable
from pjais.core.model import Model
from pjais.errors import ForeignTarget, MigrationFailed, UsageError
from pjais.sources.livestore import log
from pjais.sources.livestore.log import Event
from pjais.sources.livestore.replay import Replay, Row
from pjais.targets.livestore import log_proof, writer
from pjais.targets.sqlite import cutover
from pjais.version import __version__
from pjais.workspace import Workspace

_PREVIOUS = "previous.eventlog.db"
_DIALECT = "livestore"
_LOGS = re.compile(r"eventlog@(\d+)\.db")
_STATES = re.compile(r"(?:state|app|livestore-)-?(?:\d+|fixed)(?:@\d+)?\.db")


def inspect(workspace: Workspace) -> None:
    """Raise ForeignTarget where the target's folder holds a store that is not ours, or only half of one."""
    if workspace.log is None:
        return
    there = _store_files(workspace)
    logs = [one for one in there if _LOGS.fullmatch(one.name)]
    if not workspace.target.exists():
        if there:
            raise ForeignTarget(
                "there is a LiveStore store that pjais did not write; name it as a source, or give another --store-id",
                where=[str(one) for one in there],
            )
        return
    if logs and workspace.log not in logs:
        raise UsageError(
            f"this store has another format: {logs[0].name}",
            where=[str(workspace.log.parent)],
            next_command=f"pjais livestore upgrade {shlex.quote(str(workspace.log.parent))} --to {workspace.format}",
        )
    if not workspace.log.exists():
        raise ForeignTarget(
            "the event log is gone and only its account is left; put the log back, or remove the account",
            where=[str(workspace.log), str(workspace.target)],
            next_command="pjais backup list",
        )


def _store_files(workspace: Workspace) -> list[Path]:
    folder = workspace.target.parent
    if not folder.is_dir():
        return []
    return sorted(one for one in folder.glob("*.db") if not one.name.startswith("."))


def states(workspace: Workspace) -> list[Path]:
    """Return the state files beside a log: LiveStore derives them from it, so a changed log invalidates them."""
    return [one for one in _store_files(workspace) if workspace.log is not None and _STATES.fullmatch(one.name)]


def readable_log(workspace: Workspace) -> AbstractContextManager[Path]:
    """Return the workspace's log as one closed file."""
    assert workspace.log is not None
    return sqlite.whole(workspace.log)


def last_number(path: Path) -> int:
    """Return the number of a log's last event; 0 for an empty one."""
    with closing(sqlite.open_frozen(path)) as db:
        facts = log.facts(db)
    return facts.last.global_ if facts is not None and facts.last is not None else 0


def catch_up(workspace: Workspace) -> int:
    """Copy what an app committed to the log since into the account; return the number of events."""
    if workspace.log is None or not workspace.target.exists() or not workspace.log.exists():
        return 0
    try:
        return _catch_up(workspace)
    except sqlite.Corrupt as error:
        raise MigrationFailed(
            f"the event log or its account is damaged: {error}",
            where=[str(workspace.log), str(workspace.target)],
            safe="Nothing was changed.",
            next_command="pjais backup list",
        ) from error


def _catch_up(workspace: Workspace) -> int:
    with readable_log(workspace) as path:
        with closing(sqlite.open_reader(workspace.target)) as db:  # on a read-only medium nothing else can be opened
            if last_number(path) == (known := _absorbed(db)):
                _refuse_another_log(db, path, known)
                return 0
        return _followed(workspace, path)


def _followed(workspace: Workspace, path: Path) -> int:
    """Apply the events of a log that its account lacks."""
    with closing(sqlite.open_writer(workspace.target)) as db:
        last, known = last_number(path), _absorbed(db)
        if last >= known:
            _refuse_another_log(db, path, known)
        if last < known:
            raise MigrationFailed(
                f"the event log ends at {last}, and its account holds {known}: the log was replaced or cut",
                where=[str(workspace.log)],
                safe="Nothing was changed.",
                next_command="pjais backup list",
            )
        with tempfile.TemporaryDirectory(prefix="pjais-log-") as folder:
            with closing(Replay(Path(folder) / "replay.db")) as replay:
                touched, count = _replayed(path, replay, known, _pushed(db))
                _absorb(db, workspace.model, replay, touched, last, path)
        return count


Touched = dict[tuple[str, str], int | None]
"""(table, key) -> when it was last touched (ms), where the event says so."""


def _replayed(path: Path, replay: Replay, known: int, pushed: int) -> tuple[Touched, int]:
    """Replay a log; return the rows that events after `known` touched, except our own events."""
    touched: Touched = {}
    count = 0
    with closing(sqlite.open_frozen(path)) as db:
        for event in log.read_events(db):
            if not isinstance(event, Event):
                continue
            new = event.number.global_ > known
            if new and event.name == "v1.MigrationCompleted" and _up_to(event.args, pushed + 1) <= pushed:
                touched.clear()  # our own events, written before the account could note it
                count = 0
                continue
            try:
                operations = models.events().decode(event.name, event.args)
            except (KeyError, ValueError):
                continue
            replay.apply(operations)
            if new:
                count += 1
                for one in operations:
                    keys = replay.keys(one.table) if one.key is None else (one.key,)
                    touched.update(((one.table.name, key), event.at) for key in keys)
    return touched, count


def _up_to(args: Any, default: int) -> int:
    """Return the last change of the account that a log covers, as the end of an import says."""
    found = args.get("upTo") if type(args) is dict else None
    return found if type(found) is int else default


def _absorb(db: sqlite.Connection, model: Model, replay: Replay, touched: Touched, last: int, log_path: Path) -> None:
    db.execute("PRAGMA foreign_keys = OFF")  # the app's own removals may leave what refers to a row
    with sqlite.transaction(db):
        for (name, key), at in touched.items():
            live = models.events().by_name[name]
            before = int(sqlite.value(db, "SELECT coalesce(max(seq), 0) FROM changes"))
            _put(db, model, live, key, replay.row(live, key))
            if at is not None:
                db.execute("UPDATE changes SET at = ? WHERE seq > ?", (instants.to_text(at), before))
        _note_absorbed(db, last, log_path, ours=False)


def _put(db: sqlite.Connection, model: Model, live: LiveTable, key: str, row: Row | None) -> None:
    """Set one row of the account to what the log says."""
    table = model.by_record[live.record]
    names = table.column_names
    where = " AND ".join(f"{name} = ?" for name in table.key)
    if row is None:
        values = _other_key(key) if live.carries else (key,)
        if values is not None:
            db.execute(f"DELETE FROM {table.name} WHERE {where}", values)
        return
    record = log_proof.record_of(model, live, row)
    stored = table.to_row(record)
    wanted = tuple(getattr(record, name) for name in table.key)
    if None in wanted:
        return  # an id that is none: it stays in the log alone, and the proof names it
    held = sqlite.first(db, f"SELECT {', '.join(names)} FROM {table.name} WHERE {where}", wanted)
    if held is None:
        marks = ", ".join("?" * len(names))
        db.execute(f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks})", stored)
    elif held != stored:
        sets = ", ".join(f"{name} = ?" for name in names)
        db.execute(f"UPDATE {table.name} SET {sets} WHERE {where}", (*stored, *wanted))


def _other_key(key: str) -> tuple[str, str] | None:
    """Split the key of another record into collection and id; None for a key made up by another program."""
    try:
        found = json.loads(key)
    except (ValueError, RecursionError):
        return None
    return (str(found[0]), str(found[1])) if type(found) is list and len(found) == 2 else None


_NOTES = (
    "CREATE TABLE IF NOT EXISTS livestore_log "
    "(id INTEGER PRIMARY KEY CHECK (id = 1), absorbed INTEGER NOT NULL, digest BLOB, counter BLOB, sha256 TEXT);"
    "CREATE INDEX IF NOT EXISTS livestore_log_twice ON livestore_log (absorbed, digest, counter, sha256)"
)
"""`counter` and `sha256` seal a log that we wrote: while the file's change counter is that one, nobody has written to
it since, and it must be the same to the last byte."""


def _absorbed(db: sqlite.Connection) -> int:
    """Return the last event that the account holds."""
    known = sqlite.value(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'livestore_log'")
    return int(sqlite.value(db, "SELECT absorbed FROM livestore_log") or 0) if known else 0


def _note_absorbed(db: sqlite.Connection, last: int, log_path: Path, *, ours: bool) -> None:
    """Record that the account holds the log up to this event, which must be the same whenever it is read again.

    `ours`: nobody else has written to the log since we did.
    """
    db.execute(_NOTES)
    seal = (_counter(log_path), files.sha256(log_path)) if ours else (None, None)
    digest = _event_digest(log_path, last)
    db.execute("INSERT OR REPLACE INTO livestore_log VALUES (1, ?, ?, ?, ?)", (last, digest, *seal))


def _counter(log_path: Path) -> bytes:
    """Return the change counter in the header of a SQLite file, which every writer increments."""
    with log_path.open("rb") as file:
        return file.read(28)[24:]


def is_sealed(workspace: Workspace) -> bool:
    """Return whether the log is what we wrote, byte by byte, with no writes by others since."""
    if workspace.log is None or sqlite.needs_recovery(workspace.log):
        return True
    with closing(sqlite.open_reader(workspace.target)) as db:
        if not _absorbed(db):
            return True
        counter, digest = sqlite.fetch(db, "SELECT counter, sha256 FROM livestore_log")[0]
    return counter is None or counter != _counter(workspace.log) or digest == files.sha256(workspace.log)


def _event_digest(log_path: Path, number: int) -> bytes | None:
    """Return the digest of one event; None if the log has none of this number."""
    with closing(sqlite.open_frozen(log_path)) as db:
        sql = "SELECT name, argsJson FROM eventlog WHERE seqNumGlobal = ? AND seqNumClient = 0"
        row = sqlite.first(db, sql, (number,))
    return None if row is None else canonical.digest(row)


def _refuse_another_log(db: sqlite.Connection, log_path: Path, known: int) -> None:
    """Raise MigrationFailed if the event that the account knows as its last is a different one now."""
    if known and sqlite.value(db, "SELECT digest FROM livestore_log") != _event_digest(log_path, known):
        raise MigrationFailed(
            f"event {known} is not the one that the account knows: the log was replaced",
            where=[str(log_path)],
            safe="Nothing was changed.",
            next_command="pjais backup list",
        )


def _pushed(db: sqlite.Connection) -> int:
    """Return the last change of the account that may have been written to the log."""
    return int(sqlite.value(db, "SELECT coalesce(max(seq), 0) FROM changes"))


def is_ours(db: sqlite.Connection) -> bool:
    """Return whether an open log was written by us, so that its app knows all our events."""
    sql = "SELECT 1 FROM eventlog WHERE name = 'v1.MigrationStarted' AND argsJson ->> '$.schemaVersion' IS NOT NULL"
    try:
        return sqlite.first(db, sql) is not None
    except sqlite.Error:
        return False


def new_log(workspace: Workspace, run_id: str) -> Path:
    """Return the path to which a run writes its new log."""
    assert workspace.log is not None
    return workspace.log.with_name(f".{workspace.log.name}.{run_id}.new")


def keep_log(workspace: Workspace, folder: Path) -> Path | None:
    """Copy the log into a run's folder before the run; None if there is no log."""
    if workspace.log is None or not workspace.log.exists():
        return None
    kept = folder / _PREVIOUS
    files.remove(kept)
    with readable_log(workspace) as path:
        files.copy_hashed(path, kept)
    return kept


def extend(workspace: Workspace, folder: Path, account: Path, run: dict[str, Any], mark: int) -> Path:
    """Write a run's new log: the previous one, plus what the run changed in the account since `mark`."""
    path = new_log(workspace, run["id"])
    files.remove(path)
    previous = folder / _PREVIOUS
    if previous.exists():
        files.copy_hashed(previous, path)
    else:
        writer.create_log(path, workspace.format)
    with closing(sqlite.open_frozen(account)) as db:
        model, ids = workspace.model, _source_ids(db, workspace.model)
        body = writer.later(db, model, mark, ids) if previous.exists() else writer.imports(db, model, ids)
        upto = _pushed(db)
        last = writer.append(path, _framed(run, body, upto), synced=False)
    files.sync_file(path)
    with closing(sqlite.open_writer(account)) as db:
        _note_absorbed(db, last, path, ours=True)
    return path


def _framed(run: dict[str, Any], body: Iterator[writer.NewEvent], upto: int) -> Iterator[writer.NewEvent]:
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


def push(workspace: Workspace, run_id: str) -> None:
    """Write to the log what was changed in the account by hand (a replayed quarantine); the app must be closed."""
    if workspace.log is None:
        return
    with closing(sqlite.open_writer(workspace.target)) as db:
        mark = _logged(workspace)
        upto = _pushed(db)
        if upto <= mark:
            return
        refuse_if_open(workspace)
        run = {"id": run_id, "started_at": instants.to_text(journal.now_ms()), "sources": "[]", "counts": "{}"}
        _remove_states(workspace)
        later = writer.later(db, workspace.model, mark, _source_ids(db, workspace.model))
        number = writer.append(workspace.log, _framed(run, later, upto))
        _note_absorbed(db, number, workspace.log, ours=True)


def append(workspace: Workspace, new: list[writer.NewEvent]) -> int:
    """Append events to the log in place and remove the state files, or LiveStore would not read the log again."""
    assert workspace.log is not None
    _remove_states(workspace)
    return writer.append(workspace.log, new)


def _logged(workspace: Workspace) -> int:
    """Return the last change of the account that the log covers."""
    with readable_log(workspace) as path, closing(sqlite.open_frozen(path)) as db:
        sql = "SELECT argsJson FROM eventlog WHERE name = 'v1.MigrationCompleted' AND json_valid(argsJson)"
        return max((_up_to(json.loads(text), 0) for (text,) in sqlite.each(db, sql)), default=0)


def refuse_if_open(workspace: Workspace) -> None:
    """Raise MigrationFailed while another program has the store open: LiveStore itself takes no locks."""
    if workspace.log is None:
        return
    users = files.users([workspace.log, *states(workspace)])
    if users:
        raise MigrationFailed(
            "the LiveStore store is open in another program",
            where=[str(workspace.log), *(f"process {user}" for user in users)],
            advice="close the app first",
            next_command="pjais migrate",
        )


def cut_over(
    workspace: Workspace, run_id: str, account: Path, *, expected_change: int | None, expected_event: int
) -> None:
    """Put the new log in place, then its account.  Until the log is renamed the store is unchanged.

    State files are removed first: without them the old log gives the old state, and the new one the new.
    """
    assert workspace.log is not None
    files.private_folder(workspace.log.parent)
    refuse_if_open(workspace)
    _settle(workspace.log)
    if workspace.log.exists() and last_number(workspace.log) != expected_event:
        raise MigrationFailed("the LiveStore store was written to meanwhile; nothing was switched")
    _remove_states(workspace)
    files.replace(new_log(workspace, run_id), workspace.log)
    cutover.cut_over(account, workspace.target, expected_change=expected_change)


def _settle(path: Path) -> None:
    """Merge our log's journal into it: it must neither be lost nor be applied to the log that follows."""
    if path.exists() and sqlite.needs_recovery(path):
        with closing(sqlite.open_writer(path)) as db:
            sqlite.fetch(db, "PRAGMA wal_checkpoint(TRUNCATE)")
            sqlite.fetch(db, "PRAGMA journal_mode = DELETE")


def _remove_states(workspace: Workspace) -> None:
    if workspace.log is not None:
        _settle(workspace.log)
    for one in states(workspace):
        for suffix in ("", *sqlite.SIDE_FILES):
            files.remove(Path(f"{one}{suffix}"))
    if workspace.log is not None:
        for suffix in sqlite.SIDE_FILES:
            files.remove(Path(f"{workspace.log}{suffix}"))


def put_back(workspace: Workspace, folder: Path, kept: Path) -> None:
    """Put the log from before a run back in place, or remove it if there was none; the account follows.

    The current log is kept beside `kept`, the copy of its account.
    """
    if workspace.log is None:
        return
    refuse_if_open(workspace)
    for suffix in ("", *sqlite.SIDE_FILES):
        if Path(f"{workspace.log}{suffix}").exists():
            files.copy_hashed(Path(f"{workspace.log}{suffix}"), Path(f"{kept.with_suffix('.eventlog.db')}{suffix}"))
    _remove_states(workspace)
    previous = folder / _PREVIOUS
    if not previous.exists():
        files.remove(workspace.log)
        return
    beside = new_log(workspace, folder.name)
    files.remove(beside)
    files.copy_hashed(previous, beside)
    files.replace(beside, workspace.log)


def holds(log_path: Path, run_id: str) -> bool:
    """Return whether a log holds a run completely."""
    if not log_path.exists():
        return False
    with sqlite.whole(log_path) as path, closing(sqlite.open_frozen(path)) as db:
        found = sqlite.first(
            db,
            "SELECT 1 FROM eventlog WHERE name = 'v1.MigrationCompleted' "
            "AND iif(json_valid(argsJson), argsJson ->> '$.runId', NULL) = ?",
            (run_id,),
        )
    return found is not None


def complete(target: Path, run_id: str) -> None:
    """Finish a cutover that crashed between its two renames: the log is in place, so the account follows."""
    account = target.with_name(f".{target.name}.{run_id}.new")
    if target.name != paths.ACCOUNT_NAME or not account.exists():
        return
    for path in sorted(target.parent.glob("eventlog@*.db")):
        if holds(path, run_id):
            cutover.cut_over(
                account, target, expected_change=None if not target.exists() else cutover.last_change(target)
            )
