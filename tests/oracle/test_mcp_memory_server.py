"""The real MCP memory server reads the graph that we write, adds to it, and we read that again."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from oracle_world import HERE, migrate_sample, require

import pjais
from pjais.exchange.export import What, to_file
from pjais.workspace import resolve_workspace

pytestmark = pytest.mark.oracle

SERVER = HERE / "node_modules" / "@modelcontextprotocol" / "server-memory" / "dist" / "index.js"
GRAPH = HERE.parent / "golden" / "ai-apps" / "mcp-memory" / "memory.jsonl"


def missing() -> str | None:
    """Return what is not installed; None where everything is."""
    if shutil.which("node") is None:
        return "node is not installed"
    return None if SERVER.is_file() else "the MCP memory server is not installed: run scripts/install_oracles"


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    """Skip with the reason where the oracle is missing; fail where it is required."""
    require(missing)


def call(graph: Path, *tools: tuple[str, dict[str, Any]]) -> list[Any]:
    """Let the server that keeps a graph in a file run tools; return their structured answers."""
    start = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    sent: list[dict[str, Any]] = [
        {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": start},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
    ]
    server = subprocess.Popen(
        ["node", str(SERVER.resolve())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"MEMORY_FILE_PATH": str(graph), "PATH": "/usr/bin:/bin"},
        text=True,
        encoding="utf-8",
    )
    assert server.stdin is not None
    assert server.stdout is not None
    answers: list[Any] = []
    try:
        for number, (name, arguments) in enumerate(tools, 1):
            params = {"name": name, "arguments": arguments}
            sent.append({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params})
            for one in sent:
                server.stdin.write(json.dumps(one) + "\n")
            server.stdin.flush()
            sent = []
            answer: dict[str, Any] = {}
            while answer.get("id") != number:
                line = server.stdout.readline()
                assert line, "the server has ended"
                answer = json.loads(line)
            assert not answer["result"].get("isError"), answer
            answers.append(answer["result"]["structuredContent"])
    finally:
        server.stdin.close()
        server.terminate()
        server.wait(30)
        server.stdout.close()
    return answers


def written(data: Path, folder: Path) -> Path:
    to_file(resolve_workspace(data), None, folder, What("mcp-memory"))
    return folder / "memory.jsonl"


def test_the_server_reads_in_our_graph_what_it_read_in_its_own(tmp_path: Path) -> None:
    """read_graph is equal, and what it writes next has our bytes and one relation more."""
    pjais.migrate(tmp_path / "data", [str(GRAPH)])
    ours = written(tmp_path / "data", tmp_path / "out")
    own = tmp_path / "own.jsonl"
    shutil.copyfile(GRAPH, own)
    assert call(ours, ("read_graph", {})) == call(own, ("read_graph", {}))
    new = {"relations": [{"from": "Default_User", "to": "default_user", "relationType": "is not"}]}
    call(ours, ("create_relations", new))
    added = '\n{"type":"relation","from":"Default_User","to":"default_user","relationType":"is not"}'
    assert ours.read_bytes() == GRAPH.read_bytes() + added.encode("utf-8")


def test_what_the_server_adds_to_a_store_comes_back(tmp_path: Path) -> None:
    """The sample's memories are observations that it finds; a new one comes in, and nothing comes twice."""
    sample = migrate_sample(tmp_path / "data")
    live = [one for one in sample.records["memories"] if one["deletedAt"] is None]
    graph = written(tmp_path / "data", tmp_path / "out")
    (read,) = call(graph, ("read_graph", {}))
    assert sum(len(one["observations"]) for one in read["entities"]) == len(live)
    name = read["entities"][0]["name"]
    call(graph, ("add_observations", {"observations": [{"entityName": name, "contents": ["Said to the assistant"]}]}))
    report = pjais.migrate(tmp_path / "data", [str(tmp_path / "out")])
    assert report.exit_code == 0
    assert pjais.verify(tmp_path / "data").passed
    with pjais.open(tmp_path / "data") as store:
        found = {one.id: one for one in store.memories.list(limit=10_000)}
    new = [one for key, one in found.items() if key not in {each["id"] for each in sample.records["memories"]}]
    assert [one.content for one in new if one.type == "observation"] == ["Said to the assistant"]
    assert len(new) == 2  # and the name as an entity
