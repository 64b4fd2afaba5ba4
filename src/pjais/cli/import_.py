"""import: exports, or any other source files, into the store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pjais.cli.context import Context, common, password_option
from pjais.cli.export import _target
from pjais.cli.locations import PATH
from pjais.cli.migration_options import app_options, on_invalid_option
from pjais.cli.progress import progress
from pjais.cli.run_report import print_report


def _app_options(command: Any) -> Any:
    for option in reversed(app_options):
        command = option(command)
    return command


@click.command("import")
@click.argument("sources", metavar="FILE...", nargs=-1, required=True, type=PATH)
@_target
@on_invalid_option
@password_option
@_app_options
@common
def import_command(context: Context, sources: tuple[Path, ...], target: Path | None, **options: Any) -> int:
    """Import exports, or other source files, into the store.

    One run, all or nothing: backed up, verified, and can be rolled back.
    """
    from pjais.api.exchange import import_file

    with progress(context) as report_progress:
        report = import_file(context.data_dir, sources, target, **options, progress=report_progress)
    print_report(context, report)
    return report.exit_code
