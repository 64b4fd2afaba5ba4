"""RxDB 9 to 11, which kept its data in PouchDB, as the stores that later versions make, so that one reader reads both.

A collection is a PouchDB called `<database>-rxdb-<version>-<collection>`, so an IndexedDB database `_pouch_...` of
either of PouchDB's adapters for browsers.  `idb` keeps every revision of a document in `by-sequence` and which one wins
in `document-store`; `indexeddb` keeps all in one row.  PouchDB's `_id` is the primary key.  The winning revision is
PouchDB's own choice, which it stores; the others of a conflict are not the app's to see.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from typing import Any, NamedTuple, TypeGuard

from pjais.formats.indexeddb import BadRow, Damage, Profile, Row, Schema, Store
from pjais.js_values import BlobRef
from pjais.sources.rxdb.keys import primary_key
from pjais.sources.rxdb.names import INTERNAL, LOCAL, NAME, POUCHDB, PREFIX, made_by_rxdb

_ITS_OWN = re.compile(r"indexes|lastSeq|_pouch_.*|pwHash|storageToken", re.DOTALL)
"""Local documents of PouchDB and RxDB themselves; so are a replication's checkpoints."""
_OF_POUCHDB = ("_id", "_rev", "_deleted", "_attachments", "_doc_id_rev")


class _Pouch(NamedTuple):
    """One PouchDB of an RxDB database; `suffix`: `-local` for local documents, `-mrview-...` for an index."""

    origin: str
    database: str
    version: int
    collection: str
    suffix: str


class _Revision(NamedTuple):
    """The winning revision of a document: its key, what PouchDB keeps of it, the row that its blobs are in."""

    key: str
    revision: str
    removed: bool
    value: dict[str, Any]
    row: Row


