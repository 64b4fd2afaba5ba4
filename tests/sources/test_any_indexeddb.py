"""Any app's IndexedDB as a source: every document as the page saw it, by detect, migrate and export."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import shutil
import struct
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from page_truth import Seen, expected

import pjais
from pjais import tagged
from pjais.core.document import Document, Piece, Remark, Unreadable
from pjais.exchange.documents import Form, export_documents
from pjais.sources import backup, count, detect, registry
from pjais.sources.contract import Held, Opened
from pjais.sources.js_documents import Where
from pjais.workspace import resolve_workspace
from world import documents, hashes

sys.path.append(str(Path(__file__).parents[1] / "formats"))

from indexeddb_writer import described, key, v8
from leveldb_writer import batch, folder, log

GOLDEN = Path(__file__).parents[1] / "golden"
ANY = GOLDEN / "any-app"
LIBRARIES = GOLDEN / "libraries"
ZERO = b'\xff\x0fo"\x01zN' + struct.pack("<d", -0.0) + b"{\x01"
"""The object {z: -0} as V8 writes it."""
LATTICES = ("lattice", "lattice-killed", "lattice-sqlite")


@contextmanager
def opened(place: Path, copy: Path) -> Iterator[Opened]:
    """The IndexedDB of a profile with one origin, opened as every command does."""
    (ref,) = [one for one in detect.detect([place], named=True).sources if one.kind == "indexeddb"]
    (snapshot,) = backup.snapshot_all(copy, [ref], at_ms=0)
    with registry.opened(snapshot) as found:
        yield found


def pieces(place: Path, copy: Path) -> list[Piece]:
    with opened(place, copy) as found:
        return list(found.read())


def exported(place: Path, form: Form | None = None) -> list[dict[str, Any]]:
    """The lines of an export of documents."""
    lines: list[str] = []
    export_documents(resolve_workspace(place.parent / "no data"), place, lines.append, form or Form())
    return [json.loads(line) for line in lines]


def written(place: Path, *databases: tuple[int, str, list[tuple[bytes, bytes]]]) -> Path:
    """An origin's LevelDB with these databases: number, name, encoded records of its store."""
    ops = []
    for number, name, records in databases:
        ops += described(number, name, ("notes",))
        ops += records
    return folder(place / "IndexedDB" / "https_app.example_0.indexeddb.leveldb", {"000003.log": log([batch(1, ops)])})


# --- as the page saw it


def told(name: str) -> dict[str, list[tuple[Any, Any]]]:
    """What the page of a lattice saw: the records of each store, in tagged JSON."""
    with gzip.open(ANY / name / "told.json.gz") as file:
        (database,) = json.load(file)["databases"]
    return {
        json.dumps(store["name"]): [(record_key, value) for record_key, value in store["records"]]
        for store in database["stores"]
        if store["records"]
    }


def bare(value: Any) -> Any:
    """A tagged value without what a page cannot tell of it: the bytes of a host object; and without inline bytes."""
    if isinstance(value, list):
        return [bare(one) for one in value]
    if isinstance(value, dict):
        tags = {"$host", "$blob"} & value.keys()
        return {name: bare(one) for name, one in value.items() if not (tags and name == "data")}
    return value


@pytest.mark.parametrize("name", LATTICES)
def test_every_document_is_exported_as_the_page_saw_it_in_the_order_of_its_keys(name: str) -> None:
    before = hashes(ANY / name)
    found: dict[str, list[tuple[Any, Any]]] = {}
    for one in exported(ANY / name / "IndexedDB"):
        assert list(one) == ["source", "origin", "database", "collection", "key", "id", "document"]
        assert (one["origin"], one["database"]) == ("http://localhost:8731", "lattice — ünï 日本")
        found.setdefault(json.dumps(one["collection"]), []).append((one["key"], bare(one["document"])))
    wanted = {store: [(one, bare(value)) for one, value in records] for store, records in told(name).items()}
    assert found == wanted
    assert sum(map(len, found.values())) == 149
    assert hashes(ANY / name) == before


@pytest.mark.parametrize("name", ["kv", "named-dexie"])
def test_the_databases_of_libraries_are_exported_as_their_page_saw_them(name: str) -> None:
    compare(ANY / name)


