"""history: every event that changed a record."""

from __future__ import annotations

from contextlib import closing

import click

from pjais import instants
from pjais.cli import store_history
from pjais.cli.context import Context, common
from pjais.cli.output import print_json, safe, say
from pjais.cli.time_options import opened_timeline, print_change, store_and
from pjais.persona.store import Store


@click.command("history")
@click.argument("record", nargs=-1, required=True, metavar="[STORE] ID")
@click.option("--table", "table_name", help="Only the record of this table, where several have the id.")
@common
def history_command(context: Context, record: tuple[str, ...], table_name: str | None) -> int:
    """Show every event that changed a record, and what it changed.

    STORE is a SQLite store or a LiveStore store; without it, the data folder's.
    """
    path, (record_id,) = store_and(record, "ID")
    found = store_history.opened(context, path)
    if isinstance(found, Store):
        with closing(found):
            moments = found.history(record_id, table_name)
        steps = [one.as_dict() for one in moments]
        lines = [(str(one.seq), one.at, f"{one.op} {one.table}", one.changes) for one in moments]
    else:
        with opened_timeline(context, found) as line:
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
            print_change(change, change.table)
    return 0
