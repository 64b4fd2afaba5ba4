"""Clients that talk to servers: ours in this process or another one, the real MCP memory server, in both eras."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

import pjais
from mcp import types
from oracle_places import SERVER
from pjais.mcp.home import Home
from pjais.mcp.offer import Offer
from pjais.mcp.options import Options
from pjais.mcp.server import Protocol

JSON = dict[str, Any]
ERAS = ("legacy", "2026-07-28")
"""The handshake (up to 2025-11-25), and the stateless revision."""
Step = tuple[str, JSON]


def ours(data: Path, *arguments: str) -> StdioServerParameters:
    """Return how our server is started on a data folder."""
    source = str(Path(pjais.__file__).parents[1])
    kept = {name: os.environ[name] for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME") if name in os.environ}
    command = ["-m", "pjais", "--data-dir", str(data), "mcp", *arguments]
    return StdioServerParameters(command=sys.executable, args=command, env={**kept, "PYTHONPATH": source})


def real(graph: Path) -> StdioServerParameters:
    """Return how the real server is started on a file."""
    node = shutil.which("node") or "node"
    return StdioServerParameters(command=node, args=[str(SERVER)], env={"MEMORY_FILE_PATH": str(graph)})


def shown(result: types.CallToolResult) -> JSON:
    """Return an answer as it is recorded and compared."""
    content = [one.model_dump(mode="json", exclude_none=True) for one in result.content]
    return {"content": content, "structuredContent": result.structured_content, "isError": result.is_error}


async def answers(client: Client, steps: Sequence[Step]) -> list[JSON]:
    """Return the answers to calls, one after the other."""
    return [shown(await client.call_tool(name, arguments)) for name, arguments in steps]


def talk(started: StdioServerParameters, steps: Sequence[Step], era: str = "legacy", name: str = "test") -> list[JSON]:
    """Start a server, make calls, end it; return the answers."""

    async def run() -> list[JSON]:
        information = types.Implementation(name=name, version="1")
        with Path(os.devnull).open("w") as nowhere:
            async with Client(stdio_client(started, errlog=nowhere), mode=era, client_info=information) as client:
                return await answers(client, steps)

    return asyncio.run(run())


def within(
    data: Path,
    use: Callable[[Client], Awaitable[Any]],
    options: Options | None = None,
    *,
    era: str = "legacy",
    name: str = "test",
) -> Any:
    """Use our server in this process; return what `use` gives."""

    async def run() -> Any:
        home = Home(data, None, Options() if options is None else options)
        information = types.Implementation(name=name, version="1")
        try:
            async with Client(Protocol(Offer(home)).server, mode=era, client_info=information) as client:
                return await use(client)
        finally:
            home.close()

    return asyncio.run(run())


def call(data: Path, *steps: Step, options: Options | None = None, era: str = "legacy", name: str = "test") -> Any:
    """Make calls to our server in this process; return the answers."""
    return within(data, lambda client: answers(client, steps), options, era=era, name=name)


def entity(name: str, *observations: str, kind: str = "thing") -> JSON:
    return {"name": name, "entityType": kind, "observations": list(observations)}


def relation(source: str, target: str, kind: str = "knows") -> JSON:
    return {"from": source, "to": target, "relationType": kind}
