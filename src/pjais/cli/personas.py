"""personas: list, show, create, update, remove personas."""

from __future__ import annotations

import json
from pathlib import Path

import click

from pjais.cli.context import Context, common
from pjais.cli.lists import (
    given_fields,
    id_argument,
    list_options,
    opened,
    print_record,
    print_records,
    set_option,
    target,
    told,
)
from pjais.cli.output import print_json, table
from pjais.models.persona.records import Persona

_PERSONA_COLUMNS = ("id", "name", "isActive", "usageCount", "lastUsed", "updatedAt")


@click.group("personas", invoke_without_command=True)
@target
@list_options
@common
@click.pass_context
def personas_command(
    click_context: click.Context,
    context: Context,
    target: Path | None,
    limit: int,
    offset: int,
    order: str | None,
    shape: str,
) -> int:
    """List the personas; or show, create, update, remove one, or its numbers."""
    if click_context.invoked_subcommand is None:
        with opened(context, target) as store:
            page = store.personas.page(limit=limit, offset=offset, order=order)
        print_records(context, shape, _PERSONA_COLUMNS, page.records, page.total)
    return 0


@personas_command.command("show")
@id_argument
@target
@common
def show_persona(context: Context, record_id: str, target: Path | None) -> int:
    """Show one persona whole."""
    with opened(context, target) as store:
        print_record(context, store.personas.need(record_id))
    return 0


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


@personas_command.command("update")
@id_argument
@set_option
@target
@common
def update_persona(context: Context, record_id: str, pairs: tuple[str, ...], target: Path | None) -> int:
    """Change fields of a persona; `undo` takes it back."""
    with opened(context, target) as store:
        record = store.personas.update(record_id, **given_fields(pairs, Persona))
    print_record(context, record, f"updated {record.id}")
    return 0


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
    if context.as_json:
        print_json({"code": "done", "persona": record_id, **stats})
    else:
        table(("figure", "value"), [(name, json.dumps(value, ensure_ascii=False)) for name, value in stats.items()])
    return 0
