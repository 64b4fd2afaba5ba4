"""The options that every command shares, before or after its name."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


@dataclass
class Context:
    """What the shared options say; a command's own values win over those before it."""

    data_dir: Path | None = None
    as_json: bool = False
    verbose: int = 0
    quiet: bool = False

    def typed(self, command: str) -> str:
        """A next command as its owner must type it."""
        return typed(command, self.data_dir)


def typed(command: str, data_dir: Path | str | None) -> str:
    """A next command as its owner must type it: with the data folder, if they named one."""
    if data_dir is None or not command.startswith("pjais ") or "--data-dir" in command:
        return command
    call, gap, remark = command.partition("   (")
    return f"{call} --data-dir {shlex.quote(str(data_dir))}{gap}{remark}"


def common(function: F) -> F:
    """Give a command the shared options, as one `Context`."""

    @click.option("--data-dir", type=click.Path(path_type=Path), help="The data folder (also PJAIS_DATA_DIR).")
    @click.option("--json", "as_json", is_flag=True, help="JSON on stdout, and nothing else there.")
    @click.option("-v", "--verbose", count=True, help="Say more; -vv shows tracebacks.")
    @click.option("-q", "--quiet", is_flag=True, help="No progress.")
    @functools.wraps(function)
    def wrapped(*, data_dir: Path | None, as_json: bool, verbose: int, quiet: bool, **rest: Any) -> Any:
        ctx = click.get_current_context()
        outer = ctx.find_object(Context) or Context()
        ctx.obj = Context(
            data_dir or outer.data_dir, as_json or outer.as_json, verbose + outer.verbose, quiet or outer.quiet
        )
        return function(ctx.obj, **rest)

    return wrapped  # type: ignore[return-value]
