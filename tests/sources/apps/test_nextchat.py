"""NextChat's backup: sessions, masks, the dates of browsers, credentials, damage."""

from __future__ import annotations

import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from app_files import GOLDEN, by_native_id, documents, expected, kind_of, migrated, read
from hypothesis import given, settings
from hypothesis import strategies as st
from wild import JSON, rules

import pjais
from pjais.core.document import Document, Remark, Unreadable
from pjais.sources import registry
from pjais.sources.apps.nextchat import session
from pjais.sources.apps.nextchat.dates import instants_of
from pjais.sources.contract import Wishes

NAME = "Backup-5_4_2026 10_30_00 PM.json"
BACKUP = GOLDEN / "nextchat" / NAME
KIND = registry.of_kind("nextchat")
ARABIC = "\u200f\u0664\u200f/\u0665\u200f/\u0662\u0660\u0662\u0666\u060c \u0661\u0660:\u0660\u0660:\u0660\u0660 \u0635"
SECRET = "sk-PLANTED-NOT-A-KEY"


def ms(*parts: int, zone: Any = UTC) -> int:
    return round(datetime(*parts, tzinfo=zone).timestamp() * 1000)  # type: ignore[misc,arg-type]


UPDATED = ms(2026, 5, 4, 22, 15, 40)


def mask(mask_id: str, *context: dict[str, Any], **more: Any) -> dict[str, Any]:
    told = {"id": mask_id, "name": mask_id.title(), "avatar": "gpt-bot", "context": list(context), "builtin": False}
    return {**told, "modelConfig": {"model": "m"}, "createdAt": 1714800000000, **more}


def chat(name: str, *messages: Any, **more: Any) -> dict[str, Any]:
    told = {"id": name, "topic": name, "memoryPrompt": "", "messages": list(messages), "lastUpdate": UPDATED}
    return {**told, "mask": mask(f"mask-of-{name}"), **more}


def write(path: Path, *sessions: Any, **stores: Any) -> Path:
    whole = {"chat-next-web-store": {"sessions": list(sessions), "currentSessionIndex": 0}, **stores}
    path.write_text(json.dumps(whole), "utf-8")
    return path


# -- the golden backup


def test_the_golden_backup_holds_what_it_is_said_to() -> None:
    pieces = read(BACKUP)
    wanted = expected("nextchat")["files"][NAME]
    personas, conversations = by_native_id(pieces, "personas"), by_native_id(pieces, "conversations")
    assert set(personas) == {one["native_id"] for one in wanted["personas"]}
    for one in wanted["personas"]:
        found = personas[one["native_id"]]
        assert (found["name"], found["settings"]["systemPrompt"]) == (one["name"], one["system_prompt"])
        assert found["extra"].get("context", []) == one.get("extra_context", [])
        if "avatar" in one:
            assert found["avatar"] == one["avatar"]
        if "created_at" in one:
            assert iso(found["createdAt"]) == one["created_at"]
    for one in wanted["conversations"]:
        found = conversations[one["native_id"]]
        assert (found["title"], found["summary"]) == (one["title"], one.get("summary"))
        assert iso(found["updatedAt"]) == one["updated_at"]
        assert found["personaId"] == (personas[one["persona"]]["id"] if "persona" in one else None)
        assert [
            {"id": each["id"], "role": each["role"], "text": each["content"], "timestamp": each["timestamp"]}
            for each in found["messages"]
        ] == one["messages"]
        by_id = {each["id"]: each for each in found["messages"]}
        for each in one.get("attachments", []):
            (shown,) = by_id[each["message"]]["metadata"]["attachments"]
            assert f"{shown['mediaType']} data URL" == each["kind"]
            assert shown["sha256"] in documents(pieces, "attachments")
    prompts = by_native_id(pieces, "nextchat_prompts")
    for one in wanted["prompts"]:
        assert (prompts[one["native_id"]]["title"], prompts[one["native_id"]]["content"]) == (one["title"], one["text"])
    for one in wanted["secrets_not_stored"]:
        assert one not in str(pieces)
    assert [one for one in pieces if isinstance(one, Unreadable)] == []


def iso(text: str) -> int | None:
    from pjais import instants

    return instants.from_text(text)


