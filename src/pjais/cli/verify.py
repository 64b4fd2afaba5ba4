"""verify: prove every record against the backups, again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pjais.cli.context import Context, common, password_option
from pjais.cli.migration_options import target_option
from pjais.cli.output import print_json, say
from pjais.cli.progress import progress
from pjais.cli.tables import Column, print_table
from pjais.display import counted, one_line

if TYPE_CHECKING:
    from pjais.core.results import Proof

_EDITS_SHOWN = 20
_CHECKS = (Column("check", "id"), Column("state", "outcome"), Column("about"))


@click.command("verify")
@target_option
@click.option("--run", "run_id", help="Verify only the documents of this run.")
@password_option
@common
def verify_command(context: Context, target: Path | None, run_id: str | None, password: str | None) -> int:
    """Verify every record against the backups again."""
    from pjais.api.migration import verify

    with progress(context) as report_progress:
        proof = verify(context.data_dir, target, run_id, password=password, progress=report_progress)
    if context.as_json:
        print_json({"code": "done", **proof.as_dict()})
        return 0
    print_table(_CHECKS, [(what, "passed", about) for what, _, about in proof.checks])
    say(
        f"\nverified: {counted(proof.records, 'record')} in the store, "
        f"{counted(proof.documents, 'document')} in the backups, no difference"
    )
    since = [(proof.edited_since, "edited"), (proof.added_since, "added"), (proof.removed_since, "removed")]
    if any(count for count, _ in since):
        say("since the migration: " + ", ".join(f"{count:,} {what}" for count, what in since) + " (see the history)")
        for what, line in _edits(context, target, proof):
            say(f"  {what} {one_line(line)}", lead=f"  {what}")
        if (more := sum(count for count, _ in since) - min(len(proof.edits), _EDITS_SHOWN)) > 0:
            say(f"  ... and {more:,} more")
    return 0


def _edits(context: Context, target: Path | None, proof: Proof) -> Iterator[tuple[str, str]]:
    """Yield the first edits: what was done, and the record with its name."""
    from pjais.cli import store_history  # loaded on demand: most verifications find no edit
    from pjais.migration import state

    first = proof.edits[:_EDITS_SHOWN]
    store = state.chosen(context.data_dir, target).store
    names = store_history.names_on_screen(store, [(kind, key) for _, kind, key in first])
    for what, kind, key in first:
        yield what, store_history.named(kind, key, names)
