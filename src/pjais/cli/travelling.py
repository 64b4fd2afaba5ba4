"""events, at, diff, history, restore-record: a LiveStore store or one in SQLite through time."""

from __future__ import annotations

import time as clock
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import click

from pjais import canonical, instants
from pjais.cli import looking_back
from pjais.cli.context import Context, common
from pjais.cli.lists import told
from pjais.cli.locations import OUTPUT_FILE, PATH
from pjais.cli.output import print_json, safe, say, table
from pjais.errors import UsageError
from pjais.model import Changed, Restored
from pjais.pipeline import timeline, transfer
from pjais.pipeline.place import place
from pjais.pipeline.timeline import Found, Timeline
from pjais.read.livestore.log import Event
from pjais.schema import rows
from pjais.store import Store
from pjais.words import counted

_store = click.argument("store", type=PATH)
_event = click.option(
    "--event", metavar="N", help="After this event (12, or 12.1 for a client-only one); in SQLite, this change."
)
_time = click.option("--time", metavar="T", help="At this time (ISO-8601, or milliseconds since 1970).")
_POLL_SECONDS = 0.5


def _opened(context: Context, store: Path) -> Any:
    return timeline.opened(place(context.data_dir), store.expanduser().absolute())


@click.command("events")
@_store
@click.option("--name", help="Only events whose name holds this.")
@click.option("--id", "key", help="Only events that touch this record.")
@click.option("--since", metavar="T", help="Only events from this time on.")
@click.option("--until", metavar="T", help="Only events up to this time.")
@click.option("--after", metavar="N", help="Only events behind this one.")
@click.option("--limit", type=click.IntRange(min=1), help="Only the last so many.")
@click.option("--follow", is_flag=True, help="Wait for further events; end with Ctrl-C.")
@common
def events_command(
    context: Context,
    store: Path,
    name: str | None,
    key: str | None,
    since: str | None,
    until: str | None,
    after: str | None,
    limit: int | None,
    follow: bool,
) -> int:
    """List the events of a LiveStore store.  With --json one object a line."""
    wanted = timeline.Filter(name, key, since, until, after)
    shown = 0
    stamp: object = None
    while True:
        now = [(path, path.stat().st_mtime_ns, path.stat().st_size) for path in _watched(store)]
        if now != stamp:
            stamp = now
            with _opened(context, store) as line:
                fresh = list(islice(line.events(), shown, None))
            shown += len(fresh)
            found = [one for one in fresh if wanted.takes(one)]
            for one in found[-limit:] if limit else found:
                _print_event(context, one)
        if not follow:
            return 0
        clock.sleep(_POLL_SECONDS)


def _watched(store: Path) -> list[Path]:
    if not store.exists():
        return []
    return sorted(path for path in store.rglob("*") if path.is_file()) if store.is_dir() else [store]


def _print_event(context: Context, one: Found) -> None:
    if not isinstance(one, Event):
        line = {"event": None, "place": one.place, "unreadable": one.reason}
        say(canonical.dumps(line) if context.as_json else f"{one.place:>8}  UNREADABLE  {safe(one.reason)}")
    elif context.as_json:
        say(canonical.dumps(one.as_dict()))
    else:
        at = "" if one.at is None else instants.to_text(one.at)
        say(f"{one.number!s:>8}  {at:24}  {safe(one.name):32}  {_short(one.args)}")


def _short(args: Any, width: int = 70) -> str:
    text = safe(canonical.dumps(args))
    return text if len(text) <= width else f"{text[: width - 1]}…"


