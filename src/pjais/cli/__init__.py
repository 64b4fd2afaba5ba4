"""The command line: parse, call, print, exit code; no logic of its own.

One module for each command, of the command's name, loaded when it is called.  Errors come out here and
nowhere else: what happened, which record or file, the impact, the next command; with `--json` as an
object on stdout.  A traceback is shown only with `-vv`.
"""

from __future__ import annotations

from importlib import import_module
from itertools import pairwise
from keyword import iskeyword

import click
from click.shell_completion import CompletionItem

from pjais.cli import boundary
from pjais.cli.command_group import CommandGroup
from pjais.cli.context import Context, common
from pjais.cli.output import ReaderGone, prepare_streams, print_error, warn
from pjais.commands import ABOUT, COMMANDS, help_text
from pjais.display import without_passwords
from pjais.errors import ConfirmationNeeded, FileFailed, PjaisError
from pjais.version import __version__


class _Commands(CommandGroup):
    """The commands by name; a module is imported when one of its commands is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in the order in which one meets them."""
        return list(COMMANDS)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help, for which no command is loaded."""
        formatter.write(help_text(formatter.width))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a command's name, for which no command is loaded, or an option."""
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        return [CompletionItem(name, help=text) for name, text in COMMANDS.items() if name.startswith(incomplete)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of this name."""
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        module = f"{name}_" if iskeyword(name) else name
        command = getattr(import_module(f"pjais.cli.{module}"), f"{name}_command")
        return command if isinstance(command, click.Command) else None


@click.group(cls=_Commands, help=ABOUT, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="pjais %(version)s")
@common
def cli(context: Context) -> None:
    """Run one of the commands."""


def run(arguments: list[str]) -> int:
    """Run one command line; return its exit code (see `pjais.errors`)."""
    prepare_streams()
    as_json = "--json" in arguments or "--format=json" in arguments or ("--format", "json") in pairwise(arguments)
    verbose = sum(one.count("v") for one in arguments if one.startswith("-v") and set(one[1:]) == {"v"})
    try:
        return _ended(arguments, as_json=as_json, verbose=verbose)
    except ReaderGone:
        return 141  # as a program that the signal SIGPIPE ends
    except FileFailed as error:  # it was the output itself that failed
        print_error(error, as_json=False)
        return error.exit_code


def _ended(arguments: list[str], *, as_json: bool, verbose: int) -> int:
    """The exit code of one command line, its error told."""
    cause: BaseException | None = None
    try:
        result = cli.main(arguments, prog_name="pjais", standalone_mode=False)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        problem: PjaisError = boundary.wrong_call(error)
    except click.Abort:
        problem = ConfirmationNeeded("not confirmed: the question was not answered with yes")
    except KeyboardInterrupt:
        warn("interrupted: no store was replaced; run the same command again to continue")
        return 130
    except ReaderGone:
        raise
    except PjaisError as error:
        problem, cause = error, error
    except Exception as error:  # noqa: BLE001 - the one place that catches whatever is left
        problem, cause = boundary.explained(error) or boundary.unexpected(error, arguments), error
    else:
        return result if isinstance(result, int) else 0
    if verbose >= 2 and cause is not None:
        import traceback

        warn(without_passwords("".join(traceback.format_exception(cause))))
    print_error(problem, as_json=as_json)
    return problem.exit_code
