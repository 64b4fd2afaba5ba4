"""backup (create, list, verify, restore, prune) and cleanup."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from pjais import backup
from pjais.cli.context import Context, common
from pjais.cli.output import print_json, say, size, table
from pjais.errors import BackupFailed, UsageError
from pjais.pipeline import keep
from pjais.pipeline.place import place


@click.group("backup")
def backup_command() -> None:
    """Make, list, verify, restore and prune backups."""


@backup_command.command("create")
@click.argument("sources", nargs=-1, type=click.Path(path_type=Path))
@common
def create(context: Context, sources: tuple[Path, ...]) -> int:
    """Back up every source, and the store, without migrating."""
    folder = keep.create(place(context.data_dir, None, sources))
    if context.as_json:
        print_json({"code": "done", "backup": folder.name, "folder": str(folder)})
    else:
        say(f"backed up and test-restored: {folder}")
        say(f"Next: {context.typed(f'pjais backup verify {folder.name}')}")
    return 0


@backup_command.command("list")
@common
def list_backups(context: Context) -> int:
    """List all backups."""
    found = keep.listed(place(context.data_dir))
    if context.as_json:
        print_json({"code": "done", "backups": [one.as_dict() for one in found]})
        return 0
    if not found:
        say("no backups yet")
        return 0
    rows = [
        (one.id, one.created_at or "incomplete", len(one.sources), size(one.size), "yes" if one.needed else "")
        for one in found
    ]
    table(("backup", "made", "sources", "size", "needed by the store"), rows, ("sources", "size"))
    return 0


@backup_command.command("verify")
@click.argument("backup_id", metavar="[BACKUP]", required=False)
@common
def verify_backup(context: Context, backup_id: str | None) -> int:
    """Read every file of a backup (or of all) back and compare sizes and hashes."""
    here = place(context.data_dir)
    folders = [keep.folder_of(here, backup_id)] if backup_id else [here.backups / one.id for one in keep.listed(here)]
    if not folders:
        raise UsageError("there is no backup to verify", where=[str(here.backups)], next_command="pjais backup create")
    wrong = [f"{folder.name}/{line}" for folder in folders for line in backup.check(folder)]
    if wrong:
        raise BackupFailed("a backup is not sound", where=wrong)
    if context.as_json:
        print_json({"code": "done", "verified": [folder.name for folder in folders]})
    else:
        say(f"sound: {len(folders)} backup{'s' if len(folders) > 1 else ''}")
    return 0


@backup_command.command("restore")
@click.argument("backup_id", metavar="BACKUP")
@click.option(
    "--to", "destination", type=click.Path(path_type=Path), help="The folder to write to (default: the data folder)."
)
@common
def restore(context: Context, backup_id: str, destination: Path | None) -> int:
    """Write a backup's raw files out again; nothing is ever overwritten."""
    here = place(context.data_dir)
    restored = backup.restore(keep.folder_of(here, backup_id), (destination or here.data_dir).absolute())
    if context.as_json:
        print_json({"code": "done", "files": [str(path) for path in restored]})
    else:
        for path in restored:
            say(str(path))
        say(f"restored {len(restored)} files")
    return 0


@backup_command.command("prune")
@click.option("--keep", "count", type=click.IntRange(min=0), default=5, show_default=True)
@common
def prune(context: Context, count: int) -> int:
    """Remove old backups; those that the store's proof needs stay."""
    removed = keep.prune(place(context.data_dir), count)
    if context.as_json:
        print_json({"code": "done", "removed": removed})
    else:
        say(f"removed {len(removed)} backups" + "".join(f"\n  {one}" for one in removed))
    return 0


@click.command("cleanup")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--target", type=click.Path(path_type=Path))
@common
def cleanup_command(context: Context, yes: bool, target: Path | None) -> int:
    """Remove old source files after a verified migration; the backup is kept."""
    here = place(context.data_dir, target)
    leftovers = keep.superfluous(here)
    total = sum(one.size for one in leftovers)
    if not context.as_json:
        for one in leftovers:
            say(f"{one.path}  {size(one.size)}")
    if leftovers and not yes:
        if context.as_json or not sys.stdin.isatty():
            raise UsageError(
                f"{len(leftovers)} files ({size(total)}) can go; say --yes to remove them",
                where=[str(one.path) for one in leftovers], next_command="pjais cleanup --yes",
            )  # fmt: skip
        click.confirm(f"Verified. Remove these {len(leftovers)} files ({size(total)})?", abort=True)
    freed = keep.remove(here, leftovers)
    if context.as_json:
        print_json({"code": "done", "removed": [str(one.path) for one in leftovers], "freed": freed})
    else:
        say(f"removed {len(leftovers)} files, {size(freed)} freed; the backups are kept in {here.backups}")
    return 0
