"""Documents of two web origins or databases stay two documents, whatever their ids say; a moved copy adds nothing."""

from __future__ import annotations

import gzip
import json
import shlex
import shutil
from pathlib import Path
from typing import Any, Literal

import pytest

import pjais
from pjais import web_origin
from pjais.cli import run
from pjais.errors import UsageError
from pjais.exchange import guide_export
from world import documents, rows, write_json

GOLDEN = Path(__file__).parents[1] / "golden"
TWO_APPS = GOLDEN / "origins" / "twoapps"
TWO_DATABASES = GOLDEN / "rxdb" / "v17-two-databases"
FIRST, SECOND = "http://localhost:8831", "http://localhost:8832"


def profile(golden: Path, folder: Path) -> Path:
    """A copy of a browser's profile, where its owner may have put it."""
    shutil.copytree(golden, folder / "profile")
    return folder / "profile"


def others(store: Path, name: str) -> dict[str, Any]:
    """The documents that are kept under a collection's name, without what RxDB adds."""
    found = [(key, text) for table, key, text in documents(store) if table == name]
    return {
        key: {name: value for name, value in json.loads(text).items() if not name.startswith("_")}
        for key, text in found
    }


def truth() -> dict[str, dict[str, list[Any]]]:
    """What the two apps' pages themselves saw: origin -> collection -> documents."""
    told = json.loads(gzip.decompress((TWO_APPS / "expected.json.gz").read_bytes()))
    return {f"http://localhost:{one['port']}": one["lib"]["dexie"] for one in told["origins"]}


def test_two_origins_with_the_same_database_collections_and_ids_keep_all_documents_of_both(tmp_path: Path) -> None:
    """44 and 44: none superseded by a document of another origin that happens to have its id."""
    report = pjais.migrate(tmp_path / "data", [profile(TWO_APPS, tmp_path)])
    assert (report.total.migrated, report.total.superseded, report.total.quarantined) == (126, 0, 0)
    store = tmp_path / "data" / "pjais.sqlite"
    for origin, before in ((FIRST, ""), (SECOND, f"{SECOND}/todoapp.")):
        for collection, seen in truth()[origin].items():
            kept = others(store, before + collection)
            assert kept == {one.get("pk", one.get("id")): one for one in seen}, (origin, collection)
    accounts = rows(store, "SELECT DISTINCT origin, database FROM migration_records ORDER BY 1")
    assert accounts == [(FIRST, "todoapp"), (SECOND, "todoapp")]
    assert pjais.verify(tmp_path / "data").passed


def test_the_second_origin_gets_a_name_of_its_own_also_when_it_comes_later(tmp_path: Path) -> None:
    """What is in the store keeps its name."""
    folder = profile(TWO_APPS, tmp_path) / "IndexedDB"
    store = tmp_path / "data" / "pjais.sqlite"
    pjais.migrate(tmp_path / "data", [folder / "http_localhost_8832.indexeddb.leveldb"])
    assert len(others(store, "todos")) == 44
    report = pjais.migrate(tmp_path / "data", [folder / "http_localhost_8831.indexeddb.leveldb"])
    assert (report.total.migrated, report.total.unchanged, report.total.superseded) == (63, 0, 0)
    assert len(others(store, f"{FIRST}/todoapp.todos")) == len(others(store, "todos")) == 44
    assert others(store, "todos")["t0"]["title"].startswith("8832")
    assert pjais.verify(tmp_path / "data").passed


def test_a_moved_copy_of_a_profile_adds_nothing(tmp_path: Path) -> None:
    """The same documents in another folder are known by what they are; their account follows them."""
    old = profile(TWO_APPS, tmp_path)
    store = tmp_path / "data" / "pjais.sqlite"
    pjais.migrate(tmp_path / "data", [old])
    before = documents(store)
    new = old.rename(tmp_path / "elsewhere")
    for _ in range(2):
        pjais.migrate(tmp_path / "data", [new])
        assert documents(store) == before
        paths = rows(store, "SELECT DISTINCT source_path FROM migration_records")
        assert len(paths) == 2 and all(str(new) in "/" + path for (path,) in paths)
        assert pjais.verify(tmp_path / "data").passed


