"""rollback: restore the state before a run."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

import click

from pjais.cli.context import Context, common
from pjais.cli.locations import OUTPUT_FILE
from pjais.cli.migration_options import target_option
from pjais.cli.output import print_json, safe, say
from pjais.cli.progress import progress
from pjais.errors import ConfirmationNeeded
from pjais.migration import state


@click.command("rollback")
@click.argument("run_id", metavar="[RUN]", required=False)
@target_option
@click.option("--keep-later", type=OUTPUT_FILE, help="Export records written since the run to this file.")
@click.option("--discard-later", is_flag=True, help="Discard records written since the run.")
@common
def rollback_command(
    context: Context, run_id: str | None, target: Path | None, keep_later: Path | None, discard_later: bool
) -> int:
    """Restore the state before a run.

    RUN is the last one by default.  If records were written since, asks for --keep-later or --discard-later (exit
    code 3).
    """
    from pjais.api.migration import rollback
    from pjais.workspace import resolve_workspace

    with progress(context) as report_progress:
        report_progress("roll back", 0, None)
        try:
            done = rollback(context.data_dir, run_id, target, keep_later=keep_later, discard_later=discard_later)
        except ConfirmationNeeded as error:
            if not context.as_json:
                error.where = _with_names(state.chosen(context.data_dir, target).store, error.where)
            raise
    if context.as_json:
        print_json(done.as_dict())
        return 0
    after = "the previous store is restored" if done.restored else "the store is removed; there was none before"
    say(f"rolled back {done.run_id}: {after}")
    for path in done.sources:
        say(f"restored from the backup: {safe(path)}")
    say(f"rolled-back store kept at: {done.kept}")
    data_dir = resolve_workspace(context.data_dir).data_dir
    folder = shlex.quote(str(data_dir / "restored" / done.run_id))
    say(f"to restore its sources: {context.typed(f'pjais backup restore {done.run_id} --to {folder}')}")
    if done.later_file:
        say(f"later records exported to: {done.later_file} (`pjais import` restores them)")
    say(f"Next: {context.typed('pjais status')}")
    return 0


def _with_names(store: Path, where: Sequence[str]) -> tuple[str, ...]:
    """Return lines about later writes (`update TABLE ID`), each with the record's name where a person reads it."""
    from pjais.cli import store_history  # loaded on demand: most calls need none

    records = {line: (words[1], words[2]) for line in where if len(words := line.split(" ", 2)) == 3}
    names = store_history.names_on_screen(store, records.values())
    return tuple(f"{line}: {names[records[line]]}" if records.get(line) in names else line for line in where)
