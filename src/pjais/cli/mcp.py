"""mcp: let assistants use the memories."""

from __future__ import annotations

import logging
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pjais.cli.context import Context, common
from pjais.cli.locations import OUTPUT_PLACE
from pjais.cli.output import is_interactive, print_json, say, warn, write_raw
from pjais.errors import UsageError

if TYPE_CHECKING:
    from pjais.mcp.options import Options

_SETS = ("memory", "native")


@click.group("mcp", invoke_without_command=True)
@click.option("--read-only", is_flag=True, help="Offer no tool that writes.")
@click.option("--persona", metavar="ID", help="Show only what is of this persona; active: of the active one.")
@click.option("--hide-tier", "hide_tiers", multiple=True, metavar="T", help="Hide memories of a tier; repeatable.")
@click.option("--hide-tag", "hide_tags", multiple=True, metavar="T", help="Hide memories with a tag; repeatable.")
@click.option("--allow-delete", is_flag=True, help="Let assistants delete; deleted memories can be restored.")
@click.option(
    "--tools",
    default="memory,native",
    show_default=True,
    help="The sets of tools: memory (those of the MCP memory server), native (ours).",
)
@click.option("--http", metavar="ADDRESS", help="Serve on an address of this machine (127.0.0.1:8000), not on stdio.")
@click.option("--target", type=OUTPUT_PLACE, help="The store to serve.")
@common
def mcp_command(
    context: Context,
    read_only: bool,
    persona: str | None,
    hide_tiers: tuple[str, ...],
    hide_tags: tuple[str, ...],
    allow_delete: bool,
    tools: str,
    http: str | None,
    target: Path | None,
) -> int | None:
    """Let assistants use the memories: start an MCP server.

    It speaks on stdio, or on this machine over HTTP.  Whatever an assistant writes is named in the history and can be
    undone.  docs/assistants.md
    """
    from pjais.mcp.options import Options

    sets: Any = tuple(dict.fromkeys(one.strip() for one in tools.split(",") if one.strip()))
    if not sets or not set(sets) <= set(_SETS):
        raise UsageError("unknown set of tools", where=[tools, f"one or several of: {','.join(_SETS)}"])
    options = Options(read_only, persona, hide_tiers, hide_tags, allow_delete, sets)
    ctx = click.get_current_context()
    if ctx.invoked_subcommand is not None:
        ctx.obj = context
        ctx.meta["pjais.mcp.arguments"] = _arguments(context, options, target)
        return None
    return _serve(context, options, http, target)


def _serve(context: Context, options: Options, http: str | None, target: Path | None) -> int:
    from pjais.mcp.home import Home

    try:
        from pjais.mcp import http as over_http
        from pjais.mcp.offer import Offer
        from pjais.mcp.server import serve_stdio
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the MCP server needs the package {error.name}", next_command="pip install 'pjais[mcp]'"
        ) from error
    logging.basicConfig(stream=sys.stderr, level=logging.INFO if context.verbose else logging.ERROR)
    address = None if http is None else over_http.address(http)
    with closing(Home(context.data_dir, target, options)) as home:
        if address is None:
            if is_interactive():
                warn("this is a server for an assistant, which speaks to it on stdin; end it with Ctrl-C")
            serve_stdio(Offer(home))
        else:
            over_http.serve(Offer(home), *address, _ready)
    return 0


def _ready(url: str, file: Path) -> None:
    warn(f"the server is at {url}")
    warn(f"its token is in {file}: send it as Authorization: Bearer; end with Ctrl-C")


def _arguments(context: Context, options: Options, target: Path | None) -> list[str]:
    """Return the options of this call, as the client is to start the server with."""
    found: list[str] = []
    for name, value in (
        ("--data-dir", None if context.data_dir is None else str(context.data_dir.absolute())),
        ("--target", None if target is None else str(target.absolute())),
        ("--persona", options.persona),
        *(("--hide-tier", one) for one in options.hide_tiers),
        *(("--hide-tag", one) for one in options.hide_tags),
        ("--tools", None if options.tools == _SETS else ",".join(options.tools)),
    ):
        found += [] if value is None else [name, value]
    found += ["--read-only"] if options.read_only else []
    return [*found, *(["--allow-delete"] if options.allow_delete else [])]


@mcp_command.command("install")
@click.argument("client", type=click.Choice(["claude-desktop", "cursor", "vscode"]))
@click.option("--name", default="pjais", show_default=True, help="What the client calls the server.")
@click.option("--print", "prints", is_flag=True, help="Print the configuration and change nothing.")
@common
def install_command(context: Context, client: Any, name: str, prints: bool) -> int:
    """Add the server to the configuration of a client.

    The file is backed up first.  The options before `install` are those that the client starts the server with:
    pjais mcp --read-only install cursor
    """
    from pjais.mcp import install

    arguments = click.get_current_context().meta.get("pjais.mcp.arguments", [])
    made = install.entry(client, install.command(arguments))
    file = install.config_file(client)
    if prints:
        write_raw(install.snippet(client, name, made) + "\n")
        return 0
    done = install.install(client, name, made, file)
    if context.as_json:
        backup = None if done.backup is None else str(done.backup)
        print_json({"code": "done", "file": str(done.file), "outcome": done.outcome, "backup": backup})
        return 0
    told = {"added": "added to", "replaced": "replaced in", "unchanged": "is already in"}[done.outcome]
    say(f"{name} {told} {done.file}")
    if done.backup is not None:
        say(f"the file as it was: {done.backup}")
    if done.outcome != "unchanged":
        say("start the client again, so that it reads its configuration")
    return 0
