"""personas, memories, conversations, plugins, search, activate, remember: life with the data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from pjais.cli.context import Context, common
from pjais.cli.lists import (
    filter_options,
    given_fields,
    list_options,
    opened,
    persona_option,
    print_record,
    print_records,
    set_option,
    target,
    told,
    warn_undated,
)
from pjais.cli.output import print_json, say, table
from pjais.model import Conversation, Memory, Persona
from pjais.pipeline.transfer import as_document
from pjais.words import counted

_PERSONA_COLUMNS = ("id", "name", "isActive", "usageCount", "lastUsed", "updatedAt")
_MEMORY_COLUMNS = ("id", "personaId", "type", "memoryTier", "importance", "name", "content")
_CONVERSATION_COLUMNS = ("id", "personaId", "title", "summary", "isArchived", "updatedAt")
_PLUGIN_COLUMNS = ("id", "name", "version", "enabled", "installedAt")
_id = click.argument("record_id", metavar="ID")


@click.group("personas", invoke_without_command=True)
@target
@list_options
@common
@click.pass_context
def personas_command(
    click_context: click.Context, context: Context, target: Path | None, limit: int, offset: int, order: str | None,
    shape: str,
) -> int:  # fmt: skip
    """List the personas; or show, create, update, remove one, or its numbers."""
    if click_context.invoked_subcommand is None:
        with opened(context, target) as store:
            page = store.personas.page(limit=limit, offset=offset, order=order)
        print_records(context, shape, _PERSONA_COLUMNS, page.records, page.total)
    return 0


@personas_command.command("show")
@_id
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
@_id
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
@_id
@target
@common
def remove_persona(context: Context, record_id: str, target: Path | None) -> int:
    """Remove a persona that no memory refers to; the history keeps it."""
    with opened(context, target) as store:
        store.personas.remove(record_id)
    told(context, {"code": "done", "removed": record_id}, f"removed {record_id}")
    return 0


@personas_command.command("stats")
@_id
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


@click.group("memories", invoke_without_command=True)
@filter_options
@click.option("--deleted", is_flag=True, help="Only deleted ones, which can be restored.")
@target
@list_options
@common
@click.pass_context
def memories_command(
    click_context: click.Context, context: Context, wanted: dict[str, Any], deleted: bool, target: Path | None,
    limit: int, offset: int, order: str | None, shape: str,
) -> int:  # fmt: skip
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
@_id
@target
@common
def show_memory(context: Context, record_id: str, target: Path | None) -> int:
    """Show one memory whole; looking does not count as an access."""
    with opened(context, target) as store:
        print_record(context, store.memories.need(record_id))
    return 0


@memories_command.command("update")
@_id
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
@_id
@target
@common
def delete_memory(context: Context, record_id: str, target: Path | None) -> int:
    """Mark a memory as deleted; `restore` brings it back."""
    with opened(context, target) as store:
        record = store.memories.delete(record_id)
    print_record(context, record, f"deleted {record.id}; pjais memories restore {record.id} brings it back")
    return 0


@memories_command.command("restore")
@_id
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
    @_id
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


@click.group("conversations", invoke_without_command=True)
@persona_option
@click.option("--archived", is_flag=True, help="Only archived ones.")
@target
@list_options
@common
@click.pass_context
def conversations_command(
    click_context: click.Context, context: Context, persona: str | None, archived: bool, target: Path | None,
    limit: int, offset: int, order: str | None, shape: str,
) -> int:  # fmt: skip
    """List conversations, latest first; or show, archive, restore one."""
    if click_context.invoked_subcommand is not None:
        return 0
    with opened(context, target) as store:
        found = store.conversations.archived(persona) if archived else store.conversations.list(order=order)
        found = [one for one in found if persona in (None, one.persona_id)]
    print_records(context, shape, _CONVERSATION_COLUMNS, found[offset : offset + limit], len(found))
    return 0


@conversations_command.command("show")
@_id
@target
@common
def show_conversation(context: Context, record_id: str, target: Path | None) -> int:
    """Read a conversation."""
    with opened(context, target) as store:
        record = store.conversations.need(record_id)
    if context.as_json:
        print_record(context, record)
        return 0
    say(record.title or record.summary or record.id)
    for message in record.messages:
        one = message if isinstance(message, dict) else {"content": message}
        say(f"\n{one.get('role') or '?'}  {one.get('timestamp') or ''}\n{one.get('content')}")
    return 0


def _conversation_action(name: str, about: str) -> None:
    @conversations_command.command(name, help=about)
    @_id
    @target
    @common
    def action(context: Context, record_id: str, target: Path | None) -> int:
        with opened(context, target) as store:
            record: Conversation = getattr(store.conversations, name)(record_id)
        print_record(context, record, f"{record.id}: {'archived' if record.is_archived else 'back'}")
        return 0


_conversation_action("archive", "Put a conversation away.")
_conversation_action("restore", "Bring an archived conversation back.")


@click.group("plugins", invoke_without_command=True)
@target
@list_options
@common
@click.pass_context
def plugins_command(
    click_context: click.Context, context: Context, target: Path | None, limit: int, offset: int, order: str | None,
    shape: str,
) -> int:  # fmt: skip
    """List the app's plugins; or enable, disable one."""
    if click_context.invoked_subcommand is None:
        with opened(context, target) as store:
            page = store.plugins.page(limit=limit, offset=offset, order=order)
        print_records(context, shape, _PLUGIN_COLUMNS, page.records, page.total)
    return 0


