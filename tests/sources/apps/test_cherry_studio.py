"""Cherry Studio's backups of all versions: the same records, the dirt of old ones, credentials, damage."""

from __future__ import annotations

import base64
import gzip
import json
import shutil
import sqlite3
import zipfile
from pathlib import Path
from typing import Any

import pytest
from app_files import GOLDEN, by_native_id, documents, expected, kind_of, migrated, read
from hypothesis import given, settings
from hypothesis import strategies as st
from wild import JSON, rules

import pjais
from pjais.core.document import Document, Piece, Unreadable
from pjais.sources import registry
from pjais.sources.apps.cherry_studio import assistants, topic, version7
from pjais.sources.apps.cherry_studio.credentials import cleaned
from pjais.sources.contract import Wishes

FOLDER = GOLDEN / "cherry-studio"
FIVE, SIX = FOLDER / "cherry-studio.202605041005.zip", FOLDER / "cherry-studio.20260504100500.direct-v6.zip"
KIND = registry.of_kind("cherry-studio")
DIRTY, TOLD = FOLDER / "dirty-v6.zip", FOLDER / "dirty-v5.json.gz"
"""A profile that Chromium wrote, and what its page said was in it (scripts/golden_cherry_studio)."""
WHEN = "2026-05-04T10:00:00.000Z"
SECRET = "sk-PLANTED-NOT-A-KEY"


# -- building backups


def block(name: str, message: str, text: str, kind: str = "main_text", **more: Any) -> dict[str, Any]:
    return {
        "id": name,
        "messageId": message,
        "type": kind,
        "createdAt": WHEN,
        "status": "success",
        "content": text,
        **more,
    }


def message(name: str, role: str = "user", *blocks: str, **more: Any) -> dict[str, Any]:
    told = {"id": name, "role": role, "topicId": "t", "assistantId": "a", "createdAt": WHEN, "blocks": list(blocks)}
    return {**told, **more}


def state(assistants: Any = None, **slices: Any) -> str:
    listed = {"assistants": {"assistants": assistants or [], "presets": []}, **slices}
    return json.dumps({name: json.dumps(one) for name, one in listed.items()})


