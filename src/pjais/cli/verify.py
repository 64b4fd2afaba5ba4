"""verify: prove every record against the backups, again."""

from __future__ import annotations

from pathlib import Path

import click

from pjais.cli.context import Context, common, password_option
from pjais.cli.migration_options import target_option
from pjais.cli.output import print_json, progress, say, table
from pjais.display import counted, one_line

_EDITS_SHOWN = 20


@click.command("verify")
@target_option
@click.option("--run", "run_id", help="Only the documents of this run.")
@password_option
@common
def verify_command(context: Context, target: Path | None, run_id: str | None, password: str | None) -> int:
    """Verify every record against the backups, again."""
    from pjais.api.migration import verify

    with progress(quiet=context.quiet) as report_progress:
        proof = verify(context.data_dir, target, run_id, password=password, progress=report_progress)
    if context.as_json:
        print_json({"code": "done", **proof.as_dict()})
        return 0
    table(("check", "", "about"), [(what, "passed", about) for what, _, about in proof.checks])
    say(
        f"\nverified: {counted(proof.records, 'record')} in the store, "
        f"{counted(proof.documents, 'document')} in the backups, no difference"
    )
    since = [(proof.edited_since, "edited"), (proof.added_since, "added"), (proof.removed_since, "removed")]
    if any(count for count, _ in since):
        say("since the migration: " + ", ".join(f"{count:,} {what}" for count, what in since) + " (see the history)")
        for what, kind, key in proof.edits[:_EDITS_SHOWN]:
            say(f"  {what} {kind} {one_line(key)}")
        if (more := sum(count for count, _ in since) - min(len(proof.edits), _EDITS_SHOWN)) > 0:
            say(f"  ... and {more:,} more")
    return 0
