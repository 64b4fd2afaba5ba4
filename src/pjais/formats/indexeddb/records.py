"""Records of an object store as the page would get them: in the order of keys, keys decoded, generated keys put back.

`Profile.rows` gives what is on disk.  Chromium stores a value without the key that it generated for it (every Dexie
table `++id`), and gives it back with the key, in the form of a key: a typed array that was given as one comes back as
an ArrayBuffer.  Firefox stores it.  So does `records`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from pjais import tagged
from pjais.formats.indexeddb.values import BadRow, Profile, Row, Store
from pjais.formats.leveldb.codings import Bad
from pjais.js_values import BlobRef, JSArray, JSBlob, JSError, JSHost, JSMap, JSSet


class Record(NamedTuple):
    """One record: its key and value as JavaScript has them, its location, the bytes of its Blobs by their SHA-256.

    Blobs and Files in the value are JSBlob; one whose bytes are missing has no SHA-256 and is in `missing`.
    """

    key: Any
    value: Any
    place: str
    blobs: dict[str, bytes]
    missing: tuple[str, ...] = ()


def records(profile: Profile, store: Store) -> Iterator[Record | BadRow]:
    """Yield the live records of a store, as `getAllKeys` and `getAll` would give them."""
    schema = profile.schema(store)
    path = schema.key_path.split(".") if schema.puts_key_back and isinstance(schema.key_path, str) else None
    for row in profile.rows(store, ordered=True):
        if isinstance(row, BadRow):
            yield row
            continue
        try:
            key = profile.key(row)
        except (Bad, UnicodeError) as error:
            yield BadRow(row.place, row.key, f"its key cannot be read: {error}")
            continue
        value, blobs, missing = _with_blobs(row)
        yield Record(key, value if path is None else _with_key(value, path, key), row.place, blobs, missing)


def _with_key(value: Any, path: list[str], key: Any) -> Any:
    """Return a value with its key at its place; objects on the way there are made, an array gets a property.

    A Map or another object of a type of its own stays as it is: nothing here tells of its properties.
    """
    if type(value) is list:
        value = JSArray(value, {})
    members = value.properties if type(value) is JSArray else value
    if type(members) is dict:
        name, *rest = path
        members[name] = _with_key(members.get(name, {}), rest, key) if rest else key
    return value


def _with_blobs(row: Row) -> tuple[Any, dict[str, bytes], tuple[str, ...]]:
    """Return a row's value with its Blobs in place of references to them."""
    if not row.blobs:
        return row.value, {}, ()
    content: dict[str, bytes] = {}
    missing: list[str] = []
    made: list[JSBlob | JSHost] = []
    for number, blob in enumerate(row.blobs):
        if blob is None:
            made.append(JSHost("FileSystemHandle", b""))
            continue
        try:
            data = blob.load()
        except Bad as error:
            missing.append(f"blob {number}: {error}")
            made.append(JSBlob(None, blob.type, max(blob.size, 0), blob.name, blob.last_modified))
            continue
        digest = hashlib.sha256(data).hexdigest()
        content[digest] = data
        made.append(JSBlob(digest, blob.type, len(data), blob.name, blob.last_modified))
    return _replaced(row.value, made), content, tuple(missing)


def _replaced(value: Any, made: Sequence[JSBlob | JSHost]) -> Any:
    """Return a value that was just read, with `made` in place of its BlobRefs, however deeply it is nested."""
    if type(value) not in (dict, list):
        return tagged.untag(tagged.tag(value, made))
    open_, met = [value], {id(value)}
    sites: list[tuple[Any, Any, BlobRef]] = []
    while open_:
        inside = open_.pop()
        for key, one in inside.items() if type(inside) is dict else enumerate(inside):
            if type(one) is BlobRef:
                sites.append((inside, key, one))
            elif type(one) in (dict, list) and id(one) not in met:
                met.add(id(one))
                open_.append(one)
            elif type(one) in _HOLD_OTHERS:  # they cannot be changed where they are
                return tagged.untag(tagged.tag(value, made))
    blobs: dict[int, Any] = {}  # one that occurs twice stays one
    for inside, key, one in sites:
        if id(one) not in blobs:
            blobs[id(one)] = tagged.untag(tagged.tag(one, made))
        inside[key] = blobs[id(one)]
    return value


_HOLD_OTHERS = (JSArray, JSMap, JSSet, JSError)
