"""Lists of records as people and programs want them: a table, JSON, CSV, NDJSON, Markdown."""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, TypeVar

import click

from pjais import commands, instants
from pjais.api import opening
from pjais.cli.context import Context
from pjais.cli.locations import OUTPUT_PLACE
from pjais.cli.output import print_json, safe, say, warn
from pjais.cli.tables import Column, format_option, print_csv, print_list
from pjais.display import counted, snake
from pjais.errors import UsageError
from pjais.exchange.record_lists import plain
from pjais.models.persona.model import MODEL
from pjais.models.persona.records import Record
from pjais.persona.store import Provenance, Records, Store

F = TypeVar("F", bound=Callable[..., Any])

target = click.option("--target", type=OUTPUT_PLACE, help=commands.TARGET)
persona_option = click.option("--persona", metavar="ID", help="Filter by persona.")
source_option = click.option(
    "--source",
    multiple=True,
    metavar="S",
    help="Filter by source: a kind (chatgpt), or a name or path shown by `status`; pjais: written here.  Repeatable.",
)


def list_options(function: F) -> F:
    """Give a command `--limit`, `--offset`, `--order` and `--format`."""

    @click.option(
        "--limit", type=click.IntRange(min=1), default=50, show_default=True, help="Show at most N.", metavar="N"
    )
    @click.option("--offset", type=click.IntRange(min=0), default=0, help="Skip the first N.", metavar="N")
    @click.option("--order", metavar="FIELD", help="Sort by a field; -FIELD sorts in descending order.")
    @format_option
    @functools.wraps(function)
    def wrapped(*arguments: Any, **rest: Any) -> Any:
        return function(*arguments, **rest)

    return wrapped  # type: ignore[return-value]


def filter_options(function: F) -> F:
    """Give a command the filters over memories, as one dict `wanted`."""

    @persona_option
    @source_option
    @click.option("--tier", multiple=True, help="Filter by tier (hot includes active).  Repeatable.")
    @click.option("--type", "kind", multiple=True, help="Filter by type.  Repeatable.")
    @click.option("--tag", multiple=True, help="Filter by tag.  Repeatable; all must match.")
    @click.option("--since", metavar="T", help="Only created since this time (ISO-8601).")
    @click.option("--until", metavar="T", help="Only created until this time (ISO-8601).")
    @click.option("--min-importance", type=click.FloatRange(0, 100), help="Minimum importance.")
    @click.option("--max-importance", type=click.FloatRange(0, 100), help="Maximum importance.")
    @functools.wraps(function)
    def wrapped(
        *arguments: Any,
        persona: str | None,
        source: tuple[str, ...],
        tier: tuple[str, ...],
        kind: tuple[str, ...],
        tag: tuple[str, ...],
        since: str | None,
        until: str | None,
        min_importance: float | None,
        max_importance: float | None,
        **rest: Any,
    ) -> Any:
        wanted: dict[str, Any] = {"persona": persona}
        several = (("source", source), ("tier", tier), ("type", kind), ("tags", tag))
        wanted |= {name: list(given) for name, given in several if given}
        if since is not None or until is not None:
            wanted["created"] = (_time(since), _time(until))
        if min_importance is not None or max_importance is not None:
            wanted["importance"] = (min_importance, max_importance)
        return function(*arguments, wanted=wanted, **rest)

    return wrapped  # type: ignore[return-value]


def _time(text: str | None) -> int | None:
    if text is None:
        return None
    at = instants.from_text(text)
    if at is None:
        raise UsageError("not a time: use ISO-8601", where=[text])
    return at


@contextmanager
def opened(context: Context, path: Path | None) -> Iterator[Store]:
    """The store of a call; what is new in the sources is migrated first, and what could not be is said."""
    logging.getLogger("pjais").addHandler(logging.NullHandler())  # said below, with the command as it must be typed
    with opening.open(context.data_dir, target=path) as store:
        store.pool.signature = "cli"
        for one in store.notices:
            warn(f"{safe(one.line)}; next: {context.typed(one.next_command)}")
        yield store


class Sources(NamedTuple):
    """The sources of listed records, by id.  `in_tables`: the store has several kinds, so that tables show them."""

    by_id: dict[str, Provenance]
    in_tables: bool

    def told(self, record_id: str) -> str:
        """A record's source for people: its kind, and its name where the list has several of the kind."""
        source = self.by_id[record_id]
        names = {one.name or "" for one in self.by_id.values() if one.kind == source.kind}
        if len(names) == 1:
            return source.kind
        ends = {PurePosixPath(name).name for name in names}
        return str(
            source if len(ends) < len(names) else source._replace(name=PurePosixPath(source.name or "").name or None)
        )


