"""RxDB's localstorage storage: told from other pages' items, and its names, which say little, taken apart."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pjais
from pjais.core.document import Document, Piece, Unreadable
from pjais.sources import backup, detect
from pjais.sources.registry import opened, read

sys.path.append(str(Path(__file__).parents[1] / "formats"))

from leveldb_writer import batch, folder, log

GOLDEN = Path(__file__).parent.parent / "golden" / "rxdb"
ORIGIN = "http://a.example"


def text(value: str) -> bytes:
    """A text as Chromium stores it."""
    try:
        return b"\x01" + value.encode("latin-1")
    except UnicodeEncodeError:
        return b"\x00" + value.encode("utf-16-le")


def profile(path: Path, items: dict[str, str], origin: str = ORIGIN) -> Path:
    """A profile whose localStorage has these items."""
    return profiles(path, {origin: items})


def profiles(path: Path, origins: dict[str, dict[str, str]]) -> Path:
    entries = [
        (b"_" + origin.encode() + b"\0" + text(name), text(value))
        for origin in origins
        for name, value in origins[origin].items()
    ]
    folder(path / "Local Storage" / "leveldb", {"000003.log": log([batch(1, entries)])})
    return path


def collection(name: str, version: int = 0, primary: Any = "id") -> str:
    """A row of the internal store."""
    schema = {"version": version, "primaryKey": primary, "type": "object", "properties": {}, "required": ["_deleted"]}
    data = {"name": name, "version": version, "schema": schema}
    return json.dumps({"id": f"collection|{name}-{version}", "key": f"{name}-{version}", "data": data})


def app(name: str, *collections: str, **documents: str) -> dict[str, str]:
    """The items of a database with these collections."""
    inner = f"RxDB-ls-doc-{name}--_rxdb_internal--0-"
    token = json.dumps({"id": "storage-token|storageToken", "key": "storageToken", "data": {"rxdbVersion": "17.6.0"}})
    rows = {f"{inner}collection|{one}-0": collection(one) for one in collections}
    return {f"{inner}storage-token|storageToken": token, **rows, **documents}


def document(key: str, **more: Any) -> str:
    return json.dumps({"id": key, "_deleted": False, "_rev": "1-x", "_meta": {"lwt": 1}, "_attachments": {}} | more)


def pieces(path: Path, tmp_path: Path) -> list[Piece]:
    """All that the reader finds, read from a backup; items of others beside them are of the kind `web-storage`."""
    (ref,) = [one for one in detect.detect([path], named=True).sources if one.kind != "web-storage"]
    assert (ref.kind, ref.dialect) == ("rxdb-profile", "rxdb-localstorage")
    snapshots = backup.snapshot_all(tmp_path / "copy", [ref], at_ms=0)
    return [piece for snapshot in snapshots for piece in read(snapshot)]


def keys(found: list[Piece]) -> list[tuple[str | None, str, str | None]]:
    return sorted((one.database, one.collection, one.native_id) for one in found if isinstance(one, Document))


def test_a_profile_is_told_with_its_database_collections_and_origin(tmp_path: Path) -> None:
    """As the Dexie storage is: names, schemas, keys, versions; no document of another page."""
    found = detect.detect([GOLDEN / "v17-localstorage"], named=True)
    (snapshot,) = backup.snapshot_all(tmp_path / "copy", found.sources, at_ms=0)
    with opened(snapshot) as there:
        told = {one.name: (one.database, one.origin, one.key_path, one.made_by) for one in there.collections}
    mine = ("keyed-app", "http://localhost:8717")
    assert told["notes"] == (*mine, ("slug",), "RxDB 17.6.0")
    assert told["entries"] == (*mine, ("uid",), "RxDB 17.6.0")
    assert all("Local Storage" not in one.path.parts for one in found.passed)


def test_items_of_other_pages_are_named_and_no_part_of_it(tmp_path: Path) -> None:
    """Two origins with a database of one name stay apart; what is not RxDB's is web storage's alone."""
    mine = {"RxDB-ls-doc-app--notes--0-n": document("n"), "theme": "dark", "RxDB-ls-idx-app--notes--0id": "[]"}
    there = profiles(
        tmp_path / "there",
        {
            ORIGIN: {**app("app", "notes"), **mine},
            "http://b.example": {**app("app", "notes"), "RxDB-ls-doc-app--notes--0-n": document("n", other=True)},
            "http://c.example": {"about": "RxDB-ls-doc- is a prefix"},
        },
    )
    found = pieces(there, tmp_path)
    assert {(one.origin, one.native_id) for one in found if isinstance(one, Document)} == {
        (ORIGIN, "n"),
        ("http://b.example", "n"),
    }
    sources = detect.detect([there], named=True).sources
    snapshots = backup.snapshot_all(tmp_path / "both", sources, at_ms=0)
    (others,) = [one for one in snapshots if one.kind == "web-storage"]
    with opened(others) as storage:
        left = {(one.origin, one.native_id) for one in storage.read() if isinstance(one, Document)}
        assert {one.origin for one in storage.collections} == {ORIGIN, "http://c.example"}
    assert left == {(ORIGIN, "theme"), ("http://c.example", "about")}
    (ours,) = [one for one in snapshots if one.kind != "web-storage"]
    with opened(ours) as rxdb:
        assert {key: size > 100 for key, size in rxdb.sizes.items()} == {
            (ORIGIN, "app"): True,
            ("http://b.example", "app"): True,
        }


def test_localstorage_of_rxdb_alone_is_no_other_source(tmp_path: Path) -> None:
    items = app("app", "notes") | {"RxDB-ls-doc-app--notes--0-n": document("n")}
    found = detect.detect([profile(tmp_path / "there", items)], named=True)
    assert [one.dialect for one in found.sources] == ["rxdb-localstorage"] and not found.passed


def test_names_with_dashes_are_taken_apart_by_the_internal_store(tmp_path: Path) -> None:
    """Of database, collection and key each may hold `--0-`; the primary key in the document decides."""
    items = app("a--b", "c", "c--0-d", "c--1--x") | app("a", "n")
    for name, key in (("a--b--c", "--0-d--0-k"), ("a--b--c--0-d", "k"), ("a--b--c--1--x", "0-"), ("a--n", "日本")):
        items[f"RxDB-ls-doc-{name}--0-{key}"] = document(key)
    assert keys(pieces(profile(tmp_path / "there", items), tmp_path)) == [
        ("a", "n", "日本"),
        ("a--b", "c", "--0-d--0-k"),
        ("a--b", "c--0-d", "k"),
        ("a--b", "c--1--x", "0-"),
    ]


def test_bookkeeping_is_no_data(tmp_path: Path) -> None:
    """Stores of replications and migrations hold copies; a collection without a schema is named as before."""
    items = app("a--b", "notes") | app("a")
    row = json.loads(collection("notes"))
    row["data"]["connectedStorages"] = [{"collectionName": "rx-replication-meta-x", "schema": {"version": 0}}, None, 7]
    items["RxDB-ls-doc-a--b--_rxdb_internal--0-collection|notes-0"] = json.dumps(row)
    for name in ("rx-replication-meta-x", "rx-migration-state-meta-notes-0", "notes"):
        items[f"RxDB-ls-doc-a--b--{name}--0-k"] = document("k")
    assert keys(pieces(profile(tmp_path / "there", items), tmp_path)) == [("a--b", "notes", "k")]
    items["RxDB-ls-doc-a--b--nobody--0-k"] = document("k")
    found = pieces(profile(tmp_path / "more", items), tmp_path / "again")
    (lost,) = [one for one in found if isinstance(one, Unreadable)]
    assert (lost.collection, lost.database) == ("nobody", "a--b")


def test_what_cannot_be_read_is_named_with_its_bytes(tmp_path: Path) -> None:
    """A value that is no JSON, one nested too deeply, one that is no object, a text of unknown form."""
    deep = "[" * 300 + "]" * 300
    items = app("app", "notes")
    items |= {
        "RxDB-ls-doc-app--notes--0-good": document("good"),
        "RxDB-ls-doc-app--notes--0-cut": '{"id": "cu',
        "RxDB-ls-doc-app--notes--0-deep": '{"id": "deep", "x": ' + deep + "}",
        "RxDB-ls-doc-app--notes--0-list": "[1]",
    }
    found = pieces(profile(tmp_path / "there", items), tmp_path)
    assert keys(found) == [("app", "notes", "good")]
    reasons = {one.reason for one in found if isinstance(one, Unreadable)}
    assert len(reasons) == 3
    assert {"nested too deeply", "not a document"} < reasons
    assert b'{"id": "cu' in {one.raw for one in found if isinstance(one, Unreadable)}


def test_a_database_whose_internal_store_is_gone_is_named(tmp_path: Path) -> None:
    """Its documents are there, and what they mean is not known: never silence."""
    there = profile(tmp_path / "there", {"RxDB-ls-doc-app--notes--0-n": document("n")})
    (one,) = pieces(there, tmp_path)
    assert isinstance(one, Unreadable)
    assert "internal store" in one.reason


def test_keys_and_booleans_are_as_the_app_wrote_them(tmp_path: Path) -> None:
    """Only the Dexie storage writes `__x` for `|x`, and '1' for an indexed true."""
    schema = {
        "version": 0,
        "primaryKey": "id",
        "indexes": [["_deleted", "flag", "id"]],
        "properties": {"flag": {"type": "boolean"}},
    }
    items = app("app")
    items["RxDB-ls-doc-app--_rxdb_internal--0-collection|notes-0"] = json.dumps(
        {"id": "collection|notes-0", "data": {"name": "notes", "version": 0, "schema": schema}}
    )
    items["RxDB-ls-doc-app--notes--0-n"] = document("n", __x=1, flag="1", **{"|y": 2})
    (one,) = pieces(profile(tmp_path / "there", items), tmp_path)
    assert isinstance(one, Document)
    assert {key: one.value[key] for key in ("__x", "|y", "flag")} == {"__x": 1, "|y": 2, "flag": "1"}


def test_a_plain_attachment_that_looks_encrypted_is_no_secret(tmp_path: Path) -> None:
    """Only what the schema calls encrypted is decrypted: a file may begin as OpenSSL's do."""
    content = b"U2FsdGVkX1 is how many a text begins"
    digest = hashlib.sha256(content).hexdigest()
    named = {"note.txt": {"length": len(content), "digest": digest, "type": "text/plain"}}
    items = app("app", "notes")
    items["RxDB-ls-doc-app--notes--0-n"] = document("n", _attachments=named)
    data = base64.b64encode(content).decode()
    items["RxDB-ls-attachment-app--notes--0-n||note.txt"] = f"data:text/plain;base64,{data}"
    found = detect.detect([profile(tmp_path / "there", items)], named=True)
    (snapshot,) = backup.snapshot_all(tmp_path / "copy", found.sources, at_ms=0)
    attached = [one for one in read(snapshot, "a password") if one.collection == "notes/attachments"]
    assert [one.value["data"] for one in attached if isinstance(one, Document)] == [content]


def test_cleanup_never_removes_the_storage_of_all_pages(tmp_path: Path) -> None:
    """One LevelDB holds the items of every origin."""
    there = tmp_path / "PJais"
    shutil.copytree(GOLDEN / "v17-localstorage" / "Local Storage", there / "Local Storage")
    pjais.migrate(there)
    assert pjais.verify(there).passed
    done = pjais.cleanup(there, yes=True)
    assert (there / "Local Storage" / "leveldb" / "000003.log").is_file()
    assert "localStorage of all pages" in str(done)
