"""Letta's agent files of both versions: agents, blocks, what was said by calls, events, secrets, identity."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from app_files import GOLDEN, by_native_id, documents, expected, kind_of, migrated, read
from hypothesis import given, settings
from hypothesis import strategies as st
from wild import IDS, JSON, assert_harmless, assert_nowhere, reasons, rules, written

from pjais.core.document import Document
from pjais.sources import registry
from pjais.sources.apps.letta_af import agent as letta
from pjais.sources.apps.shape import copied

FILE = GOLDEN / "letta-af" / "harbour.af"
TOLD = expected("letta-af")["files"][FILE.name]
KIND = registry.of_kind("letta-af")


def harbour() -> Any:
    return json.loads(FILE.read_text("utf-8"))


def older() -> dict[str, Any]:
    """Return an agent file of version 1, with the content of the golden one."""
    agent = harbour()["agents"][0]
    kept = {
        key: one for key, one in agent.items() if key not in ("id", "block_ids", "in_context_message_ids", "secrets")
    }
    blocks = [{"label": "human", "value": "Wren", "limit": 2000, "created_at": "2025-01-02T03:04:05.000001+00:00"}]
    variables = [{"key": "API_TOKEN", "value": "TEST-SECRET"}]
    messages = [{key: one for key, one in message.items() if key != "id"} for message in agent["messages"]]
    more = {
        "created_at": "2025-01-01T00:00:00+00:00",
        "version": "0.7.1",
        "metadata_": None,
        "agent_type": "memgpt_agent",
    }
    return {
        **kept,
        **more,
        "core_memory": blocks,
        "messages": messages,
        "in_context_message_indices": [0, 2],
        "tool_exec_environment_variables": variables,
        "tools": [{"name": "t", "json_schema": {"properties": {"password": {"type": "string"}}}}],
    }


def test_agents_are_personas_and_blocks_their_memories() -> None:
    pieces = read(FILE)
    personas, memories = by_native_id(pieces, "personas"), by_native_id(pieces, "memories")
    (told,) = TOLD["personas"]
    agent = personas[told["native_id"]]
    assert (agent["name"], agent["description"]) == (told["name"], told["description"])
    assert agent["settings"] == {"systemPrompt": told["system_prompt"]}
    assert agent["personality"] == {"tags": told["tags"]}
    assert list(memories) == [one["native_id"] for one in TOLD["memories"]]
    for one in TOLD["memories"]:
        block = memories[one["native_id"]]
        assert (block["name"], block["content"]) == (one["label"], one["text"])
        assert block["personaId"] == personas[one["persona"]]["id"]
        assert block["extra"]["letta-af"]["read_only"] is one.get("read_only", False)


def test_what_was_said_is_shown_and_everything_else_is_hidden() -> None:
    (told,) = TOLD["conversations"]
    found = by_native_id(read(FILE), "conversations")[told["persona"]]["messages"]
    assert len(found) == told["messages_total"]
    visible = [one for one in found if not one["metadata"].get("hidden")]
    assert [
        {"id": one["id"], "role": one["role"], "text": one["content"], "timestamp": one["timestamp"]} for one in visible
    ] == told["visible"]
    assert [one["id"] for one in found if one["metadata"].get("hidden")] == told["hidden"]
    assert [one["id"] for one in found if one["metadata"].get("outOfContext")] == told["out_of_context"]


def test_everything_else_is_kept_whole() -> None:
    assert KIND is not None
    pieces, whole = read(FILE), harbour()
    made = {
        one.collection: KIND.native(one.collection, copied(one.value)) for one in pieces if isinstance(one, Document)
    }
    for told in TOLD["kept_whole"]:
        key, _, inner = told.partition(".")
        if inner:
            assert made["letta_af_file"][key][inner] == whole[key][inner]
        elif whole[key]:
            assert [made[f"letta_af_{key}"]] == whole[key]
        else:
            assert made["letta_af_file"][key] == []
    rest = {key: one for key, one in whole.items() if key not in ("agents", "blocks", "tools", "skills")}
    assert made["letta_af_file"] == rest


@pytest.mark.parametrize("whole", [harbour(), older()], ids=["2", "1"])
def test_every_object_comes_out_as_it_was(whole: Any, tmp_path: Path) -> None:
    assert KIND is not None
    back: dict[str, list[Any]] = {}
    for one in read(written(tmp_path, whole)):
        if isinstance(one, Document):
            back.setdefault(one.collection, []).append(KIND.native(one.collection, json.loads(json.dumps(one.value))))
    agent = (
        whole["agents"][0] if "agents" in whole else {key: one for key, one in whole.items() if key != "core_memory"}
    )
    (made,), (said,) = back["personas"], back["conversations"]
    redacted = {"tool_exec_environment_variables": {"$redacted": True}}
    assert {**made, **said} == {**agent, **redacted}
    assert back["memories"] == whole.get("blocks", whole.get("core_memory"))


def test_a_file_of_version_1_gives_the_same(tmp_path: Path) -> None:
    path = written(tmp_path, older(), "old.txt")
    assert kind_of(path) == "letta-af"
    pieces = read(path)
    (persona,) = documents(pieces, "personas").values()
    (block,) = documents(pieces, "memories").values()
    (talk,) = documents(pieces, "conversations").values()
    assert persona["createdAt"] == "2025-01-01T00:00:00.000Z"
    assert (block["personaId"], block["createdAt"]) == (persona["id"], "2025-01-02T03:04:05.000Z")
    assert [one["content"] for one in talk["messages"] if not one["metadata"].get("hidden")] == [
        "Is berth 4 free?",
        "Until noon.",
    ]
    assert [bool(one["metadata"].get("outOfContext")) for one in talk["messages"]] == [False, True, False, True, True]
    assert persona["extra"]["letta-af"]["tools"] == older()["tools"]


def test_no_secret_is_stored_anywhere(tmp_path: Path) -> None:
    whole = harbour()
    (secret,) = TOLD["secrets_not_stored"]
    whole["agents"][0]["secrets"] = [{"key": "A", "value": secret}]
    whole["agents"][0]["llm_config"]["api_key"] = secret
    server = {"id": "mcp_server-0", "server_name": "s", "token": secret, "custom_headers": {"X": secret}}
    whole["mcp_servers"] = [{**server, "stdio_config": {"command": "c", "env": {"ANY": secret}}}]
    for number, value in enumerate((whole, older())):
        path = written(tmp_path, value, f"{number}.af")
        with migrated(tmp_path / f"data{number}", path):
            assert_nowhere(secret, tmp_path / f"data{number}")
        text = path.read_text("utf-8")
        broken = written(tmp_path, text.replace('"name"', '"name" nope', 1), f"broken{number}.af")
        assert_harmless(broken, tmp_path / f"other{number}")
        assert_nowhere(secret, tmp_path / f"other{number}")


def test_a_later_export_brings_only_what_is_new(tmp_path: Path) -> None:
    later = harbour()
    later["created_at"] = "2026-11-04T10:01:00.000000+00:00"
    agent = later["agents"][0]
    agent["messages"].append(
        {**agent["messages"][2], "id": "message-5", "created_at": "2026-05-05T10:00:00.000000+00:00"}
    )
    agent["id"] = "agent-7"
    later["blocks"][0]["id"] = agent["block_ids"][0] = "block-9"
    with migrated(tmp_path / "data", FILE) as store:
        before = store.conversations.list()
    renamed = tmp_path / "harbour (1).af"
    renamed.write_bytes(FILE.read_bytes())
    with migrated(tmp_path / "data", renamed) as store:
        assert store.conversations.list() == before
    with migrated(tmp_path / "data", written(tmp_path, later, "a.af")) as store:
        assert len(store.personas.list()) == 1
        assert len(store.memories.list()) == len(TOLD["memories"])
        (talk,) = store.conversations.list()
        assert len(talk.messages) == TOLD["conversations"][0]["messages_total"] + 1


def test_agents_of_one_name_groups_and_shared_blocks(tmp_path: Path) -> None:
    whole = harbour()
    other = copied(whole["agents"][0])
    other |= {"id": "agent-1", "block_ids": ["block-0", "block-8"]}
    whole["agents"].append(other)
    whole["groups"] = [{"id": "group-0", "agent_ids": ["agent-0", "agent-1", "agent-9"], "description": "pair"}]
    pieces = read(written(tmp_path, whole))
    personas = by_native_id(pieces, "personas")
    assert len({one["id"] for one in personas.values()}) == 2
    block = by_native_id(pieces, "memories")["block-0"]
    related = {one["type"]: one for one in documents(pieces, "relationships").values()}
    assert (related["shared_block"]["fromId"], related["shared_block"]["toId"]) == (
        block["id"],
        personas["agent-1"]["id"],
    )
    assert (related["group"]["fromId"], related["group"]["toId"]) == (block["personaId"], personas["agent-1"]["id"])
    assert "block-missing" in rules(pieces)
    assert len(documents(pieces, "letta_af_groups")) == 1


def told(agent_type: str, **message: Any) -> tuple[str, dict[str, Any]]:
    (turn,) = letta.turns([{"role": "assistant", **message}], agent_type, None)
    return turn.content, turn.metadata


def test_what_an_agent_says_depends_on_its_type() -> None:
    def call(name: str, arguments: Any) -> dict[str, Any]:
        return {"tool_calls": [{"function": {"name": name, "arguments": arguments}}]}

    text = [{"type": "text", "text": "inner"}, {"type": "reasoning", "reasoning": "r"}]
    assert told("memgpt_agent", content=text, **call("send_message", '{"message": "out"}')) == ("out", {})
    assert told("memgpt_agent", content=text, **call("send_message", {"message": "out"})) == ("out", {})
    assert told("memgpt_agent", content=text, **call("send_message", "{cut")) == (
        "inner",
        {"kind": "tool_call", "hidden": True},
    )
    assert told("memgpt_v2_agent", content=text) == ("inner", {"kind": "reasoning", "hidden": True})
    assert told("letta_v1_agent", content=text, **call("search", "{}")) == ("inner", {})
    assert told("letta_v1_agent", content=[], **call("search", "{}")) == ("", {"kind": "tool_call", "hidden": True})
    assert told("letta_v1_agent", content="plain") == ("plain", {})


def test_events_of_the_user_are_hidden_and_packed_words_are_shown() -> None:
    def said(value: Any) -> tuple[str, dict[str, Any]]:
        (turn,) = letta.turns([{"role": "user", "content": json.dumps(value)}], "memgpt_agent", None)
        return turn.content, turn.metadata

    assert said({"type": "user_message", "message": "Hi", "time": "now"}) == ("Hi", {})
    assert said({"type": "heartbeat", "reason": "r"})[1] == {"kind": "heartbeat", "hidden": True}
    assert said({"type": "invoice", "message": "Hi"}) == ('{"type": "invoice", "message": "Hi"}', {})
    (turn,) = letta.turns([{"role": "summary", "content": "s"}], "x", None)
    assert turn.metadata == {"hidden": True, "kind": "summary"}


def test_pictures_in_messages_are_attachments(tmp_path: Path) -> None:
    whole = harbour()
    data = base64.b64encode(b"\x89PNG").decode()
    inline = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}
    named = {"type": "image", "source": {"type": "letta", "file_id": "file-1"}}
    whole["agents"][0]["messages"][2]["content"] += [inline, named]
    pieces = read(written(tmp_path, whole))
    (attachment,) = documents(pieces, "attachments").values()
    message = by_native_id(pieces, "conversations")["agent-0"]["messages"][2]
    assert [one.get("sha256", one.get("name")) for one in message["metadata"]["attachments"]] == [
        attachment["id"],
        "file-1",
    ]
    assert message["content"] == "Is berth 4 free?"


def test_one_broken_agent_costs_no_other_and_a_cut_file_gives_what_is_there(tmp_path: Path) -> None:
    whole = harbour()
    text = json.dumps({**whole, "agents": [17, *whole["agents"], "BROKEN"]}).replace('"BROKEN"', '{"name": nope}')
    pieces = read(written(tmp_path, text))
    assert len(documents(pieces, "personas")) == 1
    assert reasons(pieces) == [
        "not JSON: Expecting value; its 14 bytes are only in the raw backup, as they may hold credentials",
        "not an agent: not an object",
    ]
    pieces = read(written(tmp_path, text[: text.index('"groups"')]))
    assert len(documents(pieces, "personas")) == 1
    assert len(reasons(pieces)) == 3


def test_it_is_recognised_by_content_alone(tmp_path: Path) -> None:
    assert kind_of(FILE) == "letta-af"
    assert kind_of(written(tmp_path, FILE.read_text("utf-8"), "x.json")) == "letta-af"
    whole = harbour()
    whole["agents"][0]["messages"][0]["content"] = "x" * 100_000
    assert kind_of(written(tmp_path, whole)) == "letta-af"
    assert kind_of(written(tmp_path, {"agents": [{"id": "a"}]})) != "letta-af"
    assert kind_of(written(tmp_path, {"agents": [{"id": "a"}], "groups": []})) != "letta-af"
    assert kind_of(written(tmp_path, {"core_memory": []})) != "letta-af"


@pytest.mark.parametrize(
    "value",
    [
        {
            "agents": [{}, {"name": {"a": 1}, "messages": 3, "block_ids": [[]], "tags": 3}],
            "blocks": [{}, 1],
            "tools": [1],
        },
        {"agents": [], "blocks": {}, "tools": None, "groups": [{"agent_ids": 3}, 4], "mcp_servers": [3]},
        {
            "agents": [{"messages": [None, {"content": [3], "tool_calls": [3, {"function": 4}]}]}],
            "blocks": [],
            "tools": [],
        },
        {"core_memory": {"a": 1}, "agent_type": 4, "messages": [], "in_context_message_indices": {}},
        {"core_memory": [], "llm_config": [], "messages": {}, "in_context_message_indices": [{}]},
    ],
)
def test_values_of_any_type_raise_nothing(value: Any, tmp_path: Path) -> None:
    assert_harmless(written(tmp_path, value), tmp_path / "data")


_MESSAGE = st.fixed_dictionaries(
    {},
    optional={
        "id": IDS | JSON,
        "role": st.sampled_from(["user", "assistant", "tool"]) | JSON,
        "content": st.text() | st.lists(JSON | st.fixed_dictionaries({"type": st.just("text"), "text": JSON})) | JSON,
        "tool_calls": JSON,
        "created_at": JSON,
    },
)


@given(st.lists(_MESSAGE | JSON, max_size=4), JSON)
@settings(deadline=None, max_examples=150)
def test_any_messages_come_out_as_they_were(messages: list[Any], kind: Any) -> None:
    found = letta.turns(messages, kind, letta.in_context({"in_context_message_ids": ["a"]}, messages))
    document = letta.MESSAGES.document({"messages": messages}, {"id": "c"}, turns=found)
    assert letta.native("conversations", json.loads(json.dumps(document))) == {"messages": messages}


@given(
    st.dictionaries(st.sampled_from(["name", "description", "system", "tags", "created_at", "label", "value"]), JSON)
)
@settings(deadline=None, max_examples=100)
def test_any_agent_and_block_comes_out_as_it_was(native: dict[str, Any]) -> None:
    assert letta.AGENT.native(letta.AGENT.document(native, {"id": "a"})) == native
    assert letta.BLOCK.native(letta.BLOCK.document(native, {"id": "a"})) == native