def compare(profile: Path) -> int:
    """Compare an export with what the pages of a golden profile saw; return the number of documents."""
    found: dict[tuple[str, ...], list[Any]] = {}
    for one in exported(profile / "profile"):
        if one["collection"].startswith(("localforage/", "redux-persist/")):
            continue
        blobs = dict(inline(one["document"]))
        seen = (Seen({}).of(tagged.untag(one["key"])), Seen(blobs).of(tagged.untag(one["document"])))
        found.setdefault((one["origin"], one["database"], one["collection"]), []).append(seen)
    wanted: dict[tuple[str, ...], list[Any]] = {}
    for page in expected(profile):
        for database in page["indexedDB"]:
            for store in database["stores"]:
                records = [(one["key"], one["value"]) for one in store["records"]]
                if records:
                    wanted[page["origin"], database["name"], store["name"]] = records
        if page["localStorage"]:
            stored = [(name, value) for name, value in page["localStorage"]]
            wanted[page["origin"], "localStorage", "localStorage"] = stored
            found[page["origin"], "localStorage", "localStorage"].sort(key=json.dumps)
            stored.sort(key=json.dumps)
    assert found == wanted
    return sum(map(len, found.values()))


def inline(value: Any) -> Iterator[tuple[str, bytes]]:
    """The bytes of the Blobs in an exported document, by their SHA-256."""
    if isinstance(value, dict) and "$blob" in value:
        yield value["$blob"]["sha256"], base64.b64decode(value["data"], validate=True)
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from inline(one)


def test_what_an_app_declared_of_its_stores_is_known_without_reading_them(tmp_path: Path) -> None:
    with gzip.open(ANY / "lattice" / "told.json.gz") as file:
        (database,) = json.load(file)["databases"]
    with opened(ANY / "lattice", tmp_path / "copy") as found:
        known = {one.name: one for one in found.collections}
        (size,) = found.sizes.values()
    assert size > 100_000
    for store in database["stores"]:
        one = known.pop(tagged.untag(store["name"]))
        path = store["keyPath"]
        assert one.key_path == tuple([] if path is None else [path] if isinstance(path, str) else path)
        assert one.auto_increment == store["autoIncrement"]
        assert one.is_empty == (not store["records"])
        declared = {(index.name, index.unique, index.multi_entry) for index in one.indexes}
        assert declared == {(each["name"], each["unique"], each["multiEntry"]) for each in store["indexes"]}
        for index in one.indexes:
            (path,) = [each["keyPath"] for each in store["indexes"] if each["name"] == index.name]
            assert index.key_path == (tuple(path) if isinstance(path, list) else path)
    assert known == {}


def test_documents_carry_their_keys_and_the_bytes_of_their_blobs(tmp_path: Path) -> None:
    documents = [one for one in pieces(ANY / "kv", tmp_path / "copy") if isinstance(one, Document)]
    assert all(one.is_tagged for one in documents)
    keys = {(one.native_id, json.dumps(one.key)) for one in documents if one.collection == "keyval"}
    assert keys == {("5", "5"), ("list", "null"), ("token", "null"), ('["a",1]', '["a", 1]')}
    (avatar, _) = [one for one in documents if one.native_id == "avatar"]
    assert avatar.blobs == {hashlib.sha256(b"PNG").hexdigest(): b"PNG"}


def test_a_number_and_its_text_are_two_documents_also_in_the_store(tmp_path: Path) -> None:
    number = bytes((0, 1, 1, 1, 3)) + struct.pack("<d", 7)
    keys = [number, key("7")]
    written(tmp_path / "app", (1, "app", [(one, b"\1" + v8("text")) for one in keys]))
    documents = [one for one in pieces(tmp_path / "app", tmp_path / "copy") if isinstance(one, Document)]
    assert [(one.native_id, one.key) for one in documents] == [("7", 7), ('"7"', "7")]
    report = pjais.migrate(tmp_path / "data", [tmp_path / "app"])
    assert (report.total.read, report.total.migrated) == (2, 2)
    assert pjais.verify(tmp_path / "data").passed


def test_blobs_can_be_files_called_by_their_digest(tmp_path: Path) -> None:
    lines = exported(ANY / "lattice" / "IndexedDB", Form(blobs=tmp_path / "blobs"))
    named = {path.name: path.read_bytes() for path in (tmp_path / "blobs").iterdir()}
    assert all(hashlib.sha256(data).hexdigest() == name for name, data in named.items())
    assert sorted(map(len, named.values())) == [0, 4, 7, 90000]
    assert not any(
        True
        for one in lines
        if isinstance(one["document"], dict) and "$blob" in one["document"] and "data" in one["document"]
    )
    whole = exported(ANY / "lattice" / "IndexedDB")
    assert {sha256 for one in whole for sha256, _ in inline(one["document"])} == named.keys()


