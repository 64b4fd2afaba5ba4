"""completion: print the completion script of a shell, or install it.

What the shell offers comes from the commands themselves: the script calls `pjais`, which knows its options.  A file
that is not ours is copied before it is replaced or added to; a second call changes nothing.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from pjais import choices, files
from pjais.cli.context import Context, common
from pjais.cli.output import print_json, safe, say, write_raw
from pjais.errors import UsageError

_VARIABLE = "_PJAIS_COMPLETE"
"""The environment variable by which a shell asks for completions; it is in every script of ours."""
_BLOCK = "# pjais completion: its folder must be in fpath before compinit runs\n"


def _bash() -> Path:
    """Return the file that the package bash-completion loads when `pjais` is first completed."""
    user = os.environ.get("BASH_COMPLETION_USER_DIR")
    folder = Path(user) if user else _home("XDG_DATA_HOME", ".local/share") / "bash-completion"
    return folder / "completions" / "pjais"


def _zsh() -> Path:
    return _home("ZDOTDIR", "") / ".zfunc" / "_pjais"


def _fish() -> Path:
    return _home("XDG_CONFIG_HOME", ".config") / "fish" / "completions" / "pjais.fish"


def _home(variable: str, otherwise: str) -> Path:
    """Return the folder of an environment variable, or one in the home folder.  Raises UsageError without a home."""
    named = os.environ.get(variable)
    return Path(named) if named else choices.path("HOME", "~") / otherwise


class _Shell(NamedTuple):
    """A shell that click completes in, and the place where it looks for the script."""

    script: type[ShellComplete]
    place: Callable[[], Path]


_SHELLS = {"bash": _Shell(BashComplete, _bash), "zsh": _Shell(ZshComplete, _zsh), "fish": _Shell(FishComplete, _fish)}


@click.command("completion")
@click.argument("shell", required=False, type=click.Choice(list(_SHELLS)))
@click.option("--install", is_flag=True, help="Install the script for the current user instead of printing it.")
@common
def completion_command(context: Context, shell: str | None, install: bool) -> int:
    """Print or install shell completion (bash, zsh, fish).

    SHELL is that of the environment by default.  An existing file that pjais did not write is backed up first.
    """
    name = shell or _current()
    script = _script(name)
    if not install:
        if context.as_json:
            print_json({"code": "done", "shell": name, "script": script})
        else:
            write_raw(script)
        return 0
    path = _SHELLS[name].place().absolute()
    kept = [_write(path, script)]
    if name == "zsh":
        kept.append(_add(path.parent.parent / ".zshrc", f"fpath=({shlex.quote(str(path.parent))} $fpath)"))
    backups = [str(one) for one in kept if one is not None]
    if context.as_json:
        print_json({"code": "done", "shell": name, "file": str(path), "backups": backups})
        return 0
    say(f"completion for {name} installed: {safe(path)}")
    for one in backups:
        say(f"previous file kept: {safe(one)}")
    if name == "bash":
        say("It needs the package bash-completion.")
    say(f"Open a new terminal to use it, or run: exec {name}")
    return 0


def _current() -> str:
    name = Path(os.environ.get("SHELL", "")).name
    if name not in _SHELLS:
        raise UsageError("name a shell: bash, zsh or fish", next_command="pjais completion --help")
    return name


def _script(shell: str) -> str:
    """Return the script with which a shell completes `pjais`."""
    context = click.get_current_context().find_root()
    return ShellComplete.source(_SHELLS[shell].script(context.command, {}, "pjais", _VARIABLE))


def _write(path: Path, script: str) -> Path | None:
    """Write the script, where it is not there yet; return the copy of a file that was not ours."""
    there = path.read_bytes() if path.exists() else None
    if there == script.encode():
        return None
    kept = _copied(path) if there is not None and _VARIABLE.encode() not in there else None
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_atomically(path, script.encode())
    return kept


def _add(path: Path, line: str) -> Path | None:
    """Add a line to a start-up file, once; return the copy of the file as it was."""
    text = path.read_text("utf-8", "surrogateescape") if path.exists() else ""
    if line in text.splitlines():
        return None
    kept = _copied(path) if text else None
    gap = "" if text.endswith("\n") or not text else "\n"
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{gap}{_BLOCK}{line}\nautoload -Uz compinit && compinit\n")
    return kept


def _copied(path: Path) -> Path:
    """Copy a file beside itself under a new name."""
    copy = next(
        one
        for number in range(1, 1000)
        if not (one := path.with_name(f"{path.name}.before-pjais{'' if number == 1 else f'-{number}'}")).exists()
    )
    shutil.copy2(path, copy)
    return copy
