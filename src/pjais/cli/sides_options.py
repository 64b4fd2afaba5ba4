"""The options that `follow`, `shadow` and `switch` share."""

from __future__ import annotations

from pathlib import Path

import click

from pjais.cli.context import Context
from pjais.cli.locations import OUTPUT_PLACE, PATH
from pjais.migration import state
from pjais.workspace import Workspace, resolve_workspace

sources_argument = click.argument("sources", nargs=-1, type=PATH)


target_option = click.option("--target", type=OUTPUT_PLACE, help="The new side's store.")


to_option = click.option(
    "--to", type=click.Choice(["sqlite", "livestore"]), help="What the new side is (default: sqlite)."
)


on_invalid_option = click.option(
    "--on-invalid",
    type=click.Choice(["stop", "quarantine"]),
    default="stop",
    show_default=True,
    help="What to do about documents that cannot go in.",
)


def resolved(context: Context, sources: tuple[Path, ...], to: str | None, target: Path | None) -> Workspace:
    """The place of a call; without a word about the new side it is the current store."""
    if to is None:
        return state.chosen(context.data_dir, target, sources=sources)
    return resolve_workspace(context.data_dir, target, sources, to=to)
