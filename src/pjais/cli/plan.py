"""plan: show what a migration would do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pjais.cli.context import Context, common
from pjais.cli.migration_options import run_options
from pjais.cli.output import print_json, say, shown_path
from pjais.cli.progress import progress
from pjais.cli.run_report import print_counts, print_rules, say_passed
from pjais.display import size
from pjais.sources import unpacked
from pjais.workspace import resolve_workspace

if TYPE_CHECKING:
    from pjais.core.results import Plan


@click.command("plan")
@run_options()
@common
def plan_command(context: Context, **options: Any) -> int:
    """Show what `migrate` would do, without writing anything."""
    from pjais.api import migration

    with progress(context) as report_progress:
        made = migration.plan(context.data_dir, **options, progress=report_progress)
    if context.as_json:
        place = {name: options[name] for name in ("to", "store_id", "format")}
        print_json(_as_json(made, resolve_workspace(context.data_dir, options["target"], **place).target.kind))
        return 0
    print_counts([(ref.kind, ref.name, counts) for ref, counts in made.sources], made.total)
    print_rules(context, made.findings)
    say_passed(made.passed)
    say(f"\ntarget: {shown_path(made.target)}")
    say(f"disk: {size(made.bytes_needed)} needed, {size(made.bytes_free)} free")
    say(f"time: about {made.seconds:.0f} s")
    say("irreversible steps: none")
    quarantine = " --on-invalid quarantine" if made.total.waiting else ""
    following = context.typed(f"pjais migrate{quarantine}")
    say("\nNothing to do." if made.nothing_to_do else f"\nNext: {following}")
    return 0


def _as_json(made: Plan, to: str) -> dict[str, Any]:
    sources = [
        {"kind": ref.kind, "name": ref.name, "path": str(unpacked.shown(ref.path)), **counts.as_dict()}
        for ref, counts in made.sources
    ]
    return {
        "code": "already_migrated" if made.nothing_to_do else "done",
        "to": to,
        "target": made.target,
        "sources": sources,
        "passed": [one.as_dict() for one in made.passed],
        "total": made.total.as_dict(),
        "rules": dict(made.findings),
        "findings": [finding.as_dict() for finding in made.examples],
        "finding_count": sum(made.findings.values()),
        "disk": {"needed": made.bytes_needed, "free": made.bytes_free},
        "seconds": round(made.seconds, 1),
        "irreversible": [],
    }
