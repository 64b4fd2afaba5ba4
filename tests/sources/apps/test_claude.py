"""Claude's export: the old zip, the manifest with its parts, trees, blocks, files, projects, memories, and faults."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from app_files import GOLDEN, by_native_id, documents, expected, kind_of, migrated, read
from hypothesis import given, settings
from hypothesis import strategies as st
from wild import JSON, assert_any_comes_out, rules

import pjais
from pjais.core.document import Document, Remark, Unreadable
from pjais.errors import NoSourceFound
from pjais.exchange.export import What, to_file
from pjais.sources import registry
from pjais.sources.apps.claude import records
from pjais.sources.apps.claude.conversation import SHAPE, turns
from pjais.sources.apps.shape import copied
from pjais.workspace import resolve_workspace

OLD, PARTS = GOLDEN / "claude-ai" / "data-2026-05-04-batch-0000.zip", GOLDEN / "claude-ai" / "parts"
MANIFEST = PARTS / "manifest-test-2026-09-10-21-25-17.json"
KIND = registry.of_kind("claude")
ACCOUNT = "9090b36d-d154-55f1-b061-45bb4ad8f0fa"


def told(path: Path) -> Any:
    return expected("claude-ai")["files"]["parts/" if path == PARTS else path.name]


def member(path: Path, name: str) -> Any:
    with zipfile.ZipFile(path) as packed:
        return json.loads(packed.read(name))


def packed(path: Path, **members: Any) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, value in members.items():
            archive.writestr(f"{name}.json", value if isinstance(value, str) else json.dumps(value))
    return path


def message(uuid: str, parent: str | None = None, at: int = 0, **more: Any) -> dict[str, Any]:
    made = {"uuid": uuid, "sender": "human", "text": uuid, "created_at": f"2026-05-04T10:00:{at:02}.000000Z"}
    return made | ({} if parent is None else {"parent_message_uuid": parent}) | more


def conversation(*messages: Any, **more: Any) -> dict[str, Any]:
    return {"uuid": "c0000000-0000-4000-8000-00000000000c", "name": "n", "chat_messages": list(messages)} | more


def texts(native: dict[str, Any]) -> list[str]:
    return [turn.content for turn in turns(native)[1]]


# -- the golden files


@pytest.mark.parametrize("path", [OLD, PARTS])
def test_conversations_are_read_as_told(path: Path) -> None:
    found = by_native_id(read(path), "conversations")
    assert list(found) == [one["native_id"] for one in told(path)["conversations"]]
    for one in told(path)["conversations"]:
        document = found[one["native_id"]]
        assert (document["title"], document["summary"]) == (one["title"], one["summary"])
        dates = [pjais.instants.from_text(document[key]) for key in ("createdAt", "updatedAt")]
        assert dates == [one["created_at"], one["updated_at"]]
        shown = [
            {
                "id": each["id"],
                "role": each["role"],
                "text": each["content"],
                "timestamp": each["timestamp"],
                "blocks": each["metadata"].get("blocks", []),
                "attachments": [file["name"] for file in each["metadata"].get("attachments", [])],
            }
            for each in document["messages"]
        ]
        assert shown == one["active_path"]
        others = document["extra"].get("branches", [])
        assert [each["id"] for each in others] == one["off_path"]
        assert len(shown) + len(others) == one["messages_total"]


@pytest.mark.parametrize("path", [OLD, PARTS])
def test_projects_documents_and_memories_are_read_as_told(path: Path) -> None:
    pieces = read(path)
    personas = [
        {
            "native_id": one["id"],
            "name": one["name"],
            "description": one["description"],
            "system_prompt": one["settings"]["systemPrompt"],
            "created_at": pjais.instants.from_text(one["createdAt"]),
            "updated_at": pjais.instants.from_text(one["updatedAt"]),
        }
        for one in documents(pieces, "personas").values()
    ]
    assert personas == told(path)["personas"]
    held = documents(pieces, "memories").values()
    summaries = [
        {"text": one["content"], "scope": "project" if one["personaId"] else "account"}
        for one in held
        if one["type"] == "summary"
    ]
    assert summaries == told(path)["memories"]
    docs = [(one["name"], one["content"], one["personaId"]) for one in held if one["type"] == "document"]
    project = personas[0]["native_id"]
    assert docs == [(one["filename"], one["text"], project) for one in told(path)["project_docs"]]


def test_everything_comes_out_as_it_was() -> None:
    assert KIND is not None
    pieces = read(OLD)
    made = [copied(one) for one in by_native_id(pieces, "conversations").values()]
    assert [KIND.native("conversations", one) for one in made] == member(OLD, "conversations.json")
    (project,) = documents(pieces, "personas").values()
    native = member(OLD, f"projects/{project['id']}.json")
    assert KIND.native("personas", project) == native
    held = list(documents(pieces, "memories").values())
    assert [KIND.native("memories", one) for one in held if one["type"] == "document"] == native["docs"]
    whole: dict[str, Any] = {}
    for one in held:
        if one["type"] == "summary":
            whole |= KIND.native("memories", one)
    assert [whole] == member(OLD, "memories.json")


def test_the_text_of_a_file_is_an_attachment_and_a_name_alone_is_missing() -> None:
    pieces = read(OLD)
    (held,) = (one for one in pieces if isinstance(one, Document) and one.collection == "attachments")
    assert list(held.blobs.values()) == [b"string A\nstring B\n"]
    named = [
        one
        for document in documents(pieces, "conversations").values()
        for each in document["messages"]
        for one in each["metadata"].get("attachments", [])
    ]
    told_size = len(b"string A\nstring B\n")
    first = {"sha256": held.native_id, "name": "notes.txt", "mediaType": "text/plain", "size": told_size}
    assert named == [first, {"name": "kite.png", "missing": True}]


def test_of_users_only_the_uuid_is_kept(tmp_path: Path) -> None:
    assert by_native_id(read(OLD), "claude_users") == {ACCOUNT: {"uuid": ACCOUNT}}
    users = [{"uuid": ACCOUNT, "full_name": "Ada Private", "email_address": "ada@private.invalid"}, {"full_name": "No"}]
    text = json.dumps(users)[:-1] + ', {"email_address": "broken@private.invalid", oops'
    path = packed(tmp_path / "users-000.zip", users=text)
    pjais.migrate(tmp_path / "data", [str(path)], on_invalid="quarantine")
    for file in (tmp_path / "data").rglob("*"):
        if file.is_file() and "users" not in file.name:
            assert b"private" not in file.read_bytes().lower(), file


# -- containers


def test_each_part_and_the_folder_of_all_is_a_source(tmp_path: Path) -> None:
    assert {kind_of(one) for one in [OLD, PARTS, *PARTS.glob("*.zip")]} == {"claude"}
    for name in ("conversations", "users", "memories"):
        alone = tmp_path / f"{name} (1).json"
        alone.write_text(json.dumps(member(OLD, f"{name}.json")), "utf-8")
        assert kind_of(alone) == "claude"
    with zipfile.ZipFile(OLD) as archive:
        archive.extractall(tmp_path / "unpacked")
    assert kind_of(tmp_path / "unpacked") == "claude"
    assert documents(read(tmp_path / "unpacked"), "conversations") == documents(read(OLD), "conversations")


def test_a_manifest_alone_names_the_files_to_fetch(tmp_path: Path) -> None:
    with pytest.raises(NoSourceFound) as error:
        pjais.migrate(tmp_path / "data", [str(MANIFEST)])
    for part in PARTS.glob("*.zip"):
        assert part.name in error.value.where[0]
    assert not (tmp_path / "data" / "pjais.sqlite").exists()


def test_a_part_that_the_manifest_names_and_that_is_not_there_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "export"
    shutil.copytree(PARTS, folder)
    assert rules(read(folder)) == ["manifest-not-kept", "personal-data"]
    (folder / "projects-000.zip").rename(folder / "projects-000 (1).zip")
    (folder / "memories-000.zip").unlink()
    pieces = read(folder)
    assert rules(pieces)[0] == "part-missing"
    assert "memories-000.zip; " in next(one.message for one in pieces if isinstance(one, Remark))
    assert len(documents(pieces, "personas")) == 1


def test_a_damaged_part_costs_that_part(tmp_path: Path) -> None:
    folder = tmp_path / "export"
    shutil.copytree(PARTS, folder)
    damaged = folder / "projects-000.zip"
    whole = damaged.read_bytes()
    for left in (whole[:-40], whole[:10] + b"?" * 40, b"PK"):
        damaged.write_bytes(left)
        assert kind_of(folder) == "claude"
        pieces = read(folder)
        assert "projects-000.zip" in [one.place for one in pieces if isinstance(one, Unreadable)]
        assert len(documents(pieces, "conversations")) == 1
        assert documents(pieces, "attachments") == {}


def test_parts_may_be_unpacked_or_packed_together(tmp_path: Path) -> None:
    there = documents(read(PARTS), "conversations"), documents(read(PARTS), "memories")
    folder = tmp_path / "export"
    shutil.copytree(PARTS, folder)
    with zipfile.ZipFile(folder / "conversations-000.zip") as archive:
        archive.extractall(folder / "conversations-000")
    (folder / "conversations-000.zip").unlink()
    pieces = read(folder)
    assert (documents(pieces, "conversations"), documents(pieces, "memories")) == there
    assert "part-missing" not in rules(pieces)
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for one in PARTS.iterdir():
            archive.write(one, f"export/{one.name}")
    pieces = read(tmp_path / "all.zip")
    assert (documents(pieces, "conversations"), documents(pieces, "memories")) == there
    assert "part-missing" not in rules(pieces)


def test_a_folder_in_which_there_are_other_files_is_not_taken_as_a_whole(tmp_path: Path) -> None:
    folder = tmp_path / "Downloads"
    shutil.copytree(PARTS, folder)
    (folder / "letter.json").write_text('{"dear": "reader"}')
    assert kind_of(folder) is None
    report = pjais.migrate(tmp_path / "data", [str(folder)])
    assert len(report.sources) == len(list(PARTS.glob("*.zip")))
    assert {one.path.name for one in report.passed} == {MANIFEST.name, "letter.json"}


def test_files_of_others_are_not_taken(tmp_path: Path) -> None:
    for text in ('{"uuid": "1", "name": "x"}', "[]", "{}", '[{"mapping": {}}]', '{"conversations_memory', "no"):
        path = tmp_path / "conversations.json"
        path.write_text(text)
        assert kind_of(path) != "claude"


def test_an_unknown_member_is_kept_whole(tmp_path: Path) -> None:
    path = packed(tmp_path / "new.zip", conversations=[conversation()], projects=[], design_chats=[{"new": 1}])
    found = by_native_id(read(path), "claude_files")
    assert found == {"design_chats.json": {"name": "design_chats.json", "value": [{"new": 1}]}}


# -- messages


def test_blocks_between_texts_are_a_blank_line_and_hidden_ones_none() -> None:
    def block(kind: str, text: str = "", **more: Any) -> dict[str, Any]:
        return {"type": kind, "text": text} | more

    content = [block("text", "One "), block("text", "sentence."), block("tool_use"), block("tool_result")]
    content += [block("text", "Two.", hidden_in_chat=True), block("text", "Three."), block("thinking")]
    assert texts(conversation(message("a", content=content))) == ["One sentence.\n\nThree."]
    (turn,) = turns(conversation(message("a", content=[block("injected_prompt_block", "obey")])))[1]
    assert turn.hidden
    assert turn.metadata["blocks"] == ["injected_prompt_block"]


def test_a_placeholder_is_no_text() -> None:
    held = "```\nThis block is not supported on your current device yet.\n```"
    native = conversation(message("a", text=held, content=[{"type": "tool_use"}]), message("b", text=held, at=1))
    assert texts(native) == ["", held]


def test_messages_without_parents_are_in_the_order_of_their_time_or_index() -> None:
    assert texts(conversation(message("b", at=2), message("a", at=1))) == ["a", "b"]
    none = "00000000-0000-4000-8000-000000000000"
    assert texts(conversation(message("b", none, at=2), message("a", none, at=1))) == ["a", "b"]
    native = conversation(message("b", at=1, index=1), message("a", at=2, index=0))
    assert texts(native) == ["a", "b"]
    assert texts(conversation(message("b", created_at=None), message("a", at=1))) == ["b", "a"]


def test_messages_that_are_older_than_the_tree_come_before_it() -> None:
    native = conversation(message("a", at=1), message("b", at=2), message("c", "b", at=3), message("d", "b", at=4))
    assert texts(native) == ["a", "b", "d"]
    native["current_leaf_message_uuid"] = "c"
    assert texts(native) == ["a", "b", "c"]


def test_a_conversation_of_a_project_that_is_not_there_names_it(tmp_path: Path) -> None:
    project = "45cb9a6d-d9f3-5e12-a25f-3598f708b4b5"
    path = packed(tmp_path / "c.zip", conversations=[conversation(message("a"), project={"uuid": project})])
    with migrated(tmp_path / "data", path) as store:
        assert store.conversations.list()[0].persona_id == project
        assert store.personas.list()[0].name == f"Claude project {project}"
    with migrated(tmp_path / "data", PARTS / "projects-000.zip") as store:
        assert [one.name for one in store.personas.list()] == ["Kite club"]


def test_cycles_missing_parents_and_repeated_ids_keep_every_message(tmp_path: Path) -> None:
    native = conversation(message("a", "b"), message("b", "a"), message("c", "gone"), message("c", "a"), "odd")
    path = packed(tmp_path / "odd.zip", conversations=[native, conversation(created_at="yesterday", uuid="short")])
    pieces = read(path)
    assert rules(pieces) == ["odd-message", "parent-missing", "parent-cycle", "message-id-twice", "date-unreadable"]
    first, second = by_native_id(pieces, "conversations").values()
    everything = [*first["messages"], *first["extra"]["branches"]]
    assert sorted(one["content"] for one in everything) == ["a", "b", "c", "c"]
    assert second["createdAt"] is None
    lone = packed(tmp_path / "lone.zip", conversations=[conversation(message("c", "gone"))])
    assert rules(read(lone)) == ["parent-missing"]


def test_an_id_that_is_not_unique_is_derived_of_the_account(tmp_path: Path) -> None:
    def of(account: str) -> list[str]:
        native = conversation(message("a"), uuid="7", account={"uuid": account})
        return list(documents(read(packed(tmp_path / f"{account}.zip", conversations=[native])), "conversations"))

    assert of("a") == of("a") != of("b")


def test_one_broken_conversation_among_good_ones_and_a_cut_file(tmp_path: Path) -> None:
    good = json.dumps(conversation(message("a")))
    pieces = read(
        packed(tmp_path / "a.zip", conversations=f'[{good}, {{"uuid": nonsense}}, 17, {{"name": ""}}, {good}')
    )
    assert len([one for one in pieces if isinstance(one, Document)]) == 2
    reasons = [one.reason for one in pieces if isinstance(one, Unreadable)]
    assert reasons[1:3] == ["not an object", "a conversation without a uuid"]
    assert len(reasons) == 4


# -- a store


def test_a_store_has_everything_once_whatever_is_imported_again(tmp_path: Path) -> None:
    renamed = tmp_path / "claude (1).zip"
    renamed.write_bytes(OLD.read_bytes())
    with migrated(tmp_path / "data", OLD) as store:
        before = store.conversations.list(), store.memories.list(), store.personas.list()
        assert [len(one) for one in before] == [3, 3, 1]
    for again in ([renamed], [PARTS], sorted(PARTS.glob("*.zip"))):
        with migrated(tmp_path / "data", *again) as store:
            assert (store.conversations.list(), store.memories.list(), store.personas.list()) == before


def test_a_later_export_adds_what_is_new_and_a_changed_memory_is_an_update(tmp_path: Path) -> None:
    first = packed(
        tmp_path / "z.zip",
        conversations=[conversation(message("a"), updated_at="2026-05-04T10:00:00Z")],
        memories=[{"conversations_memory": "likes kites", "account_uuid": ACCOUNT}],
    )
    later = packed(
        tmp_path / "a.zip",
        conversations=[conversation(message("a"), message("b", at=1), updated_at="2026-05-05T10:00:00Z")],
        memories={"conversations_memory": "likes boats", "account_uuid": ACCOUNT, "new": [1]},
    )
    with migrated(tmp_path / "data", first) as store:
        (memory,) = store.memories.list()
    with migrated(tmp_path / "data", later) as store:
        assert [(one.id, one.content) for one in store.memories.list()] == [(memory.id, "likes boats")]
        (found,) = store.conversations.list()
        assert len(found.messages) == 2
    assert by_native_id(read(later), "claude_memories") == {ACCOUNT: {"account_uuid": ACCOUNT, "new": [1]}}


# -- any object


_DATE = st.sampled_from(["2026-05-04T10:00:00.123456Z", "2023-09-01T08:00:00.000000+00:00", "soon"]) | JSON
_IDS = st.sampled_from(["a", "b", "c", "00000000-0000-4000-8000-000000000000"])
_BLOCK = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "thinking", "tool_use", "new"])},
    optional={"text": st.text() | JSON, "hidden_in_chat": st.booleans() | JSON},
)
_FILE = st.fixed_dictionaries({}, optional={"file_name": JSON, "extracted_content": st.text() | JSON, "id": JSON})
_MESSAGE = st.fixed_dictionaries(
    {},
    optional={
        "uuid": _IDS | JSON,
        "sender": st.sampled_from(["human", "assistant"]) | JSON,
        "text": st.text() | JSON,
        "content": st.lists(_BLOCK | JSON, max_size=4) | JSON,
        "created_at": _DATE,
        "attachments": st.lists(_FILE | JSON, max_size=2) | JSON,
        "files": st.lists(_FILE | JSON, max_size=2) | JSON,
        "parent_message_uuid": _IDS | JSON,
        "index": st.integers(0, 3) | JSON,
    },
)
_CONVERSATION = st.fixed_dictionaries(
    {"uuid": st.text(min_size=1)},
    optional={
        "name": JSON,
        "summary": JSON,
        "created_at": _DATE,
        "chat_messages": st.lists(_MESSAGE | JSON, max_size=5) | JSON,
        "current_leaf_message_uuid": _IDS | JSON,
        "$anything": JSON,
    },
)


@given(_CONVERSATION)
@settings(deadline=None, max_examples=300)
def test_any_conversation_comes_out_as_it_was(native: dict[str, Any]) -> None:
    assert_any_comes_out(SHAPE, native, *turns(native))


@given(
    st.fixed_dictionaries(
        {"uuid": st.text(min_size=1)},
        optional={
            "name": JSON,
            "description": JSON,
            "prompt_template": st.text() | JSON,
            "created_at": _DATE,
            "docs": st.lists(st.fixed_dictionaries({}, optional={"uuid": JSON, "content": JSON}) | JSON) | JSON,
            "new": JSON,
        },
    )
)
@settings(deadline=None, max_examples=150)
def test_any_project_comes_out_as_it_was(native: dict[str, Any]) -> None:
    document = records.project(native, "p")
    assert records.native("personas", json.loads(json.dumps(document))) == native
    held = [one for one in native["docs"] if isinstance(one, dict)] if isinstance(native.get("docs"), list) else []
    made = [value for _, value in records.documents(native, "p")]
    assert [records.native("memories", json.loads(json.dumps(one))) for one in made] == held


@given(
    st.fixed_dictionaries(
        {"account_uuid": st.text()},
        optional={
            "conversations_memory": st.text() | JSON,
            "project_memories": st.dictionaries(st.text(), st.text() | JSON, max_size=3) | JSON,
            "new": JSON,
        },
    )
)
@settings(deadline=None, max_examples=150)
def test_any_memories_come_out_as_they_were(native: dict[str, Any]) -> None:
    whole: dict[str, Any] = {"account_uuid": native["account_uuid"]}
    for part in [*(records.native("memories", one) for _, one in records.memories(native)), records.rest(native)]:
        for key, value in json.loads(json.dumps(part)).items():
            whole[key] = {**whole[key], **value} if isinstance(whole.get(key), dict) else value
    for empty in ("conversations_memory", "project_memories"):
        if not native.get(empty):
            native.pop(empty, None)
            whole.pop(empty, None)
    assert whole == native


@pytest.mark.parametrize("kind", ["open-webui", "sillytavern"])
def test_another_apps_file_with_conversations_of_claude_in_it_is_not_of_claude(tmp_path: Path, kind: str) -> None:
    """What we write for another app keeps what it lacks in free places, and was read as a damaged export of Claude."""
    migrated(tmp_path / "data", GOLDEN / "claude-ai").close()
    to_file(resolve_workspace(tmp_path / "data"), None, tmp_path / "out", What(kind))
    chats = [one for one in (tmp_path / "out").rglob("*") if one.name == "chat-export.json" or one.suffix == ".jsonl"]
    assert chats
    assert {kind_of(one) for one in chats} == {kind}
