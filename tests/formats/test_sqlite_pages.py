"""`salvage` gives what SELECT gives on sound files, and loses nothing silently on damaged ones."""

from __future__ import annotations

import random
import sqlite3
import struct
import tempfile
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import apsw
import pytest

from pjais.core.document import Document, Unreadable
from pjais.formats.sqlite_pages import salvage

Row = tuple[str, tuple[Any, ...]]
PAGE = 1024
MEMORIES = (
    "CREATE TABLE memories (id TEXT PRIMARY KEY, persona_id TEXT, content TEXT, importance REAL, "
    "access_count INTEGER DEFAULT 0, embedding BLOB)"
)


@cache
def sample_bytes(page_size: int, encoding: str, rows: int, before: str) -> bytes:
    """A database with personas, memories deep enough for interior pages, an overflow chain, a log."""
    memories = [
        (f"m{n}", f"p{n % 3}", f"Erinnerung ♥ {n} " * (n % 7 + 1), n / 4, n * 10**n % 2**60, bytes([n % 256]))
        for n in range(rows)
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.db"
        with closing(sqlite3.connect(path)) as db:
            db.executescript(f"PRAGMA page_size = {page_size}; PRAGMA encoding = '{encoding}'; {before}")
            db.execute(MEMORIES)
            db.execute("CREATE TABLE personas (id TEXT PRIMARY KEY, name TEXT, settings TEXT)")
            db.execute("CREATE TABLE log (number INTEGER PRIMARY KEY AUTOINCREMENT, note TEXT)")
            db.execute("CREATE INDEX by_persona ON memories (persona_id)")
            db.executemany("INSERT INTO memories VALUES (?, ?, ?, ?, ?, ?)", memories)
            db.execute("UPDATE memories SET content = ? WHERE id = 'm7'", ("lang " * 3 * page_size,))
            db.executemany("INSERT INTO personas VALUES (?, ?, '{}')", [(f"p{n}", f"Name {n}") for n in range(3)])
            db.executemany("INSERT INTO log (note) VALUES (?)", [(f"{n} " * 40,) for n in range(60)])
            db.commit()
        return path.read_bytes()


def sample(path: Path, page_size: int = PAGE, encoding: str = "UTF-8", rows: int = 200, before: str = "") -> Path:
    path.write_bytes(sample_bytes(page_size, encoding, rows, before))
    return path


def expected(path: Path) -> list[Row]:
    """Every row of every table of people's data, by SELECT."""
    rows: list[Row] = []
    with closing(sqlite3.connect(path)) as db:
        tables = [
            name
            for (name,) in db.execute(
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE '%VIRTUAL%'"
            )
            if not name.startswith(("sqlite_", "__livestore_", "words_"))
        ]
        for name in tables:
            cursor = db.execute(f'SELECT * FROM "{name}"')
            columns = [column[0] for column in cursor.description]
            rows.extend((name, tuple(zip(columns, row, strict=True))) for row in cursor)
    return sorted(rows, key=repr)


def saved(pieces: list[Document | Unreadable]) -> list[Row]:
    """The documents among the pieces, in the form of `expected`."""
    return sorted(((p.collection, tuple(p.value.items())) for p in pieces if isinstance(p, Document)), key=repr)


def unreadable(pieces: list[Document | Unreadable]) -> list[Unreadable]:
    return [piece for piece in pieces if isinstance(piece, Unreadable)]


def ids(pieces: list[Document | Unreadable], collection: str = "memories") -> set[str | None]:
    return {p.native_id for p in pieces if isinstance(p, Document) and p.collection == collection}


def homes(pieces: list[Document | Unreadable]) -> dict[tuple[str, str | None], int]:
    """On which page each row lies, by its collection and id."""
    return {(p.collection, p.native_id): int(p.place.split()[1]) for p in pieces if isinstance(p, Document)}


def root_of(path: Path, table: str) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()[0])


def children(data: bytes, page: int, size: int = PAGE) -> list[int]:
    """The pages below an interior page."""
    base = (page - 1) * size
    (count,) = struct.unpack_from(">H", data, base + 3)
    pointers = struct.unpack_from(f">{count}H", data, base + 12)
    return [
        *(struct.unpack_from(">I", data, base + at)[0] for at in pointers),
        *struct.unpack_from(">I", data, base + 8),
    ]


