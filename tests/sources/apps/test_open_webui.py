"""Open WebUI's exports and its database: branches, dates and tags, which importers lose; WAL, users, secrets."""

from __future__ import annotations

import base64
import json
import shutil
import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from app_files import GOLDEN, assert_native, by_native_id, documents, expected, kind_of, migrated, read
from held_records import Held
from hypothesis import given, settings
from hypothesis import strategies as st
from wild import rules

import pjais
from pjais.core.document import Document, Remark, Unreadable
from pjais.sources import registry
from pjais.sources.apps import values
from pjais.sources.apps.contract import AppSource
from pjais.sources.apps.open_webui import chat, export, records, webui_db
from pjais.sources.apps.open_webui.files import Files
from pjais.sources.apps.shape import copied

FOLDER = GOLDEN / "open-webui"
LIST, LINES, MEMORIES = FOLDER / "chat-export-1777889000000.json", FOLDER / "all.ndjson", FOLDER / "memories.json"
DATABASE = FOLDER / "webui.db"
TOLD = expected("open-webui")["files"]
KIND = registry.of_kind("open-webui")
assert isinstance(KIND, AppSource)


def natives(path: Path) -> list[Any]:
    text = path.read_text("utf-8")
    return list(json.loads(text)) if text.startswith("[") else [json.loads(line) for line in text.splitlines()]


def conversation(native: dict[str, Any]) -> dict[str, Any]:
    """Return the document of a chat."""
    found = [one for one in webui_db.conversation(native, "x", Files(), {}) if isinstance(one, Document)]
    return next(one.value for one in found if one.collection == "conversations")


def told_of(message: dict[str, Any]) -> dict[str, Any]:
    return {"id": message["id"], "role": message["role"], "text": message["content"], "timestamp": message["timestamp"]}


# -- what is read


@pytest.mark.parametrize("path", [LIST, LINES, DATABASE])
def test_chats_are_read_with_the_branch_that_was_on_screen(path: Path) -> None:
    found = by_native_id(read(path), "conversations")
    told = TOLD[path.name]["conversations"]
    for one in told if isinstance(told, list) else TOLD[LIST.name]["conversations"]:
        document = found.pop(one["native_id"])
        assert document["id"] == one["native_id"]
        assert document["title"] == one["title"]
        assert document["isArchived"] is one.get("archived", False)
        assert document["topics"] == one.get("tags", [])
        assert document["extra"]["open-webui"]["pinned"] in (one.get("pinned"), False)
        instants = [values.ms_of_iso(document[key]) for key in ("createdAt", "updatedAt")]
        assert instants == [one["created_at"], one["updated_at"]]
        assert list(map(told_of, document["messages"])) == one["messages"]
        assert list(map(told_of, document["extra"].get("branches", []))) == one.get("siblings_kept", [])
        attached = {
            (message["id"], each["name"])
            for message in document["messages"]
            for each in message["metadata"].get("attachments", [])
        }
        assert attached == {(each["message"], each["name"]) for each in one.get("attachments", [])}
    assert not found


@pytest.mark.parametrize("path", [MEMORIES, DATABASE])
def test_memories_are_read_with_their_kind_and_times(path: Path) -> None:
    found = by_native_id(read(path), "memories")
    for one in TOLD[MEMORIES.name]["memories"]:
        document = found.pop(one["native_id"])
        native = document["extra"]["open-webui"]
        assert (document["content"], document["type"]) == (one["text"], one["kind"])
        assert "importance" not in document
        if "created_at" in one:
            assert values.ms_of_iso(document["createdAt"]) == one["created_at"]
            assert values.ms_of_iso(document["updatedAt"]) == one["updated_at"]
        assert (native["path"], native["meta"]) == (one.get("path"), one.get("metadata"))
    assert not found


def test_the_database_gives_the_same_chats_and_memories_as_the_exports() -> None:
    pieces = read(DATABASE)
    made = by_native_id(pieces, "conversations")
    for name, document in by_native_id(read(LIST), "conversations").items():
        alike = [{key: one for key, one in each.items() if key != "extra"} for each in (document, made[name])]
        assert alike[0] == alike[1]
    assert documents(pieces, "memories").keys() == documents(read(MEMORIES), "memories").keys()
    assert documents(pieces, "open_webui_chat_message") == {}
    assert rules(pieces) == ["copies", "left-out"]


@pytest.mark.parametrize(
    ("path", "collection"), [(LIST, "conversations"), (LINES, "conversations"), (MEMORIES, "memories")]
)
def test_everything_comes_out_as_it_was(path: Path, collection: str) -> None:
    assert isinstance(KIND, AppSource)
    assert_native(KIND, read(path), collection, natives(path))


def test_it_is_recognised_by_content_alone(tmp_path: Path) -> None:
    for number, path in enumerate([LIST, LINES, MEMORIES, DATABASE]):
        copy = tmp_path / f"{number}.bin"
        shutil.copy(path, copy)
        assert kind_of(copy) == "open-webui"
    for text in (
        '[{"id": "1", "memory": "x", "created_at": 1, "updated_at": 2, "user_id": "u"}]',
        '[{"chat": "a word"}]',
        '{"chat": {"name": "x"}}',
        "[]",
        "{}",
        '[{"id": "x", "name": "y"}]',
    ):
        other = tmp_path / "other.json"
        other.write_text(text, "utf-8")
        assert kind_of(other) != "open-webui", text
    with closing(sqlite3.connect(tmp_path / "chat.db")) as db:
        db.execute("CREATE TABLE chat (id, title)")
    assert kind_of(tmp_path / "chat.db") is None


