"""Shared by `undo` and `redo`: the store, and a list of its operations."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from pjais import instants
from pjais.cli.context import Context
from pjais.cli.locations import OUTPUT_PLACE
from pjais.cli.output import print_json, safe, say, table
from pjais.cli.store_history import existing_store
from pjais.errors import UsageError
from pjais.migration import state
from pjais.persona.store import Operation, Store

target_option = click.option("--target", type=OUTPUT_PLACE, help="The store (default: the data folder's).")


def opened_store(context: Context, target: Path | None) -> Store:
    """Open the SQLite store of a call.  Raises UsageError for a LiveStore store."""
    here = state.chosen(context.data_dir, target)
    if here.target.keeps_events:
        raise UsageError(
            "the events of a LiveStore store cannot be undone; restore records one by one",
            where=[str(here.live)],
            next_command=f"pjais events {shlex.quote(str(here.live))}",
        )
    if (refused := here.target.not_opened()) is not None:
        raise refused
    return existing_store(here.store)


def print_operations(context: Context, found: list[Operation], what: str) -> None:
    """Print operations as a table, or as JSON."""
    if context.as_json:
        print_json({"code": "done", "count": len(found), what: [one.as_dict() for one in found]})
        return
    if not found:
        say("nothing to undo" if what.startswith("undo") else "nothing to redo")
        return
    body = [
        (one.id, "" if one.at is None else instants.to_text(one.at), safe(one.label), one.last_seq - one.first_seq + 1)
        for one in found
    ]
    table((what, "at", "operation", "changes"), body, (what, "changes"))
