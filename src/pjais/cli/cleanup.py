"""cleanup: remove old data after a verified migration."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from pjais import commands
from pjais.cli.context import Context, common, password_option
from pjais.cli.locations import OUTPUT_PLACE
from pjais.cli.output import is_interactive, print_json, safe, say
from pjais.cli.tables import Column, print_table
from pjais.display import counted, size
from pjais.migration import state
from pjais.side_by_side import cleanup

_OLD = (Column("name", "path"), Column("kind", drop=1), Column("files", "number"), Column("size", "number", show=size))
_PRIVATE = (Column("path", "path"), Column("size", "number", show=size), Column("what_it_is"))


@click.command("cleanup")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--yes", is_flag=True, help="Remove without asking.")
@click.option("--dry-run", is_flag=True, help="Show what would be removed, without removing anything.")
@click.option("--target", type=OUTPUT_PLACE, help=commands.TARGET)
@password_option
@common
def cleanup_command(
    context: Context, names: tuple[str, ...], yes: bool, dry_run: bool, target: Path | None, password: str | None
) -> int:
    """Remove old data after a verified migration.

    Removes databases in browser profiles, stores and files; the backup is kept.  NAME is a file, a folder, a kind or
    the name of a database, as listed (default: all).  Requires that the target is active and the app is closed.
    Without --yes, asks first; where nobody can be asked, exits with code 3.
    """
    here = state.chosen(context.data_dir, target)
    judged = cleanup.judge(here, names, password=password)
    what = counted(sum(len(one.files) for one in judged.items), "file")
    if not context.as_json:
        _print_judged(judged)
    if dry_run:
        if context.as_json:
            items, stays = [one.as_dict() for one in judged.items], [one.as_dict() for one in judged.stays]
            print_json({"code": "dry_run", "size": judged.size, "items": items, "stays": stays})
        elif judged.items:
            following = context.typed(shlex.join(["pjais", "cleanup", "--yes", *names]))
            say(f"would remove {what} ({size(judged.size)}); no changes were made\nNext: {following}")
        return 0
    if judged.items and not yes:
        if context.as_json or not is_interactive():
            raise cleanup.unconfirmed(judged, names)
        click.confirm(f"Verified.  Remove {what} ({size(judged.size)})?", abort=True)
    done = cleanup.clean(here, judged)
    if context.as_json:
        print_json(
            {
                "code": "done",
                "removed": [str(path) for one in done.items for path in one.files],
                "freed": done.freed,
                "items": [one.as_dict() for one in done.items],
                "stays": [one.as_dict() for one in done.stays],
                "private": [one.as_dict() for one in done.private],
            }
        )
        return 0
    say(f"removed {what}, {size(done.freed)} freed; the backups are kept in {here.backups}")
    if done.private:
        say("\nNot removed; contains private text, or may contain it:")
        print_table(_PRIVATE, [(str(one.path), one.size, one.about) for one in done.private])
    return 0


def _print_judged(judged: cleanup.Judged) -> None:
    rows = [(one.name, one.kind, len(one.files), one.size) for one in judged.items]
    if rows:
        print_table(_OLD, rows)
    else:
        say("no old data to remove")
    for one in judged.stays:
        say(f"kept: {safe(one.path)} ({size(one.size)}): {safe(one.reason)}")
