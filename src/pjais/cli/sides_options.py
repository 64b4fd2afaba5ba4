"""The options that `follow`, `shadow` and `switch` share."""

from __future__ import annotations

import click

from pjais.cli.locations import OUTPUT_PLACE, PATH

sources_argument = click.argument("sources", nargs=-1, type=PATH)


target_option = click.option(
    "--target", type=OUTPUT_PLACE, help="Target store (default: the current store of the data folder)."
)


to_option = click.option(
    "--to", type=click.Choice(["sqlite", "livestore"]), help="Kind of the target (default: sqlite)."
)


on_invalid_option = click.option(
    "--on-invalid",
    type=click.Choice(["stop", "quarantine"]),
    default="stop",
    show_default=True,
    help="What to do with invalid documents.",
)
