"""help: the help of a command."""

from __future__ import annotations

import click

from pjais.cli.context import Context, common
from pjais.cli.output import print_json, say


@click.command("help")
@click.argument("words", metavar="[COMMAND]...", nargs=-1)
@common
def help_command(context: Context, words: tuple[str, ...]) -> int:
    """Show the help of a command.

    `pjais help memories update` is `pjais memories update --help`; without COMMAND, all commands are listed.
    """
    here = click.get_current_context().find_root()
    rest = list(words)
    while rest and isinstance(here.command, click.Group):
        name, command, rest = here.command.resolve_command(here, rest)
        if command is None:
            break
        here = click.Context(command, parent=here, info_name=name)
    text = here.get_help()
    if context.as_json:
        print_json({"code": "done", "command": here.command_path, "help": text})
    else:
        say(text)
    return 0