def assistant(name: str, *topics: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": name, "name": name.upper(), "prompt": "", "topics": list(topics), "type": "assistant", **more}


def entry(topic_id: str, **more: Any) -> dict[str, Any]:
    return {
        "id": topic_id,
        "assistantId": "a",
        "name": topic_id,
        "createdAt": WHEN,
        "updatedAt": WHEN,
        "messages": [],
        **more,
    }


def data(
    topics: list[Any] | None = None, blocks: list[Any] | None = None, text: str | None = None, **more: Any
) -> dict[str, Any]:
    tables = {"files": [], "topics": topics or [], "message_blocks": blocks or [], **more.pop("tables", {})}
    storage = {"persist:cherry-studio": text or state(), **more.pop("storage", {})}
    return {"time": 1777889100000, "version": 5, "localStorage": storage, "indexedDB": tables, **more}


def backup(path: Path, told: Any, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("data.json", told if isinstance(told, str) else json.dumps(told))
        for name, content in members.items():
            packed.writestr(name, content)
    return path


def values_of(pieces: list[Piece]) -> list[tuple[str, str | None, Any]]:
    return [(one.collection, one.native_id, one.value) for one in pieces if isinstance(one, Document)]


def told(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"id": one["id"], "role": one["role"], "text": one["content"], "timestamp": one["timestamp"]}
        for one in document["messages"]
    ]


def originals() -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """Return the topics of the golden backup, and by id what its state says of them, and its blocks."""
    with zipfile.ZipFile(FIVE) as packed:
        whole = json.loads(packed.read("data.json"))
    held = json.loads(json.loads(whole["localStorage"]["persist:cherry-studio"])["assistants"])
    owners = [*held["assistants"], held["defaultAssistant"]]
    metas = {one["id"]: one for owner in owners for one in owner["topics"]}
    return whole["indexedDB"]["topics"], metas, {one["id"]: one for one in whole["indexedDB"]["message_blocks"]}


# -- the golden backups


@pytest.mark.parametrize("path", [FIVE, SIX])
def test_the_golden_backups_hold_what_they_are_said_to(path: Path) -> None:
    pieces = read(path)
    wanted = expected("cherry-studio")["files"][FIVE.name]
    personas, conversations = by_native_id(pieces, "personas"), by_native_id(pieces, "conversations")
    assert len(personas) == wanted["counts"]["personas"]
    for one in wanted["personas"]:
        found = personas[one["native_id"]]
        assert found["name"] == one["name"]
        assert found["settings"].get("systemPrompt") == one.get("system_prompt")
        assert (found["avatar"], found["description"]) == (one.get("avatar"), one.get("description"))
    assert list(conversations) == [one["native_id"] for one in wanted["conversations"]]
    for one in wanted["conversations"]:
        found = conversations[one["native_id"]]
        assert found["title"] == one["title"]
        assert told(found) == one["messages"]
        assert found["personaId"] == (personas[one["persona"]]["id"] if one["persona"] else None)
        if "created_at" in one:
            dates = [pjais_ms(found[field]) for field in ("createdAt", "updatedAt")]
            assert dates == [one["created_at"], one["updated_at"]]
            assert found["extra"]["cherry-studio"]["meta"]["pinned"] is one["pinned"]
        off = found["extra"].get("branches", [])
        assert [(each["id"], each["content"]) for each in off] == [
            (each["id"], each["text"]) for each in one.get("siblings_kept", [])
        ]
        by_id = {each["id"]: each for each in found["messages"]}
        for each in one.get("attachments", []):
            (shown,) = by_id[each["message"]]["metadata"]["attachments"]
            assert shown["name"] == each["name"]
            with zipfile.ZipFile(path) as packed:
                assert shown["size"] == packed.getinfo(each["member"]).file_size
        for name, kinds in one.get("kept_blocks", {}).items():
            assert set(kinds) <= set(by_id[name]["metadata"]["blocks"])
    for name, count in wanted["other"].items():
        assert len(by_native_id(pieces, f"cherry_studio_{name}")) == count
    assert len(documents(pieces, "attachments")) == 1


def pjais_ms(text: str) -> int | None:
    from pjais import instants

    return instants.from_text(text)


def test_version_6_gives_exactly_what_version_5_does() -> None:
    def sorted_(path: Path) -> list[str]:
        return sorted(json.dumps(one, ensure_ascii=False) for one in values_of(read(path)))

    assert sorted_(FIVE) == sorted_(SIX)


def test_a_dirty_profile_holds_what_its_page_said(tmp_path: Path) -> None:
    members = {"Data/Files/f1.txt": b"moths"}
    account = backup(tmp_path / "five.zip", gzip.decompress(TOLD.read_bytes()).decode(), **members)
    pieces = read(DIRTY)
    assert sorted(map(json.dumps, values_of(pieces))) == sorted(map(json.dumps, values_of(read(account))))
    assert [one for one in pieces if isinstance(one, Unreadable)] == []
    assert SECRET not in str(pieces)
    found = by_native_id(pieces, "conversations")
    (long,) = [one for one in found.values() if len(one["messages"]) == 400]
    assert len(long["messages"][7]["content"]) == 90_000  # in a file beside the LevelDB
    assert [one["id"] for one in found["fork"]["messages"]] == ["q", "a2", "c", "q2"]
    assert [one.get("missing", False) for one in found["fork"]["messages"][0]["metadata"]["attachments"]] == [
        False,
        True,
    ]
    assert "deleted" not in found
    with migrated(tmp_path / "data", DIRTY, account) as store:
        assert len(store.conversations.list()) == len(found)


def test_without_the_folder_of_large_values_the_others_are_read(tmp_path: Path) -> None:
    path = tmp_path / "without.zip"
    with zipfile.ZipFile(DIRTY) as packed, zipfile.ZipFile(path, "w") as made:
        for name in packed.namelist():
            if ".blob/" not in name:
                made.writestr(name, packed.read(name))
    pieces = read(path)
    assert sum(isinstance(one, Unreadable) for one in pieces) == 1
    assert len(documents(pieces, "conversations")) == len(documents(read(DIRTY), "conversations"))
    assert "block-missing" in rules(pieces)


@pytest.mark.parametrize("path", [FIVE, SIX])
def test_every_topic_comes_out_in_its_parts_as_they_were(path: Path) -> None:
    assert KIND is not None
    rows, metas, blocks = originals()
    made = by_native_id(read(path), "conversations")
    for row in rows:
        parts = KIND.native("conversations", json.loads(json.dumps(made[row["id"]])))
        assert parts["topic"] == row
        assert parts.get("meta") == metas.get(row["id"])
        named = [name for one in row["messages"] for name in one["blocks"]]
        assert parts["blocks"] == [blocks[name] for name in named]


def test_two_versions_and_later_backups_give_each_record_once(tmp_path: Path) -> None:
    wanted = expected("cherry-studio")["files"][FIVE.name]["counts"]
    with migrated(tmp_path / "data", FIVE, SIX) as store:
        assert len(store.conversations.list()) == wanted["conversations"]
        assert len(store.personas.list()) == wanted["personas"]
        before = store.conversations.list()
    renamed = tmp_path / "copy.zip"
    shutil.copy(SIX, renamed)
    with migrated(tmp_path / "data", renamed) as store:
        assert store.conversations.list() == before
    with zipfile.ZipFile(FIVE) as packed:
        later = json.loads(packed.read("data.json"))
    later["indexedDB"]["topics"][2]["messages"].append(
        message("o2", "user", "new", createdAt="2026-06-01T00:00:00.000Z")
    )
    later["indexedDB"]["message_blocks"].append(block("new", "o2", "One more"))
    later["indexedDB"]["topics"].append({"id": "t-new", "messages": []})
    with migrated(tmp_path / "data", backup(tmp_path / "a.zip", later)) as store:
        found = {one.id: one for one in store.conversations.list()}
        assert len(found) == wanted["conversations"] + 1
        assert sum(len(one.messages) for one in found.values()) == wanted["messages"] - 1 + 1


def test_keys_are_nowhere_but_in_the_raw_backup(tmp_path: Path) -> None:
    servers = [
        {
            "id": "m",
            "env": {"ANY": SECRET},
            "headers": {"X": SECRET},
            "args": ["--api-key", SECRET, f"--token={SECRET}"],
        }
    ]
    inner = json.dumps({"deep": json.dumps({"apiKey": SECRET})})
    told_state = state(
        [assistant("a", entry("t"), mcpServers=servers, settings={"customParameters": [{"apiKey": SECRET}]})],
        llm={"providers": [{"id": "x", "apiKey": SECRET}], "settings": {"awsBedrock": {"accessKeyId": SECRET}}},
        settings={
            "webdavPass": SECRET,
            "notionApiKey": SECRET,
            "yuqueToken": SECRET,
            "proxyUrl": f"http://me:{SECRET}@127.0.0.1:1",
            "s3": {"secretAccessKey": SECRET, "accessKeyId": SECRET},
            "apiServer": {"apiKey": SECRET},
            "customHeaders": inner,
            "plugin": inner,
            "broken": f'{{"apiKey": "{SECRET}',
        },
        mcp={"servers": [*servers, {"baseUrl": f"https://localhost/sse?key={SECRET}"}]},
        websearch={"providers": [{"apiKey": SECRET}]},
        nutstore={"nutstoreToken": SECRET},
    )
    asked = message("m1", "user", "b1", enabledMCPs=servers)
    whole = data(
        [{"id": "t", "messages": [asked]}],
        [block("b1", "m1", "Hello", error={"requestHeaders": {"Authorization": SECRET}})],
        told_state,
        storage={"modelscope_token": SECRET, "tokenLanyunToken": SECRET, "other": json.dumps({"apiKey": SECRET})},
        tables={"settings": [{"id": "some:apiKey", "value": SECRET}, {"id": "x", "value": {"token": SECRET}}]},
        odd={"password": SECRET},
    )
    broken = json.dumps(whole).replace('"some:apiKey"', "some", 1)
    cut = json.dumps(whole)[: json.dumps(whole).index('"webdavPass') + 90]
    names = {"whole": json.dumps(whole), "broken": broken, "cut": cut}
    for name, text in names.items():
        folder = tmp_path / name
        folder.mkdir()
        backup(folder / "b.zip", text)
        pjais.migrate(folder / "data", [str(folder / "b.zip")], on_invalid="quarantine")
        assert pjais.verify(folder / "data").passed
        with pjais.open(folder / "data") as store:
            assert name == "cut" or len(store.conversations.list()) == 1
        for one in (folder / "data").rglob("*"):
            raw = one.is_file() and b"PK" in one.read_bytes()[:2]
            assert raw or not one.is_file() or SECRET.encode() not in one.read_bytes(), one


def test_keys_in_the_raw_folders_are_not_stored(tmp_path: Path) -> None:
    pjais.migrate(tmp_path, [str(SIX)])
    for one in tmp_path.rglob("*"):
        if one.is_file() and one.read_bytes()[:2] != b"PK":
            assert b"sk-TEST" not in one.read_bytes(), one


# -- the dirt that old profiles have


def test_the_dirt_of_old_profiles_costs_no_message(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"id": "t1", "messages": [message("m", "user", "b1", topicId="elsewhere"), message("n", "user", "gone")]},
        {"id": "t2", "messages": [message("m", "user", "b1"), message("e", "assistant"), 17, "text"]},
        {"id": "t3", "messages": "nonsense"},
        {"id": "t4"},
        {"messages": []},
        {
            "id": "t5",
            "messages": [message("k", "user", "b2", createdAt=None), message("k", "user", "b2", createdAt="x")],
        },
        {"id": "t6", "messages": [{}, {"blocks": "b1"}, {"id": 3, "role": 4, "blocks": [1, None, "b1"]}]},
    ]
    blocks = [block("b1", "m", "First"), block("b2", "k", "Twice"), block("left", "nobody", "Orphan"), {"type": 1}, 5]
    metas: list[Any] = [
        entry("t1", name=""),
        entry("t2", createdAt=None, updatedAt=""),
        {"id": 5},
        "x",
        entry("t1"),
        entry("none"),
    ]
    held = [assistant("a", *metas), {"name": "no id"}, 4]
    pieces = read(backup(tmp_path / "dirty.zip", data(rows, blocks, state(held))))
    found = by_native_id(pieces, "conversations")
    assert list(found) == ["t1", "t2", "t3", "t4", "t5", "t6", "none"]
    assert [one["content"] for one in found["t1"]["messages"]] == ["First", ""]
    assert found["t1"]["title"] is None
    assert (found["t2"]["createdAt"], found["t2"]["updatedAt"]) == (None, WHEN)
    assert [one["id"] for one in found["t5"]["messages"]] == ["k", "k#2"]
    assert [one["timestamp"] for one in found["t5"]["messages"]] == [None, None]
    assert len(found["t6"]["messages"]) == 3
    assert found["none"]["messages"] == []
    assert by_native_id(pieces, "cherry_studio_message_blocks").keys() >= {"left"}
    assert set(rules(pieces)) == {
        *("topic-without-metadata", "odd-message", "odd-messages", "other-topic-id"),
        *("message-in-two-topics", "block-missing", "message-empty", "topic-listed-twice"),
    }
    unread = [(one.collection, one.reason) for one in pieces if isinstance(one, Unreadable)]
    assert [one for one, _ in unread] == ["cherry_studio_message_blocks", "personas", "personas", "conversations"]
    assert KIND is not None
    for row in rows:
        if "id" in row:
            assert KIND.native("conversations", found[row["id"]])["topic"] == row


