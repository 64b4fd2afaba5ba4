"""livestore: the schema for an app, a look at a store's health, and the upgrade between storage formats."""

from __future__ import annotations

from pathlib import Path

import click

from pjais import files
from pjais.cli.context import Context, common
from pjais.cli.output import print_json, say, write_raw
from pjais.errors import UsageError
from pjais.schema.typescript import schema_ts


@click.group("livestore")
def livestore_command() -> None:
    """LiveStore stores: their schema, their health, their storage formats."""


@livestore_command.command("schema")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The file to write (default: stdout).")
@common
def schema(context: Context, output: Path | None) -> int:
    """Print the `schema.ts` with which an app boots a log that pjais wrote."""
    text = schema_ts()
    if output is None:
        write_raw(text)
        return 0
    if output.exists() and not output.read_text("utf-8", "replace").startswith(text[:60]):
        raise UsageError("the file exists and is no schema of ours; it is not replaced", where=[str(output)])
    files.write_atomically(output.absolute(), text.encode())
    if context.as_json:
        print_json({"code": "done", "file": str(output)})
    else:
        say(f"wrote {output}")
    return 0
