"""Makes IndexedDB as Chromium lays it into LevelDB, for the tests of the readers."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

from leveldb_writer import Op, batch, counted, folder, log, table, varint

from pjais.formats.indexeddb import BadRow, Profile, Store, open_chromium

UNDO = b"\0\0\0\0\x32"
"""What the keys of the undo log begin with."""


def text(value: str) -> bytes:
    return varint(len(value.encode("utf-16-be")) // 2) + value.encode("utf-16-be")


def key(name: str, store: int = 1, index: int = 1, database: int = 1) -> bytes:
    """The key of a record whose own key is a string."""
    return bytes((0, database, store, index, 1)) + text(name)


def v8(value: str) -> bytes:
    """{"v": value}, as Blink 20 and V8 15 write it."""
    return b'\xff\x14\xff\x0fo"\x01v"' + counted(value.encode("latin-1")) + b"{\x01"


def v8_blob(index: int) -> bytes:
    """{"v": the blob of that index}."""
    return b'\xff\x14\xff\x0fo"\x01v\\i' + varint(index) + b"{\x01"


def described(database: int = 1, name: str = "db", stores: tuple[str, ...] = ("docs",)) -> list[Op]:
    """The metadata of a database."""
    here = bytes((0, database, 0, 0))
    ops: list[Op] = [
        (b"\0\0\0\0\x02", struct.pack("<II", 21, 16)),
        (b"\0\0\0\0\xc9" + text("http_localhost_1@1") + text(name), bytes((database,))),
        (here + b"\0", "http_localhost_1@1".encode("utf-16-be")),
        (here + b"\1", name.encode("utf-16-be")),
        (here + b"\4", b"\x0a"),
    ]
    for number, store in enumerate(stores, 1):
        ops += [
            (here + b"\x32" + bytes((number, 0)), store.encode("utf-16-be")),
            (here + b"\x32" + bytes((number, 1)), b"\0\0\0"),
        ]
    return ops


def message(*fields: tuple[int, bytes]) -> bytes:
    """A protobuf message of byte strings."""
    return b"".join(varint(number << 3 | 2) + counted(value) for number, value in fields)


def chromium(path: Path, ops: list[Op], more: list[Op] | None = None) -> Profile:
    """An opened folder: the first changes in a table, the others in a log."""
    rows = [(one, n + 1, value) for n, (one, value) in enumerate(ops)]
    files = {
        "000005.ldb": table(sorted(rows, key=lambda row: (row[0], -row[1]))),
        "000006.log": log([batch(1000, more or [])]),
    }
    return open_chromium(folder(path / "x.indexeddb.leveldb", files, [5]), path / "x.indexeddb.blob")


def values(profile: Profile, store: Store | None = None) -> list[Any]:
    """The `v` of every row of a store, or why it is bad."""
    rows = profile.rows(store or profile.stores()[0])
    return [row.reason if isinstance(row, BadRow) else row.value["v"] for row in rows]
