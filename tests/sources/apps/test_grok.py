"""Grok's export: conversations with responses, dates of MongoDB, files in folders named by their id."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from app_files import GOLDEN, by_native_id, documents, expected, kind_of, migrated, read
from hypothesis import given, settings
from hypothesis import strategies as st
from wild import JSON, assert_any_comes_out, rules

import pjais
from pjais.core.document import Unreadable
from pjais.sources import registry
from pjais.sources.apps.grok.conversation import SHAPE, ms_of, turns

GROK = GOLDEN / "grok" / "prod-grok-backend.json"
KIND = registry.of_kind("grok")
ASSET, OTHER = "0b7a3c52-51f2-5d0e-8a6e-6f2f6a1c9d47", "1b7a3c52-51f2-5d0e-8a6e-6f2f6a1c9d47"


def response(name: str, at: int = 0, parent: str | None = None, **more: Any) -> dict[str, Any]:
    date = {"$date": {"$numberLong": str(1777888800000 + at)}}
    made = {"_id": name, "message": name, "sender": "Human", "create_time": date}
    return {"response": made | ({} if parent is None else {"parent_response_id": parent}) | more}


def conversation(*responses: Any, **more: Any) -> dict[str, Any]:
    return {"conversation": {"id": "gk-7", "user_id": "u", "title": "t"} | more, "responses": list(responses)}


def written(path: Path, *conversations: Any, **more: Any) -> Path:
    path.write_text(json.dumps({"conversations": list(conversations)} | more), "utf-8")
    return path


def texts(native: dict[str, Any]) -> list[str]:
    return [turn.content for turn in turns(native)[1]]


def test_the_golden_export_is_read_as_told() -> None:
    found = by_native_id(read(GROK), "conversations")
    told = expected("grok")["files"][GROK.name]["conversations"]
    assert list(found) == [one["native_id"] for one in told]
    for one in told:
        document = found[one["native_id"]]
        dates = [pjais.instants.from_text(document[key]) for key in ("createdAt", "updatedAt")]
        assert (document["title"], dates) == (one["title"], [one["created_at"], one["updated_at"]])
        shown = [
            {"id": each["id"], "role": each["role"], "text": each["content"], "timestamp": each["timestamp"]}
            for each in document["messages"]
        ]
        assert shown == one["messages"]


def test_every_conversation_comes_out_as_it_was() -> None:
    assert KIND is not None
    made = by_native_id(read(GROK), "conversations").values()
    natives = json.loads(GROK.read_text("utf-8"))["conversations"]
    assert [KIND.native("conversations", json.loads(json.dumps(one))) for one in made] == natives


@pytest.mark.parametrize(
    ("raw", "ms"),
    [
        ({"$date": {"$numberLong": "1777888800000"}}, 1777888800000),
        ({"$date": "2026-05-04T10:00:00Z"}, 1777888800000),
        ({"$date": 1777888800000}, 1777888800000),
        ("2026-05-04T10:00:00.000001Z", 1777888800000),
        ({"$date": {"$numberLong": "soon"}}, None),
        ({"$date": {"$numberLong": "99999999999999999999"}}, None),
        ("soon", None),
        (None, None),
        (True, None),
    ],
)
def test_dates_in_each_form(raw: Any, ms: int | None) -> None:
    assert ms_of(raw) == ms


def test_branches_end_at_the_leaf_that_is_named_else_at_the_newest() -> None:
    tree = [response("a", 1, ""), response("b", 2, "a"), response("c", 3, "a")]
    assert texts(conversation(*tree)) == ["a", "c"]
    assert texts(conversation(*tree, leaf_response_id="b")) == ["a", "b"]
    assert texts(conversation(response("b", 2), response("a", 1))) == ["a", "b"]
    assert texts(conversation(response("a", 1), response("b", 2), response("c", 3, "b"))) == ["a", "b", "c"]


def test_files_of_messages_are_found_by_their_id(tmp_path: Path) -> None:
    asked = response("a", file_attachments=[ASSET, "gone"])
    answered = response("b", generated=f"users/u/{OTHER}/image.jpg", sender="ASSISTANT")
    path = tmp_path / "grok.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("ttl/x/prod-grok-backend.json", json.dumps({"conversations": [conversation(asked, answered)]}))
        packed.writestr(f"ttl/x/prod-mc-asset-server/{ASSET}/content", b"one")
        packed.writestr(f"ttl/x/prod-mc-asset-server/{OTHER}/content", b"two")
        packed.writestr("ttl/x/prod-mc-asset-server/unused/content", b"three")
        packed.writestr("ttl/x/prod-mc-auth-mgmt-api.json", '{"email": "ada@private.invalid"}')
        packed.writestr("ttl/x/prod-new.json", '{"new": 1}')
    pieces = read(path)
    (one,) = documents(pieces, "conversations").values()
    named = [[file["name"] for file in each["metadata"].get("attachments", [])] for each in one["messages"]]
    assert named == [[ASSET, "gone"], [OTHER]]
    assert len(documents(pieces, "attachments")) == 3
    assert list(by_native_id(pieces, "grok_files")) == ["ttl/x/prod-new.json"]
    assert rules(pieces) == ["personal-data"]
    with migrated(tmp_path / "data", path) as store:
        assert len(store.conversations.list()) == 1
    assert b"private.invalid" not in (tmp_path / "data" / "pjais.sqlite").read_bytes()


def test_projects_tasks_and_what_is_unknown_are_tables(tmp_path: Path) -> None:
    lists = {"projects": [{"id": "p", "name": "Tides"}], "tasks": [{"text": "wake"}], "new-things": ["x"], "version": 3}
    pieces = read(written(tmp_path / "g.json", conversation(response("a")), **lists))
    assert by_native_id(pieces, "grok_projects") == {"p": {"id": "p", "name": "Tides"}}
    assert list(by_native_id(pieces, "grok_tasks").values()) == [{"text": "wake"}]
    assert list(by_native_id(pieces, "grok_new_things").values()) == [{"value": "x"}]
    assert by_native_id(pieces, "grok_files") == {"version": {"name": "version", "value": 3}}


def test_a_store_has_each_conversation_once_and_a_later_export_adds(tmp_path: Path) -> None:
    with migrated(tmp_path / "data", GROK) as store:
        before = store.conversations.list()
    renamed = tmp_path / "prod-grok-backend (1).json"
    renamed.write_bytes(GROK.read_bytes())
    with migrated(tmp_path / "data", renamed) as store:
        assert store.conversations.list() == before
    later = json.loads(GROK.read_text("utf-8"))
    later["conversations"][0]["responses"].append(response("r3", 20_000, "r2"))
    later["conversations"][0]["conversation"]["modify_time"] = "2026-05-05T10:00:00Z"
    path = tmp_path / "a.json"
    path.write_text(json.dumps(later), "utf-8")
    with migrated(tmp_path / "data", path) as store:
        assert [(one.id, len(one.messages)) for one in store.conversations.list()] == [(before[0].id, 3)]


def test_an_id_is_derived_of_the_user(tmp_path: Path) -> None:
    found = [
        list(documents(read(written(tmp_path / "g.json", conversation(user_id=user))), "conversations"))
        for user in "uv"
    ]
    assert found[0] != found[1]
    unique = written(tmp_path / "g.json", conversation(id=ASSET))
    assert list(documents(read(unique), "conversations")) == [ASSET]


def test_broken_pieces_cost_themselves_alone(tmp_path: Path) -> None:
    path = tmp_path / "g.json"
    good = json.dumps(conversation(response("a", parent="gone"), response("a", create_time="soon"), {"odd": 1}))
    path.write_text(f'{{"conversations": [{good}, {{"conversation": oops}}, 7, {{"responses": []}}], "tasks": [{{"id"')
    pieces = read(path)
    assert len(documents(pieces, "conversations")) == 1
    assert rules(pieces) == ["odd-message", "parent-missing", "message-id-twice", "date-unreadable"]
    reasons = [one.reason for one in pieces if isinstance(one, Unreadable)]
    assert reasons[1:3] == ["a conversation without an id"] * 2
    assert len(reasons) == 4


def test_it_is_recognised_by_content_alone(tmp_path: Path) -> None:
    assert kind_of(GROK) == kind_of(written(tmp_path / "x.json", projects=[], tasks=[], media_posts=[])) == "grok"
    for text in ('{"conversations": [{"id": 1}]}', '{"conversations": []}', "[]", '{"conversation": 1}'):
        path = tmp_path / "prod-grok-backend.json"
        path.write_text(text)
        assert kind_of(path) != "grok"
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / GROK.name).write_bytes(GROK.read_bytes())
    assert kind_of(folder) == "grok"
    (folder / "letter.txt").write_text("private")
    assert kind_of(folder) is None


_IDS = st.sampled_from(["a", "b", "c", ""])
_DATE = st.just({"$date": {"$numberLong": "1777888800000"}}) | st.just("2026-05-04T10:00:00.000001Z") | JSON
_RESPONSE = st.fixed_dictionaries(
    {},
    optional={
        "_id": _IDS | JSON,
        "message": st.text() | JSON,
        "sender": st.sampled_from(["human", "ASSISTANT"]) | JSON,
        "create_time": _DATE,
        "parent_response_id": _IDS | JSON,
        "model": JSON,
    },
)
_CONVERSATION = st.fixed_dictionaries(
    {},
    optional={
        "conversation": st.fixed_dictionaries(
            {}, optional={"title": JSON, "create_time": _DATE, "modify_time": _DATE, "leaf_response_id": _IDS | JSON}
        )
        | JSON,
        "responses": st.lists(st.fixed_dictionaries({"response": _RESPONSE | JSON}) | JSON, max_size=5) | JSON,
        "$anything": JSON,
    },
)


@given(_CONVERSATION)
@settings(deadline=None, max_examples=300)
def test_any_conversation_comes_out_as_it_was(native: dict[str, Any]) -> None:
    assert_any_comes_out(SHAPE, native, *turns(native))
