"""plan: show what a migration would do."""

from __future__ import annotations

from pathlib import Path

import click

from pjais.choices import Ids, LogFormat
from pjais.cli.context import Context, collection_option, common, database_option, origin_option, password_option
from pjais.cli.migration_options import (
    expand_cold_option,
    format_option,
    ids_option,
    sources_argument,
    store_id_option,
    target_option,
    to_option,
)
from pjais.cli.output import print_json, progress, say
from pjais.cli.run_report import print_counts, print_rules, say_passed
from pjais.display import size
from pjais.workspace import resolve_workspace


@click.command("plan")
@sources_argument
@to_option
@target_option
@store_id_option
@format_option
@ids_option
@expand_cold_option
@origin_option
@database_option
@collection_option
@password_option
@common
def plan_command(
    context: Context,
    sources: tuple[Path, ...],
    to: str | None,
    target: Path | None,
    store_id: str | None,
    form: LogFormat | None,
    ids: Ids,
    expand_cold: bool,
    password: str | None,
    origin: str | None,
    database: str | None,
    collection: str | None,
) -> int:
    """Show what `migrate` would do.  Writes nothing."""
    from pjais.api import migration

    with progress(quiet=context.quiet) as report_progress:
        made = migration.plan(
            context.data_dir,
            sources,
            target,
            to=to,
            store_id=store_id,
            format=form,
            ids=ids,
            expand_cold=expand_cold,
            password=password,
            origin=origin,
            database=database,
            collection=collection,
            progress=report_progress,
        )
    if context.as_json:
        here = resolve_workspace(context.data_dir, target, to=to, store_id=store_id, format=form)
        print_json(
            {
                "code": "already_migrated" if made.nothing_to_do else "done",
                "to": here.target.kind,
                "target": made.target,
                "sources": [
                    {"kind": ref.kind, "name": ref.name, "path": str(ref.path), **counts.as_dict()}
                    for ref, counts in made.sources
                ],
                "passed": [one.as_dict() for one in made.passed],
                "total": made.total.as_dict(),
                "rules": dict(made.findings),
                "findings": [finding.as_dict() for finding in made.examples],
                "finding_count": sum(made.findings.values()),
                "disk": {"needed": made.bytes_needed, "free": made.bytes_free},
                "seconds": round(made.seconds, 1),
                "irreversible": [],
            }
        )
        return 0
    print_counts([(ref.kind, ref.name, counts) for ref, counts in made.sources], made.total)
    print_rules(made.findings)
    say_passed(made.passed)
    say(f"\ntarget: {made.target}")
    say(f"disk: {size(made.bytes_needed)} needed, {size(made.bytes_free)} free")
    say(f"time: about {made.seconds:.0f} s")
    say("irreversible steps: none")
    quarantine = " --on-invalid quarantine" if made.total.waiting else ""
    following = context.typed(f"pjais migrate{quarantine}")
    say("\nNothing to do." if made.nothing_to_do else f"\nNext: {following}")
    return 0