def test_answers_to_one_question_are_siblings_and_the_marked_one_is_shown(tmp_path: Path) -> None:
    def answers(*marked: bool | None) -> list[dict[str, Any]]:
        several = [
            message(f"a{number}", "assistant", askId="q", **({} if one is None else {"foldSelected": one}))
            for number, one in enumerate(marked)
        ]
        return [message("q"), *several, message("next")]

    rows = [
        {"id": "t1", "messages": answers(False, True, True)},
        {"id": "t2", "messages": answers(None, None)},
        {"id": "t3", "messages": answers(None)},
        {"id": "t4", "messages": answers(False, True)[1:]},
    ]
    found = by_native_id(read(backup(tmp_path / "s.zip", data(rows))), "conversations")
    shown = {name: [one["id"] for one in document["messages"]] for name, document in found.items()}
    assert shown == {
        "t1": ["q", "a1", "next"],
        "t2": ["q", "a0", "next"],
        "t3": ["q", "a0", "next"],
        "t4": ["a1", "next"],
    }
    off = {
        name: [(one["id"], one["parentId"]) for one in document["extra"].get("branches", [])]
        for name, document in found.items()
    }
    assert off == {"t1": [("a0", "q"), ("a2", "q")], "t2": [("a1", "q")], "t3": [], "t4": [("a0", None)]}


