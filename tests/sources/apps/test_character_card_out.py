"""Character cards as they come out: of a store, of records that were never cards, and of anything at all."""

from __future__ import annotations

import base64
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from app_files import migrated, read
from card_files import (
    ALL,
    FOLDER,
    KIND,
    PICTURE,
    PNG_CARDS,
    V3,
    card_in,
    chunks,
    chunks_but_card,
    exported,
    json_file,
    of,
    written_to,
)
from held_records import held_of
from hypothesis import given, settings
from hypothesis import strategies as st
from wild import JSON

import pjais
from pjais.core.document import Document
from pjais.exchange.export import What, to_file
from pjais.formats import png
from pjais.sources.apps.character_card import book, export, pictures, reader
from pjais.sources.apps.character_card import card as cards
from pjais.sources.apps.character_card.pictures import Carried, decoded
from pjais.workspace import resolve_workspace

# -- out


@pytest.mark.parametrize("name", ALL)
def test_a_card_comes_out_of_a_store_equal_key_by_key(tmp_path: Path, name: str) -> None:
    with migrated(tmp_path / "data", FOLDER / name) as store:
        before = ({one.id for one in store.personas.list()}, {one.id for one in store.memories.list()})
    (written,) = exported(tmp_path / "data", tmp_path / "out")
    assert_same_card(FOLDER / name, written)
    with migrated(tmp_path / "data", written) as store:
        assert ({one.id for one in store.personas.list()}, {one.id for one in store.memories.list()}) == before
    to_file(resolve_workspace(tmp_path / "data"), None, tmp_path / "all.json", What())
    pjais.import_file(tmp_path / "second", tmp_path / "all.json")
    (written,) = exported(tmp_path / "second", tmp_path / "again")
    assert_same_card(FOLDER / name, written)


def assert_same_card(before: Path, after: Path) -> None:
    """Assert that a file carries the same card in the same container, with everything else that was in it."""
    assert (after.suffix, card_in(after)) == (before.suffix, card_in(before))
    if after.suffix == ".png":
        assert set(chunks(after.read_bytes())) == {"chara", "ccv3"}
        assert chunks(after.read_bytes())["chara"]["spec"] == "chara_card_v2"
        assert chunks_but_card(after.read_bytes()) == chunks_but_card(before.read_bytes())
    if after.suffix == ".charx":
        with zipfile.ZipFile(before) as old, zipfile.ZipFile(after) as new:
            assert {one: new.read(one) for one in new.namelist() if one != "card.json"} == {
                one: old.read(one) for one in old.namelist() if one != "card.json"
            }
    assert {one["id"] for one in of(read(after))[1]} == {one["id"] for one in of(read(before))[1]}


@pytest.mark.parametrize("before", [b"\xff\xd8\xff\xe0 a picture", PICTURE])
def test_what_stands_before_an_archive_comes_out_again(tmp_path: Path, before: bytes) -> None:
    path = tmp_path / "tessaly.jpg"
    path.write_bytes(before + (FOLDER / "tessaly.charx").read_bytes())
    (written,) = written_to(tmp_path / "out", path)
    data = written.read_bytes()
    assert data.startswith(before + b"PK\x03\x04")
    assert card_in(written) == card_in(path)


def test_a_persona_with_a_picture_is_a_png(tmp_path: Path) -> None:
    avatar = "data:image/png;base64," + base64.b64encode(PICTURE).decode()
    source = [Document("personas", "p", "", {"id": "p", "name": "Ada", "avatar": avatar})]
    ((name, content),) = export.write_files(held_of(source), lambda _: None)
    assert name == "Ada.png"
    assert chunks_but_card(content) == chunks_but_card(PICTURE)
    assert chunks(content)["ccv3"]["data"]["extensions"]["pjais"]["id"] == "p"


def test_a_store_has_each_persona_once_whatever_container_it_comes_in(tmp_path: Path) -> None:
    renamed = tmp_path / "Tessaly (1).png"
    renamed.write_bytes((FOLDER / PNG_CARDS[0]).read_bytes())
    with migrated(tmp_path / "data", *(FOLDER / one for one in ALL)) as store:
        before = {one.id for one in store.personas.list()}, {one.id for one in store.memories.list()}
        assert [len(one) for one in before] == [4, 9]
    with migrated(tmp_path / "data", renamed) as store:
        assert ({one.id for one in store.personas.list()}, {one.id for one in store.memories.list()}) == before


