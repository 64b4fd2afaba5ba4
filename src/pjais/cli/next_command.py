"""The next command as its owner must type it: with the sources, the store and the options of the call they made.

Whoever names a next command says what it is (`pjais migrate --on-invalid quarantine`); which data it was about, the
call itself knows.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

import click
from click.core import ParameterSource

_SOURCES = ("sources", "store", "file")
"""Parameter names of commands for the data that they read; they are interchangeable."""
_SUBJECTS = (*_SOURCES, "names")
_OPTIONS = (
    "to",
    "target",
    "store_id",
    "format",
    "on_invalid",
    "ids",
    "expand_cold",
    "with_memories",
    "timezone",
    "user_personas",
    "gap",
    "accept_deletions",
    "password_file",
    "documents",
    "shape",
    "output",
    "skip_unreadable",
    "once",
)
"""Options that say which data is meant and how; never one that agrees to a loss."""


def typed(text: str, data_dir: object) -> str:
    """A next command, completed by what the running call was given and the next one takes and does not name.

    A command of another program stays as it is, and so does one that only asks for help.
    """
    if not text.startswith("pjais ") or text.endswith("--help"):
        return text
    _, *words = shlex.split(text)
    here = click.get_current_context()
    following = _parsed(here.find_root(), words)
    if following is None:
        return text
    given = {name: value for name, value in here.params.items() if _is_given(here, name)}
    more = [*_sources(following, given), *_options(following, given, data_dir)]
    return " ".join([text, *map(shlex.quote, more)])


def _parsed(root: click.Context, words: list[str]) -> click.Context | None:
    """The command that the words call, with what they give it; None where there is none."""
    context = root
    while words and isinstance(context.command, click.Group):
        name, *words = words
        command = context.command.get_command(context, name)
        if command is None:
            return None
        if isinstance(command, click.Group):
            context = click.Context(command, parent=context, info_name=name)
        else:
            return command.make_context(name, words, parent=context, resilient_parsing=True)
    return None


def _is_given(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is ParameterSource.COMMANDLINE


def _sources(following: click.Context, given: dict[str, Any]) -> Iterator[str]:
    taken = next((one for one in following.command.params if one.name in _SUBJECTS), None)
    if taken is None or following.params.get(str(taken.name)):
        return
    alike = _SOURCES if taken.name in _SOURCES else _SUBJECTS[len(_SOURCES) :]
    value = next((given[name] for name in alike if name in given), ())
    paths = value if isinstance(value, tuple) else (value,)
    if taken.nargs == -1 or len(paths) == 1:
        yield from map(str, paths)


def _options(following: click.Context, given: dict[str, Any], data_dir: object) -> Iterator[str]:
    values = {name: given[name] for name in _OPTIONS if name in given} | {"data_dir": data_dir}
    for name, value in values.items():
        taken = next((one for one in following.command.params if one.name == name), None)
        if isinstance(taken, click.Option) and not _is_given(following, name) and value not in (None, False):
            yield max(taken.opts, key=len)
            if not taken.is_flag:
                yield str(value)
