"""checklist: the migration's checklists, each line checked where it can be."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from pjais.api import checks
from pjais.checks import checklist
from pjais.cli.context import Context, common, password_option
from pjais.cli.locations import OUTPUT_PLACE
from pjais.cli.output import print_json, say, table

_TITLES = {
    "pre": "Before the migration",
    "during": "During the migration",
    "post": "After the migration",
    "rollback": "Rollback",
}


@click.command("checklist")
@click.argument("phase", required=False, type=click.Choice(checklist.PHASES))
@click.option("--target", type=OUTPUT_PLACE, help="The new side's store.")
@password_option
@common
def checklist_command(context: Context, phase: checks.Phase | None, target: Path | None, password: str | None) -> int:
    """The migration's checklists: each line checked where that can be done, the rest asked on a terminal.

    Without PHASE all of them.  Exit code 1 where something that can be checked fails.
    """
    lines = checks.checklist(context.data_dir, phase, target, password=password)
    if not context.as_json and sys.stdin.isatty() and sys.stdout.isatty():
        lines = [_asked(line) if line.state == "ask" else line for line in lines]
    passed = checklist.passed(lines)
    if context.as_json:
        code = "done" if passed else "failed"
        print_json({"code": code, "passed": passed, "lines": [line.as_dict() for line in lines]})
        return 0 if passed else 1
    for number, name in enumerate(dict.fromkeys(line.phase for line in lines)):
        say(("\n" if number else "") + _TITLES[name])
        mine = [line for line in lines if line.phase == name]
        table(("state", "line", "what was seen"), [(line.state, line.text, line.about) for line in mine])
        for line in mine:
            if line.command:
                say(f"{line.text}:\nNext: {context.typed(line.command)}")
    return 0 if passed else 1


def _asked(line: checklist.Line) -> checklist.Line:
    return checklist.answered(line, click.confirm(f"{line.text}: {line.about}"))
