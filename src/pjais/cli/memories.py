"""memories: list, show, update, delete, restore memories; tiers and statistics."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from pjais.cli.context import Context, common
from pjais.cli.lists import (
    filter_options,
    given_fields,
    id_argument,
    list_options,
    opened,
    persona_option,
    print_record,
    print_records,
    set_option,
    target,
    warn_undated,
)
from pjais.cli.output import print_json, say, table
from pjais.display import counted
from pjais.models.persona.records import Memory

_MEMORY_COLUMNS = ("id", "personaId", "type", "memoryTier", "importance", "name", "content")


@click.group("memories", invoke_without_command=True)
@filter_options
@click.option("--deleted", is_flag=True, help="Only deleted ones, which can be restored.")
@target
@list_options
@common
@click.pass_context
def memories_command(
    click_context: click.Context,
    context: Context,
    wanted: dict[str, Any],
    deleted: bool,
    target: Path | None,
    limit: int,
    offset: int,
    order: str | None,
    shape: str,
) -> int:
    """List memories, most important first; or show, update, delete, restore, promote, demote one."""
    if click_context.invoked_subcommand is not None:
        return 0
    with opened(context, target) as store:
        if deleted:
            everything = store.memories.deleted(wanted["persona"])
            found, total, undated = everything[offset : offset + limit], len(everything), 0
        else:
            found = store.memories.filtered(limit=limit, offset=offset, order=order, **wanted)
            total = int(store.memories.stats(**wanted)["total"])
            undated = store.memories.without_date(**wanted)
    print_records(context, shape, _MEMORY_COLUMNS, found, total, undated)
    return 0


@memories_command.command("show")
@id_argument
@target
@common
def show_memory(context: Context, record_id: str, target: Path | None) -> int:
    """Show one memory whole; looking does not count as an access."""
    with opened(context, target) as store:
        print_record(context, store.memories.need(record_id))
    return 0


@memories_command.command("update")
@id_argument
@set_option
@target
@common
def update_memory(context: Context, record_id: str, pairs: tuple[str, ...], target: Path | None) -> int:
    """Change fields of a memory; `undo` takes it back."""
    with opened(context, target) as store:
        record = store.memories.update(record_id, **given_fields(pairs, Memory))
    print_record(context, record, f"updated {record.id}")
    return 0


@memories_command.command("delete")
@id_argument
@target
@common
def delete_memory(context: Context, record_id: str, target: Path | None) -> int:
    """Mark a memory as deleted; `restore` brings it back."""
    with opened(context, target) as store:
        record = store.memories.delete(record_id)
    print_record(context, record, f"deleted {record.id}; pjais memories restore {record.id} brings it back")
    return 0


@memories_command.command("restore")
@id_argument
@target
@common
def restore_memory(context: Context, record_id: str, target: Path | None) -> int:
    """Bring a deleted memory back."""
    with opened(context, target) as store:
        record = store.memories.restore(record_id)
    print_record(context, record, f"{record.id} is back")
    return 0


def _tier_action(name: str, about: str) -> None:
    @memories_command.command(name, help=about)
    @id_argument
    @target
    @common
    def action(context: Context, record_id: str, target: Path | None) -> int:
        with opened(context, target) as store:
            record = getattr(store.memories, name)(record_id)
        print_record(context, record, f"{record.id} is {record.memory_tier}")
        return 0


_tier_action("promote", "Move a memory one tier up.")


_tier_action("demote", "Move a memory one tier down; its content stays as it is.")


@memories_command.command("optimise")
@persona_option
@click.option("--dry-run", is_flag=True, help="Only show what would move.")
@target
@common
def optimise_memories(context: Context, persona: str | None, dry_run: bool, target: Path | None) -> int:
    """Move memories to the tiers that their use calls for."""
    with opened(context, target) as store:
        moves = store.memories.optimise(persona, dry_run=dry_run)
    if context.as_json:
        print_json({"code": "done", "count": len(moves), "moves": [one._asdict() for one in moves]})
        return 0
    for one in moves:
        say("  ".join(str(value) for value in one))
    say(f"{counted(len(moves), 'memory', 'memories')} {'would move' if dry_run else 'moved'}")
    return 0


@memories_command.command("stats")
@filter_options
@target
@common
def memory_stats(context: Context, wanted: dict[str, Any], target: Path | None) -> int:
    """How many memories there are, by tier and type, and how important they are."""
    with opened(context, target) as store:
        stats = store.memories.stats(**wanted)
        undated = store.memories.without_date(**wanted)
    warn_undated(undated)
    stats |= {"without_date": undated} if undated else {}
    if context.as_json:
        print_json({"code": "done", **stats})
    else:
        table(("figure", "value"), [(name, json.dumps(value, ensure_ascii=False)) for name, value in stats.items()])
    return 0
