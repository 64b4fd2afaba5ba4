"""SillyTavern: chats, World Info, personas of the user, a whole user's folder, and what goes wrong in them."""

from __future__ import annotations

import json
import zipfile
from datetime import UTC
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from app_files import documents, kind_of, migrated, read
from hypothesis import given
from hypothesis import strategies as st
from silly_user import CHATS, FILES, FOLDER, HEADER, KIND, ORIGINAL, PEOPLE, WORLD, lines_of, message, put, user
from wild import rules

import pjais
from pjais.core.document import Document, Remark, Unreadable
from pjais.exchange.export import What, to_file
from pjais.sources.apps import values
from pjais.sources.apps.sillytavern import dates, people, reader, world
from pjais.sources.contract import Wishes
from pjais.workspace import resolve_workspace

__all__ = ["user"]

# -- chats


@pytest.mark.parametrize("name", CHATS)
def test_a_chat_is_a_conversation_of_its_chosen_texts(name: str) -> None:
    told = FILES[name]
    for path in (FOLDER / name, FOLDER):
        found = documents(read(path), "conversations").values()
        (document,) = [one for one in found if one["title"] == Path(name).stem]
        assert [
            (one["id"], one["metadata"]["author"], one["role"], one["content"], one["timestamp"])
            for one in document["messages"]
        ] == [(str(one["line"]), one["name"], one["role"], one["text"], one["timestamp"]) for one in told["messages"]]
        lines = lines_of(FOLDER / name)
        assert [lines[one["line"] - 1]["send_date"] for one in told["messages"]] == [
            one["send_date"] for one in told["messages"]
        ]
        drafts = sum(one["swipes"] - 1 for one in told["messages"] if one["swipes"])
        assert len(document["extra"].get("branches", [])) == drafts
        assert KIND is not None
        assert KIND.native("conversations", json.loads(json.dumps(document))) == lines


def test_drafts_are_siblings_of_the_message() -> None:
    (document,) = documents(read(ORIGINAL), "conversations").values()
    assert [
        (one["id"], one["content"], one["parentId"], one["timestamp"]) for one in document["extra"]["branches"]
    ] == [("2.swipe0", "The lamp is out.", None, 1777888800000), ("4.swipe1", "Dry your boots.", "3", 1777888900000)]
    assert document["messages"][2]["metadata"]["model"] == "test-model"
    document["extra"]["branches"][1]["content"] = "Sleep."
    document["messages"][2]["content"] = "Sit."
    assert KIND is not None
    line = KIND.native("conversations", document)[3]
    assert (line["mes"], line["swipes"][1]) == ("Sit.", "Sleep.")


def test_mes_wins_where_the_chosen_draft_is_another_or_none(tmp_path: Path) -> None:
    path = put(
        tmp_path / "a.jsonl",
        [HEADER, message("C", swipes=["A", "B"], swipe_id=7), message("D", swipes=["D", 3], swipe_id=0)],
    )
    (document,) = documents(read(path), "conversations").values()
    assert [one["content"] for one in document["messages"]] == ["C", "D"]
    assert [one["content"] for one in document["extra"]["branches"]] == ["A", "B"]


@pytest.mark.parametrize(
    ("raw", "utc", "berlin"),
    [
        ("2026-05-04T10:00:00.000Z", "2026-05-04T10:00:00.000Z", "2026-05-04T10:00:00.000Z"),
        ("2026-05-04T10:00:00.000+02:00", "2026-05-04T08:00:00.000Z", "2026-05-04T08:00:00.000Z"),
        ("2026-05-04T10:00:00", "2026-05-04T10:00:00.000Z", "2026-05-04T08:00:00.000Z"),
        (1687184460000, "2023-06-19T14:21:00.000Z", "2023-06-19T14:21:00.000Z"),
        ("1687184460000", "2023-06-19T14:21:00.000Z", "2023-06-19T14:21:00.000Z"),
        ("June 19, 2023 2:20pm", "2023-06-19T14:20:00.000Z", "2023-06-19T12:20:00.000Z"),
        ("June 19, 2023 12:05am", "2023-06-19T00:05:00.000Z", "2023-06-18T22:05:00.000Z"),
        ("2024-07-12@01h31m37s123ms", "2024-07-12T01:31:37.123Z", "2024-07-11T23:31:37.123Z"),
        ("2024-7-12@01h31m37s", "2024-07-12T01:31:37.000Z", "2024-07-11T23:31:37.000Z"),
        ("2024-6-5 @14h 56m 50s 682ms", "2024-06-05T14:56:50.682Z", "2024-06-05T12:56:50.682Z"),
        ("2023-6-19 @14h 20m 00s 5ms", "2023-06-19T14:20:00.005Z", "2023-06-19T12:20:00.005Z"),
    ],
)
def test_every_form_of_a_date_is_read(raw: Any, utc: str, berlin: str) -> None:
    assert values.iso(dates.sent(raw, UTC)) == utc
    assert values.iso(dates.sent(raw, ZoneInfo("Europe/Berlin"))) == berlin
    assert dates.is_local(raw) == (utc != berlin)


