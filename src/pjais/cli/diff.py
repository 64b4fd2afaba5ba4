"""diff: compare two points in time."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

import click

from pjais.cli import store_history
from pjais.cli.context import Context, common
from pjais.cli.output import say
from pjais.cli.tables import format_option, print_list
from pjais.cli.time_options import CHANGE_COLUMNS, change_row, opened_timeline, print_change, store_and
from pjais.core.results import Changed
from pjais.livestore_tools import timeline
from pjais.livestore_tools.timeline import Timeline
from pjais.persona.store import Store


@click.command("diff")
@click.argument("moments", nargs=-1, required=True, metavar="[STORE] BEFORE AFTER")
@format_option
@common
def diff_command(context: Context, moments: tuple[str, ...], shape: str) -> int:
    """Compare two points in time, field by field.

    BEFORE and AFTER are events (12), times (2025-03-01), or `now`.
    STORE is a SQLite or LiveStore store (default: the current store of the data folder).
    """
    path, (before, after) = store_and(moments, "BEFORE", "AFTER")
    found = store_history.opened(context, path)
    changes: Sequence[Changed]
    if isinstance(found, Store):
        with closing(found):
            changes = found.diff(store_history.when(before), store_history.when(after))
            names = store_history.names(found, [(one.table, one.key) for one in changes])
    else:
        with opened_timeline(context, found) as line:
            changes = line.diff(_moment(line, before), _moment(line, after))
            names = line.names([(one.table, one.key) for one in changes])
    if context.as_json or shape != "table":
        items = [one.as_dict() for one in changes]
        rows = [change_row(one, names.get((one.table, one.key))) for one in changes]
        print_list(context, shape, CHANGE_COLUMNS, rows, {"code": "done", "count": len(items), "changes": items}, items)
        return 0
    if not changes:
        say("no differences")
    for one in changes:
        print_change(one, store_history.named(one.table, one.key, names))
    return 0


def _moment(line: Timeline, text: str) -> timeline.Point:
    if text == "now":
        return line.point()
    is_event = text.replace(".", "").isdigit() and len(text) < 12
    return line.point(event=text) if is_event else line.point(time=text)