def damaged(path: Path, damage: Callable[[bytearray], None]) -> list[Document | Unreadable]:
    """What is salvaged after some damage to the file's bytes."""
    data = bytearray(path.read_bytes())
    damage(data)
    path.write_bytes(data)
    return list(salvage(path))


def wipe(page: int, filler: bytes = b"\0", size: int = PAGE) -> Callable[[bytearray], None]:
    def damage(data: bytearray) -> None:
        data[(page - 1) * size : page * size] = (filler * size)[:size]

    return damage


# sound files


@pytest.mark.parametrize("page_size", [512, 1024, 4096, 65536])
@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
def test_a_sound_file_gives_what_select_gives(tmp_path: Path, page_size: int, encoding: str) -> None:
    """Every page size class and every text encoding, with interior pages, overflow and an index."""
    path = sample(tmp_path / "a.db", page_size=page_size, encoding=encoding)
    pieces = list(salvage(path))
    assert not unreadable(pieces)
    assert saved(pieces) == expected(path)


def test_a_document_has_its_id_its_place_and_no_notes(tmp_path: Path) -> None:
    """The id column names the document; without one the key does, and without that the rowid."""
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE a (id TEXT, x)")
        db.execute("CREATE TABLE b (x INTEGER)")
        db.execute("CREATE TABLE c (id INTEGER PRIMARY KEY, x)")
        db.execute("CREATE TABLE d (id BLOB, x)")
        db.execute("CREATE TABLE e (name TEXT, number INTEGER, PRIMARY KEY (number, name))")
        db.execute("INSERT INTO a VALUES ('one', 1)")
        db.execute("INSERT INTO b (rowid, x) VALUES (-17, 1)")
        db.execute("INSERT INTO c VALUES (5, 1)")
        db.execute("INSERT INTO d VALUES (x'00', 1)")
        db.execute("INSERT INTO e VALUES ('n', 3)")
        db.commit()
    assert [(p.collection, p.native_id, p.place) for p in salvage(path) if isinstance(p, Document)] == [
        ("a", "one", "page 2 row 1"),
        ("b", "-17", "page 3 row -17"),
        ("c", "5", "page 4 row 5"),
        ("d", "1", "page 5 row 1"),
        ("e", '[3,"n"]', "page 6 row 1"),
    ]


def test_personas_come_first_and_memories_second(tmp_path: Path) -> None:
    """References point backwards; the other tables keep the schema's order."""
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as db:
        for name in ("zebra", "memory_entities", "apple", "personas", "memories"):
            db.execute(f"CREATE TABLE {name} (id)")
            db.execute(f"INSERT INTO {name} VALUES (1)")
        db.commit()
    names = [piece.collection for piece in salvage(path)]
    assert names == ["personas", "memory_entities", "memories", "zebra", "apple"]


def test_rows_come_in_the_order_of_the_tree(tmp_path: Path) -> None:
    """The rowids rise, whatever the order of the pages in the file."""
    path = tmp_path / "a.db"
    numbers = list(range(2000))
    random.Random(1).shuffle(numbers)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA page_size = 512")
        db.execute("CREATE TABLE a (id INTEGER PRIMARY KEY, x)")
        db.executemany("INSERT INTO a VALUES (?, 'some text')", [(number,) for number in numbers])
        db.commit()
    assert [piece.native_id for piece in salvage(path) if isinstance(piece, Document)] == [
        str(number) for number in range(2000)
    ]


def test_every_storage_class_at_its_extremes(tmp_path: Path) -> None:
    """Integers of every width, reals, infinities, empty and large values, NULs in text."""
    path = tmp_path / "a.db"
    integers = [sign * (1 << bits) + off for bits in range(64) for sign in (1, -1) for off in (-1, 0, 1)]
    values = [n for n in integers if -(2**63) <= n < 2**63]
    values += [0.0, -0.5, 1e308, float("inf"), "", "a\0b", "ä€😀", b"", b"\0" * 5000, None, "x" * 100_000]  # type: ignore[list-item]
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE a (plain, whole INTEGER, floating REAL, words TEXT, DOUBLE NUMERIC)")
        db.executemany("INSERT INTO a VALUES (?1, ?1, ?1, ?1, ?1)", [(value,) for value in values])
        db.commit()
    pieces = list(salvage(path))
    assert not unreadable(pieces)
    assert saved(pieces) == expected(path)


