"""migrate: back up, migrate, verify, cut over."""

from __future__ import annotations

from typing import Any

import click

from pjais.cli.context import Context, common
from pjais.cli.migration_options import run_options
from pjais.cli.progress import progress
from pjais.cli.run_report import print_report


@click.command("migrate")
@run_options(on_invalid=True)
@common
def migrate_command(context: Context, **options: Any) -> int:
    """Back up, migrate, verify, and put the new store in place."""
    from pjais.api import migration

    with progress(context) as report_progress:
        report = migration.migrate(context.data_dir, **options, progress=report_progress)
    print_report(context, report)
    return report.exit_code
