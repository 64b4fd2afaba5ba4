"""Character cards: every version and container, and what goes wrong in them."""

from __future__ import annotations

import base64
import json
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest
from app_files import documents, expected, kind_of, migrated, read
from card_files import (
    ALL,
    FOLDER,
    PICTURE,
    PNG_CARDS,
    V3,
    card_in,
    chunks_but_card,
    exported,
    json_file,
    of,
    with_chunks,
    written_to,
)
from wild import rules

from pjais.core.document import Document, Unreadable
from pjais.formats import container
from pjais.sources.apps import values
from pjais.sources.apps.character_card import book, reader
from pjais.sources.apps.character_card import card as cards

# -- in


@pytest.mark.parametrize("name", ALL)
def test_a_card_is_a_persona_and_its_lorebook_memories(name: str) -> None:
    told = expected("character-card")["files"][name]
    persona, memories = of(read(FOLDER / name))
    said = told["persona"]
    assert (persona["name"], persona["description"]) == (said["name"], said["description"])
    for key in ("nickname", "personality", "scenario", "first_mes"):
        assert persona["personality"].get(key) == said[key]
    assert persona["personality"].get("tags", []) == said["tags"]
    assert persona["settings"].get("alternate_greetings") == said["alternate_greetings"]
    assert persona["settings"].get("systemPrompt") == said["system_prompt"]
    dates = [values.ms_of_iso(persona.get(key)) for key in ("createdAt", "updatedAt")]
    assert dates == [said["created_at"], said["updated_at"]]
    entries = (told["lorebook"] or {"entries": []})["entries"]
    assert len(memories) == len(entries)
    for memory, entry in zip(memories, entries, strict=True):
        held = memory["extra"]["character-card"]
        assert (memory["name"], memory["content"], memory["tags"]) == (entry["name"], entry["content"], entry["keys"])
        assert (held["place"], held["entry"].get("id")) == (entry["position"], entry["id"])
        tier = "hot" if entry["constant"] else "active"
        assert memory["memoryTier"] == (tier if entry["enabled"] else "archived")
        assert (memory["type"], memory["personaId"]) == ("lore", persona["id"])
        assert "importance" not in memory
    with container.of(FOLDER / name) as opened:
        assert reader.version(opened) == told["version"]


@pytest.mark.parametrize("name", ALL)
def test_a_card_comes_out_as_it_was(name: str) -> None:
    persona, memories = json.loads(json.dumps(of(read(FOLDER / name))))
    assert book.whole(persona, memories) == card_in(FOLDER / name)


def test_the_same_card_is_the_same_persona_in_any_container() -> None:
    keys = {name: of(read(FOLDER / name))[0]["id"] for name in ALL}
    assert keys["v3.json"] == keys[PNG_CARDS[0]] == keys[PNG_CARDS[1]]
    assert keys["v2.json"] == keys["sillytavern-1.19-export-of-v2.json"]
    assert len(set(keys.values())) == 4


def test_the_picture_is_the_png_without_its_card() -> None:
    for name in PNG_CARDS:
        pieces = read(FOLDER / name)
        persona, _ = of(pieces)
        (document,) = [one for one in pieces if isinstance(one, Document) and one.collection == "attachments"]
        assert list(document.blobs.values()) == [PICTURE]
        assert persona["avatar"] == document.value["id"]


def test_the_files_of_an_archive_are_attachments_with_their_paths() -> None:
    told = expected("character-card")["files"]["tessaly.charx"]
    persona, _ = of(read(FOLDER / "tessaly.charx"))
    listed = {one["path"]: one["role"] for one in persona["extra"]["attachments"]}
    assert {path for path, role in listed.items() if role in ("asset", "avatar")} == set(told["assets"])
    assert {path for path, role in listed.items() if role == "member"} == set(told["other_members_kept"])
    assert [path for path, role in listed.items() if role == "avatar"] == [told["avatar"]]


@pytest.mark.parametrize("before", [b"\xff\xd8\xff\xe0 a picture", b"MZ a program", PICTURE])
def test_an_archive_may_follow_a_picture_or_a_program(tmp_path: Path, before: bytes) -> None:
    path = tmp_path / "tessaly.jpg"
    path.write_bytes(before + (FOLDER / "tessaly.charx").read_bytes())
    assert kind_of(path) == "character-card"
    pieces = read(path)
    persona, memories = of(pieces)
    assert book.whole(persona, memories) == card_in(FOLDER / "tessaly.charx")
    held = [one for one in persona["extra"]["attachments"] if one["role"] == "before"]
    assert [one["size"] for one in held] == [len(before)]


