"""remember: add a memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pjais.cli.context import Context, common
from pjais.cli.lists import opened, print_record, target


@click.command("remember")
@click.argument("text")
@click.option("--persona", metavar="ID", help="Persona that the memory belongs to (default: the active one).")
@click.option("--type", "kind", default="text", show_default=True, help="Type of the memory.")
@click.option("--name", help="Short name.")
@click.option("--tag", "tags", multiple=True, help="Tag of the memory.  Repeatable.")
@click.option("--importance", type=click.FloatRange(0, 100), default=50, show_default=True, help="Importance.")
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
    """Add a memory, by default to the active persona."""
    number = int(importance) if importance == int(importance) else importance
    fields: dict[str, Any] = {"type": kind, "name": name, "tags": list(tags), "importance": number}
    with opened(context, target) as store:
        record = store.memories.remember(text, persona=persona, **fields)
    print_record(context, record, f"added {record.id}")
    return 0