def test_a_cleared_context_is_a_hidden_mark_of_the_system(tmp_path: Path) -> None:
    rows = [{"id": "t", "messages": [message("c", "user", type="clear"), message("x", "user", "b")]}]
    pieces = read(backup(tmp_path / "c.zip", data(rows, [block("b", "x", "After")])))
    mark, after = by_native_id(pieces, "conversations")["t"]["messages"]
    assert (mark["role"], mark["metadata"]["kind"], mark["metadata"]["hidden"]) == ("system", "clear", True)
    assert (after["role"], after["content"]) == ("user", "After")
    assert "hidden" not in after["metadata"]
    assert "message-empty" not in rules(pieces)


def test_texts_are_those_of_the_text_blocks_and_all_other_blocks_are_kept(tmp_path: Path) -> None:
    kinds = ("thinking", "translation", "tool", "citation", "video", "compact", "unknown", "brand_new")
    blocks = [block(kind, "m", f"not {kind}", kind) for kind in kinds]
    blocks += [
        block("t1", "m", "One"),
        block("t2", "m", "Two"),
        block("c", "n", "x = 1", "code"),
        block("e", "o", "", "error"),
    ]
    messages = [
        message("m", "assistant", *kinds, "t1", "t2"),
        message("n", "assistant", "c"),
        message("o", "assistant", "e"),
    ]
    found = by_native_id(
        read(backup(tmp_path / "b.zip", data([{"id": "t", "messages": messages}], blocks))), "conversations"
    )
    first, second, third = found["t"]["messages"]
    assert (first["content"], second["content"], third["content"]) == ("One\n\nTwo", "x = 1", "")
    assert first["metadata"]["blocks"] == [*kinds, "main_text", "main_text"]
    assert third["metadata"]["kind"] == "error"


def test_files_of_messages_come_by_their_id_from_data_urls_or_as_missing(tmp_path: Path) -> None:
    picture = base64.b64encode(b"picture").decode()
    blocks = [
        block("f", "m", "", "file", file={"id": "11-22", "ext": ".pdf", "origin_name": "paper.pdf", "size": 3}),
        block("g", "m", "", "file", file={"id": "absent", "ext": ".txt", "origin_name": "gone.txt", "size": 9}),
        block("i", "m", "", "image", url=f"data:image/png;base64,{picture}"),
        block("h", "m", "", "image", url="https://localhost/x.png"),
        block(
            "j",
            "m",
            "",
            "image",
            metadata={"generateImageResponse": {"images": [f"data:image/png;base64,{picture}", 4]}},
        ),
        block("k", "m", "", "image", url="data:image/png;base64,???"),
    ]
    rows = [{"id": "t", "messages": [message("m", "user", *(one["id"] for one in blocks))]}]
    whole = data(rows, blocks, tables={"files": [{"id": "33", "ext": ".md", "origin_name": "unused.md"}]})
    members = {"Data/Files/11-22.pdf": b"pdf", "Data/Files/33.md": b"note", "Data/Files/alone.bin": b"alone"}
    pieces = read(backup(tmp_path / "f.zip", whole, **members))
    (one,) = by_native_id(pieces, "conversations")["t"]["messages"]
    shown = [
        (each.get("name"), each.get("mediaType"), each.get("missing", False)) for each in one["metadata"]["attachments"]
    ]
    assert shown == [
        ("paper.pdf", "application/pdf", False),
        ("gone.txt", "text/plain", True),
        (None, "image/png", False),
        (None, "image/png", False),
    ]
    assert sorted(each["size"] for each in documents(pieces, "attachments").values()) == [3, 4, 5, 7]


