"""Unwrap large values of Chromium: Snappy, or a separate file.

`FF 11 01 <size> <index>` stands for a blob of the record, `FF 11 02` goes before raw Snappy data; the two nest, the
blob outside (Blink's `idb_value_wrapping.cc`).
"""

from __future__ import annotations

from collections.abc import Sequence

from pjais.formats.indexeddb.values import Blob
from pjais.formats.leveldb.codings import Bad, unsnappy, varint

_IN_BLOB, _SNAPPY = b"\xff\x11\x01", b"\xff\x11\x02"


def unwrapped(data: bytes, blobs: Sequence[Blob | None]) -> bytes:
    """The serialized value itself.  Raises Bad."""
    if data.startswith(_IN_BLOB):
        size, at = varint(data, len(_IN_BLOB))
        index, _ = varint(data, at)
        blob = blobs[index] if index < len(blobs) else None
        if blob is None:
            raise Bad("it is in a blob that the record does not list")
        data = blob.load()
        if len(data) != size:
            raise Bad(f"the blob that holds it has {len(data)} bytes instead of {size}")
    return unsnappy(data[len(_SNAPPY) :]) if data.startswith(_SNAPPY) else data
