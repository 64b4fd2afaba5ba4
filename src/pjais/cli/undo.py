"""undo: undo the last operations."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from pjais.cli.context import Context, common
from pjais.cli.operations import opened_store, print_operations, target_option
from pjais.cli.tables import format_option


@click.command("undo")
@click.argument("count", metavar="[N]", type=click.IntRange(min=1), required=False)
@click.option("--list", "listing", is_flag=True, help="List what can be undone, latest first.")
@target_option
@format_option
@common
def undo_command(context: Context, count: int | None, listing: bool, target: Path | None, shape: str) -> int:
    """Undo the last operation, or the last N.

    All or nothing; the history keeps everything, and `redo` redoes.  An operation is one transaction made through
    pjais; it cannot be undone if another program has since changed one of its records.
    """
    with closing(opened_store(context, target)) as store:
        if listing:
            print_operations(context, shape, store, store.undoable(count or 20), "undoable")
        else:
            print_operations(context, shape, store, store.undo(count or 1), "undone")
    return 0
