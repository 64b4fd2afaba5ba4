"""RxDB out of real profiles: every document as RxDB itself gave it, for every version, backend and accident."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import pjais
from pjais import canonical
from pjais.core.document import Document, Piece, Remark, Unreadable
from pjais.errors import PasswordNeeded
from pjais.exchange.documents import Form, export_documents
from pjais.sources import backup, detect
from pjais.sources.registry import opened, read
from pjais.sources.rxdb.names import FIELDS as RXDB_FIELDS
from pjais.workspace import resolve_workspace
from world import hashes, rows

GOLDEN = Path(__file__).parent.parent / "golden" / "rxdb"
ATTACHED = ("v15-encrypted-attachments", "v16-encrypted-attachments")
POUCHDB = ("v9-pouchdb", "v11-pouchdb", "v11-pouchdb-encrypted", "v11-pouchdb-indexeddb")
KEYED = ("v17-keyed", "v16-localstorage", "v17-localstorage", "v17-localstorage-encrypted")
ITEMS = sorted(path.name for path in GOLDEN.iterdir() if path.is_dir())


def expected(item: str) -> dict[str, Any]:
    """RxDB's own account of a profile."""
    plain = GOLDEN / item / "expected.json"
    text = plain.read_bytes() if plain.exists() else gzip.decompress(plain.with_suffix(".json.gz").read_bytes())
    return dict(json.loads(text))


def pieces(item: str, folder: Path, password: str | None) -> list[Piece]:
    """All that the reader finds in a profile, read from a backup of it."""
    found = detect.detect([GOLDEN / item], named=True)
    assert {source.kind for source in found.sources} == {"rxdb-profile"}
    snapshots = backup.snapshot_all(folder, found.sources, at_ms=0)
    return [piece for snapshot in snapshots for piece in read(snapshot, password)]


def as_app_sees(piece: Document) -> Any:
    """A document without what RxDB adds, in the values that JSON has."""
    shown = {key: value for key, value in piece.value.items() if key not in RXDB_FIELDS}
    return json.loads(canonical.dumps(shown))


def _key(document: dict[str, Any]) -> str:
    """The primary key of a document of any of these apps."""
    return str(next(document[name] for name in ("id", "key", "uid", "slug", "_id", *document) if name in document))


@pytest.mark.parametrize("item", ITEMS)
def test_every_document_is_as_rxdb_gave_it(item: str, tmp_path: Path) -> None:
    """Documents, tombstones and unknown collections, field by field; what is damaged is named."""
    account = expected(item)
    found = pieces(item, tmp_path / "backup", account.get("password"))
    damaged = set(account.get("damagedIds", ()))
    for name, collection in account["collections"].items():
        full = (account["database"], name)
        here = [one for one in found if isinstance(one, Document) and (one.database, one.collection) == full]
        live = {str(piece.native_id): as_app_sees(piece) for piece in here if piece.value.get("_deleted") is not True}
        unsayable = [one for one in collection.get("special", ()) if one["value"] not in ("-0", "undefined", "hole")]
        special = {str(one["path"][0]) for one in unsayable}  # JSON has no word for these values
        wanted = {_key(document): document for document in collection["docs"]}
        hidden = {one if isinstance(one, str) else one["id"] for one in collection.get("hidden", ())}
        assert live.keys() - hidden == wanted.keys() - damaged - hidden
        for key in live.keys() - special - hidden:
            assert live[key] == wanted[key], key
        if "deleted" in collection:
            gone = {piece.native_id for piece in here if piece.value.get("_deleted") is True}
            assert gone == {one if isinstance(one, str) else one["id"] for one in collection["deleted"]}
    bad = [piece for piece in found if isinstance(piece, Unreadable)]
    torn = [piece for piece in found if isinstance(piece, Remark) and piece.rule == "torn-tail"]
    assert (bool(bad), bool(torn)) == ("damage" in account and item != "v17-torn-log", item == "v17-torn-log")


@pytest.mark.parametrize("item", [name for name in ITEMS if "password" in expected(name)])
def test_a_missing_or_wrong_password_is_told_before_anything_else(item: str, tmp_path: Path) -> None:
    """MIGRATION_009, never garbage."""
    with pytest.raises(PasswordNeeded):
        pieces(item, tmp_path / "one", None)
    if item not in (
        "v12-encrypted",
        "v13-encrypted",
        "v11-pouchdb-encrypted",
    ):  # these keep no hash that is checked before decrypting
        with pytest.raises(PasswordNeeded):
            pieces(item, tmp_path / "two", "not this one")