def test_a_copy_that_lies_beside_the_profile_adds_nothing_either(tmp_path: Path) -> None:
    """It is named as superseded by the very same documents, and stays so."""
    old = profile(TWO_APPS, tmp_path)
    pjais.migrate(tmp_path / "data", [old])
    store = tmp_path / "data" / "pjais.sqlite"
    before = documents(store)
    copy = Path(shutil.copytree(old, tmp_path / "copy"))
    report = pjais.migrate(tmp_path / "data", [copy, old])
    assert report.total.unchanged == 126 and report.total.superseded == 126
    assert documents(store) == before
    assert pjais.migrate(tmp_path / "data", [copy, old]).code == "already_migrated"
    assert pjais.verify(tmp_path / "data").passed


def test_what_changed_in_a_moved_profile_is_new_and_the_rest_is_known(tmp_path: Path) -> None:
    """Persona documents: the later change counts, wherever its file lies now."""
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    people = [{"id": f"p{number}", "name": f"P{number}", "updatedAt": 1_700_000_000_000} for number in range(5)]
    write_json(tmp_path / "old", personas=people)
    people[3] = {**people[3], "name": "changed", "updatedAt": 1_700_000_000_001}
    write_json(tmp_path / "new", personas=[*people, {"id": "p9", "name": "P9", "updatedAt": 1_700_000_000_000}])
    pjais.migrate(tmp_path / "data", [tmp_path / "old" / "data.json"])
    report = pjais.migrate(tmp_path / "data", [tmp_path / "new" / "data.json"])
    assert (report.total.read, report.total.migrated, report.total.unchanged) == (6, 6, 4)
    store = tmp_path / "data" / "pjais.sqlite"
    assert rows(store, "SELECT count(*), max(name) FROM personas") == [(6, "changed")]
    assert pjais.verify(tmp_path / "data").passed


def test_two_files_with_a_collection_of_the_same_name_keep_documents_that_differ(tmp_path: Path) -> None:
    """Equal ones are one; of those that differ none takes another one's place, in whatever order they come."""
    for name, kind in (("a", "first"), ("b", "second"), ("c", "third")):
        (tmp_path / name).mkdir()
        notes = [{"id": "n1", "text": kind}, {"id": "n2", "text": "the same"}, {"text": "no key"}]
        write_json(tmp_path / name, personas=[{"id": "p1", "name": "Ann"}], notes=notes)
    store = tmp_path / "data" / "pjais.sqlite"
    pjais.migrate(tmp_path / "data", [tmp_path / "a" / "data.json", tmp_path / "b" / "data.json"])
    pjais.migrate(tmp_path / "data", [tmp_path / name / "data.json" for name in ("c", "a", "b")])
    texts = sorted(json.loads(text)["text"] for _, _, text in documents(store))
    assert texts == ["first", "no key", "second", "the same", "third"]
    kept = [(table, key) for table, key, _ in documents(store) if key == "n1"]
    assert kept == [("notes", "n1"), ("notes (2)", "n1"), ("notes (3)", "n1")]
    assert pjais.verify(tmp_path / "data").passed


def test_a_number_and_its_text_are_two_keys(tmp_path: Path) -> None:
    """7 is not "7"."""
    write_json(tmp_path, personas=[], notes=[{"id": 7, "text": "number"}, {"id": "7", "text": "text"}])
    report = pjais.migrate(tmp_path)
    assert (report.total.migrated, report.total.superseded) == (2, 0)
    assert pjais.verify(tmp_path).passed


