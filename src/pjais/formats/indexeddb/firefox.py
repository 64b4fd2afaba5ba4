"""IndexedDB of Firefox: one SQLite file per database, and a folder of files beside it for large values.

`object_data.data` is raw Snappy around a structured clone, or a number whose lower half is an index into `file_ids`:
then that file holds the clone as a Snappy stream.  In `file_ids` a plain number is a blob, one after `.` such a
clone; BlobRef(n) stands for its n-th entry.

Source: Gecko's `dom/indexedDB/ActorsParentCommon.cpp` and `DBSchema.cpp`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pjais.formats.indexeddb.queries import Tables
from pjais.formats.indexeddb.sortable_keys import firefox
from pjais.formats.indexeddb.values import BadRow, Blob, KeyPath, Row, Store
from pjais.formats.leveldb.codings import Bad, crc, masked, unsnappy
from pjais.formats.structured_clone import CloneError, decode_gecko

_STREAM = b"\xff\x06\x00\x00sNaPpY"
_FILE = re.compile(r"[-./\\]?(\d{1,18})")
_ROWS = "SELECT key, file_ids, data FROM object_data WHERE object_store_id = ? ORDER BY key"


class Firefox(Tables):
    """One database."""

    store_sql = "SELECT key_path, auto_increment FROM object_store WHERE id = ?"
    index_sql = (
        "SELECT name, key_path, unique_index, multientry FROM object_store_index WHERE object_store_id = ? ORDER BY id"
    )

    def __init__(self, file: Path, files: Path | None) -> None:
        super().__init__(file)
        self._files = files
        described = self.query("SELECT name, origin, version FROM database LIMIT 1")
        name, origin, version = described[0] if described else ("", "", 0)
        base = Store(str(origin), str(name), version if isinstance(version, int) else 0, "")
        stores = dict(self.query("SELECT id, name FROM object_store ORDER BY id"))
        for (number,) in self.query("SELECT DISTINCT object_store_id FROM object_data"):
            stores.setdefault(number, f"#{number}")
        for number, label in stores.items():
            store = base._replace(name=str(label))
            self._ids.setdefault(store, []).append(number)

    def name_of(self, value: Any) -> str:
        """Return a name as the file has it."""
        return str(value)

    def key_path_of(self, value: Any) -> KeyPath:
        """Return a key path as the file has it."""
        return _key_path(value)

    def key(self, row: Row) -> Any:
        """Return a row's key as JavaScript has it.  Raises Bad."""
        return firefox(row.key)

    def rows(self, store: Store, *, ordered: bool = True) -> Iterator[Row | BadRow]:  # noqa: ARG002 - always
        """The records of a store in the order of their keys."""
        for number in self._ids.get(store, ()):
            for found in self.each(f"object_data of store {number}", _ROWS, (number,)):
                yield found if isinstance(found, BadRow) else self._row(number, *found)

    def _row(self, store: int, key: Any, file_ids: Any, data: Any) -> Row | BadRow:
        """One record."""
        key = key if isinstance(key, bytes) else str(key).encode()
        place = f"object_data store {store} key {key.hex()}"
        raw = data if isinstance(data, bytes) else str(data).encode()
        try:
            blobs = self._blobs(str(file_ids or ""))
            if isinstance(data, int):
                data = self._external(blobs, data & 0xFFFFFFFF)
            elif isinstance(data, bytes):
                data = unsnappy(data)
            else:
                raise Bad("a record of unknown form")
            return Row(key, decode_gecko(data).value, place, blobs)
        except (Bad, CloneError) as error:
            return BadRow(place, raw, str(error))

    def _blobs(self, file_ids: str) -> tuple[Blob | None, ...]:
        """The files that a record refers to.  Their types stand in the clone, not here.  Raises Bad."""
        blobs = []
        for one in file_ids.split():
            if not (match := _FILE.fullmatch(one)):
                raise Bad("a list of files that makes no sense")
            path = self._files / match[1] if self._files is not None else None
            size = path.stat().st_size if path is not None and path.is_file() else -1
            blobs.append(Blob("", size, None, path))
        return tuple(blobs)

    @staticmethod
    def _external(blobs: tuple[Blob | None, ...], index: int) -> bytes:
        """Return the clone stored in a separate file.  Raises Bad."""
        blob = blobs[index] if index < len(blobs) else None
        if blob is None:
            raise Bad("it is in a file that the record does not list")
        content = blob.load()
        return _unframed(content) if content.startswith(_STREAM) else unsnappy(content)


def _key_path(path: Any) -> KeyPath:
    """A key path; several stand behind commas, the first one too."""
    if path is None:
        return None
    return tuple(str(path)[1:].split(",")) if str(path).startswith(",") else str(path)


def _unframed(data: bytes) -> bytes:
    """The content of a Snappy stream (Snappy's `framing_format.txt`).  Raises Bad.

    Firefox leaves out the last step of CRC-32C, the complement; both ways are accepted.
    """
    parts, at = [], 0
    while at < len(data):
        kind, end = data[at], at + 4 + int.from_bytes(data[at + 1 : at + 4], "little")
        chunk, at = data[at + 4 : end], end
        if end > len(data) or (kind < 2 and len(chunk) < 4):
            raise Bad("its Snappy stream ends too early")
        if kind < 2:
            parts.append(unsnappy(chunk[4:]) if kind == 0 else chunk[4:])
            right = crc(parts[-1])
            if int.from_bytes(chunk[:4], "little") not in (masked(right), masked(right ^ 0xFFFFFFFF)):
                raise Bad("a checksum of its Snappy stream does not match")
        elif kind < 0x80:
            raise Bad(f"its Snappy stream has a chunk of unknown kind {kind}")
    return b"".join(parts)
