"""Chatbox's export: sessions, their threads and forks, blobs, the older list of sessions, credentials."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from app_files import GOLDEN, by_native_id, documents, expected, kind_of, migrated, read
from hypothesis import given, settings
from hypothesis import strategies as st
from wild import IDS, JSON, assert_harmless, assert_nowhere, rules, written

from pjais.core.document import Document, Remark, Unreadable
from pjais.sources import registry
from pjais.sources.apps import values
from pjais.sources.apps.chatbox import session as native_session
from pjais.sources.apps.shape import copied

FILE = GOLDEN / "chatbox" / "chatbox-exported-data-2026-5-4.json"
TOLD = expected("chatbox")["files"][FILE.name]
KIND = registry.of_kind("chatbox")


def dump() -> Any:
    return json.loads(FILE.read_text("utf-8"))


def messages(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"id": one["id"], "role": one["role"], "text": one["content"], "timestamp": one["timestamp"]}
        for one in document["messages"]
    ]


def test_sessions_threads_forks_and_copilots_are_read_as_told() -> None:
    pieces = read(FILE)
    personas, found = by_native_id(pieces, "personas"), by_native_id(pieces, "conversations")
    (told,) = TOLD["personas"]
    gardener = personas[told["native_id"]]
    assert (gardener["name"], gardener["usageCount"]) == (told["name"], told["usage_count"])
    assert gardener["settings"] == {"systemPrompt": told["system_prompt"]}
    assert values.ms_of_iso(gardener["createdAt"]) == told["created_at"]
    assert list(found) == [one["native_id"] for one in TOLD["conversations"]]
    for one in TOLD["conversations"]:
        document = found[one["native_id"]]
        assert (document["title"], messages(document)) == (one["title"], one["messages"])
        if "created_at" in one:
            assert values.ms_of_iso(document["createdAt"]) == one["created_at"]
        assert document["personaId"] == (gardener["id"] if one.get("persona") or one.get("parent") else None)
        branches = document["extra"].get("branches", [])
        assert [(each["id"], each["content"], each["parentId"]) for each in branches] == [
            (each["id"], each["text"], each["after"]) for each in one.get("siblings_kept", [])
        ]
        native = document["extra"]["chatbox"]
        assert native.get("threadName") == one.get("thread")
        assert native.get("type", "picture") == one.get("type", "chat") or one["native_id"] == "th0"


def test_a_thread_is_related_to_its_session() -> None:
    pieces = read(FILE)
    found = by_native_id(pieces, "conversations")
    (related,) = documents(pieces, "relationships").values()
    child = next(one for one in TOLD["conversations"] if "parent" in one)
    assert related["type"] == "thread_of"
    assert related["fromId"] == found[child["native_id"]]["id"]
    assert related["toId"] == found[child["parent"]]["id"]


def test_blobs_are_attachments_of_the_messages_that_point_to_them() -> None:
    pieces = read(FILE)
    found = by_native_id(pieces, "conversations")
    bytes_of = {
        one.native_id: one.blobs[str(one.native_id)] for one in pieces if isinstance(one, Document) and one.blobs
    }
    for one in TOLD["conversations"]:
        for told in one.get("attachments", []):
            message = next(each for each in found[one["native_id"]]["messages"] if each["id"] == told["message"])
            (named,) = message["metadata"]["attachments"]
            assert named["key"] == told["blob"]
            assert named["name"] == told.get("name", told["blob"])
            raw = dump()[told["blob"]]
            data = base64.b64decode(raw.partition(",")[2]) if raw.startswith("data:") else raw.encode()
            assert bytes_of[named["sha256"]] == data
    assert {one["mediaType"] for one in documents(pieces, "attachments").values()} == {"image/png", "text/plain"}


def test_every_object_comes_out_as_it_was() -> None:
    assert KIND is not None
    native, pieces = dump(), read(FILE)
    made = by_native_id(pieces, "conversations")
    assert KIND.native("conversations", copied(made["s1"])) == native["session:s1"]
    assert KIND.native("conversations", copied(made["s2"])) == native["session:s2"]
    assert KIND.native("conversations", copied(made["th0"])) == native["session:s1"]["threads"][0]
    (copilot,) = by_native_id(pieces, "personas").values()
    assert KIND.native("personas", copied(copilot)) == native["myCopilots"][0]
    entries = by_native_id(pieces, "chatbox_entries")
    kept = {key: KIND.native("chatbox_entries", copied(one)) for key, one in entries.items()}
    assert kept == {
        key: one
        for key, one in native.items()
        if key != "myCopilots" and not key.startswith(("session:", "file:", "picture:"))
    }


def test_forks_of_a_thread_and_forks_in_forks_stay_with_their_messages(tmp_path: Path) -> None:
    def one(name: str) -> dict[str, Any]:
        return {"id": name, "role": "user", "contentParts": [{"type": "text", "text": name}]}

    held: dict[str, Any] = {
        "id": "s",
        "name": "S",
        "messages": [one("a"), one("b")],
        "threads": [{"id": "t", "name": "T", "createdAt": 1, "messages": [one("c"), one("d")]}],
        "messageForksHash": {
            "c": {"position": 1, "lists": [{"id": "l", "messages": [one("e"), one("f")]}, {"id": "m", "messages": []}]},
            "f": {"position": 0, "lists": [{"id": "n", "messages": []}, {"id": "o", "messages": [one("g")]}]},
            "a": {"position": 0, "lists": [{"id": "p", "messages": []}, {"id": "q", "messages": [one("h")]}]},
            "gone": {"position": 0, "lists": [{"id": "r", "messages": [one("i")]}]},
        },
    }
    found = by_native_id(read(written(tmp_path, {"session:s": held, "chat-sessions-list": []})), "conversations")

    def branches(name: str) -> list[tuple[str, str]]:
        return [(each["content"], each["parentId"]) for each in found[name]["extra"]["branches"]]

    assert branches("t") == [("e", "c"), ("f", "e"), ("g", "f")]
    assert branches("s") == [("h", "a"), ("i", "gone")]
    assert KIND is not None
    assert KIND.native("conversations", copied(found["s"])) == held
    assert KIND.native("conversations", copied(found["t"])) == held["threads"][0]


def test_sessions_that_the_index_does_not_list_and_those_of_the_older_list_are_read(tmp_path: Path) -> None:
    native = dump()
    native["chat-sessions-list"] = [{"id": "s9", "name": "Lost"}]
    older = {"id": "old", "name": "Old", "messages": [{"id": "m", "role": "user", "content": "Hi", "timestamp": 5}]}
    native["chat-sessions"] = [older, {**native["session:s2"], "name": "Copy"}, 17]
    pieces = read(written(tmp_path, native))
    found = by_native_id(pieces, "conversations")
    assert sorted(map(str, found)) == ["old", "s1", "s2", "th0"]
    assert found["s2"]["title"] == "Pictures"
    assert messages(found["old"]) == [{"id": "m", "role": "user", "text": "Hi", "timestamp": 5}]
    assert sorted(rules(pieces)) == ["session-missing", "superseded-copy"]
    assert [one.reason for one in pieces if isinstance(one, Unreadable)] == ["not a session: not an object"]
    alone = {"chat-sessions": [older], "settings": {}, "configVersion": 5}
    assert list(by_native_id(read(written(tmp_path, alone)), "conversations")) == ["old"]


def test_hidden_messages_kinds_and_models() -> None:
    (first, *_, last) = by_native_id(read(FILE), "conversations")["s1"]["messages"]
    assert first["metadata"]["hidden"] is True
    assert last["metadata"]["model"] == "test"

    def told(**more: Any) -> dict[str, Any]:
        everything, _ = native_session.session_turns({"messages": [{"id": "a", "role": "assistant", **more}]})
        return everything[0].metadata

    call = {"type": "tool-call", "toolName": "t"}
    assert told(contentParts=[call]) == {"hidden": True}
    assert told(contentParts=[{"type": "image", "storageKey": "picture:1"}]) == {}
    assert told(isSummary=True, content="s") == {"kind": "summary", "hidden": True}
    assert told(error="no key", contentParts=[]) == {"kind": "error"}


def test_texts_of_several_parts_are_joined_and_one_part_is_not_kept_twice() -> None:
    def document(*texts: str) -> dict[str, Any]:
        native = {"messages": [{"contentParts": [{"type": "text", "text": one} for one in texts]}]}
        everything, shown = native_session.session_turns(native)
        return native_session.SESSION.document(native, {"id": "c"}, turns=everything, shown=shown)

    assert document("a", "", "b")["messages"][0]["content"] == "a\n\nb"
    single = document("only once")
    assert json.dumps(single).count("only once") == 1
    single["messages"][0]["content"] = "edited"
    assert native_session.SESSION.native(single)["messages"][0]["contentParts"][0]["text"] == "edited"


def test_missing_blobs_and_copilots_broken_data_urls_and_newer_versions_are_told(tmp_path: Path) -> None:
    native = dump()
    del native["file:s1:x1:aaaa"], native["myCopilots"]
    native["picture:s2:1"] = "data:image/png;base64,%%%"
    native["configVersion"] = 99
    pieces = read(written(tmp_path, native))
    found = by_native_id(pieces, "conversations")
    (named,) = found["s1"]["messages"][1]["metadata"]["attachments"]
    assert named == {"name": "rose.txt", "mediaType": "text/plain", "missing": True}
    assert found["s1"]["personaId"] is None
    assert rules(pieces) == ["newer-version", "persona-missing", "attachment-unreadable"]


def test_no_credential_is_stored_anywhere(tmp_path: Path) -> None:
    native = dump()
    native["settings"] = {
        "providers": {"openai": {"apiKey": "KEY-1", "apiHost": "h", "oauth": {"accessToken": "KEY-2"}}},
        "licenseKey": "KEY-3",
        "licenseInstances": {"KEY-4": "instance"},
        "openaiKey": "KEY-5",
        "mcp": {"servers": [{"transport": {"type": "stdio", "command": "c", "env": {"ANY": "KEY-6"}}}]},
        "extension": {"webSearch": {"tavilyApiKey": "KEY-7"}},
        "language": "en",
    }
    native["session:s1"]["settings"]["openaiKey"] = "KEY-8"
    native["authToken"] = "KEY-9"
    path = written(tmp_path, native)
    text = path.read_text("utf-8")
    broken = written(
        tmp_path, text[: text.index('"session:s1"') + 14] + "{" + text[text.index('"settings"') :], "b.json"
    )
    told = [one.message for one in read(path) if isinstance(one, Remark) and one.rule == "secret-redacted"]
    assert "settings.providers.openai.apiKey" in told[0]
    with migrated(tmp_path / "data", path):
        assert_nowhere("KEY-", tmp_path / "data")
    assert_harmless(broken, tmp_path / "other")
    assert_nowhere("KEY-", tmp_path / "other")


def test_a_later_export_brings_only_what_is_new(tmp_path: Path) -> None:
    with migrated(tmp_path / "data", FILE) as store:
        before = store.conversations.list()
    renamed = tmp_path / "chatbox (1).txt"
    renamed.write_bytes(FILE.read_bytes())
    with migrated(tmp_path / "data", renamed) as store:
        assert store.conversations.list() == before
    later = dump()
    more = {
        "id": "x9",
        "role": "user",
        "contentParts": [{"type": "text", "text": "Thanks"}],
        "timestamp": 1777889000000,
    }
    later["session:s1"]["messages"].append(more)
    later["session:s3"] = {"id": "s3", "name": "New", "type": "chat", "messages": [more]}
    later["__exported_at"] = "2026-11-04T10:10:00.000Z"
    with migrated(tmp_path / "data", written(tmp_path, later, "a.json")) as store:
        found = {one.title: one for one in store.conversations.list()}
        assert len(found) == len(before) + 1
        assert found["Roses"].messages[-1]["content"] == "Thanks"


@pytest.mark.parametrize("cut", [40, 400, 1200, 2200])
def test_a_cut_dump_gives_what_is_there(cut: int, tmp_path: Path) -> None:
    text = FILE.read_text("utf-8")
    path = written(tmp_path, text[:-cut])
    if kind_of(path) == "chatbox":
        pieces = read(path)
        assert sum(isinstance(one, Unreadable) for one in pieces) == 1
        assert documents(pieces, "personas")


def test_one_broken_session_costs_no_other(tmp_path: Path) -> None:
    text = FILE.read_text("utf-8").replace(
        '"type": "picture", "name": "Pictures", "messages"', '"type": nope, "messages"'
    )
    pieces = read(written(tmp_path, text))
    assert sorted(map(str, by_native_id(pieces, "conversations"))) == ["s1", "th0"]
    (broken,) = [one for one in pieces if isinstance(one, Unreadable)]
    assert broken.collection == "conversations"
    assert broken.raw == b""


def test_it_is_recognised_by_content_alone(tmp_path: Path) -> None:
    assert kind_of(FILE) == "chatbox"
    assert kind_of(written(tmp_path, FILE.read_text("utf-8"), "x.dat")) == "chatbox"
    assert kind_of(written(tmp_path, {"configVersion": 1, "settings": {}})) != "chatbox"
    assert kind_of(written(tmp_path, {"settings": {}, "sessions": []})) != "chatbox"
    big = {"file:1": "x" * 100_000, "session:s": {"id": "s", "messages": []}, "__exported_items": ["conversations"]}
    assert kind_of(written(tmp_path, big)) == "chatbox"


@pytest.mark.parametrize(
    "value",
    [
        {"chat-sessions-list": [1, None], "session:a": None, "session:": {}, "myCopilots": [None, {"id": 3}]},
        {"chat-sessions-list": [], "session:a": {"messages": {"0": 1}, "threads": [None, {}], "messageForksHash": [1]}},
        {
            "chat-sessions-list": [],
            "session:a": {"id": 4, "messages": [None, 1, {"contentParts": {"a": 1}, "files": 3}]},
        },
        {"chat-sessions-list": [], "session:a": {"threads": [{"id": "x"}, {"id": "x"}], "copilotId": {"a": 1}}},
        {"chat-sessions": [], "settings": [], "picture:a": {"no": "text"}, "file:b": ""},
        {"chat-sessions": [], "session:a": {"messageForksHash": {"a": None, "b": {"lists": [None, {"messages": 1}]}}}},
    ],
)
def test_values_of_any_type_raise_nothing(value: Any, tmp_path: Path) -> None:
    assert_harmless(written(tmp_path, value), tmp_path / "data")


_PART = JSON | st.fixed_dictionaries({"type": st.sampled_from(["text", "image", "info"])}, optional={"text": st.text()})
_MESSAGE = st.fixed_dictionaries(
    {},
    optional={
        "id": IDS | JSON,
        "role": st.sampled_from(["user", "system", "new"]) | JSON,
        "contentParts": st.lists(_PART, max_size=3) | JSON,
        "content": st.text() | JSON,
        "timestamp": st.integers(0, 2 * 10**12) | JSON,
        "model": JSON,
        "error": JSON,
    },
)
_MESSAGES = st.lists(_MESSAGE | JSON, max_size=4) | JSON
_THREAD = st.fixed_dictionaries({}, optional={"id": IDS | JSON, "name": JSON, "messages": _MESSAGES, "createdAt": JSON})
_FORK = st.fixed_dictionaries(
    {"lists": st.lists(st.fixed_dictionaries({"messages": _MESSAGES}) | JSON, max_size=2) | JSON}
)
_SESSION = st.fixed_dictionaries(
    {"id": st.text(min_size=1)},
    optional={
        "name": JSON,
        "hidden": JSON,
        "messages": _MESSAGES,
        "threads": st.lists(_THREAD | JSON, max_size=2) | JSON,
        "messageForksHash": st.dictionaries(IDS, _FORK | JSON, max_size=3) | JSON,
        "$anything": JSON,
    },
)


@given(_SESSION)
@settings(deadline=None, max_examples=200)
def test_any_session_comes_out_as_it_was(native: dict[str, Any]) -> None:
    assert KIND is not None
    everything, shown = native_session.session_turns(native)
    document = native_session.SESSION.document(native, {"id": "c"}, turns=everything, shown=shown)
    assert KIND.native("conversations", json.loads(json.dumps(document))) == native
    for _, thread in native_session.threads(native):
        held = {"thread": thread, "forks": native_session.forks_of(native, thread.get("messages"))}
        everything, shown = native_session.thread_turns(held)
        document = native_session.THREAD.document(held, {"id": "t"}, turns=everything, shown=shown)
        assert KIND.native("conversations", json.loads(json.dumps(document))) == thread


@given(JSON)
@settings(deadline=None, max_examples=50)
def test_any_copilot_comes_out_as_it_was(anything: Any) -> None:
    for key in ("name", "description", "picUrl", "prompt", "tags", "createdAt", "updatedAt", "new"):
        native = {"id": "c", key: anything}
        assert native_session.COPILOT.native(native_session.COPILOT.document(native, {"id": "c"})) == native