class PouchDb:
    """The stores of all RxDB databases in PouchDB among those of a profile; `claimed` are PouchDB's own stores."""

    def __init__(self, home: Mapping[Store, Profile]) -> None:
        self._home = home
        self._shown: dict[Store, list[Callable[[], Iterator[Row | BadRow]]]] = {}
        self._inside: dict[_Pouch, dict[str, Store]] = {}
        self.claimed: set[Store] = set()
        ours = _made_by_rxdb(home)
        for store in home:
            match = POUCHDB.fullmatch(store.database)
            if match is not None and (store.origin, store.database) in ours:
                self.claimed.add(store)
                one = _Pouch(store.origin, match[1], int(match[2]), match[3], match[4] or "")
                self._inside.setdefault(one, {})[store.name] = store
        later = {(store.origin, match[1]) for store in home if (match := NAME.fullmatch(store.database))}
        for one in self._inside:
            self._show(one, beside_later(one.database) if (one.origin, one.database) in later else one.database)
        self._schemas = cache(self._read_schemas)

    def _show(self, one: _Pouch, database: str) -> None:
        """Add the stores that a PouchDB is shown as.  Up to 9 it holds a collection's local documents, too."""
        of_database = one.collection in ("", INTERNAL)
        if one.collection and not one.suffix:
            name = f"{PREFIX}{database}--{one.version}--{one.collection}"
            for store, rows in (("docs", self._documents), ("changes", _nothing), ("attachments", self._attachments)):
                self._shown[Store(one.origin, name, 0, store)] = [partial(rows, one)]
        if one.suffix in ("", "-local"):
            name = f"{PREFIX}{database}--0--{LOCAL}-{'' if of_database else one.collection}"
            self._shown.setdefault(Store(one.origin, name, 0, "docs"), []).append(partial(self._local, one))

    @property
    def problems(self) -> list[Damage]:
        """Return nothing: the profile names what it cannot read."""
        return []

    @property
    def torn(self) -> list[Damage]:
        """Return nothing: the profile names it."""
        return []

    def stores(self) -> list[Store]:
        """Return every store, in order."""
        return sorted(self._shown)

    def rows(self, store: Store, *, ordered: bool = False) -> Iterator[Row | BadRow]:
        """Yield the documents of a store as RxDB had them, removed ones too."""
        for rows in self._shown.get(store, ()):
            yield from rows()

    def schema(self, store: Store) -> Schema:
        """Return nothing: PouchDB declares nothing of a collection."""
        return Schema()

    def key(self, row: Row) -> Any:
        """Return a row's key, a text."""
        return row.key.decode("utf-8", "surrogatepass")

    def _rows(self, one: _Pouch, name: str) -> Iterator[Row | BadRow]:
        store = self._inside[one].get(name)
        if store is not None:
            yield from self._home[store].rows(store)

    def _winning(self, one: _Pouch) -> Iterator[_Revision | BadRow]:
        """Yield the winning revision of each document, those of a removed one too; not PouchDB's own documents."""
        found = self._in_one_row(one) if "docs" in self._inside[one] else self._by_sequence(one)
        for each in found:
            if isinstance(each, BadRow) or not each.key.startswith(("_design/", "_local/")):
                yield each

    def _by_sequence(self, one: _Pouch) -> Iterator[_Revision | BadRow]:
        wanted: dict[str, tuple[str, str, bool]] = {}
        for row in self._rows(one, "document-store"):
            if isinstance(row, BadRow):
                yield row
                continue
            try:
                told = json.loads(row.value["data"])
                key, revision = str(told["id"]), str(told["winningRev"])
            except (KeyError, TypeError, ValueError, RecursionError):
                yield BadRow(row.place, repr(row.value).encode("utf-8", "replace"), "no metadata of PouchDB's")
                continue
            wanted[f"{key}::{revision}"] = (key, revision, row.value.get("deletedOrLocal") == "1")
        for row in self._rows(one, "by-sequence"):
            if isinstance(row, BadRow):
                yield row
            elif isinstance(row.value, dict) and (its := wanted.pop(str(row.value.get("_doc_id_rev")), None)):
                yield _Revision(*its, row.value, row)
        for key, revision, _ in wanted.values():
            yield BadRow(f"document {key}", b"", f"its winning revision {revision} is missing")

    def _in_one_row(self, one: _Pouch) -> Iterator[_Revision | BadRow]:
        for row in self._rows(one, "docs"):
            try:
                if isinstance(row, Row):
                    revision = row.value["rev"]
                    value = row.value["revs"][revision]["data"]
                    yield _Revision(str(row.value["id"]), str(revision), row.value.get("deleted") == 1, value, row)
                else:
                    yield row
            except (KeyError, TypeError):
                yield BadRow(row.place, repr(row).encode("utf-8", "replace"), "its winning revision is missing")

    def _documents(self, one: _Pouch) -> Iterator[Row | BadRow]:
        primary = "id" if one.collection == INTERNAL else primary_key(self._schemas(one).get(one.version, {}))
        for found in self._winning(one):
            if isinstance(found, BadRow):
                yield found
                continue
            value = {key: item for key, item in found.value.items() if key not in _OF_POUCHDB}
            if one.collection == INTERNAL:
                name, _, version = found.key.rpartition("-")
                told = {**value, "name": name, "version": int(version) if version.isdecimal() else 0}
                value = {"data": told, "_deleted": found.removed}
            else:
                facts = {name: _facts(each) for name, each in _named(found)}
                value |= {"_rev": found.revision, "_deleted": found.removed, "_attachments": facts}
            yield Row(found.row.key, {primary: found.key, **value}, found.row.place)

    def _read_schemas(self, one: _Pouch) -> dict[int, dict[str, Any]]:
        """Return the schemas of a PouchDB's collection, by version."""
        found = {}
        for internal in self._inside:
            if internal[:2] == one[:2] and (internal.collection, internal.suffix) == (INTERNAL, ""):
                for row in self._documents(internal):
                    data = row.value["data"] if isinstance(row, Row) else {}
                    if data.get("name") == one.collection and isinstance(data.get("schema"), dict):
                        found[data["version"]] = data["schema"]
        return found

    def _attachments(self, one: _Pouch) -> Iterator[Row | BadRow]:
        """Yield the attachments of live documents; `idb` keeps their bytes once by their MD5."""
        held = {row.value["digest"]: row for row in self._rows(one, "attach-store") if _has_digest(row)}
        for found in self._winning(one):
            if not isinstance(found, BadRow) and not found.removed:
                for name, facts in _named(found):
                    digest = facts.get("digest") if isinstance(facts, dict) else None
                    row = held.get(digest)
                    yield _attachment(found, name, digest, found.row if row is None else row)

    def _local(self, one: _Pouch) -> Iterator[Row | BadRow]:
        """Yield the local documents of a collection or of the database, in the form that later versions have."""
        kept = {"idb": "local-store", "indexeddb": "docs"}["indexeddb" if "docs" in self._inside[one] else "idb"]
        for row in self._rows(one, kept):
            if isinstance(row, BadRow):
                if kept == "local-store":
                    yield row
                continue
            value = row.value if isinstance(row.value, dict) else {}
            key = str(value.get("_id", value.get("id")))
            data = value if kept == "local-store" else value.get("data")
            name = key.removeprefix("_local/")
            if key == name or not isinstance(data, dict) or _ITS_OWN.fullmatch(name) or "last_seq" in data:
                continue
            shown = {key: item for key, item in data.items() if key not in _OF_POUCHDB}
            removed = value.get("deleted") == 1 or data.get("_deleted") is True
            yield Row(row.key, {"id": name, "data": shown, "_deleted": removed}, row.place)


