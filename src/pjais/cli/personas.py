"""personas: list, show, create, update, remove personas."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from pjais.cli.context import Context, common
from pjais.cli.lists import Fact, given_fields, id_argument, opened, print_record, set_option, source_fact, target, told
from pjais.cli.output import print_json, safe, say
from pjais.cli.record_commands import list_group, print_stats, update
from pjais.cli.tables import Column
from pjais.errors import UsageError
from pjais.models.persona.records import Persona
from pjais.persona.store import Store

personas_command = list_group(
    "personas",
    (
        Column("id", "id"),
        Column("name"),
        Column("is_active", "word"),
        Column("usage_count", "number"),
        Column("last_used", "word", drop=2),
        Column("updated_at", "word", drop=1),
    ),
    "List, show, create, update, remove and link personas.",
)


@personas_command.command("show")
@id_argument
@target
@common
def show_persona(context: Context, record_id: str, target: Path | None) -> int:
    """Show a persona, its source and the personas linked to it."""
    with opened(context, target) as store:
        record = store.personas.need(record_id)
        same = store.personas.same_as(record_id)
        sources = store.personas.provenance([one.id for one in same])
        facts = [source_fact(store.personas, record_id)]
    links = [{"id": one.id, "name": one.name, "source": sources[one.id].as_dict()} for one in same]
    names = ", ".join(f"{one.name} ({one.id}, {sources[one.id]})" for one in same)
    print_record(context, record, facts=[*facts, Fact("same_as", links, names)])
    return 0


@personas_command.command("link")
@click.argument("ids", nargs=-1, metavar="[ID ID...]")
@click.option("--undo", is_flag=True, help="Remove the link.")
@target
@common
def link_personas(context: Context, ids: tuple[str, ...], undo: bool, target: Path | None) -> int:
    """Link personas that are the same one in several apps.

    Adds a relationship same_as from the first to each of the others.  The records themselves do not change; nothing
    is merged.  Without ids, list the personas that are likely the same.
    """
    if len(ids) == 1:
        raise UsageError("two or more personas are required", where=list(ids), next_command="pjais personas link")
    with opened(context, target) as store:
        if not ids:
            return _print_likely(context, store, undo=undo)
        first, *others = ids
        done = []
        with store.transaction("personas link" + (" --undo" if undo else "")):
            for other in others:
                there = store.personas.linked(first, other) is not None
                if undo:
                    store.personas.unlink(first, other)
                else:
                    store.personas.link(first, other)
                done.append((other, there))
    changed = [other for other, there in done if there == undo]
    if context.as_json:
        print_json({"code": "done", "id": first, "unlinked" if undo else "linked": changed})
        return 0
    for other, there in done:
        if undo:
            say(safe(f"{first} and {other}: {'unlinked' if there else 'not linked'}"))
        else:
            say(safe(f"{first} and {other}: {'already linked' if there else 'linked'}"))
    return 0


def _print_likely(context: Context, store: Store, *, undo: bool) -> int:
    """Print the personas that are likely the same, with the command that links each group."""
    if undo:
        raise UsageError("name the personas to unlink", next_command="pjais personas link --help")
    groups = []
    for ids in store.personas.likely_same():
        sources = store.personas.provenance(ids)
        command = context.typed(shlex.join(["pjais", "personas", "link", *ids]))
        groups.append((ids, sources, command))
    if context.as_json:
        found = [
            {"personas": [{"id": key, "source": sources[key].as_dict()} for key in ids], "next": command}
            for ids, sources, command in groups
        ]
        print_json({"code": "done", "count": len(found), "likely_same": found})
        return 0
    for ids, sources, command in groups:
        name = store.personas.need(ids[0]).name
        say(safe(f"{name}: {', '.join(f'{key} ({sources[key]})' for key in ids)}"))
        say(safe(f"  {command}"))
    if not groups:
        say("no unlinked personas with the same name")
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


update(personas_command, Persona, "Change fields of a persona; can be undone.")


@personas_command.command("remove")
@id_argument
@target
@common
def remove_persona(context: Context, record_id: str, target: Path | None) -> int:
    """Remove a persona without memories; the history keeps it."""
    with opened(context, target) as store:
        store.personas.remove(record_id)
    told(context, {"code": "done", "removed": record_id}, f"removed {record_id}")
    return 0


@personas_command.command("stats")
@id_argument
@target
@common
def persona_stats(context: Context, record_id: str, target: Path | None) -> int:
    """Show the statistics of a persona."""
    with opened(context, target) as store:
        stats = store.personas.stats(record_id)
    print_stats(context, stats, persona=record_id)
    return 0