@pytest.mark.parametrize("item", ITEMS)
def test_a_profile_is_migrated_and_proved(item: str, tmp_path: Path) -> None:
    """The whole way into SQLite; orphans and damage go to quarantine, verify agrees, the profile is untouched."""
    folder = tmp_path / "profile"
    shutil.copytree(GOLDEN / item, folder)
    before = hashes(folder)
    password = expected(item).get("password")
    report = pjais.migrate(folder, on_invalid="quarantine", password=password)
    assert report.total.balanced()
    assert hashes(folder) == before
    proof = pjais.verify(folder, password=password)
    assert proof.documents == report.total.read
    assert pjais.migrate(folder, on_invalid="quarantine", password=password).code == "already_migrated"


def test_documents_of_any_rxdb_app_come_out(tmp_path: Path) -> None:
    """The rescue tool: other databases, other collections, in order, without what RxDB adds."""
    shutil.copytree(GOLDEN / "v17-other-app" / "IndexedDB", tmp_path / "IndexedDB")
    lines: list[str] = []
    export_documents(resolve_workspace(tmp_path), tmp_path, lines.append)
    documents = [json.loads(line) for line in lines]
    order = [(one["database"], one["collection"], one["id"]) for one in documents]
    assert order == sorted(order)
    assert ("notes", "todos") in {(one["database"], one["collection"]) for one in documents}
    todos = [one["document"] for one in documents if one["collection"] == "todos"]
    account = expected("v17-other-app")["collections"]["todos"]["docs"]
    assert sorted(todos, key=str) == sorted(account, key=str)


@pytest.mark.parametrize("item", ["v16-attachments", "v16-encrypted-attachments", "v17-sqlite", "firefox-v17"])
def test_attachments_are_exported_with_their_document(item: str, tmp_path: Path) -> None:
    """By name, with media type and bytes; in the line, or in files called by their digest."""
    account = expected(item)
    lines: list[str] = []
    export_documents(resolve_workspace(tmp_path), GOLDEN / item, lines.append, Form(account.get("password")))
    exported = [json.loads(line) for line in lines]
    assert not any(one["collection"].endswith("/attachments") for one in exported)
    found = {
        (one["collection"], one["key"], name): attachment
        for one in exported
        for name, attachment in one.get("attachments", {}).items()
    }
    named = {
        (name, document, attachment): facts
        for name, collection in account["collections"].items()
        for document, meta in collection["meta"].items()
        for attachment, facts in meta.get("_attachments", {}).items()
    }
    assert found.keys() == named.keys() != set()
    for at, attachment in found.items():
        data = base64.b64decode(attachment["data"])
        told = attachment["$blob"]
        assert (told["type"], told["size"], told["sha256"]) == (
            named[at]["type"],
            len(data),
            hashlib.sha256(data).hexdigest(),
        )
    again: list[str] = []
    form = Form(account.get("password"), blobs=tmp_path / "blobs")
    export_documents(resolve_workspace(tmp_path), GOLDEN / item, again.append, form)
    assert {path.name for path in form.blobs.iterdir()} == {one["$blob"]["sha256"] for one in found.values()}  # type: ignore[union-attr]
    assert not any('"data":"' in line.partition('"attachments":')[2] for line in again)


def test_attachments_are_carried_with_their_bytes(tmp_path: Path) -> None:
    """Type, length and digest as RxDB says; the bytes are proved by the digest."""
    for item in (
        *ATTACHED,
        "v16-attachments",
        "v17-blobs",
        "v17-encrypted",
        "v17-sqlite",
        "firefox-v17",
        *KEYED,
        *POUCHDB,
    ):
        account = expected(item)
        found = pieces(item, tmp_path / item, account.get("password"))
        attached = [one for one in found if isinstance(one, Document) and one.collection.endswith("/attachments")]
        named = {
            f"{document}||{name}": (facts["digest"], facts["type"])
            for collection in account["collections"].values()
            for document, meta in collection["meta"].items()
            for name, facts in meta.get("_attachments", {}).items()
        } or {
            f"{document}||{name}": (facts["digest"], facts["type"])
            for collection in account["collections"].values()
            for document, many in collection.get("attachments", {}).items()
            for name, facts in many.items()
        }
        assert {one.native_id: (one.value["digest"], one.value["type"]) for one in attached} == named
        assert named
        told = {
            f"{document}||{name}": facts["sha256"]
            for collection in account["collections"].values()
            for document, many in collection.get("attachments", {}).items()
            for name, facts in many.items()
        }
        assert {one.native_id: hashlib.sha256(one.value["data"]).hexdigest() for one in attached} == told or not told
        assert told or item not in ATTACHED


