"""ui: the local web UI."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pjais import commands
from pjais.cli.context import Context, common, password_option
from pjais.cli.locations import OUTPUT_PLACE, PATH
from pjais.cli.output import ReaderGone, is_interactive, print_json, say
from pjais.errors import FileFailed, UsageError

if TYPE_CHECKING:
    from pjais.web.entrance import Entrance


@click.command("ui")
@click.argument("sources", nargs=-1, type=PATH)
@click.option("--target", type=OUTPUT_PLACE, help=commands.TARGET)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port to listen on (default: a free one).")
@click.option("--open/--no-open", "opens", default=None, help="Open the browser (default: only from a terminal).")
@password_option
@common
def ui_command(
    context: Context,
    sources: tuple[Path, ...],
    target: Path | None,
    port: int,
    opens: bool | None,
    password: str | None,
) -> int:
    """Open the web UI: migrate, browse, search, view history.

    Listens on the loopback interface only; end with Ctrl-C.
    """
    try:
        from pjais.web.server import serve
        from pjais.web.session import Session
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the web UI needs the package {error.name}", next_command="pip install 'pjais[ui]'"
        ) from error
    session = Session(context.data_dir, target, sources, password=password)

    def ready(entrance: Entrance) -> None:
        if context.as_json:
            told = {"code": "done", "url": entrance.address(), "token": entrance.keys.token}
            print_json(told)
        else:
            say(f"web UI: {entrance.address()}")
            say("The address is private and opens the web UI once.  End with Ctrl-C.")
            entrance.on_entered = lambda: _say_again(entrance)
        if opens or (opens is None and is_interactive()):
            entrance.open()

    serve(session, port, ready)
    return 0


def _say_again(entrance: Entrance) -> None:
    """Print a fresh address; the page goes on where nobody can read it."""
    with suppress(ReaderGone, FileFailed):
        say(f"opened; for another browser: {entrance.address()}")
