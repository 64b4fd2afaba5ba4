"""conversations: list, show, archive conversations."""

from __future__ import annotations

from pathlib import Path

import click

from pjais.cli.command_group import CommandGroup
from pjais.cli.context import Context, common
from pjais.cli.lists import (
    id_argument,
    list_options,
    opened,
    persona_option,
    print_record,
    print_records,
    source_fact,
    source_option,
    sources_of,
    target,
)
from pjais.cli.output import safe, say
from pjais.cli.record_commands import action
from pjais.cli.tables import Column
from pjais.models.persona.records import Conversation

_CONVERSATION_COLUMNS = (
    Column("id", "id"),
    Column("persona_id", "id", drop=4),
    Column("title"),
    Column("summary", drop=3),
    Column("is_archived", "word"),
    Column("updated_at", "word", drop=2),
)


@click.group("conversations", cls=CommandGroup, invoke_without_command=True)
@persona_option
@source_option
@click.option("--archived", is_flag=True, help="Show only archived conversations.")
@target
@list_options
@common
@click.pass_context
def conversations_command(
    click_context: click.Context,
    context: Context,
    persona: str | None,
    source: tuple[str, ...],
    archived: bool,
    target: Path | None,
    limit: int,
    offset: int,
    order: str | None,
    shape: str,
) -> int:
    """List, show, archive and restore conversations.

    Without a subcommand, list them, latest first.
    """
    if click_context.invoked_subcommand is not None:
        return 0
    with opened(context, target) as store:
        if archived:
            found = store.conversations.archived(persona, source)
        else:
            found = store.conversations.list(persona=persona, order=order, source=source)
        shown = found[offset : offset + limit]
        sources = sources_of(store, store.conversations, shown)
    print_records(context, shape, _CONVERSATION_COLUMNS, shown, sources, len(found))
    return 0


@conversations_command.command("show")
@id_argument
@target
@common
def show_conversation(context: Context, record_id: str, target: Path | None) -> int:
    """Show a conversation with its messages."""
    with opened(context, target) as store:
        record = store.conversations.need(record_id)
        source = source_fact(store.conversations, record_id)
    if context.as_json:
        print_record(context, record, facts=[source])
        return 0
    say(record.title or record.summary or record.id)
    say(f"source: {safe(source.text)}")
    for message in record.messages:
        one = message if isinstance(message, dict) else {"content": message}
        say(f"\n{one.get('role') or '?'}  {one.get('timestamp') or ''}\n{one.get('content')}")
    return 0


def _line(record: Conversation) -> str:
    return f"{record.id}: {'archived' if record.is_archived else 'restored'}"


action(conversations_command, "archive", "Archive a conversation.", _line)
action(conversations_command, "restore", "Restore an archived conversation.", _line)
