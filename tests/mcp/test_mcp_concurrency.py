"""Several clients, each with a server of its own, on one store: every acknowledged write is there."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from mcp.client.client import Client
from mcp.client.stdio import stdio_client
from talking import call, entity, ours

import pjais

HANDSHAKE = [
    {
        "jsonrpc": "2.0",
        "id": 0,
        "method": "initialize",
        "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "k", "version": "1"}},
    },
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
]


def write(data: Path, clients: int, writes: int) -> None:
    """Let clients write at once, each through a process of its own; compare the store with what was acknowledged."""

    async def one(number: int) -> list[str]:
        acknowledged = []
        with Path(os.devnull).open("w") as nowhere:
            async with Client(stdio_client(ours(data), errlog=nowhere), mode="legacy") as client:
                for at in range(writes):
                    name = f"c{number}w{at}"
                    kind = "create_entities" if at % 3 else "create_relations"
                    given: dict[str, Any] = {"entities": [entity(name, "x")]}
                    if kind == "create_relations":
                        given = {"relations": [{"from": "Hub", "to": name, "relationType": "has"}]}
                    answer = await client.call_tool(kind, given)
                    assert not answer.is_error, answer.content
                    acknowledged.append(name)
        return acknowledged

    async def all_of_them() -> list[str]:
        found = await asyncio.gather(*(one(number) for number in range(clients)))
        return [name for names in found for name in names]

    assert not call(data, ("create_entities", {"entities": [entity("Hub")]}))[0]["isError"]
    acknowledged = asyncio.run(all_of_them())
    assert len(acknowledged) == clients * writes
    held = names_in(data)
    assert sorted(held) == sorted([*acknowledged, "Hub"])
    assert pjais.verify(data).passed


def names_in(data: Path) -> list[str]:
    with pjais.open(data) as store:
        found = store.memories.filtered(limit=None, type="entity", include_deleted=True)
        return [str(one.name) for one in found]


def test_two_clients_write_fifteen_each(tmp_path: Path) -> None:
    """The real server kept 21 of 30."""
    write(tmp_path, 2, 15)


@pytest.mark.slow
def test_eight_clients_write_a_hundred_each(tmp_path: Path) -> None:
    write(tmp_path, 8, 100)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_a_server_that_is_killed_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    """`kill -9` at a random moment, again and again; each time the next server goes on."""
    pick = random.Random(7)
    acknowledged: list[str] = []
    assert not call(tmp_path, ("create_entities", {"entities": [entity("Hub")]}))[0]["isError"]
    started = ours(tmp_path)
    for life in range(6):
        server = subprocess.Popen(
            [started.command, *started.args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **(started.env or {})},
            text=True,
        )
        assert server.stdin is not None and server.stdout is not None
        for one in HANDSHAKE:
            server.stdin.write(json.dumps(one) + "\n")
        server.stdin.flush()
        assert json.loads(server.stdout.readline())["id"] == 0
        lasts = pick.randint(0, 25)
        for at in range(1, 200):
            name = f"l{life}w{at}"
            params = {"name": "create_entities", "arguments": {"entities": [entity(name, "x", "y")]}}
            server.stdin.write(
                json.dumps({"jsonrpc": "2.0", "id": at, "method": "tools/call", "params": params}) + "\n"
            )
            server.stdin.flush()
            if at > lasts:
                break
            answer = json.loads(server.stdout.readline())
            assert answer["id"] == at and not answer["result"].get("isError"), answer
            acknowledged.append(name)
        time.sleep(pick.random() * 0.02)
        os.kill(server.pid, signal.SIGKILL)
        server.wait(30)
        server.stdin.close()
        server.stdout.close()
        held = names_in(tmp_path)
        assert set(acknowledged) <= set(held)
        with pjais.open(tmp_path) as store:
            said = store.memories.filtered(limit=None, type="observation")
        assert len(said) == 2 * (len(held) - 1)  # an entity is there with its observations, or not at all
    assert len(acknowledged) > 20
    assert pjais.verify(tmp_path).passed
