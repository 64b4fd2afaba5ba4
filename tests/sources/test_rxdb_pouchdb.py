"""RxDB in PouchDB: what is told from a PouchDB of another app, what is damaged, what a later RxDB left beside it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pjais.formats.indexeddb import BadRow, Damage, Row, Schema, Store
from pjais.sources import backup, detect
from pjais.sources.registry import opened
from pjais.sources.rxdb.keys import primary_key
from pjais.sources.rxdb.names import made_by_rxdb
from pjais.sources.rxdb.pouchdb import PouchDb

GOLDEN = Path(__file__).parents[1] / "golden" / "rxdb"

ORIGIN = "http://a.example"


class Fake:
    """A profile that holds what it is given."""

    problems: list[Damage] = []  # noqa: RUF012 - never changed
    torn: list[Damage] = []  # noqa: RUF012 - never changed

    def __init__(self, rows: dict[tuple[str, str], list[Any]]) -> None:
        self._rows = {Store(ORIGIN, database, 5, name): values for (database, name), values in rows.items()}

    def stores(self) -> list[Store]:
        return list(self._rows)

    def rows(self, store: Store, *, ordered: bool = False) -> Iterator[Row | BadRow]:
        for number, value in enumerate(self._rows[store]):
            place = f"row {number}, {ordered}"
            yield value if isinstance(value, BadRow) else Row(b"", value, place)

    def schema(self, store: Store) -> Schema:
        raise NotImplementedError

    def key(self, row: Row) -> Any:
        raise NotImplementedError


def winner(key: str, revision: str, removed: bool = False) -> dict[str, Any]:
    """A row of `document-store`."""
    return {"data": json.dumps({"id": key, "winningRev": revision}), "deletedOrLocal": "1" if removed else "0"}


def revision(key: str, rev: str, **value: Any) -> dict[str, Any]:
    """A row of `by-sequence`."""
    return {**value, "_doc_id_rev": f"{key}::{rev}"}


SCHEMA = {"primaryKey": "slug", "properties": {"slug": {}}}
INTERNAL = {
    ("_pouch_app-rxdb-0-_rxdb_internal", "document-store"): [winner("notes-0", "1-a")],
    ("_pouch_app-rxdb-0-_rxdb_internal", "by-sequence"): [revision("notes-0", "1-a", schema=SCHEMA)],
}


def shown(rows: dict[tuple[str, str], list[Any]]) -> dict[tuple[str, str], list[Row | BadRow]]:
    """The rows of each store that the PouchDBs are shown as."""
    profile = Fake({**INTERNAL, **rows})
    found = PouchDb(dict.fromkeys(profile.stores(), profile))
    return {(one.database, one.name): list(found.rows(one)) for one in found.stores()}


def notes(**stores: list[Any]) -> dict[tuple[str, str], list[Any]]:
    """The stores of a collection in PouchDB's `idb`, `_` for `-` in their names."""
    return {("_pouch_app-rxdb-0-notes", name.replace("_", "-")): rows for name, rows in stores.items()}


def test_the_winning_revision_is_the_document_and_the_others_are_not() -> None:
    """With its primary key under its own name; a removed one as such; design documents are PouchDB's."""
    rows = shown(
        notes(
            document_store=[winner("n", "2-b"), winner("gone", "2-x", removed=True), winner("_design/i", "1-a")],
            by_sequence=[
                revision("n", "1-a", text="old"),
                revision("n", "2-b", text="new"),
                revision("gone", "2-x", text="x", _deleted=True),
                revision("_design/i", "1-a", views={}),
            ],
        )
    )
    documents = [row.value for row in rows["rxdb-dexie-app--0--notes", "docs"] if isinstance(row, Row)]
    assert documents == [
        {"slug": "n", "text": "new", "_rev": "2-b", "_deleted": False, "_attachments": {}},
        {"slug": "gone", "text": "x", "_rev": "2-x", "_deleted": True, "_attachments": {}},
    ]


def test_what_is_damaged_is_named() -> None:
    """A winner that is missing, metadata that is none, a row that cannot be read."""
    bad = BadRow("row 9", b"raw", "damaged")
    rows = shown(notes(document_store=[winner("n", "2-b"), {"data": "{"}, bad], by_sequence=[bad]))
    reasons = {row.reason for row in rows["rxdb-dexie-app--0--notes", "docs"] if isinstance(row, BadRow)}
    assert reasons == {"its winning revision 2-b is missing", "no metadata of PouchDB's", "damaged"}


def test_the_indexeddb_adapter_keeps_all_revisions_in_a_row() -> None:
    """A row that lacks the one that wins is named, one that is no object too."""
    rows = shown(
        {
            ("_pouch_app-rxdb-0-notes", "docs"): [
                {"id": "n", "rev": "2-b", "revs": {"1-a": {"data": {"a": 1}}, "2-b": {"data": {"a": 2}}}, "deleted": 0},
                {"id": "m", "rev": "2-b", "revs": {}},
                7,
            ],
            ("_pouch_app-rxdb-0-notes", "meta"): [],
        }
    )
    first, *rest = rows["rxdb-dexie-app--0--notes", "docs"]
    assert isinstance(first, Row) and first.value["a"] == 2
    assert len(rest) == 2 and all(isinstance(one, BadRow) for one in rest)