def test_the_default_assistant_that_stands_twice_is_one_and_presets_are_personas(tmp_path: Path) -> None:
    listed = assistant("default", entry("t1"), emoji="x", model={"id": "m1"})
    alone = assistant(
        "default", entry("t2"), prompt="Be brief.", description="d", model={"id": "m2"}, settings={"topP": 1}
    )
    slice_ = {
        "assistants": [listed],
        "defaultAssistant": alone,
        "presets": [{**assistant("1"), "id": 1}],
        "tagsOrder": ["z"],
    }
    text = json.dumps({"assistants": json.dumps(slice_)})
    pieces = read(
        backup(tmp_path / "d.zip", data([{"id": "t1", "messages": []}, {"id": "t2", "messages": []}], None, text))
    )
    personas = by_native_id(pieces, "personas")
    assert list(personas) == ["default", "1"]
    first = personas["default"]
    assert (first["avatar"], first["description"]) == ("x", "d")
    assert first["settings"] == {"systemPrompt": "Be brief.", "model": "m1", "topP": 1}
    assert "default-twice" in rules(pieces)
    owners = {one["personaId"] for one in documents(pieces, "conversations").values()}
    assert owners == {first["id"]}
    assert KIND is not None
    assert KIND.native("personas", first) == {key: one for key, one in listed.items() if key != "topics"}
    assert first["extra"]["sameId"] == [{key: one for key, one in alone.items() if key != "topics"}]
    assert personas["1"]["extra"]["preset"] is True
    assert by_native_id(pieces, "cherry_studio_topic_order")["default"]["topics"] == ["t1", "t2"]


def test_memories_that_answers_name_come_only_if_they_are_asked_for(tmp_path: Path) -> None:
    uuid = "0b7a3c52-51f2-4d0e-8a6e-6f2f6a1c9d47"
    cited = [{"id": uuid, "memory": "Likes ferns", "createdAt": WHEN}, {"id": 3, "memory": "x"}, {"memory": "No id"}, 5]
    rows = [{"id": f"t{number}", "messages": [message("m", "assistant", "b")]} for number in range(2)]
    path = backup(tmp_path / "m.zip", data(rows, [block("b", "m", "", "citation", memories=cited)]))
    assert documents(read(path), "memories") == {}
    found = documents(read(path, Wishes(with_memories=True)), "memories")
    assert [one["content"] for one in found.values()] == ["Likes ferns", "No id"]
    assert found[uuid]["createdAt"] == WHEN


# -- older and newer versions


def test_version_1_is_compressed_json_with_pairs_of_key_and_value(tmp_path: Path) -> None:
    old: dict[str, Any] = {
        "id": "m",
        "role": "user",
        "content": "Inline",
        "createdAt": WHEN,
        "files": [{"id": "f", "name": "f.png"}],
    }
    old["metadata"] = {"generateImage": {"images": ["data:text/plain,hi"]}}
    answer = {"id": "n", "role": "assistant", "content": "Yes", "reasoning_content": "hm", "modelId": "g"}
    pairs = [
        {"key": "topic:t", "value": {"id": "t", "messages": [old, answer]}},
        {"key": "image://avatar", "value": "data:image/png;base64,AA=="},
        {"key": "topic:bad", "value": 5},
        {"value": 1},
    ]
    storage = {"persist:cherry-studio": state([assistant("a", entry("t"))])}
    text = json.dumps({"time": 1, "version": 1, "localStorage": storage, "indexedDB": pairs})
    plain, packed, zipped = (tmp_path / name for name in ("cherry.backup.json", "cherry.bak", "zip.bak"))
    plain.write_text(text, "utf-8")
    packed.write_bytes(gzip.compress(text.encode()))
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("cherry-studio", text)
    for path in (plain, packed, zipped):
        assert kind_of(path) == "cherry-studio"
        pieces = read(path)
        found = by_native_id(pieces, "conversations")["t"]
        assert [one["content"] for one in found["messages"]] == ["Inline", "Yes"]
        assert [one.get("missing", False) for one in found["messages"][0]["metadata"]["attachments"]] == [True, False]
        assert found["messages"][1]["metadata"]["model"] == "g"
        assert "image://avatar" in by_native_id(pieces, "cherry_studio_settings")
        assert [one.collection for one in pieces if isinstance(one, Unreadable)] == [
            "conversations",
            "cherry_studio_settings",
        ]
        assert KIND is not None
        assert KIND.native("conversations", found)["topic"]["messages"] == [old, answer]
    packed.write_bytes(gzip.compress(json.dumps({**json.loads(text), "indexedDB": pairs[:2]}).encode()))
    with migrated(tmp_path / "data", packed) as store:
        assert [one.title for one in store.conversations.list()] == ["t"]


@pytest.mark.parametrize("version", [2, 3, 4])
def test_versions_2_to_4_are_read_as_they_are(tmp_path: Path, version: int) -> None:
    inline = {"id": "m", "role": "user", "content": "Inline", "createdAt": WHEN}
    blocks = {"message_blocks": [block("b", "n", "Block")]} if version == 4 else {}
    messages = [inline, message("n", "user", "b")] if version == 4 else [inline]
    whole = data([{"id": "t", "messages": messages}], version=version, tables=blocks)
    found = by_native_id(read(backup(tmp_path / "o.zip", whole)), "conversations")["t"]
    assert [one["content"] for one in found["messages"]] == ["Inline", "Block"][: len(messages)]


def test_a_newer_version_is_said_and_read_as_far_as_it_is_known(tmp_path: Path) -> None:
    whole = data(
        [{"id": "t", "messages": []}], version=9, tables={"brand_new": [{"id": "x", "a": 1}, {"b": 2}]}, extra={"c": 3}
    )
    pieces = read(backup(tmp_path / "n.zip", whole))
    assert "newer-version" in rules(pieces)
    assert len(by_native_id(pieces, "cherry_studio_brand_new")) == 2
    assert by_native_id(pieces, "cherry_studio_head") == {"extra": {"id": "extra", "value": {"c": 3}}}


