"""search: find memories and messages of conversations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from pjais import canonical
from pjais.cli.context import Context, common
from pjais.cli.lists import Sources, filter_options, opened, sources_of, target, warn_undated
from pjais.cli.output import print_json, say, warn
from pjais.cli.progress import progress
from pjais.cli.tables import Column, format_option, print_list, print_table
from pjais.core.shown import fields_as_json
from pjais.errors import UsageError
from pjais.models.persona.model import MODEL
from pjais.models.persona.records import Memory
from pjais.persona import local_model
from pjais.persona.message_search import MessageResults
from pjais.persona.store import Store

_START = 90
"""Characters of a memory that stand for its hits."""
_OF_BOTH = ("persona", "created", "source")
"""Filters that messages have, too."""


@click.command("search")
@click.argument("words", nargs=-1, required=True)
@click.option(
    "--in",
    "where",
    type=click.Choice(["memories", "messages", "all"]),
    help="Where to search (default: all; a filter of only one, such as --tier or --role, excludes the other).",
)
@filter_options
@click.option("--role", help="Filter messages by role: user, assistant, ...")
@click.option("--hidden", is_flag=True, help="Include messages that the app hides.")
@click.option("--any", "any_word", is_flag=True, help="Match any of the words instead of all.")
@click.option("--prefix", is_flag=True, help="Match the last word as a prefix.")
@click.option("--semantic", is_flag=True, help="Also search memories by meaning; install pjais[semantic] for it.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="Show at most N memories and N messages.",
    metavar="N",
)
@click.option("--offset", type=click.IntRange(min=0), default=0, help="Skip the first N.", metavar="N")
@target
@format_option
@common
def search_command(
    context: Context,
    words: tuple[str, ...],
    where: str | None,
    wanted: dict[str, Any],
    role: str | None,
    hidden: bool,
    any_word: bool,
    prefix: bool,
    semantic: bool,
    limit: int,
    offset: int,
    target: Path | None,
    shape: str,
) -> int:
    """Search memories and messages, best matches first.

    All words must match.  "quoted words" match a phrase, tea* matches a prefix.
    """
    text = " ".join(words)
    of_memories = semantic or any(value is not None for name, value in wanted.items() if name not in _OF_BOTH)
    in_memories, in_messages = _places(where, of_memories=of_memories, of_messages=role is not None or hidden)
    how: dict[str, Any] = {"any": any_word, "prefix": prefix, "limit": limit, "offset": offset}
    memories = _Memories([], 0, 0)
    messages = MessageResults([], 0, None)
    with opened(context, target) as store:
        if in_memories:
            memories = _memories(context, store, text, wanted, how, semantic=semantic)
        if in_messages:
            since, until = wanted.get("created", (None, None))
            of = {"role": role, "hidden": hidden, "since": since, "until": until}
            of |= {"persona": wanted["persona"], "source": wanted.get("source")}
            messages = store.conversations.search_page(text, **how, **of)
    warn_undated(memories.undated)
    if context.as_json:
        print_json(_as_json(memories, messages if in_messages else None))
    elif shape == "table":
        _print(memories, messages, offset)
    else:
        print_list(context, shape, _COLUMNS, list(_rows(memories, messages)), {})
    return 0


_COLUMNS = (
    Column("kind", "word"),
    Column("id", "id"),
    Column("name"),
    Column("type", "word"),
    Column("role", "word"),
    Column("at", "word"),
    Column("source", "path"),
    Column("text"),
)
_MEMORIES = (Column("memory"), Column("type", "word", drop=1), Column("source", "path", drop=2), Column("text"))
_MESSAGES = (Column("conversation"), Column("role", "word", drop=1), Column("at", "word", drop=2), Column("text"))


def _rows(memories: _Memories, messages: MessageResults) -> Iterator[tuple[Any, ...]]:
    """Yield memories and messages as rows of one list."""
    for found, text, _ in memories.rows:
        yield "memory", found.id, found.name, found.type, None, None, memories.sources.told(found.id), text
    for one in messages.found:
        at = fields_as_json(one)["at"]
        yield "message", one.message_id, one.title or one.conversation_id, None, one.role, at, None, one.snippet


def _places(where: str | None, *, of_memories: bool, of_messages: bool) -> tuple[bool, bool]:
    """Return whether memories, and whether messages are searched.  Raises UsageError for filters that exclude both."""
    memories = where in ("memories", "all") if where is not None else not of_messages
    messages = where in ("messages", "all") if where is not None else not of_memories
    if of_messages and (of_memories or not messages):
        raise UsageError(
            "--role and --hidden apply to messages only", where=["memories have no role, and none is hidden"]
        )
    if of_memories and not memories:
        raise UsageError("filters by tier, type, tag, importance and meaning apply to memories only")
    return memories, messages


class _Memories:
    """The memories found: (memory, snippet, rank) each, the total, and how many lack the date that was asked for."""

    def __init__(
        self, rows: list[tuple[Memory, str, float]], total: int, undated: int, sources: Sources | None = None
    ) -> None:
        self.rows, self.total, self.undated = rows, total, undated
        self.sources = sources or Sources({}, False)


def _embed(context: Context, store: Store) -> None:
    """Embed what is missing, with progress; say so where nothing can be found by meaning."""
    if local_model.installed():
        with progress(context) as report:
            store.memories.embed_missing(lambda done, total: report("embedding memories", done, total))
    elif not store.memories.embedded():
        warn(
            "searched by words only: no memory has an embedding, and no local model is installed; next: "
            f"{local_model.HELP}"
        )


def _memories(
    context: Context, store: Store, text: str, wanted: dict[str, Any], how: dict[str, Any], *, semantic: bool
) -> _Memories:
    undated = store.memories.without_date(text, any=how["any"], prefix=how["prefix"], **wanted)
    if semantic:
        _embed(context, store)
        blended = store.memories.hybrid(text, any=how["any"], limit=how["limit"], offset=how["offset"], **wanted)
        rows, total = [(one.memory, one.snippet or "", one.score) for one in blended], len(blended)
    else:
        page = store.memories.search_page(text, **how, **wanted)
        rows, total = [(one.memory, one.snippet, one.rank) for one in page.found], page.total
    return _Memories(rows, total, undated, sources_of(store, store.memories, [found for found, *_ in rows]))


def _as_json(memories: _Memories, messages: MessageResults | None) -> dict[str, Any]:
    results = [
        {
            "snippet": snippet,
            "rank": rank,
            "memory": MODEL.as_document(found),
            "source": memories.sources.by_id[found.id].as_dict(),
        }
        for found, snippet, rank in memories.rows
    ]
    left_out = {"without_date": memories.undated} if memories.undated else {}
    found: dict[str, Any] = {"code": "done", "count": len(results), "total": memories.total, **left_out}
    found["results"] = results
    if messages is not None:
        hits = [fields_as_json(one) for one in messages.found]
        found["messages"] = {"count": len(hits), "total": messages.total, "results": hits}
    return found


def _print(memories: _Memories, messages: MessageResults, offset: int) -> None:
    if not memories.rows and not messages.found:
        say("nothing found")
    if memories.rows:
        told = memories.sources.told
        rows = [
            (found.name or found.id, found.type, told(found.id), text or _start(found))
            for found, text, _ in memories.rows
        ]
        kept = [at for at, one in enumerate(_MEMORIES) if one.name != "source" or memories.sources.in_tables]
        print_table([_MEMORIES[at] for at in kept], [[row[at] for at in kept] for row in rows])
        _more(len(memories.rows), memories.total, offset)
    if memories.rows and messages.found:
        say()
    if messages.found:
        hits = [
            (one.title or one.conversation_id, one.role or "", fields_as_json(one)["at"] or "", one.snippet)
            for one in messages.found
        ]
        print_table(_MESSAGES, hits)
        _more(len(hits), messages.total, offset)


def _start(memory: Memory) -> str:
    """Return the start of a memory that was found by its meaning, where no word is a hit."""
    content = memory.content if isinstance(memory.content, str) else canonical.dumps(memory.content)
    return " ".join(content[:200].split())[:_START]


def _more(shown: int, total: int, offset: int) -> None:
    if total > offset + shown:
        say(f"\n{shown:,} of {total:,}; more with --offset {offset + shown}")
