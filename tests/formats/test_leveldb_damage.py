"""The LevelDB reader and damage: what is broken is named with its bytes, everything else comes out."""

from __future__ import annotations

import random
import shutil
import struct
from pathlib import Path

import cramjam
import pytest
from leveldb_writer import Op, batch, checksum, content, flipped, folder, log, reasons, rows, table

from pjais.formats.leveldb import codings
from pjais.formats.leveldb.folder import LevelDB

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "rxdb"


def test_a_torn_log_gives_its_prefix(tmp_path: Path) -> None:
    """Cut anywhere: whole batches count, the rest is reported with its bytes; a cut between records is not damage."""
    batches = [batch(n * 2 + 1, [(b"k%02d" % n, b"v" * 30), (b"x%02d" % n, b"w" * 30)]) for n in range(12)]
    raw, ends = log(batches), [len(log(batches[: n + 1])) for n in range(12)]
    path = folder(tmp_path / "db", {})
    for cut in [*range(0, len(raw), 7), *ends]:
        (path / "000003.log").write_bytes(raw[:cut])
        whole = sum(end <= cut for end in ends)
        with LevelDB(path) as database:
            assert len(list(database.entries())) == whole * 2
            lost = b"".join(one.raw for one in database.torn)
            assert database.damage == []
        assert lost == raw[ends[whole - 1] if whole else 0 : cut]


def test_a_torn_record_of_many_fragments(tmp_path: Path) -> None:
    """The unfinished batch was never acknowledged: nothing of it counts."""
    raw = log([batch(1, [(b"a", b"1")]), batch(2, [(b"b", b"1"), (b"c", bytes(100_000))])])
    path = folder(tmp_path / "db", {"000003.log": raw[:70_000]})
    assert content(path) == {b"a": b"1"}
    with LevelDB(path) as database:
        assert len(list(database.entries())) == 1
        (torn,) = database.torn
        assert (database.damage, torn.reason) == ([], "the log ends inside a record: the writer was stopped there")
    (path / "000003.log").write_bytes(raw[:65536])
    assert content(path) == {b"a": b"1"}


def test_space_laid_out_in_advance_is_no_damage(tmp_path: Path) -> None:
    path = folder(tmp_path / "db", {"000003.log": log([batch(1, [(b"a", b"1")])]) + bytes(50_000)})
    assert (content(path), reasons(path)) == ({b"a": b"1"}, [])


def test_a_flipped_bit_in_the_last_record_is_no_torn_tail(tmp_path: Path) -> None:
    """Also one in its length, after which the record seems to go past the end of the log."""
    raw = log([batch(n + 1, [(b"k%02d" % n, b"v" * 20)]) for n in range(3)])
    for at in range(len(raw) // 3 * 2, len(raw)):
        for bit in range(8):
            path = folder(tmp_path / "db", {"000003.log": raw})
            flipped(path / "000003.log", at, bit)
            assert set(content(path)) == {b"k00", b"k01"}
            assert reasons(path) != [], (at, bit)


def test_every_log_may_have_a_torn_end(tmp_path: Path) -> None:
    """Also one that another log follows: LevelDB recovers each of them so."""
    first, second = (log([batch(n, [(b"k%02d" % n, b"v" * 20)]), batch(n + 1, [(b"x", b"y" * 50)])]) for n in (1, 5))
    path = folder(tmp_path / "db", {"000003.log": first[:-9], "000004.log": second[:-5]})
    assert (set(content(path)), reasons(path)) == ({b"k01", b"k05"}, [])
    with LevelDB(path) as database:
        list(database.entries())
        assert [one.file for one in database.torn] == ["000003.log", "000004.log"]


def test_a_record_that_seems_torn_before_sound_ones_is_damage(tmp_path: Path) -> None:
    """Swapped bytes at the beginning of a log once made it an empty one, in silence."""
    raw = bytearray(log([batch(n + 1, [(b"k%02d" % n, b"v" * 20)]) for n in range(5)]))
    raw[:16], raw[16:32] = b"\1\2\3\4\xff\x70\1" + bytes(9), raw[:16]
    path = folder(tmp_path / "db", {"000003.log": bytes(raw)})
    assert set(content(path)) == {b"k01", b"k02", b"k03", b"k04"}
    assert "its length does not match" in reasons(path)[0]


def test_zeros_between_records_are_damage(tmp_path: Path) -> None:
    """Zeros belong to the end of a log alone."""
    raw = bytearray(log([batch(n + 1, [(b"k%02d" % n, b"v" * 9_000)]) for n in range(6)]))
    raw[9_100:32_768] = bytes(32_768 - 9_100)
    path = folder(tmp_path / "db", {"000003.log": bytes(raw)})
    assert {b"k00", b"k05"} <= set(content(path))
    assert reasons(path) != []


def test_a_flipped_bit_in_a_log_costs_one_record(tmp_path: Path) -> None:
    """Whichever byte it is in: it is reported, and everything else is there."""
    batches = [batch(n + 1, [(b"k%02d" % n, b"v" * 20)]) for n in range(5)]
    raw = log(batches)
    for at in range(len(raw) // 5 * 2, len(raw) // 5 * 3):
        path = folder(tmp_path / "db", {"000003.log": raw})
        flipped(path / "000003.log", at, at % 8)
        found = content(path)
        assert {b"k00", b"k01"} <= set(found) < {b"k00", b"k01", b"k02", b"k03", b"k04"}
        assert set(found.values()) == {b"v" * 20}
        assert reasons(path) != []
        if at % (len(raw) // 5) not in (4, 5, 6):  # a broken length or type costs the rest of the block
            assert len(found) == 4


def test_a_flipped_bit_in_a_long_record_costs_one_fragment(tmp_path: Path) -> None:
    """The changes that lie outside it are saved, on both sides."""
    ops: list[Op] = [(b"k%03d" % n, bytes((n,)) * 1000) for n in range(120)]
    path = folder(tmp_path / "db", {"000003.log": log([batch(1, ops), batch(121, [(b"z", b"1")])])})
    flipped(path / "000003.log", 50_000)
    found = content(path)
    assert {**dict(ops), b"z": b"1"}.items() >= found.items()
    assert 120 - 35 <= len(found) < 120
    assert {b"k000", b"k119", b"z"} <= set(found)
    with LevelDB(path) as database:
        database.live_keys()
        (damage,) = database.damage
    assert (damage.offset, len(damage.raw)) == (32768, 32768)


def test_the_first_fragment_holds_the_sequence_number(tmp_path: Path) -> None:
    """Damaged there, a batch counts only where the batch before it says the same number."""
    ops: list[Op] = [(b"k%03d" % n, bytes((n,)) * 1000) for n in range(120)]
    for before, saved in ((7, True), (6, False)):
        raw = log([batch(before, [(b"a", b"1")]), batch(8, ops)])
        path = folder(tmp_path / "db", {"000003.log": raw})
        flipped(path / "000003.log", 20_000)
        assert (b"k119" in content(path)) is saved


def test_a_lost_length_loses_the_block_but_not_what_lies_before(tmp_path: Path) -> None:
    """The changes of a record up to the break are saved, and its orphaned end is reported."""
    ops: list[Op] = [(b"k%03d" % n, bytes((n,)) * 1000) for n in range(120)]
    path = folder(tmp_path / "db", {"000003.log": log([batch(1, ops), batch(121, [(b"z", b"1")])])})
    flipped(path / "000003.log", 32768 + 5, 7)
    found = content(path)
    assert 30 < len(found) < 35 and b"z" in found and b"k000" in found
    assert len(reasons(path)) == 4


def test_a_batch_that_does_not_fit_together(tmp_path: Path) -> None:
    """Right checksums over wrong content: a count that is wrong, a change of no kind, a length too long."""
    for payload in (
        struct.pack("<QI", 1, 5) + b"\1\1a\1x",
        batch(1, [(b"a", b"x")]) + b"\2\1",
        batch(1, [(b"a", b"x")]) + b"\1\1b\x7f",
    ):
        path = folder(tmp_path / "db", {"000003.log": log([payload, batch(9, [(b"z", b"1")])])})
        assert content(path) == {b"a": b"x", b"z": b"1"}
        assert len(reasons(path)) == 1


def fragment(kind: int, payload: bytes) -> bytes:
    raw = bytes((kind,)) + payload
    return checksum(raw) + struct.pack("<H", len(payload)) + raw


def test_fragments_that_do_not_follow_each_other(tmp_path: Path) -> None:
    """A beginning without an end gives its whole changes; an end without a beginning, and stray bytes, are named."""
    first = fragment(2, batch(1, [(b"a", b"1"), (b"b", b"22222")])[:-3])
    whole, end = fragment(1, batch(5, [(b"z", b"1")])), fragment(4, b"the end of something")
    path = folder(tmp_path / "db", {"000003.log": first + whole + end + whole + bytes(20) + b"stray"})
    assert content(path) == {b"a": b"1", b"z": b"1"}
    assert [one.split(": ")[1].split(";")[0] for one in reasons(path)] == [
        "a record without its end",
        "a batch of changes",
        "a part of a record without its beginning",
        "bytes that belong to no record",
    ]
    (path / "000003.log").write_bytes(whole + b"\x01\x02\x03")
    assert (content(path), reasons(path)) == ({b"z": b"1"}, [])  # the beginning of a header is how a log may end
    (path / "000003.log").write_bytes(fragment(1, b"short") + whole)
    assert (content(path), len(reasons(path))) == ({b"z": b"1"}, 1)


def test_files_that_vanish(tmp_path: Path) -> None:
    """Between the passes, or before the first: values are missing, nothing raises."""
    path = folder(tmp_path / "db", {"000005.ldb": table(rows(5)), "000006.log": b""}, tables=[5])
    with LevelDB(path) as database:
        assert len(database.live_keys()) == 5
        database.close()
        (path / "000005.ldb").unlink()
        assert list(database.entries()) == []
    (path / "000005.ldb").mkdir()
    assert (content(path), len(reasons(path))) == ({}, 1)


def test_many_files_are_open_only_a_few_at_a_time(tmp_path: Path) -> None:
    files = {f"{n:06}.ldb": table([(b"%04d" % n, n, bytes(600_000))], snappy=n % 2 == 0) for n in range(5, 50)}
    with LevelDB(folder(tmp_path / "db", files, range(5, 50))) as database:
        assert [len(value) for _, value, _ in database.entries()] == [600_000] * 45


@pytest.mark.parametrize("snappy", [True, False])
def test_a_flipped_bit_in_a_table(tmp_path: Path, snappy: bool) -> None:
    """In a block of rows it costs that block; in index or footer nothing, the blocks are found by their checksums."""
    raw = table(rows(60), snappy=snappy)
    written = {key: value for key, _, value in rows(60)}
    path = folder(tmp_path / "db", {}, tables=[5])
    for at in range(0, len(raw), 11):
        (path / "000005.ldb").write_bytes(raw)
        flipped(path / "000005.ldb", at, at % 8)
        found = content(path)
        assert found.items() <= written.items()
        assert len(found) in (50, 60)
        assert len(found) == 60 or reasons(path) != []


def test_a_table_that_is_cut_off(tmp_path: Path) -> None:
    """Its whole blocks are found again."""
    raw = table(rows(60))
    path = folder(tmp_path / "db", {"000005.ldb": raw[: len(raw) // 2]}, tables=[5])
    assert len(content(path)) in (20, 30)
    assert "cannot be read" in reasons(path)[0]
    (path / "000005.ldb").write_bytes(b"")
    assert (content(path), len(reasons(path))) == ({}, 1)


def test_a_promise_of_gigabytes_is_not_believed(tmp_path: Path) -> None:
    with pytest.raises(codings.Bad, match="more than they can hold"):
        codings.unsnappy(b"\xff\xff\xff\xff\x0f" + bytes(100))
    with pytest.raises(codings.Bad):
        codings.unsnappy(b"")
    whole = bytes(cramjam.zstd.compress(b"x" * 9000))
    assert codings.unzstd(whole) == b"x" * 9000
    huge = whole[:4] + b"\xe0" + b"\xff" * 8 + whole[7:]
    for bad in (
        b"no zstd",
        whole[:6],
        whole[:-1],
        whole[:4] + b"\0\0" + whole[7:],
        huge,
        whole[:5] + b"\xff" + whole[6:],
    ):
        with pytest.raises(codings.Bad):
            codings.unzstd(bad)


def mutate(path: Path, source: Path, names: list[str], times: int) -> None:
    """Change single bytes at random: the reader must not raise, and must not show what nobody wrote."""
    written = content(source)
    rng = random.Random(20260411)
    shutil.copytree(source, path)
    for _ in range(times):
        name = rng.choice(names)
        raw = bytearray((source / name).read_bytes())
        at = rng.randrange(len(raw))
        raw[at] ^= rng.randrange(1, 256)
        (path / name).chmod(0o600)
        (path / name).write_bytes(raw)
        with LevelDB(path) as database:
            found = {key: value for key, value, _ in database.entries()}
            stale = [key for key, value in found.items() if written.get(key) != value]
            assert not stale or database.damage, f"{name} byte {at}"
        shutil.copyfile(source / name, path / name)


def test_random_bytes_never_raise(tmp_path: Path) -> None:
    files = {
        "000005.ldb": table(rows(40)),
        "000006.ldb": table(rows(30, sequence=50), snappy=False),
        "000007.log": log(
            [batch(100 + n * 2, [(b"key-%04d" % n, b"x" * 900), (b"l%02d" % n, b"y")]) for n in range(40)]
        ),
    }
    source = folder(tmp_path / "source", files, tables=[5, 6])
    mutate(tmp_path / "db", source, [*files, "MANIFEST-000001", "CURRENT"], 400)


@pytest.mark.parametrize("name", ["v17-killed-midtx", "v17-compacted"])
def test_random_bytes_in_a_golden_profile(tmp_path: Path, name: str) -> None:
    found = list((GOLDEN / name).glob("IndexedDB/*.leveldb"))
    if not found:
        pytest.skip("the golden profile is not here")
    names = sorted(path.name for path in found[0].iterdir() if path.suffix in (".log", ".ldb"))
    mutate(tmp_path / "db", found[0], names, 4)
