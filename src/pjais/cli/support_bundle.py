"""support-bundle."""

from __future__ import annotations

from pathlib import Path

import click

from pjais import commands
from pjais.checks import support_bundle
from pjais.cli.context import Context, common
from pjais.cli.locations import OUTPUT_FOLDER, OUTPUT_PLACE
from pjais.cli.output import print_json, say, shown_path
from pjais.display import size
from pjais.migration import state


@click.command("support-bundle")
@click.option("--target", type=OUTPUT_PLACE, help=commands.TARGET)
@click.option("-o", "--output", type=OUTPUT_FOLDER, help="Folder to write to (default: the current one).")
@common
def support_bundle_command(context: Context, target: Path | None, output: Path | None) -> int:
    """Write two small files for support; no content in them.

    They hold versions, layout, states, codes and counts, but no content, names, ids or tags of your data.  Nothing is
    sent anywhere: read the files, then send them yourself.
    """
    folder = (output or Path.cwd()).expanduser().absolute()
    found, made = support_bundle.write(state.chosen(context.data_dir, target), folder)
    if context.as_json:
        print_json({"code": "done", "files": [str(path) for path in made], "bundle": found})
        return 0
    for path in made:
        say(f"{shown_path(path)}  ({size(path.stat().st_size)})")
    say("versions, layout, states, codes and counts; no content, names, ids or tags of your data")
    say("nothing was sent anywhere: read the .txt, then send both files to support")
    return 0
