"""history: every event that changed a record."""

from __future__ import annotations

from contextlib import closing

import click

from pjais import instants
from pjais.cli import store_history
from pjais.cli.context import Context, common
from pjais.cli.output import say, say_cut
from pjais.cli.tables import Column, format_option, print_list
from pjais.cli.time_options import CHANGE_COLUMNS, change_row, opened_timeline, print_change, store_and
from pjais.persona.store import Store

_COLUMNS = (Column("event", "word"), Column("at", "word"), Column("change"), *CHANGE_COLUMNS)


@click.command("history")
@click.argument("record", nargs=-1, required=True, metavar="[STORE] ID")
@click.option("--table", "table_name", help="Table of the record, if several have this id.")
@format_option
@common
def history_command(context: Context, record: tuple[str, ...], table_name: str | None, shape: str) -> int:
    """Show every change of a record.

    STORE is a SQLite or LiveStore store (default: the current store of the data folder).
    """
    path, (record_id,) = store_and(record, "ID")
    found = store_history.opened(context, path)
    if isinstance(found, Store):
        with closing(found):
            moments = found.history(record_id, table_name)
            names = store_history.names(found, found.find(record_id, table_name))
        steps = [one.as_dict() for one in moments]
        lines = [(str(one.seq), one.at, f"{one.op} {one.table}{_by(one.by)}", one.changes) for one in moments]
    else:
        with opened_timeline(context, found) as line:
            events = line.history(record_id)
            names = line.names([(change.table, change.key) for one in events for change in one.changes])
        steps = [{**one.event.as_dict(), "changes": [change.as_dict() for change in one.changes]} for one in events]
        lines = [(str(one.event.number), one.event.at, one.event.name, one.changes) for one in events]
    if context.as_json or shape != "table":
        rows = [
            (
                number,
                None if at is None else instants.to_text(at),
                name,
                *change_row(one, names.get((one.table, one.key))),
            )
            for number, at, name, changes in lines
            for one in changes
        ]
        whole = {"code": "done", "id": record_id, "count": len(steps), "steps": steps}
        print_list(context, shape, _COLUMNS, rows, whole, steps)
        return 0
    for name in dict.fromkeys(names.values()):
        say_cut(f"{name} ({record_id})")
    if not lines:
        say("no changes since the migration")
    for number, moment, name, changes in lines:
        at = "" if moment is None else f"  {instants.to_text(moment)}"
        say_cut(f"{number:>8}{at}  {name}")
        for change in changes:
            print_change(change, change.table)
    return 0


def _by(name: str | None) -> str:
    """Return who made a change, where the transaction has a name."""
    return f"  by {name}" if name else ""
