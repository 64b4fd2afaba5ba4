"""LobeChat's export in both forms: agents, topics, messages without one, threads, tables kept whole, credentials."""

from __future__ import annotations

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
from pjais.sources.apps import values
from pjais.sources.apps.lobechat import rows
from pjais.sources.apps.shape import copied

LEGACY, TABLES = GOLDEN / "lobechat" / "legacy-config.json", GOLDEN / "lobechat" / "pg-export.json"
KIND = registry.of_kind("lobechat")


def native(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def told(path: Path) -> Any:
    return expected("lobechat")["files"][path.name]


def shown(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"id": one["id"], "role": one["role"], "text": one["content"], "timestamp": one["timestamp"]}
        for one in messages
    ]


@pytest.mark.parametrize("path", [LEGACY, TABLES])
def test_agents_are_personas(path: Path) -> None:
    found = by_native_id(read(path), "personas")
    assert list(found) == [one["native_id"] for one in told(path)["personas"]]
    for one in told(path)["personas"]:
        persona = found[one["native_id"]]
        assert persona["settings"] == {"systemPrompt": one["system_prompt"]}
        assert persona["personality"] == {"tags": one.get("tags", ["sea"])}
        for key in ("name", "description", "avatar"):
            assert persona[key] == one.get(key, persona[key])
        for key, field in (("created_at", "createdAt"), ("updated_at", "updatedAt")):
            assert values.ms_of_iso(persona[field]) == one.get(key, values.ms_of_iso(persona[field]))


@pytest.mark.parametrize("path", [LEGACY, TABLES])
def test_topics_and_the_messages_of_no_topic_are_conversations(path: Path) -> None:
    pieces = read(path)
    found, personas = by_native_id(pieces, "conversations"), by_native_id(pieces, "personas")
    assert list(found) == [one.get("native_id", one.get("session")) for one in told(path)["conversations"]]
    for one in told(path)["conversations"]:
        document = found[one.get("native_id", one.get("session"))]
        assert document["title"] == one.get("title")
        assert document["summary"] == one.get("summary")
        assert shown(document["messages"]) == one["messages"]
        assert document["personaId"] == (personas[one["persona"]]["id"] if "persona" in one else None)
        for key, field in (("created_at", "createdAt"), ("updated_at", "updatedAt")):
            if key in one:
                assert values.ms_of_iso(document[field]) == one[key]
        branches = document["extra"].get("branches", [])
        for thread in one.get("threads", []):
            its = [each for each in branches if each["metadata"]["thread"] == thread["native_id"]]
            assert shown(its) == thread["messages"]
            assert its[0]["parentId"] == thread["source_message"]
            (kept,) = document["extra"]["threads"]
            assert (kept["id"], kept["sourceMessageId"]) == (thread["native_id"], thread["source_message"])


def test_models_tools_and_hidden_messages_are_marked() -> None:
    found = by_native_id(read(LEGACY), "conversations")
    assert found["tp1"]["messages"][1]["metadata"]["model"] == "gpt-x"
    (tool,) = found["ses1"]["messages"]
    assert (tool["metadata"]["kind"], tool["metadata"]["hidden"]) == ("tool", True)
    assert by_native_id(read(TABLES), "conversations")["tpc_1"]["messages"][1]["metadata"]["model"] == "gpt-x"


@pytest.mark.parametrize("path", [LEGACY, TABLES])
def test_every_row_comes_out_as_it_was(path: Path) -> None:
    assert KIND is not None
    whole = native(path)
    tables = {**whole.get("state", {}), **whole.get("data", {})}
    back: dict[str, list[Any]] = {}
    for one in read(path):
        assert isinstance(one, Document) or one.__class__.__name__ == "Remark"
        if not isinstance(one, Document):
            continue
        made = KIND.native(one.collection, json.loads(json.dumps(one.value)))
        if one.collection == "conversations":
            back.setdefault("topics", []).extend([made["topic"]] if "topic" in made else [])
            back.setdefault("messages", []).extend(made["messages"])
            back.setdefault("threads", []).extend(made.get("threads", []))
        elif one.collection == "personas":
            back.setdefault("sessions" if "state" in whole else "agents", []).append(made)
        elif one.collection != "lobechat_entries":
            back.setdefault(one.collection.removeprefix("lobechat_"), []).append(made)
    for table, held in tables.items():
        if isinstance(held, list) and table != "aiProviders":
            assert sorted(map(json.dumps, back.get(table, []))) == sorted(map(json.dumps, held)), table
    assert back.get("aiProviders", [{"id": "openai", "keyVaults": {"$redacted": True}}]) == [
        {"id": "openai", "keyVaults": {"$redacted": True}}
    ]


