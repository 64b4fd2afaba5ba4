"""The LevelDB reader: formats byte by byte, what is live, and every kind of damage."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from leveldb_writer import Op, batch, content, flipped, folder, log, manifest, reasons, rows, table

from pjais.formats.leveldb import codings
from pjais.formats.leveldb import log as leveldb_log
from pjais.formats.leveldb import table as leveldb_table
from pjais.formats.leveldb.folder import LevelDB
from strategies import examples

# -- byte by byte


def test_the_checksum_is_the_one_of_the_standard() -> None:
    """RFC 3720, B.4: 32 zero bytes; and the mask, both ways known from LevelDB's own description."""
    assert codings.crc(bytes(32)) == 0x8A9136AA
    assert codings.masked(0x8A9136AA) == ((0x8A9136AA >> 15 | 0x8A9136AA << 17 & 0xFFFFFFFF) + 0xA282EAD8) % 2**32


def test_a_log_byte_by_byte(tmp_path: Path) -> None:
    """What Chromium 156 wrote first into a log: two records, three changes of IndexedDB's own bookkeeping."""
    raw = bytes.fromhex(
        "f2882016 1700 01"  # checksum, length 23, FULL
        "0100000000000000 01000000"  # sequence number 1, one change
        "01 06 000000003200 02 0801"  # put, a key of six bytes, a value of two
        "69683e52 2200 01 0200000000000000 03000000"  # sequence number 2, three changes
        "01 05 0000000000 01 05  01 05 0000000002 05 1500000010"
    )
    path = folder(tmp_path / "db", {"000003.log": raw})
    assert content(path) == {bytes.fromhex("000000003200"): b"\x08\x01"}
    with LevelDB(path) as database:
        key = bytes.fromhex("000000003200")
        assert database.get(key) == (b"\x08\x01", "000003.log byte 28")
        assert key in database and b"other" not in database
        assert [(one.offset, one.raw) for one in database.damage] == [(30, raw[30:])]  # the rest is not quoted here


def test_a_batch_byte_by_byte() -> None:
    """Sequence 7, two changes: put a = xyz, delete b; the second has number 8."""
    payload = bytes.fromhex("0700000000000000 02000000 01 01 61 03 78797a 00 01 62")
    (put, delete), sequence, fault = leveldb_log.batch(payload)
    assert (put.tag, put.key, payload[put.start : put.end]) == (7 << 8 | 1, b"a", b"xyz")
    assert (delete.tag, delete.key, delete.start) == (8 << 8, b"b", -1)
    assert (sequence, fault) == (7, "")


def test_a_data_block_byte_by_byte() -> None:
    """Two keys that share three bytes; sequence numbers 5 and 6; one restart point."""
    block = bytes.fromhex(
        "00 0c 02 61626364 01050000 00000000 3131"  # nothing shared: "abcd", put, sequence 5, "11"
        "03 09 01 78 01060000 00000000 32"  # "abc" shared: "abcx", sequence 6, "2"
        "00000000 01000000"
    )
    newest: dict[bytes, int] = {}
    leveldb_table.collect(block, 3, newest)
    assert {key: block[note >> 32 & 0xFFFFFFFF : note & 0xFFFFFFFF] for key, note in newest.items()} == {
        b"abcd": b"11",
        b"abcx": b"2",
    }
    assert [note >> 104 for note in newest.values()] == [5, 6]
    assert {note >> 64 & 0xFFFFFFFF for note in newest.values()} == {3}


@pytest.mark.parametrize("size", [0, 1, 32754, 32755, 32756, 32761, 65536, 200_000])
def test_records_across_blocks(tmp_path: Path, size: int) -> None:
    """Fragments end with their block, and six bytes or fewer are left out."""
    ops: list[list[Op]] = [[(b"a", bytes(size))], [(b"b", b"after")], [(b"c", b"c" * 40_000)], [(b"d", b"last")]]
    path = folder(tmp_path / "db", {"000003.log": log(batch(n + 1, one) for n, one in enumerate(ops))})
    assert content(path) == {b"a": bytes(size), b"b": b"after", b"c": b"c" * 40_000, b"d": b"last"}
    assert reasons(path) == []