def beside_later(database: str) -> str:
    """Return the name that an RxDB database in PouchDB has where a later RxDB has one of the same name."""
    return f"{database} (PouchDB)"


def _made_by_rxdb(home: Mapping[Store, Profile]) -> set[tuple[str, str]]:
    """Return the databases of RxDB among those of a profile, as (origin, name)."""
    within: dict[str, dict[str, set[str]]] = {}
    for store in home:
        within.setdefault(store.origin, {}).setdefault(store.database, set()).add(store.name)
    return {(origin, name) for origin, inside in within.items() for name in made_by_rxdb(inside)}


def _nothing(_: _Pouch) -> Iterator[Row | BadRow]:
    return iter(())


def _named(found: _Revision) -> list[tuple[str, Any]]:
    named = found.value.get("_attachments")
    return list(named.items()) if isinstance(named, dict) else []


def _facts(told: Any) -> dict[str, Any]:
    """Return what a document says of an attachment, in the form that later versions have."""
    told = told if isinstance(told, dict) else {}
    return {"length": told.get("length"), "digest": told.get("digest"), "type": told.get("content_type")}


def _attachment(found: _Revision, name: str, digest: Any, row: Row) -> Row | BadRow:
    """Return an attachment out of the row that has its bytes; `indexeddb` keeps them in the document's own row."""
    data = _bytes(row, row.value.get("body") if row is not found.row else _beside(row, digest))
    if data is None:
        return BadRow(found.row.place, b"", f"the bytes of the attachment {name} are missing")
    if digest != f"md5-{base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()}":
        return BadRow(found.row.place, data, "an attachment that does not match its digest")
    return Row(found.row.key, {"id": f"{found.key}||{name}", "data": data}, found.row.place)


def _has_digest(row: Row | BadRow) -> TypeGuard[Row]:
    return isinstance(row, Row) and isinstance(row.value, dict) and isinstance(row.value.get("digest"), str)


def _beside(row: Row, digest: Any) -> Any:
    kept = row.value.get("attachments")
    one = kept.get(digest) if isinstance(kept, dict) else None
    return one.get("data") if isinstance(one, dict) else None


def _bytes(row: Row, body: Any) -> bytes | None:
    """Return the bytes of a Blob, or of the base64 that PouchDB writes where the browser can keep no Blobs."""
    if isinstance(body, BlobRef):
        return row.blob(body.index)
    try:
        return base64.b64decode(body, validate=True) if isinstance(body, str) else None
    except binascii.Error:
        return None