@pytest.mark.parametrize("kind", ["early", "zTXt", "iTXt", "iTXt packed", "case"])
def test_chunks_are_found_wherever_and_however_they_are(tmp_path: Path, kind: str) -> None:
    text = base64.b64encode(json.dumps(V3).encode())
    data = {
        "early": lambda: with_chunks(PICTURE, ("chara", text), first=True),
        "zTXt": lambda: with_chunks(PICTURE, ("chara", b"\0" + zlib.compress(text)), kind=b"zTXt"),
        "iTXt": lambda: with_chunks(PICTURE, ("ccv3", b"\0\0en\0\0" + text), kind=b"iTXt"),
        "iTXt packed": lambda: with_chunks(PICTURE, ("ccv3", b"\1\0\0\0" + zlib.compress(text)), kind=b"iTXt"),
        "case": lambda: with_chunks(PICTURE, ("Chara", text)),
    }[kind]()
    path = tmp_path / "card.png"
    path.write_bytes(data)
    assert kind_of(path) == "character-card"
    persona, memories = of(read(path))
    assert book.whole(persona, memories) == V3


def test_ccv3_wins_and_a_chara_that_says_otherwise_is_told_and_kept(tmp_path: Path) -> None:
    other = json.loads(json.dumps(V3))
    other["data"]["scenario"] = "At sea."
    path = tmp_path / "card.png"
    texts = [(key, base64.b64encode(json.dumps(one).encode())) for key, one in (("chara", other), ("ccv3", V3))]
    path.write_bytes(with_chunks(PICTURE, *texts))
    pieces = read(path)
    assert rules(pieces) == ["card-chunks-differ"]
    persona, _ = of(pieces)
    assert persona["personality"]["scenario"] == V3["data"]["scenario"]
    assert persona["extra"]["character-card"]["others"] == [other]


def test_a_broken_chunk_costs_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "card.png"
    text = base64.b64encode(json.dumps(V3).encode())
    path.write_bytes(with_chunks(PICTURE, ("ccv3", b"!!"), ("chara", text)))
    pieces = read(path)
    assert [one.reason for one in pieces if isinstance(one, Unreadable)] == ["the text chunk ccv3 holds no card"]
    assert of(pieces)[0]["name"] == "Tessaly"
    path.write_bytes(with_chunks(PICTURE, ("chara", b"")))
    assert kind_of(path) == "character-card"
    assert [type(one).__name__ for one in read(path)] == ["Unreadable", "Document"]


def test_a_wrong_checksum_and_a_cut_picture_are_notes(tmp_path: Path) -> None:
    path = tmp_path / "card.png"
    data = bytearray((FOLDER / PNG_CARDS[0]).read_bytes())
    data[29] ^= 1  # in the checksum of IHDR
    path.write_bytes(data[:-12])
    pieces = read(path)
    assert rules(pieces) == ["wrong-checksum", "picture-cut"]
    assert book.whole(*of(pieces)) == card_in(FOLDER / PNG_CARDS[0])


def test_a_picture_that_is_cut_inside_its_card_is_told_as_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "card.png"
    data = with_chunks(PICTURE, ("chara", base64.b64encode(json.dumps(V3).encode())))
    path.write_bytes(data[: data.index(b"chara\0") + 500])
    assert kind_of(path) == "character-card"
    (told,) = [one for one in read(path) if isinstance(one, Unreadable)]
    assert told.reason == "the PNG is cut off inside the text that holds its card; fetch it again"