@pytest.mark.parametrize(
    ("name", "origin"),
    [
        ("http_localhost_8717.indexeddb.leveldb", "http://localhost:8717"),
        ("http_localhost_8717@1", "http://localhost:8717"),
        ("https_app.example_0.indexeddb.blob", "https://app.example"),
        ("https_app.example_8443", "https://app.example:8443"),
        ("https_under_score.example_0", "https://under_score.example"),
        ("http_[__1]_8080", "http://[::1]:8080"),
        ("file__0.indexeddb.leveldb", "file://"),
        ("file__0.indexeddb.leveldb.bak", "file://"),
        ("chrome-extension_abcdefghijklmnopabcdefghijklmnop_0", "chrome-extension://abcdefghijklmnopabcdefghijklmnop"),
        ("app_-_0.indexeddb.leveldb", "app://-"),
        ("http+++localhost+8717", "http://localhost:8717"),
        ("https+++app.example", "https://app.example"),
        (
            "https+++app.example^partitionKey=%28https%2Cother.example%29",
            "https://app.example^partitionKey=(https,other.example)",
        ),
        ("moz-extension+++0a1b2c3d^userContextId=4294967295", "moz-extension://0a1b2c3d^userContextId=4294967295"),
        ("HTTPS://App.Example:443/", "https://app.example"),
        ("http://127.0.0.1:8845/^0http://localhost", "http://127.0.0.1:8845^0http://localhost"),
        ("notes", None),
        ("my_app_folder", None),
    ],
)
def test_the_names_that_browsers_give_to_folders_tell_the_origin(name: str, origin: str | None) -> None:
    """Chromium's, Electron's and Firefox's."""
    assert web_origin.named(name) == origin


def test_a_numbered_storage_bucket_belongs_to_whom_the_browsers_books_say(tmp_path: Path) -> None:
    """Partitioned frames and buckets lie in folders that name no origin."""
    shutil.copytree(TWO_APPS / "WebStorage", tmp_path / "WebStorage")
    place = tmp_path / "WebStorage" / "2" / "IndexedDB" / "indexeddb.leveldb"
    assert web_origin.of_place(place) == SECOND
    assert web_origin.of_place(tmp_path / "WebStorage" / "77" / "IndexedDB" / "indexeddb.leveldb") is None
    books = rows(
        tmp_path / "WebStorage" / "QuotaManager",
        "UPDATE buckets SET storage_key = 'http://127.0.0.1:8845/^0http://localhost', name = 'drafts' "
        "WHERE id = 2 RETURNING id",
    )
    assert books and web_origin.of_place(place) == "http://127.0.0.1:8845^0http://localhost#drafts"


def test_a_profile_with_the_guides_own_two_databases_is_migrated(tmp_path: Path) -> None:
    """Of the same persona in two databases of one origin the newest counts, the other copy is named."""
    report = pjais.migrate(tmp_path / "data", [profile(TWO_DATABASES, tmp_path)])
    store = tmp_path / "data" / "pjais.sqlite"
    assert report.total.quarantined == 0 and report.total.migrated == report.total.superseded > 0
    assert rows(store, "SELECT name FROM personas WHERE id = 'persona-ada'") == [("Ada of the second database",)]
    by = rows(
        store,
        "SELECT DISTINCT superseded_by FROM migration_records WHERE database = 'pjais-rxdb' "
        "AND native_id = 'persona-ada' AND outcome = 'superseded'",
    )
    assert by == [(rows(store, "SELECT min(source_path) FROM migration_records")[0][0] + " (database rxdb-dexie)",)]
    assert pjais.verify(tmp_path / "data").passed


@pytest.mark.parametrize("ids", ["keep", "new"])
def test_there_is_one_guide_backup_for_each_database_and_it_has_the_old_ids(
    tmp_path: Path, ids: Literal["keep", "new"]
) -> None:
    """Each holds all that its database holds, as it holds it, whatever ids the store has."""
    report = pjais.migrate(tmp_path / "data", [profile(TWO_DATABASES, tmp_path)], ids=ids)
    assert report.backup is not None
    made = json.loads((report.backup / "manifest.json").read_text("utf-8"))["exports"]
    told = json.loads((TWO_DATABASES / "expected.json").read_text("utf-8"))
    assert [one["database"] for one in made] == ["pjais-rxdb", "rxdb-dexie"]
    for one, database in zip(made, [told, *told["others"]], strict=True):
        held = json.loads((report.backup / one["stored"]).read_text("utf-8"))
        for name in ("personas", "memoryEntities"):
            wanted = {document["id"]: document for document in database["collections"][name]["docs"]}
            assert {each["id"] for each in held[name]} == wanted.keys()
            assert all((each["name"] or "") == (wanted[each["id"]].get("name") or "") for each in held[name])
            if name == "memoryEntities":
                assert all(each["personaId"] == wanted[each["id"]]["personaId"] for each in held[name])
        assert held["metadata"]["totalPersonas"] == len(held["personas"])
        assert guide_export.verify(report.backup / one["stored"]).errors == []
    assert pjais.verify(tmp_path / "data").passed


