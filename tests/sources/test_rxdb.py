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
from pjais.sources.registry import read
from pjais.sources.rxdb.names import FIELDS as RXDB_FIELDS
from pjais.workspace import resolve_workspace
from world import hashes

GOLDEN = Path(__file__).parent.parent / "golden" / "rxdb"
ATTACHED = ("v15-encrypted-attachments", "v16-encrypted-attachments")
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
    if item not in ("v12-encrypted", "v13-encrypted"):  # these keep no hash that is checked before decrypting
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
    for item in (*ATTACHED, "v16-attachments", "v17-blobs", "v17-encrypted", "v17-sqlite", "firefox-v17"):
        account = expected(item)
        found = pieces(item, tmp_path / item, account.get("password"))
        attached = [one for one in found if isinstance(one, Document) and one.collection.endswith("/attachments")]
        named = {
            f"{document}||{name}": facts["digest"]
            for collection in account["collections"].values()
            for document, meta in collection["meta"].items()
            for name, facts in meta.get("_attachments", {}).items()
        }
        assert {one.native_id: one.value["digest"] for one in attached} == named
        assert named
        told = {
            f"{document}||{name}": facts["sha256"]
            for collection in account["collections"].values()
            for document, many in collection.get("attachments", {}).items()
            for name, facts in many.items()
        }
        assert {one.native_id: hashlib.sha256(one.value["data"]).hexdigest() for one in attached} == told or not told
        assert told or item not in ATTACHED
