"""Writes docs/cli.md from the commands and codes themselves; `--check` only says whether it is up to date."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from pjais.cli import cli
from pjais.errors import all_errors
from pjais.report.rules import OUTCOMES, RULES

PAGE = Path(__file__).parent.parent / "docs" / "cli.md"


def _help(command: click.Command, name: str, parent: click.Context) -> list[str]:
    context = click.Context(command, info_name=name, parent=parent, terminal_width=100)
    lines = [f"### {context.command_path}", "", "```text", command.get_help(context), "```", ""]
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            if found is not None:
                lines += _help(found, child, context)
    return lines


def page() -> str:
    """The whole page."""
    root = click.Context(cli, info_name="pjais")
    lines = ["# Commands and codes", "", "Made by `scripts/make_docs.py`; do not edit.", "", "## Commands", ""]
    for name in cli.list_commands(root):
        command = cli.get_command(root, name)
        if command is not None:
            lines += _help(command, name, root)
    lines += ["## Errors", "", "| code | exit code | meaning | next |", "|---|---|---|---|"]
    for error in all_errors():
        if error.__module__ == "pjais.errors":
            meaning = (error.__doc__ or "").strip().split("\n")[0]
            lines.append(f"| `{error.code}` | {error.exit_code} | {meaning} | `{error.next_default}` |")
    lines += ["", "## Outcomes", "", "| code | meaning |", "|---|---|"]
    lines += [f"| `{code}` | {text} |" for code, text in OUTCOMES.items()]
    lines += ["", "## Rules of findings", "", "| rule | what was seen and done |", "|---|---|"]
    lines += [f"| `{code}` | {text} |" for code, text in RULES.items()]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the page, or check it."""
    made = page()
    if "--check" in sys.argv:
        sys.exit(0 if PAGE.read_text("utf-8") == made else "docs/cli.md is out of date: run scripts/make_docs.py")
    PAGE.write_text(made, "utf-8")


if __name__ == "__main__":
    main()