@pytest.mark.parametrize(
    "raw",
    [None, "", " ", "yesterday", "Smarch 1, 2023 2:20pm", "2024-13-45@99h00m00s", True, {}, [], "9" * 30, float("nan")],
)
def test_what_is_no_date_is_none(raw: Any) -> None:
    assert dates.sent(raw) is None


@given(st.text() | st.integers() | st.floats() | st.none())
def test_any_date_is_read_without_a_traceback(raw: Any) -> None:
    dates.sent(raw, ZoneInfo("America/New_York"))


def test_local_dates_are_read_in_the_zone_that_is_named_and_told() -> None:
    pieces = read(FOLDER / CHATS[1], Wishes(timezone="Europe/Berlin"))
    (document,) = documents(pieces, "conversations").values()
    assert document["messages"][0]["timestamp"] == 1687184400000 - 7_200_000
    assert rules(pieces) == ["local-dates"]
    assert KIND is not None
    assert KIND.native("conversations", document) == lines_of(FOLDER / CHATS[1])


def test_lines_end_at_line_feeds_alone_and_a_broken_one_costs_itself(tmp_path: Path) -> None:
    odd = message("a\u2028b\u0085c\x0b")
    body = (
        "\ufeff"
        + json.dumps(HEADER)
        + "\r\n"
        + json.dumps(odd, ensure_ascii=False)
        + '\r\n{"mes": broken}\n\n17\n'
        + json.dumps(message("end"))
    )
    path = put(tmp_path / "chats" / "T" / "a.jsonl", body.encode())
    pieces = read(tmp_path)
    (document,) = documents(pieces, "conversations").values()
    assert [(one["id"], one["content"]) for one in document["messages"]] == [("2", odd["mes"]), ("5", "end")]
    assert sum(isinstance(one, Unreadable) for one in pieces) == 1
    assert KIND is not None
    assert KIND.native("conversations", document) == [HEADER, odd, 17, message("end")]
    assert kind_of(path) == "sillytavern"


def test_a_broken_or_absent_first_line_costs_itself(tmp_path: Path) -> None:
    for first in (b"{broken\n", b""):
        path = put(tmp_path / "a.jsonl", first + json.dumps(message("Hi.")).encode())
        assert kind_of(path) == "sillytavern"
        (document,) = documents(read(path), "conversations").values()
        assert [one["content"] for one in document["messages"]] == ["Hi."]


def test_a_chat_is_known_by_its_integrity_and_a_copy_by_that_and_its_file(user: Path) -> None:
    found = {one["title"]: one["id"] for one in documents(read(user), "conversations").values()}
    integrity = lines_of(ORIGINAL)[0]["chat_metadata"]["integrity"]
    assert found[ORIGINAL.stem] == integrity
    assert found["Branch #1"] == values.derived("sillytavern", "chat", integrity, "Branch #1")
    assert documents(read(ORIGINAL), "conversations").keys() == {integrity}
    old = documents(read(FOLDER / CHATS[1]), "conversations")
    assert old.keys() == {found[Path(CHATS[1]).stem]}


def test_a_chat_belongs_to_the_card_of_its_folder_and_a_group_to_none(user: Path) -> None:
    pieces = read(user)
    (persona,) = documents(pieces, "personas").values()
    owners = {one["title"]: one["personaId"] for one in documents(pieces, "conversations").values()}
    assert owners == {ORIGINAL.stem: persona["id"], "Branch #1": persona["id"], Path(CHATS[1]).stem: None, "2026": None}
    put(user / "chats" / "elsewhere" / "x.jsonl", [message("Hi.", original_avatar="Tessaly.png")])
    owners = {one["title"]: one["personaId"] for one in documents(read(user), "conversations").values()}
    assert owners["x"] == persona["id"]


