"""livestore: the schema for an app, a store's health, and the upgrade between storage formats."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from pjais import files
from pjais.api import livestore
from pjais.choices import LogFormat
from pjais.cli.command_group import CommandGroup
from pjais.cli.context import Context, common
from pjais.cli.locations import OUTPUT_FILE, OUTPUT_FOLDER, PATH
from pjais.cli.output import print_json, safe, say, write_raw
from pjais.cli.tables import Column, format_option, print_list
from pjais.display import counted
from pjais.errors import UsageError

_CHECKS = tuple(Column(one) for one in ("store", "check", "state", "found", "meaning", "remedy"))


@click.group("livestore", cls=CommandGroup)
def livestore_command() -> None:
    """Print the LiveStore schema; check or upgrade a store."""


@livestore_command.command("schema")
@click.option("-o", "--output", type=OUTPUT_FILE, help="File to write (default: stdout).")
@common
def schema(context: Context, output: Path | None) -> int:
    """Print the schema.ts for an app that boots our event log."""
    text = livestore.schema()
    if output is None:
        write_raw(text)
        return 0
    if output.exists() and not output.read_text("utf-8", "replace").startswith(text[:60]):
        raise UsageError("file exists and is not a schema written by pjais; not replaced", where=[str(output)])
    files.write_atomically(output.absolute(), text.encode())
    if context.as_json:
        print_json({"code": "done", "file": str(output)})
    else:
        say(f"wrote {output}")
    return 0


@livestore_command.command("doctor")
@click.argument("store", type=PATH)
@format_option
@common
def doctor(context: Context, store: Path, shape: str) -> int:
    """Check a store: its log, its states, their consistency.

    Exit code 1 if a check fails.
    """
    checks = livestore.doctor(store, data_dir=context.data_dir)
    bad = [check for check in checks if not check.ok]
    if context.as_json or shape != "table":
        items = [check.as_dict() for check in checks]
        rows = [(one.store, one.name, "ok" if one.ok else "bad", one.found, one.meaning, one.remedy) for one in checks]
        print_list(context, shape, _CHECKS, rows, {"code": "unhealthy" if bad else "done", "checks": items}, items)
        return 1 if bad else 0
    name = ""
    for check in checks:
        if check.store != name:
            name = check.store
            say(f"{name}:")
        state = "  ok " if check.ok else "  BAD"
        say(f"{state} {check.name}: {safe(check.found)}", lead=state)
        if check.meaning:
            say(f"      {check.meaning}")
        if check.remedy:
            say(f"      Fix: {check.remedy}")
    say()
    say("the store is healthy" if not bad else f"{counted(len(bad), 'check')} failed; no changes were made")
    return 1 if bad else 0


@livestore_command.command("upgrade")
@click.argument("store", type=PATH)
@click.option(
    "--to",
    "number",
    type=click.Choice(["6", "4"]),
    default="6",
    show_default=True,
    callback=lambda _, __, value: int(value),
    help="Storage format.",
)
@click.option("-o", "--output", type=OUTPUT_FOLDER, help="New folder for the upgraded store.")
@common
def upgrade(context: Context, store: Path, number: LogFormat, output: Path | None) -> int:
    """Write a store's log in another storage format.

    The files of the old format are kept.
    """
    done = livestore.upgrade(store, output, to=number, data_dir=context.data_dir)
    if context.as_json:
        print_json(done.as_dict())
        return 0
    events = counted(done.events, "event")
    say(f"{done.log}: {events}, from format {done.before} to {done.after}, read back and replayed")
    for note in done.notes:
        say(f"  {note}")
    say(f"Next: {context.typed(f'pjais livestore doctor {shlex.quote(str(done.log.parent))}')}")
    return 0
