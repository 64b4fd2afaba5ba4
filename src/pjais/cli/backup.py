"""backup: create, list, verify, restore, prune."""

from __future__ import annotations

from pathlib import Path

import click

from pjais.api import backup
from pjais.cli.command_group import CommandGroup
from pjais.cli.context import Context, common, password_option
from pjais.cli.locations import OUTPUT_FOLDER, PATH
from pjais.cli.output import print_json, safe, say
from pjais.cli.progress import progress
from pjais.cli.tables import Column, format_option, print_list
from pjais.display import counted, size

_BACKUPS = (
    Column("backup", "word"),
    Column("made", "word", drop=2),
    Column("sources", "number"),
    Column("size", "number", show=size),
    Column("needed_by_store", "word", drop=1),
)


@click.group("backup", cls=CommandGroup)
def backup_command() -> None:
    """Create, list, verify, restore and prune backups."""


@backup_command.command("create")
@click.argument("sources", nargs=-1, type=PATH)
@password_option
@common
def create(context: Context, sources: tuple[Path, ...], password: str | None) -> int:
    """Back up every source and the store, without migrating.

    For RxDB, the rxdb-backup JSON of the integration guide is written, too.
    """
    with progress(context) as report_progress:
        made = backup.create(context.data_dir, sources, password=password, progress=report_progress)
    exports, left_out = [str(path) for path in made.exports], list(made.left_out)
    if context.as_json:
        told = {"code": "done", "backup": made.id, "folder": str(made.folder)}
        print_json({**told, "exports": exports, "left_out": left_out})
    else:
        say(f"backup created and verified by a test restore: {made.folder}")
        for path in exports:
            say(f"RxDB as JSON: {safe(path)}")
        for line in left_out:
            say(f"not in the JSON: {safe(line)}")
        say(f"Next: {context.typed(f'pjais backup verify {made.id}')}")
    return 0


@backup_command.command("list")
@format_option
@common
def list_backups(context: Context, shape: str) -> int:
    """List all backups."""
    found = backup.list(context.data_dir)
    items = [one.as_dict() for one in found]
    rows = [(one.id, one.created_at or "incomplete", len(one.sources), one.size, one.needed) for one in found]
    print_list(context, shape, _BACKUPS, rows, {"code": "done", "backups": items}, items, "no backups yet")
    return 0


@backup_command.command("verify")
@click.argument("backup_id", metavar="[BACKUP]", required=False)
@password_option
@common
def verify_backup(context: Context, backup_id: str | None, password: str | None) -> int:
    """Verify a backup, or all of them.

    Every file is read back: its size, its hash, and the rxdb-backup JSON against the raw files.
    """
    with progress(context) as report_progress:
        done = backup.verify(context.data_dir, backup_id, password=password, progress=report_progress)
    if context.as_json:
        print_json({"code": "done", "verified": list(done.ids), "not_compared": list(done.not_compared)})
    else:
        for line in done.not_compared:
            say(f"not compared with the raw files: {safe(line)}")
        say(f"{counted(len(done.ids), 'backup')} verified: all valid")
    return 0


@backup_command.command("restore")
@click.argument("backup_id", metavar="BACKUP")
@click.option("--to", "destination", type=OUTPUT_FOLDER, help="Folder to restore to (default: the data folder).")
@common
def restore(context: Context, backup_id: str, destination: Path | None) -> int:
    """Restore the raw files of a backup, overwriting nothing."""
    with progress(context) as report_progress:
        restored = backup.restore(context.data_dir, backup_id, destination, progress=report_progress)
    if context.as_json:
        print_json({"code": "done", "files": [str(path) for path in restored]})
    else:
        for path in restored:
            say(safe(path))
        say(f"restored {counted(len(restored), 'file')}")
    return 0


@backup_command.command("prune")
@click.option(
    "--keep", "count", type=click.IntRange(min=0), default=5, show_default=True, help="Number of backups to keep."
)
@common
def prune(context: Context, count: int) -> int:
    """Remove old backups that nothing depends on.

    A backup that verifies a store, or holds the only copy of anything, is always kept.
    """
    pruned = backup.prune(context.data_dir, count)
    if context.as_json:
        stays = [{"id": name, "reason": reason} for name, reason in pruned.stays]
        print_json({"code": "done", "removed": pruned.removed, "stays": stays})
        return 0
    say(f"removed {counted(len(pruned.removed), 'backup')}" + "".join(f"\n  {one}" for one in pruned.removed))
    for name, reason in pruned.stays:
        say(f"kept: {name}: {safe(reason)}")
    return 0
