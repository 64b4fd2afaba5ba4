"""ui: the local web page."""

from __future__ import annotations

import sys
import webbrowser
from pathlib import Path

import click

from pjais.cli.context import Context, common, password_option
from pjais.cli.locations import OUTPUT_PLACE, PATH
from pjais.cli.output import print_json, say
from pjais.errors import UsageError


@click.command("ui")
@click.argument("sources", nargs=-1, type=PATH)
@click.option("--target", type=OUTPUT_PLACE, help="The store to show.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="The port; without it a free one.")
@click.option("--open/--no-open", "opens", default=None, help="Open it in the browser (default: on a terminal).")
@password_option
@common
def ui_command(
    context: Context, sources: tuple[Path, ...], target: Path | None, port: int, opens: bool | None,
    password: str | None,
) -> int:  # fmt: skip
    """Open the local web page: migrate, look, search, travel in time.  Loopback only; end with Ctrl-C."""
    try:
        from pjais.web.home import Home
        from pjais.web.serving import serve
    except ModuleNotFoundError as error:
        raise UsageError(f"the page needs the package {error.name}", next_command="pip install 'pjais[ui]'") from error
    home = Home(context.data_dir, target, sources, password=password)

    def ready(address: str) -> None:
        if context.as_json:
            print_json({"code": "done", "url": address})
        else:
            say(f"the page is at {address}\nit is for you alone: the address holds its key.  End it with Ctrl-C.")
        sys.stdout.flush()
        if opens or (opens is None and sys.stdout.isatty()):
            webbrowser.open(address)

    serve(home, port, ready)
    return 0
