"""`make bench`: the MCP server beside the library's own calls, and beside the real MCP memory server.

A store of 100,000 memories.  CPU ms per call (this machine's other users do not count), p50 and p95, of calls of the
library and of the same through the server's offer and through the protocol (in one process).  Wall ms until a client
is connected and has listed the tools: ours, the real server.  And what two clients lose in 30 acknowledged writes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "mcp"), str(ROOT / "bench")]

from generate import data_json  # noqa: E402
from mcp.client.client import Client  # noqa: E402
from mcp.client.stdio import StdioServerParameters, stdio_client  # noqa: E402
from talking import entity, ours, real  # noqa: E402

import pjais  # noqa: E402
from oracle_places import missing  # noqa: E402
from pjais.mcp.home import Home  # noqa: E402
from pjais.mcp.offer import Offer  # noqa: E402
from pjais.mcp.options import Options  # noqa: E402
from pjais.mcp.server import Protocol  # noqa: E402
from pjais.persona.graph import Graph  # noqa: E402


def spent(call: Callable[..., Any], *given: Any, **named: Any) -> float:
    """Return the CPU time of a call in ms."""
    start = time.process_time()
    call(*given, **named)
    return (time.process_time() - start) * 1000


def told(name: str, times: list[float]) -> float:
    """Print the figures of a call; return its p95."""
    p95 = statistics.quantiles(times, n=20)[-1]
    print(f"{name:44} p50 {statistics.median(times):8.1f} ms   p95 {p95:8.1f} ms")
    return p95


def calls(data: Path, count: int, rounds: int) -> None:
    """Measure calls on a store of so many memories."""
    with pjais.open(data) as store:
        words = sorted({word for one in store.memories.list(limit=50) for word in str(one.content).split()})
    random.Random(5).shuffle(words)
    words = words[:rounds]
    print(f"{count:,} memories, {len(words)} calls each, one word of a text")
    home = Home(data, None, Options())
    offer = Offer(home)
    largest = 0

    def ask(tool: str, **given: Any) -> None:
        nonlocal largest
        answer = offer.call("bench", tool, given)
        assert not answer.error, answer.texts
        largest = max(largest, *(len(text.encode()) for text in answer.texts))

    with pjais.open(data) as store:
        graph = Graph(store)

        def search_nodes(word: str) -> None:
            with store.pool.view() as db:
                rows = graph.rows(db)
                found = graph.search(rows, word)
                for one, _ in zip(rows.entities(found.places, 0), range(20), strict=False):
                    list(rows.observations([one]))
                rows.relations(found.ids)

        store.memories.search_page("warm", limit=1)
        ask("recall", query="warm")
        own = told("memories.search_page", [spent(store.memories.search_page, w, limit=20) for w in words])
        served = told("recall", [spent(ask, "recall", query=w) for w in words])
        print(f"{'':44} p95 recall / library: {served / own:.2f}")
        own = told("Graph.search, 20 entities", [spent(search_nodes, w) for w in words])
        served = told("search_nodes", [spent(ask, "search_nodes", query=w) for w in words])
        print(f"{'':44} p95 search_nodes / library: {served / own:.2f}")
    told("read_graph, first page", [spent(ask, "read_graph") for _ in range(5)])
    names = [str(json.loads(offer.call("b", "read_graph", {"limit": 1}).texts[0])["entities"][0]["name"])]
    told("open_nodes", [spent(ask, "open_nodes", names=names) for _ in range(5)])

    async def through_the_protocol() -> list[float]:
        async with Client(Protocol(offer).server, mode="legacy") as client:
            found = []
            for word in words:
                start = time.process_time()
                await client.call_tool("recall", {"query": word})
                found.append((time.process_time() - start) * 1000)
            return found

    told("recall, client and server in one process", asyncio.run(through_the_protocol()))
    home.close()
    print(f"largest text of an answer: {largest:,} bytes")


async def connected(server: StdioServerParameters, rounds: int) -> list[float]:
    """Return how long it takes until the tools are listed, in ms."""
    found = []
    with Path(os.devnull).open("w") as nowhere:
        for _ in range(rounds):
            start = time.perf_counter()
            async with Client(stdio_client(server, errlog=nowhere), mode="legacy") as client:
                await client.list_tools()
                found.append((time.perf_counter() - start) * 1000)
    return found


async def kept(servers: list[StdioServerParameters]) -> int:
    """Let clients acknowledge 15 writes each at once; return how many entities the first server shows afterwards."""

    async def write(number: int, server: StdioServerParameters) -> None:
        with Path(os.devnull).open("w") as nowhere:
            async with Client(stdio_client(server, errlog=nowhere), mode="legacy") as client:
                for at in range(15):
                    answer = await client.call_tool("create_entities", {"entities": [entity(f"{number}-{at}")]})
                    assert not answer.is_error

    await asyncio.gather(*(write(number, one) for number, one in enumerate(servers)))
    with Path(os.devnull).open("w") as nowhere:
        async with Client(stdio_client(servers[0], errlog=nowhere), mode="legacy") as client:
            answer = await client.call_tool("read_graph", {})
    return len(answer.structured_content["entities"])


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--memories", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=100)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        data_json(folder / "data.json", given.memories)
        pjais.migrate(folder / "data", [str(folder / "data.json")])
        calls(folder / "data", given.memories, given.rounds)
        servers = {"ours": ours(folder / "data")}
        if missing() is None:
            servers["the real server (empty file)"] = real(folder / "graph.jsonl")
        for name, server in servers.items():
            told(f"connected and listed: {name} (wall)", asyncio.run(connected(server, 6)))
        print(f"30 acknowledged writes of 2 clients: ours keeps {asyncio.run(kept([ours(folder / 'n')] * 2))}")
        if missing() is None:
            graphs = asyncio.run(kept([real(folder / "two.jsonl")] * 2))
            print(f"{'':36} the real server keeps {graphs}")


if __name__ == "__main__":
    main()
