"""The arguments that `events`, `at`, `diff`, `history` and `restore-record` share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pjais import canonical
from pjais.cli.context import Context
from pjais.cli.locations import PATH
from pjais.cli.output import room, safe, say_cut
from pjais.cli.tables import Column
from pjais.core.results import Changed
from pjais.errors import UsageError
from pjais.livestore_tools import timeline
from pjais.workspace import resolve_workspace

store_argument = click.argument("store", type=PATH)


event_option = click.option(
    "--event",
    metavar="N",
    help="Event number (12, or 12.1 for a client-only one); in a SQLite store, number of a change.",
)


time_option = click.option("--time", metavar="T", help="Point in time (ISO-8601, or milliseconds since 1970).")


def opened_timeline(context: Context, store: Path) -> Any:
    """Open the timeline of a LiveStore store."""
    return timeline.opened(resolve_workspace(context.data_dir), store.expanduser().absolute())


def short(value: Any, share: int = 1) -> str:
    """Return a value as one line; on a terminal so short that `share` of them fit beside what the line is about."""
    text = safe(canonical.dumps(value))
    most = room()
    if most is None or len(text) <= (least := max(12, (most - 40) // share)):
        return text
    return f"{text[: least - 1]}…"


def store_and(given: tuple[str, ...], *names: str) -> tuple[Path | None, tuple[str, ...]]:
    """The store, if it was given, and what follows it.  Raises UsageError."""
    if len(given) not in (len(names), len(names) + 1):
        raise UsageError(f"usage: [STORE] {' '.join(names)}", where=list(given))
    return (Path(given[0]) if len(given) > len(names) else None), given[-len(names) :]


def print_change(one: Changed, what: str) -> None:
    """Print one line of a difference: a record that one side lacks, or a field with both values."""
    if one.field is None:
        say_cut(f"{'+' if one.before is None else '-'} {what}")
    else:
        say_cut(f"  {what}, {one.field}: {short(one.before, 2)} -> {short(one.after, 2)}")


CHANGE_COLUMNS = (
    Column("table", "word"),
    Column("id", "id"),
    Column("name"),
    Column("field", "word"),
    Column("before"),
    Column("after"),
)


def change_row(one: Changed, name: str | None) -> tuple[Any, ...]:
    """Return a change as a row of `CHANGE_COLUMNS`."""
    return one.table, one.key, name, one.field, one.before, one.after