# --- beside other kinds, and damaged


def test_databases_of_rxdb_are_never_read_by_it(tmp_path: Path) -> None:
    ops = [*described(1, "rxdb-dexie-app--0--notes", ("attachments", "changes", "docs")), *described(2, "mine", ("a",))]
    ops += [(key("k", database=number), b"\1" + v8("x")) for number in (1, 2)]
    place = folder(tmp_path / "https_app.example_0.indexeddb.leveldb", {"000003.log": log([batch(1, ops)])})
    assert [ref.kind for ref in detect.detect([place.parent], named=True).sources] == ["rxdb-profile", "indexeddb"]
    with opened(place.parent, tmp_path / "copy") as found:
        assert {one.database for one in found.collections} == {"mine"}
        assert [(one.database, one.value) for one in found.read() if isinstance(one, Document)] == [
            ("mine", {"v": "x"})
        ]


def test_a_property_called_deleted_is_the_apps_own() -> None:
    """RxDB's tombstones have it; a document of any other app that has it is a document."""
    one = Document("c", "k", "", {"_deleted": True}, is_tagged=True)
    assert not one.is_removed
    assert one._replace(is_tagged=False).is_removed


def test_a_bad_record_is_named_with_its_bytes_and_the_rest_is_read(tmp_path: Path) -> None:
    records = [(key("a"), b"\1" + v8("first")), (key("b"), b"\1\xff\xff\xff"), (key("c"), b"\1" + v8("last"))]
    written(tmp_path / "app", (1, "app", records))
    first, bad, last = pieces(tmp_path / "app", tmp_path / "copy")
    assert isinstance(first, Document) and isinstance(last, Document)
    assert isinstance(bad, Unreadable)
    assert (bad.collection, bad.database, bad.origin) == ("notes", "app", "https://app.example")
    assert b"\xff\xff\xff" in bad.raw
    skipped: list[str] = []
    lines = exported(tmp_path / "app", Form(skip=skipped.append))
    assert ([one["key"] for one in lines], len(skipped)) == (["a", "c"], 1)


def test_a_blob_whose_bytes_are_missing_is_named_and_its_document_stays(tmp_path: Path) -> None:
    shutil.copytree(ANY / "kv" / "profile" / "Default" / "IndexedDB", tmp_path / "IndexedDB")
    shutil.rmtree(tmp_path / "IndexedDB" / "http_localhost_8804.indexeddb.blob")
    found = pieces(tmp_path, tmp_path / "copy")
    (avatar, _) = [one for one in found if isinstance(one, Document) and one.native_id == "avatar"]
    assert avatar.value == {"$blob": {"sha256": None, "type": "image/png", "size": 3}}
    (missing,) = [one for one in found if isinstance(one, Unreadable)]
    assert missing.place == f"{avatar.place} blob 0"
    assert "missing" in missing.reason


def test_a_log_that_ends_in_the_middle_is_a_remark_and_a_broken_one_is_unreadable(tmp_path: Path) -> None:
    place = written(tmp_path / "app", (1, "app", [(key("a"), b"\1" + v8("x"))])) / "000003.log"
    whole = place.read_bytes()
    place.write_bytes(whole + log([batch(9, [(key("b"), b"\1" + v8("y" * 50))])])[:-5])
    assert [type(one) for one in pieces(tmp_path / "app", tmp_path / "torn")] == [Document, Remark]


def test_a_value_that_is_nested_too_deeply_is_unreadable_and_no_traceback() -> None:
    deep: Any = "end"
    for _ in range(300):
        deep = [deep]
    found = Where("notes", "app", None).document("k", deep, "byte 1", {})
    assert isinstance(found, Unreadable) and found.reason == "nested too deeply"


def test_nothing_of_it_is_removed_for_now(tmp_path: Path) -> None:
    (ref,) = [one for one in detect.detect([ANY / "kv"], named=True).sources if one.kind == "indexeddb"]
    with opened(ANY / "kv", tmp_path / "copy") as found:
        held = found.removable(ref)
    assert isinstance(held, Held)
    assert held.files == () and held.parts is None
    assert [(one.path, one.names >= {"localforage", "myApp"}) for one in held.stays] == [(ref.path, True)]


# --- in the store


