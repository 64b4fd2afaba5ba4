"""redo: do undone operations again."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from pjais.cli.context import Context, common
from pjais.cli.operations import opened_store, print_operations, target_option
from pjais.cli.tables import format_option


@click.command("redo")
@click.argument("count", metavar="[N]", type=click.IntRange(min=1), required=False)
@click.option("--list", "listing", is_flag=True, help="List what can be redone, latest first.")
@target_option
@format_option
@common
def redo_command(context: Context, count: int | None, listing: bool, target: Path | None, shape: str) -> int:
    """Redo the last undone operation, or the last N.

    A new operation clears what can be redone.
    """
    with closing(opened_store(context, target)) as store:
        if listing:
            print_operations(context, shape, store, store.redoable(count or 20), "redoable")
        else:
            print_operations(context, shape, store, store.redo(count or 1), "redone")
    return 0
