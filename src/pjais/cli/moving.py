"""export and import."""

from __future__ import annotations

from pathlib import Path

import click

from pjais import files
from pjais.cli.context import Context, common
from pjais.cli.migrating import print_report
from pjais.cli.output import print_json, progress, say, write_raw
from pjais.pipeline.place import place

_target = click.option("--target", type=click.Path(path_type=Path))


@click.command("export")
@click.argument("store", required=False, type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The file to write (default: stdout).")
@click.option("--documents", is_flag=True, help="Every document exactly as it is stored, as NDJSON.")
@_target
@common
def export_command(
    context: Context, store: Path | None, output: Path | None, documents: bool, target: Path | None
) -> int:
    """Write a store, or any source, as canonical JSON: byte-equal for equal data."""
    from pjais.pipeline import transfer

    here = place(context.data_dir, target)
    if documents:
        if output is None:
            transfer.export_documents(here, store, write_raw)
            return 0
        with files.writing(output.absolute()) as file:
            count = transfer.export_documents(here, store, file.text)
        _exported(context, output, f"{count:,} documents")
        return 0
    text = transfer.export(here, store, output)
    if text is not None:
        write_raw(text)
    elif output is not None:
        _exported(context, output, "the store")
    return 0


def _exported(context: Context, output: Path, what: str) -> None:
    if context.as_json:
        print_json({"code": "done", "file": str(output), "bytes": output.stat().st_size})
    else:
        say(f"exported {what} to {output}")


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@_target
@click.option("--on-invalid", type=click.Choice(["stop", "quarantine"]), default="stop", show_default=True)
@common
def import_command(context: Context, file: Path, target: Path | None, on_invalid: str) -> int:
    """Bring an export (or any other source file) into the store: backed up, verified, with a way back."""
    from pjais.pipeline import run

    here = place(context.data_dir, target, [file])
    with progress(quiet=context.quiet) as report_progress:
        report = run.migrate(here, run.Options(on_invalid=on_invalid), report_progress)
    print_report(context, report)
    return report.exit_code
