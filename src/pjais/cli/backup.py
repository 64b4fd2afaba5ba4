"""backup: create, list, verify, restore, prune."""

from __future__ import annotations

from pathlib import Path

import click

from pjais.cli.context import Context, common, password_option
from pjais.cli.locations import OUTPUT_FOLDER, PATH
from pjais.cli.output import print_json, safe, say, size, table
from pjais.display import counted
from pjais.errors import BackupFailed, UsageError
from pjais.exchange import guide_backup
from pjais.migration import backups, state
from pjais.models.persona.model import MODEL
from pjais.sources import backup
from pjais.workspace import resolve_workspace


@click.group("backup")
def backup_command() -> None:
    """Make, list, verify, restore and prune backups."""


@backup_command.command("create")
@click.argument("sources", nargs=-1, type=PATH)
@password_option
@common
def create(context: Context, sources: tuple[Path, ...], password: str | None) -> int:
    """Back up every source, and the store, without migrating; of RxDB also the guide's rxdb-backup JSON."""
    folder = backups.create(state.chosen(context.data_dir, None, sources=sources), password=password)
    body = backup.manifest(folder)
    exports = [str(folder / one["stored"]) for one in body.get("exports", ())]
    left_out = body.get("left_out", [])
    if context.as_json:
        print_json(
            {"code": "done", "backup": folder.name, "folder": str(folder), "exports": exports, "left_out": left_out}
        )
    else:
        say(f"backed up and test-restored: {folder}")
        for path in exports:
            say(f"RxDB as JSON: {safe(path)}")
        for line in left_out:
            say(f"not in the JSON: {safe(line)}")
        say(f"Next: {context.typed(f'pjais backup verify {folder.name}')}")
    return 0


@backup_command.command("list")
@common
def list_backups(context: Context) -> int:
    """List all backups."""
    found = backups.listed(resolve_workspace(context.data_dir))
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
@password_option
@common
def verify_backup(context: Context, backup_id: str | None, password: str | None) -> int:
    """Read every file of a backup (or all) back: sizes, hashes, and the rxdb-backup JSON against the raw files."""
    here = resolve_workspace(context.data_dir)
    folders = (
        [backups.folder_of(here, backup_id)] if backup_id else [here.backups / one.id for one in backups.listed(here)]
    )
    if not folders:
        raise UsageError("there is no backup to verify", where=[str(here.backups)], next_command="pjais backup create")
    wrong: list[str] = []
    unread: list[str] = []
    for folder in folders:
        bad = backups.check(folder)
        differs, skipped = guide_backup.check(MODEL, folder, password) if not bad else ([], [])
        wrong += [f"{folder.name}/{line}" for line in (*bad, *differs)]
        unread += [f"{folder.name}/{line}" for line in skipped]
    if wrong:
        raise BackupFailed("a backup is not sound", where=wrong)
    if context.as_json:
        print_json({"code": "done", "verified": [folder.name for folder in folders], "not_compared": unread})
    else:
        for line in unread:
            say(f"not compared with the raw files: {safe(line)}")
        say(f"sound: {counted(len(folders), 'backup')}")
    return 0


@backup_command.command("restore")
@click.argument("backup_id", metavar="BACKUP")
@click.option("--to", "destination", type=OUTPUT_FOLDER, help="The folder to write to (default: the data folder).")
@common
def restore(context: Context, backup_id: str, destination: Path | None) -> int:
    """Write a backup's raw files out again; nothing is ever overwritten."""
    here = resolve_workspace(context.data_dir)
    restored = backup.restore(backups.folder_of(here, backup_id), (destination or here.data_dir).absolute())
    if context.as_json:
        print_json({"code": "done", "files": [str(path) for path in restored]})
    else:
        for path in restored:
            say(safe(path))
        say(f"restored {counted(len(restored), 'file')}")
    return 0


@backup_command.command("prune")
@click.option("--keep", "count", type=click.IntRange(min=0), default=5, show_default=True)
@common
def prune(context: Context, count: int) -> int:
    """Remove old backups; never one that a store's proof needs, nor the only copy of anything."""
    pruned = backups.prune(resolve_workspace(context.data_dir), count)
    if context.as_json:
        stays = [{"id": name, "reason": reason} for name, reason in pruned.stays]
        print_json({"code": "done", "removed": pruned.removed, "stays": stays})
        return 0
    say(f"removed {counted(len(pruned.removed), 'backup')}" + "".join(f"\n  {one}" for one in pruned.removed))
    for name, reason in pruned.stays:
        say(f"stays: {name}: {safe(reason)}")
    return 0
