"""SillyTavern's files as they come out: of a store, of records of other apps, and of anything at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from app_files import documents, migrated, read
from held_records import Held, held_of
from hypothesis import given, settings
from hypothesis import strategies as st
from silly_user import KIND, ORIGINAL, lines_of, put, user
from wild import JSON

from pjais.exchange.export import What, to_file
from pjais.sources.apps.character_card.pictures import plain_picture
from pjais.sources.apps.sillytavern import chat, export, people, world
from pjais.workspace import resolve_workspace

__all__ = ["user"]

# -- out


def tree(folder: Path) -> dict[str, bytes]:
    return {one.relative_to(folder).as_posix(): one.read_bytes() for one in sorted(folder.rglob("*")) if one.is_file()}


def test_a_folder_comes_out_as_it_was(user: Path) -> None:
    found = dict(export.write_files(held_of(read(user)), lambda _: None))
    before = tree(user)
    same = [name for name in before if name.startswith(("chats/", "group chats/", "worlds/", "groups/"))]
    assert {name for name in found if name.startswith(("chats/", "group chats/", "worlds/", "groups/"))} == set(same)
    for name in same:
        if name.endswith(".jsonl"):
            assert [json.loads(one) for one in found[name].split(b"\n")] == lines_of(user / name), name
        else:
            assert json.loads(found[name]) == json.loads(before[name]), name
    assert {"characters/Tessaly.png", "personas.json", "user/images/Tessaly/sea.png"} <= set(found)
    assert found["user/images/Tessaly/sea.png"] == b"the sea"
    assert found["User Avatars/user-default.png"] == b"a picture"


def test_a_folder_comes_out_of_a_store_as_it_was(user: Path, tmp_path: Path) -> None:
    with migrated(tmp_path / "data", user):
        pass
    done = to_file(resolve_workspace(tmp_path / "data"), None, tmp_path / "out", What(format="sillytavern"))
    direct = dict(export.write_files(held_of(read(user)), lambda _: None))
    assert tree(tmp_path / "out") == direct
    assert done.notes == ("3 files of settings", "1 attachment that nothing names")


def test_what_comes_out_comes_back_with_the_same_ids(user: Path, tmp_path: Path) -> None:
    first = read(user)
    for name, content in export.write_files(held_of(first), lambda _: None):
        put(tmp_path / "out" / name, content)
    again = read(tmp_path / "out")
    for collection in ("personas", "memories", "conversations", "relationships"):
        assert documents(again, collection).keys() == documents(first, collection).keys()
    assert {key: one["messages"] for key, one in documents(again, "conversations").items()} == {
        key: one["messages"] for key, one in documents(first, "conversations").items()
    }


def test_records_of_other_apps_come_back(tmp_path: Path) -> None:
    persona: dict[str, Any] = {"id": "p", "name": "Ada/Lovelace", "description": "d"}
    memories: list[dict[str, Any]] = [
        {"id": "m1", "personaId": "p", "type": "fact", "content": "of her", "importance": 80},
        {"id": "m2", "personaId": None, "type": "fact", "content": "loose", "tags": ["t"], "importance": 10},
    ]
    messages: list[dict[str, Any]] = [
        {"id": "x1", "role": "user", "content": "Hi.", "timestamp": 1777888800123, "metadata": {}},
        {
            "id": "x2",
            "role": "tool",
            "content": {"a": 1},
            "timestamp": None,
            "metadata": {"hidden": True, "model": "m"},
        },
        {"id": "x3", "role": "assistant", "content": "", "timestamp": 5, "metadata": {"author": "Ada"}},
    ]
    conversation: dict[str, Any] = {
        "id": "c",
        "personaId": "p",
        "title": "A: b",
        "messages": messages,
        "summary": "s",
        "topics": ["t"],
        "createdAt": "2024-01-01T00:00:00.000Z",
        "extra": {"chatgpt": {"x": 1}},
    }
    lone: dict[str, Any] = {"id": "d", "title": None, "messages": messages[:1]}
    held = Held(personas=[persona], memories=memories, conversations=[conversation, lone])
    lost: list[str] = []
    for name, content in export.write_files(held, lost.append):
        put(tmp_path / "out" / name, content)
    assert lost == []
    again = read(tmp_path / "out")
    assert documents(again, "personas").keys() == {"p"}
    assert documents(again, "attachments") == {}  # the plain picture is none
    made = documents(again, "memories")
    for memory in memories:
        assert {key: made[str(memory["id"])].get(key) for key in memory} == memory
    talks = documents(again, "conversations")
    for value in (conversation, lone):
        found = talks[str(value["id"])]
        shown = [{**one, "metadata": _bare(one["metadata"])} for one in found["messages"]]
        assert shown == value["messages"]
        assert {key: found.get(key) for key in ("summary", "topics", "createdAt", "title")} == {
            key: value.get(key) for key in ("summary", "topics", "createdAt", "title")
        }
    assert talks["c"]["personaId"] == "p"
    assert talks["c"]["extra"]["chatgpt"] == {"x": 1}


def _bare(metadata: dict[str, Any]) -> dict[str, Any]:
    return {key: one for key, one in metadata.items() if key != "sillytavern"}


def test_what_a_folder_cannot_hold_is_told_first(user: Path) -> None:
    lost: list[str] = []
    next(export.write_files(held_of(read(user)), lost.append))
    assert lost == ["3 files of settings", "1 attachment that nothing names"]


def test_the_plain_picture_is_a_whole_png() -> None:
    from pjais.formats import png

    assert all(one.is_sound for one in png.parse(plain_picture()).chunks)


def test_a_message_that_was_added_in_the_store_is_a_line_at_the_end() -> None:
    (document,) = documents(read(ORIGINAL), "conversations").values()
    document["messages"].append({"id": "n", "role": "user", "content": "New.", "timestamp": 5, "metadata": {}})
    del document["messages"][0]
    document["summary"] = "short"
    assert KIND is not None
    lines = KIND.native("conversations", document)
    assert lines[0]["chat_metadata"]["pjais"]["conversation"]["summary"] == "short"
    assert [one["mes"] for one in lines[1:]] == [one["mes"] for one in lines_of(ORIGINAL)[2:]] + ["New."]
    assert lines[-1]["extra"]["pjais"]["id"] == "n"


# -- properties

_OURS = JSON | st.fixed_dictionaries(
    {},
    optional={"id": st.text() | JSON, "role": st.text() | JSON, "content": JSON, "metadata": JSON, "timestamp": JSON},
)
_MESSAGE = st.fixed_dictionaries(
    {},
    optional={
        "name": st.text() | JSON,
        "is_user": st.booleans() | JSON,
        "is_system": st.booleans() | JSON,
        "mes": st.text() | JSON | st.fixed_dictionaries({"message": st.text()}),
        "send_date": st.sampled_from(["June 19, 2023 2:20pm", 1687184460000]) | JSON,
        "swipes": st.lists(st.text() | JSON | st.fixed_dictionaries({"message": st.text()}), max_size=3) | JSON,
        "swipe_id": st.integers(-1, 4) | JSON,
        "swipe_info": st.lists(JSON, max_size=2) | JSON,
        "extra": JSON
        | st.fixed_dictionaries({}, optional={"pjais": _OURS, "model": JSON, "media": st.lists(JSON) | JSON}),
    },
)
_HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "chat_metadata": JSON
        | st.fixed_dictionaries({"pjais": st.fixed_dictionaries({}, optional={"conversation": JSON, "id": JSON})}),
        "user_name": JSON,
        "create_date": JSON,
    },
)


@given(st.lists(_HEADERS | _MESSAGE | JSON, max_size=5))
@settings(deadline=None, max_examples=400)
def test_any_chat_comes_out_as_it_was(native: list[Any]) -> None:
    document = chat.document(native, "c", {"folder": "a", "file": "b"}, None, ZoneInfo("Asia/Tokyo"))
    assert KIND is not None
    assert KIND.native("conversations", json.loads(json.dumps(document))) == native
    keys = [one["id"] for one in [*document["messages"], *document["extra"].get("branches", [])]]
    assert len(set(keys)) == len(keys)


_ENTRY = JSON | st.fixed_dictionaries(
    {},
    optional={
        "key": st.lists(st.text()) | JSON,
        "content": st.text() | JSON,
        "comment": st.text() | JSON,
        "disable": st.booleans() | JSON,
        "constant": st.booleans() | JSON,
        "extensions": JSON
        | st.fixed_dictionaries({"pjais": JSON | st.fixed_dictionaries({"id": st.text()}, optional={"memory": JSON})}),
    },
)


@given(st.dictionaries(st.text(max_size=3) | st.integers(0, 9).map(str), _ENTRY, max_size=4), JSON)
@settings(deadline=None, max_examples=300)
def test_any_world_comes_out_as_it_was(entries: dict[str, Any], more: Any) -> None:
    native = {"entries": entries, "originalData": more}
    held = json.loads(json.dumps([one for _, one in world.memories(native, "w")]))
    assert KIND is not None
    natives = {one["extra"]["sillytavern"]["key"]: KIND.native("memories", one) for one in held}
    assert natives == {key: one for key, one in entries.items() if isinstance(one, dict)}
    assert world.whole(json.loads(json.dumps(world.without_entries(native))), held) == native
    assert len({one["id"] for one in held}) == len(held)


@given(
    st.dictionaries(st.text(), st.text() | JSON, max_size=3), st.dictionaries(st.text(), JSON, max_size=3), st.text()
)
@settings(deadline=None)
def test_any_personas_of_the_user_come_out_as_they_were(
    names: dict[str, Any], described: dict[str, Any], default: str
) -> None:
    found = list(people.people({"personas": names, "persona_descriptions": described, "default_persona": default}))
    for as_persona in (False, True):
        made = [people.document(one, "", None, as_persona=as_persona).value for one in found]
        natives = [people.native(one) for one in json.loads(json.dumps(made))]
        assert natives == found
    file = people.file_of(found)
    assert (file["personas"], file["persona_descriptions"]) == (names, described)
