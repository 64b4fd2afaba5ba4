"""ChatGPT's export: shards and the older single file, trees, attachments, and what goes wrong in them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from app_files import GOLDEN, by_native_id, documents, expected, kind_of, migrated, read
from hypothesis import given, settings
from hypothesis import strategies as st
from wild import JSON, assert_any_comes_out

import pjais
from pjais.core.document import Document, Remark, Unreadable
from pjais.sources import registry
from pjais.sources.apps.chatgpt.conversation import SHAPE, turns
from pjais.sources.apps.shape import copied
from pjais.sources.contract import Wishes

SHARDED, SINGLE = GOLDEN / "chatgpt" / "export-sharded.zip", GOLDEN / "chatgpt" / "conversations.json"
KIND = registry.of_kind("chatgpt")


def natives(path: Path) -> list[Any]:
    if path.suffix == ".json":
        return list(json.loads(path.read_text("utf-8")))
    with zipfile.ZipFile(path) as packed:
        names = sorted(name for name in packed.namelist() if name.startswith("conversations"))
        return [one for name in names for one in json.loads(packed.read(name))]


def shown(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "id": message["id"],
            "role": message["role"],
            "content_type": message["metadata"]["kind"],
            "hidden": message["metadata"].get("hidden", False),
            "text": message["content"],
            "timestamp": message["timestamp"],
        }
        for message in document["messages"]
    ]


@pytest.mark.parametrize("path", [SHARDED, SINGLE])
def test_conversations_are_read_with_the_branch_that_was_on_screen(path: Path) -> None:
    found = by_native_id(read(path), "conversations")
    told = expected("chatgpt")["files"][path.name]["conversations"]
    assert list(found) == [one["native_id"] for one in told]
    for one in told:
        document = found[one["native_id"]]
        assert (document["title"], document["isArchived"]) == (one["title"], one["archived"])
        path_told = [{k: v for k, v in each.items() if k != "parts"} for each in one.get("active_path", [])]
        assert shown(document) == path_told
        assert {each["id"] for each in document["extra"].get("branches", [])} == set(one.get("nodes_off_path", []))


@pytest.mark.parametrize("path", [SHARDED, SINGLE])
def test_every_conversation_comes_out_as_it_was(path: Path) -> None:
    assert KIND is not None
    made = by_native_id(read(path), "conversations").values()
    assert [KIND.native("conversations", copied(one)) for one in made] == natives(path)


def test_an_edit_in_the_store_arrives_in_the_apps_own_object() -> None:
    native = natives(SHARDED)[0]
    everything, on_screen = turns(native)
    document = SHAPE.document(native, {"id": "c"}, turns=everything, shown=on_screen)
    document["title"] = "Lamps"
    document["messages"][-1]["content"] = "Here."
    back = SHAPE.native(document)
    assert back["title"] == "Lamps"
    assert back["mapping"][native["current_node"]]["message"]["content"]["parts"] == ["Here."]
    back["title"] = native["title"]
    back["mapping"][native["current_node"]] = native["mapping"][native["current_node"]]
    assert back == native


def test_files_are_kept_once_and_named_by_the_messages_that_show_them() -> None:
    pieces = read(SHARDED)
    told = expected("chatgpt")["files"][SHARDED.name]["attachments"]
    held = documents(pieces, "attachments")
    assert len(held) == len(told)
    conversation = by_native_id(pieces, "conversations")[told[0]["conversation"]]
    named = [one for message in conversation["messages"] for one in message["metadata"].get("attachments", [])]
    assert {one["sha256"] for one in named} == set(held)
    assert [one["name"] for one in named if one["mediaType"]] == ["lamp.png"]


def test_facts_that_conversations_mention_are_memories_only_if_asked() -> None:
    assert documents(read(SHARDED), "memories") == {}
    found = documents(read(SHARDED, Wishes(with_memories=True)), "memories").values()
    told = expected("chatgpt")["files"][SHARDED.name]["memories"]
    assert [(one["content"], one["extra"]["chatgpt"]["source"]) for one in found] == [
        (one["text"], one["source"]) for one in told
    ]


def with_messages(*messages: dict[str, Any], name: str = "c") -> dict[str, Any]:
    """Return a conversation of messages that follow each other."""
    ids = [f"{name}{number}" for number in range(len(messages))]
    mapping = {
        one: {"id": one, "message": {"id": one, **message}, "parent": ids[number - 1] if number else None}
        for number, (one, message) in enumerate(zip(ids, messages, strict=True))
    }
    return {"id": name, "title": name, "mapping": mapping, "current_node": ids[-1]}


def test_facts_come_from_the_newest_list_and_from_custom_instructions_of_both_forms(tmp_path: Path) -> None:
    def given(at: int, text: str) -> dict[str, Any]:
        content = {"content_type": "model_editable_context", "model_set_context": text}
        return {"author": {"role": "assistant"}, "create_time": at, "content": content}

    told = {"about_user_message": "I bake.", "about_model_message": "Be terse."}
    path = tmp_path / "conversations.json"
    conversations = [
        with_messages(given(2000, "1. [2024-01-02]. Stays.\n2. Of two\nlines"), name="newest"),
        with_messages(given(1000, "1. [2024-01-01]. Forgotten since.\n2. [2024-01-02]. Stays."), name="older"),
        with_messages(given(3000, ""), {"metadata": {"user_context_message_data": told}}, name="empty"),
    ]
    path.write_text(json.dumps(conversations), "utf-8")
    found = documents(read(path, Wishes(with_memories=True)), "memories").values()
    assert [(one["content"], one["createdAt"]) for one in found] == [
        ("I bake.", None),
        ("Be terse.", None),
        ("Stays.", "2024-01-02T00:00:00.000Z"),
        ("Of two lines", "1970-01-01T00:33:20.000Z"),
    ]


def test_files_that_are_json_or_of_spoken_chats_are_attachments(tmp_path: Path) -> None:
    spoken = {
        "content_type": "real_time_user_audio_video_asset_pointer",
        "audio_asset_pointer": {"asset_pointer": "sediment://file_00aa", "size_bytes": 3},
        "frames_asset_pointers": [{"asset_pointer": "file-service://file-Frame1"}],
    }
    uploaded = {"attachments": [{"id": "file-Data1", "name": "data.json", "mime_type": "application/json"}]}
    message = {"content": {"content_type": "multimodal_text", "parts": [spoken]}, "metadata": uploaded}
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("conversations.json", json.dumps([with_messages(message)]))
        packed.writestr("file-Data1-data.json", '{"x": 1}')
        packed.writestr("file_00aa.dat", "abc")
    pieces = read(path)
    (document,) = documents(pieces, "conversations").values()
    named = document["messages"][0]["metadata"]["attachments"]
    assert [(one["name"], one.get("missing", False)) for one in named] == [
        ("data.json", False),
        ("file_00aa.dat", False),
        ("file-Frame1", True),
    ]
    assert {one["sha256"] for one in named[:2]} == set(documents(pieces, "attachments"))
    assert documents(pieces, "chatgpt_files") == {}


def test_conversations_in_lines_are_read(tmp_path: Path) -> None:
    path = tmp_path / "conversations.jsonl"
    path.write_text("".join(json.dumps(with_messages({}, name=one)) + "\n" for one in "ab"), "utf-8")
    assert list(by_native_id(read(path), "conversations")) == ["a", "b"]


def test_a_store_has_each_conversation_once_whatever_is_imported_again(tmp_path: Path) -> None:
    renamed = tmp_path / "chatgpt (1).zip"
    renamed.write_bytes(SHARDED.read_bytes())
    with migrated(tmp_path / "data", SHARDED) as store:
        before = store.conversations.list()
    with migrated(tmp_path / "data", renamed) as store:
        assert store.conversations.list() == before
        assert len(before) == expected("chatgpt")["files"][SHARDED.name]["counts"]["conversations"]


def test_one_broken_conversation_among_good_ones_is_told_and_costs_no_other(tmp_path: Path) -> None:
    first, second = natives(SHARDED)[:2]
    path = tmp_path / "conversations.json"
    path.write_text(f'[{json.dumps(first)}, {{"mapping": nonsense}}, 17, {json.dumps(second)}]', "utf-8")
    pieces = read(path)
    assert list(by_native_id(pieces, "conversations")) == [first["id"], second["id"]]
    assert [one.reason for one in pieces if isinstance(one, Unreadable)] == [
        "not JSON: Expecting value",
        "not a conversation: not an object",
    ]


def test_a_cut_file_gives_what_is_there_and_says_what_is_not(tmp_path: Path) -> None:
    path = tmp_path / "conversations.json"
    text = json.dumps(natives(SHARDED)[:2])
    path.write_text(text[: len(text) - 100], "utf-8")
    pieces = read(path)
    assert len(documents(pieces, "conversations")) == 1
    assert sum(isinstance(one, Unreadable) for one in pieces) == 1


def test_cycles_and_missing_parents_in_a_tree_keep_every_message(tmp_path: Path) -> None:
    def node(name: str, parent: str) -> dict[str, Any]:
        content = {"content_type": "text", "parts": [name]}
        return {"id": name, "message": {"id": name, "author": {"role": "user"}, "content": content}, "parent": parent}

    mapping = {"a": node("a", "b"), "b": node("b", "a"), "c": node("c", "gone")}
    native = {"conversation_id": "x", "title": "odd", "mapping": mapping, "current_node": "nowhere"}
    path = tmp_path / "odd.json"
    path.write_text(json.dumps([native]), "utf-8")
    pieces = read(path)
    assert [one.rule for one in pieces if isinstance(one, Remark)] == [
        "current-missing",
        "parent-missing",
        "parent-cycle",
    ]
    (document,) = documents(pieces, "conversations").values()
    everything = [*document["messages"], *document["extra"]["branches"]]
    assert sorted(one["content"] for one in everything) == ["a", "b", "c"]


def test_it_is_recognised_by_content_alone(tmp_path: Path) -> None:
    assert kind_of(SHARDED) == kind_of(SINGLE) == "chatgpt"
    other = tmp_path / "conversations.json"
    other.write_text('[{"uuid": "1", "chat_messages": []}]', "utf-8")
    assert kind_of(other) != "chatgpt"
    with zipfile.ZipFile(SHARDED) as packed:
        packed.extractall(tmp_path / "wrapped" / "export")
    assert kind_of(tmp_path / "wrapped" / "export") == "chatgpt"


def _of_one(**message: Any) -> dict[str, Any]:
    """Return a conversation of one message of the user."""
    content = {"content_type": "text", "parts": ["hi"]}
    node = {"message": {"author": {"role": "user"}, "content": content, **message}, "parent": None}
    return {"conversation_id": "c", "title": "t", "mapping": {"a": node}, "current_node": "a"}


@pytest.mark.parametrize("odd", [{"x": 1}, ["bio"], 3, None])
def test_a_recipient_or_content_type_that_is_no_text_is_kept(odd: Any, tmp_path: Path) -> None:
    """An object or a list there ended the run with a TypeError."""
    path = tmp_path / "odd.json"
    path.write_text(
        json.dumps([_of_one(recipient=odd), _of_one(content={"content_type": odd, "parts": ["hi"]})]), "utf-8"
    )
    assert all(one.value["messages"][0]["content"] == "hi" for one in read(path) if isinstance(one, Document))
    pjais.migrate(tmp_path / "data", [str(path)])
    assert pjais.verify(tmp_path / "data").passed


def test_an_id_that_is_no_text_gives_way_to_the_other_one(tmp_path: Path) -> None:
    path = tmp_path / "odd.json"
    path.write_text(json.dumps([{**_of_one(), "conversation_id": 5, "id": "good"}]), "utf-8")
    assert list(by_native_id(read(path), "conversations")) == ["good"]


@pytest.mark.parametrize("first", ["nope", "null", '{"conversation_id": "e", "title": "empty shell"}', '"text"'])
def test_a_first_element_that_is_broken_or_empty_does_not_hide_the_others(first: str, tmp_path: Path) -> None:
    """The file was taken for JSON of no app, and everything in it rejected."""
    path = tmp_path / "export.json"
    path.write_text(f"[{first}, {json.dumps(_of_one())}]", "utf-8")
    assert kind_of(path) == "chatgpt"
    assert "c" in by_native_id(read(path), "conversations")


def test_other_files_are_kept_as_they_are_written(tmp_path: Path) -> None:
    """A key that stood twice was dropped in silence, and what looks like a tag of ours was decoded."""
    path = tmp_path / "export.zip"
    doubled, tagged = '{"a": 1, "a": 2}', {"x": {"$bytes": "eA=="}, "y": {"$$number": "NaN"}}
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("conversations.json", json.dumps([_of_one()]))
        packed.writestr("user.json", doubled)
        packed.writestr("user_settings.json", json.dumps(tagged))
        packed.writestr("empty.json", "")
        packed.writestr("deep.json", "[" * 5000 + "]" * 5000)
    kept = {one.native_id: one for one in read(path) if isinstance(one, Document) and one.collection == "chatgpt_files"}
    assert kept["user.json"].text == f'{{"name": "user.json", "value": {doubled}}}'
    assert kept["user_settings.json"].value == {"name": "user_settings.json", "value": tagged}
    assert (kept["empty.json"].value["text"], len(kept["deep.json"].value["text"])) == ("", 10_000)
    with migrated(tmp_path / "data", path) as store:
        (found,) = [one for one in store.collection("chatgpt_files").all() if one.key == "user_settings.json"]
        assert found.value["value"] == tagged


def test_of_a_folder_of_downloads_each_file_stands_for_itself(tmp_path: Path) -> None:
    report = pjais.import_file(tmp_path, [GOLDEN / "chatgpt"])
    assert sorted(one["name"].rpartition("/")[2] for one in report.sources) == [SINGLE.name, SHARDED.name]
    with pjais.open(tmp_path) as store:
        assert len(store.conversations.list()) == 6


_IDS = st.sampled_from(["a", "b", "c", "d", "e"])
_CONTENT = st.fixed_dictionaries(
    {"content_type": st.sampled_from(["text", "code", "thoughts", "reasoning_recap", "new"]) | JSON},
    optional={"parts": st.lists(st.text() | JSON, max_size=3), "text": st.text() | JSON, "content": st.text()},
)
_MESSAGE = st.none() | st.fixed_dictionaries(
    {"content": _CONTENT},
    optional={
        "author": st.fixed_dictionaries({"role": st.sampled_from(["user", "tool", "new"])}) | JSON,
        "create_time": st.floats(0, 2e9) | JSON,
        "metadata": JSON,
        "recipient": st.just("bio") | JSON,
        "weight": st.sampled_from([0, 1.0]),
    },
)
_NODE = st.fixed_dictionaries({"message": _MESSAGE, "parent": st.none() | _IDS}, optional={"children": JSON})
_CONVERSATION = st.fixed_dictionaries(
    {"conversation_id": st.text(min_size=1)},
    optional={
        "title": JSON,
        "create_time": st.floats(0, 2e9) | JSON,
        "mapping": st.dictionaries(_IDS, _NODE | JSON, max_size=5) | JSON,
        "current_node": _IDS | JSON,
        "is_archived": JSON,
        "$anything": JSON,
    },
)


@given(_CONVERSATION)
@settings(deadline=None, max_examples=300)
def test_any_conversation_comes_out_as_it_was(native: dict[str, Any]) -> None:
    assert_any_comes_out(SHAPE, native, *turns(native))


def test_an_archive_after_another_program_is_read(tmp_path: Path) -> None:
    path = tmp_path / "export.exe"
    path.write_bytes(b"MZ" + bytes(5000) + SHARDED.read_bytes())
    report = pjais.import_file(tmp_path / "data", [path])
    assert [one["kind"] for one in report.sources] == ["chatgpt"]
    with pjais.open(tmp_path / "data") as store:
        assert len(store.conversations.list()) == 5
    assert pjais.verify(tmp_path / "data").passed


def test_the_rest_of_an_export_comes_in_unless_its_owner_says_stop(tmp_path: Path) -> None:
    path = tmp_path / "conversations.json"
    path.write_text(f"[{json.dumps(natives(SHARDED)[0])}, 17]", "utf-8")
    with pytest.raises(pjais.errors.PjaisError):
        pjais.import_file(tmp_path / "a", [path], on_invalid="stop")
    report = pjais.import_file(tmp_path / "b", [path])
    assert (report.code, report.total.migrated, report.total.quarantined) == ("quarantined", 1, 1)
    path.write_text("[17, 18]", "utf-8")
    with pytest.raises(pjais.errors.PjaisError):  # nothing is left
        pjais.import_file(tmp_path / "c", [path])
