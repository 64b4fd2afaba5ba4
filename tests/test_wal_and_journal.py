"""The WAL and the rollback journal beside a SQLite source are applied in full, or it is said what of them is not."""

from __future__ import annotations

import contextlib
import random
import shutil
import sqlite3
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from pjais import sqlite, sqlite_journal, sqlite_wal

PAGE = 512
FRAME = 24 + PAGE
Edit = Callable[[bytearray], object]


class Pair(NamedTuple):
    """A database file and what lies beside it, as a killed app leaves them."""

    main: bytes
    side: bytes


def in_wal(path: Path, rows: int = 5, *, restarts: int = 0) -> Pair:
    """A database whose last rows lie in its WAL, one commit each; after so many restarts of the WAL."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript(f"PRAGMA page_size = {PAGE}; PRAGMA journal_mode = wal; PRAGMA wal_autocheckpoint = 0;")
        db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, x)")
        for number in range(restarts):
            db.executemany("INSERT INTO t VALUES (?, ?)", ((1000 * (number + 1) + n, "y" * 300) for n in range(40)))
            db.execute("DELETE FROM t")
            db.execute("PRAGMA wal_checkpoint(RESTART)")
        if not restarts:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for n in range(rows):
            db.execute("INSERT INTO t VALUES (?, ?)", (n, "x" * 200))
        return Pair(path.read_bytes(), Path(f"{path}-wal").read_bytes())


def in_journal(path: Path, mode: str = "delete", synchronous: str = "full", *, cache: int = 5) -> Pair:
    """A database with a transaction in it that was half written when the app was killed."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(f"PRAGMA page_size = {PAGE}")
        db.execute(f"PRAGMA journal_mode = {mode}")
        db.execute(f"PRAGMA synchronous = {synchronous}")
        db.executescript("CREATE TABLE t(id TEXT PRIMARY KEY, x); CREATE TABLE other(id INTEGER PRIMARY KEY, x);")
        db.execute("INSERT INTO other VALUES (1, 'k')")
        db.executemany("INSERT INTO t VALUES (?, ?)", ((f"i{n}", "text" + "x" * 150) for n in range(20)))
        db.execute(f"PRAGMA cache_size = {cache}")
        db.execute("BEGIN")
        db.execute("UPDATE t SET x = 'half' || substr(x, 5)")
        db.execute("INSERT INTO t SELECT 'n' || id, x FROM t")
        return Pair(path.read_bytes(), Path(f"{path}-journal").read_bytes())


def opened(folder: Path, pair: Pair, suffix: str) -> tuple[sqlite_wal.State, list[str], list[tuple[object, ...]]]:
    """What a copy says of its side file, what the integrity check finds, and the rows of `t`."""
    box = folder / "opened"
    shutil.rmtree(box, ignore_errors=True)
    box.mkdir()
    (box / "a.db").write_bytes(pair.main)
    (box / f"a.db{suffix}").write_bytes(pair.side)
    try:
        state = sqlite.copy_source(box / "a.db", box / "whole.db")
    except sqlite.Error as error:
        return sqlite_wal.State(), [str(error)], []
    with contextlib.closing(sqlite.open_frozen(box / "whole.db")) as db:
        try:
            rows = sqlite.fetch(db, "SELECT * FROM t ORDER BY 1")
        except sqlite.Error:
            rows = []
        return state, sqlite.problems(db), rows


def edited(pair: Pair, edit: Edit) -> Pair:
    """The pair with its side file changed."""
    side = bytearray(pair.side)
    edit(side)
    return Pair(pair.main, bytes(side))


def cut(at: int) -> Edit:
    """Cut the file off."""
    return lambda side: side.__delitem__(slice(at, None))


def flip(at: int, bit: int = 0) -> Edit:
    """Turn one bit over."""
    return lambda side: side.__setitem__(at, side[at] ^ 1 << bit)


def zero(start: int, end: int) -> Edit:
    """Overwrite a stretch with zeros."""
    return lambda side: side.__setitem__(slice(start, end), bytes(end - start))


