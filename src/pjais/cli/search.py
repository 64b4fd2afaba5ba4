"""search: find memories."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pjais.cli.context import Context, common
from pjais.cli.lists import filter_options, opened, sources_of, target, warn_undated
from pjais.cli.output import print_json, say, table
from pjais.models.persona.model import MODEL


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
    context: Context,
    words: tuple[str, ...],
    wanted: dict[str, Any],
    any_word: bool,
    prefix: bool,
    semantic: bool,
    limit: int,
    offset: int,
    target: Path | None,
) -> int:
    """Find memories that contain all words, best first.  "quoted words" are a phrase, tea* a beginning of a word."""
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
        sources = sources_of(store, store.memories, [found for found, *_ in rows])
    warn_undated(undated)
    if context.as_json:
        results = [
            {
                "snippet": snippet,
                "rank": rank,
                "memory": MODEL.as_document(found),
                "source": sources.by_id[found.id].as_dict(),
            }
            for found, snippet, rank in rows
        ]
        left_out = {"without_date": undated} if undated else {}
        print_json({"code": "done", "count": len(rows), "total": total, **left_out, "results": results})
        return 0
    if not rows:
        say("nothing found")
        return 0
    body = [(found.name or found.id, found.type, sources.told(found.id), snippet) for found, snippet, _ in rows]
    if sources.in_tables:
        table(("memory", "type", "source", "text"), body)
    else:
        table(("memory", "type", "text"), [(name, kind, snippet) for name, kind, _, snippet in body])
    if total > len(rows):
        say(f"\n{len(rows):,} of {total:,}; more with --offset {offset + len(rows)}")
    return 0
