"""Character cards: every version and container, the way in and out, and what goes wrong in them."""

from __future__ import annotations

import base64
import io
import json
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest
from app_files import GOLDEN, documents, expected, kind_of, migrated, read
from held_records import Held
from hypothesis import given, settings
from hypothesis import strategies as st

import pjais
from pjais.core.document import Document, Piece, Remark, Unreadable
from pjais.exchange.export import What, to_file
from pjais.formats import container, png
from pjais.sources import registry
from pjais.sources.apps import values
from pjais.sources.apps.character_card import book, export, pictures, reader
from pjais.sources.apps.character_card import card as cards
from pjais.sources.apps.character_card.pictures import Carried, decoded
from pjais.workspace import resolve_workspace

FOLDER = GOLDEN / "character-card"
KIND = registry.of_kind("character-card")
JSON_CARDS = ("v1.json", "v2.json", "v3.json", "sillytavern-1.19-export-of-v2.json")
PNG_CARDS = ("v3-with-v2-backfill.png", "sillytavern-1.19-export.png")
ALL = (*JSON_CARDS, *PNG_CARDS, "tessaly.charx")


def card_in(path: Path) -> Any:
    """Return the card that a file carries, read without our reader of cards."""
    if path.suffix == ".json":
        return json.loads(path.read_text("utf-8"))
    if path.suffix == ".png":
        return chunks(path.read_bytes())["ccv3"]
    data = path.read_bytes()
    with zipfile.ZipFile(io.BytesIO(data[data.index(b"PK\x03\x04") :])) as packed:
        return json.loads(packed.read("card.json"))


def chunks(data: bytes) -> dict[str, Any]:
    """Return the JSON of the text chunks of a PNG, by keyword."""
    found, at = {}, 8
    while at < len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + size]
        assert zlib.crc32(name + body) == struct.unpack_from(">I", data, at + 8 + size)[0]
        if name == b"tEXt":
            keyword, _, text = body.partition(b"\0")
            found[keyword.decode()] = json.loads(base64.b64decode(text))
        at += 12 + size
    return found


def with_chunks(picture: bytes, *texts: tuple[str, bytes], kind: bytes = b"tEXt", first: bool = False) -> bytes:
    """Return a PNG with chunks of text, at its end or before its pixels."""
    parts = b""
    for keyword, text in texts:
        body = kind + keyword.encode() + b"\0" + text
        parts += struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    at = 33 if first else len(picture) - 12
    return picture[:at] + parts + picture[at:]


