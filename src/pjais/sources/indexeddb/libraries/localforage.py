"""localForage: values of any kind by a text, in IndexedDB as they are, in localStorage as text.

Where a browser cannot store Blobs, IndexedDB gets them as objects with base64; localStorage gets all binaries as text
that begins with `__lfsc__:`.  What redux-persist stores through localForage comes slice by slice as well.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Set
from typing import Any

from pjais.formats.indexeddb import BadRow, Record
from pjais.js_values import UNDEFINED, JSBlob, JSBuffer, JSView
from pjais.sources.indexeddb.libraries import javascript_json, redux_persist
from pjais.sources.indexeddb.libraries.contract import Library, Meaning, Rows, Strange, member, refused

MARK = "__lfsc__:"
"""The beginning of a text in localStorage that is a binary."""
_PROBE = "local-forage-detect-blob-support"
"""The store with which localForage tries whether the browser can store Blobs."""
_ENCODED = "__local_forage_encoded_blob"
_OF_TYPE = "~~local_forage_type~"
_VIEWS = {
    "si08": "Int8Array",
    "ui08": "Uint8Array",
    "uic8": "Uint8ClampedArray",
    "si16": "Int16Array",
    "ur16": "Uint16Array",
    "si32": "Int32Array",
    "ui32": "Uint32Array",
    "fl32": "Float32Array",
    "fl64": "Float64Array",
}


def item(text: str) -> tuple[Any, dict[str, bytes]]:
    """Return the value that localForage wrote into localStorage as this text, and the bytes of a Blob by SHA-256.

    Raises ValueError for a text that it does not write.
    """
    if not text.startswith(MARK):
        return javascript_json.parse(text), {}
    kind, content = text[len(MARK) :][:4], text[len(MARK) + 4 :]
    if kind == "blob":
        media_type = ""
        if content.startswith(_OF_TYPE):  # localForage before 1.2 did not write it
            media_type, ends, content = content[len(_OF_TYPE) :].partition("~")
            if not ends:
                raise Strange("the media type of a Blob does not end")
        return _blob(content, media_type)
    data = _decoded(content)
    if kind == "arbf":
        return JSBuffer(data), {}
    if kind not in _VIEWS:
        raise Strange(f"{kind!r} is no type of localForage")
    return JSView(_VIEWS[kind], JSBuffer(data), 0, len(data)), {}


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise Strange(f"its binary is no base64: {error}") from error


def _blob(text: str, media_type: str) -> tuple[JSBlob, dict[str, bytes]]:
    data = _decoded(text)
    digest = hashlib.sha256(data).hexdigest()
    return JSBlob(digest, media_type, len(data)), {digest: data}


class LocalForage(Library):
    """localForage in IndexedDB; each store that the app named is a collection."""

    name = "localForage"
    decodes = True

    def recognises(self, database: str, version: int, stores: Set[str]) -> bool:
        """Return whether the database has localForage's own store, or its default names."""
        return _PROBE in stores or (database == "localforage" and "keyvaluepairs" in stores)

    def read(self, rows: Rows, stores: Set[str]) -> Iterator[Meaning | BadRow]:
        """Yield each item as `getItem` gives it, and the slices of what redux-persist stored."""
        for store in sorted(stores - {_PROBE}):
            for row in rows(store):
                if isinstance(row, BadRow):
                    yield row
                    continue
                try:
                    yield _item(row, f"localforage/{store}")
                except Strange as error:
                    yield refused(row, error)
                    continue
                yield from _slices(row)


def _item(row: Record, collection: str) -> Meaning:
    value, blobs = row.value, row.blobs
    if type(value) is dict and value.get(_ENCODED):
        value, blobs = _blob(member(value, "data", str), member(value, "type", str))
    return Meaning(collection, row.key, None if value is UNDEFINED else value, row.place, blobs, row.missing)


def _slices(row: Record) -> Iterator[Meaning | BadRow]:
    collection = redux_persist.collection(row.key)
    for name, value, reason in redux_persist.slices(row.value) if collection is not None else ():
        if reason is None:
            yield Meaning(str(collection), name, value, row.place, row.blobs, row.missing)
        else:
            yield refused(row, reason)