def test_an_attachment_is_proved_by_its_digest() -> None:
    """Base64 where the browser could keep no Blobs; what differs or is missing is named."""
    data = b"some bytes"
    digest = f"md5-{base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()}"
    named = {
        name: {"digest": one, "content_type": "x/y", "length": 10}
        for name, one in (("a", digest), ("b", "md5-?"), ("c", "md5-!"))
    }
    rows = shown(
        notes(
            document_store=[winner("n", "1-a")],
            by_sequence=[revision("n", "1-a", _attachments=named)],
            attach_store=[{"digest": one, "body": base64.b64encode(data).decode()} for one in (digest, "md5-?")],
        )
    )
    first, second, third = rows["rxdb-dexie-app--0--notes", "attachments"]
    assert isinstance(first, Row) and first.value == {"id": "n||a", "data": data}
    assert isinstance(second, BadRow) and "does not match" in second.reason
    assert isinstance(third, BadRow) and "are missing" in third.reason
    (document,) = rows["rxdb-dexie-app--0--notes", "docs"]
    assert isinstance(document, Row)
    assert document.value["_attachments"]["a"] == {"length": 10, "digest": digest, "type": "x/y"}


def test_local_documents_of_pouchdb_and_of_replications_are_nobodys() -> None:
    """Those that the app wrote remain, whichever PouchDB they are in."""
    own = [
        {"_id": f"_local/{name}"} for name in ("indexes", "lastSeq", "_pouch_dependentDbs", "pwHash", "storageToken")
    ]
    rows = shown(
        {
            ("_pouch_app-rxdb-0-notes", "local-store"): [*own, {"_id": "_local/x==", "last_seq": 1}],
            ("_pouch_app-rxdb-0-notes-local", "local-store"): [{"_id": "_local/mine", "a": 1, "_rev": "0-1"}],
            ("_pouch_app-rxdb-0-notes-mrview-0", "local-store"): [{"_id": "_local/other"}],
        }
    )
    (one,) = rows["rxdb-dexie-app--0--plugin-local-documents-notes", "docs"]
    assert isinstance(one, Row) and one.value == {"id": "mine", "data": {"a": 1}, "_deleted": False}


def test_a_database_of_the_same_name_in_a_later_rxdb_is_another_one() -> None:
    """What the app left behind in PouchDB is called so; the name stays with what the app uses now."""
    later: dict[tuple[str, str], list[Any]] = {
        ("rxdb-dexie-app--0--notes", "docs"): [],
        ("rxdb-dexie-app--0--_rxdb_internal", "docs"): [],
    }
    names = {database for database, _ in shown(later)}
    assert "rxdb-dexie-app (PouchDB)--0--_rxdb_internal" in names
    assert not any(name.startswith("rxdb-dexie-app--") for name in names)


def test_a_pouchdb_with_such_a_name_is_not_rxdbs_without_its_internal_store() -> None:
    """`todoapp-rxdb-0-todos` may be anybody's."""
    stores = {"document-store", "by-sequence"}
    assert made_by_rxdb({"_pouch_todoapp-rxdb-0-todos": stores}) == frozenset()
    both = {"_pouch_todoapp-rxdb-0-todos": stores, "_pouch_todoapp-rxdb-0-_rxdb_internal": stores}
    assert made_by_rxdb(both) == both.keys()
    assert made_by_rxdb({**both, "_pouch_other": stores}) == both.keys()


def test_the_primary_key_of_rxdb_9_is_marked_at_its_property() -> None:
    """10 and 11 name it, as later versions do."""
    assert primary_key({"properties": {"a": {"type": "string"}, "b": {"primary": True}}}) == "b"
    assert primary_key({"properties": {"b": {"primary": True}}, "primaryKey": {"key": "c", "fields": ["a"]}}) == "c"
    assert primary_key({"properties": {"primary": {"type": "string"}}}) == "id"


@pytest.mark.parametrize("item", ["v9-pouchdb", "v11-pouchdb", "v11-pouchdb-indexeddb"])
def test_its_databases_are_of_no_other_kind_and_have_a_size(item: str, tmp_path: Path) -> None:
    """The kind `indexeddb` takes what no other one claims, so nothing here."""
    refs = detect.detect([GOLDEN / item], named=True).sources
    assert {one.kind for one in refs} == {"rxdb-profile"}
    for snapshot in backup.snapshot_all(tmp_path / "copy", refs, at_ms=0):
        with opened(snapshot, decrypt=False) as found:
            assert found.sizes and all(size > 1000 for size in found.sizes.values())