def applied(wal: bytes) -> int:
    """How many frames SQLite applies: up to the last commit before the first frame that does not hold."""
    order = {0x377F0682: "<", 0x377F0683: ">"}.get(int.from_bytes(wal[:4], "big"))
    if order is None or wal[4:12] != struct.pack(">II", 3_007_000, PAGE):
        return 0
    sums = sqlite_wal.checksum(order, wal[:24], (0, 0))
    if sums != struct.unpack(">II", wal[24:32]):
        return 0
    last = 0
    for number in range((len(wal) - 32) // FRAME):
        frame = wal[32 + number * FRAME :][:FRAME]
        sums = sqlite_wal.checksum(order, frame[24:], sqlite_wal.checksum(order, frame[:8], sums))
        if frame[8:16] != wal[16:24] or frame[:4] == bytes(4) or sums != struct.unpack(">II", frame[16:24]):
            break
        last = number + 1 if any(frame[4:8]) else last
    return last


def test_every_flipped_bit_in_every_header_of_a_wal_is_named_or_harmless(tmp_path: Path) -> None:
    """Each bit of the WAL's header and of every frame's: all frames are applied, or it is damage."""
    pair = in_wal(tmp_path / "t.db", 3)
    frames = (len(pair.side) - 32) // FRAME
    before = [applied(pair.side[: 32 + frame * FRAME]) for frame in range(frames + 1)]
    assert before[-1] == frames > 4
    wal = tmp_path / "a-wal"
    for at in [*range(32), *(32 + frame * FRAME + byte for frame in range(frames) for byte in range(24))]:
        for bit in range(8):
            wal.write_bytes(edited(pair, flip(at, bit)).side)
            count = before[(at - 32) // FRAME] if at >= 32 else 0  # where SQLite stops
            assert sqlite_wal.state(wal, count).lost, (at, bit)


def test_sqlite_itself_agrees_on_what_is_applied(tmp_path: Path) -> None:
    """Some of the flips, opened by SQLite: every row is there, or it is damage."""
    pair = in_wal(tmp_path / "t.db")
    chance = random.Random(6)
    for _ in range(40):
        at = chance.choice([chance.randrange(32), chance.randrange(len(pair.side))])
        state, _, rows = opened(tmp_path, edited(pair, flip(at, chance.randrange(8))), "-wal")
        assert len(rows) == 5 or (state.lost or "").startswith(sqlite.NOT_APPLIED), at


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (zero(0, 32), "it is all zeros"),
        (cut(31), "it ends after 31 of 32 bytes"),
        (cut(1), "it ends after 1 of 32 bytes"),
        (zero(0, 10**4), "it is all zeros"),
        (flip(10, 4), "header is damaged"),
        (flip(19, 7), "header is damaged"),
        (flip(32 + FRAME + 100), "frame 2 (byte 568): its checksum does not match"),
        (zero(32 + FRAME, 32 + 2 * FRAME), "frame 2 (byte 568): it is all zeros"),
        (flip(32 + FRAME + 9), "frame 2 (byte 568): its salts are not those of the header"),
    ],
)
def test_a_damaged_wal_says_where_and_how_much(tmp_path: Path, edit: Edit, reason: str) -> None:
    """The place, the cause, and how many commits are behind it."""
    state, _, rows = opened(tmp_path, edited(in_wal(tmp_path / "t.db"), edit), "-wal")
    assert state.lost is not None and reason in state.lost
    assert len(rows) < 5


def test_a_wal_that_was_cut_while_it_was_written_is_no_damage(tmp_path: Path) -> None:
    """Wherever the app was stopped behind the header: whole commits count, and what is behind them is noted."""
    pair = in_wal(tmp_path / "t.db")
    seen = set()
    for length in range(32, len(pair.side), 133):
        state, problems, rows = opened(tmp_path, edited(pair, cut(length)), "-wal")
        assert state.lost is None and problems == []
        assert bool(state.torn) == (length - 32 != applied(pair.side[:length]) * FRAME)
        seen.add(len(rows))
    assert seen == {0, 1, 2, 3, 4}


@pytest.mark.parametrize("restarts", [1, 3])
def test_frames_of_earlier_generations_are_no_damage(tmp_path: Path, restarts: int) -> None:
    """A WAL that was begun again still holds what it held before, behind what counts."""
    pair = in_wal(tmp_path / "t.db", 2, restarts=restarts)
    assert applied(pair.side) < (len(pair.side) - 32) // FRAME
    state, problems, rows = opened(tmp_path, pair, "-wal")
    assert (state, problems, len(rows)) == (sqlite_wal.State(), [], 2)
    for at in (8, 12):  # either salt of the last frame that counts
        frame = 32 + (applied(pair.side) - 1) * FRAME
        state, _, rows = opened(tmp_path, edited(pair, flip(frame + at)), "-wal")
        assert state.lost and len(rows) < 2


def test_a_wal_beside_an_empty_file_is_damage(tmp_path: Path) -> None:
    """SQLite removes such a WAL without a word."""
    state, _, _ = opened(tmp_path, Pair(b"", in_wal(tmp_path / "t.db").side), "-wal")
    assert state.lost and "empty" in state.lost


@pytest.mark.parametrize("mode", ["delete", "persist", "truncate"])
@pytest.mark.parametrize("synchronous", ["off", "normal", "full"])
@pytest.mark.parametrize("cache", [3, 8, 10_000])
def test_a_hot_journal_is_played_back(tmp_path: Path, mode: str, synchronous: str, cache: int) -> None:
    """In every mode, in one segment or several, on the disk already or not: the state before, and nothing to say."""
    state, problems, rows = opened(tmp_path, in_journal(tmp_path / "t.db", mode, synchronous, cache=cache), "-journal")
    assert (state, problems) == (sqlite_wal.State(), [])
    assert [str(x)[:4] for _, x in rows] == ["text"] * 20


