"""remember: add a memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pjais.cli.context import Context, common
from pjais.cli.lists import opened, print_record, target


@click.command("remember")
@click.argument("text")
@click.option("--persona", metavar="ID", help="The persona it belongs to (default: the active one).")
@click.option("--type", "kind", default="text", show_default=True)
@click.option("--name", help="A short name.")
@click.option("--tag", "tags", multiple=True, help="A tag; may be repeated.")
@click.option("--importance", type=click.FloatRange(0, 100), default=50, show_default=True)
@target
@common
def remember_command(
    context: Context,
    text: str,
    persona: str | None,
    kind: str,
    name: str | None,
    tags: tuple[str, ...],
    importance: float,
    target: Path | None,
) -> int:
    """Add a memory; without --persona it is the active persona's."""
    number = int(importance) if importance == int(importance) else importance
    fields: dict[str, Any] = {"type": kind, "name": name, "tags": list(tags), "importance": number}
    with opened(context, target) as store:
        record = store.memories.remember(text, persona=persona, **fields)
    print_record(context, record, f"added {record.id}")
    return 0