# -- the bugs of its importers: branches mixed up, dates replaced, tags and models lost (open-webui #5204, #5681, #8752)


def test_times_keep_their_unit_and_are_never_replaced() -> None:
    cases = {1777888800: 1777888800000, 1777888800123: 1777888800123, 1777888800123456: 1777888800123, 0: 0}
    cases |= {1756715001.123456: 1756715001123, "2026-05-04T10:00:00Z": 1777888800000}  # type: ignore[dict-item]
    for raw, ms in cases.items():
        assert chat.moment(raw) == ms
    nothing: Any
    for nothing in (None, "", "soon", True, float("nan"), float("inf"), [], {}):
        assert chat.moment(nothing) is None
    document = conversation({"id": "a", "title": "t", "chat": {"messages": [{"id": "m", "content": "x"}]}})
    assert document["createdAt"] is document["updatedAt"] is None
    assert document["messages"][0]["timestamp"] is None


def test_a_chat_of_the_first_versions_has_one_time_and_tags_in_its_content() -> None:
    native = {"id": "a", "user_id": "u", "title": "t", "timestamp": 1700000000, "chat": {"tags": ["x"], "messages": []}}
    document = conversation(native)
    assert document["topics"] == ["x"]
    assert document["createdAt"] == document["updatedAt"] == "2023-11-14T22:13:20.000Z"
    assert chat.native(document) == native


def test_an_edit_in_the_store_arrives_in_every_place_of_the_chat() -> None:
    native = natives(LIST)[0]
    document = conversation(native)
    document["title"], document["topics"] = "Mosses", ["plants", "green"]
    document["messages"][-1]["content"] = "No."
    document["messages"].append({"id": "new", "role": "user", "content": "Why?", "timestamp": 1777889000000})
    back = chat.native(document)
    assert back["title"] == back["chat"]["title"] == "Mosses"
    assert back["meta"]["tags"] == ["plants", "green"]
    history = back["chat"]["history"]
    assert history["messages"]["a2"]["content"] == back["chat"]["messages"][-1]["content"] == "No."
    assert history["currentId"] == back["current_message_id"] == "new"
    assert history["messages"]["new"]["parentId"] == "a2"
    assert history["messages"]["a2"]["childrenIds"] == ["new"]


def test_a_message_deleted_in_the_store_leaves_no_gap_in_the_tree() -> None:
    document = conversation(natives(LIST)[0])
    del document["messages"][1]
    again = conversation(chat.native(document))
    assert [one["id"] for one in again["messages"]] == ["u1", "u2", "a2"]
    assert chat.native(again)["chat"]["history"]["messages"]["u1"]["childrenIds"] == ["a1", "u2"]


def test_text_in_parts_and_in_outputs_is_read_and_kept() -> None:
    parts = [
        {"type": "text", "text": "one"},
        {"type": "image_url", "image_url": {"url": "x"}},
        {"type": "text", "text": "two"},
    ]
    output = [
        {"type": "reasoning", "content": [{"text": "hm"}]},
        {"type": "message", "content": [{"text": "an"}, {"text": "swer"}]},
    ]
    nodes = {
        "a": {"role": "user", "content": parts, "parentId": None},
        "b": {
            "role": "assistant",
            "content": "",
            "output": output,
            "parentId": "a",
            "model": "m",
            "error": {"content": "late"},
        },
    }
    native = {"id": "c", "user_id": "u", "chat": {"history": {"messages": nodes, "currentId": "b"}}}
    document = conversation(native)
    assert [one["content"] for one in document["messages"]] == ["one\n\ntwo", "answer"]
    assert document["messages"][1]["metadata"]["model"] == "m"
    assert document["messages"][1]["metadata"]["kind"] == "error"
    assert chat.native(document) == native
    document["messages"][0]["content"], document["messages"][1]["content"] = "three", "other"
    nodes = chat.native(document)["chat"]["history"]["messages"]
    assert nodes["a"]["content"] == [parts[1], {"type": "text", "text": "three"}]
    assert nodes["b"]["content"] == "other"


def test_a_broken_tree_keeps_every_message(tmp_path: Path) -> None:
    def node(name: str, parent: str) -> dict[str, Any]:
        return {"id": name, "role": "user", "content": name, "parentId": parent}

    nodes = {"a": node("a", "b"), "b": node("b", "a"), "c": node("c", "gone"), "d": 17}
    native = {"id": "x", "user_id": "u", "title": "odd", "chat": {"history": {"messages": nodes, "currentId": "no"}}}
    path = tmp_path / "odd.json"
    path.write_text(json.dumps([native]), "utf-8")
    pieces = read(path)
    assert rules(pieces) == ["odd-message", "current-missing", "parent-missing", "parent-cycle"]
    (document,) = documents(pieces, "conversations").values()
    everything = [*document["messages"], *document["extra"]["branches"]]
    assert sorted(one["content"] for one in everything) == ["a", "b", "c"]
    assert chat.native(document) == native


