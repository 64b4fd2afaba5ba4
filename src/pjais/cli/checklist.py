"""checklist: the migration's checklists, each line checked where it can be."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from pjais.api import checks
from pjais.checks import checklist
from pjais.cli.context import Context, common, password_option
from pjais.cli.locations import OUTPUT_PLACE
from pjais.cli.output import say
from pjais.cli.tables import Column, format_option, print_list, print_table

_TITLES = {
    "pre": "Before the migration",
    "during": "During the migration",
    "post": "After the migration",
    "rollback": "Rollback",
}

_LINES = (Column("state", "outcome"), Column("line"), Column("what_was_seen"))


@click.command("checklist")
@click.argument("phase", required=False, type=click.Choice(checklist.PHASES))
@click.option("--target", type=OUTPUT_PLACE, help="Target store (default: the current store of the data folder).")
@password_option
@format_option
@common
def checklist_command(
    context: Context, phase: checks.Phase | None, target: Path | None, password: str | None, shape: str
) -> int:
    """Run the migration checklists: before, during, after.

    Without PHASE, all of them.  What can be checked is checked; the rest is asked on a terminal.  Exit code 1 if a
    check fails.
    """
    lines = checks.checklist(context.data_dir, phase, target, password=password)
    if not context.as_json and shape == "table" and sys.stdin.isatty() and sys.stdout.isatty():
        lines = [_asked(line) if line.state == "ask" else line for line in lines]
    passed = checklist.passed(lines)
    if context.as_json or shape != "table":
        items = [line.as_dict() for line in lines]
        whole = {"code": "done" if passed else "failed", "passed": passed, "lines": items}
        rows = [(line.phase, line.state, line.text, line.about) for line in lines]
        print_list(context, shape, (Column("phase"), *_LINES), rows, whole, items)
        return 0 if passed else 1
    for number, name in enumerate(dict.fromkeys(line.phase for line in lines)):
        say(("\n" if number else "") + _TITLES[name])
        mine = [line for line in lines if line.phase == name]
        print_table(_LINES, [(line.state, line.text, line.about) for line in mine])
        for line in mine:
            if line.command:
                say(f"{line.text}:\nNext: {context.typed(line.command)}")
    return 0 if passed else 1


def _asked(line: checklist.Line) -> checklist.Line:
    return checklist.answered(line, click.confirm(f"{line.text}: {line.about}"))