OTHER = "https://app.example"


@pytest.fixture
def two_personas(tmp_path: Path) -> Path:
    """A profile in which two web origins hold personas with the same ids."""
    folder = tmp_path / "profile" / "IndexedDB"
    shutil.copytree(GOLDEN / "rxdb" / "v17-two-databases" / "IndexedDB", folder)
    for one in (GOLDEN / "rxdb" / "v15-clean" / "IndexedDB").iterdir():
        shutil.copytree(one, folder / one.name.replace("http_localhost_8717", "https_app.example_0"))
    return folder.parent


@pytest.mark.parametrize("call", [pjais.migrate, pjais.plan])
def test_two_origins_with_personas_are_named_and_nothing_is_written(
    two_personas: Path, tmp_path: Path, call: Any
) -> None:
    """The owner chooses; one command for each can be pasted."""
    with pytest.raises(UsageError) as stopped:
        call(tmp_path / "data", [two_personas])
    assert [line.partition(": ")[0] for line in stopped.value.where] == ["http://localhost:8717", OTHER]
    assert stopped.value.next_command == "pjais migrate --origin http://localhost:8717"
    assert not (tmp_path / "data").exists()


def test_each_origin_may_have_a_store_of_its_own(two_personas: Path, tmp_path: Path) -> None:
    """What the error names can be run as it stands; a choice stays, and is never mixed with another."""
    data = tmp_path / "data"
    with pytest.raises(UsageError) as stopped:
        pjais.migrate(data, [two_personas])
    for line in stopped.value.where:
        command = shlex.split(line.partition(": pjais ")[2])
        assert run([*command, "--on-invalid", "quarantine"]) in (0, 1)
    first, second = data / "pjais.sqlite", data / "pjais-app-example.sqlite"
    for store, origin in ((first, "http://localhost:8717"), (second, OTHER)):
        assert rows(store, "SELECT DISTINCT origin FROM migration_records") == [(origin,)]
        assert pjais.verify(data, store).passed
    assert pjais.migrate(data, [two_personas]).code == "already_migrated"
    with pytest.raises(UsageError, match="never merged"):
        pjais.migrate(data, [two_personas], origin=OTHER)
    assert pjais.verify(data, first).passed


def test_a_second_origin_that_comes_later_is_not_merged_either(two_personas: Path, tmp_path: Path) -> None:
    """The store's own origin counts too."""
    data = tmp_path / "data"
    here = two_personas / "IndexedDB"
    pjais.migrate(data, [here / "http_localhost_8717.indexeddb.leveldb"], on_invalid="quarantine")
    with pytest.raises(UsageError, match="never merged") as stopped:
        pjais.migrate(data, [here / "https_app.example_0.indexeddb.leveldb"], on_invalid="quarantine")
    assert f"in the store: {'http://localhost:8717'}" in stopped.value.where
    assert pjais.verify(data).passed


def test_an_origin_that_is_not_here_is_a_usage_error(two_personas: Path, tmp_path: Path) -> None:
    """It names those that are."""
    with pytest.raises(UsageError) as stopped:
        pjais.plan(tmp_path / "data", [two_personas], origin="https://elsewhere.example")
    assert list(stopped.value.where) == ["http://localhost:8717", OTHER]