def test_a_row_older_than_a_column_gets_its_default(tmp_path: Path) -> None:
    """ALTER TABLE ADD COLUMN leaves the rows as they are; the default keeps the column's affinity."""
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE a (id INTEGER PRIMARY KEY)")
        db.execute("INSERT INTO a VALUES (1), (2)")
        adds = [
            "b TEXT DEFAULT 'hot'",
            "c REAL DEFAULT 3",
            "d",
            "e INTEGER DEFAULT '7'",
            "f DEFAULT x'0102'",
            "g TEXT DEFAULT 5",
            "h DEFAULT (-2)",
            "i NUMERIC DEFAULT '1.0'",
            "j DEFAULT 'it''s'",
            "k DEFAULT TRUE",
        ]
        for add in adds:
            db.execute(f"ALTER TABLE a ADD COLUMN {add}")
        db.execute("INSERT INTO a (id) VALUES (3)")
        db.commit()
    assert saved(list(salvage(path))) == expected(path)


def test_tables_without_rowid(tmp_path: Path) -> None:
    """Rows lie in leaf and interior pages of an index, key columns first."""
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA page_size = 512")
        db.execute("CREATE TABLE a (x TEXT, id TEXT, y REAL, k INTEGER, PRIMARY KEY (k, id)) WITHOUT ROWID")
        db.executemany("INSERT INTO a VALUES (?, ?, ?, ?)", [("t" * n, f"id{n}", n, -n) for n in range(900)])
        db.commit()
    pieces = list(salvage(path))
    assert not unreadable(pieces)
    assert [p.value["k"] for p in pieces if isinstance(p, Document)] == list(range(-899, 1))
    assert sorted(sorted(dict(row).items()) for _, row in saved(pieces)) == sorted(
        sorted(dict(row).items()) for _, row in expected(path)
    )


def test_reserved_bytes_at_the_end_of_each_page(tmp_path: Path) -> None:
    """Encrypting and checksumming extensions keep some bytes of every page for themselves."""
    path = sample(tmp_path / "a.db")
    with closing(apsw.Connection(str(path))) as db:
        db.reserve_bytes("main", 40)
        db.execute("VACUUM")
    assert path.read_bytes()[20] == 40
    pieces = list(salvage(path))
    assert not unreadable(pieces)
    assert saved(pieces) == expected(path)


@pytest.mark.parametrize("vacuum", ["none", "full", "incremental"])
def test_deleted_rows_do_not_come_back(tmp_path: Path, vacuum: str) -> None:
    """Free pages, free blocks and the pointer map of auto-vacuum are not rows."""
    path = sample(tmp_path / "a.db", before=f"PRAGMA auto_vacuum = {vacuum};")
    with closing(sqlite3.connect(path)) as db:
        db.execute("DELETE FROM memories WHERE rowid % 3 = 0 OR rowid BETWEEN 50 AND 150")
        db.execute("DELETE FROM log")
        db.commit()
    pieces = list(salvage(path))
    assert not unreadable(pieces)
    assert saved(pieces) == expected(path)


def test_committed_frames_of_a_wal_count_and_others_do_not(tmp_path: Path) -> None:
    """The WAL is laid over the file up to the last commit; a frame with a broken checksum ends it."""
    path, copy = sample(tmp_path / "a.db"), tmp_path / "b.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA wal_autocheckpoint = 0")
        db.execute("UPDATE personas SET name = 'renamed'")
        db.commit()
        first = expected(path)
        early = (tmp_path / "a.db-wal").stat().st_size
        db.executemany("INSERT INTO memories (id, content) VALUES (?, ?)", [(f"w{n}", "w" * 900) for n in range(99)])
        db.commit()
        both = expected(path)
        copy.write_bytes(path.read_bytes())
        wal = bytearray((tmp_path / "a.db-wal").read_bytes())
    side = tmp_path / "b.db-wal"
    side.write_bytes(wal)
    assert saved(list(salvage(copy))) == both
    side.write_bytes(wal[:-1])
    assert saved(list(salvage(copy))) == first
    wal[early + 100] ^= 1
    side.write_bytes(wal)
    assert saved(list(salvage(copy))) == first
    side.write_bytes(wal[:31])
    assert ("personas", (("id", "p0"), ("name", "Name 0"), ("settings", "{}"))) in saved(list(salvage(copy)))