def test_everything_comes_out_as_it_was() -> None:
    assert KIND is not None
    whole = json.loads(BACKUP.read_text("utf-8"))
    pieces = read(BACKUP)
    natives = {
        (one.collection, one.native_id): KIND.native(one.collection, json.loads(json.dumps(one.value)))
        for one in pieces
        if isinstance(one, Document) and one.collection != "attachments"
    }
    sessions = whole["chat-next-web-store"].pop("sessions")
    assert [natives["conversations", one["id"]] for one in sessions] == sessions
    masks = whole["mask-store"].pop("masks")
    assert {name: natives["personas", name] for name in masks} == masks
    assert natives["personas", "k1"] == sessions[0]["mask"]
    prompts = whole["prompt-store"].pop("prompts")
    assert {name: natives["nextchat_prompts", name] for name in prompts} == prompts
    del whole["access-control"]
    assert {name: natives["nextchat_state", name] for name in whole} == whole


def test_a_later_backup_adds_what_is_new_and_nothing_twice(tmp_path: Path) -> None:
    renamed = tmp_path / "Backup (1).json"
    whole = json.loads(BACKUP.read_text("utf-8"))
    renamed.write_text(json.dumps(whole), "utf-8")
    with migrated(tmp_path / "data", BACKUP, renamed) as store:
        before = store.conversations.list()
        assert len(before) == 2
        assert len(store.personas.list()) == 2
    first = whole["chat-next-web-store"]["sessions"][0]
    first["messages"].append({"id": "m5", "date": "5/6/2026, 1:00:00 AM", "role": "user", "content": "Later"})
    first["lastUpdate"] += 86_400_000
    whole["chat-next-web-store"]["sessions"].append(chat("n3"))
    later = tmp_path / "0.json"
    later.write_text(json.dumps(whole), "utf-8")
    with migrated(tmp_path / "data", later) as store:
        found = store.conversations.list()
        assert len(found) == 3
        assert max(len(one.messages) for one in found) == 5


# -- dates


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("5/4/2026, 10:00:00 AM", (2026, 5, 4, 10)),
        ("5/4/2026, 10:00:00\u202fPM", (2026, 5, 4, 22)),
        ("5/4/2026, 12:05:00 AM", (2026, 5, 4, 0, 5)),
        ("5/4/2026, 12:05:00 PM", (2026, 5, 4, 12, 5)),
        ("04/05/2026 10:00:00", (2026, 5, 4, 10)),
        ("04/05/2026, 10:00:00", (2026, 5, 4, 10)),
        ("4.5.2026, 10:00:00", (2026, 5, 4, 10)),
        ("4.5.2026 klo 10.00.00", (2026, 5, 4, 10)),
        ("4-5-2026 10:00:00", (2026, 5, 4, 10)),
        ("2026/5/4 22:15:30", (2026, 5, 4, 22, 15, 30)),
        ("2026-05-04 22:15:30", (2026, 5, 4, 22, 15, 30)),
        ("2026/5/4 \u4e0b\u534810:15:30", (2026, 5, 4, 22, 15, 30)),
        ("2026. 5. 4. \uc624\ud6c4 10:15:30", (2026, 5, 4, 22, 15, 30)),
        ("2026\u5e745\u67084\u65e5 10:15:30", (2026, 5, 4, 10, 15, 30)),
        ("10:00:00 4/5/2026", (2026, 5, 4, 10)),
        ("13/4/2026, 10:00:00", (2026, 4, 13, 10)),
        ("4/13/2026, 10:00:00", (2026, 4, 13, 10)),
        ("4/4/2026, 10:00:00", (2026, 4, 4, 10)),
        (ARABIC, (2026, 5, 4, 10)),
        ("2026-05-04T10:00:00Z", (2026, 5, 4, 10)),
        ("3/4/2026, 10:00:00 AM", None),
        ("13/14/2026, 10:00:00", None),
        ("13:00:00 PM 5/4/2026", None),
        ("31/2/2026, 10:00:00", None),
        ("5/4/2569 10:00:00", None),
        ("5/4/2026, 10:00:00 nonsense", None),
        ("5/4/2026", None),
        ("Invalid Date", None),
        ("", None),
        (17, None),
    ],
)
def test_a_date_is_read_where_only_one_order_fits(text: object, told: tuple[int, ...] | None) -> None:
    assert instants_of([text], UPDATED, UTC) == [None if told is None else ms(*told)]


