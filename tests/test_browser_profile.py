"""Any browser profile from Python: origins, databases, collections and documents, as the pages have them."""

from __future__ import annotations

import gzip
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

import pjais
from pjais import tagged
from pjais.js_values import JSDate
from world import hashes

sys.path.append(str(Path(__file__).parent / "formats"))
from leveldb_writer import batch, flipped, log
from leveldb_writer import folder as leveldb

GOLDEN = Path(__file__).parent / "golden"
LATTICE = GOLDEN / "any-app" / "lattice"


def told(name: str = "lattice") -> dict[str, Any]:
    """What the page of a golden profile saw."""
    with gzip.open(GOLDEN / "any-app" / name / "told.json.gz") as file:
        found: dict[str, Any] = json.load(file)
    return found


@pytest.mark.parametrize("name", ["lattice", "lattice-sqlite"])
def test_a_profile_has_every_document_of_every_collection(name: str) -> None:
    before = hashes(GOLDEN / "any-app" / name)
    with pjais.profile(GOLDEN / "any-app" / name) as profile:
        (origin,) = profile.origins
        (database,) = origin.databases
        assert (origin.name, database.name, database.version) == ("http://localhost:8731", "lattice — ünï 日本", 7)
        wanted = {tagged.untag(one["name"]): one for one in told(name)["databases"][0]["stores"]}
        assert {one.name for one in database.collections} == wanted.keys()
        for collection in database.collections:
            records = wanted[collection.name]["records"]
            assert [tagged.tag(one.key) for one in collection] == [key for key, _ in records]
            assert collection.auto_increment == wanted[collection.name]["autoIncrement"]
            assert collection.count() == len(records)
        assert profile.problems() == []
    assert hashes(GOLDEN / "any-app" / name) == before


def test_a_document_is_found_by_its_key_and_by_no_other_that_looks_like_it() -> None:
    with pjais.profile(LATTICE) as profile:
        keys = profile.origin("http://localhost:8731").database("lattice — ünï 日本").collection("keys")
        seven, text, date = keys.get(7), keys.get("7"), keys.get(JSDate(0.0))
        assert seven is not None and text is not None and date is not None
        assert len({seven.value, text.value, date.value}) == 3
        assert keys.get("8") is None
        people = profile.origins[0].databases[0].collection("people")
        ann = people.get(1)
        assert ann is not None and ann.json() == '{"id":1,"name":"Ann","age":30,"mail":"a@x","tags":["x","y"]}'
        assert people.key_path == "id"
        assert [one.name for one in people.indexes if one.multi_entry] == ["tags"]


def test_web_storage_is_there_by_origin() -> None:
    with pjais.profile(LATTICE) as profile:
        storage = told()["storage"]
        origin = profile.origins[0]
        assert {tagged.dumps(name): tagged.tag(text) for name, text in origin.local_storage.items()} == {
            json.dumps(name, separators=(",", ":"), ensure_ascii=False): text for name, text in storage["localStorage"]
        }
        ((_, items),) = origin.session_storage.items()
        assert len(items) == len(storage["sessionStorage"])
        assert origin.extension_storage == {}


def test_two_origins_with_the_same_databases_stay_apart() -> None:
    with pjais.profile(GOLDEN / "origins" / "twoapps") as profile:
        assert len(profile.origins) == 2
        first, second = profile.origins
        assert [one.name for one in first.databases] == [one.name for one in second.databases]
        assert {one.made_by for origin in profile.origins for one in origin.databases} == {"RxDB"}
        name = next(one.name for one in first.databases if one.name.endswith("todos"))
        docs = [list(origin.database(name).collection("docs")) for origin in profile.origins]
        assert [one.key for one in docs[0]] == [one.key for one in docs[1]]
        assert {one.json() for one in docs[0]} & {one.json() for one in docs[1]} == set()


def test_what_is_not_there_is_said_with_what_is(tmp_path: Path) -> None:
    with pjais.profile(LATTICE) as profile:
        with pytest.raises(pjais.PjaisError, match="origin not found: https://x") as error:
            profile.origin("https://x")
        assert error.value.where == ("available: http://localhost:8731",)
        with pytest.raises(pjais.PjaisError, match="database not found: x"):
            profile.origins[0].database("x")
        with pytest.raises(pjais.PjaisError, match="collection not found: x"):
            profile.origins[0].databases[0].collection("x")
    for path in (tmp_path, tmp_path / "missing", LATTICE / "told.json.gz"):
        with pytest.raises(pjais.PjaisError) as nothing:
            pjais.profile(path)
        assert nothing.value.code == "MIGRATION_001"
    with pytest.raises(pjais.PjaisError, match="path"):
        pjais.profile(7)  # type: ignore[arg-type]


