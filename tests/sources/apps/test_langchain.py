"""LangChain's lists of messages and LangGraph's items: strictly recognised, and known by what does not change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from app_files import assert_native, documents, kind_of, migrated, read
from hypothesis import given, settings
from hypothesis import strategies as st
from wild import IDS, JSON, assert_harmless, reasons, rules, written

from pjais.sources import registry
from pjais.sources.apps.langchain import records

KIND = next(one for one in registry.APPS if one.kind == "langchain")


def message(kind: str, content: Any, **more: Any) -> dict[str, Any]:
    data = {
        "content": content,
        "additional_kwargs": {},
        "response_metadata": {},
        "type": kind,
        "name": None,
        "id": None,
    }
    return {"type": kind, "data": {**data, **more}}


def talk() -> list[dict[str, Any]]:
    blocks = [{"type": "text", "text": "Yes."}, {"type": "image_url", "image_url": {"url": "u"}}]
    call = {"tool_calls": [{"name": "look", "args": {}, "id": "call_1", "type": "tool_call"}]}
    return [
        message("system", "You watch the sky."),
        message("human", "Is the moon up?", name="Wren"),
        message("ai", "", **call),
        message("tool", "up", tool_call_id="call_1"),
        message("ai", blocks, response_metadata={"model_name": "test-model"}),
    ]


def items() -> list[dict[str, Any]]:
    times = {"created_at": "2026-05-04T10:00:00.000001+00:00", "updated_at": "2026-05-04T10:00:01+00:00"}
    return [
        {"namespace": ["wren", "memories"], "key": "k1", "value": {"content": "Likes the moon"}, **times},
        {"namespace": ["wren", "profile"], "key": "k1", "value": {"name": "Wren", "age": 9}, **times},
    ]


def test_messages_are_one_conversation(tmp_path: Path) -> None:
    pieces = read(written(tmp_path, talk()))
    (found,) = documents(pieces, "conversations").values()
    assert [(one["role"], one["content"], one["timestamp"]) for one in found["messages"]] == [
        ("system", "You watch the sky.", None),
        ("user", "Is the moon up?", None),
        ("assistant", "", None),
        ("tool", "up", None),
        ("assistant", "Yes.", None),
    ]
    assert [one["metadata"].get("hidden", False) for one in found["messages"]] == [True, False, True, True, False]
    assert found["messages"][4]["metadata"]["model"] == "test-model"
    assert_native(KIND, pieces, "conversations", [talk()])


@pytest.mark.parametrize("form", ["list", "lines"])
def test_items_are_memories(form: str, tmp_path: Path) -> None:
    text = json.dumps(items()) if form == "list" else "\n".join(map(json.dumps, items()))
    pieces = read(written(tmp_path, text))
    found = list(documents(pieces, "memories").values())
    assert [one["content"] for one in found] == ["Likes the moon", {"name": "Wren", "age": 9}]
    assert [(one["name"], one["tags"]) for one in found] == [("k1", ["wren", "memories"]), ("k1", ["wren", "profile"])]
    assert found[0]["createdAt"] == "2026-05-04T10:00:00.000Z"
    assert_native(KIND, pieces, "memories", items())


def test_a_longer_list_is_the_same_conversation_and_another_one_is_not(tmp_path: Path) -> None:
    longer = [*talk(), message("human", "Thanks")]
    other = [*talk()[:2], message("ai", "No.")]
    ids = [next(iter(documents(read(written(tmp_path, one)), "conversations"))) for one in (talk(), longer, other)]
    assert ids[0] == ids[1] != ids[2]
    first = "01234567-89ab-4cde-8fab-0123456789ab"
    named = [message("human", "Hi", id=first)]
    assert records.identity(named) == records.identity([*named, message("ai", "Hello")])


def test_nothing_comes_twice(tmp_path: Path) -> None:
    paths = [written(tmp_path, talk(), "b.json"), written(tmp_path, items(), "c.json")]
    again = [written(tmp_path, talk(), "d.json"), written(tmp_path, items(), "e.json")]
    with migrated(tmp_path / "data", *paths) as store:
        assert (len(store.conversations.list()), len(store.memories.list())) == (1, 2)
        before = store.memories.list()
    with migrated(tmp_path / "data", *again) as store:
        assert len(store.conversations.list()) == 1
        assert store.memories.list() == before


def test_it_is_recognised_strictly(tmp_path: Path) -> None:
    def kind(value: Any) -> str | None:
        return kind_of(written(tmp_path, value))

    assert kind(talk()) == kind(items()) == kind(items()[0]) == "langchain"
    assert kind([message("AIMessageChunk", "a")]) == "langchain"
    for value in (
        [],
        [{"type": "human", "data": {}}],
        [{"type": "human", "data": {"content": "a"}}],
        [{"type": "click", "data": {"content": "a", "id": 1}}],
        [{**message("human", "a"), "at": 1}],
        [{**items()[0], "other": 1}],
        [{**items()[0], "namespace": "wren"}],
        [{**items()[0], "value": "text"}],
    ):
        assert kind(value) != "langchain", value


def test_broken_and_unknown_messages_are_told(tmp_path: Path) -> None:
    text = json.dumps([*talk(), 3, message("robot", "beep")]).replace('"Is the moon up?"', "nope")
    pieces = read(written(tmp_path, text))
    (found,) = documents(pieces, "conversations").values()
    assert [one["role"] for one in found["messages"]][-1] == "robot"
    assert rules(pieces) == ["unknown-type"]
    assert len(reasons(pieces)) == 2


@pytest.mark.parametrize(
    "value",
    [
        [message("human", []), {"type": [], "data": 3}, {}, None],
        [items()[0], {"key": "a"}, {"key": 3}, {"key": "b", "namespace": {}, "value": None}],
    ],
)
def test_values_of_any_type_raise_nothing(value: Any, tmp_path: Path) -> None:
    assert_harmless(written(tmp_path, value), tmp_path / "data")


_MESSAGE = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["human", "ai", "chat"]) | JSON,
        "data": JSON | st.fixed_dictionaries({"content": JSON | st.text()}, optional={"id": IDS | JSON, "role": JSON}),
    },
)


@given(st.lists(_MESSAGE, max_size=4))
@settings(deadline=None, max_examples=150)
def test_any_messages_come_out_as_they_were(messages: list[dict[str, Any]]) -> None:
    turns = [records.turn(one, at) for at, one in enumerate(messages)]
    document = records.MESSAGES.document(messages, {"id": records.identity(messages)}, turns=turns)
    assert records.native("conversations", json.loads(json.dumps(document))) == messages


@given(
    st.fixed_dictionaries({"key": st.text()}, optional=dict.fromkeys(("namespace", "value", "created_at", "x"), JSON))
)
@settings(deadline=None, max_examples=100)
def test_any_item_comes_out_as_it_was(native: dict[str, Any]) -> None:
    assert records.native("memories", json.loads(json.dumps(records.item(native)))) == native