def of(pieces: list[Piece]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the persona and the memories among pieces."""
    (persona,) = documents(pieces, "personas").values()
    return persona, list(documents(pieces, "memories").values())


def rules(pieces: list[Piece]) -> list[str]:
    return [one.rule for one in pieces if isinstance(one, Remark)]


def exported(folder: Path, output: Path) -> list[Path]:
    """Export the store of a folder as cards; return the files."""
    done = to_file(resolve_workspace(folder), None, output, What(format="character-card"))
    return sorted(done.files)


def written_to(folder: Path, *sources: Path) -> list[Path]:
    """Write what is read of sources as cards, without a store between; return the files."""
    folder.mkdir()
    found = export.write_files(Held([one for source in sources for one in read(source)]), lambda _: None)
    paths = []
    for name, content in found:
        (folder / name).write_bytes(content)
        paths.append(folder / name)
    return sorted(paths)


BARE = png.parse((FOLDER / PNG_CARDS[0]).read_bytes())
PICTURE = BARE._replace(chunks=tuple(one for one in BARE.chunks if one.name != b"tEXt")).to_bytes()
V3 = card_in(FOLDER / "v3.json")


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
    for key in ("alternate_greetings", "system_prompt"):
        assert persona["settings"].get(key) == said[key]
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


def chunks_but_card(data: bytes) -> list[bytes]:
    parsed = png.parse(data)
    return [one.name + one.data for one in parsed.chunks if not one.data.startswith((b"chara\0", b"ccv3\0"))]


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
    webp = b"RIFF\0\0\0\0WEBPVP8 \2\0\0\0abEXIF" + struct.pack("<I", len(tiff)) + tiff
    path = tmp_path / "card.jpg"
    path.write_bytes(jpeg if kind == "jpeg" else webp)
    assert kind_of(path) == "character-card"
    persona, memories = of(read(path))
    assert book.whole(persona, memories) == V3
    path.write_bytes(path.read_bytes()[:60])
    assert kind_of(path) is None


# -- shapes and traps

V1: dict[str, Any] = dict.fromkeys(cards.V1, "t")


def json_file(folder: Path, value: Any, name: str = "card.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(value), "utf-8")
    return path


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
    ((name, content),) = export.write_files(Held(source), lambda _: None)
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
    native = [{**V3, "data": {**V3["data"], "name": name}} for name in ("a/b:c", "A/B:C", "con", "..", "")]
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
    assert done.notes == ("1 conversations", "1 memories without a persona", "1 embeddings")


# -- properties

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_OURS = st.fixed_dictionaries(
    {},
    optional={
        "id": st.text(min_size=1) | _JSON,
        "absent": st.booleans(),
        "v3": _JSON | st.fixed_dictionaries({"nickname": st.text()}),
        "persona": _JSON
        | st.dictionaries(st.sampled_from(["name", "settings", "isActive", "createdAt", "extra"]), _JSON),
        "memory": _JSON | st.dictionaries(st.sampled_from(["type", "content", "tags", "memoryTier", "name"]), _JSON),
    },
)
_EXTENSIONS = _JSON | st.fixed_dictionaries({}, optional={"pjais": _OURS | _JSON, "chub": _JSON, "x/y": _JSON})
_ENTRY = _JSON | st.fixed_dictionaries(
    {},
    optional={
        "id": st.integers(0, 3) | st.sampled_from(["0", "a"]) | _JSON,
        "keys": st.lists(st.text()) | _JSON,
        "content": st.text() | _JSON,
        "enabled": st.booleans() | _JSON,
        "constant": st.booleans() | _JSON,
        "name": st.text() | _JSON,
        "comment": st.text() | _JSON,
        "extensions": _EXTENSIONS,
        "$entry": st.just(True),
    },
)
_BOOK = st.fixed_dictionaries({}, optional={"entries": st.lists(_ENTRY, max_size=4) | _JSON, "name": _JSON})
_DATA = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("name", "description", "scenario", "system_prompt", "nickname"), st.text() | _JSON),
        **dict.fromkeys(("tags", "alternate_greetings", "group_only_greetings"), st.lists(st.text()) | _JSON),
        **dict.fromkeys(("creation_date", "modification_date"), st.integers(-5, 2**41) | st.floats(0, 2e9) | _JSON),
        "character_book": _BOOK | _JSON,
        "extensions": _EXTENSIONS,
        "assets": st.lists(st.fixed_dictionaries({"uri": st.text() | _JSON}) | _JSON, max_size=2) | _JSON,
        "future": _JSON,
    },
)
_CARDS = st.one_of(
    st.fixed_dictionaries(
        {"spec": st.sampled_from(["chara_card_v2", "chara_card_v3", "chara_card_v9"]), "data": _DATA},
        optional={"spec_version": st.sampled_from(["2.0", "3.0", "x"]) | _JSON, "name": _JSON, "fav": _JSON},
    ),
    st.fixed_dictionaries(
        {key: st.text() | _JSON for key in cards.V1}, optional={"tags": st.text() | _JSON, "extensions": _EXTENSIONS}
    ),
    st.fixed_dictionaries({"char_name": _JSON, "char_persona": st.text() | _JSON}, optional={"tags": _JSON}),
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
            st.sampled_from(["scenario", "tags", "mood"]), _JSON.filter(lambda x: x is not None)
        ),
        "settings": st.dictionaries(st.sampled_from(["system_prompt", "x"]), _JSON.filter(lambda x: x is not None)),
        "isActive": st.booleans(),
        "createdAt": st.sampled_from([None, "2024-01-02T03:04:05.000Z", "2024-01-02T03:04:05.678Z"]),
    },
)
_MEMORY = st.fixed_dictionaries(
    {"id": st.text("abc", min_size=1), "personaId": st.just("p"), "type": _TEXT.filter(bool), "content": _JSON},
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
