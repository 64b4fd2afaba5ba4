"""switch: cut over to the target, and back."""

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
@click.option(
    "--keep-edits", is_flag=True, help="Switch even if the target was edited since the migration, keeping the edits."
)
@click.option("--undo", is_flag=True, help="Switch back to the source; exports what was written to the target since.")
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
    """Cut over to the target; --undo switches back.

    Syncs once more, compares, verifies, makes the final backup, then records the target as active in one step.
    """
    if undo:
        back = side_by_side.switch_back(context.data_dir, sources, target, to=to)
        if context.as_json:
            print_json(back.as_dict())
            return 0
        written = counted(back.later.total, "record was", "records were")
        say(f"the source is active again; {written} written to the target since")
        if back.export is not None:
            say(f"exported to {back.export} (`pjais import` restores them)")
            say(f"and in the source's format to {back.guide}")
        return 0
    with progress(context) as report_progress:
        report_progress("cut over", 0, None)
        done = side_by_side.switch(
            context.data_dir, sources, target, to=to, on_invalid=on_invalid, keep_edits=keep_edits, password=password
        )
    if context.as_json:
        print_json({"code": "done", **done.as_dict()})
        return 0
    say(f"the target is active: {done.target}")
    say(f"final backup: {done.backup}")
    say(f"to switch back: {context.typed('pjais switch --undo')}")
    say(f"Next: {context.typed('pjais verify-app')}")
    return 0
