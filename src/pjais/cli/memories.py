"""memories: list, show, update, delete, restore memories; tiers, embedding and statistics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pjais.cli.command_group import CommandGroup
from pjais.cli.context import Context, common
from pjais.cli.lists import (
    filter_options,
    list_options,
    opened,
    persona_option,
    print_records,
    sources_of,
    target,
    warn_undated,
)
from pjais.cli.output import print_json, say
from pjais.cli.progress import progress
from pjais.cli.record_commands import action, print_stats, show, update
from pjais.cli.tables import Column, format_option, print_list
from pjais.display import counted
from pjais.models.persona.records import Memory

_MEMORY_COLUMNS = (
    Column("id", "id"),
    Column("persona_id", "id", drop=4),
    Column("type", "word", drop=2),
    Column("memory_tier", "word", drop=3),
    Column("importance", "number", drop=1),
    Column("name"),
    Column("content"),
)

_MOVE_COLUMNS = (
    Column("name"),
    Column("id", "id"),
    Column("before", "word"),
    Column("after", "word"),
    Column("score", "number"),
)


@click.group("memories", cls=CommandGroup, invoke_without_command=True)
@filter_options
@click.option("--deleted", is_flag=True, help="Show only deleted memories, which can be restored.")
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
    """List, show, update, delete, restore and move memories.

    Without a subcommand, list them, most important first.
    """
    if click_context.invoked_subcommand is not None:
        return 0
    with opened(context, target) as store:
        if deleted:
            everything = store.memories.deleted(wanted["persona"], wanted.get("source"))
            found, total, undated = everything[offset : offset + limit], len(everything), 0
        else:
            found = store.memories.filtered(limit=limit, offset=offset, order=order, **wanted)
            total = int(store.memories.stats(**wanted)["total"])
            undated = store.memories.without_date(**wanted)
        sources = sources_of(store, store.memories, found)
    print_records(context, shape, _MEMORY_COLUMNS, found, sources, total, undated)
    return 0


show(memories_command, "Show a memory, without updating its access statistics.")
update(memories_command, Memory, "Change fields of a memory; can be undone.")
action(
    memories_command,
    "delete",
    "Delete a memory; can be restored.",
    lambda record: f"deleted {record.id}; pjais memories restore {record.id} restores it",
)
action(memories_command, "restore", "Restore a deleted memory.", lambda record: f"restored {record.id}")


def _tier(record: Memory) -> str:
    return f"{record.id} is {record.memory_tier}"


action(memories_command, "promote", "Promote a memory by one tier.", _tier)
action(memories_command, "demote", "Demote a memory by one tier, keeping its content.", _tier)


@memories_command.command("optimise")
@persona_option
@click.option("--dry-run", is_flag=True, help="Show what would move, without writing anything.")
@target
@format_option
@common
def optimise_memories(context: Context, persona: str | None, dry_run: bool, target: Path | None, shape: str) -> int:
    """Move memories to the tiers that match their use."""
    with opened(context, target) as store:
        moves = store.memories.optimise(persona, dry_run=dry_run)
        names = {one.id: store.name_of("memory_entities", one.id) for one in moves}
    items = [one._asdict() for one in moves]
    rows = [(names[one.id], one.id, one.before, one.after, f"{one.score:.1f}") for one in moves]
    whole = {"code": "done", "count": len(moves), "moves": items}
    if print_list(context, shape, _MOVE_COLUMNS, rows, whole, items, "every memory is in its tier"):
        say(f"{counted(len(moves), 'memory', 'memories')} {'would move' if dry_run else 'moved'}")
    return 0


@memories_command.command("embed")
@click.option("--off", is_flag=True, help="Remove the vectors, and stop embedding new memories.")
@target
@common
def embed_memories(context: Context, off: bool, target: Path | None) -> int:
    """Embed memories for search by meaning.

    Memories that are written later are embedded, too.  Requires pjais[semantic].
    """
    with opened(context, target) as store:
        if off:
            was_on = store.memories.forget_vectors()
            told: dict[str, Any] = {"removed": was_on}
            line = "removed the vectors; nothing is embedded from now on" if was_on else "there were no vectors"
        else:
            with progress(context) as report:
                done = store.memories.embed_missing(lambda made, total: report("embedding memories", made, total))
            told = done._asdict()
            line = f"embedded {counted(done.made, 'memory', 'memories')}; {done.total:,} have a vector of {done.model}"
    if context.as_json:
        print_json({"code": "done", **told})
    else:
        say(line)
    return 0


@memories_command.command("stats")
@filter_options
@target
@common
def memory_stats(context: Context, wanted: dict[str, Any], target: Path | None) -> int:
    """Count memories by tier, type and importance."""
    with opened(context, target) as store:
        stats = store.memories.stats(**wanted)
        undated = store.memories.without_date(**wanted)
    warn_undated(undated)
    stats |= {"without_date": undated} if undated else {}
    print_stats(context, stats)
    return 0