@click.command("at")
@click.argument("store", type=PATH, required=False)
@_event
@_time
@click.option("--id", "key", help="Only this record.")
@click.option("-o", "--output", type=OUTPUT_FILE, help="Write the whole state there, for `import`.")
@common
def at_command(
    context: Context, store: Path | None, event: str | None, time: str | None, key: str | None, output: Path | None
) -> int:
    """Show a store as it was after an event, or at a time.

    STORE is a SQLite store or a LiveStore store; without it, the data folder's.  The events of a SQLite store are
    its changes; 0 is the state right after the migration.
    """
    if (event is None) == (time is None):
        raise UsageError("give either --event N or --time T")
    found = looking_back.opened(context, store)
    if isinstance(found, Store):
        with closing(found), looking_back.at(found, event, time) as past:
            head = {"code": "done", "store": str(found.path), "event": past.seq}
            documents = looking_back.documents(found, past, key)
            if not _shown_state(context, head, documents, key, output):
                looking_back.print_state(found, past)
        return 0
    with _opened(context, found) as line:
        point = line.point(event=event, time=time)
        head = {"code": "done", "store": line.label, "event": None if point.number is None else str(point.number)}
        documents = _documents(line, point, key)
        if not _shown_state(context, head, documents, key, output):
            _print_state(line, point, documents)
    return 0


def _shown_state(
    context: Context, head: dict[str, Any], documents: looking_back.Documents, key: str | None, output: Path | None
) -> bool:
    """Show a state as a file, one record or JSON; False where a table for people is wanted."""
    if output is not None:
        count = looking_back.write_export(output, documents)
        told(context, {**head, "file": str(output), "records": count}, f"wrote {counted(count, 'record')} to {output}")
    elif key is not None:
        found = [document for _, document in documents]
        if not found:
            raise UsageError("there was no such record at that moment", where=[key])
        print_json({**head, "records": found} if context.as_json else found[0])
    elif context.as_json:
        by_table: dict[str, list[Any]] = {}
        for name, document in documents:
            by_table.setdefault(name, []).append(document)
        print_json({**head, "counts": {name: len(some) for name, some in by_table.items()}, **by_table})
    else:
        return False
    return True


def _documents(line: Timeline, point: timeline.Point, key: str | None) -> Iterator[tuple[str, dict[str, Any]]]:
    for record in line.records(point):
        if key is None or record.id == key:
            yield transfer.export_name(rows.table_of(record)), transfer.as_document(record)


def _print_state(line: Timeline, point: timeline.Point, documents: Iterator[tuple[str, dict[str, Any]]]) -> None:
    counts: dict[str, int] = {}
    personas: list[tuple[str, str, str, str]] = []
    for name, document in documents:
        counts[name] = counts.get(name, 0) + 1
        if name == "personas":
            active = "active" if document["isActive"] else ""
            personas.append((document["id"], document["name"], active, document["updatedAt"] or ""))
    where = "before the first event" if point.number is None else f"after event {point.number}"
    say(f"{line.label}, {where}:\n")
    table(("table", "records"), list(counts.items()) or [("(nothing)", 0)], ("records",))
    if personas:
        say()
        table(("persona", "name", "", "changed"), personas)


@click.command("diff")
@click.argument("moments", nargs=-1, required=True, metavar="[STORE] BEFORE AFTER")
@common
def diff_command(context: Context, moments: tuple[str, ...]) -> int:
    """Show what differs between two moments: record by record, field by field.

    BEFORE and AFTER are events (12), times (2025-03-01), or `now`.
    STORE is a SQLite store or a LiveStore store; without it, the data folder's.
    """
    path, (before, after) = _store_and(moments, "BEFORE", "AFTER")
    found = looking_back.opened(context, path)
    changes: Sequence[Changed]
    if isinstance(found, Store):
        with closing(found):
            changes = found.diff(looking_back.when(before), looking_back.when(after))
    else:
        with _opened(context, found) as line:
            changes = line.diff(_moment(line, before), _moment(line, after))
    if context.as_json:
        print_json({"code": "done", "count": len(changes), "changes": [one.as_dict() for one in changes]})
        return 0
    if not changes:
        say("nothing differs")
    for one in changes:
        _print_change(one, f"{one.table} {one.key}")
    return 0