def version_7(folder: Path, *, snake: bool = True) -> Path:
    def named(text: str) -> str:
        return text if snake else "".join(one.title() if at else one for at, one in enumerate(text.split("_")))

    def table(name: str, *columns: str) -> str:
        return f"CREATE TABLE {name} ({', '.join(named(one) for one in columns)})"

    path = folder / "cherrystudio.sqlite"
    with sqlite3.connect(path) as db:
        db.execute(
            table("assistant", "id", "name", "prompt", "emoji", "settings", "model_id", "created_at", "updated_at")
        )
        db.execute(
            table("topic", "id", "name", "assistant_id", "active_node_id", "created_at", "updated_at", "deleted_at")
        )
        db.execute(table("message", "id", "parent_id", "topic_id", "role", "data", "model_id", "created_at"))
        db.execute(table("user_provider", "id", "api_keys", "auth_config"))
        db.execute(table("preference", "key", "value"))
        db.execute(
            "INSERT INTO assistant VALUES ('as-1', 'Botanist', 'Ferns.', 'x', '{\"temperature\": 1}', 'p::m', 1, 2)"
        )
        db.execute("INSERT INTO topic VALUES ('t-1', 'Ferns', 'as-1', 'm3', 1777888740000, 1777999999000, NULL)")
        db.execute("INSERT INTO topic VALUES ('t-2', '', 'none', NULL, 5, 6, 7)")
        text = {"blocks": [{"type": "main_text", "content": "Hi"}, {"type": "thinking", "content": "hm"}]}
        parts = {"parts": [{"type": "text", "text": "New"}, {"type": "tool"}]}
        db.execute("INSERT INTO message VALUES ('m1', NULL, 't-1', 'user', ?, NULL, 10)", (json.dumps(text),))
        db.execute("INSERT INTO message VALUES ('m2', 'm1', 't-1', 'assistant', 'nonsense', 'p::m', 20)")
        db.execute("INSERT INTO message VALUES ('m3', 'm1', 't-1', 'assistant', ?, 'p::m', 30)", (json.dumps(parts),))
        db.execute("INSERT INTO message VALUES ('m9', NULL, 'lost', 'user', '{}', NULL, 30)")
        db.execute(
            "INSERT INTO user_provider VALUES ('u', ?, ?)", (json.dumps([{"key": SECRET}]), json.dumps({"a": SECRET}))
        )
        db.execute("INSERT INTO preference VALUES ('data.webdav.pass', ?)", (json.dumps(SECRET),))
    db.close()
    return path


@pytest.mark.parametrize("snake", [True, False])
def test_version_7_is_read_by_the_names_of_its_columns(tmp_path: Path, snake: bool) -> None:
    path = tmp_path / "seven.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("metadata.json", json.dumps({"version": 7, "appName": "Cherry Studio"}))
        packed.write(version_7(tmp_path, snake=snake), "Data/cherrystudio.sqlite")
        packed.writestr("Data/Notes/a/b.md", "# Note")
        packed.writestr("Data/KnowledgeBase/x", b"vectors")
        packed.writestr("cache.json", json.dumps({"token": SECRET, "kept": 1}))
    pieces = read(path)
    assert by_native_id(pieces, "personas")["as-1"]["settings"] == {
        "temperature": 1,
        "systemPrompt": "Ferns.",
        "model": "p::m",
    }
    found = by_native_id(pieces, "conversations")
    assert [(one["id"], one["content"]) for one in found["t-1"]["messages"]] == [("m1", "Hi"), ("m3", "New")]
    assert [one["id"] for one in found["t-1"]["extra"]["branches"]] == ["m2"]
    assert pjais_ms(found["t-1"]["createdAt"]) == 1777888740000
    assert found["t-1"]["personaId"] == by_native_id(pieces, "personas")["as-1"]["id"]
    assert (found["t-2"]["title"], found["t-2"]["isArchived"], found["t-2"]["personaId"]) == (None, True, None)
    assert SECRET not in str(pieces)
    assert [one["text"] for one in by_native_id(pieces, "cherry_studio_notes").values()] == ["# Note"]
    assert {"left-out", "deleted-in-app", "secret-redacted"} <= set(rules(pieces))
    assert "m9" in {one["id"] for one in by_native_id(pieces, "cherry_studio_message").values()}
    assert KIND is not None
    native = KIND.native("conversations", json.loads(json.dumps(found["t-1"])))
    assert [next(iter(one.values())) for one in native["messages"]] == ["m1", "m2", "m3"]
    assert native["messages"][1] == dict(
        zip(native["messages"][1], ("m2", "m1", "t-1", "assistant", "nonsense", "p::m", 20), strict=True)
    )
    migrated(tmp_path / "data", path).close()


