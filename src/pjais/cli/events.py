"""events: the events of a LiveStore store."""

from __future__ import annotations

import time as clock
from itertools import islice
from pathlib import Path
from typing import Any

import click

from pjais import canonical, instants
from pjais.cli.context import Context, common
from pjais.cli.output import safe, say_cut, write_raw
from pjais.cli.tables import Column, format_option, print_list
from pjais.cli.time_options import opened_timeline, short, store_argument
from pjais.errors import UsageError
from pjais.livestore_tools import timeline
from pjais.livestore_tools.timeline import Found
from pjais.sources.livestore.log import Event

_POLL_SECONDS = 0.5


@click.command("events")
@store_argument
@click.option("--name", help="Filter by event name (substring).")
@click.option("--id", "key", help="Filter by record.")
@click.option("--since", metavar="T", help="Only events since this time.")
@click.option("--until", metavar="T", help="Only events until this time.")
@click.option("--after", metavar="N", help="Only events after this one.")
@click.option("--limit", type=click.IntRange(min=1), help="Show only the last N events.")
@click.option("--follow", is_flag=True, help="Keep printing new events; end with Ctrl-C.")
@format_option
@common
def events_command(
    context: Context,
    store: Path,
    name: str | None,
    key: str | None,
    since: str | None,
    until: str | None,
    after: str | None,
    limit: int | None,
    follow: bool,
    shape: str,
) -> int:
    """List the events of a LiveStore store.

    With --json, one object per line.
    """
    if follow and shape in ("csv", "markdown"):
        raise UsageError("--follow prints a line for each event", where=[f"--format {shape}"])
    wanted = timeline.Filter(name, key, since, until, after)
    shown = 0
    stamp: object = None
    while True:
        now = [(path, path.stat().st_mtime_ns, path.stat().st_size) for path in _watched(store)]
        if now != stamp:
            stamp = now
            with opened_timeline(context, store) as line:
                fresh = list(islice(line.events(), shown, None))
            shown += len(fresh)
            found = [one for one in fresh if wanted.takes(one)]
            found = found[-limit:] if limit else found
            if shape in ("csv", "markdown"):
                print_list(context, shape, _COLUMNS, [_row(one) for one in found], {})
                return 0
            for one in found:
                _print_event(one, as_json=context.as_json or shape == "ndjson")
        if not follow:
            return 0
        clock.sleep(_POLL_SECONDS)


def _watched(store: Path) -> list[Path]:
    if not store.exists():
        return []
    return sorted(path for path in store.rglob("*") if path.is_file()) if store.is_dir() else [store]


_COLUMNS = (Column("event", "word"), Column("at", "word"), Column("name"), Column("arguments"))


def _row(one: Found) -> tuple[Any, ...]:
    if not isinstance(one, Event):
        return one.place, None, "UNREADABLE", one.reason
    return str(one.number), None if one.at is None else instants.to_text(one.at), one.name, one.args


def _print_event(one: Found, *, as_json: bool) -> None:
    if as_json:
        line = (
            one.as_dict() if isinstance(one, Event) else {"event": None, "place": one.place, "unreadable": one.reason}
        )
        write_raw(canonical.dumps(line) + "\n")
    elif isinstance(one, Event):
        at = "" if one.at is None else instants.to_text(one.at)
        say_cut(f"{one.number!s:>8}  {at:24}  {safe(one.name):32}  {short(one.args)}")
    else:
        say_cut(f"{one.place:>8}  UNREADABLE  {one.reason}")