def test_a_branch_is_a_relationship_to_its_origin(user: Path) -> None:
    pieces = read(user)
    (link,) = documents(pieces, "relationships").values()
    titles = {one["id"]: one["title"] for one in documents(pieces, "conversations").values()}
    assert (titles[link["fromId"]], titles[link["toId"]]) == ("Branch #1", ORIGINAL.stem)
    assert link["type"] == "branch_of"


def test_files_of_messages_are_there_or_named_as_missing(user: Path) -> None:
    found = {one["title"]: one for one in documents(read(user), "conversations").values()}
    sea, listed = found[ORIGINAL.stem]["messages"][-1]["metadata"]["attachments"]
    assert (sea["path"], sea["size"], sea["mediaType"]) == ("user/images/Tessaly/sea.png", 7, "image/png")
    assert listed == {"name": "list.txt", "size": 12, "missing": True}
    alone = documents(read(ORIGINAL), "conversations")
    (document,) = alone.values()
    assert [one["missing"] for one in document["messages"][-1]["metadata"]["attachments"]] == [True, True]


# -- World Info, personas of the user


def test_world_info_is_memories() -> None:
    told = FILES[WORLD]["memories"]
    for path in (FOLDER / WORLD, FOLDER):
        pieces = read(path)
        found = [one for one in documents(pieces, "memories").values() if one["type"] == "lore"]
        assert [(one["extra"]["sillytavern"]["key"], one["name"], one["content"]) for one in found] == [
            (str(one["uid"]), one["name"], one["content"]) for one in told
        ]
        assert [one["memoryTier"] for one in found] == ["active", "hot", "archived"]
        assert found[0]["tags"] == told[0]["keys"]
        (kept,) = documents(pieces, world.WORLDS).values()
        assert world.whole(kept["world"], found) == json.loads((FOLDER / WORLD).read_text("utf-8"))


def test_a_world_that_was_renamed_or_grew_is_the_same(tmp_path: Path) -> None:
    native = json.loads((FOLDER / WORLD).read_text("utf-8"))
    before = documents(read(FOLDER / WORLD), "memories").keys()
    native["entries"]["9"] = {**native["entries"]["7"], "uid": 9, "content": "new"}
    native["entries"]["0"]["order"] = 5
    after = documents(read(put(tmp_path / "other.json", native)), "memories").keys()
    assert before < after
    assert len(after) == 4


def test_two_worlds_with_the_same_entries_stay_two(tmp_path: Path) -> None:
    native = json.loads((FOLDER / WORLD).read_text("utf-8"))
    other = json.loads(json.dumps(native))
    other["entries"]["0"]["order"] = 5
    put(tmp_path / "worlds" / "a.json", native)
    put(tmp_path / "worlds" / "b.json", other)
    pieces = read(tmp_path)
    kept, held = documents(pieces, world.WORLDS).values(), list(documents(pieces, "memories").values())
    assert len(held) == 6
    made = [
        world.whole(
            one["world"], [each for each in held if each["extra"]["sillytavern"]["world"] == one["id"]], one["id"]
        )
        for one in kept
    ]
    assert made == [native, other]


def test_personas_of_the_user_are_memories_or_personas_if_wished() -> None:
    told = FILES[PEOPLE]["personas"]
    found = list(documents(read(FOLDER / PEOPLE), "memories").values())
    assert [(one["name"], one["content"], one["type"]) for one in found] == [
        (one["name"], one["description"], people.TYPE) for one in told
    ]
    personas = read(FOLDER / PEOPLE, Wishes(user_personas=True))
    found = list(documents(personas, "personas").values())
    assert [(one["name"], one["description"]) for one in found] == [(one["name"], one["description"]) for one in told]
    assert documents(personas, "memories") == {}
    assert KIND is not None
    natives = [KIND.native("personas", one) for one in found]
    assert [one["avatar"] for one in natives] == [one["native_id"] for one in told]
    assert people.file_of(natives) == json.loads((FOLDER / PEOPLE).read_text("utf-8"))


# -- the folder of a user


def test_a_folder_and_the_zip_of_it_hold_the_same(user: Path, tmp_path: Path) -> None:
    packed = tmp_path / "backup.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for one in sorted(user.rglob("*")):
            if one.is_file():
                archive.write(one, f"wrapped/{one.relative_to(user)}")
    assert kind_of(user) == kind_of(packed) == "sillytavern"

    def bare(path: Path) -> list[Any]:
        return [(one.collection, one.value) for one in read(path) if isinstance(one, Document)]

    assert bare(user) == bare(packed)