@pytest.mark.parametrize("origin", [FIRST, "HTTP://LOCALHOST:8831/", "http_localhost_8831.indexeddb.leveldb"])
def test_an_origin_is_asked_for_as_a_url_or_as_its_folder_is_called(tmp_path: Path, origin: str) -> None:
    """Only its documents come."""
    report = pjais.migrate(tmp_path / "data", [profile(TWO_APPS, tmp_path)], origin=origin)
    assert report.total.migrated == 63
    assert rows(tmp_path / "data" / "pjais.sqlite", "SELECT DISTINCT origin FROM migration_records") == [(FIRST,)]
    assert pjais.verify(tmp_path / "data").passed


def test_one_database_or_collection_at_a_time_and_the_rest_later(tmp_path: Path) -> None:
    """What was filtered out was never looked at, so that it comes with the next run; every run is proved."""
    data, there = tmp_path / "data", profile(TWO_DATABASES, tmp_path)
    first = pjais.migrate(data, [there], database="rxdb-dexie", collection="personas")
    store = data / "pjais.sqlite"
    assert rows(store, "SELECT DISTINCT database, collection FROM migration_records") == [("rxdb-dexie", "personas")]
    assert pjais.migrate(data, [there], database="rxdb-dexie", collection="personas").code == "already_migrated"
    second = pjais.migrate(data, [there], database="rxdb-dexie")
    assert second.total.unchanged == first.total.migrated > 0
    assert pjais.verify(data).passed
    whole = pjais.migrate(data, [there])
    assert second.total.migrated == whole.total.superseded
    assert pjais.migrate(data, [there]).code == "already_migrated"
    assert pjais.verify(data).passed


def test_the_command_line_filters_by_collection(tmp_path: Path) -> None:
    """44 of each origin."""
    there = profile(TWO_APPS, tmp_path)
    assert run(["migrate", str(there), "--collection", "todos", "--data-dir", str(tmp_path / "data")]) == 0
    count = "SELECT count(*) FROM migration_records WHERE collection = 'todos' AND outcome = 'migrated' GROUP BY origin"
    assert rows(tmp_path / "data" / "pjais.sqlite", count) == [(44,), (44,)]
    assert pjais.verify(tmp_path / "data").passed


def test_an_origin_that_was_passed_over_is_not_new(
    two_personas: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`status` says that it is not chosen, a store that opens takes and leaves nothing, old and new do not differ."""
    data = two_personas
    pjais.migrate(data, origin=OTHER, on_invalid="quarantine")
    folders = sorted(one.name for one in (data / "backups").iterdir())
    assert run(["status", "--data-dir", str(data), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["new_data"] is False
    assert [one["origin"] for one in told["not_chosen"]] == ["http://localhost:8717"]
    assert len(told["sources"]) == 1
    assert run(["status", "--data-dir", str(data)]) == 0
    said = capsys.readouterr().out
    assert "not selected for this store: http://localhost:8717" in said
    assert "new data to migrate" not in said
    with pjais.open(data) as store:
        assert store.notices == ()
    assert sorted(one.name for one in (data / "backups").iterdir() if one.is_dir()) == [
        name for name in folders if not name.startswith(".")
    ]
    assert run(["shadow", "--data-dir", str(data)]) == 0
    assert run(["shadow", "--data-dir", str(data), "--origin", OTHER]) == 0
    assert run(["shadow", "--data-dir", str(data), "--origin", "https://nowhere.example"]) == 2
    assert run(["switch", "--data-dir", str(data)]) == 0
    assert pjais.verify(data).passed


def test_shadow_compares_the_part_that_was_migrated(tmp_path: Path) -> None:
    """The same choice as that of `migrate`; what was not chosen is on the old side alone."""
    data = profile(TWO_DATABASES, tmp_path)
    call = ["--data-dir", str(data), "--database", "rxdb-dexie"]
    assert run(["migrate", *call, "--on-invalid", "quarantine"]) in (0, 1)
    assert run(["shadow", *call]) == 0
    assert run(["shadow", *call, "--collection", "personas"]) == 0
    assert run(["shadow", "--data-dir", str(data), "--database", "pjais-rxdb"]) == 1
    assert pjais.verify(data).passed
