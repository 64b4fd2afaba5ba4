"""TypingMind's export: chats, characters, other sections, and what goes wrong in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from app_files import GOLDEN, by_native_id, documents, kind_of, migrated, read
from hypothesis import given, settings
from hypothesis import strategies as st
from wild import JSON

import pjais
from pjais.core.document import Document, Remark, Unreadable
from pjais.sources import registry
from pjais.sources.apps.typingmind import chat

KIND = registry.of_kind("typingmind")
FILE = json.loads((GOLDEN / "typingmind" / "typingmind.json").read_text("utf-8"))
CHAT = FILE["data"]["chats"][0]
"""A file by hand, after reports."""


def written(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value), "utf-8")
    return path


def test_chats_are_read_with_their_parts_and_pictures(tmp_path: Path) -> None:
    path = written(tmp_path / "typingmind.json", FILE)
    assert kind_of(path) == "typingmind"
    pieces = read(path)
    document = by_native_id(pieces, "conversations")[CHAT["chatID"]]
    assert (document["title"], document["id"]) == ("Tides", CHAT["chatID"])
    assert document["updatedAt"] == "2026-05-04T10:00:10.000Z"
    shown = [(one["role"], one["content"], one["timestamp"]) for one in document["messages"]]
    at = 1777888800000
    assert shown == [
        ("system", "Be brief.", None),
        ("user", "When?", at),
        ("assistant", "At noon.\n\nSee above.", None),
    ]
    assert document["messages"][0]["metadata"]["hidden"] is True
    assert document["messages"][2]["metadata"]["model"] == "another-model"
    first, second = document["messages"][2]["metadata"]["attachments"]
    assert (first["mediaType"], first["size"]) == ("image/png", len(b"picture"))
    assert second == {"name": "https://example.invalid/tide.png", "missing": True}
    assert list(documents(pieces, "attachments")) == [first["sha256"]]


def test_characters_are_personas_and_everything_else_is_a_table(tmp_path: Path) -> None:
    assert KIND is not None
    pieces = read(written(tmp_path / "t.json", FILE))
    (persona,) = documents(pieces, "personas").values()
    assert (persona["name"], persona["settings"]) == ("Pilot", {"systemPrompt": "You are a pilot."})
    assert KIND.native("personas", persona) == FILE["data"]["userCharacters"][0]
    assert by_native_id(pieces, "typingmind_folders") == {"f": {"id": "f", "title": "Sea"}}
    assert list(by_native_id(pieces, "typingmind_user_prompts")) == ["p"]
    (conversation,) = documents(pieces, "conversations").values()
    assert KIND.native("conversations", conversation) == CHAT


def test_keys_are_nowhere_in_the_store(tmp_path: Path) -> None:
    path = written(tmp_path / "t.json", FILE)
    broken = tmp_path / "broken.json"
    broken.write_text(json.dumps(FILE)[:-3].replace('"sk-secret"', '"sk-secret" oops'), "utf-8")
    pjais.migrate(tmp_path / "data", [str(path), str(broken)], on_invalid="quarantine")
    with pjais.open(tmp_path / "data") as store:
        assert len(store.conversations.list()) == 1
    for file in (tmp_path / "data").rglob("*"):
        if file.is_file() and file.name not in (path.name, broken.name):
            assert b"sk-secret" not in file.read_bytes(), file


def test_a_store_has_each_chat_once_and_a_later_export_adds(tmp_path: Path) -> None:
    with migrated(tmp_path / "data", written(tmp_path / "z.json", FILE)) as store:
        before = store.conversations.list()
    with migrated(tmp_path / "data", written(tmp_path / "z (1).json", FILE)) as store:
        assert store.conversations.list() == before
    more = [*CHAT["messages"], {"uuid": "m3", "role": "user", "content": "Thanks"}]
    later = {"data": {"chats": [{**CHAT, "messages": more, "updatedAt": "2026-05-05T10:00:00Z"}]}}
    with migrated(tmp_path / "data", written(tmp_path / "a.json", later)) as store:
        assert [(one.id, len(one.messages)) for one in store.conversations.list()] == [(before[0].id, 4)]


def test_faults_cost_themselves_alone(tmp_path: Path) -> None:
    chats = [{"chatID": "a", "messages": [7, {"createdAt": "soon"}]}, {"chatID": "b"}, {"chatTitle": "c"}, 8]
    pieces = read(written(tmp_path / "t.json", {"data": {"chats": chats}}))
    assert list(by_native_id(pieces, "conversations")) == ["a", "b"]
    rules = [one.rule for one in pieces if isinstance(one, Remark)]
    assert rules == ["odd-message", "date-unreadable", "empty-conversation"]
    assert [one.reason for one in pieces if isinstance(one, Unreadable)] == ["a chat without a chatID"] * 2


def test_it_is_recognised_by_content_alone(tmp_path: Path) -> None:
    empty: Any = {"data": {"chats": [], "folders": [], "userPrompts": [], "userCharacters": []}}
    assert kind_of(written(tmp_path / "x.json", empty)) == "typingmind"
    assert [one for one in read(tmp_path / "x.json") if isinstance(one, Document)] == []
    others: list[Any] = [{"data": {"chats": [{"id": 1}]}}, {"data": {}}, {"chats": []}, [CHAT]]
    for other in others:
        assert kind_of(written(tmp_path / "typingmind.json", other)) != "typingmind"


_PART = st.fixed_dictionaries({"type": st.just("text")}, optional={"text": st.text() | JSON, "image_url": JSON})
_MESSAGE = st.fixed_dictionaries(
    {},
    optional={
        "uuid": st.sampled_from(["a", "b"]) | JSON,
        "role": st.sampled_from(["user", "system"]) | JSON,
        "content": st.text() | st.lists(_PART | JSON, max_size=3) | JSON,
        "createdAt": st.just("2026-05-04T10:00:00.000Z") | JSON,
    },
)


@given(
    st.fixed_dictionaries(
        {"chatID": st.text(min_size=1)},
        optional={
            "chatTitle": JSON,
            "createdAt": st.just("2026-05-04T10:00:00.000Z") | JSON,
            "updatedAt": st.integers(0, 10**13) | JSON,
            "messages": st.lists(_MESSAGE | JSON, max_size=5) | JSON,
            "new": JSON,
        },
    )
)
@settings(deadline=None, max_examples=200)
def test_any_chat_comes_out_as_it_was(native: dict[str, Any]) -> None:
    document = chat.SHAPE.document(native, {"id": "c"}, turns=chat.turns(native))
    assert chat.SHAPE.native(json.loads(json.dumps(document))) == native


@given(st.fixed_dictionaries({"id": st.text(min_size=1)}, optional={"title": JSON, "instruction": JSON, "new": JSON}))
@settings(deadline=None, max_examples=100)
def test_any_character_comes_out_as_it_was(native: dict[str, Any]) -> None:
    document = chat.CHARACTER.document(native, {"id": "c"})
    assert chat.CHARACTER.native(json.loads(json.dumps(document))) == native
