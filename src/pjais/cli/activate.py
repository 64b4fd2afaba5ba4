"""activate: make a persona the active one."""

from __future__ import annotations

from pathlib import Path

import click

from pjais.cli.context import Context, common
from pjais.cli.lists import id_argument, opened, print_record, target


@click.command("activate")
@id_argument
@target
@common
def activate_command(context: Context, record_id: str, target: Path | None) -> int:
    """Make a persona the active one, and no other."""
    with opened(context, target) as store:
        record = store.personas.activate(record_id)
    print_record(context, record, f"{record.name or record.id} is active")
    return 0
