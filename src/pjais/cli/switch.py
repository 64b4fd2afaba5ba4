"""switch: make the new side live, and back."""

from __future__ import annotations

from pathlib import Path

import click

from pjais.api import side_by_side
from pjais.api.arguments import SideTarget
from pjais.choices import OnInvalid
from pjais.cli.context import Context, common, password_option
from pjais.cli.output import print_json, say
from pjais.cli.progress import progress
from pjais.cli.sides_options import on_invalid_option, sources_argument, target_option, to_option
from pjais.display import counted


@click.command("switch")
@sources_argument
@to_option
@target_option
@on_invalid_option
@click.option("--keep-edits", is_flag=True, help="Also when the new store was edited since the migration; keeps that.")
@click.option("--undo", is_flag=True, help="Make the old side live again; what was written since is exported.")
@password_option
@common
def switch_command(
    context: Context,
    sources: tuple[Path, ...],
    to: SideTarget | None,
    target: Path | None,
    on_invalid: OnInvalid,
    undo: bool,
    keep_edits: bool,
    password: str | None,
) -> int:
    """Make the new side live: a last increment, the comparison, the proof, the final backup, one recorded step."""
    if undo:
        back = side_by_side.switch_back(context.data_dir, sources, target, to=to)
        if context.as_json:
            print_json(back.as_dict())
            return 0
        written = counted(back.later.total, "record was", "records were")
        say(f"the old side is live again; {written} written on the new side since")
        if back.export is not None:
            say(f"they are in {back.export}   (pjais import restores them)")
            say(f"and for the old side in {back.guide}")
        return 0
    with progress(context) as report_progress:
        report_progress("cut over", 0, None)
        done = side_by_side.switch(
            context.data_dir, sources, target, to=to, on_invalid=on_invalid, keep_edits=keep_edits, password=password
        )
    if context.as_json:
        print_json({"code": "done", **done.as_dict()})
        return 0
    say(f"the new side is live: {done.target}")
    say(f"the final backup: {done.backup}")
    say(f"to undo: {context.typed('pjais switch --undo')}")
    say(f"Next: {context.typed('pjais verify-app')}")
    return 0
