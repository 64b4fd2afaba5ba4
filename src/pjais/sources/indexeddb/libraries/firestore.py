"""Firestore's persistent cache: the documents that the server confirmed, and the writes that it has not yet.

What the app itself sees is the confirmed document with the writes over it.  The cache keeps that as an overlay, a
write with everything computed; so documents that wait for the server come in both forms.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Set
from typing import Any, NamedTuple

from pjais.formats.indexeddb import BadRow, Record
from pjais.js_values import UNDEFINED, JSDate
from pjais.sources.indexeddb.libraries.contract import Library, Meaning, Rows, Strange, member, refused
from pjais.sources.indexeddb.libraries.firestore_values import fields, path, value

PENDING = "firestore/pending"
LOCAL = "firestore/local"
_DOCUMENTS = "remoteDocumentsV14"


class Firestore(Library):
    """The cache of one project: `firestore/<app>/<project>/<database>`."""

    name = "Firestore"
    decodes = True

    def recognises(self, database: str, version: int, stores: Set[str]) -> bool:
        """Return whether the database is named as the cache is, and has writes."""
        return database.startswith("firestore/") and "mutations" in stores

    def read(self, rows: Rows, stores: Set[str]) -> Iterator[Meaning | BadRow]:
        """Yield documents row by row; then those that pending writes change, and these writes in their order.

        Held are the documents that wait for the server.
        """
        overlays: list[_Overlay] = []
        for row in rows("documentOverlays"):
            if isinstance(row, BadRow):
                yield row
                continue
            try:
                overlays.append(_overlay(row))
            except Strange as error:
                yield refused(row, error)
        waiting: dict[str, dict[str, Any]] = {one.path: {} for one in overlays}
        for store in sorted(one for one in stores if one.startswith("remoteDocuments") and one != _DOCUMENTS):
            yield BadRow(store, b"", f"documents are in {_DOCUMENTS} in the versions of Firestore that are known")
        for row in rows(_DOCUMENTS):
            if isinstance(row, BadRow):
                yield row
                continue
            try:
                for one in _document(row):
                    if one.key in waiting:
                        waiting[one.key] = one.value
                    yield one
            except Strange as error:
                yield refused(row, error)
        for overlay in overlays:
            if overlay.write["write"] in ("set", "update"):
                yield overlay.over(waiting[overlay.path])
        for row in rows("mutations"):
            if isinstance(row, BadRow):
                yield row
                continue
            try:
                yield from list(_batch(row))
            except Strange as error:
                yield refused(row, error)


class _Overlay(NamedTuple):
    """A write that stands for all pending ones of a user to one document."""

    row: Record
    user: str
    path: str
    write: dict[str, Any]
    mask: tuple[list[str], ...] | None

    def over(self, document: dict[str, Any]) -> Meaning:
        """Return the document as the app sees it, which had these fields before."""
        value = self.write["fields"]
        if self.mask is not None:
            changes, value = value, copy.deepcopy(document)
            for path in self.mask:
                _change(value, path, changes)
        collection = f"{LOCAL}/{self.path.split('/')[-2]}"
        return Meaning(collection, [self.user, self.path], value, self.row.place, {})


def _overlay(row: Record) -> _Overlay:
    write = _write(member(row.value, "overlayMutation", dict))
    if "transforms" in write or write["write"] not in ("set", "update", "delete"):
        raise Strange("an overlay is neither a set, an update nor a delete")
    mask = tuple(_field_path(one) for one in write["mask"]) if "mask" in write else None
    return _Overlay(row, member(row.value, "userId", str), write["path"], write, mask)


def _change(value: dict[str, Any], path: list[str], changes: Any) -> None:
    """Set a field, however deep, to what it is in `changes`; remove it if it is not there."""
    for name in path:
        changes = changes[name] if type(changes) is dict and name in changes else UNDEFINED
    *parents, last = path
    for name in parents:
        if type(value.get(name)) is not dict:
            if changes is UNDEFINED:
                return
            value[name] = {}
        value = value[name]
    if changes is UNDEFINED:
        value.pop(last, None)
    else:
        value[last] = changes


def _field_path(text: str) -> list[str]:
    """Return the names in the path of a field: `a.b`, quoted where they are no simple names.  Raises Strange."""
    found, at = [], 0
    while True:
        name = _NAME.match(text, at)
        if name is None:
            raise Strange(f"{text[:80]!r} is no path of a field")
        found.append(name[1] if name[1] is not None else _ESCAPED.sub(r"\1", name[2]))
        at = name.end()
        if at == len(text):
            return found
        if text[at] != ".":
            raise Strange(f"{text[:80]!r} is no path of a field")
        at += 1


_NAME = re.compile(r"([a-zA-Z_][a-zA-Z_0-9]*)|`((?:[^`\\]|\\.)*)`")
_ESCAPED = re.compile(r"\\(.)")


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