def test_what_is_nobodys_data_is_left_out(tmp_path: Path) -> None:
    """SQLite's and LiveStore's own tables, virtual tables with their shadows, views."""
    path = sample(tmp_path / "a.db")
    with closing(sqlite3.connect(path)) as db:
        db.executescript(
            "CREATE VIRTUAL TABLE words USING fts5(text); INSERT INTO words VALUES ('hello');"
            "CREATE TABLE __livestore_schema (a); INSERT INTO __livestore_schema VALUES (1);"
            "CREATE VIEW v AS SELECT * FROM personas; ANALYZE;"
        )
    pieces = list(salvage(path))
    assert {piece.collection for piece in pieces} == {"personas", "memories", "log"}
    assert saved(pieces) == expected(path)


def test_generated_columns(tmp_path: Path) -> None:
    """A stored one is in the record; a virtual one is not, so it is left out."""
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE a (id TEXT, v AS (id || '!'), s AS (id || '?') STORED, z REAL)")
        db.execute("INSERT INTO a VALUES ('x', 1)")
        db.commit()
    assert [p.value for p in salvage(path) if isinstance(p, Document)] == [{"id": "x", "s": "x?", "z": 1.0}]


def test_text_that_is_not_utf8_keeps_its_bytes(tmp_path: Path) -> None:
    """Bad bytes become lone surrogates, and the document says so."""
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE a (id TEXT, x TEXT)")
        db.execute("INSERT INTO a VALUES ('ok', CAST(x'61FF62' AS TEXT)), ('fine', 'ä')")
        db.commit()
    bad, good = (piece for piece in salvage(path) if isinstance(piece, Document))
    assert (bad.value["x"], bad.notes) == ("a\udcffb", ("invalid-utf8",))
    assert (good.value["x"], good.notes) == ("ä", ())


def test_a_create_text_that_does_not_run_gives_numbered_columns(tmp_path: Path) -> None:
    """Rows are worth more than their columns' names; and what the text asks for is not done."""
    path, evil = tmp_path / "a.db", tmp_path / "evil.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE a (id TEXT, x)")
        db.execute("CREATE TABLE b (id TEXT, x)")
        db.execute("INSERT INTO a VALUES ('m', 2)")
        db.execute("INSERT INTO b VALUES ('m', 2)")
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_schema SET sql = 'CREATE TABLE a (id TEXT x)))' WHERE name = 'a'")
        text = f"CREATE TABLE b(id, x); VACUUM INTO '{evil}'"
        db.execute("UPDATE sqlite_schema SET sql = ? WHERE name = 'b'", (text,))
        db.commit()
    assert saved(list(salvage(path))) == [(name, (("c0", "m"), ("c1", 2))) for name in "ab"]
    assert not evil.exists()


# damaged files


@pytest.mark.parametrize("at", [0, 5, 15, 16, 17, 18, 19, 20, 21, 24, 28, 31, 32, 35, 39, 44, 47, 56, 59, 92, 95])
def test_one_flipped_bit_in_the_file_header_costs_nothing(tmp_path: Path, at: int) -> None:
    """Page size, reserved bytes, encoding and page count are found out from the pages."""
    for encoding in ("UTF-8", "UTF-16le"):
        path = sample(tmp_path / f"{encoding}.db", encoding=encoding, rows=60)
        whole = expected(path)

        def flip(data: bytearray) -> None:
            data[at] ^= 1 << at % 8

        assert saved(damaged(path, flip)) == whole


@pytest.mark.parametrize("page_size", [512, 1024, 2048, 8192])
def test_a_lost_file_header_is_found_out(tmp_path: Path, page_size: int) -> None:
    """The 100 bytes of the header are gone; the page size that makes the pages sound is taken."""
    path = sample(tmp_path / "a.db", page_size=page_size)
    whole = expected(path)

    def lose(data: bytearray) -> None:
        data[:100] = bytes(100)

    assert saved(damaged(path, lose)) == whole


def test_what_is_no_database_is_one_piece(tmp_path: Path) -> None:
    """Text, noise, zeros and nothing at all."""
    for content in (b"", b"hello", bytes(5000), random.Random(3).randbytes(70_000)):
        path = tmp_path / "a.db"
        path.write_bytes(content)
        assert list(salvage(path)) == [Unreadable("$file", "byte 0", content, "not a SQLite file")]


