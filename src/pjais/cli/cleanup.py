"""cleanup: remove old data after a verified migration."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from pjais.cli.context import Context, common, password_option
from pjais.cli.locations import OUTPUT_PLACE
from pjais.cli.output import is_interactive, print_json, safe, say, size, table
from pjais.display import counted
from pjais.errors import ConfirmationNeeded
from pjais.migration import state
from pjais.side_by_side import cleanup


@click.command("cleanup")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--target", type=OUTPUT_PLACE)
@password_option
@common
def cleanup_command(
    context: Context, names: tuple[str, ...], yes: bool, target: Path | None, password: str | None
) -> int:
    """Remove old data after a verified migration: databases of a profile, stores, files.  The backup is kept.

    NAME is what is shown first in the list: a file, a folder, a kind, or the name of a database.  Only while the new
    side is live and the app is closed.
    """
    here = state.chosen(context.data_dir, target)
    judged = cleanup.judge(here, names, password=password)
    what = counted(sum(len(one.files) for one in judged.items), "file")
    if not context.as_json:
        _print_judged(judged)
    if judged.items and not yes:
        if context.as_json or not is_interactive():
            raise ConfirmationNeeded(
                f"{what} ({size(judged.size)}) can go; say --yes to remove",
                where=[f"{one.name}: {size(one.size)}" for one in judged.items],
                safe="Nothing was removed.",
                next_command=" ".join(["pjais cleanup --yes", *map(shlex.quote, names)]),
            )
        click.confirm(f"Verified.  Remove {what} ({size(judged.size)})?", abort=True)
    freed = cleanup.remove(here, judged.items)
    left = cleanup.private(here)
    if context.as_json:
        print_json(
            {
                "code": "done",
                "removed": [str(path) for one in judged.items for path in one.files],
                "freed": freed,
                "items": [one.as_dict() for one in judged.items],
                "stays": [one.as_dict() for one in judged.stays],
                "private": [one.as_dict() for one in left],
            }
        )
        return 0
    say(f"removed {what}, {size(freed)} freed; the backups are kept in {here.backups}")
    if left:
        say("\nWhat still holds private text, or may, and is not removed:")
        table(("path", "size", "what it is"), [(one.path, size(one.size), one.about) for one in left], ("size",))
    return 0


def _print_judged(judged: cleanup.Judged) -> None:
    rows = [(one.name, one.kind, len(one.files), size(one.size)) for one in judged.items]
    if rows:
        table(("name", "kind", "files", "size"), rows, ("files", "size"))
    else:
        say("there is no old data to remove")
    for one in judged.stays:
        say(f"stays: {safe(one.path)} ({size(one.size)}): {safe(one.reason)}")
