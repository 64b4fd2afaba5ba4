"""Turn what the file system, SQLite and the caller do into errors of ours; what is left is a bug of this program."""

from __future__ import annotations

import errno
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import click

from pjais import choices
from pjais.display import without_passwords
from pjais.errors import FileFailed, NoSpace, PjaisError, SourceDamaged, StoreFailed, UsageError


def explained(error: Exception, find_store: Callable[[], Path | None] = lambda: None) -> PjaisError | None:
    """Return the error as one of ours, None where it is a bug; `find_store` finds the store of the call."""
    if isinstance(error, PjaisError):
        return error
    from pjais import files, models, sqlite
    from pjais.targets.sqlite import drift

    store = find_store()
    where = [] if store is None else [str(store)]
    if isinstance(error, sqlite.Full) or (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)):
        return NoSpace("the disk is full", where=where, safe="No changes were made; earlier data is intact.")
    if isinstance(error, OSError):
        return files.explained(error)
    if isinstance(error, MemoryError):
        return FileFailed("not enough memory", where=where)
    if not isinstance(error, sqlite.Error):
        return None
    if store is not None and (refused := files.refusal(store, writing=isinstance(error, sqlite.ReadOnly))) is not None:
        return refused
    if isinstance(error, sqlite.Corrupt):
        return SourceDamaged(f"a SQLite file is damaged: {error}", where=where, next_command="pjais verify")
    if isinstance(error, sqlite.Busy):
        return StoreFailed("the store is locked by another program", where=where)
    if isinstance(error, sqlite.IOFault | sqlite.CannotOpen | sqlite.ReadOnly):
        return StoreFailed(f"the store cannot be read or written: {error}", where=where)
    return None if store is None else drift.explained(store, models.named(), error)


class Bug(PjaisError):
    """A fault of this program."""

    code = "PJAIS_BUG"
    exit_code = 70


def unexpected(error: Exception, arguments: list[str]) -> PjaisError:
    """Return an error that nobody expected, with the call that shows where it came from."""
    return Bug(
        f"unexpected error: {type(error).__name__}: {error}",
        advice="report the output of this command",
        next_command=without_passwords(shlex.join(["pjais", *(one for one in arguments if one != "-vv"), "-vv"])),
    )


def wrong_call(error: click.ClickException) -> PjaisError:
    """Return click's refusal of a call as one of ours, with what may be meant and the help that says how it is made."""
    context = getattr(error, "ctx", None)
    path = "pjais" if context is None else context.command_path
    usage = [] if context is None else context.get_usage().splitlines()
    missing = type(error).__name__ == "NoArgsIsHelpError"  # of click from 8.2 on; its message is the whole help
    what = "name a command" if missing else error.format_message()
    near = None
    if isinstance(error, click.NoSuchOption):
        what = f"no such option: {error.option_name}"
        near = next(iter(error.possibilities or ()), None)
    elif isinstance(error, click.BadParameter) and (chosen := _CHOSEN.match(error.message)) is not None:
        near = choices.nearest(chosen[1], getattr(error.param and error.param.type, "choices", ()))
    advice = f"did you mean `{near}`?" if near else ""
    return UsageError(what, where=usage, advice=advice, next_command=f"{path} --help")


_CHOSEN = re.compile(r"'(.*)' is not one of ", re.DOTALL)
"""Click's message for a value that is none of an option's choices."""
