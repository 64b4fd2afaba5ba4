"""shadow: compare old and new."""

from __future__ import annotations

import time
from pathlib import Path

import click

from pjais import instants
from pjais.api import side_by_side
from pjais.api.arguments import SideTarget, side_workspace
from pjais.cli import store_history
from pjais.cli.context import Context, collection_option, common, database_option, origin_option, password_option
from pjais.cli.output import safe, say
from pjais.cli.sides_options import sources_argument, target_option, to_option
from pjais.cli.tables import Column, format_option, print_list
from pjais.core.results import Difference
from pjais.display import counted
from pjais.side_by_side import shadow
from pjais.workspace import Workspace


@click.command("shadow")
@sources_argument
@to_option
@target_option
@click.option("--interval", type=click.FloatRange(min=0.1), help="Polling interval in seconds (default: compare once).")
@click.option("--for", "seconds", type=click.FloatRange(min=0), help="Stop after this many seconds.")
@origin_option
@database_option
@collection_option
@password_option
@format_option
@common
def shadow_command(
    context: Context,
    sources: tuple[Path, ...],
    to: SideTarget | None,
    target: Path | None,
    interval: float | None,
    seconds: float | None,
    origin: str | None,
    database: str | None,
    collection: str | None,
    password: str | None,
    shape: str,
) -> int:
    """Compare the source with the target, record by record.

    Shows for how long they have been in sync; exit code 1 if they differ.  Edits in the target since the migration are
    listed separately and do not count as differences, nor do documents discarded or replayed from quarantine.
    """
    here = side_workspace(context.data_dir, sources, target, to)
    ends = None if seconds is None else time.monotonic() + seconds
    while True:
        seen = side_by_side.shadow(
            context.data_dir,
            sources,
            target,
            to=to,
            origin=origin,
            database=database,
            collection=collection,
            password=password,
        )
        _print_comparison(context, here, seen, shape)
        if interval is None or (ends is not None and time.monotonic() >= ends):
            return 1 if seen.count else 0
        time.sleep(interval)


_COLUMNS = (
    Column("kind", "outcome"),
    Column("type", "word"),
    Column("id", "id"),
    Column("name"),
    Column("field", "word"),
    Column("problem"),
)


def _print_comparison(context: Context, here: Workspace, seen: shadow.Comparison, shape: str) -> None:
    agreed = shadow.agreement(here)
    since = None if agreed.since is None else instants.to_text(agreed.since)
    told = [(one.record_type, one.record_id) for one in (*seen.differences, *seen.edits)]
    names = store_history.names_on_screen(here.store, told)
    if context.as_json or shape != "table":
        code = "differs" if seen.count else "done"
        whole = {"code": code, **seen.as_dict(), "agreed_since": since, "comparisons": agreed.comparisons}
        rows = [
            (kind, one.record_type, one.record_id, names.get((one.record_type, one.record_id)), one.field, one.problem)
            for kind, some in (("difference", seen.differences), ("edit", seen.edits))
            for one in some
        ]
        print_list(context, shape, _COLUMNS, rows, whole)
        return
    say(f"{counted(seen.records, 'record')} compared, {counted(seen.count, 'difference')}")
    for one in seen.differences:
        say(_line(one, names))
    if seen.count > len(seen.differences):
        say(f"  ... and {seen.count - len(seen.differences)} more")
    if seen.edit_count:
        say(f"{counted(seen.edit_count, 'edit')} in the target since the migration, not in the source:")
    for one in seen.edits:
        say(_line(one, names))
    if seen.refused:
        say(f"{counted(seen.refused, 'document')} of the source rejected (in quarantine)")
    if since is not None:
        say(f"in sync since {since}, over {counted(agreed.comparisons, 'comparison')}")


def _line(one: Difference, names: store_history.Names) -> str:
    what = store_history.named(one.record_type, one.record_id, names)
    return safe(f"  {what}{', ' + one.field if one.field else ''}: {one.problem}")