def test_what_has_no_field_comes_back_by_extensions() -> None:
    persona = {
        "id": "p1",
        "name": "Wren",
        "avatar": "🕯",
        "description": None,
        "personality": {"traits": ["dry"], "scenario": ""},
        "settings": {"temperature": 0},
        "isActive": True,
        "createdAt": "2024-01-02T03:04:05.678Z",
        "extra": {"chatgpt": {"gizmo_id": "g"}},
    }
    memory = {
        "id": "m1",
        "personaId": "p1",
        "type": "fact",
        "name": None,
        "content": {"a": [1, None]},
        "summary": "s",
        "tags": ["t"],
        "importance": 0,
        "memoryTier": "archived",
        "accessCount": 3,
        "createdAt": "2024-01-02T03:04:05.678Z",
        "extra": {"note": None, "more": 0},
    }
    card = json.loads(json.dumps(book.whole(persona, [memory])))
    assert card["spec"] == "chara_card_v3"
    for one in (card, cards.as_v2(card, "p1")):
        found, memories = of(list(reader.of_card(Carried("json", one), "here", reader.Names())))
        assert {key: found.get(key) for key in persona if key != "extra"} == {
            k: v for k, v in persona.items() if k != "extra"
        }
        assert found["extra"]["chatgpt"] == {"gizmo_id": "g"}
        assert {key: memories[0].get(key) for key in memory if key != "extra"} == {
            k: v for k, v in memory.items() if k != "extra"
        }
        assert memories[0]["extra"]["more"] == 0


def test_an_edit_in_the_store_arrives_in_the_card_and_keeps_the_persona() -> None:
    persona, memories = of(read(FOLDER / "v2.json"))
    persona["personality"]["scenario"] = "At sea."
    memories[0]["content"] = "Moths sleep."
    memories[1]["memoryTier"] = "active"
    del memories[2]
    card = book.whole(
        persona, [*memories, {"id": "new", "personaId": persona["id"], "content": "Salt.", "tags": ["sea"]}]
    )
    data = card["data"]
    assert (card["spec"], data["scenario"]) == ("chara_card_v2", "At sea.")
    assert [(one["content"], one["enabled"]) for one in data["character_book"]["entries"]] == [
        ("Moths sleep.", True),
        ("The storm of year 40 broke the east stair.", True),
        ("Salt.", True),
    ]
    again, entries = of(list(reader.of_card(Carried("json", card), "here", reader.Names())))
    assert again["id"] == persona["id"]
    assert [one["id"] for one in entries] == [memories[0]["id"], memories[1]["id"], "new"]


def test_a_card_of_v2_keeps_what_only_v3_has() -> None:
    older = cards.as_v2(V3, "p")
    assert not set(older["data"]) & {"nickname", "assets", "source", "future_field"}
    assert older["data"]["extensions"]["pjais"]["v3"]["nickname"] == "Tess"
    newer = cards.as_v3(older)
    del newer["data"]["extensions"]["pjais"]
    assert newer == V3


def test_a_persona_with_no_files_is_json_and_names_are_safe(tmp_path: Path) -> None:
    native = [{**V3, "data": {**V3["data"], "name": name}} for name in ("a/b:c", "A/B:C", "con", "..", "🕯" * 99)]
    with migrated(tmp_path / "data", json_file(tmp_path, native)):
        pass
    written = exported(tmp_path / "data", tmp_path / "out")
    assert len({one.name.casefold() for one in written}) == 5
    assert {"_con.json", "character.json"} <= {one.name for one in written}


def test_what_cards_cannot_hold_is_told_first(tmp_path: Path) -> None:
    source = {
        "personas": [{"id": "p", "name": "Ada"}],
        "memories": [{"id": "m", "type": "fact", "content": "loose", "embedding": [0.5]}],
        "conversations": [{"id": "c", "personaId": "p", "messages": []}],
    }
    with migrated(tmp_path / "data", json_file(tmp_path, source, "data.json")):
        pass
    done = to_file(resolve_workspace(tmp_path / "data"), None, tmp_path / "out", What(format="character-card"))
    assert done.notes == ("1 conversation", "1 memory without a persona", "1 embedding")


# -- properties

_OURS = st.fixed_dictionaries(
    {},
    optional={
        "id": st.text(min_size=1) | JSON,
        "absent": st.booleans(),
        "v3": JSON | st.fixed_dictionaries({"nickname": st.text()}),
        "persona": JSON
        | st.dictionaries(st.sampled_from(["name", "settings", "isActive", "createdAt", "extra"]), JSON),
        "memory": JSON | st.dictionaries(st.sampled_from(["type", "content", "tags", "memoryTier", "name"]), JSON),
    },
)
_EXTENSIONS = JSON | st.fixed_dictionaries({}, optional={"pjais": _OURS | JSON, "chub": JSON, "x/y": JSON})
_ENTRY = JSON | st.fixed_dictionaries(
    {},
    optional={
        "id": st.integers(0, 3) | st.sampled_from(["0", "a"]) | JSON,
        "keys": st.lists(st.text()) | JSON,
        "content": st.text() | JSON,
        "enabled": st.booleans() | JSON,
        "constant": st.booleans() | JSON,
        "name": st.text() | JSON,
        "comment": st.text() | JSON,
        "extensions": _EXTENSIONS,
        "$entry": st.just(True),
    },
)
_BOOK = st.fixed_dictionaries({}, optional={"entries": st.lists(_ENTRY, max_size=4) | JSON, "name": JSON})
_DATA = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("name", "description", "scenario", "system_prompt", "nickname"), st.text() | JSON),
        **dict.fromkeys(("tags", "alternate_greetings", "group_only_greetings"), st.lists(st.text()) | JSON),
        **dict.fromkeys(("creation_date", "modification_date"), st.integers(-5, 2**41) | st.floats(0, 2e9) | JSON),
        "character_book": _BOOK | JSON,
        "extensions": _EXTENSIONS,
        "assets": st.lists(st.fixed_dictionaries({"uri": st.text() | JSON}) | JSON, max_size=2) | JSON,
        "future": JSON,
    },
)
_CARDS = st.one_of(
    st.fixed_dictionaries(
        {"spec": st.sampled_from(["chara_card_v2", "chara_card_v3", "chara_card_v9"]), "data": _DATA},
        optional={"spec_version": st.sampled_from(["2.0", "3.0", "x"]) | JSON, "name": JSON, "fav": JSON},
    ),
    st.fixed_dictionaries(
        {key: st.text() | JSON for key in cards.V1}, optional={"tags": st.text() | JSON, "extensions": _EXTENSIONS}
    ),
    st.fixed_dictionaries({"char_name": JSON, "char_persona": st.text() | JSON}, optional={"tags": JSON}),
)