def test_whatever_is_damaged_no_list_is_shorter_in_silence(tmp_path: Path) -> None:
    (table,) = (LATTICE / "IndexedDB").rglob("*.ldb")
    refused = 0
    for at in range(50, table.stat().st_size, 3001):
        folder = shutil.copytree(LATTICE, tmp_path / str(at))
        flipped(folder / table.relative_to(LATTICE), at)
        with pjais.profile(folder) as profile:
            collections = [one for database in profile.origins[0].databases for one in database.collections]
            pieces = {each: list(each.read()) for each in collections}
            lost = [one for many in pieces.values() for one in many if isinstance(one, pjais.Unreadable)]
            if sum(map(len, pieces.values())) - len(lost) < 149:
                assert lost or profile.problems(), at
            for each, many in pieces.items():
                if profile.problems() or any(isinstance(one, pjais.Unreadable) for one in many):
                    refused += 1
                    with pytest.raises(pjais.PjaisError) as error:
                        list(each)
                    assert error.value.code == "MIGRATION_006"
    assert refused


def test_documents_of_a_library_are_never_fewer_in_silence(tmp_path: Path) -> None:
    golden = GOLDEN / "libraries"
    with pjais.profile(golden) as profile:
        whole = {one.name: len(list(one.documents())) for one in profile.origins[0].databases}
    (entries,) = (golden / "IndexedDB").rglob("*.log")
    refused = 0
    for at in range(3000, entries.stat().st_size, 20011):
        folder = shutil.copytree(golden, tmp_path / str(at))
        flipped(folder / entries.relative_to(golden), at)
        with pjais.profile(folder) as profile:
            for database in profile.origins[0].databases:
                found = list(database.read_documents())
                lost = [one for one in found if isinstance(one, pjais.Unreadable)]
                assert lost or profile.problems() or len(found) == whole[database.name]
                if lost or profile.problems():
                    refused += 1
                    with pytest.raises(pjais.PjaisError, match="is incomplete") as error:
                        list(database.documents())
                    assert error.value.code == "MIGRATION_006"
    assert refused


def test_damaged_web_storage_is_refused_and_named_for_the_origin_that_asks(tmp_path: Path) -> None:
    folder = shutil.copytree(LATTICE, tmp_path / "profile")
    place = folder / "Local Storage" / "leveldb"
    (entries,) = place.glob("*.log")
    flipped(entries, 400)
    with pjais.profile(folder) as profile:
        with pytest.raises(pjais.PjaisError, match="localStorage cannot be read") as error:
            _ = profile.origin("http://localhost:8731").local_storage
        assert error.value.code == "MIGRATION_006"
        assert profile.problems()
        assert profile.origins[0].session_storage


def test_a_first_log_that_is_missing_is_told_and_not_an_empty_storage(tmp_path: Path) -> None:
    folder = shutil.copytree(GOLDEN / "libraries", tmp_path / "profile")
    (entries,) = (folder / "Local Storage").rglob("*.log")
    entries.unlink()
    with pjais.profile(folder) as profile:
        assert any("the first log is missing" in line for line in profile.problems())
        with pytest.raises(pjais.PjaisError, match="localStorage cannot be read"):
            _ = profile.origins[0].local_storage


def test_an_item_that_cannot_be_read_costs_no_other_origin_its_own(tmp_path: Path) -> None:
    place = tmp_path / "Local Storage" / "leveldb"
    items = [(b"_http://a\0\x01k", b"\x07odd"), (b"_http://b\0\x01k", b"\x01fine")]
    leveldb(place, {"000003.log": log([batch(1, items)])})
    with pjais.profile(tmp_path) as profile:
        assert profile.origin("http://b").local_storage == {"k": "fine"}
        with pytest.raises(pjais.PjaisError, match="localStorage cannot be read"):
            _ = profile.origin("http://a").local_storage


def test_a_database_file_with_damaged_pages_gives_no_list_as_whole(tmp_path: Path) -> None:
    folder = shutil.copytree(GOLDEN / "any-app" / "lattice-sqlite", tmp_path / "profile")
    (file,) = [one for one in folder.rglob("*") if len(one.name) == 52]
    data = bytearray(file.read_bytes())
    data[-4096:] = bytes(4096)
    file.write_bytes(data)
    with pjais.profile(folder) as profile:
        assert profile.problems()
        for collection in profile.origins[0].databases[0].collections:
            with pytest.raises(pjais.PjaisError) as error:
                list(collection)
            assert error.value.code == "MIGRATION_006"


def test_the_private_copies_go_when_the_profile_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pjais.profile(LATTICE) as profile:
        assert list(tmp_path.iterdir()) == []  # listing copies nothing
        assert profile.origins[0].databases[0].collection("people").count() == 2
        assert list(tmp_path.iterdir()) != []
    assert list(tmp_path.iterdir()) == []
