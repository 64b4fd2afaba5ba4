"""Groups of commands: their help is never cut, and a mistyped command is answered with the one that was meant."""

from __future__ import annotations

import re
from typing import Any

import click

from pjais import choices, commands
from pjais.errors import UsageError


class CommandGroup(click.Group):
    """A group that lists each command with the whole first sentence of its help."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.group_class = CommandGroup

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands of the group, one line each where they fit."""
        about = {}
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is not None and not command.hidden:
                about[name] = first_sentence(command)
        if about:
            formatter.write(f"\nCommands:\n{commands.two_columns(about, max(map(len, about)), formatter.width)}")

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that is called.  Raises UsageError, with the command that may be meant."""
        name = args[0]
        if name.startswith("-") or ctx.resilient_parsing or self.get_command(ctx, name) is not None:
            return super().resolve_command(ctx, args)
        near = choices.nearest(name, self.list_commands(ctx))
        raise UsageError(
            f"no such command: {name}",
            where=ctx.get_usage().splitlines(),
            advice=f"did you mean `{near}`?" if near else "",
            next_command=f"{ctx.command_path} {near} --help" if near else f"{ctx.command_path} --help",
        )


def first_sentence(command: click.Command) -> str:
    """Return the first sentence of a command's help, which lists of commands show."""
    text = " ".join((command.help or "").split("\n\n")[0].split())
    return re.split(r"(?<=\.)(?: {1,2}|$)", text, maxsplit=1)[0]
