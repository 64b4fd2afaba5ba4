"""search."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from pjais import api
from pjais.cli.context import Context, common
from pjais.cli.output import print_json, say, table
from pjais.pipeline.transfer import as_document


@click.command("search")
@click.argument("words", nargs=-1, required=True)
@click.option("--persona", help="Only this persona's memories (id).")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True)
@click.option("--target", type=click.Path(path_type=Path))
@common
def search_command(
    context: Context, words: tuple[str, ...], persona: str | None, limit: int, target: Path | None
) -> int:
    """Find memories that hold all words, best first."""
    with closing(api.open(context.data_dir, target=target)) as store:
        found = store.memories.search(" ".join(words), persona=persona, limit=limit)
    if context.as_json:
        results = [{"snippet": one.snippet, "rank": one.rank, "memory": as_document(one.memory)} for one in found]
        print_json({"code": "done", "count": len(found), "results": results})
        return 0
    if not found:
        say("nothing found")
        return 0
    table(
        ("memory", "type", "text"), [(one.memory.name or one.memory.id, one.memory.type, one.snippet) for one in found]
    )
    return 0