@pytest.mark.parametrize(("mode", "synchronous"), [("delete", "full"), ("delete", "off")])
def test_every_flipped_bit_in_a_journals_headers_is_named_or_harmless(
    tmp_path: Path, mode: str, synchronous: str
) -> None:
    """Each bit of the header, of the first two records' page numbers and checksums: all is right, or it is damage."""
    pair = in_journal(tmp_path / "t.db", mode, synchronous)
    record = PAGE + 8
    places = [*range(28), *(512 + n * record + at for n in (0, 1) for at in (0, 1, 2, 3, record - 4, record - 1))]
    for at in places:
        for bit in range(0, 8, 1 if at % 4 == 3 or at < 8 else 3):
            state, problems, rows = opened(tmp_path, edited(pair, flip(at, bit)), "-journal")
            right = [str(x)[:4] for _, x in rows] == ["text"] * 20
            assert right or state.lost or problems, (at, bit)


@pytest.mark.parametrize(
    "edit", [zero(0, 8), zero(0, 12), zero(8, 12), cut(20), cut(100), cut(600), flip(512 + 4 + 112), flip(0), flip(11)]
)
def test_a_damaged_hot_journal_is_named(tmp_path: Path, edit: Edit) -> None:
    """Magic, count, length, a page: half-written values would pass as right."""
    state, _, _ = opened(tmp_path, edited(in_journal(tmp_path / "t.db"), edit), "-journal")
    assert state.lost and "journal is damaged" in state.lost


def test_a_later_segment_of_a_journal_that_is_damaged_is_named(tmp_path: Path) -> None:
    """SQLite stops at a header that it does not know; pages behind it stay half written."""
    pair = in_journal(tmp_path / "t.db", cache=3)
    second = pair.side.index(pair.side[:8], 8)
    for at in (0, 7, 8, 11, 12):
        state, _, _ = opened(tmp_path, edited(pair, flip(second + at, 3)), "-journal")
        assert state.lost, at


@pytest.mark.parametrize("page", [0, 1, 2, 4, 7, 500])
def test_a_record_of_another_page_is_named(tmp_path: Path, page: int) -> None:
    """The number of a page has no checksum: a record that would overwrite another page does not pass."""
    pair = in_journal(tmp_path / "t.db")
    state, problems, _ = opened(
        tmp_path, edited(pair, lambda side: side.__setitem__(slice(512, 516), page.to_bytes(4, "big"))), "-journal"
    )
    assert state.lost or problems


def test_a_finished_journal_is_no_damage(tmp_path: Path) -> None:
    """PERSIST ends a transaction by zeros over the header."""
    path = tmp_path / "t.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript("PRAGMA journal_mode = persist; CREATE TABLE t(id, x); INSERT INTO t VALUES (1, 'a');")
    pair = Pair(path.read_bytes(), Path(f"{path}-journal").read_bytes())
    assert pair.side
    assert opened(tmp_path, pair, "-journal") == (sqlite_wal.State(), [], [(1, "a")])


@pytest.fixture
def attached(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """A transaction over two files, in the moment in which its super-journal is there: (database, super-journal)."""
    pair = in_journal(tmp_path / "t.db")
    name = tmp_path / "t.db-mj01234567"
    name.write_bytes(f"{tmp_path / 'live.db-journal'}\0".encode())
    text = str(name).encode()
    tail = struct.pack(">II", len(text), sum(text)) + pair.side[:8]
    whole = pair.side.ljust(-(-len(pair.side) // 512) * 512, b"\0")
    lock = ((1 << 30) // PAGE + 1).to_bytes(4, "big")
    (tmp_path / "a.db").write_bytes(pair.main)
    (tmp_path / "a.db-journal").write_bytes(whole + lock + text + tail)
    yield tmp_path / "a.db", name


def test_a_super_journal_is_looked_for_and_never_removed(tmp_path: Path, attached: tuple[Path, Path]) -> None:
    """While it is there the transaction is not committed; it lies beside the live files and is left alone."""
    path, name = attached
    assert sqlite_journal.super_journal(Path(f"{path}-journal")) is not None
    state = sqlite.copy_source(path, tmp_path / "whole.db")
    assert state == sqlite_wal.State() and name.exists()
    with contextlib.closing(sqlite.open_frozen(tmp_path / "whole.db")) as db:
        assert sqlite.value(db, "SELECT count(*) FROM t WHERE x LIKE 'text%'") == 20


def test_a_transaction_whose_super_journal_is_gone_is_committed(tmp_path: Path, attached: tuple[Path, Path]) -> None:
    """As SQLite does it; where the folder it lay in is not here either, nobody can know, and that is said."""
    path, name = attached
    shutil.copy(path, tmp_path / "b.db")
    moved = Path(f"{path}-journal").read_bytes().replace(str(tmp_path).encode(), b"/" + b"z" * (len(str(tmp_path)) - 1))
    text = str(name).replace(str(tmp_path), "/" + "z" * (len(str(tmp_path)) - 1)).encode()
    (tmp_path / "b.db-journal").write_bytes(moved[:-12] + struct.pack(">I", sum(text)) + moved[-8:])
    name.unlink()
    assert sqlite.copy_source(path, tmp_path / "whole.db").lost is None
    unknown = sqlite.copy_source(tmp_path / "b.db", tmp_path / "unknown.db")
    assert unknown.lost and name.name in unknown.lost