@given(_CARDS)
@settings(deadline=None, max_examples=400)
def test_any_card_comes_out_as_it_was(native: dict[str, Any]) -> None:
    pieces = [
        one for one in reader.of_card(Carried("json", native), "here", reader.Names()) if isinstance(one, Document)
    ]
    assert KIND is not None
    values = json.loads(json.dumps([one.value for one in pieces]))
    persona, memories = values[0], values[1:]
    assert KIND.native("personas", persona) == book.without_entries(native)
    objects = [one.value for one in book.entries(native, persona["id"])]
    assert [KIND.native("memories", one) for one in memories] == objects
    assert book.whole(persona, memories) == native
    assert len({one["id"] for one in memories}) == len(memories)


@given(_CARDS)
@settings(deadline=None, max_examples=200)
def test_any_card_is_the_same_persona_as_v2_and_v3(native: dict[str, Any]) -> None:
    key = cards.identity(native)
    newest = export._newest(native, key)
    assert cards.identity(newest) == key
    assert cards.identity(cards.as_v2(newest, key)) == key


_TEXT = st.text(st.characters(codec="utf-8"))
_PERSONA = st.fixed_dictionaries(
    {"id": st.just("p"), "name": _TEXT},
    optional={
        "description": st.none() | _TEXT,
        "avatar": st.none() | _TEXT,
        "personality": st.dictionaries(
            st.sampled_from(["scenario", "tags", "mood"]), JSON.filter(lambda x: x is not None)
        ),
        "settings": st.dictionaries(st.sampled_from(["systemPrompt", "x"]), JSON.filter(lambda x: x is not None)),
        "isActive": st.booleans(),
        "createdAt": st.sampled_from([None, "2024-01-02T03:04:05.000Z", "2024-01-02T03:04:05.678Z"]),
    },
)
_MEMORY = st.fixed_dictionaries(
    {"id": st.text("abc", min_size=1), "personaId": st.just("p"), "type": _TEXT.filter(bool), "content": JSON},
    optional={
        "name": st.none() | _TEXT,
        "tags": st.lists(_TEXT),
        "importance": st.integers(0, 100).filter(lambda x: x != 50),
        "memoryTier": st.sampled_from(["hot", "active", "archived", "x"]),
        "summary": st.none() | _TEXT,
    },
)


@given(_PERSONA, st.lists(_MEMORY, unique_by=lambda one: str(one["id"]), max_size=4))
@settings(deadline=None, max_examples=300)
def test_any_record_of_ours_comes_back(persona: dict[str, Any], memories: list[dict[str, Any]]) -> None:
    card = json.loads(json.dumps(book.whole(persona, memories)))
    found, entries = of(list(reader.of_card(Carried("json", card), "here", reader.Names())))
    empty: tuple[Any, ...] = (None, {}, [], False)
    for made, said in [(found, persona), *zip(entries, memories, strict=True)]:
        for key, value in said.items():
            assert made.get(key) == value or (made.get(key) in empty and value in empty), key


@given(st.binary(max_size=200), st.integers(0, 5600))
@settings(deadline=None, max_examples=200)
def test_any_damage_to_a_png_is_no_traceback(noise: bytes, at: int) -> None:
    data = (FOLDER / PNG_CARDS[0]).read_bytes()
    changed = data[:at] + noise + data[at + len(noise) :]
    parsed = png.parse(changed) if png.is_png(changed) else None
    if parsed is not None:
        assert parsed.to_bytes() == changed
        list(pictures.of_png(changed, "x.png"))


@given(st.binary(max_size=60))
@settings(deadline=None)
def test_any_text_in_a_chunk_is_json_or_nothing(raw: bytes) -> None:
    decoded(raw)
