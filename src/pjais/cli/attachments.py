"""attachments: list the attachments of messages, or save one to a file."""

from __future__ import annotations

from pathlib import Path

import click

from pjais.cli.context import Context, common
from pjais.cli.lists import opened, target, told
from pjais.cli.locations import OUTPUT_FILE
from pjais.cli.record_commands import list_group
from pjais.cli.tables import Column
from pjais.display import size

_COLUMNS = (
    Column("id", "id"),
    Column("name"),
    Column("media_type", "word", drop=1),
    Column("size", "number", show=size),
)

attachments_command = list_group("attachments", _COLUMNS, "List the attachments of messages, or save one to a file.")


@attachments_command.command("save")
@click.argument("sha256", metavar="SHA256")
@click.option(
    "-o", "--output", type=OUTPUT_FILE, help="File to write (default: the attachment's name, in this folder)."
)
@target
@common
def save_attachment(context: Context, sha256: str, output: Path | None, target: Path | None) -> int:
    """Save an attachment to a new file.

    Its bytes are checked against their hash; an existing file is not replaced.
    """
    with opened(context, target) as store:
        path = store.attachments.save(sha256, output)
    told(context, {"code": "done", "file": str(path), "bytes": path.stat().st_size}, f"saved {path}")
    return 0
