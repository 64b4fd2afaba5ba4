"""follow, shadow, switch: old and new side by side, then the cut-over, and back."""

from __future__ import annotations

import time
from pathlib import Path

import click

from pjais import canonical, instants
from pjais.choices import OnInvalid
from pjais.cli.context import (
    Context,
    collection_option,
    common,
    database_option,
    origin_option,
    password_option,
)
from pjais.cli.lists import told
from pjais.cli.locations import OUTPUT_PLACE, PATH
from pjais.cli.output import print_json, safe, say
from pjais.errors import NoSourceFound, PjaisError, SourceInUse
from pjais.pipeline import cutover, follow, origins, run, shadow, state
from pjais.pipeline.place import Place, place
from pjais.words import counted, one_line

_sources = click.argument("sources", nargs=-1, type=PATH)
_target = click.option("--target", type=OUTPUT_PLACE, help="The new side's store.")
_to = click.option("--to", type=click.Choice(["sqlite", "livestore"]), help="What the new side is (default: sqlite).")
_on_invalid = click.option(
    "--on-invalid", type=click.Choice(["stop", "quarantine"]), default="stop", show_default=True,
    help="What to do about documents that cannot go in.",
)  # fmt: skip


def _place(context: Context, sources: tuple[Path, ...], to: str | None, target: Path | None) -> Place:
    """The place of a call; without a word about the new side it is the current store."""
    if to is None:
        return state.chosen(context.data_dir, target, sources=sources)
    return place(context.data_dir, target, sources, to=to)


@click.command("follow")
@_sources
@_to
@_target
@_on_invalid
@click.option("--once", is_flag=True, help="One increment, then stop.")
@click.option(
    "--interval", type=click.FloatRange(min=0.05), default=1.0, show_default=True, help="Seconds between looks."
)
@click.option("--for", "seconds", type=click.FloatRange(min=0), help="Stop after so many seconds.")
@click.option("--allow-removals", is_flag=True, help="Also when a source suddenly lacks most of its records.")
@password_option
@common
def follow_command(
    context: Context, sources: tuple[Path, ...], to: str | None, target: Path | None, on_invalid: OnInvalid, once: bool,
    interval: float, seconds: float | None, allow_removals: bool, password: str | None,
) -> int:  # fmt: skip
    """Bring over what the still-running old app writes, increment by increment.  End with Ctrl-C.

    With --json one object a line for each increment that brought something.
    """
    here = _place(context, sources, to, target)
    options = run.Options(on_invalid=on_invalid, password=password)
    ends = None if seconds is None else time.monotonic() + seconds
    code = 0
    while True:
        if cutover.live(here).side == "new":
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


@click.command("shadow")
@_sources
@_to
@_target
@click.option("--interval", type=click.FloatRange(min=0.1), help="Compare again and again, so many seconds apart.")
@click.option("--for", "seconds", type=click.FloatRange(min=0), help="Stop after so many seconds.")
@origin_option
@database_option
@collection_option
@password_option
@common
def shadow_command(
    context: Context, sources: tuple[Path, ...], to: str | None, target: Path | None, interval: float | None,
    seconds: float | None, origin: str | None, database: str | None, collection: str | None, password: str | None,
) -> int:  # fmt: skip
    """Compare old and new, record by record; say for how long they have agreed.  Exit code 1 where they differ.

    What was edited in the new store since the migration is listed apart and is no difference; nor is a document that
    was discarded or replayed out of the quarantine.
    """
    here = _place(context, sources, to, target)
    only = origins.asked(origin, database, collection)
    ends = None if seconds is None else time.monotonic() + seconds
    while True:
        seen = shadow.compare(here, password=password, only=only)
        _print_comparison(context, here, seen)
        if interval is None or (ends is not None and time.monotonic() >= ends):
            return 1 if seen.count else 0
        time.sleep(interval)


def _print_comparison(context: Context, here: Place, seen: shadow.Comparison) -> None:
    agreed = shadow.agreement(here)
    since = None if agreed.since is None else instants.to_text(agreed.since)
    if context.as_json:
        code = "differs" if seen.count else "done"
        print_json({"code": code, **seen.as_dict(), "agreed_since": since, "comparisons": agreed.comparisons})
        return
    say(f"{counted(seen.records, 'record')} compared, {counted(seen.count, 'difference')}")
    for one in seen.differences:
        say(safe(f"  {one.record_type} {one.record_id}{', ' + one.field if one.field else ''}: {one.problem}"))
    if seen.count > len(seen.differences):
        say(f"  ... and {seen.count - len(seen.differences)} more")
    if seen.edit_count:
        say(f"{counted(seen.edit_count, 'edit')} in the new store since the migration, not on the old side:")
    for one in seen.edits:
        say(f"  {one.record_type} {one_line(one.record_id)}{', ' + one.field if one.field else ''}: {one.problem}")
    if seen.refused:
        say(f"{counted(seen.refused, 'document')} of the old side cannot go in (quarantine)")
    if since is not None:
        say(f"the two have agreed since {since}, over {counted(agreed.comparisons, 'comparison')}")


@click.command("switch")
@_sources
@_to
@_target
@_on_invalid
@click.option("--keep-edits", is_flag=True, help="Also when the new store was edited since the migration; keeps that.")
@click.option("--undo", is_flag=True, help="Make the old side live again; what was written since is exported.")
@password_option
@common
def switch_command(
    context: Context, sources: tuple[Path, ...], to: str | None, target: Path | None, on_invalid: OnInvalid,
    undo: bool, keep_edits: bool, password: str | None,
) -> int:  # fmt: skip
    """Make the new side live: a last increment, the comparison, the proof, the final backup, one recorded step."""
    here = _place(context, sources, to, target)
    if undo:
        back = cutover.back(here)
        if context.as_json:
            print_json(back.as_dict())
            return 0
        written = counted(back.later.total, "record was", "records were")
        say(f"the old side is live again; {written} written on the new side since")
        if back.export is not None:
            say(f"they are in {back.export}   (pjais import brings them back)")
            say(f"and for the old side in {back.guide}")
        return 0
    done = cutover.go(here, run.Options(on_invalid=on_invalid, password=password), keep_edits=keep_edits)
    if context.as_json:
        print_json({"code": "done", **done.as_dict()})
        return 0
    say(f"the new side is live: {done.target}")
    say(f"the final backup: {done.backup}")
    say(f"to go back: {context.typed('pjais switch --undo')}")
    say(f"Next: {context.typed('pjais verify-app')}")
    return 0