def test_the_place_is_the_byte_of_the_value(tmp_path: Path) -> None:
    """Also in a later fragment."""
    path = folder(tmp_path / "db", {"000003.log": log([batch(1, [(b"a", bytes(40_000)), (b"b", b"needle")])])})
    with LevelDB(path) as database:
        found = database.get(b"b")
    assert found is not None
    at = int(found[1].removeprefix("000003.log byte "))
    assert (path / "000003.log").read_bytes()[at : at + 6] == b"needle"


@pytest.mark.parametrize("snappy", [True, False])
def test_tables(tmp_path: Path, snappy: bool) -> None:
    """Index, prefix compression, restart points, Snappy; the filter block does not matter."""
    path = folder(tmp_path / "db", {"000005.ldb": table(rows(100), snappy=snappy)}, tables=[5])
    assert content(path) == {key: value for key, _, value in rows(100)}
    assert reasons(path) == []
    with LevelDB(path) as database:
        assert database.live_keys(b"key-002") == [b"key-%04d" % n for n in range(20, 30)]
        assert next(database.entries())[2] == "000005.ldb byte 0 +19"


def test_keys_can_be_left_out(tmp_path: Path) -> None:
    """`wanted` decides in tables and in logs."""
    files = {
        "000005.ldb": table(rows(20)),
        "000006.log": log([batch(50, [(b"key-0001", b"new"), (b"key-0002", b"new")])]),
    }
    path = folder(tmp_path / "db", files, tables=[5])
    with LevelDB(path, lambda key: key.endswith(b"1")) as database:
        assert [(key, value[:3]) for key, value, _ in database.entries()] == [
            (b"key-0001", b"new"),
            (b"key-0011", b"val"),
        ]


# -- what is live


def test_the_newest_version_wins_and_deletions_count(tmp_path: Path) -> None:
    """Wherever it lies: sequence numbers decide, not files."""
    files = {
        "000005.ldb": table([(b"a", 9, b"new"), (b"a", 2, b"old"), (b"b", 8, None), (b"c", 3, b"old")]),
        "000006.sst": table([(b"a", 4, b"older"), (b"b", 7, b"deleted"), (b"c", 11, b"newer")]),
        "000007.log": log([batch(10, [(b"c", b"between")]), batch(12, [(b"d", b"x"), (b"d", None), (b"e", b"")])]),
    }
    assert content(folder(tmp_path / "db", files, tables=[5, 6])) == {b"a": b"new", b"c": b"newer", b"e": b""}


def test_the_manifest_says_which_files_count(tmp_path: Path) -> None:
    """A table that was compacted away and a log that was turned into a table are left behind, and are not read."""
    files = {
        "000003.log": log([batch(1, [(b"gone", b"by compaction")])]),
        "000004.ldb": table([(b"gone", 1, b"too")]),
        "000005.ldb": table([(b"kept", 2, b"1")]),
        "000008.ldb": table([(b"unfinished", 2, b"1")]),
        "000009.log": log([batch(7, [(b"logged", b"1")])]),
        "MANIFEST-000001": manifest([4, 5], log_number=9, gone=[4]),
    }
    path = folder(tmp_path / "db", files)
    assert content(path) == {b"kept": b"1", b"logged": b"1"}
    assert reasons(path) == []


def test_a_missing_table_is_told(tmp_path: Path) -> None:
    path = folder(tmp_path / "db", {"000005.ldb": table(rows(5))}, tables=[5, 6])
    assert len(content(path)) == 5
    assert [one[:40] for one in reasons(path)] == ["000006.ldb: a live table is missing; its"]


