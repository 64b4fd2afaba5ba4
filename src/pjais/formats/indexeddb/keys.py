"""Chromium's encoding of keys and metadata in LevelDB.

Source: Chromium's `content/browser/indexed_db/docs/leveldb_coding_scheme.md`, and the comparison of keys in
`indexed_db_leveldb_coding.cc`.  A key begins with the ids of database, object store and index; the lengths of the
three are packed into the first byte.  Id 0 is metadata; index 1 holds the records, 2 their versions, 3 the list of
their blobs, 30 and up are the indexes.
"""

from __future__ import annotations

import struct
from collections.abc import Container, Iterable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from pjais.formats.indexeddb.values import KeyPath
from pjais.formats.leveldb.codings import Bad, varint
from pjais.formats.structured_clone.values import number_of
from pjais.js_values import JSBuffer, JSDate

RECORDS, BLOBS = 1, 3
_KEEP = (0, RECORDS, BLOBS)
_MAX_DEPTH = 100  # of arrays within a key; Chromium allows 2,000, nobody has more than a few
_RANKS = (1, 4, 3, 2, 6, 0, 5)  # by type byte: null, string, date, number, array, below all, binary
_FROM_1601_TO_1970 = 11_644_473_600_000_000  # microseconds
_double = struct.Struct("<d")

_MINUS_ZERO = bytes(7) + b"\x80"


class Prefix(NamedTuple):
    """The ids that a key begins with (`part` is that of the index), and where they end."""

    database: int
    store: int
    part: int
    end: int


_prefix = Prefix._make  # less work than calling the class


def prefix(key: bytes) -> Prefix:
    """Take a key's prefix apart.  Raises Bad."""
    if len(key) > 3 and not key[0]:  # each id is one byte, as nearly always
        return _prefix((key[1], key[2], key[3], 4))
    if not key:
        raise Bad("an empty key")
    store_at = 2 + (key[0] >> 5)
    index_at = store_at + 1 + (key[0] >> 2 & 7)
    end = index_at + 1 + (key[0] & 3)
    if end > len(key):
        raise Bad("a key shorter than its prefix")
    little = int.from_bytes
    return Prefix(
        little(key[1:store_at], "little"),
        little(key[store_at:index_at], "little"),
        little(key[index_at:end], "little"),
        end,
    )


def is_wanted(key: bytes) -> bool:
    """Return whether a key is of metadata, a record or its blobs: all but the indexes, which can be made again."""
    if len(key) > 3 and not key[0]:
        return key[3] in _KEEP
    try:
        return prefix(key).part in _KEEP
    except Bad:
        return False


def is_idle(before: bytes, last: bytes) -> bool:
    """Return whether all keys after one and up to another are of entries that can be made again."""
    if len(before) > 3 and before[:4] == last[:4] and not before[0]:
        return before[3] not in _KEEP
    try:
        one, other = prefix(before), prefix(last)
    except Bad:
        return False
    return one[:2] == other[:2] and one.part > BLOBS


def blob_key(key: bytes) -> bytes:
    """The key of a record's list of blobs: the record's own, in index 3."""
    at = 3 + (key[0] >> 5) + (key[0] >> 2 & 7)
    return key[:at] + bytes((BLOBS,)) + key[at + 1 :]


def text(data: bytes) -> str:
    """A string of metadata: UTF-16, big-endian, of any code units.  Raises Bad."""
    if len(data) % 2:
        raise Bad("a text of half a character")
    return data.decode("utf-16-be", "surrogatepass")


def counted_text(data: bytes, at: int) -> tuple[str, int]:
    """A string with its length before it, and where it ends.  Raises Bad."""
    length, at = varint(data, at)
    end = at + 2 * length
    if end > len(data):
        raise Bad("a text that does not end")
    return text(data[at:end]), end


def key_path(data: bytes) -> KeyPath:
    """The key path of an object store or an index, as metadata have it.  Raises Bad."""
    if data[:2] != b"\0\0":  # how the first versions wrote it, the text alone
        return text(data)
    kind, at = data[2:3], 3
    if kind == b"\x00":
        return None
    if kind == b"\x01":
        return counted_text(data, at)[0]
    if kind != b"\x02":
        raise Bad("a key path of unknown kind")
    count, at = varint(data, at)
    if count > len(data):
        raise Bad("a key path that does not end")
    paths = []
    for _ in range(count):
        path, at = counted_text(data, at)
        paths.append(path)
    return tuple(paths)


