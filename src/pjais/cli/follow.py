"""follow: bring over what the old app still writes."""

from __future__ import annotations

import time
from pathlib import Path

import click

from pjais import canonical
from pjais.choices import OnInvalid
from pjais.cli.context import Context, common, password_option
from pjais.cli.lists import told
from pjais.cli.output import safe, say
from pjais.cli.sides_options import on_invalid_option, resolved, sources_argument, target_option, to_option
from pjais.display import counted
from pjais.errors import NoSourceFound, PjaisError, SourceInUse
from pjais.migration import run
from pjais.side_by_side import follow, switch


@click.command("follow")
@sources_argument
@to_option
@target_option
@on_invalid_option
@click.option("--once", is_flag=True, help="One increment, then stop.")
@click.option(
    "--interval", type=click.FloatRange(min=0.05), default=1.0, show_default=True, help="Seconds between looks."
)
@click.option("--for", "seconds", type=click.FloatRange(min=0), help="Stop after so many seconds.")
@click.option("--allow-removals", is_flag=True, help="Also when a source suddenly lacks most of its records.")
@password_option
@common
def follow_command(
    context: Context,
    sources: tuple[Path, ...],
    to: str | None,
    target: Path | None,
    on_invalid: OnInvalid,
    once: bool,
    interval: float,
    seconds: float | None,
    allow_removals: bool,
    password: str | None,
) -> int:
    """Bring over what the still-running old app writes, increment by increment.  End with Ctrl-C.

    With --json one object a line for each increment that brought something.
    """
    here = resolved(context, sources, to, target)
    options = run.Options(on_invalid=on_invalid, password=password)
    ends = None if seconds is None else time.monotonic() + seconds
    code = 0
    while True:
        if switch.live(here).side == "new":
            line = "the new side is live; there is nothing left to follow"
            told(context, {"code": "done", "message": line}, line)
            return code
        try:
            done = follow.increment(here, options, allow_removals=allow_removals)
        except (SourceInUse, NoSourceFound) as error:
            # It kept changing while it was copied, or is gone for a while: the next look may be luckier.
            if once or not here.target.exists():
                raise
            _line(context, error)
        else:
            code = 1 if done.quarantined else code
            if done.run_id is not None or once:
                _print_increment(context, done)
        if once or (ends is not None and time.monotonic() >= ends):
            return code
        time.sleep(interval)


def _print_increment(context: Context, done: follow.Increment) -> None:
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
