"""The options that `plan` and `migrate` share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from pjais import commands
from pjais.cli.context import collection_option, database_option, origin_option, password_option
from pjais.cli.locations import OUTPUT_PLACE, PATH

sources_argument = click.argument("sources", nargs=-1, type=PATH)


target_option = click.option("--target", type=OUTPUT_PLACE, help=commands.TARGET)


to_option = click.option("--to", help="Target kind: sqlite (default), livestore, or the name of an extension.")


store_id_option = click.option("--store-id", help="Id of the LiveStore store (default: pjais).")


format_option = click.option(
    "--format",
    type=click.Choice(["6", "4"]),
    callback=lambda _, __, value: value and int(value),
    help="LiveStore storage format: 6 (LiveStore 0.4, default) or 4 (0.3).",
)


on_invalid_option = click.option(
    "--on-invalid",
    type=click.Choice(["stop", "quarantine"]),
    help="What to do with invalid documents (default: stop; for files of AI apps: quarantine).",
)


ids_option = click.option(
    "--ids",
    type=click.Choice(["keep", "new"]),
    default="keep",
    show_default=True,
    help="Keep the original ids, or assign new ones.",
)


expand_cold_option = click.option(
    "--expand-cold", is_flag=True, help="Expand content that the app has compressed (cold tier)."
)

app_options = (
    click.option("--with-memories", is_flag=True, help="Also import facts that chats mention as remembered (ChatGPT)."),
    click.option(
        "--timezone",
        default="UTC",
        show_default=True,
        help="Time zone of dates without one, in files of AI apps (Europe/Berlin).",
    ),
    click.option("--user-personas", is_flag=True, help="Also import the user's own personas (SillyTavern)."),
    click.option(
        "--gap",
        type=int,
        default=30,
        show_default=True,
        help="Minutes of silence that end a conversation, in a log of prompts (Gemini).",
    ),
    click.option(
        "--accept-deletions",
        is_flag=True,
        help="Delete messages that a newer export of a conversation lacks (default: keep them).",
    ),
)
"""What an owner may wish about files of AI apps (`pjais.sources.contract.Wishes`)."""

Command = TypeVar("Command", bound=Callable[..., Any])


def run_options(*, on_invalid: bool = False) -> Callable[[Command], Command]:
    """Give a command the sources and every option of a run, named as the library's parameters are."""
    options = (
        *(sources_argument, to_option, target_option, store_id_option, format_option),
        *((on_invalid_option,) if on_invalid else ()),
        *(ids_option, expand_cold_option, origin_option, database_option, collection_option, password_option),
        *app_options,
    )

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate
