"""IndexedDB in Chromium's LevelDB backend: names, wrapped values, blobs, the undo log, damage."""

from __future__ import annotations

import random
import shutil
import struct
from pathlib import Path

import cramjam
import pytest
from indexeddb_writer import UNDO, chromium, described, key, message, text, v8, v8_blob, values
from leveldb_writer import Op, varint

from pjais.formats.indexeddb import BadRow, Blob, Row, Store, open_chromium
from pjais.formats.indexeddb.keys import externals, order
from pjais.formats.leveldb.codings import Bad
from pjais.js_values import BlobRef


def test_names_versions_and_rows(tmp_path: Path) -> None:
    ops = described(stores=("docs", "empty")) + described(2, "ändern")
    ops += [
        (key("a"), b"\x01" + v8("one")),
        (key("b"), b"\x81\x01" + v8("two")),
        (key("c", database=2), b"\x01" + v8("x")),
    ]
    ops += [(key("a", index=2), b"\x01"), (bytes((0, 1, 1, 30)) + b"\x01", b"\x01")]
    profile = chromium(tmp_path, ops, [(key("a"), None), (key("d"), b"\x01" + v8("log"))])
    site = "http_localhost_1@1"
    assert profile.stores() == [
        Store(site, "db", 10, "docs"),
        Store(site, "db", 10, "empty"),
        Store(site, "ändern", 10, "docs"),
    ]
    assert [values(profile, store) for store in profile.stores()] == [["two", "log"], [], ["x"]]
    row = next(profile.rows(profile.stores()[0]))
    assert row == Row(b"\x01\x01\x00b", {"v": "two"}, row.place, ())
    assert row.place.startswith("000005.ldb byte ")
    assert (profile.problems, getattr(profile, "data_version", None)) == ([], (16, 21))
    assert list(profile.rows(Store("no", "such", 1, "store"))) == []


def test_ids_of_several_bytes(tmp_path: Path) -> None:
    """The first byte of a key says how long its three ids are."""
    prefix = bytes((0b001_010_00,)) + (300).to_bytes(2, "little") + (70_000).to_bytes(3, "little") + b"\x01"
    meta = bytes((0b001_000_00,)) + (300).to_bytes(2, "little") + b"\0\0"
    ops: list[Op] = [(b"\0\0\0\0\xc9" + text("o") + text("n"), (300).to_bytes(2, "little")), (meta + b"\4", b"\x01")]
    ops += [
        (meta + b"\x32" + varint(70_000) + b"\0", "s".encode("utf-16-be")),
        (prefix + b"\x01" + text("k"), b"\x01" + v8("far")),
    ]
    profile = chromium(tmp_path, ops)
    assert profile.stores() == [Store("o", "n", 1, "s")]
    assert values(profile) == ["far"]


def blob_file(home: Path, number: int, data: bytes) -> None:
    path = home / "x.indexeddb.blob" / "1" / f"{number >> 8 & 255:02x}" / f"{number:x}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def listed(*blobs: tuple[int, str, int]) -> bytes:
    return b"".join(b"\0" + varint(number) + text(kind) + varint(size) for number, kind, size in blobs)


def test_large_values_are_unwrapped(tmp_path: Path) -> None:
    """Snappy in place, a blob, Snappy in a blob."""
    big = v8("x" * 70_000)
    snappy = b"\xff\x11\x02" + bytes(cramjam.snappy.compress_raw(big))
    ops = [*described(), (key("a"), b"\x01" + snappy)]
    for name, number, body in (("b", 2, big), ("c", 0x1234, snappy)):
        blob_file(tmp_path, number, body)
        ops += [
            (key(name), b"\x01\xff\x11\x01" + varint(len(body)) + b"\0"),
            (key(name, index=3), listed((number, "t", len(body)))),
        ]
    profile = chromium(tmp_path, ops)
    assert values(profile) == ["x" * 70_000] * 3
    assert (tmp_path / "x.indexeddb.blob/1/12/1234").is_file()


def test_a_missing_or_wrong_blob_makes_a_bad_row(tmp_path: Path) -> None:
    """It is named, with what there is of it; the other rows come out."""
    wrapped = b"\x01\xff\x11\x01\x05"
    ops = [
        *described(),
        (key("a"), wrapped + b"\x00"),
        (key("b"), wrapped + b"\x00"),
        (key("c"), wrapped + b"\x07"),
        (key("d"), wrapped + b"\x01"),
        (key("e"), wrapped + b"\x00"),
        (key("z"), b"\x01" + v8("z")),
    ]
    ops += [
        (key("a", index=3), listed((2, "", 5))),
        (key("b", index=3), listed((3, "", 5))),
        (key("c", index=3), b"\x09"),
        (key("e", index=3), listed((3, "", 8))),
    ]
    blob_file(tmp_path, 3, b"too long")
    profile = chromium(tmp_path, ops)
    assert values(profile) == [
        "the file of a blob is missing (No such file or directory)",
        "a blob has 8 bytes instead of 5",
        "a blob of unknown kind 9",
        "it is in a blob that the record does not list",
        "the blob that holds it has 8 bytes instead of 5",
        "z",
    ]
    bad = next(profile.rows(profile.stores()[0]))
    assert isinstance(bad, BadRow) and bad.raw == wrapped + b"\0"
    shutil.rmtree(tmp_path / "x.indexeddb.blob")
    assert values(open_chromium(tmp_path / "x.indexeddb.leveldb", None))[-2:] == [
        "the bytes of a blob are missing",
        "z",
    ]


def test_blobs_and_files(tmp_path: Path) -> None:
    """A BlobRef leads to bytes, type, size and name; a missing file gives None, a file system handle is None."""
    blob_file(tmp_path, 7, b"bytes")
    entry = (
        listed((7, "image/png", 5))
        + b"\x02\x03abc"
        + b"\x01\x08"
        + text("text/plain")
        + b"\x04"
        + text("a.txt")
        + b"\x05"
    )
    profile = chromium(tmp_path, [*described(), (key("a"), b"\x01" + v8_blob(0)), (key("a", index=3), entry)])
    (row,) = profile.rows(profile.stores()[0])
    assert isinstance(row, Row) and isinstance(row.value["v"], BlobRef)
    home = tmp_path / "x.indexeddb.blob" / "1" / "00"
    assert row.blobs == (
        Blob("image/png", 5, None, home / "7"),
        None,
        Blob("text/plain", 4, "a.txt", home / "8", None, -11644473600000),
    )
    assert [row.blob(index) for index in (0, 1, 2, 3, -1)] == [b"bytes", None, None, None, None]
    assert Blob("", 0, None, home / "9").load() == b""  # Chromium makes no file for it


def undo(scope: int, number: int, task: bytes, kind: int = 0) -> Op:
    return UNDO + b"\x02" + varint(scope) + bytes((kind,)) + struct.pack(">Q", (1 << 63) - 1 - number), task


def test_an_uncommitted_transaction_is_undone(tmp_path: Path) -> None:
    """The newest change first: put back what was replaced, and take away what was added, also whole ranges."""
    lock = message((1, b"\x08\x01"))
    ops = [
        *described(stores=("docs", "new")),
        (key("a"), b"\x01" + v8("old")),
        (key("b"), b"\x01" + v8("b")),
        (key("gone"), b"\x01" + v8("back")),
    ]
    more: list[Op] = [
        (UNDO + b"\x01\x07", lock),
        (key("a"), b"\x01" + v8("first")),
        undo(7, 1, message((1, message((1, key("a")), (2, b"\x01" + v8("old")))))),
        (key("a"), b"\x01" + v8("second")),
        undo(7, 2, message((1, message((1, key("a")), (2, b"\x01" + v8("first")))))),
        (key("new"), b"\x01" + v8("never was")),
        undo(7, 3, message((2, message((1, key("new")))))),
        (key("gone"), None),
        undo(7, 4, message((1, message((1, key("gone")), (2, b"\x01" + v8("back")))))),
        (key("r1", store=2), b"\x01" + v8("range")),
        (key("r2", store=2), b"\x01" + v8("range")),
        undo(7, 5, message((3, message((1, bytes((0, 1, 2, 0))), (2, bytes((0, 1, 3, 0))))))),
        undo(7, 6, message((1, message((1, bytes((0, 1, 1, 30, 1))), (2, b"an index"))))),
    ]
    profile = chromium(tmp_path, ops, more)
    assert [values(profile, store) for store in profile.stores()] == [["old", "b", "back"], []]
    assert profile.problems == []


def test_a_committed_transaction_stays_and_its_deletions_are_done(tmp_path: Path) -> None:
    """No locks: committed; ranges that were to be deleted later are deleted, unless a rollback said not to."""
    ops = described(stores=("docs", "cleared")) + described(2, "dropped")
    ops += [
        (key("a"), b"\x01" + v8("new")),
        (key("x", store=2), b"\x01" + v8("x")),
        (key("y", database=2), b"\x01" + v8("y")),
    ]
    more: list[Op] = [
        (UNDO + b"\x01\x03", b""),
        undo(3, 1, message((1, message((1, key("a")), (2, b"\x01" + v8("old")))))),
        undo(3, 1, message((1, message((1, key("", store=2)), (2, key("zz", store=2))))), kind=1),
        undo(3, 2, message((2, message((1, bytes((0, 2, 0, 0, 0))), (2, bytes((0, 3, 0, 0, 0)))))), kind=1),
        (b"\0\0\0\0\xc9" + text("http_localhost_1@1") + text("dropped"), None),
        (UNDO + b"\x01\x04", b"\x10\x01"),
        undo(4, 1, message((1, message((1, bytes((0, 1, 1, 0))), (2, bytes((0, 1, 2, 0)))))), kind=1),
    ]
    profile = chromium(tmp_path, ops, more)
    assert {store.name: values(profile, store) for store in profile.stores()} == {"cleared": [], "docs": ["new"]}


def test_a_broken_undo_log_is_a_problem(tmp_path: Path) -> None:
    more: list[Op] = [
        (UNDO + b"\x01\x07", message((1, b"\x08\x01"))),
        (UNDO + b"\x01\x08", b"\x0a\xff"),
        (UNDO + b"\x01\x09", b"\x0f"),
        undo(7, 1, b"\x0a\x63"),
        undo(7, 2, message((2, b"\x0a\x63"))),
        undo(7, 3, message((3, b""))),
        undo(7, 4, message((3, message((1, b"\0\x01"), (2, b""))))),
    ]
    profile = chromium(tmp_path, [*described(), (key("a"), b"\x01" + v8("a"))], more)
    assert values(profile) == ["a"]
    assert len(profile.problems) == 6
    assert all("undo log" in one.reason and one.file == "000006.log" for one in profile.problems)


def test_leftovers_of_a_dropped_database_do_not_show_unless_there_is_damage(tmp_path: Path) -> None:
    """Rows without a name are what Chromium had still to delete; in a damaged folder they may be all that is left."""
    profile = chromium(tmp_path, [*described(), (key("a", database=9), b"\x01" + v8("left"))])
    assert [store.database for store in profile.stores()] == ["db"]
    (tmp_path / "x.indexeddb.leveldb" / "CURRENT").unlink()
    profile = open_chromium(tmp_path / "x.indexeddb.leveldb", None)
    assert [(store.database, store.name, values(profile, store)) for store in profile.stores()] == [
        ("#9", "#1", ["left"]),
        ("db", "docs", []),
    ]


def test_rows_and_metadata_that_make_no_sense(tmp_path: Path) -> None:
    """A row without version or value, a value that is no clone, names of half a character."""
    ops = [
        *described(),
        (key("a"), b""),
        (key("b"), b"\x01"),
        (key("c"), b"\x01\xff\x14\xff\x0f?"),
        (key("d"), b"\x01\xff\x11\x02\xff"),
    ]
    ops += [(b"\0\0\0\0\xc9\xff", b"\x01"), (bytes((0, 5, 0, 0, 1)), b"odd"), (bytes((0, 5, 0, 0, 4)), b"\xff")]
    ops += [(key("z"), b"\x01" + v8("z"))]
    profile = chromium(tmp_path, ops)
    rows = list(profile.rows(profile.stores()[0]))
    assert [type(row) for row in rows] == [BadRow] * 4 + [Row]
    assert len(profile.problems) == 3


def test_the_list_of_blobs() -> None:
    for raw in (b"\x03", b"\x00", b"\x00\x01\x05", b"\x01\x01\x00\x01\x09"):
        with pytest.raises(Bad):
            externals(raw)


def test_keys_are_ordered_as_chromium_orders_them() -> None:
    """Numbers, dates, texts, binary, arrays; ids as numbers; texts by code unit, not by length; metadata by ids."""
    head = bytes((0, 1, 1, 1))
    number = [b"\x03" + struct.pack("<d", value) for value in (-1e9, -1.0, 0.0, 2.0, 1e300)]
    others = [
        b"\x02" + struct.pack("<d", 1.0),
        b"\x01" + text("aaaa"),
        b"\x01" + text("b"),
        b"\x06\x01\x05",
        b"\x06\x02\x05\x00",
    ]
    arrays = [b"\x04\x00", b"\x04\x01" + number[0], b"\x04\x02" + number[0] + number[1], b"\x04\x01" + others[1]]
    metas = [
        bytes((0, 1, 0, 0)) + tail for tail in (b"", b"\x00", b"\x32\x02\x00", b"\x32\x80\x01\x00", b"\x64\x01\x1e\x00")
    ]
    keys = [*metas, head, *(head + one for one in [*number, *others, *arrays]), bytes((32, 0, 1, 0, 0))]
    assert sorted(random.Random(1).sample(keys, len(keys)), key=order) == keys
    for bad in (b"", b"\x00", head + b"\x09", head + b"\x03\x00", head + b"\x01\x05a", head + b"\x04\x01" * 300):
        with pytest.raises(Bad):
            order(bad)
