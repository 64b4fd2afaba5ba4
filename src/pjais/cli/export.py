"""export: a store, or the documents of any source, as a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pjais import commands
from pjais.cli.context import Context, common, password_option
from pjais.cli.locations import OUTPUT_FOLDER, OUTPUT_OF_ANY, OUTPUT_PLACE, PATH
from pjais.cli.output import print_json, room, safe, say, warn, write_raw
from pjais.cli.progress import progress
from pjais.display import counted
from pjais.errors import UsageError
from pjais.migration import state

if TYPE_CHECKING:
    from pjais.exchange.export import Exported
    from pjais.exchange.guide_export import Validation

_target = click.option("--target", type=OUTPUT_PLACE, help=commands.TARGET)


@click.command("export")
@click.argument("store", required=False, type=PATH)
@click.option("-o", "--output", type=OUTPUT_OF_ANY, help="File or folder to write (default: stdout).")
@click.option(
    "--format",
    "shape",
    default="pjais",
    show_default=True,
    help="Output format: pjais (canonical JSON), rxdb-dump (for RxDB's importJSON(), one file per database), "
    "rxdb-export (of the RxDB to LiveStore guide), an AI app's (character-card, markdown, ...), or an extension's.",
)
@click.option("--documents", is_flag=True, help="Export every live document of any source, as NDJSON in tagged JSON.")
@click.option(
    "--skip-unreadable",
    is_flag=True,
    help="With --documents or rxdb-dump: report unreadable data on stderr, export the rest, exit with code 1.",
)
@click.option(
    "--blobs",
    type=OUTPUT_FOLDER,
    help="With --documents: folder for the bytes of Blobs and attachments (default: inline).",
)
@_target
@password_option
@common
def export_command(
    context: Context,
    store: Path | None,
    output: Path | None,
    shape: str,
    documents: bool,
    skip_unreadable: bool,
    blobs: Path | None,
    target: Path | None,
    password: str | None,
) -> int:
    """Export a store or a source; equal data gives equal bytes.

    The default format is canonical JSON.
    """
    from pjais.exchange import export

    what = export.What(shape, documents, skip_unreadable, blobs)
    if output is not None and output.is_dir() and not what.is_of_app:
        raise UsageError(f"{output} is a folder: name a file in it")
    here = state.chosen(context.data_dir, target)
    shown = context if output is not None or room() is None else replace(context, quiet=True)  # not amid the data
    with progress(shown) as report_progress:
        if output is None:
            done = export.to(here, store, write_raw, what, password=password, tell=_note, progress=report_progress)
        else:
            done = export.to_file(here, store, output, what, password=password, tell=_note, progress=report_progress)
    if output is not None:
        _say_exported(context, output, done)
    for line in done.unreadable:
        warn(f"unreadable: {safe(line)}")
    if done.unreadable:
        warn(f"incomplete: {counted(len(done.unreadable), 'item')} of the source cannot be read")
    return 1 if done.unreadable or (done.validation is not None and done.validation.errors) else 0


_FEW = 5
"""Up to so many files of an export are named one by one."""


def _note(line: str) -> None:
    warn(f"note: {safe(line)}")


def _say_exported(context: Context, output: Path, done: Exported) -> None:
    if done.validation is not None:
        _say_validated(context, output, done.validation)
        return
    written = done.files or (output,)
    if context.as_json:
        told = {"code": "incomplete" if done.unreadable else "done", "file": str(written[0])}
        several = {"files": [str(one) for one in done.files]} if done.files else {}
        size = sum(one.stat().st_size for one in written)
        print_json({**told, **several, "bytes": size, "unreadable": list(done.unreadable)})
    else:
        what = "the store" if done.documents is None else counted(done.documents, "document")
        shown = ", ".join(map(str, written)) if len(written) <= _FEW else f"{output}: {len(written):,} files"
        say(f"exported {what} to {shown}")


def _say_validated(context: Context, output: Path, result: Validation) -> None:
    """Print the guide's validation of its export."""
    if context.as_json:
        print_json({"code": "done", "file": str(output), "validation": result.as_dict()})
        return
    for line in result.errors:
        say(safe(f"error: {line}"))
    for line in result.warnings:
        say(safe(f"warning: {line}"))
    memories = counted(result.memories, "memory", "memories")
    say(f"exported {counted(result.personas, 'persona')} and {memories} to {output}, read back")
