"""migrate: back up, migrate, verify, cut over."""

from __future__ import annotations

from pathlib import Path

import click

from pjais.choices import Ids, LogFormat, OnInvalid
from pjais.cli.context import Context, collection_option, common, database_option, origin_option, password_option
from pjais.cli.migration_options import (
    expand_cold_option,
    format_option,
    ids_option,
    on_invalid_option,
    sources_argument,
    store_id_option,
    target_option,
    to_option,
)
from pjais.cli.output import progress
from pjais.cli.run_report import print_report


@click.command("migrate")
@sources_argument
@to_option
@target_option
@store_id_option
@format_option
@on_invalid_option
@ids_option
@expand_cold_option
@origin_option
@database_option
@collection_option
@password_option
@common
def migrate_command(
    context: Context,
    sources: tuple[Path, ...],
    to: str | None,
    target: Path | None,
    store_id: str | None,
    form: LogFormat | None,
    on_invalid: OnInvalid,
    ids: Ids,
    expand_cold: bool,
    password: str | None,
    origin: str | None,
    database: str | None,
    collection: str | None,
) -> int:
    """Back up, migrate, verify, and put the new store in place."""
    from pjais.api import migration

    with progress(quiet=context.quiet) as report_progress:
        report = migration.migrate(
            context.data_dir,
            sources,
            target,
            to=to,
            store_id=store_id,
            format=form,
            on_invalid=on_invalid,
            ids=ids,
            expand_cold=expand_cold,
            password=password,
            origin=origin,
            database=database,
            collection=collection,
            progress=report_progress,
        )
    print_report(context, report)
    return report.exit_code
