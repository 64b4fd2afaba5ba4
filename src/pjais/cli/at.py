"""at: a store as it was after an event, or at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from pjais.cli import store_history
from pjais.cli.context import Context, common
from pjais.cli.lists import told
from pjais.cli.locations import OUTPUT_FILE, PATH
from pjais.cli.output import print_json, say
from pjais.cli.time_options import event_option, opened_timeline, time_option
from pjais.display import counted
from pjais.errors import UsageError
from pjais.livestore_tools import timeline
from pjais.livestore_tools.timeline import Timeline
from pjais.models.persona.model import MODEL
from pjais.persona.store import Store


@click.command("at")
@click.argument("store", type=PATH, required=False)
@event_option
@time_option
@click.option("--id", "key", help="Show only this record.")
@click.option("-o", "--output", type=OUTPUT_FILE, help="Export the state to this file, for `pjais import`.")
@common
def at_command(
    context: Context, store: Path | None, event: str | None, time: str | None, key: str | None, output: Path | None
) -> int:
    """Show a store as of an event or a point in time.

    STORE is a SQLite or LiveStore store (default: the current store of the data folder).  The events of a SQLite
    store are its changes; 0 is the version as migrated.
    """
    if (event is None) == (time is None):
        raise UsageError("give exactly one of --event and --time")
    found = store_history.opened(context, store)
    if isinstance(found, Store):
        with closing(found), store_history.at(found, event, time) as past:
            head = {"code": "done", "store": str(found.path), "event": past.seq}
            documents = store_history.documents(found, past, key)
            if not _shown_state(context, head, documents, key, output):
                store_history.print_state(found, past)
        return 0
    with opened_timeline(context, found) as line:
        point = line.point(event=event, time=time)
        head = {"code": "done", "store": line.label, "event": None if point.number is None else str(point.number)}
        documents = _documents(line, point, key)
        if not _shown_state(context, head, documents, key, output):
            _print_state(line, point, documents)
    return 0


def _shown_state(
    context: Context, head: dict[str, Any], documents: store_history.Documents, key: str | None, output: Path | None
) -> bool:
    """Show a state as a file, one record or JSON; False where a table for people is wanted."""
    if output is not None:
        count = store_history.write_export(output, documents)
        told(context, {**head, "file": str(output), "records": count}, f"wrote {counted(count, 'record')} to {output}")
    elif key is not None:
        found = [document for _, document in documents]
        if not found:
            raise UsageError("the record did not exist at that time", where=[key])
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
            yield MODEL.table_of(record).title, MODEL.as_document(record)


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
    store_history.print_counted(list(counts.items()), personas)
