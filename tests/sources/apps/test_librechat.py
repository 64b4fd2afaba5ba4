"""LibreChat's conversations, flat and as trees of any depth, and memories out of its database."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from app_files import GOLDEN, assert_native, by_native_id, documents, expected, kind_of, migrated, read
from hypothesis import given, settings
from hypothesis import strategies as st
from wild import IDS, JSON, assert_harmless, reasons, rules, written

import pjais
from pjais.core.document import Document
from pjais.sources import registry
from pjais.sources.apps import values
from pjais.sources.apps.contract import AppSource
from pjais.sources.apps.librechat import conversation

FLAT, TREE = GOLDEN / "librechat" / "flat.json", GOLDEN / "librechat" / "tree.json"
TOLD = expected("librechat")["files"]
KIND = registry.of_kind("librechat")


def native_of(value: dict[str, Any], collection: str = "conversations") -> Any:
    assert isinstance(KIND, AppSource)
    return KIND.native(collection, json.loads(json.dumps(value)))


def only(path: Path) -> dict[str, Any]:
    (found,) = documents(read(path), "conversations").values()
    return found


@pytest.mark.parametrize("path", [FLAT, TREE])
def test_conversations_are_read_with_the_branch_that_ends_in_the_newest_message(path: Path) -> None:
    found = by_native_id(read(path), "conversations")
    (told,) = TOLD[path.name]["conversations"]
    document = found[told["native_id"]]
    assert document["title"] == told["title"]

    def said(message: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": message["id"],
            "role": message["role"],
            "text": message["content"],
            "timestamp": message["timestamp"],
        }

    assert list(map(said, document["messages"])) == told["messages"]
    assert list(map(said, document["extra"]["branches"])) == told["siblings_kept"]
    options = document["extra"]["librechat"]["options"]
    assert (options["model"], options["promptPrefix"]) == (told["model"], told["system_prompt"])
    attached = [
        {"message": message["id"], "name": one["name"]}
        for message in document["messages"]
        for one in message["metadata"].get("attachments", [])
    ]
    assert attached == told["attachments"]
    assert document["messages"][1]["metadata"]["model"] == "claude-x"
    assert "model" not in document["messages"][3]["metadata"]  # it names none, so none is put in its place
    assert "createdAt" not in document
    assert values.ms_of_iso(document["updatedAt"]) == told["messages"][-1]["timestamp"]


@pytest.mark.parametrize("path", [FLAT, TREE])
def test_conversations_come_out_as_they_were(path: Path) -> None:
    assert native_of(only(path)) == json.loads(path.read_text("utf-8"))


def test_the_flat_file_and_the_tree_are_one_conversation(tmp_path: Path) -> None:
    renamed = tmp_path / "Tar (1).json"
    renamed.write_bytes(TREE.read_bytes())
    with migrated(tmp_path / "data", FLAT) as store:
        before = store.conversations.list()
    for again in (TREE, renamed, FLAT):
        with migrated(tmp_path / "data", again) as store:
            (found,) = store.conversations.list()
            assert [one["content"] for one in found.messages] == [one["content"] for one in before[0].messages]
    later = json.loads(FLAT.read_text("utf-8"))
    last = {**later["messages"][-1], "messageId": "l5", "parentMessageId": "l4", "text": "More."}
    later["messages"].append({**last, "createdAt": "2026-05-05T10:00:00.000Z"})
    with migrated(tmp_path / "data", written(tmp_path, later)) as store:
        (found,) = store.conversations.list()
        assert found.messages[-1]["content"] == "More."


def test_an_edit_in_the_store_arrives_in_the_tree() -> None:
    document = only(TREE)
    document["title"] = "Pitch"
    document["messages"][-1]["content"] = "Edited."
    document["extra"]["branches"][0]["content"] = "Edited, too."
    back = native_of(document)
    assert back["title"] == "Pitch"
    first = back["messagesTree"][0]["children"]
    assert first[1]["children"][0]["children"][0]["text"] == "Edited."
    assert first[0]["content"][1]["text"] == "Edited, too."


def a_tree(depth: int) -> str:
    """Return a conversation as deep as it is long, as text: no JSON writer goes so deep."""
    begin = '{"conversationId": "deep", "title": "Deep", "recursive": true, "messagesTree": ['
    message = (
        '{{"messageId": "m{0}", "parentMessageId": "m{1}", "text": "text {0}", "isCreatedByUser": true, "children": ['
    )
    return begin + "".join(message.format(at, at - 1) for at in range(depth)) + "]}" * depth + "]}"


@pytest.mark.parametrize("depth", [90, 3000])
def test_a_tree_may_be_as_deep_as_its_conversation_is_long(depth: int, tmp_path: Path) -> None:
    path = written(tmp_path, a_tree(depth))
    document = only(path)
    assert [one["content"] for one in document["messages"]] == [f"text {at}" for at in range(depth)]
    back = conversation.native("conversations", document)["messagesTree"]
    for at in range(depth):
        assert (len(back), back[0]["text"]) == (1, f"text {at}")
        back = back[0]["children"]
    with migrated(tmp_path / "data", path) as store:
        assert len(store.conversations.list()[0].messages) == depth


def test_an_empty_message_costs_neither_itself_nor_what_follows_it(tmp_path: Path) -> None:
    native = json.loads(TREE.read_text("utf-8"))
    del native["messagesTree"][0]["children"][1]["text"]
    document = only(written(tmp_path, native))
    assert [one["content"] for one in document["messages"]] == [
        "What is tar?",
        "",
        "Archive, please.",
        "A file of files.",
    ]
    assert native_of(document) == native


def test_parts_errors_and_reasoning(tmp_path: Path) -> None:
    base = {"parentMessageId": "00000000-0000-0000-0000-000000000000", "isCreatedByUser": False}
    picture = {"type": "image_file", "image_file": {"file_id": "f", "filename": "a.png", "bytes": 3}}
    messages = [
        {
            **base,
            "messageId": "a",
            "content": [{"type": "text", "text": {"value": "one"}}, {"type": "text", "text": "two"}],
        },
        {**base, "messageId": "b", "parentMessageId": "a", "content": [{"type": "think", "think": "hm"}]},
        {**base, "messageId": "c", "parentMessageId": "b", "text": "", "content": [{"type": "error", "error": "late"}]},
        {
            **base,
            "messageId": "d",
            "parentMessageId": "c",
            "text": "x",
            "content": [picture],
            "isCreatedByUser": None,
            "sender": "User",
        },
    ]
    native = {"conversationId": "c", "title": "t", "endpoint": "e", "branches": False, "messages": messages}
    path = written(tmp_path, native)
    pieces = read(path)
    assert rules(pieces) == ["one-branch"]
    document = only(path)
    told = document["messages"]
    assert [(one["role"], one["content"]) for one in told] == [
        ("assistant", "one\n\ntwo"),
        ("assistant", ""),
        ("assistant", ""),
        ("user", "x"),
    ]
    assert [one["metadata"].get("hidden", False) for one in told] == [False, True, False, False]
    assert told[2]["metadata"]["kind"] == "error"
    assert told[3]["metadata"]["attachments"] == [{"name": "a.png", "size": 3, "missing": True}]
    assert native_of(document) == native


MEMORIES: list[dict[str, Any]] = [
    {"_id": {"$oid": "6"}, "userId": "u", "key": "favourite_moss", "value": "Haircap", "tokenCount": 3,
     "updated_at": {"$date": "2026-05-04T10:00:00Z"}, "__v": 0},
    {"userId": "v", "key": "favourite_moss", "value": "Sphagnum",
     "updated_at": {"$date": {"$numberLong": "1777888800123"}}},
]  # fmt: skip


@pytest.mark.parametrize("as_lines", [False, True])
def test_memories_are_one_for_each_user_and_key(as_lines: bool, tmp_path: Path) -> None:
    text = "\n".join(json.dumps(one) for one in MEMORIES) if as_lines else json.dumps(MEMORIES)
    path = written(tmp_path, text)
    assert kind_of(path) == "librechat"
    found = [one.value for one in read(path) if isinstance(one, Document)]
    assert [(one["name"], one["content"]) for one in found] == [
        ("favourite_moss", "Haircap"),
        ("favourite_moss", "Sphagnum"),
    ]
    assert [values.ms_of_iso(one["updatedAt"]) for one in found] == [1777888800000, 1777888800123]
    assert len({one["id"] for one in found}) == 2
    assert [native_of(one, "memories") for one in found] == MEMORIES
    later = [{**MEMORIES[0], "value": "Feather moss", "updated_at": {"$date": "2026-05-05T10:00:00Z"}}]
    with migrated(tmp_path / "data", path) as store:
        assert len(store.memories.list()) == 2
    with migrated(tmp_path / "data", written(tmp_path, later, "later.json")) as store:
        assert sorted(one.content for one in store.memories.list()) == ["Feather moss", "Sphagnum"]


def test_it_is_recognised_by_content_alone(tmp_path: Path) -> None:
    for path in (FLAT, TREE):
        assert kind_of(written(tmp_path, path.read_text("utf-8"), "any.bin")) == "librechat"
    packed = tmp_path / "chats.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(FLAT, "a/flat.json")
        archive.writestr("notes.txt", "x")
    assert kind_of(packed) == "librechat"
    assert rules(read(packed)) == ["left-out"]
    other: Any
    for other in (
        {"conversationId": "x"},
        [{"key": "a", "value": 1}],
        {"messages": []},
        {"conversationId": "x", "messages": []},
    ):
        assert kind_of(written(tmp_path, other)) != "librechat"


def test_a_broken_message_and_a_cut_file_cost_nothing_else(tmp_path: Path) -> None:
    for path in (FLAT, TREE):
        text = path.read_text("utf-8")
        broken = written(tmp_path, text.replace('"A black, sticky pitch."', "nonsense"))
        pieces = read(broken)
        assert len(reasons(pieces)) == 1
        (document,) = documents(pieces, "conversations").values()
        everything = [*document["messages"], *document["extra"].get("branches", [])]
        assert {"What is tar?", "A file of files."} <= {one["content"] for one in everything}
        cut = written(tmp_path, text[: text.index("Archive, please.")])
        pieces = read(cut)
        assert "cut-conversation" in rules(pieces)
        assert len(reasons(pieces)) == 1
        (document,) = documents(pieces, "conversations").values()
        everything = [*document["messages"], *document["extra"].get("branches", [])]
        assert {"What is tar?", "A black, sticky pitch."} <= {one["content"] for one in everything}


def test_several_conversations_in_one_file_and_odd_ones(tmp_path: Path) -> None:
    one = json.loads(FLAT.read_text("utf-8"))
    path = written(
        tmp_path, [one, 17, {"title": "no id", "messages": []}, {**one, "conversationId": "lc-2", "messages": []}]
    )
    pieces = read(path)
    assert len(documents(pieces, "conversations")) == 2
    assert reasons(pieces) == ["not a conversation: not an object", "a conversation without an id"]
    assert "empty-conversation" in rules(pieces)


def test_cycles_missing_parents_and_ids_twice_keep_every_message(tmp_path: Path) -> None:
    def message(name: str, parent: str, text: str) -> dict[str, Any]:
        return {"messageId": name, "parentMessageId": parent, "text": text, "isCreatedByUser": True}

    messages = [message("a", "b", "1"), message("b", "a", "2"), message("c", "gone", "3"), message("c", "a", "4")]
    native = {"conversationId": "x", "title": "odd", "endpoint": "e", "messages": messages}
    path = written(tmp_path, native)
    pieces = read(path)
    assert rules(pieces) == ["parent-missing", "parent-cycle", "message-id-twice"]
    document = only(path)
    everything = [*document["messages"], *document["extra"].get("branches", [])]
    assert sorted(one["content"] for one in everything) == ["1", "2", "3", "4"]
    assert native_of(document) == native


_PART = st.fixed_dictionaries(
    {},
    optional={"type": st.sampled_from(["text", "think", "tool_call", "image_file"]) | JSON, "text": st.text() | JSON},
)
_FIELDS = {
    "messageId": IDS | JSON,
    "parentMessageId": IDS | JSON,
    "text": st.text() | JSON,
    "content": st.lists(_PART | JSON, max_size=3) | JSON,
    "isCreatedByUser": st.booleans() | JSON,
    "createdAt": st.just("2026-05-04T10:00:00.000Z") | JSON,
    "files": JSON,
    "depth": JSON,
    "message": JSON,
}
_FLAT = st.fixed_dictionaries({}, optional={**_FIELDS, "children": JSON})
_NESTED: st.SearchStrategy[Any] = st.recursive(
    st.fixed_dictionaries({}, optional=_FIELDS) | JSON,
    lambda inner: st.fixed_dictionaries({"children": st.lists(inner, max_size=3)}, optional=_FIELDS),
    max_leaves=5,
)
_CONVERSATION = st.fixed_dictionaries(
    {"conversationId": st.text(min_size=1), "title": JSON, "endpoint": JSON},
    optional={
        "messages": st.lists(_FLAT | JSON, max_size=4) | JSON,
        "messagesTree": st.lists(_NESTED, max_size=3) | JSON,
        "options": JSON,
        "branches": JSON,
    },
)


@given(_CONVERSATION)
@settings(deadline=None, max_examples=300)
def test_any_conversation_comes_out_as_it_was(tmp_path_factory: pytest.TempPathFactory, native: dict[str, Any]) -> None:
    path = written(tmp_path_factory.getbasetemp(), [native], "any.json")
    from pjais.formats import container
    from pjais.sources.apps.librechat import reader

    with container.of(path) as opened:
        found = [one for one in reader._conversations(opened, "any.json") if isinstance(one, Document)]
    (document,) = found
    assert native_of(document.value) == native


def test_odd_values_are_harmless(tmp_path: Path) -> None:
    native = json.loads(FLAT.read_text("utf-8"))
    native["title"] = {"a": 1}
    native["messages"][0] |= {"text": 17, "createdAt": "soon", "files": {"a": 1}, "messageId": ["x"], "sender": {}}
    assert_harmless(written(tmp_path, native), tmp_path / "data")
    assert pjais.export(tmp_path / "data")


def test_messages_that_are_no_objects_are_told(tmp_path: Path) -> None:
    native = {**json.loads(FLAT.read_text("utf-8"))}
    native["messages"] = [5, *native["messages"], None]
    pieces = read(written(tmp_path, native))
    assert "odd-message" in rules(pieces)
    assert isinstance(KIND, AppSource)
    assert_native(KIND, pieces, "conversations", [native])
