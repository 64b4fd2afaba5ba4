"""The nine tools answer as the real MCP memory server does: as recorded, and as the server itself, if it is there."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mcp.client.client import Client
from mcp.client.stdio import stdio_client
from scenario import FRESH, IMPORTED
from talking import ERAS, JSON, Step, call, entity, ours, real, relation, shown, talk, within

import pjais
from oracle_places import INSPECTOR, missing
from pjais.exchange.export import What, to_file
from pjais.mcp import memory_tools, native_tools
from pjais.mcp.answers import dumps
from pjais.mcp.options import Options
from pjais.workspace import resolve_workspace
from required import require

GOLDEN = Path(__file__).parents[1] / "golden" / "mcp"
SAMPLE = Path(__file__).parents[1] / "golden" / "ai-apps" / "mcp-memory" / "memory.jsonl"
DELETES = Options(allow_delete=True)


def recorded(name: str) -> list[JSON]:
    answers: list[JSON] = json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))
    return answers


def agree(steps: list[Step], got: list[JSON], wanted: list[JSON]) -> None:
    """Compare answers one by one, so that the first difference is shown with its call."""
    assert len(got) == len(wanted) == len(steps)
    for step, one, other in zip(steps, got, wanted, strict=True):
        assert one == other, step


@pytest.mark.parametrize("era", ERAS)
def test_a_fresh_store_answers_as_the_real_server(tmp_path: Path, era: str) -> None:
    agree(FRESH, call(tmp_path / "data", *FRESH, options=DELETES, era=era), recorded("fresh"))
    assert pjais.verify(tmp_path / "data").passed


@pytest.mark.parametrize("era", ERAS)
def test_an_imported_graph_answers_as_the_real_server(tmp_path: Path, era: str) -> None:
    pjais.migrate(tmp_path / "data", [str(SAMPLE)])
    agree(IMPORTED, call(tmp_path / "data", *IMPORTED, options=DELETES, era=era), recorded("imported"))
    assert pjais.verify(tmp_path / "data").passed


@pytest.mark.parametrize("era", ERAS)
def test_the_tools_are_described_as_the_real_ones(tmp_path: Path, era: str) -> None:
    """Those that read take `limit` and `cursor` besides; else nothing differs.  `execution` is of one era only."""
    wanted = json.loads((GOLDEN / "server-memory-2026.8.31-tools.json").read_text("utf-8"))
    listed = within(tmp_path, lambda client: client.list_tools(), era=era)
    found = {one.name: one.model_dump(mode="json", by_alias=True, exclude_none=True) for one in listed.tools}
    for one in wanted:
        told = found[one["name"]]
        if one["annotations"]["readOnlyHint"]:
            assert told["inputSchema"]["properties"].pop("limit")["type"] == "integer"
            assert told["inputSchema"]["properties"].pop("cursor")["type"] == "string"
        if era != "legacy":
            one.pop("execution")
        assert told == one
    assert list(found)[9:] == [tool.name for tool in native_tools.tools()]


def test_options_say_which_tools_there_are(tmp_path: Path) -> None:
    def names(options: Options) -> list[str]:
        listed = within(tmp_path, lambda client: client.list_tools(), options)
        return [one.name for one in listed.tools]

    assert names(Options(tools=("memory",))) == [one.name for one in memory_tools.tools()]
    assert names(Options(read_only=True)) == [
        *("read_graph", "search_nodes", "open_nodes"),
        *("recall", "get", "history", "personas", "conversations_search"),
    ]
    refused = call(tmp_path, ("create_entities", {"entities": []}), options=Options(read_only=True))[0]
    assert refused["isError"] and "not found" in refused["content"][0]["text"]
    assert not (tmp_path / "pjais.sqlite").exists()


def test_a_delete_without_leave_says_how_the_owner_gives_it(tmp_path: Path) -> None:
    wrote = call(tmp_path, ("create_entities", {"entities": [entity("Ada", "tea")]}))[0]
    assert not wrote["isError"]
    steps: list[Step] = [
        ("delete_entities", {"entityNames": ["Ada"]}),
        ("delete_observations", {"deletions": [{"entityName": "Ada", "observations": ["tea"]}]}),
        ("delete_relations", {"relations": []}),
        ("read_graph", {}),
    ]
    *refused, graph = call(tmp_path, *steps)
    assert all(one["isError"] and "--allow-delete" in one["content"][0]["text"] for one in refused)
    assert graph["structuredContent"]["entities"] == [entity("Ada", "tea")]


def test_what_was_deleted_comes_back(tmp_path: Path) -> None:
    """The owner restores the entity, and its relations are there again; nothing was purged."""
    made: list[Step] = [
        ("create_entities", {"entities": [entity("Ada", "tea"), entity("Bo")]}),
        ("create_relations", {"relations": [relation("Ada", "Bo")]}),
        ("delete_entities", {"entityNames": ["Ada"]}),
        ("read_graph", {}),
    ]
    *_, graph = call(tmp_path, *made, options=DELETES)
    assert graph["structuredContent"] == {"entities": [entity("Bo")], "relations": []}
    with pjais.open(tmp_path) as store:
        for one in store.memories.deleted():
            store.memories.restore(one.id)
    assert call(tmp_path, ("read_graph", {}))[0]["structuredContent"] == {
        "entities": [entity("Ada", "tea"), entity("Bo")],
        "relations": [relation("Ada", "Bo")],
    }


def test_other_memories_are_entities_by_name_else_by_id(tmp_path: Path) -> None:
    """Their text is the first observation, JSON as JSON; a relation may end at one."""
    with pjais.open(tmp_path) as store:
        plain = store.memories.create(content="about tea", type="note", name="Tea")
        nameless = store.memories.create(content={"a": [1, "ü"]}, type="fact")
    steps: list[Step] = [
        ("open_nodes", {"names": [nameless.id]}),
        ("add_observations", {"observations": [{"entityName": nameless.id, "contents": ["more"]}]}),
        ("create_relations", {"relations": [relation("Tea", nameless.id)]}),
        ("read_graph", {}),
        ("open_nodes", {"names": [plain.id]}),
    ]
    opened, _, _, graph, by_id = call(tmp_path, *steps)
    told = entity(nameless.id, '{"a":[1,"ü"]}', kind="fact")
    assert opened["structuredContent"]["entities"] == [told]
    told["observations"].append("more")
    assert graph["structuredContent"] == {
        "entities": [entity("Tea", "about tea", kind="note"), told],
        "relations": [relation("Tea", nameless.id)],
    }
    assert by_id["structuredContent"]["entities"] == [entity("Tea", "about tea", kind="note")]


def test_a_relation_to_what_is_not_there_goes_out_and_comes_back(tmp_path: Path) -> None:
    """The export writes it as the server does; with its side file nothing is new in the same store."""
    steps: list[Step] = [
        ("create_entities", {"entities": [entity("Ada", "tea")]}),
        ("create_relations", {"relations": [relation("Ada", "Later"), relation("No", "One")]}),
    ]
    call(tmp_path / "data", *steps)
    to_file(resolve_workspace(tmp_path / "data"), None, tmp_path / "out", What("mcp-memory"))
    lines = [json.loads(line) for line in (tmp_path / "out" / "memory.jsonl").read_text("utf-8").splitlines()]
    assert [one for one in lines if one["type"] == "relation"] == [
        {"type": "relation", **relation("Ada", "Later")},
        {"type": "relation", **relation("No", "One")},
    ]
    before = call(tmp_path / "data", ("read_graph", {}))
    pjais.migrate(tmp_path / "data", [str(tmp_path / "out")])
    assert call(tmp_path / "data", ("read_graph", {})) == before
    pjais.migrate(tmp_path / "other", [str(tmp_path / "out")])
    assert call(tmp_path / "other", ("read_graph", {})) == before
    assert pjais.verify(tmp_path / "data").passed


def test_text_is_written_as_javascript_writes_it() -> None:
    value = {"a": ["\ud800x\udfff", "\x00\x7f\u2028", []], "b": {}}
    assert dumps(value) == ('{\n  "a": [\n    "\\ud800x\\udfff",\n    "\\u0000\x7f\u2028",\n    []\n  ],\n  "b": {}\n}')


@pytest.fixture
def installed() -> None:
    """Skip with the reason where the real server is missing; fail where it is required."""
    require(missing)


@pytest.mark.oracle
@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("era", ERAS)
def test_the_real_server_and_ours_answer_alike_over_stdio(tmp_path: Path, era: str) -> None:
    """Two processes, the official client; the real server knows the handshake only."""
    shutil.copyfile(SAMPLE, tmp_path / "imported.jsonl")
    pjais.migrate(tmp_path / "imported", [str(SAMPLE)])
    for name, steps in (("fresh", FRESH), ("imported", IMPORTED)):
        got = talk(ours(tmp_path / name, "--allow-delete"), steps, era)
        agree(steps, got, talk(real(tmp_path / f"{name}.jsonl"), steps))


NAMES = ("a", "B", "ab", "Abc", "")
TEXTS = ("x", "X y", "ab", "")


def random_step(pick: random.Random) -> Step:
    """Return any call with small arguments, so that names meet."""

    def some(make: Callable[[], Any]) -> list[Any]:
        return [make() for _ in range(pick.randint(0, 3))]

    def name() -> str:
        return pick.choice(NAMES)

    def text() -> str:
        return pick.choice(TEXTS)

    def link() -> JSON:
        return relation(name(), name(), pick.choice(("r", "s")))

    def texts() -> list[str]:
        return some(text)

    made: list[Callable[[], Step]] = [
        lambda: ("create_entities", {"entities": some(lambda: entity(name(), *texts(), kind=text()))}),
        lambda: ("create_relations", {"relations": some(link)}),
        lambda: ("add_observations", {"observations": some(lambda: {"entityName": name(), "contents": texts()})}),
        lambda: ("delete_entities", {"entityNames": [name()] if pick.random() < 0.5 else []}),
        lambda: ("delete_observations", {"deletions": some(lambda: {"entityName": name(), "observations": texts()})}),
        lambda: ("delete_relations", {"relations": some(link)}),
        lambda: ("search_nodes", {"query": pick.choice((*NAMES, *TEXTS))}),
        lambda: ("open_nodes", {"names": some(name)}),
        lambda: ("read_graph", {}),
    ]
    return pick.choice(made)()


@pytest.mark.oracle
@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("seed", range(4))
def test_random_calls_are_answered_alike(tmp_path: Path, seed: int) -> None:
    pick = random.Random(seed)
    steps = [step for _ in range(60) for step in (random_step(pick), ("read_graph", {}))]
    wanted = talk(real(tmp_path / "graph.jsonl"), steps)
    agree(steps, call(tmp_path / "data", *steps, options=DELETES), wanted)


@pytest.mark.oracle
@pytest.mark.usefixtures("installed")
def test_the_inspector_gets_the_same_answers(tmp_path: Path) -> None:
    """`@modelcontextprotocol/inspector --cli`, against both servers."""
    require(lambda: None if INSPECTOR.is_file() else "the MCP inspector is not installed: run scripts/install_oracles")
    pjais.migrate(tmp_path / "data", [str(SAMPLE)])
    shutil.copyfile(SAMPLE, tmp_path / "graph.jsonl")
    servers = (ours(tmp_path / "data"), real(tmp_path / "graph.jsonl"))
    found = [inspected(one, "--method", "tools/call", "--tool-name", "read_graph") for one in servers]
    assert found[0]["content"] == found[1]["content"]
    assert found[0]["structuredContent"] == found[1]["structuredContent"]
    listed = inspected(servers[0], "--method", "tools/list")
    assert [one["name"] for one in listed["tools"]][:9] == [one.name for one in memory_tools.tools()]


def inspected(server: Any, *arguments: str) -> JSON:
    told = json.loads(INSPECTOR.read_text("utf-8"))["bin"]
    start = next(iter(told.values())) if isinstance(told, dict) else told
    given = [f for name, value in (server.env or {}).items() for f in ("-e", f"{name}={value}")]
    command = ["node", str(INSPECTOR.parent / start), "--cli", *given, server.command, *server.args, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found: JSON = json.loads(done.stdout)
    return found


@pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning")
def test_changes_of_the_graph_are_told_to_who_asked(tmp_path: Path) -> None:
    """A handshake client subscribes to the resource, as with the real server; one of the other era listens."""
    told: list[str] = []

    async def hear(message: Any) -> None:
        told.append(str(getattr(message, "method", type(message).__name__)))

    async def run() -> None:
        client = Client(stdio_client(ours(tmp_path)), mode="legacy", message_handler=hear)
        async with client:
            await client.subscribe_resource("memory://knowledge-graph")
            shown(await client.call_tool("create_entities", {"entities": [entity("Ada")]}))
            await client.call_tool("read_graph", {})
            await client.unsubscribe_resource("memory://knowledge-graph")
            shown(await client.call_tool("create_entities", {"entities": [entity("Bo")]}))
            await asyncio.sleep(0.05)

    asyncio.run(run())
    assert len([one for one in told if "updated" in one.lower()]) == 1, told
