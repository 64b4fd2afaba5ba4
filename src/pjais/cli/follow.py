"""follow: bring over what the old app still writes."""

from __future__ import annotations

from pathlib import Path

import click

from pjais import canonical
from pjais.api import side_by_side
from pjais.api.arguments import SideTarget, side_workspace
from pjais.choices import OnInvalid
from pjais.cli.context import Context, common, password_option
from pjais.cli.lists import told
from pjais.cli.output import safe, say
from pjais.cli.sides_options import on_invalid_option, sources_argument, target_option, to_option
from pjais.display import counted
from pjais.errors import PjaisError
from pjais.side_by_side import switch
from pjais.side_by_side.follow import Increment


@click.command("follow")
@sources_argument
@to_option
@target_option
@on_invalid_option
@click.option("--once", is_flag=True, help="One increment, then stop.")
@click.option(
    "--interval", type=click.FloatRange(min=0.05), default=1.0, show_default=True, help="Polling interval, in seconds."
)
@click.option("--for", "seconds", type=click.FloatRange(min=0), help="Stop after so many seconds.")
@click.option("--allow-removals", is_flag=True, help="Also when a source suddenly lacks most of its records.")
@password_option
@common
def follow_command(
    context: Context,
    sources: tuple[Path, ...],
    to: SideTarget | None,
    target: Path | None,
    on_invalid: OnInvalid,
    once: bool,
    interval: float,
    seconds: float | None,
    allow_removals: bool,
    password: str | None,
) -> int:
    """Sync what the still-running old app writes, increment by increment.  End with Ctrl-C.

    With --json one object a line for each increment that synced something.
    """
    code = 0
    for done in side_by_side.follow(
        context.data_dir,
        sources,
        target,
        to=to,
        on_invalid=on_invalid,
        once=once,
        interval=interval,
        seconds=seconds,
        allow_removals=allow_removals,
        password=password,
        waiting=lambda error: _line(context, error),
    ):
        code = 1 if done.quarantined else code
        _print_increment(context, done)
    if switch.live(side_workspace(context.data_dir, sources, target, to)).side == "new":
        line = "the new side is live; there is nothing left to follow"
        told(context, {"code": "done", "message": line}, line)
    return code


def _print_increment(context: Context, done: Increment) -> None:
    if context.as_json:
        say(canonical.dumps({"code": "done" if done.run_id else "already_migrated", **done.as_dict()}))
        return
    if done.run_id is None:
        say("nothing new on the old side")
        return
    say(f"{done.run_id}  {done.new} new, {done.changed} changed, {done.removed} removed, {done.lag_ms:,} ms behind")
    for table, key in done.kept:
        say(f"  removed in the source, kept since it was edited or is referred to: {table} {safe(key)}")
    for table, key in done.overridden:
        say(f"  edited on both sides; the later one is live, the other in the history: {table} {safe(key)}")
    if done.quarantined:
        kept = counted(done.quarantined, "document is", "documents are")
        say(f"  {kept} in quarantine: {context.typed('pjais quarantine list')}")


def _line(context: Context, error: PjaisError) -> None:
    if context.as_json:
        say(canonical.dumps({**error.as_dict(), "next": context.typed(error.next_command)}))
    else:
        say(f"{error.code}: {safe(error.what)}; trying again")