def test_its_own_memory_database_is_read(tmp_path: Path) -> None:
    file = tmp_path / "memories.db"
    with sqlite3.connect(file) as db:
        db.execute(
            "CREATE TABLE memories (id TEXT PRIMARY KEY, memory TEXT, hash TEXT, embedding BLOB, metadata TEXT, "
            "user_id TEXT, agent_id TEXT, run_id TEXT, created_at TEXT, updated_at TEXT, is_deleted INTEGER)"
        )
        row = ("Likes ferns", "h", b"\0" * 8, None, "u", "a", None, WHEN, WHEN)
        db.execute("INSERT INTO memories VALUES ('0b7a3c52-51f2-4d0e-8a6e-6f2f6a1c9d47', ?,?,?,?,?,?,?,?,?, 0)", row)
        db.execute("INSERT INTO memories VALUES ('gone', ?,?,?,?,?,?,?,?,?, 1)", row)
        db.execute("INSERT INTO memories (memory) VALUES ('no id')")
        db.execute("CREATE TABLE memory_history (id INTEGER PRIMARY KEY, memory_id TEXT, new_value TEXT)")
        db.execute("INSERT INTO memory_history VALUES (1, 'x', 'y')")
    db.close()
    members = {"Data/Memory/memories.db": file.read_bytes()}
    path = backup(tmp_path / "m.zip", data(text=state([assistant("a")])), **members)
    pieces = read(path)
    found = list(documents(pieces, "memories").values())
    assert [(one["content"], one["deletedAt"]) for one in found] == [("Likes ferns", None), ("Likes ferns", WHEN)]
    assert found[0]["personaId"] == by_native_id(pieces, "personas")["a"]["id"]
    assert "vectors-left" in rules(pieces)
    assert len(by_native_id(pieces, "cherry_studio_memory_history")) == 1
    damaged = {"memories.db": b"SQLite format 3\0" + b"\xff" * 4000}
    assert any(isinstance(one, Unreadable) for one in read(backup(tmp_path / "x.zip", data(), **damaged)))


# -- folders, recognition, damage


def test_the_unpacked_folder_is_one_source_and_so_is_the_profile(tmp_path: Path) -> None:
    folder = tmp_path / "outer" / "unpacked"
    with zipfile.ZipFile(SIX) as packed:
        packed.extractall(folder)
    wanted = sorted(map(str, values_of(read(SIX))))
    assert sorted(map(str, values_of(read(folder)))) == wanted
    (folder / "Cache").mkdir()
    (folder / "Cache" / "data_0").write_bytes(b"cache")
    (folder / "Cookies").write_bytes(b"cookies")
    with migrated(tmp_path / "first", tmp_path / "outer") as store:
        assert len(store.conversations.list()) == 3
    from pjais.sources import detect

    (ref,) = detect.detect([tmp_path / "outer"], named=True).sources
    assert (ref.kind, ref.version) == ("cherry-studio", "6")
    assert "Cache" not in str(ref.files)
    (folder / "metadata.json").unlink()  # the profile of the app has none
    (ref,) = detect.detect([folder], named=True).sources
    assert (ref.kind, ref.version) == ("cherry-studio", None)
    assert sorted(map(str, values_of(read(folder)))) == wanted
    assert {one.kind for one in detect.detect([folder]).sources} == {"indexeddb", "web-storage"}  # not named


def test_other_apps_folders_and_files_are_not_taken(tmp_path: Path) -> None:
    for text in (
        '{"version": 1}',
        '{"time": 1, "data": {}}',
        "[]",
        "{}",
        '{"localStorage": {}, "version": 1, "indexedDB": {}}',
    ):
        path = tmp_path / "other.json"
        path.write_text(text, "utf-8")
        assert kind_of(path) != "cherry-studio"
    packed = tmp_path / "other.bak"
    packed.write_bytes(gzip.compress(b'{"a": 1}'))
    assert kind_of(packed) is None
    packed.write_bytes(b"\x1f\x8b nonsense")
    assert kind_of(packed) is None
    folder = GOLDEN.parent / "any-app" / "lattice"
    assert not folder.is_dir() or kind_of(folder) is None


def test_a_cut_or_broken_backup_gives_what_is_there(tmp_path: Path) -> None:
    rows = [{"id": f"t{number}", "messages": [message("m", "user", "b")]} for number in range(3)]
    text = json.dumps(data(rows, [block("b", "m", "Text")]))
    cut = read(backup(tmp_path / "cut.zip", text[: text.index('"t2"') + 20]))
    assert list(by_native_id(cut, "conversations")) == ["t0", "t1"]
    assert sum(isinstance(one, Unreadable) for one in cut) == 1
    broken = read(backup(tmp_path / "broken.zip", text.replace('"id": "t1"', '"id": t1')))
    assert list(by_native_id(broken, "conversations")) == ["t0", "t2"]
    packed = tmp_path / "cut.bak"
    packed.write_bytes(gzip.compress(text.encode() * 50)[:400])
    assert any(isinstance(one, Unreadable) for one in read(packed))
    assert [
        one.reason for one in read(backup(tmp_path / "s.zip", data(text="{nonsense"))) if isinstance(one, Unreadable)
    ] == ["not JSON; it is only in the raw backup, as it may hold credentials"]
    assert values_of(read(backup(tmp_path / "e.zip", data()))) == []


