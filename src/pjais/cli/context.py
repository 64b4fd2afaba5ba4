"""The options that every command shares, before or after its name; an error leaves with the next command typed out."""

from __future__ import annotations

import functools
import getpass
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from pjais import commands, files
from pjais.cli import boundary, next_command
from pjais.cli.locations import DATA_FOLDER, PATH
from pjais.cli.output import is_interactive
from pjais.errors import PasswordNeeded, PjaisError, UsageError

F = TypeVar("F", bound=Callable[..., Any])


@dataclass
class Context:
    """The values of the shared options; a command's own values win over those before it."""

    data_dir: Path | None = None
    as_json: bool = False
    verbose: int = 0
    quiet: bool = False

    def typed(self, command: str) -> str:
        """A next command as its owner must type it."""
        return next_command.typed(command, self.data_dir)


origin_option = click.option("--origin", help="In browser data, only this web origin (https://app.example).")
database_option = click.option("--database", help="Only documents in this database.")
collection_option = click.option("--collection", help="Only documents in this collection.")


def password_option(function: F) -> F:
    """Give a command `--password-file`; the password also comes from PJAIS_PASSWORD."""

    @click.option(
        "--password-file",
        type=PATH,
        help="File with the password of an encrypted source; - reads the terminal (also: PJAIS_PASSWORD).",
    )
    @functools.wraps(function)
    def wrapped(*arguments: Any, password_file: Path | None, **rest: Any) -> Any:
        try:
            return function(*arguments, password=_password(password_file), **rest)
        except PasswordNeeded as error:  # what takes the password is this command, whatever comes after it
            ctx = click.get_current_context()
            error.next_command = ctx.obj.typed(f"{ctx.command_path} --password-file -")
            raise

    return wrapped  # type: ignore[return-value]


_LONGEST_PASSWORD = 1 << 16
"""Bytes of a password file: more is none."""


def _password(file: Path | None) -> str | None:
    """The password out of a file, less the line end that an editor adds, the terminal, or the environment."""
    if file is None:
        return os.environ.get("PJAIS_PASSWORD")
    try:
        if str(file) == "-":
            given = getpass.getpass("Password: ") if is_interactive() else sys.stdin.readline()
            return given.removesuffix("\n").removesuffix("\r")
        text = files.read_text(file, _LONGEST_PASSWORD)
    except (OSError, UnicodeDecodeError, EOFError, AttributeError) as error:
        raise UsageError("the password cannot be read", where=[str(file)]) from error
    return text.removesuffix("\n").removesuffix("\r")


def common(function: F) -> F:
    """Give a command the shared options, as one `Context`."""

    @click.option("--data-dir", type=DATA_FOLDER, help=commands.DATA_DIR)
    @click.option("--json", "as_json", is_flag=True, help=commands.JSON)
    @click.option("-v", "--verbose", count=True, help=commands.VERBOSE)
    @click.option("-q", "--quiet", is_flag=True, help=commands.QUIET)
    @functools.wraps(function)
    def wrapped(*, data_dir: Path | None, as_json: bool, verbose: int, quiet: bool, **rest: Any) -> Any:
        ctx = click.get_current_context()
        outer = ctx.find_object(Context) or Context()
        ctx.obj = Context(
            data_dir or outer.data_dir,
            as_json or outer.as_json or rest.get("shape") == "json",
            verbose + outer.verbose,
            quiet or outer.quiet,
        )
        try:
            return function(ctx.obj, **rest)
        except Exception as error:
            problem = boundary.explained(error, lambda: _store(ctx))
            if problem is None:
                raise
            problem.next_command = ctx.obj.typed(problem.next_command)
            if problem is error:
                raise
            raise problem from error

    return wrapped  # type: ignore[return-value]


def _store(ctx: click.Context) -> Path | None:
    """The store that a call works on, as far as that can be found out."""
    from pjais.migration import state

    named = ctx.params.get("target")
    try:
        return state.chosen(ctx.obj.data_dir, named if isinstance(named, Path) else None).store
    except (PjaisError, OSError, ValueError):
        return None