def test_a_header_with_nothing_behind_it_is_reported(tmp_path: Path) -> None:
    """The file was cut behind its first bytes."""
    path = sample(tmp_path / "a.db")
    path.write_bytes(path.read_bytes()[:100])
    assert [(p.collection, p.place) for p in unreadable(list(salvage(path)))] == [("$file", "page 1")]


def test_without_a_schema_every_page_of_rows_is_kept_raw(tmp_path: Path) -> None:
    """Page 1 is gone: no page can be attributed, none is lost."""
    path = sample(tmp_path / "a.db")
    data = path.read_bytes()
    leaves = {f"page {n + 1}" for n in range(1, len(data) // PAGE) if data[n * PAGE] == 13}
    pieces = damaged(path, wipe(1))
    assert not saved(pieces)
    assert {piece.place for piece in unreadable(pieces)} == leaves | {"page 1"}


def test_a_wiped_leaf_costs_its_rows_only(tmp_path: Path) -> None:
    """All rows of the other pages are there, and the wiped page is named with its bytes."""
    path = sample(tmp_path / "a.db")
    leaf = children(path.read_bytes(), root_of(path, "memories"))[3]
    where = homes(list(salvage(path)))
    pieces = damaged(path, wipe(leaf, b"\xa5"))
    assert leaf in where.values()
    assert set(homes(pieces)) == {row for row, page in where.items() if page != leaf}
    assert unreadable(pieces) == [Unreadable("memories", f"page {leaf}", b"\xa5" * PAGE, "this is no page of rows")]


def test_a_wiped_interior_page_costs_nothing_where_it_is_the_only_one(tmp_path: Path) -> None:
    """Leaf pages that nobody has go to the one table that misses some."""
    path = sample(tmp_path / "a.db")
    whole = expected(path)
    pieces = damaged(path, wipe(root_of(path, "memories")))
    assert saved(pieces) == whole
    assert [piece.collection for piece in unreadable(pieces)] == ["memories"]
    assert {p.notes for p in pieces if isinstance(p, Document) and p.collection == "memories"} == {("salvaged",)}
    assert {p.notes for p in pieces if isinstance(p, Document) and p.collection != "memories"} == {()}


def test_two_wiped_interior_pages_leave_their_leaves_raw(tmp_path: Path) -> None:
    """Nobody can say which of the two tables a leaf belongs to, so it is kept and not guessed."""
    path = sample(tmp_path / "a.db")
    roots = [root_of(path, name) for name in ("memories", "log")]
    leaves = {f"page {leaf}" for root in roots for leaf in children(path.read_bytes(), root)}
    for root in roots:
        pieces = damaged(path, wipe(root))
    assert {row[0] for row in saved(pieces)} == {"personas"}
    assert {piece.place for piece in unreadable(pieces) if piece.collection == "$file"} == leaves


def test_deleted_pages_are_not_salvaged(tmp_path: Path) -> None:
    """The free list tells which of the pages that nobody has hold deleted rows."""
    path = sample(tmp_path / "a.db")
    with closing(sqlite3.connect(path)) as db:
        db.execute("DELETE FROM memories WHERE rowid > 100")
        db.commit()
    whole = expected(path)
    assert saved(damaged(path, wipe(root_of(path, "memories")))) == whole


def test_a_pointer_into_another_table_takes_none_of_its_rows(tmp_path: Path) -> None:
    """The keys around a pointer tell that the rows behind it belong elsewhere."""
    path = sample(tmp_path / "a.db")
    whole = expected(path)
    data = path.read_bytes()
    ours, theirs = root_of(path, "memories"), root_of(path, "log")
    stolen = children(data, theirs)[-2]

    def redirect(data: bytearray) -> None:
        (at,) = struct.unpack_from(">H", data, (ours - 1) * PAGE + 12 + 20)
        struct.pack_into(">I", data, (ours - 1) * PAGE + at, stolen)

    pieces = damaged(path, redirect)
    assert saved(pieces) == whole
    assert [(p.collection, p.place) for p in unreadable(pieces)] == [("memories", f"page {ours}")]


@pytest.mark.parametrize("target", ["itself", "sibling", "beyond", "zero"])
def test_a_wrong_pointer_ends_and_is_reported(tmp_path: Path, target: str) -> None:
    """A page that points to itself, to a page read before, out of the file, or nowhere."""
    path = sample(tmp_path / "a.db")
    whole = expected(path)
    data = path.read_bytes()
    root = root_of(path, "memories")
    wrong = {"itself": root, "sibling": children(data, root)[0], "beyond": 1 << 30, "zero": 0}[target]

    def redirect(data: bytearray) -> None:
        struct.pack_into(">I", data, (root - 1) * PAGE + 8, wrong)

    pieces = damaged(path, redirect)
    assert saved(pieces) == whole
    assert [(p.collection, p.place) for p in unreadable(pieces)] == [("memories", f"page {root}")]


@pytest.mark.parametrize("flip", range(8))
def test_flipped_bits_in_a_leaf_page_header_are_noticed(tmp_path: Path, flip: int) -> None:
    """Each byte of the header: type, free blocks, cell count, content start, fragments."""
    path = sample(tmp_path / "a.db")
    leaf = children(path.read_bytes(), root_of(path, "memories"))[5]
    elsewhere = {
        str(p.value) for p in salvage(path) if isinstance(p, Document) and not p.place.startswith(f"page {leaf} ")
    }

    def damage(data: bytearray) -> None:
        data[(leaf - 1) * PAGE + flip] ^= 0x05

    pieces = damaged(path, damage)
    assert elsewhere <= {str(p.value) for p in pieces if isinstance(p, Document)}
    assert f"page {leaf}" in {piece.place for piece in unreadable(pieces)}


def test_a_broken_overflow_chain_costs_one_row(tmp_path: Path) -> None:
    """What the chain gave until it broke is kept; the rows beside it are whole."""
    path = sample(tmp_path / "a.db")
    whole = ids(list(salvage(path)))
    first = path.read_bytes().index(b"lang " * 150) // PAGE

    def cut(data: bytearray) -> None:
        struct.pack_into(">I", data, first * PAGE, 0)

    pieces = damaged(path, cut)
    assert ids(pieces) == whole - {"m7"}
    (piece,) = unreadable(pieces)
    assert piece.place.endswith("row 8")
    assert piece.raw.count(b"lang ") > 150
    assert "overflow" in piece.reason


def test_a_broken_record_costs_one_row(tmp_path: Path) -> None:
    """A serial type that does not fit its payload is not half-read."""
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE a (id TEXT)")
        db.execute("INSERT INTO a VALUES ('one'), ('two'), ('three')")
        db.commit()

    def damage(data: bytearray) -> None:
        data[data.index(b"\x02\x13two") + 1] = 0x15

    pieces = damaged(path, damage)
    assert ids(pieces, "a") == {"one", "three"}
    assert [(p.place, p.raw) for p in unreadable(pieces)] == [("page 2 row 2", b"\x02\x15two")]


@pytest.mark.parametrize("keep", [1, 99, 101, 500, PAGE, 2 * PAGE, 5 * PAGE + 7, 20 * PAGE, 33 * PAGE - 1, -PAGE, -1])
def test_a_truncated_file_gives_the_rows_before_the_cut(tmp_path: Path, keep: int) -> None:
    """Rows of whole pages before the cut are read or, where their table is in doubt, kept as raw pages."""
    path = sample(tmp_path / "a.db")
    data, where = path.read_bytes(), homes(list(salvage(path)))
    cut = keep % len(data)
    path.write_bytes(data[:cut])
    pieces = list(salvage(path))
    found = homes(pieces)
    kept = {piece.place for piece in unreadable(pieces)}
    places = [(piece.collection, piece.place) for piece in pieces]
    assert kept
    assert len(set(places)) == len(places)
    for row, page in where.items():
        assert page > cut // PAGE or row in found or f"page {page}" in kept or row == ("memories", "m7")


def test_missing_pages_are_named_one_by_one(tmp_path: Path) -> None:
    """Every page beyond the end that a tree needs is a piece of its table, without bytes."""
    path = sample(tmp_path / "a.db")
    data = path.read_bytes()
    end = len(data) // PAGE - 6
    missing = [n for n in children(data, root_of(path, "log")) if n > end]
    path.write_bytes(data[: end * PAGE])
    gone = [p.place for p in unreadable(list(salvage(path))) if p.reason == "the file ends before this page"]
    assert missing
    assert {f"page {number}" for number in missing} <= set(gone)


def test_a_wiped_interior_page_without_rowid_costs_its_own_rows_only(tmp_path: Path) -> None:
    """The leaves below are found among the pages of indexes, which hold nothing of their own."""
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA page_size = 1024")
        db.execute("CREATE TABLE a (id TEXT PRIMARY KEY, x TEXT) WITHOUT ROWID")
        db.execute("CREATE TABLE b (id TEXT PRIMARY KEY, x TEXT)")
        for table in "ab":
            rows = [(f"{table}{n}", "x" * 60) for n in range(200)]
            db.executemany(f"INSERT INTO {table} VALUES (?, ?)", rows)
        db.commit()
    where = homes(list(salvage(path)))
    root = root_of(path, "a")
    pieces = damaged(path, wipe(root))
    assert len(where) == 400
    assert set(homes(pieces)) == {row for row, page in where.items() if page != root}
    assert [(p.collection, p.place) for p in unreadable(pieces)] == [("a", f"page {root}")]


def test_a_damaged_schema_row_costs_the_name_and_not_the_rows(tmp_path: Path) -> None:
    """The row is kept, the other tables are whole, and the pages of the unknown table are kept raw."""
    path = sample(tmp_path / "a.db")
    where = homes(list(salvage(path)))

    def damage(data: bytearray) -> None:
        data[data.index(b"tablepersonaspersonas") - 4] ^= 0x40

    pieces = damaged(path, damage)
    assert {row for row in where if row[0] != "personas"} == set(homes(pieces))
    pages = {f"page {page}" for row, page in where.items() if row[0] == "personas"}
    assert {piece.collection for piece in unreadable(pieces)} == {"$file"}
    assert pages <= {piece.place for piece in unreadable(pieces)}
    assert any(b"CREATE TABLE personas" in piece.raw for piece in unreadable(pieces))


def test_one_wrong_letter_in_a_name_is_outvoted(tmp_path: Path) -> None:
    """The schema holds each table's name three times."""
    path = sample(tmp_path / "a.db")
    whole = expected(path)

    def damage(data: bytearray) -> None:
        data[data.index(b"tablepersonaspersonas") + 6] ^= 0x01

    assert saved(damaged(path, damage)) == whole


def test_random_bytes_over_any_page(tmp_path: Path) -> None:
    """Each page in turn: the rest is saved, and a page that held rows is reported."""
    path = sample(tmp_path / "a.db", rows=60)
    sound, where = path.read_bytes(), homes(list(salvage(path)))
    noise = random.Random(11)
    for page in range(2, len(sound) // PAGE + 1):
        path.write_bytes(sound)
        pieces = damaged(path, wipe(page, noise.randbytes(PAGE)))
        found = homes(pieces)
        lost = {row for row, home in where.items() if home != page and row not in found}
        assert lost <= {("memories", "m7")}, page  # the one whose payload lies in other pages
        assert unreadable(pieces) or not lost
        assert unreadable(pieces) or page not in where.values()


def test_random_single_bytes_never_break_the_reader(tmp_path: Path) -> None:
    """Whatever byte is wrong, reading ends, and no row of another page is lost; of page 1, none silently."""
    path = sample(tmp_path / "a.db", rows=40)
    sound, where = path.read_bytes(), homes(list(salvage(path)))
    chance = random.Random(5)
    for _ in range(200):
        at = chance.choice(
            [chance.randrange(len(sound)), chance.randrange(len(sound) // PAGE) * PAGE + chance.randrange(20)]
        )
        path.write_bytes(sound[:at] + bytes([sound[at] ^ chance.randrange(1, 256)]) + sound[at + 1 :])
        pieces = list(salvage(path))
        page, found = at // PAGE + 1, homes(pieces)
        lost = {row for row, home in where.items() if home != page and row not in found}
        if page > 1:
            assert lost <= {("memories", "m7")}, at
        assert not lost or unreadable(pieces) or len(found) >= len(where), at


def test_many_wrong_bytes_never_break_the_reader(tmp_path: Path) -> None:
    """Damage all over the file, header included: it ends, and tells the same the next time."""
    path = sample(tmp_path / "a.db", page_size=512, rows=40)
    sound = path.read_bytes()
    chance = random.Random(6)
    for _ in range(25):
        data = bytearray(sound)
        for _ in range(chance.choice([3, 30, 300])):
            data[chance.randrange(len(data))] = chance.randrange(256)
        path.write_bytes(data)
        assert list(salvage(path)) == list(salvage(path))