def test_messages_that_only_the_list_has_are_kept_beside_the_tree() -> None:
    native = natives(LIST)[0]
    native["chat"]["messages"].append({"id": "late", "role": "user", "content": "only here"})
    document = conversation(native)
    assert [one["content"] for one in document["extra"]["branches"]] == ["Sphagnum.", "only here"]
    assert document["extra"]["branches"][1]["parentId"] == "a2"
    assert chat.native(document) == native


def test_a_picture_in_a_message_is_kept_once_by_its_hash() -> None:
    address = "data:image/png;base64," + base64.b64encode(b"picture").decode()
    files: list[dict[str, Any]] = [
        {"type": "image", "url": address},
        {"type": "image", "url": address},
        {"type": "collection", "id": "k"},
    ]
    files += [
        {"type": "image", "url": "data:image/png;base64,!"},
        {"type": "file", "file": {"id": "f", "filename": "n.txt"}},
    ]
    native = {
        "id": "c",
        "user_id": "u",
        "chat": {"messages": [{"id": "m", "role": "user", "content": "", "files": files}]},
    }
    found = list(webui_db.conversation(native, "x", Files(), {}))
    kept = [one for one in found if isinstance(one, Document) and one.collection == "attachments"]
    assert [one.blobs for one in kept] == [{kept[0].native_id: b"picture"}]
    (message,) = conversation(native)["messages"]
    attached = message["metadata"]["attachments"]
    assert [one.get("sha256") for one in attached] == [kept[0].native_id, kept[0].native_id, None, None]
    assert [one.get("missing") for one in attached] == [None, None, True, True]
    assert attached[3]["name"] == "n.txt"


# -- bad input


def test_one_broken_line_among_good_ones_costs_that_line(tmp_path: Path) -> None:
    first, second = (json.dumps(one) for one in natives(LIST))
    path = tmp_path / "all.ndjson"
    path.write_text(f'{first}\n{{"chat": nonsense}}\n17\n\n{second}\n{second[:60]}', "utf-8")
    pieces = read(path)
    assert len(documents(pieces, "conversations")) == 2
    assert len([one for one in pieces if isinstance(one, Unreadable)]) == 3


def test_one_broken_chat_in_a_list_and_a_cut_list_cost_no_other(tmp_path: Path) -> None:
    first, second = (json.dumps(one) for one in natives(LIST))
    path = tmp_path / "chats.json"
    path.write_text(f'[{first}, {{"chat": nonsense}}, 17, {{"chat": {{}}}}, {second}, {second[:60]}', "utf-8")
    pieces = read(path)
    assert len(documents(pieces, "conversations")) == 2
    assert len([one for one in pieces if isinstance(one, Unreadable)]) == 4


def test_a_chat_over_several_lines_and_one_without_an_id_are_read(tmp_path: Path) -> None:
    native = natives(LIST)[0]
    path = tmp_path / "chat.json"
    path.write_text("\ufeff" + json.dumps(native, indent=2), "utf-8")
    assert len(documents(read(path), "conversations")) == 1
    bare = {
        key: one
        for key, one in native.items()
        if key in ("chat", "meta", "pinned", "folder_id", "created_at", "updated_at")
    }
    path.write_text(json.dumps([bare]), "utf-8")
    (before,) = documents(read(path), "conversations")
    bare["chat"]["history"]["messages"]["later"] = {"id": "later", "role": "user", "content": "x", "parentId": "a2"}
    path.write_text(json.dumps([bare]), "utf-8")
    assert list(documents(read(path), "conversations")) == [before]


# -- the database


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Path, sqlite3.Connection]]:
    """The data folder of a server, whose database is open."""
    folder = tmp_path / "server"
    (folder / "uploads").mkdir(parents=True)
    shutil.copy(DATABASE, folder / "webui.db")
    with closing(sqlite3.connect(folder / "webui.db")) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA wal_autocheckpoint = 0")
        yield folder, db


