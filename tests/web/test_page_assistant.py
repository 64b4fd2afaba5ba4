"""What an assistant writes is seen live on the page, says who wrote it, and is taken back there with one click."""

from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path

import pytest
from page_world import Looks

import pjais
from world import memory, persona, write_json

pytestmark = pytest.mark.oracle
pytest_plugins = ["page_fixtures"]


def remembered(folder: Path, content: str, name: str) -> None:
    """An assistant called Scribe remembers something, over the protocol."""
    from mcp.client.client import Client
    from mcp.client.stdio import StdioServerParameters, stdio_client

    from mcp import types

    source = str(Path(pjais.__file__).parents[1])
    command = ["-m", "pjais", "--data-dir", str(folder), "mcp"]
    started = StdioServerParameters(command=sys.executable, args=command, env={"PYTHONPATH": source})

    async def run() -> None:
        scribe = types.Implementation(name="Scribe", version="1")
        async with Client(stdio_client(started), client_info=scribe) as client:
            answer = await client.call_tool("remember", {"content": content, "name": name})
            assert not answer.is_error

    asyncio.run(run())


def test_an_assistants_memory_is_seen_and_taken_back(looks: Looks, tmp_path: Path) -> None:
    """The history shows it without loading again; one click on Undo takes it out of the store."""
    write_json(tmp_path, personas=[persona("p1")], memories=[memory("m1", name="Kept")])
    pjais.migrate(tmp_path)
    page = looks(tmp_path).window("/history")
    writing = threading.Thread(target=remembered, args=(tmp_path, "The kettle sings at ninety degrees.", "The kettle"))
    writing.start()
    page.locator(".timeline", has_text="Assistant Scribe").wait_for()
    writing.join()
    with pjais.open(tmp_path) as store:
        assert [one.memory.name for one in store.memories.search("kettle")] == ["The kettle"]
    page.get_by_role("button", name="Undo", exact=True).click()
    page.locator(".timeline", has_text="This page").wait_for()
    with pjais.open(tmp_path) as store:
        assert store.memories.search("kettle") == []
        assert store.memories.need("m1").name == "Kept"
    assert pjais.verify(tmp_path).passed