def test_a_message_is_not_newer_than_its_session() -> None:
    assert instants_of(["5/8/2026, 1:00:00 AM"], ms(2026, 5, 20), UTC) == [ms(2026, 5, 8, 1)]
    assert instants_of(["5/8/2026, 1:00:00 AM"], ms(2026, 9, 20), UTC) == [None]
    assert instants_of(["5/8/2026, 1:00:00 AM"], ms(2026, 1, 1), UTC) == [None]
    assert instants_of(["5/8/2026, 1:00:00 AM"], None, UTC) == [None]


def test_the_messages_that_are_written_alike_have_one_order() -> None:
    texts = ["2/3/2026, 9:00:00 AM", "5/4/2026, 10:00:00 AM", "2/3/2026 9:00:00"]
    assert instants_of(texts, UPDATED, UTC) == [ms(2026, 2, 3, 9), ms(2026, 5, 4, 10), None]
    told = ["2/3/2026, 9:00:00", "31/3/2026, 9:00:00"]
    assert instants_of(told, UPDATED, UTC) == [ms(2026, 3, 2, 9), ms(2026, 3, 31, 9)]
    both = ["2/3/2026, 9:00:00", "31/3/2026, 9:00:00", "3/31/2026, 9:00:00"]
    assert instants_of(both, UPDATED, UTC) == [None, ms(2026, 3, 31, 9), ms(2026, 3, 31, 9)]
    same = ["2/3/2026, 9:00:00", "4/4/2026, 9:00:00"]
    assert instants_of(same, UPDATED, UTC) == [None, ms(2026, 4, 4, 9)]


def test_dates_are_of_the_zone_that_is_asked_for_and_unknown_ones_are_told(tmp_path: Path) -> None:
    texts = ["5/4/2026, 10:00:00 PM", "\u2014", "", "3/4/2026, 9:00 Uhr"]
    messages = [{"id": str(at), "date": text, "role": "user", "content": "x"} for at, text in enumerate(texts)]
    path = write(tmp_path / "z.json", chat("n", *messages))
    found = by_native_id(read(path, Wishes(timezone="Europe/Berlin")), "conversations")["n"]["messages"]
    assert [one["timestamp"] for one in found] == [ms(2026, 5, 4, 22, zone=ZoneInfo("Europe/Berlin")), None, None, None]
    pieces = read(path)
    assert rules(pieces) == ["date-ambiguous"]
    assert [one.message[:7] for one in pieces if isinstance(one, Remark)] == ["2 dates"]
    assert "unknown-timezone" in rules(read(path, Wishes(timezone="Nowhere/At All")))


@given(st.lists(st.text(max_size=30) | st.none() | st.integers(), max_size=4), st.none() | st.integers(-(2**60), 2**60))
@settings(deadline=None, max_examples=300)
def test_any_text_has_a_date_or_none(texts: list[Any], updated: int | None) -> None:
    assert len(instants_of(texts, updated, UTC)) == len(texts)


# -- masks, messages


def test_masks_are_personas_but_for_the_empty_one_of_an_untitled_session(tmp_path: Path) -> None:
    hello = {"id": "c", "role": "system", "content": "Be brief."}
    builtin = mask("x", hello, builtin=True, id=100001, lang="en")
    sessions = [
        chat("n1"),
        chat("n2", mask=mask("shared", hello)),
        chat("n3", mask=mask("shared", {"role": "user", "content": "Other"})),
        chat("n4", mask=mask("plain", avatar="1f319")),
        chat("n5", mask=builtin),
        chat("n6", mask={**builtin, "id": 100002}),
        chat("n7", mask=mask("empty", {"role": "system", "content": ""})),
        chat("n8", mask="nonsense"),
        chat("n9", mask=mask("stored")),
        chat("n10", mask=mask("y", hello, id=None)),
    ]
    masks = {"shared": mask("shared", name="Of the store"), "stored": mask("stored"), "bad": 5, "7": mask("z", id=7)}
    masks["nameless"] = {"id": "nameless", "context": "nonsense", "modelConfig": []}
    pieces = read(write(tmp_path / "m.json", *sessions, **{"mask-store": {"masks": masks}}))
    personas = documents(pieces, "personas")
    assert sorted(one["name"] for one in personas.values()) == [
        "Of the store",
        "Plain",
        "Stored",
        "X",
        "Y",
        "Z",
        "nameless",
    ]
    named = {
        name: personas.get(one["personaId"], {}).get("name")
        for name, one in by_native_id(pieces, "conversations").items()
    }
    assert named == {
        **dict.fromkeys(("n1", "n7", "n8"), None),
        "n2": "Of the store",
        "n3": "Of the store",
        "n4": "Plain",
        "n5": "X",
        "n6": "X",
        "n9": "Stored",
        "n10": "Y",
    }
    assert [one.collection for one in pieces if isinstance(one, Unreadable)] == ["personas"]
    assert KIND is not None
    kept = by_native_id(pieces, "conversations")["n3"]
    assert KIND.native("conversations", kept)["mask"] == sessions[2]["mask"]