def decode(data: bytes) -> Any:
    """A record's key as JavaScript has it (see `Profile.key`).  Raises Bad."""
    key, end = _decode(data, 0, 0)
    if end != len(data):
        raise Bad("bytes follow a key")
    return key


def _decode(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    if at >= len(data) or depth > _MAX_DEPTH:
        raise Bad("a key of no known type")
    kind = data[at]
    at += 1
    if kind in (2, 3):
        if at + 8 > len(data):
            raise Bad("a number that does not end")
        value = _double.unpack_from(data, at)[0]
        return JSDate(value) if kind == 2 else number_of(value), at + 8
    if kind == 1:
        return counted_text(data, at)
    if kind not in (4, 6):
        raise Bad("a key of no known type")
    length, at = varint(data, at)
    if length > len(data) - at:
        raise Bad("a key that does not end")
    if kind == 6:
        return JSBuffer(data[at : at + length]), at + length
    items = []
    for _ in range(length):
        item, at = _decode(data, at, depth + 1)
        items.append(item)
    return items, at


def ms_since_1601(microseconds: int) -> int:
    """Chromium's times of files, microseconds since 1601, as JavaScript's whole milliseconds since 1970."""
    return (microseconds - _FROM_1601_TO_1970) // 1000


class External(NamedTuple):
    """A blob (kind 0), a file (1) or a file system handle (2) that a record refers to; `modified` in ms since 1970."""

    kind: int
    number: int = 0
    type: str = ""
    size: int = -1
    name: str | None = None
    modified: float | None = None


def externals(data: bytes) -> list[External]:
    """A record's list of blobs.  Raises Bad."""
    found, at = [], 0
    while at < len(data):
        kind = data[at]
        if kind > 2:
            raise Bad(f"a blob of unknown kind {kind}")
        if kind == 2:
            length, at = varint(data, at + 1)
            at += length
            found.append(External(kind))
            continue
        number, at = varint(data, at + 1)
        mime, at = counted_text(data, at)
        size, at = varint(data, at)
        name = modified = None
        if kind == 1:
            name, at = counted_text(data, at)
            since_1601, at = varint(data, at)
            modified = ms_since_1601(since_1601)
        found.append(External(kind, number, mime, size if size < 1 << 63 else -1, name, modified))
    return found


def order(key: bytes) -> tuple[Any, ...]:
    """Return a sort key that orders keys as Chromium's comparator `idb_cmp1` does.  Raises Bad.

    Only for metadata, records and blobs; a bare prefix comes before everything in it.
    """
    ids = prefix(key)
    tail = key[ids.end :]
    if not tail:
        return ids[:3]
    if ids.part in (1, 2, 3):
        return (*ids[:3], 0, _order(tail, 0, 0)[0])
    numbers, at = [], 1
    for _ in range({50: 1, 100: 2, 150: 1, 151: 2}.get(tail[0], 0) if ids.database else 0):
        number, at = varint(tail, at)
        numbers.append(number)
    return (*ids[:3], tail[0], *numbers, tail[at:])


def twins(there: Container[bytes], keys: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Yield pairs of keys that are the same key in different bytes: -0 and 0 are one number."""
    for key in keys:
        if _MINUS_ZERO in key and (other := key.replace(_MINUS_ZERO, bytes(8))) in there:
            with suppress(Bad):
                if order(key) == order(other):
                    yield key, other


def _order(data: bytes, at: int, depth: int) -> tuple[tuple[int, Any], int]:
    """Return a sort key of the encoded key at an offset, and the key's end."""
    if at >= len(data) or data[at] > 6 or depth > _MAX_DEPTH:
        raise Bad("a key of no known type")
    kind, rank = data[at], _RANKS[data[at]]
    at += 1
    if kind in (2, 3):
        if at + 8 > len(data):
            raise Bad("a number that does not end")
        return (rank, _double.unpack_from(data, at)[0]), at + 8
    if kind in (0, 5):
        return (rank, 0), at
    length, at = varint(data, at)
    if kind == 4:
        items = []
        for _ in range(length):
            item, at = _order(data, at, depth + 1)
            items.append(item)
        return (rank, tuple(items)), at
    end = at + length * (2 if kind == 1 else 1)
    if end > len(data):
        raise Bad("a key that does not end")
    return (rank, data[at:end]), end