def _plugin_action(name: str, about: str) -> None:
    @plugins_command.command(name, help=about)
    @_id
    @target
    @common
    def action(context: Context, record_id: str, target: Path | None) -> int:
        with opened(context, target) as store:
            record = getattr(store.plugins, name)(record_id)
        print_record(context, record, f"{record.name}: {'enabled' if record.enabled else 'disabled'}")
        return 0


_plugin_action("enable", "Switch a plugin on.")
_plugin_action("disable", "Switch a plugin off; its record stays.")


@click.command("activate")
@_id
@target
@common
def activate_command(context: Context, record_id: str, target: Path | None) -> int:
    """Make a persona the active one, and no other."""
    with opened(context, target) as store:
        record = store.personas.activate(record_id)
    print_record(context, record, f"{record.name or record.id} is active")
    return 0


@click.command("remember")
@click.argument("text")
@persona_option
@click.option("--type", "kind", default="text", show_default=True)
@click.option("--name", help="A short name.")
@click.option("--tag", "tags", multiple=True, help="A tag; may be repeated.")
@click.option("--importance", type=click.FloatRange(0, 100), default=50, show_default=True)
@target
@common
def remember_command(
    context: Context, text: str, persona: str | None, kind: str, name: str | None, tags: tuple[str, ...],
    importance: float, target: Path | None,
) -> int:  # fmt: skip
    """Write a memory down; without --persona it is the active persona's."""
    number = int(importance) if importance == int(importance) else importance
    fields: dict[str, Any] = {"type": kind, "name": name, "tags": list(tags), "importance": number}
    with opened(context, target) as store:
        record = store.memories.remember(text, persona=persona, **fields)
    print_record(context, record, f"remembered as {record.id}")
    return 0


@click.command("search")
@click.argument("words", nargs=-1, required=True)
@filter_options
@click.option("--any", "any_word", is_flag=True, help="Memories with any of the words, not only with all.")
@click.option("--prefix", is_flag=True, help="The last word may be the beginning of one.")
@click.option("--semantic", is_flag=True, help="Also by meaning; needs embeddings and a local model.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True)
@click.option("--offset", type=click.IntRange(min=0), default=0)
@target
@common
def search_command(
    context: Context, words: tuple[str, ...], wanted: dict[str, Any], any_word: bool, prefix: bool, semantic: bool,
    limit: int, offset: int, target: Path | None,
) -> int:  # fmt: skip
    """Find memories that hold all words, best first.  "quoted words" are a phrase, tea* is the beginning of a word."""
    text = " ".join(words)
    with opened(context, target) as store:
        if semantic:
            blended = store.memories.hybrid(text, any=any_word, limit=limit, offset=offset, **wanted)
            rows = [(one.memory, one.snippet or "", one.score) for one in blended]
            total = len(rows)
        else:
            page = store.memories.search_page(text, any=any_word, prefix=prefix, limit=limit, offset=offset, **wanted)
            rows, total = [(one.memory, one.snippet, one.rank) for one in page.found], page.total
        undated = store.memories.without_date(text, any=any_word, prefix=prefix, **wanted)
    warn_undated(undated)
    if context.as_json:
        results = [{"snippet": snippet, "rank": rank, "memory": as_document(found)} for found, snippet, rank in rows]
        left_out = {"without_date": undated} if undated else {}
        print_json({"code": "done", "count": len(rows), "total": total, **left_out, "results": results})
        return 0
    if not rows:
        say("nothing found")
        return 0
    table(("memory", "type", "text"), [(found.name or found.id, found.type, snippet) for found, snippet, _ in rows])
    if total > len(rows):
        say(f"\n{len(rows):,} of {total:,}; more with --offset {offset + len(rows)}")
    return 0
