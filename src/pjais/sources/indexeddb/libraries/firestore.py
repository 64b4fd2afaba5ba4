"""Firestore's persistent cache: the documents that the server confirmed, and the writes that it has not yet."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Any

from pjais.formats.indexeddb import BadRow, Record
from pjais.js_values import JSDate
from pjais.sources.indexeddb.libraries.contract import Library, Meaning, Rows, Strange, member, refused
from pjais.sources.indexeddb.libraries.firestore_values import fields, path, value

PENDING = "firestore/pending"
_DOCUMENTS = "remoteDocumentsV14"


class Firestore(Library):
    """The cache of one project: `firestore/<app>/<project>/<database>`."""

    name = "Firestore"
    decodes = True

    def recognises(self, database: str, version: int, stores: Set[str]) -> bool:
        """Return whether the database is named as the cache is, and has writes."""
        return database.startswith("firestore/") and "mutations" in stores

    def read(self, rows: Rows, stores: Set[str]) -> Iterator[Meaning | BadRow]:
        """Yield documents row by row, by their collection group; then the pending writes in their order."""
        for store in sorted(one for one in stores if one.startswith("remoteDocuments") and one != _DOCUMENTS):
            yield BadRow(store, b"", f"documents are in {_DOCUMENTS} in the versions of Firestore that are known")
        for row in rows(_DOCUMENTS):
            if isinstance(row, BadRow):
                yield row
                continue
            try:
                yield from _document(row)
            except Strange as error:
                yield refused(row, error)
        for row in rows("mutations"):
            if isinstance(row, BadRow):
                yield row
                continue
            try:
                yield from list(_batch(row))
            except Strange as error:
                yield refused(row, error)


def _document(row: Record) -> Iterator[Meaning]:
    """Yield a document; nothing for one that is known not to exist."""
    group = member(row.value, "collectionGroup", str)
    if type(row.value.get("noDocument")) is dict:
        return
    if type(row.value.get("unknownDocument")) is dict:
        raise Strange("the document exists, and only the server has its content")
    stored = member(row.value, "document", dict)
    key = path(stored.get("name"))
    if key.split("/")[-2] != group:
        raise Strange(f"its name {key!r} is not of its collection group {group!r}")
    yield Meaning(f"firestore/documents/{group}", key, fields(stored.get("fields")), row.place, {})


def _batch(row: Record) -> Iterator[Meaning]:
    """Yield the writes of a batch, which is written as a whole or not at all."""
    number, at = member(row.value, "batchId", int), row.value.get("localWriteTimeMs")
    if type(at) not in (int, float):
        raise Strange("its member 'localWriteTimeMs' is no number")
    batch = {"pending": True, "at": JSDate(float(at)), "user": member(row.value, "userId", str)}
    for index, write in enumerate(member(row.value, "mutations", list)):
        yield Meaning(PENDING, [number, index], {**batch, **_write(write)}, row.place, {})


def _write(write: Any) -> dict[str, Any]:
    """Return a write: what it does to which document, and under which condition."""
    if type(write) is not dict:
        raise Strange("a write is no object")
    kinds = [one for one in ("update", "delete", "verify", "transform") if one in write]
    if len(kinds) != 1:
        raise Strange("a write is of no known kind")
    (kind,) = kinds
    made: dict[str, Any]
    if kind == "update":
        stored = member(write, "update", dict)
        made = {"write": "set", "path": path(stored.get("name")), "fields": fields(stored.get("fields"))}
        if "updateMask" in write:
            made |= {"write": "update", "mask": _texts(member(write, "updateMask", dict).get("fieldPaths", []))}
    elif kind == "transform":  # of versions before 7.18, beside the write that it belongs to
        stored = member(write, "transform", dict)
        made = {"write": "transform", "path": path(stored.get("document"))}
        write = {**write, "updateTransforms": member(stored, "fieldTransforms", list)}
    else:
        made = {"write": kind, "path": path(write[kind])}
    if "updateTransforms" in write:
        made["transforms"] = [_transform(one) for one in member(write, "updateTransforms", list)]
    if "currentDocument" in write:
        made["condition"] = _condition(member(write, "currentDocument", dict))
    return made


def _condition(stored: dict[str, Any]) -> dict[str, Any]:
    if stored.keys() == {"exists"}:
        return {"exists": member(stored, "exists", bool)}
    if stored.keys() == {"updateTime"}:
        return {"updateTime": value({"timestampValue": stored["updateTime"]})}
    raise Strange("a write has a condition of no known kind")


def _transform(stored: Any) -> dict[str, Any]:
    """Return a change that the server computes: what of which field."""
    field = member(stored, "fieldPath", str)
    kinds = stored.keys() - {"fieldPath"}
    if kinds == {"setToServerValue"} and stored["setToServerValue"] == "REQUEST_TIME":
        return {"field": field, "set": "server time"}
    if len(kinds) == 1:
        (kind,) = kinds
        if kind in _LISTS:
            return {"field": field, _LISTS[kind]: value({"arrayValue": stored[kind]})}
        if kind in _NUMBERS:
            return {"field": field, _NUMBERS[kind]: value(stored[kind])}
    raise Strange("a transform is of no known kind")


_LISTS = {"appendMissingElements": "arrayUnion", "removeAllFromArray": "arrayRemove"}
_NUMBERS = {"increment": "increment", "minimum": "minimum", "maximum": "maximum"}


def _texts(stored: Any) -> list[str]:
    if type(stored) is not list or any(type(one) is not str for one in stored):
        raise Strange("a mask is no list of fields")
    return stored
