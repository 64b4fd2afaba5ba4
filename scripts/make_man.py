"""The man page pjais(1), made from the commands themselves; `make_docs.py` writes it."""

from __future__ import annotations

from collections.abc import Iterator

import click

from pjais.cli import cli
from pjais.cli.command_group import first_sentence
from pjais.commands import ABOUT, EXIT_CODES, GROUPS

_ENVIRONMENT = {
    "PJAIS_DATA_DIR": "Data folder, as --data-dir.",
    "PJAIS_PASSWORD": "Password of encrypted sources.",
    "SKIP_MIGRATION": "If true, commands open a store without migrating new data first.",
    "NO_COLOR": "If set, output has no colors.",
}


def page() -> str:
    """Return the whole page as troff."""
    root = click.Context(cli, info_name="pjais", **cli.context_settings)
    lines = [
        '.\\" Made by scripts/make_docs.py; do not edit.',
        '.TH PJAIS 1 "" "pjais" "User Commands"',
        ".SH NAME",
        f"pjais \\- {_text(ABOUT[0].lower() + ABOUT[1:].rstrip('.'))}",
        ".SH SYNOPSIS",
        ".B pjais",
        "[OPTIONS] COMMAND [ARGS]...",
        ".SH OPTIONS",
        *_options(cli, root),
        *_terms({"-h, --help": "Show the help of pjais, or of a command, and exit."}),
        ".SH COMMANDS",
    ]
    for group, names in GROUPS.items():
        lines.append(f'.SS "{_text(group)}"')
        for name in names:
            command = cli.get_command(root, name)
            if command is not None:
                lines += [".TP", f".B {_text(name)}", _text(first_sentence(command))]
    for name in cli.list_commands(root):
        command = cli.get_command(root, name)
        if command is not None:
            lines += _command(command, name, root)
    lines += [".SH EXIT STATUS", *_terms({str(code): text for code, text in EXIT_CODES.items()})]
    lines += [".SH ENVIRONMENT", *_terms(_ENVIRONMENT)]
    return "\n".join(lines) + "\n"


def _command(command: click.Command, name: str, parent: click.Context) -> Iterator[str]:
    """Yield the section of a command, then those of its own commands."""
    context = click.Context(command, info_name=name, parent=parent)
    yield f'.SH "{_text(context.command_path.upper())}"'
    yield f".B {_text(context.command_path)}"
    yield _text(" ".join(command.collect_usage_pieces(context)))
    for paragraph in (command.help or "").split("\n\n"):
        yield ".PP"
        yield _text(" ".join(paragraph.split()))
    yield from _options(command, context)
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            if found is not None:
                yield from _command(found, child, context)


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    """Yield the options; those that all commands share only for `pjais` itself."""
    shared = set() if command is cli else {one.name for one in cli.params}
    for option in command.get_params(context):
        record = option.get_help_record(context)
        if isinstance(option, click.Option) and record is not None and option.name not in shared | {"help"}:
            yield from _terms({record[0]: record[1]})


def _terms(terms: dict[str, str]) -> Iterator[str]:
    for term, text in terms.items():
        yield from (".TP", f".B {_text(term)}", _text(text))


def _text(text: str) -> str:
    """Return text as troff shows it: no escapes, and no line that begins with a request."""
    shown = " ".join(text.split()).replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    return f"\\&{shown}" if shown.startswith(".") else shown