def _store_and(given: tuple[str, ...], *names: str) -> tuple[Path | None, tuple[str, ...]]:
    """The store, if it was given, and what follows it.  Raises UsageError."""
    if len(given) not in (len(names), len(names) + 1):
        raise UsageError(f"give [STORE] {' '.join(names)}", where=list(given))
    return (Path(given[0]) if len(given) > len(names) else None), given[-len(names) :]


def _moment(line: Timeline, text: str) -> timeline.Point:
    if text == "now":
        return line.point()
    is_event = text.replace(".", "").isdigit() and len(text) < 12
    return line.point(event=text) if is_event else line.point(time=text)


def _print_change(one: Changed, what: str) -> None:
    if one.field is None:
        say(f"{'+' if one.before is None else '-'} {safe(what)}")
    else:
        say(f"  {safe(what)}, {one.field}: {_short(one.before, 50)} -> {_short(one.after, 50)}")


@click.command("history")
@click.argument("record", nargs=-1, required=True, metavar="[STORE] ID")
@click.option("--table", "table_name", help="Only the record of this table, where several have the id.")
@common
def history_command(context: Context, record: tuple[str, ...], table_name: str | None) -> int:
    """Show every event that changed a record, and what it changed.

    STORE is a SQLite store or a LiveStore store; without it, the data folder's.
    """
    path, (record_id,) = _store_and(record, "ID")
    found = looking_back.opened(context, path)
    if isinstance(found, Store):
        with closing(found):
            moments = found.history(record_id, table_name)
        steps = [one.as_dict() for one in moments]
        lines = [(str(one.seq), one.at, f"{one.op} {one.table}", one.changes) for one in moments]
    else:
        with _opened(context, found) as line:
            events = line.history(record_id)
        steps = [{**one.event.as_dict(), "changes": [change.as_dict() for change in one.changes]} for one in events]
        lines = [(str(one.event.number), one.event.at, one.event.name, one.changes) for one in events]
    if context.as_json:
        print_json({"code": "done", "id": record_id, "count": len(steps), "steps": steps})
        return 0
    if not lines:
        say("nobody changed it since the migration")
    for number, moment, name, changes in lines:
        at = "" if moment is None else f"  {instants.to_text(moment)}"
        say(f"{number:>8}{at}  {safe(name)}")
        for change in changes:
            _print_change(change, change.table)
    return 0


@click.command("restore-record")
@click.argument("record", nargs=-1, required=True, metavar="[STORE] ID")
@_event
@_time
@click.option("--field", help="Only this field (camelCase, or as `history` names it).")
@click.option("--table", "table_name", help="The record's table, where several have the id (SQLite).")
@common
def restore_record_command(
    context: Context,
    record: tuple[str, ...],
    event: str | None,
    time: str | None,
    field: str | None,
    table_name: str | None,
) -> int:
    """Bring a record, or one field of it, back as it was; the log grows by one event.

    STORE is a SQLite store or a LiveStore store of ours; without it, the data folder's.
    """
    from pjais.pipeline import restore

    if (event is None) == (time is None):
        raise UsageError("give either --event N or --time T")
    path, (record_id,) = _store_and(record, "ID")
    found = looking_back.opened(context, path)
    if isinstance(found, Store):
        with closing(found):
            done = _restored(found, record_id, table_name, event, time, field)
    else:
        here = place(context.data_dir)
        live = found.expanduser().absolute()
        done = restore.restore(here, live, record_id, event=event, time=time, field=field)
    if done.event is None:
        told(context, done.as_dict(), f"{record_id} is as it was then; nothing to do")
    else:
        line = f"{done.table} {record_id}: {', '.join(done.fields)} brought back by event {done.event}"
        told(context, done.as_dict(), line)
    return 0


def _restored(
    store: Store, record_id: str, table_name: str | None, event: str | None, time: str | None, field: str | None
) -> Restored:
    name, key = looking_back.table_of(store, record_id, table_name)
    seq = None if event is None else looking_back.number(event)
    return store.restore_record(name, key, seq, time=time, field=None if field is None else looking_back.snake(field))
