"""verify-app and checklist."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from pjais.cli.context import Context, common, password_option
from pjais.cli.locations import OUTPUT_PLACE, PATH
from pjais.cli.output import print_json, safe, say, table
from pjais.pipeline import appcheck, checklist, state
from pjais.pipeline.appcheck import AppCheck
from pjais.pipeline.place import Place, place
from pjais.store import check, reactive


@click.command("verify-app")
@click.argument("store", required=False, type=PATH)
@common
def verify_app_command(context: Context, store: Path | None) -> int:
    """Check that an app can live with the store: health, integrity, performance, features; on a scratch copy."""
    path = None if store is None else store.expanduser().absolute()
    here = state.chosen(context.data_dir, None) if path is None else place(context.data_dir)
    if path is None and here.log is None:
        checks = check.of_sqlite(here)
    elif path is not None and path.is_file() and path.suffix == ".sqlite":
        checks = check.of_sqlite(state.chosen(context.data_dir, path))
    else:
        checks = appcheck.of_livestore(here, here.live if path is None else path)
    passed = all(one.passed for one in checks)
    if context.as_json:
        print_json(
            {"code": "done" if passed else "failed", "passed": passed, "checks": [one.as_dict() for one in checks]}
        )
        return 0 if passed else 1
    for one in checks:
        say(f"{'passed' if one.passed else 'FAILED'}  {one.name}: {safe(one.message)}")
        if one.figures:
            table(("query", "ms"), [(name, f"{took:.2f}") for name, took in one.figures.items()], ("ms",))
    say("\nall verifications passed" if passed else "\nsome verifications failed; nothing was changed")
    return 0 if passed else 1


_TITLES = {"pre": "Before the migration", "during": "During the migration", "post": "After the migration",
           "rollback": "The way back"}  # fmt: skip


@click.command("checklist")
@click.argument("phase", required=False, type=click.Choice(checklist.PHASES))
@click.option("--target", type=OUTPUT_PLACE, help="The new side's store.")
@password_option
@common
def checklist_command(context: Context, phase: str | None, target: Path | None, password: str | None) -> int:
    """The migration's checklists: each line checked where that can be done, the rest asked on a terminal.

    Without PHASE all of them.  Exit code 1 where something that can be checked fails.
    """
    here = state.chosen(context.data_dir, target)
    probes = checklist.Probes(_verify_app, reactive.check)
    lines = checklist.check(here, probes, checklist.PHASES if phase is None else (phase,), password=password)
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


def _verify_app(here: Place) -> list[AppCheck]:
    return check.of_sqlite(here) if here.log is None else appcheck.of_livestore(here, here.live)


def _asked(line: checklist.Line) -> checklist.Line:
    return checklist.answered(line, click.confirm(f"{line.text}: {line.about}"))
