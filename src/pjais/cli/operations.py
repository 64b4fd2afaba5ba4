"""Shared by `undo` and `redo`: the store, and a list of its operations."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from pjais import commands, instants
from pjais.cli.context import Context
from pjais.cli.locations import OUTPUT_PLACE
from pjais.cli.store_history import existing_store
from pjais.cli.tables import Column, print_list
from pjais.display import counted
from pjais.errors import UsageError
from pjais.migration import state
from pjais.persona.store import Operation, Store

target_option = click.option("--target", type=OUTPUT_PLACE, help=commands.TARGET)


def opened_store(context: Context, target: Path | None) -> Store:
    """Open the SQLite store of a call.  Raises UsageError for a LiveStore store."""
    here = state.chosen(context.data_dir, target)
    if here.target.keeps_events:
        raise UsageError(
            "events of a LiveStore store cannot be undone: restore single records instead",
            where=[str(here.live)],
            next_command=f"pjais events {shlex.quote(str(here.live))}",
        )
    if (refused := here.target.not_opened()) is not None:
        raise refused
    return existing_store(here.store)


_COLUMNS = (
    Column("at", "word", drop=2),
    Column("operation"),
    Column("changes", "number"),
    Column("record"),
    Column("id", "id", drop=1),
)


def print_operations(context: Context, shape: str, store: Store, found: list[Operation], what: str) -> None:
    """Print operations as a list, with the record that each changed, or the first of them."""
    rows = []
    for one in found:
        changed = store.changed_by(one)
        table, key = changed[0] if changed else ("", "")
        name = store.name_of(table, key) or ""
        more = f" and {counted(len(changed) - 1, 'other')}" if len(changed) > 1 else ""
        at = None if one.at is None else instants.to_text(one.at)
        rows.append((one.id, at, one.label, one.last_seq - one.first_seq + 1, f"{name or key}{more}", key))
    items = [one.as_dict() for one in found]
    whole = {"code": "done", "count": len(found), what: items}
    columns = (Column(what, "number"), *_COLUMNS)
    print_list(context, shape, columns, rows, whole, items, f"nothing to {what[:4]}")
