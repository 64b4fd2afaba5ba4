"""personas: list, show, create, update, remove personas."""

from __future__ import annotations

from pathlib import Path

import click

from pjais.cli.context import Context, common
from pjais.cli.lists import given_fields, id_argument, opened, print_record, set_option, target, told
from pjais.cli.record_commands import list_group, print_stats, show, update
from pjais.models.persona.records import Persona

personas_command = list_group(
    "personas",
    ("id", "name", "isActive", "usageCount", "lastUsed", "updatedAt"),
    "List the personas; or show, create, update, remove one, or its numbers.",
)
show(personas_command, "Show one persona whole.")


@personas_command.command("create")
@click.argument("name")
@set_option
@target
@common
def create_persona(context: Context, name: str, pairs: tuple[str, ...], target: Path | None) -> int:
    """Create a persona."""
    with opened(context, target) as store:
        record = store.personas.create(**{"name": name, **given_fields(pairs, Persona)})
    print_record(context, record, f"created {record.id}")
    return 0


update(personas_command, Persona, "Change fields of a persona; `undo` takes it back.")


@personas_command.command("remove")
@id_argument
@target
@common
def remove_persona(context: Context, record_id: str, target: Path | None) -> int:
    """Remove a persona that no memory refers to; the history keeps it."""
    with opened(context, target) as store:
        store.personas.remove(record_id)
    told(context, {"code": "done", "removed": record_id}, f"removed {record_id}")
    return 0


@personas_command.command("stats")
@id_argument
@target
@common
def persona_stats(context: Context, record_id: str, target: Path | None) -> int:
    """The numbers of a persona."""
    with opened(context, target) as store:
        stats = store.personas.stats(record_id)
    print_stats(context, stats, persona=record_id)
    return 0