def insert(db: sqlite3.Connection, table: str, **row: Any) -> None:
    names, marks = ", ".join(f'"{name}"' for name in row), ", ".join("?" * len(row))
    held = [json.dumps(one) if isinstance(one, dict | list) else one for one in row.values()]
    db.execute(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', held)
    db.commit()


def a_chat(name: str, user: str = "u-1", **more: Any) -> dict[str, Any]:
    node = {"id": "m", "role": "user", "content": f"words of {name}", "parentId": None, "timestamp": 1777888800}
    content = {"title": name, "history": {"messages": {"m": node}, "currentId": "m"}, **more.pop("chat", {})}
    row = {"id": name, "user_id": user, "title": name, "created_at": 1, "updated_at": 1, "archived": 0}
    return {**row, "chat": content, "meta": {}, **more}


def test_what_is_only_in_the_wal_is_read_from_file_folder_and_archive(
    server: tuple[Path, sqlite3.Connection], tmp_path: Path
) -> None:
    folder, db = server
    insert(db, "chat", **a_chat("late"))
    assert (folder / "webui.db-wal").stat().st_size > 0
    packed = tmp_path / "backup.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for one in folder.iterdir():
            archive.write(one, f"data/{one.name}")
    for number, path in enumerate([folder / "webui.db", folder, packed]):
        assert "late" in by_native_id(read(path), "conversations"), path
        with migrated(tmp_path / str(number), path) as store:
            assert sorted(one.title or "" for one in store.conversations.list()) == ["Legacy list only", "Moss", "late"]


def test_a_database_all_of_which_is_in_the_wal_is_recognised(tmp_path: Path) -> None:
    with closing(sqlite3.connect(DATABASE)) as old:
        ddl = [sql for (sql,) in old.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL")]
    path = tmp_path / "webui.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA wal_autocheckpoint = 0")
        for sql in ddl:
            db.execute(sql)
        insert(db, "chat", **a_chat("young"))
        assert kind_of(path) == "open-webui"
        with migrated(tmp_path / "data", path) as store:
            assert [one.title for one in store.conversations.list()] == ["young"]


def test_several_users_of_a_server_are_kept_apart(server: tuple[Path, sqlite3.Connection]) -> None:
    folder, db = server
    insert(db, "chat", **a_chat("theirs", "u-2"))
    insert(db, "memory", id="mem-c", user_id="u-2", content="Likes ferns", created_at=1, updated_at=1)
    pieces = read(folder / "webui.db")
    assert "several-users" in rules(pieces)
    assert by_native_id(pieces, "conversations")["theirs"]["extra"]["open-webui"]["user_id"] == "u-2"
    row = {"id": "mem-a", "content": "x", "created_at": 1, "updated_at": 1}
    assert records.memory({**row, "user_id": "u-1"})[1]["id"] != records.memory({**row, "user_id": "u-2"})[1]["id"]


def test_accounts_keys_and_settings_of_the_server_are_nowhere(
    server: tuple[Path, sqlite3.Connection], tmp_path: Path
) -> None:
    folder, db = server
    key = "sk-PLANTED-0123456789"
    insert(db, "auth", id="u-1", email=f"{key}@example.org", password=key, active=1)
    insert(db, "user", id="u-1", name=key, email=f"{key}@b.example.org", role="admin", settings={"ui": {"k": key}})
    insert(db, "api_key", id="k", user_id="u-1", key=key, created_at=1, updated_at=1)
    insert(
        db, "oauth_session", id="o", user_id="u-1", provider="x", token=key, expires_at=1, created_at=1, updated_at=1
    )
    insert(db, "config", key="openai.api_keys", value=[key])
    insert(db, "config_old", id=1, data={"openai": {"api_keys": [key]}}, version=1)
    times = {"created_at": 1, "updated_at": 1}
    insert(
        db,
        "app",
        id="a",
        slug="a",
        name="a",
        is_active=1,
        data={"headers": {"Authorization": key}},
        api_key=key,
        **times,
    )
    insert(
        db,
        "tool",
        id="t",
        user_id="u-1",
        name="t",
        content="code",
        specs=[],
        meta={},
        valves={"anything": key},
        **times,
    )
    insert(
        db,
        "function",
        id="f",
        user_id="u-1",
        name="f",
        content="code",
        meta="{}",
        valves=json.dumps({"x": key}),
        **times,
    )
    insert(db, "channel_webhook", id="w", user_id="u-1", channel_id="c", name="w", token=key, **times)
    data = tmp_path / "data"
    with migrated(data, folder / "webui.db") as store:
        assert len(store.conversations.list()) == 2
    pjais.export(data, output=data / "all.json")
    raw_copies = data / "backups"
    for path in data.rglob("*"):
        inside = path.relative_to(raw_copies).parts if path.is_relative_to(raw_copies) else ()
        if path.is_file() and not (inside and path.name.startswith("webui.db")):
            assert key.encode() not in path.read_bytes(), path
    found = [one for one in read(folder / "webui.db") if isinstance(one, Remark) and one.rule == "secret-redacted"]
    assert {one.collection for one in found} == {
        f"open_webui_{name}" for name in ("app", "tool", "function", "channel_webhook")
    }
    assert documents(read(folder / "webui.db"), "open_webui_tool").popitem()[1]["valves"] == {"$redacted": True}


def test_models_made_of_others_are_personas_and_the_rest_is_kept_in_tables(
    server: tuple[Path, sqlite3.Connection], tmp_path: Path
) -> None:
    folder, db = server
    times = {"created_at": 1700000000, "updated_at": 1700000001}
    insert(db, "model", id="botanist", user_id="u-1", base_model_id="m-one", name="Botanist", **times,
           params=json.dumps({"system": "You are a botanist."}),
           meta=json.dumps({"description": "Knows plants", "profile_image_url": "/x.png"}), is_active=1)  # fmt: skip
    insert(db, "model", id="m-one", user_id="u-1", name="M One", params="{}", meta="{}", is_active=1, **times)
    insert(db, "chat", **a_chat("with", chat={"models": ["botanist"]}))
    insert(db, "folder", id="fold-1", user_id="u-1", name="Plants", is_expanded=1, **times)
    insert(db, "tag", id="plants", name="Plants", user_id="u-1")
    insert(db, "prompt", id="p", command="/moss", user_id="u-1", name="Moss?", content="Which moss?", **times)
    insert(
        db,
        "file",
        id="f-1",
        user_id="u-1",
        filename="moss.png",
        meta={"content_type": "image/png"},
        path="/app/uploads/f-1_moss.png",
        **times,
    )
    (folder / "uploads" / "f-1_moss.png").write_bytes(b"moss")
    (folder / "uploads" / "stray.txt").write_bytes(b"stray")
    (folder / "vector_db").mkdir()
    (folder / "vector_db" / "chroma.sqlite3").write_bytes(b"x")
    pieces = read(folder)
    (persona,) = documents(pieces, "personas").values()
    assert (persona["name"], persona["description"], persona["avatar"]) == ("Botanist", "Knows plants", "/x.png")
    assert persona["settings"] == {"systemPrompt": "You are a botanist.", "model": "m-one"}
    assert by_native_id(pieces, "conversations")["with"]["personaId"] == persona["id"]
    for table, key in {"model": "m-one", "folder": "fold-1", "tag": "plants", "prompt": "p", "file": "f-1"}.items():
        (kept,) = by_native_id(pieces, f"open_webui_{table}").values()
        assert (kept.get("native_id", kept["id"])) == key
        assert isinstance(KIND, AppSource)
        assert KIND.native(f"open_webui_{table}", copied(kept))["id"] == key
    (attachment,) = documents(pieces, "attachments").values()
    shown = by_native_id(pieces, "conversations")["0f0f0f0f-0000-4000-8000-000000000001"]["messages"][0]
    assert shown["metadata"]["attachments"] == [
        {"sha256": attachment["id"], "name": "moss.png", "mediaType": "image/png", "size": 4}
    ]
    told = [one.message for one in pieces if isinstance(one, Remark) and one.rule == "left-out"]
    assert any("stray.txt" in one for one in told)
    assert any("search index" in one for one in told)
    with migrated(tmp_path / "data", folder) as store:
        assert [one.name for one in store.personas.list()] == ["Botanist"]
        before = store.collections
    with migrated(tmp_path / "data", folder / "webui.db") as store:  # the same again, without the folder around it
        assert len(store.conversations.list()) == 3
        assert store.collections == before
        assert all(len(list(store.collection(name).all())) == 1 for name in before if name.startswith("open_webui_"))


def test_messages_that_a_chat_no_longer_holds_are_kept_as_rows(server: tuple[Path, sqlite3.Connection]) -> None:
    folder, db = server
    chat_id = "0f0f0f0f-0000-4000-8000-000000000001"
    insert(
        db,
        "chat_message",
        id=f"{chat_id}-x",
        chat_id=chat_id,
        role="user",
        content='"only here"',
        created_at=1,
        updated_at=1,
    )
    (kept,) = documents(read(folder / "webui.db"), "open_webui_chat_message").values()
    assert kept["content"] == "only here"


def test_tags_of_the_first_versions_are_topics(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE auth (id, email, password)")
        db.execute("CREATE TABLE chat (id TEXT PRIMARY KEY, user_id, title, chat, timestamp)")
        db.execute("CREATE TABLE chatidtag (id TEXT PRIMARY KEY, tag_name, chat_id, user_id, timestamp)")
        content = {"messages": [{"id": "m", "role": "user", "content": "hello"}]}
        insert(db, "chat", id="c", user_id="u", title="old", chat=content, timestamp=1700000000)
        insert(db, "chatidtag", id="t", tag_name="moss", chat_id="c", user_id="u", timestamp=1)
    pieces = read(path)
    document = by_native_id(pieces, "conversations")["c"]
    assert (document["topics"], document["createdAt"]) == (["moss"], "2023-11-14T22:13:20.000Z")
    assert len(documents(pieces, "open_webui_chatidtag")) == 1


def test_a_row_whose_chat_is_no_json_is_told_and_costs_no_other(server: tuple[Path, sqlite3.Connection]) -> None:
    folder, db = server
    insert(db, "chat", **{**a_chat("bad"), "chat": "{nonsense"})
    pieces = read(folder / "webui.db")
    assert len(documents(pieces, "conversations")) == 2
    assert [one.reason for one in pieces if isinstance(one, Unreadable)] == ["the content of the chat is not JSON"]


@pytest.mark.parametrize("table", ["auth", "chat"])
def test_a_damaged_database_gives_what_is_intact_and_shows_no_account(table: str, tmp_path: Path) -> None:
    path = tmp_path / "webui.db"
    shutil.copy(DATABASE, path)
    with closing(sqlite3.connect(path)) as db:
        for number in range(200):
            insert(db, "chat", **a_chat(f"chat-{number}"))
            insert(db, "auth", id=f"u{number}", email=f"{number}@example.org", password="PLANTED-PASSWORD" * 20)
        (root,) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
    data = bytearray(path.read_bytes())
    data[(root - 1) * 4096 : root * 4096] = b"\xff" * 4096  # its root: the leaves are in no tree
    path.write_bytes(data)
    pieces = read(path)
    assert len(documents(pieces, "conversations")) == 202
    assert any(isinstance(one, Unreadable) for one in pieces) is (table == "chat")
    assert all("PLANTED" not in str(one) for one in pieces)


# -- idempotent


def test_nothing_comes_twice_and_a_later_export_brings_only_what_is_new(tmp_path: Path) -> None:
    data, renamed, later = tmp_path / "data", tmp_path / "chat-export (1).json", tmp_path / "later.json"
    shutil.copy(LIST, renamed)
    items = natives(LIST)
    items[0]["chat"]["history"]["messages"]["u3"] = {
        "id": "u3",
        "parentId": "a2",
        "childrenIds": [],
        "role": "user",
        "content": "More",
        "timestamp": 1777889999,
    }
    items[0]["chat"]["history"]["messages"]["a2"]["childrenIds"] = ["u3"]
    items[0]["chat"]["history"]["currentId"] = "u3"
    items[0]["updated_at"] = 1777889999
    later.write_text(json.dumps(items), "utf-8")
    with migrated(data, LIST, MEMORIES) as store:
        before = store.conversations.list(), store.memories.list()
    for again in (renamed, LINES, DATABASE):
        with migrated(data, again) as store:
            assert len(store.conversations.list()) == len(before[0])
            assert len(store.memories.list()) == len(before[1])
    with migrated(data, later) as store:
        found = {one.title: one for one in store.conversations.list()}
        assert len(found) == 2
        assert found["Moss"].messages[-1]["content"] == "More"


# -- out


def sorted_by_id(found: list[Any]) -> list[Any]:
    return sorted(found, key=lambda one: str(one["id"]))


def test_what_came_from_open_webui_goes_out_as_it_came(tmp_path: Path) -> None:
    with migrated(tmp_path / "data", LIST, MEMORIES):
        pass
    pjais.export(tmp_path / "data", output=tmp_path / "out", format="open-webui")
    assert sorted_by_id(natives(tmp_path / "out" / "chat-export.json")) == sorted_by_id(natives(LIST))
    assert sorted_by_id(natives(tmp_path / "out" / "memories.json")) == sorted_by_id(natives(MEMORIES))


def without_origin(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document without what the reader of Open WebUI adds."""
    made = copied(document)
    for key in ("open-webui", "open-webui-copies", "open-webui-messages"):
        made["extra"].pop(key, None)
    for message in [*made.get("messages", []), *made["extra"].get("branches", [])]:
        if isinstance(message, dict) and isinstance(message.get("metadata"), dict):
            message["metadata"].pop("open-webui", None)
    return dict(made)


def test_conversations_of_other_apps_come_back_as_they_were() -> None:
    chatgpt = registry.of_kind("chatgpt")
    assert chatgpt is not None
    source = read(GOLDEN / "chatgpt" / "export-sharded.zip")
    for document in documents(source, "conversations").values():
        document = {key: one for key, one in document.items() if key != "personaId" or one}
        document["topics"] = []
        personas = {one["id"]: one for one in documents(source, "personas").values()}
        native = json.loads(json.dumps(export.of_conversation(copied(document), lambda _: b"picture", personas)))
        again = conversation(native)
        assert without_origin(again) == document
        assert chatgpt.native("conversations", again) == chatgpt.native("conversations", document)
        assert chat.native(json.loads(json.dumps(again))) == native
        hidden = {one["id"] for one in document["messages"] if one["metadata"].get("hidden")}
        assert not hidden & native["chat"]["history"]["messages"].keys()


def test_a_chat_that_holds_a_conversation_of_chatgpt_is_no_export_of_chatgpt(tmp_path: Path) -> None:
    with migrated(tmp_path / "data", GOLDEN / "chatgpt" / "export-sharded.zip"):
        pass
    pjais.export(tmp_path / "data", output=tmp_path / "out", format="open-webui")
    assert kind_of(tmp_path / "out" / "chat-export.json") == "open-webui"
    with migrated(tmp_path / "again", tmp_path / "out" / "chat-export.json") as store:  # without models.json
        assert len(store.conversations.list()) == 5
        assert [one.name for one in store.personas.list()] == ["ChatGPT project g-p-0123456789abcdef"]


def test_what_open_webui_changed_of_such_a_chat_arrives() -> None:
    source = documents(read(GOLDEN / "chatgpt" / "export-sharded.zip"), "conversations")
    document = next(one for one in source.values() if one["title"] == "Lamps & branches")
    native = export.of_conversation({**document, "topics": []}, lambda _: None)
    history = native["chat"]["history"]
    last = history["currentId"]
    history["messages"]["n"] = {
        "id": "n",
        "parentId": last,
        "role": "user",
        "content": "And now?",
        "timestamp": 1800000000,
    }
    history["currentId"] = "n"
    native |= {"id": "another id of theirs", "title": "Lamps", "updated_at": 1800000000}
    again = conversation(native)
    assert (again["id"], again["title"]) == (document["id"], "Lamps")
    assert again["createdAt"] == document["createdAt"]
    assert again["updatedAt"] == "2027-01-15T08:00:00.000Z"
    assert [one["id"] for one in again["messages"]] == [*(one["id"] for one in document["messages"]), "n"]
    clone = {**native, "chat": {**native["chat"], "originalChatId": "x"}}
    assert conversation(clone)["id"] != document["id"]


def test_memories_and_personas_of_other_apps_come_back_as_they_were() -> None:
    memory = {"id": "m-1", "type": "fact", "content": {"a": 1}, "importance": 70, "tags": ["x"], "personaId": "p-1",
              "createdAt": "2024-01-02T03:04:05.678Z", "updatedAt": None, "extra": {"theirs": 1}}  # fmt: skip
    persona = {"id": "p-1", "name": "Fern", "description": None, "personality": {"tone": "dry"},
               "settings": {"systemPrompt": "Be dry.", "more": 1}, "createdAt": "2024-01-02T03:04:05.678Z",
               "updatedAt": None, "extra": {}}  # fmt: skip
    row = json.loads(json.dumps(export.of_memory(memory, {"p-1": {"id": "p-1", "name": "Fern"}})))
    again = records.memory(row)[1]
    assert {key: again.get(key) for key in memory if key != "extra"} == {
        key: one for key, one in memory.items() if key != "extra"
    }
    assert again["extra"]["theirs"] == 1
    assert records.native("memories", copied(again)) == row
    row = json.loads(json.dumps(export.of_persona(persona)))
    again = records.persona(row)
    assert {key: again.get(key) for key in persona if key != "extra"} == {
        key: one for key, one in persona.items() if key != "extra"
    }
    assert records.native("personas", copied(again)) == row
    again["settings"] = {**again["settings"], "systemPrompt": "Be wet."}
    assert records.native("personas", again)["params"]["system"] == "Be wet."


def test_what_the_form_cannot_hold_is_told_first() -> None:
    told: list[str] = []
    listed: dict[str, list[dict[str, Any]]] = {
        "memories": [{"id": "m", "content": "x", "embedding": [1.0]}, {"id": "n", "content": "y"}],
        "relationships": [{"id": "r"}],
        "open_webui_folder": [{"id": "f"}, {"id": "g"}],
        "attachments": [
            {"id": "a", "mediaType": "audio/mp3", "size": 3},
            {"id": "b", "mediaType": "image/png", "size": 3},
        ],
    }
    held = Held(**listed)
    found = export.files(held, told.append)
    assert next(found)[0] == "memories.json"
    assert told == [
        "1 embedding",
        "1 relationship",
        "1 attachment other than a picture",
        "2 rows of Open WebUI's other tables",
    ]


# -- any object


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.text() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_IDS = st.sampled_from(["a", "b", "c", "d"])
_NODE = st.fixed_dictionaries(
    {},
    optional={
        "id": _IDS | _JSON,
        "parentId": st.none() | _IDS | _JSON,
        "childrenIds": st.lists(_IDS) | _JSON,
        "role": st.sampled_from(["user", "assistant"]) | _JSON,
        "content": st.text() | _JSON,
        "timestamp": st.integers(0, 2 * 10**15) | _JSON,
        "files": st.lists(st.fixed_dictionaries({}, optional={"type": _JSON, "url": st.text() | _JSON, "id": _JSON}))
        | _JSON,
        "output": _JSON,
        "pjais": st.fixed_dictionaries({}, optional={"metadata": _JSON, "timestamp": _JSON, "parentId": _JSON}) | _JSON,
        "$copy": _JSON,
    },
)
_NODES = st.dictionaries(_IDS, _NODE | _JSON, max_size=4)


@st.composite
def contents(draw: st.DrawFn) -> Any:
    nodes = draw(_NODES)
    copies = st.sampled_from(list(nodes.values())).map(copied) if nodes else st.nothing()
    listed = draw(st.lists(copies | _NODE | _JSON, max_size=4) | _JSON)
    history = {"messages": nodes, "currentId": draw(_IDS | _JSON)}
    parts = {"history": st.just(history) | _JSON, "messages": st.just(listed), "tags": _JSON, "models": _JSON}
    return draw(
        st.fixed_dictionaries({}, optional={**parts, "id": st.text() | _JSON, "title": _JSON, "timestamp": _JSON})
    )


_PJAIS = st.fixed_dictionaries(
    {"id": st.text() | _JSON},
    optional={
        "document": st.fixed_dictionaries(
            {}, optional={"extra": _JSON, "updatedAt": _JSON, "title": _JSON, "messages": _JSON}
        )
        | _JSON,
        "hidden": st.lists(_NODE | _JSON, max_size=3) | _JSON,
        "branches": _JSON,
    },
)
_META = st.fixed_dictionaries({}, optional={"tags": st.lists(st.text()) | _JSON, "pjais": _PJAIS | _JSON})
_CHAT = st.fixed_dictionaries(
    {"id": st.text(min_size=1)},
    optional={
        "chat": contents() | _JSON,
        "title": _JSON,
        "created_at": st.integers(0, 2 * 10**15) | _JSON,
        "updated_at": st.integers(0, 2 * 10**15) | _JSON,
        "timestamp": _JSON,
        "archived": _JSON,
        "summary": _JSON,
        "current_message_id": _IDS | _JSON,
        "meta": _META | _JSON,
        "history": _JSON,
        "messages": _JSON,
    },
)


@given(_CHAT)
@settings(deadline=None, max_examples=400)
def test_any_chat_comes_out_as_it_was(native: dict[str, Any]) -> None:
    document = conversation(native)
    assert chat.native(json.loads(json.dumps(document))) == native


_ROW = st.fixed_dictionaries(
    {},
    optional={
        "id": st.text() | _JSON,
        "user_id": _JSON,
        "type": _JSON,
        "name": _JSON,
        "content": st.text() | _JSON,
        "base_model_id": st.text() | _JSON,
        "params": st.fixed_dictionaries({}, optional={"system": st.text() | _JSON}) | _JSON,
        "meta": st.fixed_dictionaries(
            {},
            optional={
                "description": _JSON,
                "profile_image_url": _JSON,
                "pjais": st.dictionaries(
                    st.sampled_from(["id", "content", "settings", "avatar", "createdAt", "name"]), st.text() | _JSON
                )
                | _JSON,
            },
        )
        | _JSON,
        "created_at": st.integers(0, 2 * 10**10) | _JSON,
        "updated_at": _JSON,
        "command": _JSON,
    },
)


@given(_ROW)
@settings(deadline=None, max_examples=400)
def test_any_memory_model_and_row_comes_out_as_it_was(row: dict[str, Any]) -> None:
    for collection, value in (
        ("memories", records.memory(row)[1]),
        ("personas", records.persona(row)),
        ("open_webui_prompt", records.table_document("prompt", row)[1]),
    ):
        assert records.native(collection, json.loads(json.dumps(value))) == row


_TEXT = st.text(max_size=20)


def _id_of(one: dict[str, Any]) -> str:
    return str(one["id"])


_MESSAGE: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "id": _IDS | _TEXT,
        "role": st.sampled_from(["user", "assistant", "system", "tool"]),
        "content": _TEXT,
        "timestamp": st.none() | st.integers(0, 2 * 10**12),
        "metadata": st.fixed_dictionaries({}, optional={"hidden": st.booleans(), "model": _TEXT, "theirs": _JSON}),
    }
)
_BRANCH = st.builds(lambda one, parent: {**one, "id": f"b{one['id']}", "parentId": parent}, _MESSAGE, st.none() | _IDS)
_DOCUMENT = st.fixed_dictionaries(
    {
        "id": st.text(min_size=1),
        "title": st.none() | _TEXT,
        "topics": st.lists(_TEXT, max_size=3),
        "isArchived": st.booleans(),
        "messages": st.lists(_MESSAGE, max_size=5, unique_by=_id_of) | st.lists(_MESSAGE | _JSON, max_size=4),
        "createdAt": st.none() | st.integers(0, 2 * 10**12).map(values.iso),
        "updatedAt": st.none() | st.integers(0, 2 * 10**12).map(values.iso),
        "importance": st.integers(0, 100),
        "extra": st.builds(
            lambda extra, branches: {**extra, "branches": branches} if branches else extra,
            st.dictionaries(
                _TEXT.filter(lambda key: key not in ("branches", "$pjais", chat.COPIES, chat.KIND)), _JSON, max_size=2
            ),
            st.lists(_BRANCH | _JSON, max_size=2) | st.lists(_BRANCH, max_size=2, unique_by=_id_of),
        ),
    }
)


@given(_DOCUMENT)
@settings(deadline=None, max_examples=400)
def test_any_conversation_of_ours_comes_back_as_it_was(document: dict[str, Any]) -> None:
    native = json.loads(json.dumps(export.of_conversation(copied(document), lambda _: None)))
    again = conversation(native)
    assert without_origin(again) == document
    assert chat.native(json.loads(json.dumps(again))) == native


def test_keys_in_parameters_of_models_and_chats_are_not_stored(tmp_path: Path) -> None:
    chat_row = {
        "id": "0f0f0f0f-0000-4000-8000-00000000000a",
        "user_id": "u",
        "title": "T",
        "meta": {},
        "archived": False,
        "pinned": False,
        "chat": {
            "params": {"api_key": "sk-PLANTED", "temperature": 0},
            "history": {"messages": {"a": {"id": "a", "role": "user", "content": "hi"}, "b": 5}, "currentId": "a"},
        },
    }
    model_row = {"id": "m", "base_model_id": "x", "name": "M", "params": {"system": "s", "api_key": "sk-PLANTED"}}
    chats, models = tmp_path / "chats.json", tmp_path / "models.json"
    chats.write_text(json.dumps([5, None, "x", chat_row]), "utf-8")
    models.write_text(json.dumps([model_row]), "utf-8")
    pieces = [*read(chats), *read(models)]
    assert "sk-PLANTED" not in repr(pieces)
    assert sorted(one.rule for one in pieces if isinstance(one, Remark)) == [
        "odd-message",
        "secret-redacted",
        "secret-redacted",
    ]
    (document,) = documents(pieces, "conversations").values()
    assert [one["content"] for one in document["messages"]] == ["hi"]