@pytest.mark.parametrize("item", KEYED)
def test_a_primary_key_of_any_name_identifies_its_documents(item: str, tmp_path: Path) -> None:
    """`slug`, and a composite `uid`: told as the key path, the native id in exports and ledger, also of a removed one.

    Migrated, proved, found unchanged a second time; an attachment's name may hold `||`.
    """
    account = expected(item)
    password = account.get("password")
    folder = tmp_path / "profile"
    shutil.copytree(GOLDEN / item, folder)
    refs = detect.detect([folder], named=True).sources
    (snapshot,) = backup.snapshot_all(tmp_path / "copy", refs, at_ms=0)
    with opened(snapshot, decrypt=False) as found:
        assert {one.name: one.key_path for one in found.collections if one.schema} == {
            "notes": ("slug",),
            "entries": ("uid",),
        }
    lines: list[str] = []
    export_documents(resolve_workspace(folder), folder, lines.append, Form(password))
    exported = [json.loads(line) for line in lines]
    keys = {(one["collection"], one["key"]) for one in exported}
    assert {"--0-|-0.5", "ada|1", "ada|10"} == {key for name, key in keys if name == "entries"}
    assert {"--0--odd", "back", "first-note", "later"} == {key for name, key in keys if name == "notes"}
    keys |= {
        (f"{one['collection']}/attachments", f"{one['key']}||{name}")
        for one in exported
        for name in one.get("attachments", ())
    }
    assert ("notes/attachments", "first-note||a||b.txt") in keys
    pjais.migrate(folder, password=password)
    ledger = rows(folder / "pjais.sqlite", "SELECT collection, native_id, outcome FROM migration_records")
    assert {(name, key) for name, key, outcome in ledger if outcome == "migrated"} == keys
    assert {(name, key) for name, key, outcome in ledger if outcome == "removed"} == {
        ("notes", "gone"),
        ("entries", "gone|1"),
    }
    assert pjais.verify(folder, password=password).passed
    assert pjais.migrate(folder, password=password).code == "already_migrated"


@pytest.mark.parametrize("item", ["v17-encrypted", "v16-encrypted-attachments", "v17-localstorage-encrypted"])
def test_what_is_encrypted_stays_so_where_it_is_not_to_be_decrypted(
    item: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To count and to list no password is asked for, and a wrong one in the environment is no error."""
    monkeypatch.setenv("PJAIS_PASSWORD", "not this one")
    refs = detect.detect([GOLDEN / item], named=True).sources
    snapshots = backup.snapshot_all(tmp_path / "copy", refs, at_ms=0)
    found = [piece for snapshot in snapshots for piece in read(snapshot, decrypt=False)]
    assert all(isinstance(one, Document) for one in found)
    assert any(isinstance(one, Document) and one.collection.endswith("/attachments") for one in found)


@pytest.mark.parametrize("item", POUCHDB)
def test_rxdb_over_pouchdb_is_read_as_rxdb(item: str, tmp_path: Path) -> None:
    """RxDB 9 to 11: the winning revision of each document, tombstones, local documents, one source for all of it.

    No index, no design document, no losing revision is anybody's document; nothing is left to be named as PouchDB's.
    """
    account = expected(item)
    found = pieces(item, tmp_path, account.get("password"))
    assert all(isinstance(one, Document) for one in found)
    revisions = {
        (name, key): meta["_rev"]
        for name, collection in account["collections"].items()
        for key, meta in collection["meta"].items()
    }
    documents = [one for one in found if isinstance(one, Document)]
    live = [one for one in documents if one.collection in ("notes", "tasks") and not one.value["_deleted"]]
    assert {(one.collection, one.native_id): one.value["_rev"] for one in live} == revisions
    assert {one.native_id for one in documents if one.value.get("_deleted") is True} == {"gone"}
    local = {(one.collection, one.native_id): one.value["data"] for one in documents if "local" in one.collection}
    assert local == {
        ("plugin-local-documents-", "app-settings"): {"theme": "dark"},
        ("plugin-local-documents-notes", "last-seen"): {"slug": "first-note"},
    }
    assert {(one.database, one.origin) for one in documents} == {("oldapp", "http://localhost:8717")}
    passed = detect.detect([GOLDEN / item], named=True).passed
    assert not [one for one in passed if one.kind == "indexeddb"]