def test_raw_folders_that_are_damaged_or_missing_are_told(tmp_path: Path) -> None:
    def repacked(name: str, change: Any) -> Path:
        path = tmp_path / name
        with zipfile.ZipFile(SIX) as packed, zipfile.ZipFile(path, "w") as made:
            for one in packed.namelist():
                content = change(one, packed.read(one))
                if content is not None:
                    made.writestr(one, content)
        return path

    pieces = read(repacked("none.zip", lambda name, held: None if name.startswith("Local") else held))
    assert "no-local-storage" in rules(pieces)
    assert len(documents(pieces, "conversations")) == 3
    bare = read(repacked("bare.zip", lambda name, held: None if name.startswith("IndexedDB") else held))
    assert "no-indexeddb" in rules(bare)
    assert len(documents(bare, "personas")) == 2
    assert [one["title"] for one in documents(bare, "conversations").values()] == ["Ferns", None]
    flipped = repacked("bad.zip", lambda name, held: _flipped(held) if name.endswith("000003.log") else held)
    pieces = read(flipped)
    unread = [one for one in pieces if isinstance(one, Unreadable)]
    assert unread
    assert all(one.raw == b"" for one in unread)


def _flipped(held: bytes) -> bytes:
    middle = len(held) // 2
    return held[:middle] + bytes([held[middle] ^ 0xFF]) + held[middle + 1 :]


def test_credentials_are_told_from_what_people_wrote() -> None:
    held = {"prompt": '{"token": "mine"}', "name": "Token", "maxTokens": 5, "contextCount": 3, "url": "https://x/?a=b"}
    assert cleaned(held, texts=False) == (held, ())
    assert cleaned({"a": [{"refreshToken": "x"}], "b": "", "token": None}) == (
        {"a": [{"refreshToken": {"$redacted": True}}], "b": "", "token": None},
        ("a[0].refreshToken",),
    )


# -- any topic


_IDS = st.sampled_from(["a", "b", "c", "d"])
_MESSAGE = st.fixed_dictionaries(
    {},
    optional={
        "id": _IDS | JSON,
        "role": st.sampled_from(["user", "assistant", "new"]) | JSON,
        "askId": _IDS | JSON,
        "foldSelected": st.booleans() | JSON,
        "blocks": st.lists(_IDS | JSON, max_size=3) | JSON,
        "content": st.text() | JSON,
        "createdAt": st.just(WHEN) | JSON,
        "type": st.just("clear") | JSON,
        "model": JSON,
        "files": JSON,
    },
)
_BLOCK = st.fixed_dictionaries(
    {"type": st.sampled_from(["main_text", "code", "error", "image"]) | JSON},
    optional={"content": st.text() | JSON, "file": JSON, "url": JSON, "metadata": JSON},
)
_ENTRY = st.fixed_dictionaries(
    {"id": st.just("t")},
    optional={"name": st.text() | JSON, "createdAt": st.just(WHEN) | JSON, "updatedAt": st.just(WHEN) | JSON},
)
_ROW = st.fixed_dictionaries(
    {"id": st.just("t")}, optional={"messages": st.lists(_MESSAGE | JSON, max_size=5) | JSON, "name": JSON}
)


@given(st.none() | _ROW, st.none() | _ENTRY, st.dictionaries(_IDS, _BLOCK))
@settings(deadline=None, max_examples=300)
def test_any_topic_comes_out_as_it_was(row: Any, meta: Any, blocks: dict[str, Any]) -> None:
    held = {name: {"id": name, **one} for name, one in blocks.items()}
    parts = {key: json.loads(json.dumps(one)) for key, one in (("topic", row), ("meta", meta)) if one is not None}
    whole = topic.joined(row, meta, held.get)
    document = topic.document(whole, {"id": "x"}, {})
    back = topic.native(json.loads(json.dumps(document)))
    assert {key: one for key, one in back.items() if key != "blocks"} == parts
    assert all(one == held[one["id"]] for one in back["blocks"])
    everything = [*document["messages"], *document["extra"].get("branches", [])]
    assert len(everything) == len(list(topic.messages_of(whole)))


@given(st.dictionaries(st.sampled_from(["id", "name", "prompt", "settings", "emoji", "tags", "model", "topics"]), JSON))
@settings(deadline=None, max_examples=200)
def test_any_assistant_comes_out_as_it_was(native: dict[str, Any]) -> None:
    found = {**native, "id": "a"}
    wanted = {key: one for key, one in found.items() if key != "topics" or not isinstance(one, list)}
    its = assistants.Assistants({"assistants": [json.loads(json.dumps(found))]})
    (made,) = [one.value for one in its.pieces() if isinstance(one, Document) and one.collection == "personas"]
    assert assistants.native(json.loads(json.dumps(made))) == wanted


_CELL = (
    st.none()
    | st.integers(-(2**53), 2**53)
    | st.text()
    | st.just('{"blocks": [{"type": "main_text", "content": "x"}]}')
)


@given(
    st.dictionaries(st.sampled_from(["id", "name", "active_node_id", "created_at", "updatedAt"]), _CELL),
    st.lists(
        st.dictionaries(st.sampled_from(["id", "parent_id", "role", "data", "createdAt"]), _CELL | _IDS), max_size=5
    ),
)
@settings(deadline=None, max_examples=200)
def test_any_topic_of_version_7_comes_out_as_it_was(row: dict[str, Any], messages: list[dict[str, Any]]) -> None:
    document = version7.document(row, messages, {"id": "x"})
    assert version7.native(json.loads(json.dumps(document))) == {"topic": row, "messages": messages}
