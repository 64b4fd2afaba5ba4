"""Copy what an app committed to a log since into its account: the rows that new events touched, as a replay has them.

The log is authoritative.  An account that lags behind its log (a crash between the two renames) is brought up to date
by the next call; one that is ahead is reported.
"""

from __future__ import annotations

import json
import tempfile
from contextlib import closing
from pathlib import Path

from pjais import instants, models, sqlite
from pjais.core.events import LiveTable
from pjais.core.model import Model
from pjais.errors import MigrationFailed
from pjais.sources.livestore import log
from pjais.sources.livestore.log import Event
from pjais.sources.livestore.replay import Replay, Row
from pjais.targets.livestore import absorbed, log_file, log_proof


def catch_up(account: Path, log_path: Path, model: Model) -> int:
    """Copy new events of a log into its account; return their number.

    Raises MigrationFailed if either is damaged, or the log was replaced or cut.
    """
    try:
        return _catch_up(account, log_path, model)
    except sqlite.Corrupt as error:
        raise MigrationFailed(
            f"the event log or its ledger is damaged: {error}",
            where=[str(log_path), str(account)],
            safe="No changes were made.",
            next_command="pjais backup list",
        ) from error


def _catch_up(account: Path, log_path: Path, model: Model) -> int:
    with sqlite.whole(log_path) as path:
        with closing(sqlite.open_reader(account)) as db:  # on a read-only medium nothing else can be opened
            if log_file.last_number(path) == (known := absorbed.known(db)):
                absorbed.refuse_another_log(db, path, known)
                return 0
        return _followed(account, log_path, path, model)


def _followed(account: Path, log_path: Path, path: Path, model: Model) -> int:
    """Apply the events of a log (closed: `path`) that its account lacks."""
    with closing(sqlite.open_writer(account)) as db:
        last, known = log_file.last_number(path), absorbed.known(db)
        if last >= known:
            absorbed.refuse_another_log(db, path, known)
        if last < known:
            raise MigrationFailed(
                f"the event log ends at {last}, and its ledger has {known}: the log was replaced or cut",
                where=[str(log_path)],
                safe="No changes were made.",
                next_command="pjais backup list",
            )
        with tempfile.TemporaryDirectory(prefix="pjais-log-") as folder:
            with closing(Replay(Path(folder) / "replay.db")) as replay:
                touched, count = _replayed(path, replay, known, absorbed.last_change(db))
                _absorb(db, model, replay, touched, last, path)
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
            if new and event.name == "v1.MigrationCompleted" and absorbed.up_to(event.args, pushed + 1) <= pushed:
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


def _absorb(db: sqlite.Connection, model: Model, replay: Replay, touched: Touched, last: int, log_path: Path) -> None:
    db.execute("PRAGMA foreign_keys = OFF")  # the app's own removals may leave what refers to a row
    with sqlite.transaction(db):
        for (name, key), at in touched.items():
            live = models.events().by_name[name]
            before = int(sqlite.value(db, "SELECT coalesce(max(seq), 0) FROM changes"))
            _put(db, model, live, key, replay.row(live, key))
            if at is not None:
                db.execute("UPDATE changes SET at = ? WHERE seq > ?", (instants.to_text(at), before))
        absorbed.note(db, last, log_path, ours=False)


def _put(db: sqlite.Connection, model: Model, live: LiveTable, key: str, row: Row | None) -> None:
    """Set one row of the account to what the log says."""
    table = model.by_record[live.record]
    names = table.column_names
    where = table.matching()
    if row is None:
        values = _other_key(key) if live.carries else (key,)
        if values is not None:
            db.execute(f"DELETE FROM {table.sql} WHERE {where}", values)
        return
    record = log_proof.record_of(model, live, row)
    stored = table.to_row(record)
    wanted = tuple(getattr(record, name) for name in table.key)
    if None in wanted:
        return  # an id that is none: it stays in the log alone, and the proof names it
    held = sqlite.first(db, f"SELECT {', '.join(names)} FROM {table.sql} WHERE {where}", wanted)
    if held is None:
        marks = ", ".join("?" * len(names))
        db.execute(f"INSERT INTO {table.sql} ({', '.join(names)}) VALUES ({marks})", stored)
    elif held != stored:
        sets = ", ".join(f"{name} = ?" for name in names)
        db.execute(f"UPDATE {table.sql} SET {sets} WHERE {where}", (*stored, *wanted))


def _other_key(key: str) -> tuple[str, str] | None:
    """Split the key of another record into collection and id; None for a key made up by another program."""
    try:
        found = json.loads(key)
    except (ValueError, RecursionError):
        return None
    return (str(found[0]), str(found[1])) if type(found) is list and len(found) == 2 else None
