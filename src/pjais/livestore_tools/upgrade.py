"""Upgrade a LiveStore store to another storage format, which LiveStore itself does not do: it shows an empty store.

Every event is copied, with its number, arguments, clients and metadata; the files of the old format stay.  Values
without a column in the new format (format 2's times) go into the event's sync metadata.  The new log is written to a
temporary file, read back event by event, replayed against the old one, and put in place by one rename.
"""

from __future__ import annotations

import json
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pjais import canonical, files, instants, sqlite
from pjais.core.shown import Named, fields_as_json
from pjais.display import counted
from pjais.errors import MigrationFailed, NoSourceFound, SourceDamaged, SourceInUse, UsageError
from pjais.formats import eventlog
from pjais.livestore_tools import timeline
from pjais.sources.livestore import store
from pjais.sources.livestore.log import Event, Number, facts
from pjais.sources.livestore.replay import Replay
from pjais.targets.livestore.writer import CLIENT, create_log
from pjais.workspace import Workspace


class Upgraded(NamedTuple):
    """The result: the new log, its number of events, and their old format."""

    log: Path
    events: int
    before: Annotated[str, Named("from")]
    after: Annotated[int, Named("to")]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the outcome as a JSON object."""
        return {"code": "done", **fields_as_json(self)}


def upgrade(here: Workspace, path: Path, number: int, output: Path | None = None) -> Upgraded:
    """Write a store's log in another format, beside the old one or into the new folder `output`.

    Raises UsageError if both formats hold events, SourceInUse while an app has the store open, SourceDamaged
    for a log whose events cannot all be read, NoSourceFound if there is no log.
    """
    if number not in eventlog.WRITABLE:
        raise UsageError(f"format {number} cannot be written; 6 and 4 can", where=[str(number)])
    log = _folder(path, output) / eventlog.log_name(number)
    with timeline.stores(here, path) as found:
        logs = [(one, one.found.facts) for one in found if one.found.facts is not None]
        present = [(one, its) for one, its in logs if its.format.number == number and its.events]
        others = [(one, its) for one, its in logs if its.events and (its.format.number != number or output is not None)]
        if output is None and present and not others:
            return Upgraded(log, present[0][1].events, present[0][1].format.label, number, ("nothing to do",))
        if (output is None and present) or len(others) > 1:
            raise UsageError(
                "several logs hold events, and a log has one order; merge them into one store with pjais migrate",
                where=sorted({one.label for one, _ in (*others, *present)}),
                next_command=f"pjais migrate {shlex.quote(str(path))} --to livestore --store-id merged",
            )
        if not others:
            raise NoSourceFound("event log not found, or empty", where=[str(path)])
        source, its = others[-1]
        _refuse_if_open(log.parent, path, number)
        written = list(_read(source.found))
        shift = eventlog.WRITABLE_FIRST - its.format.first
        notes = _write(log, number, written, shift, (its.head or 0) + (shift if its.head is not None else 0))
    return Upgraded(log, len(written), its.format.label, number, notes)


def _folder(path: Path, output: Path | None) -> Path:
    folder = output if output is not None else path if path.is_dir() else path.parent
    folder = folder.absolute()
    if output is None and any(part == "File System" for part in folder.parts):
        raise UsageError("a store in a browser profile is not changed; give a folder for the new one: -o FOLDER")
    if output is not None and output.exists() and any(output.iterdir()):
        raise UsageError("the folder is not empty", where=[str(output)])
    return folder


def _refuse_if_open(folder: Path, path: Path, number: int) -> None:
    there = list(folder.glob("*.db")) if folder.is_dir() else []
    users = files.users(there)
    if users:
        raise SourceInUse(
            "the store is open in another program",
            where=[f"process {user}" for user in users],
            advice="close the app first",
            next_command=f"pjais livestore upgrade {shlex.quote(str(path))} --to {number}",
        )


def _read(found: store.Store) -> Iterator[Event]:
    assert found.log is not None
    for event in store.events(found.log):
        if not isinstance(event, Event):
            raise SourceDamaged(
                "an event cannot be read, so the log cannot be copied completely",
                where=[f"{event.place}: {event.reason}"],
                next_command="pjais migrate --to livestore --on-invalid quarantine",
            )
        yield event


def _write(log: Path, number: int, written: list[Event], shift: int, head: int) -> tuple[str, ...]:
    """Put the verified new log in place.  An empty log that LiveStore created there, and its states, are renamed."""
    files.private_folder(log.parent)
    beside = log.with_name(f".{log.name}.new")
    for suffix in ("", *sqlite.SIDE_FILES):
        files.remove(Path(f"{beside}{suffix}"))
    try:
        create_log(beside, number)
        with closing(sqlite.open_writer(beside)) as db, sqlite.transaction(db):
            marks = ", ".join("?" * (12 if number == 6 else 10))
            db.executemany(f"INSERT INTO eventlog VALUES ({marks})", _rows(written, number, shift))
            db.execute(f"UPDATE {eventlog.STATUS} SET head = ?", (head,))
        files.sync_file(beside)
        _prove(beside, written, shift)
        aside = _set_aside(log, number)
        files.replace(beside, log)
    except BaseException:
        files.remove(beside)
        raise
    timed = sum(event.created is not None for event in written)
    line = f"{counted(timed, 'event keeps its time in its', 'events keep their time in their')} metadata"
    return (*aside, *([line] if timed else []))


def _rows(written: list[Event], number: int, shift: int) -> Iterator[tuple[Any, ...]]:
    before = Number(0)
    for event in written:
        own = event.number._replace(global_=event.number.global_ + shift)
        parent = before if event.parent is None else event.parent._replace(global_=event.parent.global_ + shift)
        keys = (*own, *parent) if number == 6 else (*own[:2], *parent[:2])
        args = canonical.dumps_plain(event.args) if shift else event.args_json
        client, session = event.client_id or CLIENT, event.session_id or "static"
        yield (*keys, event.name, args, client, session, event.schema_hash, _metadata(event))
        before = own


def _metadata(event: Event) -> str:
    if event.created is None or (event.metadata is not None and event.metadata != eventlog.NO_METADATA):
        return event.metadata or eventlog.NO_METADATA
    return json.dumps({"_tag": "Some", "value": {"createdAt": instants.to_text(event.created)}}, separators=(",", ":"))


def _prove(path: Path, written: list[Event], shift: int) -> None:
    """Read the new log back and compare: the same events, and the same state."""
    with closing(sqlite.open_frozen(path)) as db, tempfile.TemporaryDirectory(prefix="pjais-log-") as folder:
        told = facts(db)
        with closing(Replay(Path(folder) / "before.db")) as before, closing(Replay(Path(folder) / "after.db")) as after:
            wrong = [] if told is not None and told.events == len(written) else ["the number of events"]
            for old, new in zip(written, timeline.read_whole(path), strict=False):
                wanted = (old.number.global_ + shift, old.name, old.args)
                wrong += [] if wanted == (new.number.global_, new.name, new.args) else [f"event {new.number}"]
                before.apply(timeline.operations_of(old))
                after.apply(timeline.operations_of(new))
            if before.counts() != after.counts():
                wrong.append("the state that the events make")
    if wrong:
        raise MigrationFailed("the new log differs from the old one; the store was not changed", where=wrong[:20])


def _set_aside(log: Path, number: int) -> tuple[str, ...]:
    """Rename the empty log and states that LiveStore created in the new format."""
    there = [log, *log.parent.glob(f"state*@{number}.db")]
    moved = []
    for one in there:
        if one.exists():
            aside = one.with_name(f"{one.name}.before-upgrade")
            if aside.exists():
                raise UsageError("an earlier upgrade left this; check it, then remove it", where=[str(aside)])
            files.replace(one, aside)
            moved.append(f"moved to: {aside.name}")
    return tuple(moved)