def test_no_credential_is_stored_anywhere(tmp_path: Path) -> None:
    whole, tables = native(LEGACY), native(TABLES)
    whole["state"]["settings"]["keyVaults"] = {"anthropic": {"apiKey": "sk-TEST"}}
    tables["data"]["userSettings"] = [{"id": "u", "keyVaults": "sk-TEST", "general": {"fontSize": 14}}]
    plugin = {"identifier": "p", "settings": {"API_KEY": "sk-TEST"}, "customParams": {"mcp": {"env": {"X": "sk-TEST"}}}}
    tables["data"]["userInstalledPlugins"] = [plugin]
    for number, value in enumerate((whole, tables)):
        assert told(LEGACY)["secrets_not_stored"] == told(TABLES)["secrets_not_stored"] == ["sk-TEST"]
        path = written(tmp_path, value, f"{number}.json")
        with migrated(tmp_path / f"data{number}", path):
            assert_nowhere("sk-TEST", tmp_path / f"data{number}")
        broken = path.read_text("utf-8").replace("[{", "[{nope ", 1)
        assert_harmless(written(tmp_path, broken, f"broken{number}.json"), tmp_path / f"other{number}")
        assert_nowhere("sk-TEST", tmp_path / f"other{number}")


@pytest.mark.parametrize("path", [LEGACY, TABLES])
def test_a_later_export_brings_only_what_is_new(path: Path, tmp_path: Path) -> None:
    later = native(path)
    topic = "tp1" if "state" in later else "tpc_1"
    when: Any = 1814816900000 if "state" in later else "2027-07-06T00:00:00.000Z"
    tables = later.get("state") or later["data"]
    more = {"id": "m9", "role": "user", "content": "More", "sessionId": "ses1", "topicId": topic, "createdAt": when}
    tables["messages"] += [more, {**more, "id": "m10", "topicId": None, "sessionId": "new"}]
    renamed = tmp_path / "z.txt"
    renamed.write_bytes(path.read_bytes())
    with migrated(tmp_path / "data", path) as store:
        before = store.conversations.list()
    with migrated(tmp_path / "data", renamed) as store:
        assert store.conversations.list() == before
    with migrated(tmp_path / "data", written(tmp_path, later, "a.json")) as store:
        found = store.conversations.list()
        assert len(found) == len(before) + 1
        assert sum(one["content"] == "More" for each in found for one in each.messages) == 2


def test_threads_topics_and_sessions_that_are_not_there_lose_no_message(tmp_path: Path) -> None:
    whole = native(TABLES)
    data = whole["data"]
    data["topics"] = [{**data["topics"][0], "title": "Again"}, {"title": "no id"}]
    data["topics"].insert(0, native(TABLES)["data"]["topics"][0])
    data["messages"] += [
        {"id": "m5", "role": "user", "content": "lost topic", "topicId": "tpc_9", "sessionId": None},
        {"id": "m6", "role": "user", "content": "nowhere"},
        {"id": "m7", "role": "user", "content": "lost thread", "topicId": "tpc_1", "threadId": "thd_9"},
        17,
    ]
    data["threads"].append({"id": "thd_8", "title": "of no topic", "topicId": "tpc_8"})
    pieces = read(written(tmp_path, whole))
    found = by_native_id(pieces, "conversations")
    assert list(found) == ["tpc_1", "ssn_1", "tpc_9", "inbox"]
    assert [one["content"] for one in found["tpc_9"]["messages"]] == ["lost topic"]
    branches = [one["content"] for one in found["tpc_1"]["extra"]["branches"]]
    assert branches == ["(in the side thread) and berth 5?", "lost thread"]
    assert sum(map(len, (found["tpc_1"]["messages"], found["tpc_1"]["extra"]["branches"]))) == 4
    assert rules(pieces).count("row-left") == 3
    assert "topic-missing" in rules(pieces)
    assert reasons(pieces) == ["not a row: not an object"]


def test_messages_stand_in_the_order_of_their_times(tmp_path: Path) -> None:
    whole = native(TABLES)
    whole["data"]["messages"].reverse()
    found = by_native_id(read(written(tmp_path, whole)), "conversations")["tpc_1"]
    assert [one["id"] for one in found["messages"]] == ["msg_1", "msg_2"]


def test_files_of_messages_are_named_as_missing(tmp_path: Path) -> None:
    whole = native(TABLES)
    whole["data"]["messages"][0]["files"] = ["file_1", {"id": "file_2", "name": "b.png", "fileType": "image/png"}, 3]
    whole["data"]["files"] = [{"id": "file_1", "name": "a.pdf", "fileType": "application/pdf", "size": 12}]
    found = by_native_id(read(written(tmp_path, whole)), "conversations")["tpc_1"]
    assert found["messages"][0]["metadata"]["attachments"] == [
        {"name": "a.pdf", "mediaType": "application/pdf", "size": 12, "missing": True},
        {"name": "b.png", "mediaType": "image/png", "missing": True},
        {"missing": True},
    ]