def test_assets_in_chunks_are_attachments(tmp_path: Path) -> None:
    card = json.loads(json.dumps(V3))
    card["data"]["assets"].append({"type": "emotion", "uri": "__asset:smile.png", "name": "smile", "ext": "png"})
    path = tmp_path / "card.png"
    text = base64.b64encode(json.dumps(card).encode())
    path.write_bytes(with_chunks(PICTURE, ("chara-ext-asset_:smile.png", base64.b64encode(b"pixels")), ("ccv3", text)))
    persona, _ = of(read(path))
    assert [(one["role"], one.get("path"), one["size"]) for one in persona["extra"]["attachments"]] == [
        ("avatar", None, len(PICTURE)),
        ("asset", "smile.png", 6),
    ]
    (written,) = written_to(tmp_path / "out", path)
    assert chunks_but_card(written.read_bytes()) == chunks_but_card(path.read_bytes())
    again = of(read(written))[0]["extra"]["attachments"]
    assert [one["sha256"] for one in again] == [one["sha256"] for one in persona["extra"]["attachments"]]


def _exif(text: bytes, order: str) -> bytes:
    mark = {"<": b"II*\0", ">": b"MM\0*"}[order]
    comment = b"ASCII\0\0\0" + text
    ifd = struct.pack(f"{order}HHHIII", 1, 0x8769, 4, 1, 26, 0)
    inner = struct.pack(f"{order}HHHIII", 1, 0x9286, 7, len(comment), 44, 0)
    return mark + struct.pack(f"{order}I", 8) + ifd + inner + comment


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["jpeg", "webp"])
def test_cards_in_the_exif_of_other_pictures_are_read(tmp_path: Path, kind: str, order: str) -> None:
    tiff = _exif(base64.b64encode(json.dumps(V3).encode()), order)
    segment = b"Exif\0\0" + tiff
    jpeg = b"\xff\xd8\xff\xe0\0\4ab\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + b"\xff\xda\0\2\xff\xd9"
    webp = b"RIFF\0\0\0\0WEBPVP8X\12\0\0\0\x08" + bytes(9) + b"EXIF" + struct.pack("<I", len(tiff)) + tiff
    path = tmp_path / "card.jpg"
    path.write_bytes(jpeg if kind == "jpeg" else webp)
    assert kind_of(path) == "character-card"
    persona, memories = of(read(path))
    assert book.whole(persona, memories) == V3
    path.write_bytes(path.read_bytes()[:60])
    assert kind_of(path) is None


def test_a_file_in_an_address_of_the_card_is_an_attachment(tmp_path: Path) -> None:
    card = json.loads(json.dumps(V3))
    address = "data:image/png;base64," + base64.b64encode(PICTURE).decode()
    card["data"]["assets"] = [
        {"type": "x", "uri": "data:,a%20b", "name": "a", "ext": "txt"},
        {"type": "icon", "uri": address},
    ]
    path = json_file(tmp_path, card)
    pieces = read(path)
    persona, memories = of(pieces)
    held = [one for one in pieces if isinstance(one, Document) and one.collection == "attachments"]
    assert [list(one.blobs.values()) for one in held] == [[PICTURE], [b"a b"]]
    assert persona["avatar"] == held[0].value["id"]
    assert book.whole(persona, memories) == card
    (written,) = written_to(tmp_path / "out", path)
    assert json.loads(written.read_bytes()) == card


# -- shapes and traps

V1: dict[str, Any] = dict.fromkeys(cards.V1, "t")


def test_pygmalions_shape_and_texts_as_tags_are_read(tmp_path: Path) -> None:
    native = {"char_name": "Ada", "char_persona": "A nurse.", "world_scenario": "w", "char_greeting": "Hi", "x": 1}
    persona, _ = of(read(json_file(tmp_path, native)))
    assert (persona["name"], persona["description"]) == ("Ada", "A nurse.")
    assert persona["personality"] == {"scenario": "w", "first_mes": "Hi"}
    assert book.whole(persona, []) == native
    older = {**V1, "tags": "a, b,", "create_date": "2024-9-3 @14h 56m 50s 682ms"}
    persona, _ = of(read(json_file(tmp_path, older)))
    assert persona["personality"]["tags"] == ["a", "b"]
    assert book.whole(persona, []) == older


def test_data_wins_over_copies_at_the_top(tmp_path: Path) -> None:
    persona, _ = of(read(json_file(tmp_path, {"name": "Old", "description": "stale", **V3})))
    assert (persona["name"], persona["description"]) == ("Tessaly", V3["data"]["description"])


