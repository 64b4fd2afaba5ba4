"""export: a store, or the documents of any source, as a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from pjais import files
from pjais.cli.context import Context, common, password_option
from pjais.cli.locations import OUTPUT_FILE, OUTPUT_PLACE, PATH
from pjais.cli.output import print_json, safe, say, warn, write_raw
from pjais.display import counted
from pjais.errors import UsageError
from pjais.migration import state
from pjais.workspace import Workspace

_target = click.option("--target", type=OUTPUT_PLACE)


@click.command("export")
@click.argument("store", required=False, type=PATH)
@click.option("-o", "--output", type=OUTPUT_FILE, help="The file to write (default: stdout).")
@click.option(
    "--format",
    "shape",
    default="pjais",
    show_default=True,
    help="pjais (canonical JSON), rxdb-export (the RxDB to LiveStore guide's), or an added exporter's name.",
)
@click.option("--documents", is_flag=True, help="Every document exactly as it is stored, as NDJSON.")
@click.option(
    "--skip-unreadable",
    is_flag=True,
    help="With --documents: name on stderr what cannot be read, write the rest, and end with exit code 1.",
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
    target: Path | None,
    password: str | None,
) -> int:
    """Write a store, or any source, as canonical JSON: byte-equal for equal data."""
    from pjais.exchange import transfer

    here = state.chosen(context.data_dir, target)
    if output is not None:
        _refuse_to_overwrite(output)
    if skip_unreadable and not documents:
        raise UsageError("--skip-unreadable belongs to --documents")
    if documents:
        return _export_documents(context, here, store, output, password, skip=skip_unreadable)
    if shape == "rxdb-export":
        return _export_for_guide(context, here, store, output, password)
    if shape != "pjais":
        return _export_elsewhere(context, here, store, output, shape, password)
    text = transfer.export(here, store, output, password=password)
    if text is not None:
        write_raw(text)
    elif output is not None:
        _exported(context, output, "the store")
    return 0


def _export_documents(
    context: Context, here: Workspace, store: Path | None, output: Path | None, password: str | None, *, skip: bool
) -> int:
    """Every document as it is stored; what could not be read is named, so that nobody takes the list for whole."""
    from pjais.exchange import transfer

    skipped: list[str] = []
    passed = skipped.append if skip else None
    noted: list[str] = []
    if output is None:
        transfer.export_documents(here, store, write_raw, password=password, skip=passed, note=noted.append)
    else:
        with files.writing(output.absolute()) as file:
            count = transfer.export_documents(here, store, file.text, password=password, skip=passed, note=noted.append)
        _exported(context, output, counted(count, "document"), skipped)
    for line in noted:
        warn(f"note: {safe(line)}")
    for line in skipped:
        warn(f"unreadable: {safe(line)}")
    if skipped:
        warn(f"not whole: {counted(len(skipped), 'piece')} of the source cannot be read")
    return 1 if skipped else 0


def _export_elsewhere(
    context: Context, here: Workspace, store: Path | None, output: Path | None, shape: str, password: str | None
) -> int:
    """An exporter that another package adds."""
    from pjais.exchange import plugin_target

    if output is None:
        plugin_target.export(here, store, shape, write_raw, password)
        return 0
    with files.writing(output.absolute()) as file:
        plugin_target.export(here, store, shape, file.text, password)
    _exported(context, output, "the store")
    return 0


_EXPORTS = (b'{"format":"pjais-export"', b'{"source":', b'{"database":', b'{\n  "personas": [')


def _refuse_to_overwrite(output: Path) -> None:
    """An export replaces an earlier export, and nothing else."""
    if not output.exists():
        return
    head = output.read_bytes()[:64] if output.is_file() else b"folder"
    if head and not head.startswith(_EXPORTS):
        raise UsageError("the file exists and is no export; it is not replaced", where=[str(output)])


def _export_for_guide(
    context: Context, here: Workspace, store: Path | None, output: Path | None, password: str | None
) -> int:
    """The guide's export: the file, its validation, and a reading back of it."""
    from pjais.exchange import guide_export

    if output is None:
        raise UsageError(
            "say where the export goes", next_command="pjais export --format rxdb-export -o rxdb-export.json"
        )
    result = guide_export.export(here, store, output, password=password)
    if context.as_json:
        print_json({"code": "done", "file": str(output), "validation": result.as_dict()})
    else:
        for line in result.errors:
            say(safe(f"error: {line}"))
        for line in result.warnings:
            say(safe(f"warning: {line}"))
        memories = counted(result.memories, "memory", "memories")
        say(f"exported {counted(result.personas, 'persona')} and {memories} to {output}, read back")
    return 1 if result.errors else 0


def _exported(context: Context, output: Path, what: str, skipped: Sequence[str] = ()) -> None:
    if context.as_json:
        told = {"code": "incomplete" if skipped else "done", "file": str(output), "bytes": output.stat().st_size}
        print_json({**told, "unreadable": list(skipped)})
    else:
        say(f"exported {what} to {output}")
