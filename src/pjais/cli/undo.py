"""undo: take back the last operations."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from pjais.cli.context import Context, common
from pjais.cli.operations import opened_store, print_operations, target_option
from pjais.cli.tables import format_option


@click.command("undo")
@click.argument("count", metavar="[N]", type=click.IntRange(min=1), required=False)
@click.option("--list", "listing", is_flag=True, help="Only list what can be undone, the last operation first.")
@target_option
@format_option
@common
def undo_command(context: Context, count: int | None, listing: bool, target: Path | None, shape: str) -> int:
    """Undo the last operation, or the last N, all or none; nothing is erased, `redo` does them again.

    An operation is one transaction made through pjais.  Refused where another program has since changed a record
    of it.
    """
    with closing(opened_store(context, target)) as store:
        if listing:
            print_operations(context, shape, store, store.undoable(count or 20), "undoable")
        else:
            print_operations(context, shape, store, store.undo(count or 1), "undone")
    return 0
