"""IndexedDB in SQLite files: Chromium's coming backend, and Firefox."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import cramjam
import pytest
from indexeddb_writer import v8, v8_blob, values
from leveldb_writer import checksum

from pjais.formats.indexeddb import BadRow, Blob, Profile, Row, Store, open_chromium_sqlite, open_firefox

SCHEMA = """
CREATE TABLE indexed_db_metadata (name BLOB NOT NULL, version INTEGER NOT NULL);
CREATE TABLE object_stores (id INTEGER PRIMARY KEY, name BLOB NOT NULL, key_path BLOB, auto_increment INTEGER NOT NULL,
  key_generator_current_number INTEGER NOT NULL);
CREATE TABLE records (row_id INTEGER PRIMARY KEY, object_store_id INTEGER NOT NULL, compression_type INTEGER NOT NULL,
  key BLOB NOT NULL, value BLOB NOT NULL);
CREATE TABLE blobs (row_id INTEGER PRIMARY KEY AUTOINCREMENT, object_type INTEGER NOT NULL, mime_type TEXT,
  size_bytes INTEGER, file_name BLOB, last_modified INTEGER, bytes BLOB);
CREATE TABLE overflow_blob_chunks (row_id INTEGER PRIMARY KEY, blob_row_id INTEGER NOT NULL,
  chunk_index INTEGER NOT NULL, bytes BLOB NOT NULL);
CREATE TABLE blob_references (row_id INTEGER PRIMARY KEY, blob_row_id INTEGER NOT NULL, record_row_id INTEGER);
"""


def wide(value: str) -> bytes:
    return value.encode("utf-16-le", "surrogatepass")


def sqlite_backend(path: Path) -> Path:
    """A database of Chromium's SQLite backend: every compression, blobs in one piece and in several."""
    file = path / "http_localhost_1" / "x"
    file.parent.mkdir(parents=True)
    with closing(apsw.Connection(str(file))) as db:
        db.execute(SCHEMA)
        db.execute("INSERT INTO indexed_db_metadata VALUES (?, 3)", (wide("dä\ud800"),))
        db.execute(
            "INSERT INTO object_stores VALUES (1, ?, NULL, 0, 1), (2, ?, NULL, 0, 1)", (wide("docs"), wide("empty"))
        )
        big = v8("x" * 5000)
        for number, (kind, value) in enumerate(
            [
                (0, v8("plain")),
                (1, bytes(cramjam.zstd.compress(big))),
                (2, bytes(cramjam.snappy.compress_raw(big))),
                (0, v8_blob(1)),
                (3, v8("?")),
                (1, b"no zstd"),
            ]
        ):
            db.execute("INSERT INTO records VALUES (?, 1, ?, ?, ?)", (number, kind, b"\x30%d\0" % number, value))
        db.execute("INSERT INTO records VALUES (9, 5, 0, x'30', ?)", (v8("nameless"),))
        db.execute("INSERT INTO blobs VALUES (4, 2, NULL, NULL, NULL, NULL, x'00')")
        db.execute("INSERT INTO blobs VALUES (5, 0, 'a/b', 3, NULL, NULL, x'010203')")
        db.execute("INSERT INTO blobs VALUES (6, 1, 'c/d', 6, ?, 7, x'0102')", (wide("f.txt"),))
        db.execute("INSERT INTO blobs VALUES (7, 0, 'e/f', 9, NULL, NULL, NULL)")
        db.execute("INSERT INTO overflow_blob_chunks VALUES (1, 6, 2, x'0506'), (2, 6, 1, x'0304')")
        db.execute("INSERT INTO blob_references VALUES (1, 7, 3), (2, 6, 3), (3, 5, 3), (4, 4, 3), (5, 5, NULL)")
    return file


def test_the_sqlite_backend(tmp_path: Path) -> None:
    profile = open_chromium_sqlite(sqlite_backend(tmp_path))
    nameless, docs, empty = profile.stores()
    assert docs == Store("http_localhost_1", "dä\ud800", 3, "docs")
    assert (nameless.name, empty.name, list(profile.rows(empty))) == ("#5", "empty", [])
    rows = list(profile.rows(docs))
    assert values(profile, docs)[:3] == ["plain", "x" * 5000, "x" * 5000]
    assert [(type(row), row.place) for row in rows[3:]] == [
        (Row, "records row 3"),
        (BadRow, "records row 4"),
        (BadRow, "records row 5"),
    ]
    row = rows[3]
    assert isinstance(row, Row)
    assert row.blobs == (
        Blob("a/b", 3, None, None, b"\1\2\3"),
        Blob("c/d", 6, "f.txt", None, b"\1\2\3\4\5\6", -11644473600000),
        Blob("e/f", 9),
        None,
    )
    assert row.blob(row.value["v"].index) == b"\1\2\3\4\5\6"
    assert profile.problems == []


# -- Firefox