@pytest.mark.parametrize("wrong", [None, "x", 7, [], {"entries": {}}, {"entries": [None, 3, {"keys": None}]}])
def test_a_lorebook_of_a_wrong_type_costs_nothing(tmp_path: Path, wrong: Any) -> None:
    native = {"spec": "chara_card_v2", "spec_version": "2.0", "data": {"name": "", "character_book": wrong}}
    pieces = read(json_file(tmp_path, native))
    persona, memories = of(pieces)
    assert rules(pieces) == ["no-name"]
    assert book.whole(persona, memories) == native
    with migrated(tmp_path / "data", json_file(tmp_path, native)) as store:
        assert [one.name for one in store.personas.list()] == [""]


def test_a_newer_version_is_read_with_a_note(tmp_path: Path) -> None:
    native = {"spec": "chara_card_v4", "spec_version": "4.0", "data": {**V3["data"], "mood": [1]}}
    pieces = read(json_file(tmp_path, native))
    assert rules(pieces) == ["newer-version"]
    assert book.whole(*of(pieces)) == native


def test_entries_are_known_by_their_id_if_it_is_theirs_alone() -> None:
    def keys(*entries: Any) -> list[str]:
        data = {"name": "x", "character_book": {"entries": [{"id": one, "content": "c"} for one in entries]}}
        return [one.id for one in book.entries({"spec": "chara_card_v3", "data": data}, "owner")]

    assert keys(1, 2) == keys(2, 1)[::-1]
    assert keys(1, "1") == [keys(1)[0], keys("1")[0]]
    assert len(set(keys(1, 1, None, None))) == 4
    assert keys(1, 1)[0] == keys(None, None)[0]


def test_ids_of_chub_hold_while_a_card_changes() -> None:
    one: dict[str, Any] = {"spec": "chara_card_v2"}
    one["data"] = {"name": "a", "extensions": {"chub": {"id": 7, "full_path": "x/y"}}}
    assert cards.identity(one) == cards.identity({**one, "data": {**one["data"], "name": "b"}})
    assert cards.identity({**V3, "data": {**V3["data"], "modification_date": 5}}) == cards.identity(V3)
    assert cards.identity({**V3, "data": {**V3["data"], "scenario": "new"}}) != cards.identity(V3)


def test_a_card_of_the_same_name_is_another_persona_and_is_told(tmp_path: Path) -> None:
    other = {**V3, "data": {**V3["data"], "scenario": "new"}}
    pieces = read(json_file(tmp_path, [V3, other, V3]))
    assert rules(pieces) == ["same-name", "same-name"]
    assert len(documents(pieces, "personas")) == 2


def test_a_lorebook_alone_is_memories_without_a_persona(tmp_path: Path) -> None:
    native = {"spec": "lorebook_v3", "data": V3["data"]["character_book"]}
    path = json_file(tmp_path, native, "lore.json")
    pieces = read(path)
    (kept,) = documents(pieces, reader.LOREBOOKS).values()
    memories = list(documents(pieces, "memories").values())
    assert [one["personaId"] for one in memories] == [None] * 3
    assert book.whole_lorebook(kept["lorebook"], kept["id"], memories) == native
    with migrated(tmp_path / "data", path):
        pass
    (written,) = exported(tmp_path / "data", tmp_path / "out")
    assert json.loads(written.read_text("utf-8")) == native


def test_a_damaged_card_is_told(tmp_path: Path) -> None:
    text = json.dumps(V3)
    path = tmp_path / "cut.json"
    path.write_text(text[: len(text) // 2], "utf-8")
    assert kind_of(path) == "character-card"
    assert [type(one).__name__ for one in read(path)] == ["Unreadable"]
    charx = tmp_path / "cut.charx"
    with zipfile.ZipFile(charx, "w") as packed:
        packed.writestr("card.json", text[:400])
        packed.writestr("assets/icon/images/a.png", b"a")
    assert [type(one).__name__ for one in read(charx)] == ["Unreadable", "Document"]


def test_files_of_other_apps_are_no_cards(tmp_path: Path) -> None:
    for one in (
        [],
        {},
        {"name": "x", "data": {}},
        {"spec": "other", "data": {}},
        [{"mapping": {}, "title": "chara_card_v2"}],
    ):
        assert kind_of(json_file(tmp_path, one)) != "character-card"
    (tmp_path / "a.png").write_bytes(PICTURE)
    assert kind_of(tmp_path / "a.png") is None
