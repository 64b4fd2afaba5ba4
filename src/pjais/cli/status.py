"""status: the store, the runs, the backups, what is new in the sources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pjais.cli.context import Context, common
from pjais.cli.migration_options import target_option
from pjais.cli.output import print_json, safe, say, shown_path
from pjais.cli.tables import Column, print_table
from pjais.display import counted, size

_TABLES = (Column("table", "word"), Column("records", "number"))
_SOURCES = (Column("source", "word"), Column("name", "path"), Column("records", "number"))
_RUNS = (
    Column("run", "word"),
    Column("state", "outcome"),
    Column("result", "outcome"),
    Column("finished", "word", drop=1),
)


@click.command("status")
@target_option
@common
def status_command(context: Context, target: Path | None) -> int:
    """Show the store, runs, backups, and new data in the sources."""
    from pjais.api import migration

    status = migration.status(context.data_dir, target)
    status["next"] = context.typed(status["next"])
    if context.as_json:
        print_json(status)
        return 0
    say(f"data folder: {shown_path(status['data_dir'])}")
    if status["active_side"]["at"] is not None:
        side = status["active_side"]
        active = f"target, {side['target']}" if side["live"] == "new" else "source"
        say(f"active: {active}, since {side['at']}")
    if status["store"] is None:
        say("store: none yet")
    else:
        store = status["store"]
        say(f"store: {shown_path(store['path'])} (schema {store['schema']}, {size(store['size'])})")
        print_table(_TABLES, list(status["store"]["records"].items()))
        if sources := [(one["kind"], one["name"] or "", one["records"]) for one in status["store"]["sources"]]:
            say()
            print_table(_SOURCES, sources)
    if status["runs"]:
        say()
        rows = [(one["id"], _state(one), one["code"] or "", one["finished_at"] or "") for one in status["runs"]]
        print_table(_RUNS, rows)
    if status["quarantined"]:
        look = context.typed("pjais quarantine list")
        say(f"\n{counted(status['quarantined'], 'document is', 'documents are')} in quarantine: {look}")
    say(f"\n{status['message']}")
    for one in status["not_chosen"]:
        say(f"not selected for this store: {one['origin']}   {safe(one['path'])}")
    say(f"Next: {status['next']}")
    return 0


def _state(run: dict[str, Any]) -> str:
    """The state of a run; of one that goes on, who is at work on it and since when."""
    return str(run["state"]) if run["pid"] is None else f"running ({run['pid']}, since {run['started_at']})"