def sources_of(store: Store, records: Records[Any], found: Sequence[Any]) -> Sources:
    """The sources of the records of a list, which are of one table."""
    by_id = records.provenance([one.id for one in found])
    return Sources(by_id, len({one.kind for one in (*store.known_sources(), *by_id.values())}) > 1)


class Fact(NamedTuple):
    """What is known about a record beside its fields: its name, its value in JSON, and as text."""

    name: str
    value: Any
    text: str


def source_fact(records: Records[Any], record_id: str) -> Fact:
    """The source of a record, to be shown with it."""
    source = records.provenance([record_id])[record_id]
    return Fact("source", source.as_dict(), str(source))


def print_records(
    context: Context,
    shape: str,
    columns: Sequence[Column],
    records: Sequence[Record],
    sources: Sources,
    total: int | None = None,
    without_date: int = 0,
) -> None:
    """Print a list of records; `columns` are the fields of the export, in snake_case, that a table shows."""
    documents = [{**MODEL.as_document(one), "source": sources.by_id[str(one.id)].as_dict()} for one in records]
    warn_undated(without_date)
    if shape == "csv" and not context.as_json:  # all fields: a spreadsheet can hide columns and cannot bring them back
        names = list(documents[0]) if documents else []
        print_csv(
            [snake(name) for name in names] or [one.name for one in columns],
            [[document.get(name) for name in names] for document in documents],
        )
        return
    if sources.in_tables:
        columns = (columns[0], Column("source", "path", drop=5), *columns[1:])
    fields = [{snake(name): value for name, value in one.items()} for one in documents]
    told = [{**one, "source": sources.told(one["id"])} for one in fields]
    rows = [[one.get(column.name) for column in columns] for one in told]
    left_out = {"without_date": without_date} if without_date else {}
    whole = {"code": "done", "count": len(documents), "total": total, **left_out, "records": documents}
    is_table = print_list(context, shape, columns, rows, whole, documents)
    if is_table and documents and total is not None and total > len(documents):
        say(f"\n{len(documents):,} of {total:,}; more with --offset {len(documents)}")


def warn_undated(count: int) -> None:
    """Say on stderr how many memories a range of dates leaves out, since they have no date."""
    if count:
        it = "it has" if count == 1 else "they have"
        warn(f"{counted(count, 'memory', 'memories')} left out by --since or --until, since {it} no date")


def print_record(context: Context, record: Record, line: str | None = None, facts: Sequence[Fact] = ()) -> None:
    """One record: a line about what was done, or all its fields, and further facts."""
    document = MODEL.as_document(record)
    if context.as_json:
        print_json({"code": "done", "record": document, **{one.name: one.value for one in facts}})
    elif line is not None:
        say(safe(line))
    else:
        for name, value in document.items():
            if value not in (None, {}, []):
                say(f"{name}: {safe(plain(value))}")
        for fact in facts:
            if fact.text:
                say(f"{fact.name}: {safe(fact.text)}")


def given_fields(pairs: Sequence[str], record: type[Record]) -> dict[str, Any]:
    """`name=value` pairs as fields of a model; a value is JSON where it is, else text; times may be ISO-8601."""
    fields: dict[str, Any] = {}
    for pair in pairs:
        name, mark, text = pair.partition("=")
        if not mark or name not in record._fields:
            known = ", ".join(one for one in record._fields if one != "id")
            raise UsageError(f"not a field and a value: {pair}", where=[f"fields: {known}"])
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        if isinstance(value, str) and name.endswith(("_at", "last_used", "last_accessed")):
            at = instants.from_text(value)
            if at is None:
                raise UsageError(f"{name}: not a time", where=[value])
            value = at
        fields[name] = value
    return fields


def told(context: Context, as_json: dict[str, Any], line: str) -> None:
    """Print the result: an object with --json, a line for people."""
    if context.as_json:
        print_json(as_json)
    else:
        say(safe(line))


set_option = click.option(
    "--set", "pairs", multiple=True, metavar="FIELD=VALUE", help="Set a field to a value (JSON or text).  Repeatable."
)


id_argument = click.argument("record_id", metavar="ID")
