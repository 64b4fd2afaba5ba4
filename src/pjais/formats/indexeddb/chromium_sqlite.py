"""IndexedDB in Chromium's SQLite backend: one file per database, not the default anywhere yet.

Source: Chromium's `content/browser/indexed_db/instance/sqlite/database_connection.cc` (schema, kinds of compression,
order of blobs).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pjais.formats.indexeddb.keys import ms_since_1601
from pjais.formats.indexeddb.queries import Tables
from pjais.formats.indexeddb.sortable_keys import chromium
from pjais.formats.indexeddb.values import BadRow, Blob, KeyPath, Row, Store
from pjais.formats.indexeddb.wire import unwrapped
from pjais.formats.leveldb.codings import Bad, unsnappy, unzstd
from pjais.formats.structured_clone import CloneError, decode_chromium

_HANDLE = 2  # of the File System Access API; such come after all blobs and files
_ROWS = """SELECT row_id, compression_type, key, value,
        EXISTS (SELECT 1 FROM blob_references AS r WHERE r.record_row_id = records.row_id)
    FROM records WHERE object_store_id = ? ORDER BY key"""
_BLOBS = """SELECT b.row_id, b.object_type, b.mime_type, b.size_bytes, b.file_name, b.last_modified, b.bytes
    FROM blob_references AS r JOIN blobs AS b ON b.row_id = r.blob_row_id
    WHERE r.record_row_id = ? ORDER BY b.object_type = 2, b.row_id"""
_CHUNKS = "SELECT bytes FROM overflow_blob_chunks WHERE blob_row_id = ? ORDER BY chunk_index"
_UNPACK = (bytes, unzstd, unsnappy)


class ChromiumSQLite(Tables):
    """One database.  Its file does not name the origin, its folder does."""

    store_sql = "SELECT key_path, auto_increment FROM object_stores WHERE id = ?"
    index_sql = "SELECT name, key_path, is_unique, multi_entry FROM indexes WHERE object_store_id = ? ORDER BY id"

    puts_keys_back = True

    def __init__(self, file: Path) -> None:
        super().__init__(file)
        described = self.query("SELECT name, version FROM indexed_db_metadata LIMIT 1")
        name, version = described[0] if described else (b"", 0)
        named: set[int] = set()
        for number, store in self.query("SELECT id, name FROM object_stores ORDER BY id"):
            named.add(number)
            label = Store(file.parent.name, _text(name), _integer(version), _text(store))
            self._ids.setdefault(label, []).append(number)
        for (number,) in self.query("SELECT DISTINCT object_store_id FROM records"):
            if number not in named:
                label = Store(file.parent.name, _text(name), _integer(version), f"#{number}")
                self._ids.setdefault(label, []).append(number)

    def name_of(self, value: Any) -> str:
        """Return a name as the file has it."""
        return _text(value)

    def key_path_of(self, value: Any) -> KeyPath:
        """Return a key path as the file has it."""
        return _key_path(value)

    def key(self, row: Row) -> Any:
        """Return a row's key as JavaScript has it.  Raises Bad."""
        return chromium(row.key)

    def rows(self, store: Store, *, ordered: bool = True) -> Iterator[Row | BadRow]:  # noqa: ARG002 - always
        """The records of a store in the order of their keys."""
        for number in self._ids.get(store, ()):
            for found in self.each(f"records of store {number}", _ROWS, (number,)):
                yield found if isinstance(found, BadRow) else self._row(found)

    def _row(self, found: tuple[Any, ...]) -> Row | BadRow:
        """One record."""
        number, kind, key, value, has_blobs = found
        place = f"records row {number}"
        try:
            if not isinstance(key, bytes) or not isinstance(value, bytes) or kind not in (0, 1, 2):
                raise Bad(f"a record of unknown form, compression {kind}")
            blobs = self._blobs(number) if has_blobs else ()
            return Row(key, decode_chromium(unwrapped(_UNPACK[kind](value), blobs)).value, place, blobs)
        except (Bad, CloneError) as error:
            return BadRow(place, value if isinstance(value, bytes) else str(value).encode(), str(error))

    def _blobs(self, record: int) -> tuple[Blob | None, ...]:
        """The blobs that a record refers to, in the order that its references count in."""
        blobs: list[Blob | None] = []
        for number, kind, mime, size, name, modified, data in self.query(_BLOBS, (record,)):
            if kind == _HANDLE:
                blobs.append(None)
                continue
            content = data
            if isinstance(data, bytes) and isinstance(size, int) and len(data) < size:
                content = b"".join([data, *(chunk for (chunk,) in self.query(_CHUNKS, (number,)))])
            label = None if name is None else _text(name)
            content = content if isinstance(content, bytes) else None
            when = ms_since_1601(modified) if isinstance(modified, int) else None
            blobs.append(Blob(str(mime or ""), _integer(size, -1), label, None, content, when))
        return tuple(blobs)


def _text(data: Any) -> str:
    """A name: UTF-16, little-endian, of any code units."""
    return (
        data.decode("utf-16-le", "surrogatepass" if len(data) % 2 == 0 else "replace")
        if isinstance(data, bytes)
        else str(data)
    )


def _key_path(data: Any) -> KeyPath:
    """A key path.  Chromium joins several by a space here, which no valid path has."""
    if data is None:
        return None
    path = _text(data)
    return tuple(path.split(" ")) if " " in path else path


def _integer(value: Any, default: int = 0) -> int:
    return value if isinstance(value, int) else default
