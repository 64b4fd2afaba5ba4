"""follow: sync what the old app still writes."""

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
@click.option("--once", is_flag=True, help="Sync once, then stop.")
@click.option(
    "--interval", type=click.FloatRange(min=0.05), default=1.0, show_default=True, help="Polling interval in seconds."
)
@click.option("--for", "seconds", type=click.FloatRange(min=0), help="Stop after this many seconds.")
@click.option(
    "--allow-removals", is_flag=True, help="Sync removals even if a source suddenly lacks most of its records."
)
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
    """Sync what the running app still writes to the target.

    Runs until Ctrl-C, or until the cutover.  With --json, one object per line for each sync that changed something.
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
        line = "the target is active: nothing left to sync"
        told(context, {"code": "done", "message": line}, line)
    return code


def _print_increment(context: Context, done: Increment) -> None:
    if context.as_json:
        say(canonical.dumps({"code": "done" if done.run_id else "already_migrated", **done.as_dict()}))
        return
    if done.run_id is None:
        say("nothing new in the source")
        return
    say(f"{done.run_id}  {done.new} new, {done.changed} changed, {done.removed} removed, {done.lag_ms:,} ms behind")
    for table, key in done.kept:
        say(f"  removed in the source, kept because it was edited or is referenced: {table} {safe(key)}")
    for table, key in done.overridden:
        say(f"  edited in source and target; the later edit is current, the other in the history: {table} {safe(key)}")
    if done.quarantined:
        kept = counted(done.quarantined, "document is", "documents are")
        say(f"  {kept} in quarantine: {context.typed('pjais quarantine list')}")


def _line(context: Context, error: PjaisError) -> None:
    if context.as_json:
        say(canonical.dumps({**error.as_dict(), "next": context.typed(error.next_command)}))
    else:
        say(f"{error.code}: {safe(error.what)}; trying again")