@pytest.mark.parametrize("broken", ["no CURRENT", "CURRENT", "no MANIFEST", "MANIFEST", "cut", "edit"])
def test_without_a_manifest_everything_is_read(tmp_path: Path, broken: str) -> None:
    """The newest sequence numbers win, and the report says that deleted rows may show."""
    files = {"000005.ldb": table(rows(5)), "000007.log": log([batch(90, [(b"key-0001", None), (b"new", b"1")])])}
    path = folder(tmp_path / "db", files, tables=[5])
    match broken:
        case "no CURRENT":
            (path / "CURRENT").unlink()
        case "CURRENT":
            (path / "CURRENT").write_bytes(b"../../etc/passwd\n")
        case "no MANIFEST":
            (path / "MANIFEST-000001").unlink()
        case "MANIFEST":
            flipped(path / "MANIFEST-000001", 20)
        case "cut":
            (path / "MANIFEST-000001").write_bytes(b"")
        case "edit":
            (path / "MANIFEST-000001").write_bytes(log([b"\x63\x01"]))
    assert sorted(content(path)) == [b"key-0000", b"key-0002", b"key-0003", b"key-0004", b"new"]
    (reason,) = reasons(path)
    assert "all tables and logs are read instead" in reason


def test_a_manifest_with_a_torn_end_counts_up_to_it(tmp_path: Path) -> None:
    """The edit that was being written had not happened: the files before it are still there."""
    path = folder(tmp_path / "db", {"000005.ldb": table(rows(5))}, tables=[5])
    whole = (path / "MANIFEST-000001").read_bytes()
    (path / "MANIFEST-000001").write_bytes(whole + log([b"\x06\x00\x05" * 9])[:-4])
    assert (len(content(path)), reasons(path)) == (5, [])
    with LevelDB(path) as database:
        list(database.entries())
        assert [one.file for one in database.torn] == ["MANIFEST-000001"]


def test_no_folder_and_an_empty_one(tmp_path: Path) -> None:
    assert content(tmp_path / "nowhere") == {}
    assert len(reasons(tmp_path / "nowhere")) == 2
    assert len(reasons(tmp_path)) == 1


# -- against a model, and against LevelDB itself

OPS = st.lists(st.lists(st.tuples(st.binary(max_size=3), st.none() | st.binary(max_size=50)), max_size=5), max_size=12)


@settings(max_examples=examples(60), deadline=None)
@given(OPS, st.integers(0, 12), st.booleans())
def test_reads_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[Op]], cut: int, snappy: bool
) -> None:
    """Any changes, the first ones in a table, the rest in a log: the newest value of every key."""
    expected: dict[bytes, bytes] = {}
    old: list[tuple[bytes, int, bytes | None]] = []
    records, sequence = [], 1
    for number, ops in enumerate(batches):
        if number < cut:
            old += [(key, sequence + n, value) for n, (key, value) in enumerate(ops)]
        else:
            records.append(batch(sequence, ops))
        sequence += len(ops)
        for key, value in ops:
            expected.pop(key, None)
            expected |= {} if value is None else {key: value}
    old.sort(key=lambda row: (row[0], -row[1]))
    path = folder(
        tmp_path_factory.mktemp("model"),
        {"000005.ldb": table(old, snappy=snappy, per_block=3), "000006.log": log(records)},
        [5],
    )
    assert content(path) == expected
    assert reasons(path) == []


def test_reads_what_leveldb_reads(tmp_path: Path) -> None:
    """Random changes through the real library, with compactions and reopenings in between."""
    plyvel = pytest.importorskip("plyvel")
    rng = random.Random(7)
    expected: dict[bytes, bytes] = {}
    for _ in range(4):
        database = plyvel.DB(
            str(tmp_path / "db"), create_if_missing=True, write_buffer_size=60_000, bloom_filter_bits=10
        )
        for _ in range(400):
            key = b"%05d" % rng.randrange(900)
            if rng.random() < 0.2:
                database.delete(key)
                expected.pop(key, None)
            else:
                expected[key] = rng.randbytes(rng.randrange(3)) * rng.choice((0, 40, 20_000))
                database.put(key, expected[key])
        database.close()
    assert list((tmp_path / "db").glob("*.ldb"))
    assert content(tmp_path / "db") == expected
    assert reasons(tmp_path / "db") == []