def test_what_is_not_kept_is_told(user: Path) -> None:
    pieces = read(user)
    told = {one.rule: one.message for one in pieces if isinstance(one, Remark)}
    assert "secrets.json" in [one.place for one in pieces if isinstance(one, Remark) and one.rule == "secrets-not-read"]
    assert "chat_tessaly" in told["copies-not-imported"]
    assert "chat_gone" in told["copies-of-lost-chats"]
    assert "chat_tessaly" not in told["copies-of-lost-chats"]
    assert {one.place for one in pieces if isinstance(one, Remark) and one.rule == "left-out"} == {
        "small copies of pictures",
        "programs",
    }
    assert {one["name"] for one in documents(pieces, reader.FILES).values()} == {
        "settings.json",
        "stats.json",
        "OpenAI Settings/mine.json",
    }
    assert [one["group"]["id"] for one in documents(pieces, reader.GROUPS).values()] == ["17"]
    assert not any(one.place.startswith("thumbnails") for one in pieces if isinstance(one, Document))


def test_settings_of_a_user_are_read_whatever_stands_in_them(user: Path) -> None:
    path = user / "settings.json"
    power = json.loads(path.read_text("utf-8"))["power_user"]
    presets = {"presets": ["x" * 70_000]}
    path.write_text(json.dumps({"textgenerationwebui_settings": presets, "power_user": power}), "utf-8")
    held = documents(read(user), "memories").values()
    assert {one["name"] for one in held if one["type"] == people.TYPE} == {
        one["name"] for one in FILES[PEOPLE]["personas"]
    }


def test_the_user_and_password_of_another_program_are_not_kept(user: Path) -> None:
    path = user / "settings.json"
    held = {**json.loads(path.read_text("utf-8")), "extension_settings": {"sd": {"auto_auth": "me:sk-secret-7"}}}
    path.write_text(json.dumps(held), "utf-8")
    pieces = read(user)
    assert "sk-secret" not in repr(pieces)
    assert any("extension_settings.sd.auto_auth" in one.message for one in pieces if isinstance(one, Remark))


def test_no_credential_is_stored_anywhere(user: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with migrated(data, user):
        pass
    to_file(resolve_workspace(data), None, tmp_path / "out", What(format="sillytavern"))
    to_file(resolve_workspace(data), None, tmp_path / "export.json", What())
    for path in (*data.rglob("*"), *(tmp_path / "out").rglob("*"), tmp_path / "export.json"):
        inside = path.relative_to(tmp_path).parts
        if path.is_file() and "backups" not in inside:
            assert b"sk-secret" not in path.read_bytes(), path
    for path in data.glob("backups/*/report.*"):
        assert b"sk-secret" not in path.read_bytes(), path


def test_a_second_import_and_a_later_backup_bring_only_what_is_new(user: Path, tmp_path: Path) -> None:
    def counts(store: pjais.Store) -> list[int]:
        return [len(one.list()) for one in (store.personas, store.memories, store.conversations)]

    with migrated(tmp_path / "data", user) as store:
        before = counts(store)
    assert before == [1, 8, 4]
    with migrated(tmp_path / "data", user) as store:
        assert counts(store) == before
    path = user / "chats" / "Tessaly" / ORIGINAL.name
    put(path, [*lines_of(path), message("More.", send_date="2026-06-01T00:00:00.000Z")])
    put(user / "chats" / "Tessaly" / "Another.jsonl", [message("New.")])
    with migrated(tmp_path / "data", user) as store:
        assert counts(store) == [1, 8, 5]
        (grown,) = [one for one in store.conversations.list() if one.title == ORIGINAL.stem]
        assert grown.messages[-1]["content"] == "More."


def test_cut_settings_carry_no_credential(user: Path) -> None:
    path = user / "settings.json"
    path.write_text(path.read_text("utf-8")[:-30] + "sk-secret-7", "utf-8")
    raw = [one.raw for one in read(user) if isinstance(one, Unreadable)]
    assert raw == [b""]


def test_files_of_other_apps_are_not_taken(tmp_path: Path) -> None:
    others: list[Any] = [{"entries": []}, {"entries": {}, "x": 1}, {"entries": {"0": {"a": 1}}}, {"personas": []}, {}]
    for one in others:
        assert kind_of(put(tmp_path / "a.json", one)) != "sillytavern"
    for lines in ([{"role": "user", "content": "x"}], [{"type": "entity", "name": "x"}], [{"name": "x"}]):
        assert kind_of(put(tmp_path / "a.jsonl", lines)) != "sillytavern"
    put(tmp_path / "plain" / "chats" / "a.jsonl", [{"role": "user"}])
    assert kind_of(tmp_path / "plain") is None
