"""Write docs/cli.md and the man page from the commands and codes, docs/json-api.md from the web UI's OpenAPI
document, and the layout in docs/architecture.md from the tree.

`--check` only says whether they are up to date.
"""

from __future__ import annotations

import re
import sys
import textwrap
from pathlib import Path

import click
import json_api
import make_man

from pjais.cli import cli
from pjais.commands import EXIT_CODES, GROUPS
from pjais.errors import all_errors
from pjais.report.rules import OUTCOMES, RULES

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "cli.md"
MAN = ROOT / "man" / "pjais.1"
JSON_API = ROOT / "docs" / "json-api.md"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
_LAYOUT = re.compile(r"(?<=```\n)base .*?(?=```)", re.DOTALL)
_WIDTH, _INDENT = 120, 25


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
    root = click.Context(cli, info_name="pjais", **cli.context_settings)
    lines = ["# Commands and codes", "", "Made by `scripts/make_docs.py`; do not edit.", "", "## Commands", ""]
    for group, names in GROUPS.items():
        lines += [f"**{group}:** " + ", ".join(f"[{name}](#pjais-{name})" for name in names), ""]
    for name in cli.list_commands(root):
        command = cli.get_command(root, name)
        if command is not None:
            lines += _help(command, name, root)
    lines += ["## Exit codes", "", "| exit code | meaning |", "|---|---|"]
    lines += [f"| {code} | {meaning} |".replace("| head", "\\| head") for code, meaning in EXIT_CODES.items()]
    lines += [""]
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


def architecture() -> str:
    """The page about the architecture, with the layout as the tree is: a line for each folder, and its modules."""
    text = ARCHITECTURE.read_text("utf-8")
    found = _LAYOUT.search(text)
    assert found is not None, "docs/architecture.md has no layout"
    held: dict[str, list[str]] = {}
    for line in found[0].splitlines():
        words = line.split()
        if line[:1] != " ":
            held[words[0]] = words[1:]
        else:
            held[list(held)[-1]] += words
    there: dict[str, list[str]] = {}
    package = ROOT / "src" / "pjais"
    for path in sorted(package.rglob("*.py")):
        names = there.setdefault(path.relative_to(package).parent.as_posix(), [])
        names += [path.stem] if path.stem not in ("__init__", "__main__") else []
    top = there.pop(".")
    order = [name for name in held if name in there]
    for name in there.keys() - held.keys():  # a new folder follows its elder siblings, or its parent
        before = [one for one in order if one < name and one.startswith(name.partition("/")[0])]
        order.insert(order.index(max(before)) + 1 if before else len(order), name)
    above = [name for name in held["above"] if name in top]
    rows = [("base", [*(one for one in held["base"] if one in top), *sorted({*top} - {*held["base"], *above})])]
    rows += [*((name, there[name]) for name in _sorted(order)), ("above", above)]
    return text[: found.start()] + "".join(_row(*row) for row in rows) + text[found.end() :]


def _sorted(order: list[str]) -> list[str]:
    """Return folders in the order of their packages, each with those inside of it by name."""
    packages = list(dict.fromkeys(name.partition("/")[0] for name in order))
    return [name for one in packages for name in sorted(order) if name.partition("/")[0] == one]


def _row(folder: str, names: list[str]) -> str:
    lines = textwrap.wrap(" ".join(names), _WIDTH - _INDENT)
    if len(folder) >= _INDENT:
        return "\n".join([folder, *(" " * _INDENT + line for line in lines)]) + "\n"
    first, *rest = lines or [""]
    return "\n".join([f"{folder:{_INDENT}}{first}".rstrip(), *(" " * _INDENT + line for line in rest)]) + "\n"


def main() -> None:
    """Write the pages, or check them."""
    pages = ((PAGE, page()), (MAN, make_man.page()), (JSON_API, json_api.page()), (ARCHITECTURE, architecture()))
    for path, made in pages:
        if "--check" not in sys.argv:
            path.parent.mkdir(exist_ok=True)
            path.write_text(made, "utf-8")
        elif not path.exists() or path.read_text("utf-8") != made:
            sys.exit(f"{path.relative_to(ROOT)} is out of date: run scripts/make_docs.py")


if __name__ == "__main__":
    main()