@pytest.mark.parametrize("name", ["kv", "lattice", "lattice-sqlite"])
def test_it_is_migrated_and_proved(name: str, tmp_path: Path) -> None:
    before = hashes(ANY / name)
    report = pjais.migrate(tmp_path, [ANY / name])
    assert report.total.read == report.total.migrated
    assert pjais.verify(tmp_path).passed
    assert pjais.migrate(tmp_path, [ANY / name]).code == "already_migrated"
    assert hashes(ANY / name) == before


def test_what_libraries_mean_comes_after_their_rows_and_is_migrated(tmp_path: Path) -> None:
    read = pieces(LIBRARIES, tmp_path / "copy")
    assert all(isinstance(one, Document) for one in read)
    notes = [one.collection for one in read if isinstance(one, Document) and one.database == "_pouch_notes-idb"]
    meant = [name for name in notes if name.startswith("pouchdb/")]
    assert notes[-len(meant) :] == meant
    assert Counter(meant) == {"pouchdb/documents": 16, "pouchdb/conflicts": 4, "pouchdb/local": 2}
    assert pjais.migrate(tmp_path / "data", [LIBRARIES]).code == "done"
    assert pjais.verify(tmp_path / "data").passed
    held = {
        key: json.loads(text)
        for table, key, text in documents(tmp_path / "data" / "pjais.sqlite")
        if table == "pouchdb/documents"
    }
    with gzip.open(LIBRARIES / "told.json.gz") as file:
        told = json.load(file)["databases"]["_pouch_notes-idb"]["documents"]
    assert {key: one["_rev"] for key, one in held.items()} == {
        key: one["_rev"] for collection, key, one in told if collection == "pouchdb/documents"
    }


def test_what_libraries_mean_is_exported_and_not_counted() -> None:
    lines = exported(LIBRARIES)
    of_pouch = [one for one in lines if one["collection"] == "pouchdb/documents"]
    assert len([one for one in of_pouch if one["database"] == "_pouch_notes-idb"]) == 16
    (ref,) = [one for one in detect.detect([LIBRARIES], named=True).sources if one.kind == "indexeddb"]
    counted = count.databases(ref)
    assert counted is not None
    assert not [name for one in counted for name in one.collections if "/" in name]
    assert sum(one.documents for one in counted) == len(
        [one for one in lines if "/" not in one["collection"] and one["database"] != "localStorage"]
    )


def test_a_row_that_a_library_never_wrote_is_a_remark_and_its_record_stays(tmp_path: Path) -> None:
    ops = [*described(1, "_pouch_x", ("docs", "meta")), (key("a"), b"\1\xff\x0d"), (key("b"), b"\1" + v8("x"))]
    folder(tmp_path / "app" / "https_app.example_0.indexeddb.leveldb", {"000003.log": log([batch(1, ops)])})
    found = pieces(tmp_path / "app", tmp_path / "copy")
    assert [(type(one), one.collection) for one in found] == [
        (Unreadable, "docs"),
        (Document, "docs"),
        (Remark, "_pouch_x"),
    ]


def test_a_negative_zero_keeps_its_sign_in_the_store(tmp_path: Path) -> None:
    written(tmp_path / "app", (1, "app", [(key("a"), b"\1" + ZERO)]))
    assert pjais.migrate(tmp_path / "data", [tmp_path / "app"]).code == "done"
    assert [text for *_, text in documents(tmp_path / "data" / "pjais.sqlite")] == ['{"z":{"$number":"-0"}}']
    assert pjais.verify(tmp_path / "data").passed


def test_a_document_that_its_app_removed_goes_from_a_store_that_follows_it(tmp_path: Path) -> None:
    both = [(key("a"), b"\1" + v8("x")), (key("b"), b"\1" + v8("y"))]
    written(tmp_path / "app", (1, "app", both))
    pjais.migrate(tmp_path / "data", [tmp_path / "app"])
    written(tmp_path / "app", (1, "app", both[:1]))
    (done,) = pjais.follow(tmp_path / "data", [tmp_path / "app"], once=True)
    assert done.removed == 1
    assert len(documents(tmp_path / "data" / "pjais.sqlite")) == 1


def test_a_collection_of_another_app_that_is_called_as_ours_is_no_persona(tmp_path: Path) -> None:
    ops = [*described(1, "theirs", ("personas",)), (key("p"), b"\1" + v8("text"))]
    folder(tmp_path / "app" / "https_app.example_0.indexeddb.leveldb", {"000003.log": log([batch(1, ops)])})
    pjais.migrate(tmp_path / "data", [tmp_path / "app"])
    with pjais.open(tmp_path / "data") as store:
        assert store.personas.list() == []