def test_pictures_of_messages_are_attachments(tmp_path: Path) -> None:
    def picture(url: Any) -> dict[str, Any]:
        return {"type": "image_url", "image_url": {"url": url}}

    content = [
        *(picture(one) for one in ("data:image/png;base64,QUJD", "/api/cache/a.png?x=1", "data:image/png;base64,?", 5)),
        {"type": "text", "text": "One"},
        {"type": "text", "text": "Two"},
        5,
    ]
    messages = [
        {"id": "a", "role": "user", "content": content},
        {"id": "b", "role": "assistant", "content": "Said", "audio_url": "data:audio/wav;base64,QUJD", "isError": True},
        {"id": "b", "role": "system", "content": None, "tools": [{"id": "t"}]},
    ]
    pieces = read(write(tmp_path / "p.json", chat("n", *messages)))
    first, second, third = by_native_id(pieces, "conversations")["n"]["messages"]
    assert first["content"] == "One\n\nTwo"
    assert [(one.get("missing", False), one.get("name")) for one in first["metadata"]["attachments"]] == [
        (False, None),
        (True, "a.png"),
        (True, "data URL that cannot be decoded"),
    ]
    assert second["metadata"]["kind"] == "error"
    assert second["metadata"]["attachments"][0]["size"] == 3
    assert (third["id"], third["metadata"]["hidden"], third["content"]) == ("b#2", True, "")
    assert len(documents(pieces, "attachments")) == 1  # the same bytes


# -- credentials, damage


def test_keys_are_nowhere_in_the_store(tmp_path: Path) -> None:
    stores = {
        "access-control": {"openaiApiKey": SECRET, "accessCode": SECRET, "customUrl": SECRET, "deep": {"x": SECRET}},
        "app-config": {"theme": "dark", "modelConfig": {"apiKey": SECRET}},
        "sync": {"webdav": {"username": "me", "password": SECRET}, "upstash": {"apiKey": SECRET}},
        "chat-next-web-plugin": {"plugins": {"p": {"title": "P", "authToken": SECRET}}},
        "mask-store": {"masks": {"k": mask("k", {"role": "system", "content": "S"}, apiKey=SECRET)}},
    }
    text = write(tmp_path / "a.json", chat("n", mask=mask("m", avatar="x", apiKey=SECRET)), **stores).read_text("utf-8")
    (tmp_path / "a.json").unlink()
    cut = text[: text.index('"accessCode') + 40]
    broken = text.replace('"accessCode":', "accessCode:")
    texts = {
        "whole": text,
        "cut": cut,
        "broken": broken,
        "string": text.replace(json.dumps(stores["access-control"]), f'"{SECRET}"'),
    }
    for name, one in texts.items():
        path = tmp_path / f"{name}.json"
        path.write_text(one, "utf-8")
        pjais.migrate(tmp_path / name, [str(path)], on_invalid="quarantine")
        assert pjais.verify(tmp_path / name).passed
        with pjais.open(tmp_path / name) as store:
            assert len(store.conversations.list()) == 1
        for each in (tmp_path / name).rglob("*"):
            raw = each.is_file() and each.read_bytes()[:22] == b'{"chat-next-web-store"'
            assert raw or not each.is_file() or SECRET.encode() not in each.read_bytes(), each


