"""import: exports, or any other source files, into the store."""

from __future__ import annotations

from pathlib import Path

import click

from pjais.choices import OnInvalid
from pjais.cli.context import Context, common, password_option
from pjais.cli.export import _target
from pjais.cli.locations import PATH
from pjais.cli.output import progress
from pjais.cli.run_report import print_report


@click.command("import")
@click.argument("sources", metavar="FILE...", nargs=-1, required=True, type=PATH)
@_target
@click.option("--on-invalid", type=click.Choice(["stop", "quarantine"]), default="stop", show_default=True)
@password_option
@common
def import_command(
    context: Context, sources: tuple[Path, ...], target: Path | None, on_invalid: OnInvalid, password: str | None
) -> int:
    """Import exports, or any other source files, into the store: all of them in one run, or none.

    Backed up and verified; can be rolled back.
    """
    from pjais.api.exchange import import_file

    with progress(quiet=context.quiet) as report_progress:
        report = import_file(
            context.data_dir, sources, target, on_invalid=on_invalid, password=password, progress=report_progress
        )
    print_report(context, report)
    return report.exit_code