def test_it_is_recognised_by_content_alone(tmp_path: Path) -> None:
    for path in (LEGACY, TABLES):
        assert kind_of(path) == "lobechat"
        assert kind_of(written(tmp_path, path.read_text("utf-8"), "x.dat")) == "lobechat"
    tables = native(TABLES)
    assert kind_of(written(tmp_path, {"data": tables["data"], "mode": "pglite", "schemaHash": "1"})) == "lobechat"
    assert kind_of(written(tmp_path, {"state": {"x": "y" * 70_000}, "exportType": "all", "version": 7})) == "lobechat"
    assert kind_of(written(tmp_path, {"state": {}, "version": 7})) != "lobechat"
    assert kind_of(written(tmp_path, {"data": {"messages": []}})) != "lobechat"
    assert kind_of(written(tmp_path, {"mode": "dark", "schemaHash": "1", "data": {}})) != "lobechat"
    (persona,) = documents(
        read(
            written(
                tmp_path,
                {
                    "exportType": "agents",
                    "version": 9,
                    "state": {"sessions": [{"id": "a", "meta": {}}, {"id": "g", "type": "group"}]},
                },
            )
        ),
        "personas",
    ).values()
    assert persona["name"] is None


def test_a_cut_export_gives_what_is_there(tmp_path: Path) -> None:
    text = TABLES.read_text("utf-8")
    path = written(tmp_path, text[: text.index('"threads"')])
    pieces = read(path) if kind_of(path) else []
    whole = written(tmp_path, text[: text.index('"messagePlugins"')], "b.json")
    assert kind_of(whole) == "lobechat"
    pieces = read(whole)
    assert len(reasons(pieces)) == 1
    assert len(documents(pieces, "conversations")) == 2


@pytest.mark.parametrize(
    "tables",
    [
        {
            "messages": [
                {},
                {"id": 3, "role": 4, "content": {}, "threadId": [], "topicId": {}, "files": 3, "createdAt": "?"},
            ]
        },
        {
            "sessions": [{"id": "a", "meta": 3, "config": []}, {"id": "a"}],
            "topics": [{"id": "t", "title": 3}],
            "messages": {},
        },
        {
            "agents": [{"id": ""}, {"tags": 3}],
            "agentsToSessions": [{}, {"agentId": 3}],
            "threads": [{"topicId": {}}, {}],
        },
        {"messages": [{"id": "a", "parentId": "a"}, {"id": "a", "parentId": "b", "topicId": "t", "threadId": "x"}]},
        {
            "settings": None,
            "topics": None,
            "messageTranslates": [{"id": "m", "content": "x"}, {"id": "m", "content": "y"}],
        },
    ],
)
def test_values_of_any_type_raise_nothing(tables: Any, tmp_path: Path) -> None:
    legacy = {"exportType": "all", "state": tables, "version": "seven"}
    assert_harmless(written(tmp_path, legacy), tmp_path / "data")
    assert_harmless(written(tmp_path, {"mode": "postgres", "schemaHash": None, "data": tables}), tmp_path / "other")


_MESSAGE = st.fixed_dictionaries(
    {},
    optional={
        "id": IDS | JSON,
        "role": st.sampled_from(["user", "tool"]) | JSON,
        "content": st.text() | JSON,
        "parentId": IDS | JSON,
        "threadId": IDS | JSON,
        "createdAt": st.integers(0, 2 * 10**12) | st.just("2025-06-01T08:00:02.000Z") | JSON,
        "files": JSON,
        "extra": JSON,
    },
)
_TOPIC = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("id", "title", "historySummary", "createdAt", "updatedAt", "$any"), JSON)
)


@given(st.lists(_MESSAGE, max_size=5), st.none() | _TOPIC, st.lists(st.fixed_dictionaries({"id": IDS}), max_size=2))
@settings(deadline=None, max_examples=200)
def test_any_conversation_comes_out_as_it_was(messages: list[Any], topic: Any, threads: list[Any]) -> None:
    assert KIND is not None
    held = {"messages": messages, **({} if topic is None else {"topic": topic}), "threads": threads}
    for older in (True, False):
        document = rows.conversation(copied(held), {"id": "c"}, older=older, files={})
        assert KIND.native("conversations", json.loads(json.dumps(document))) == held


@given(
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            ("id", "title", "description", "avatar", "tags", "systemRole", "meta", "config", "createdAt", "updatedAt"),
            JSON,
        ),
    )
)
@settings(deadline=None, max_examples=100)
def test_any_agent_comes_out_as_it_was(row: dict[str, Any]) -> None:
    assert KIND is not None
    for older in (True, False):
        document = rows.persona(copied(row), "p", older=older)
        assert KIND.native("personas", json.loads(json.dumps(document))) == row