def test_broken_sessions_cost_no_other(tmp_path: Path) -> None:
    good = [chat("n1", {"id": "m", "role": "user", "content": "x"}), chat("n2")]
    odd = [17, {}, {"id": "n3", "messages": "nonsense", "lastUpdate": "soon"}, {"id": 4, "messages": [5, {"role": 6}]}]
    path = write(tmp_path / "b.json", *good, *odd)
    pieces = read(path)
    assert len(documents(pieces, "conversations")) == 5
    assert [one.reason for one in pieces if isinstance(one, Unreadable)] == [
        "not an object; it is only in the raw backup"
    ]
    assert {"odd-message", "update-missing"} <= set(rules(pieces))
    text = path.read_text("utf-8")
    path.write_text(text.replace('"id": "n1"', '"id": n1'), "utf-8")
    assert "n2" in by_native_id(read(path), "conversations")
    path.write_text(text[: text.index('"n2"') + 10], "utf-8")
    cut = read(path)
    assert list(by_native_id(cut, "conversations")) == ["n1"]
    assert sum(isinstance(one, Unreadable) for one in cut) == 1
    again = write(
        tmp_path / "s.json", {"topic": "no id", "messages": [{"date": "d", "content": "first"}], "lastUpdate": 1}
    )
    longer = write(
        tmp_path / "t.json", {"topic": "new", "messages": [{"date": "d", "content": "first"}, {}], "lastUpdate": 2}
    )
    assert documents(read(again), "conversations").keys() == documents(read(longer), "conversations").keys()


def test_it_is_recognised_by_content_alone(tmp_path: Path) -> None:
    assert kind_of(BACKUP) == "nextchat"
    packed = tmp_path / "b.zip"
    with zipfile.ZipFile(packed, "w") as made:
        made.write(BACKUP, "inner/backup.json")
    assert kind_of(packed) == "nextchat"
    assert len(documents(read(packed), "conversations")) == 2
    empty = write(tmp_path / "e.json")
    assert kind_of(empty) == "nextchat"
    assert documents(read(empty), "conversations") == {}
    for text in ("{}", "[]", '{"sessions": []}', '{"app-config": {}}', '{"state": {"sessions": []}, "version": 3}'):
        other = tmp_path / "other.json"
        other.write_text(text, "utf-8")
        assert kind_of(other) != "nextchat"


# -- any session


_PART = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "image_url"])}, optional={"text": JSON, "image_url": JSON}
)
_MESSAGE = st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from(["a", "b"]) | JSON,
        "role": st.sampled_from(["user", "system"]) | JSON,
        "content": st.text() | st.lists(_PART | JSON, max_size=3) | JSON,
        "date": st.just("5/4/2026, 10:00:00 AM") | JSON,
        "model": JSON,
        "tools": JSON,
    },
)
_MASK = st.fixed_dictionaries(
    {},
    optional={
        "id": JSON,
        "name": st.text() | JSON,
        "avatar": JSON,
        "context": st.lists(_MESSAGE | JSON, max_size=3) | JSON,
        "modelConfig": JSON,
        "createdAt": st.integers(0, 2**43) | JSON,
        "builtin": st.booleans() | JSON,
    },
)
_SESSION = st.fixed_dictionaries(
    {},
    optional={
        "id": st.text() | JSON,
        "topic": st.text() | JSON,
        "memoryPrompt": st.text() | JSON,
        "messages": st.lists(_MESSAGE | JSON, max_size=4) | JSON,
        "lastUpdate": st.integers(0, 2**43) | JSON,
        "mask": _MASK | JSON,
    },
)


@given(_SESSION)
@settings(deadline=None, max_examples=300)
def test_any_session_comes_out_as_it_was(native: dict[str, Any]) -> None:
    sent = instants_of(session.dates(native), session.last_update(native), UTC)
    document = session.SESSION.document(native, {"id": session.session_id(native)}, turns=session.turns(native, sent))
    assert session.native("conversations", json.loads(json.dumps(document))) == native


@given(_MASK)
@settings(deadline=None, max_examples=200)
def test_any_mask_comes_out_as_it_was(native: dict[str, Any]) -> None:
    session.is_persona(native)
    document = session.persona(native, session.mask_id(native) or "x")
    assert session.native("personas", json.loads(json.dumps(document))) == native