def gecko(value: str) -> bytes:
    """{"v": value}, as Firefox writes it: words of a tag and a number, and texts filled up to eight bytes."""

    def word(tag: int, data: int) -> bytes:
        return struct.pack("<II", data, tag)

    def string(one: str) -> bytes:
        raw = one.encode("latin-1")
        return word(0xFFFF0004, len(raw) | 1 << 31) + raw + bytes(-len(raw) % 8)

    return word(0xFFF10000, 4) + word(0xFFFF0008, 0) + string("v") + string(value) + word(0xFFFF0013, 0)


def framed(data: bytes) -> bytes:
    """A Snappy stream as Firefox writes it: its checksum lacks the last complement."""
    packed = bytes(cramjam.snappy.compress_raw(data))
    stored = (int.from_bytes(checksum(data), "little") - 0xA282EAD8) % 2**32
    crc = ((stored << 15 | stored >> 17) & 0xFFFFFFFF) ^ 0xFFFFFFFF
    stored = ((crc >> 15 | crc << 17) + 0xA282EAD8) % 2**32
    body = struct.pack("<I", stored) + packed
    return b"\xff\x06\0\0sNaPpY" + b"\0" + len(body).to_bytes(3, "little") + body + b"\xfe\x01\0\0p"


def firefox(path: Path) -> Path:
    file = path / "1.sqlite"
    (path / "1.files").mkdir()
    (path / "1.files" / "3").write_bytes(framed(gecko("far")))
    (path / "1.files" / "4").write_bytes(b"blob")
    (path / "1.files" / "5").write_bytes(framed(gecko("far")).replace(b"far", b"fur"))
    with closing(apsw.Connection(str(file))) as db:
        db.execute("CREATE TABLE database (name TEXT PRIMARY KEY, origin TEXT NOT NULL, version INTEGER NOT NULL)")
        db.execute(
            "CREATE TABLE object_store (id INTEGER PRIMARY KEY, auto_increment INTEGER, name TEXT, key_path TEXT)"
        )
        db.execute(
            "CREATE TABLE object_data (object_store_id INTEGER, key BLOB, index_data_values BLOB, file_ids TEXT, data)"
        )
        db.execute("INSERT INTO database VALUES ('a db', 'http://localhost', 10)")
        db.execute("INSERT INTO object_store VALUES (1, 0, 'docs', 'id'), (2, 0, 'empty', NULL)")
        near = bytes(cramjam.snappy.compress_raw(gecko("near")))
        for number, (files, data) in enumerate(
            [
                (None, near),
                ("4 .3", 1 << 32 | 1),
                (".9", 1 << 32),
                (".5", 1 << 32),
                ("x9", near),
                (None, b"\xff"),
                (None, 7),
                (None, 1.5),
                (None, bytes(cramjam.snappy.compress_raw(b"no word"))),
            ]
        ):
            db.execute("INSERT INTO object_data VALUES (1, ?, NULL, ?, ?)", (bytes((0x30, number)), files, data))
        db.execute("INSERT INTO object_data VALUES (8, x'31', NULL, NULL, ?)", (near,))
    return file


def test_firefox(tmp_path: Path) -> None:
    profile = open_firefox(firefox(tmp_path), tmp_path / "1.files")
    nameless, docs, empty = profile.stores()
    assert docs == Store("http://localhost", "a db", 10, "docs")
    assert (values(profile, nameless), list(profile.rows(empty))) == (["near"], [])
    rows = list(profile.rows(docs))
    assert [row.value["v"] if isinstance(row, Row) else row.reason for row in rows[:5]] == [
        "near",
        "far",
        "the file of a blob is missing (No such file or directory)",
        "a checksum of its Snappy stream does not match",
        "a list of files that makes no sense",
    ]
    assert [type(row) for row in rows[5:]] == [BadRow] * 4
    assert isinstance(rows[1], Row) and rows[1].blob(0) == b"blob"
    assert rows[0].place == "object_data store 1 key 3000"
    assert values(open_firefox(tmp_path / "1.sqlite", None), docs)[1] == "the bytes of a blob are missing"


# -- damaged SQLite files


def everything(profile: Profile) -> Iterator[Row | BadRow]:
    for store in profile.stores():
        yield from profile.rows(store)


@pytest.mark.parametrize("kind", ["chromium", "firefox"])
def test_damaged_sqlite_files_never_raise(kind: str, tmp_path: Path) -> None:
    """A file that is none, one that is cut off, and single bytes changed at random."""
    file = sqlite_backend(tmp_path) if kind == "chromium" else firefox(tmp_path)
    raw = file.read_bytes()
    rng = random.Random(3)
    for number in range(200):
        changed = bytearray(raw[: rng.randrange(len(raw))] if number < 10 else raw)
        if changed:
            changed[rng.randrange(len(changed))] ^= rng.randrange(1, 256)
        file.write_bytes(b"no database" * 99 if number == 0 else changed)
        profile = open_chromium_sqlite(file) if kind == "chromium" else open_firefox(file, None)
        list(everything(profile))
        assert number or profile.problems
    file.unlink()
    assert (open_chromium_sqlite(file) if kind == "chromium" else open_firefox(file, None)).problems
