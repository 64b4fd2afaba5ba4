"""SQLite files that are broken, locked, odd, or only whole together with what lies beside them."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
from collections.abc import Callable

import pytest
from box import ROWS_SQL, Box, crash_writer, fingerprint

from world import documents

MANY = """
WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 500)
INSERT INTO memoryEntities SELECT 'k' || i, 'p1', 'text', '"content ' || i || '"', '[]' FROM s;
"""


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("livestore.db", b""),
        ("database/pjais.db", b"hello"),
        ("database.db", b"\0" * 8192),
        ("livestore.db", b"SQLite format 3\0"),
        ("data/livestore.db", b"SQLite format 3\0" + b"\xff" * 200),
    ],
)
def test_a_database_that_is_none(box: Box, name: str, content: bytes) -> None:
    """Zero bytes, text, zeros, a header alone: damage, kept as one raw piece."""
    box.survives(box.write(name, content), 16, quarantined=1, memories={})


def test_a_broken_header(box: Box) -> None:
    """Without its first 16 bytes a file still holds its rows."""
    source = box.sqlite(ROWS_SQL)
    source.write_bytes(b"X" * 16 + source.read_bytes()[16:])
    box.goes_in(source, migrated=2)


def test_a_broken_page(box: Box) -> None:
    """The rows of one page are lost and named; all others are saved."""
    source = box.sqlite(ROWS_SQL + MANY)
    pages = bytearray(source.read_bytes())
    pages[4096 * 6 : 4096 * 7] = b"\xa5" * 4096
    source.write_bytes(pages)
    before = fingerprint(source)
    assert box.migrate(process=True).code == "MIGRATION_006"
    assert not box.target.exists()
    saved = box.quarantine()
    assert saved.total["quarantined"] == 1 and saved.total["migrated"] > 300
    contents = box.contents()
    assert contents.pop("m1") == "healthy"
    assert all(content == f"content {key[1:]}" for key, content in contents.items())
    assert fingerprint(source) == before
    box.settled()


@pytest.mark.parametrize("kept", [0.5, 0.9])
def test_a_truncated_file(box: Box, kept: float) -> None:
    """What the file still has is saved, and every missing page is named."""
    source = box.sqlite(ROWS_SQL + MANY)
    whole = source.read_bytes()
    source.write_bytes(whole[: int(len(whole) * kept) + 100])
    assert box.migrate().code == "MIGRATION_006"
    saved = box.quarantine()
    assert saved.code == "quarantined" and saved.total["migrated"] > 50
    box.settled()


def test_all_rows_in_the_wal(box: Box) -> None:
    """A WAL that was never checkpointed belongs to the database."""
    source = box.folder / "livestore.db"
    crash_writer(source, *(one for one in ROWS_SQL.split(";") if one.strip()))
    box.goes_in(source, migrated=2)


def test_a_hot_journal(box: Box) -> None:
    """A transaction that was cut off is rolled back in the copy, never in the source."""
    source = box.sqlite(ROWS_SQL)
    program = (
        "import os, sqlite3, sys\n"
        "db = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "db.execute('PRAGMA cache_size = 5')\n"
        "db.execute('BEGIN')\n"
        "rows = [(str(i),) for i in range(3000)]\n"
        "db.executemany('INSERT INTO personas VALUES (?, hex(randomblob(300)), 0, 1, 1)', rows)\n"
        "os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(source)], check=False)
    assert source.with_name("livestore.db-journal").stat().st_size > 0
    box.goes_in(source, migrated=2)


def test_a_locked_file(box: Box) -> None:
    """Somebody else's exclusive lock is not in the way: files are copied, not opened."""
    source = box.sqlite(ROWS_SQL)
    with contextlib.closing(sqlite3.connect(source, isolation_level=None)) as app:
        app.execute("BEGIN EXCLUSIVE")
        app.execute("INSERT INTO personas VALUES ('unsaved', 'x', 0, 1, 1)")
        before = fingerprint(source)
        done = box.migrate(process=True)
        assert (done.code, done.total["migrated"]) == ("done", 2)
        app.execute("ROLLBACK")
    assert fingerprint(source).keys() <= before.keys()


def test_utf16(box: Box) -> None:
    """The encoding of the database is no matter."""
    more = "INSERT INTO memoryEntities VALUES ('mé2', 'p1', 'text', '\"日本😀\"', '[]');"
    box.goes_in(box.sqlite(ROWS_SQL + more, pragma="PRAGMA encoding = 'UTF-16le';"), migrated=3)
    assert box.contents() == {"m1": "healthy", "mé2": "日本😀"}


def test_text_that_is_not_utf8(box: Box) -> None:
    """Such text is shown with U+FFFD; a row whose id is such text is kept out."""
    more = """INSERT INTO memoryEntities VALUES ('m2', 'p1', CAST(x'41ff42' AS TEXT), '"c"', '[]');
        INSERT INTO memoryEntities VALUES (CAST(x'6dff' AS TEXT), 'p1', 'text', '"c"', '[]');"""
    box.survives(box.sqlite(ROWS_SQL + more), 13, quarantined=1, memories={"m1": "healthy", "m2": "c"})
    assert box.sql("SELECT type FROM memory_entities WHERE id = 'm2'") == [("A\ufffdB",)]


ODD_TABLES = """
CREATE TABLE "select"("a""b" TEXT, 'x y' INTEGER, [group]);
INSERT INTO "select" VALUES ('q', 9223372036854775807, 'g');
CREATE TABLE "ta""b'le;--"(x); INSERT INTO "ta""b'le;--" VALUES (1), (NULL);
CREATE TABLE ints(id INTEGER PRIMARY KEY, v);
INSERT INTO ints VALUES (-9223372036854775808, 1), (9223372036854775807, 2);
CREATE TABLE strict_one(id TEXT PRIMARY KEY, v ANY) STRICT;
INSERT INTO strict_one VALUES ('a', 1), ('b', 1.0), ('c', '1');
CREATE TABLE without_rowid(a, b, PRIMARY KEY (a, b)) WITHOUT ROWID; INSERT INTO without_rowid VALUES (1, 2), (2, 2);
CREATE TABLE generated(a, b AS (a * 2) VIRTUAL, c AS (a || 'x') STORED); INSERT INTO generated VALUES (4);
CREATE TABLE changes(id TEXT, v); INSERT INTO changes VALUES ('a', 1);
CREATE TABLE migration_records(id TEXT, v); INSERT INTO migration_records VALUES ('a', 1);
CREATE TABLE "nothing"(a);
CREATE VIEW seen AS SELECT * FROM personas;
"""


def test_tables_and_columns_of_every_name(box: Box) -> None:
    """Tables that the model does not know are kept whole, whatever they are called."""
    box.goes_in(box.sqlite(ROWS_SQL + ODD_TABLES), migrated=2 + 1 + 2 + 2 + 3 + 2 + 1 + 1 + 1)
    found: dict[str, str] = {}
    for table, _, text in documents(box.target):
        found[table] = f"{found[table]}|{text}" if table in found else text
    assert found["select"] == '{"a\\"b":"q","x y":9223372036854775807,"group":"g"}'
    assert found["strict_one"] == '{"id":"a","v":1}|{"id":"b","v":1.0}|{"id":"c","v":"1"}'
    assert found["generated"] == '{"a":4,"b":8,"c":"4x"}'
    ours = sorted(set(found) - {"select", "ta\"b'le;--", "ints", "strict_one", "without_rowid", "generated"})
    assert ours == ["app.migration_records", "changes (2)"]  # names that our own tables have
    assert [found[name] for name in ours] == ['{"id":"a","v":1}'] * 2


def test_integer_ids_and_values_of_every_type(box: Box) -> None:
    """Numbers as ids become text, BLOBs and infinities are carried, text that is no number is refused."""
    sql = """
    CREATE TABLE personas(id INTEGER PRIMARY KEY, name);
    CREATE TABLE memory_entities(id INTEGER PRIMARY KEY, persona_id INTEGER, type, content, importance REAL,
        created_at);
    INSERT INTO personas VALUES (1, 'A');
    INSERT INTO memory_entities VALUES (7, 1, 't', 'text', -0.0, 0), (8, 1, 't', 12, 1e308, 'CURRENT_TIMESTAMP'),
        (9, 1, NULL, NULL, 'abc', 0), (10, 1, 't', 'c', '0x10', '');
    """
    box.survives(box.sqlite(sql), 13, quarantined=2, memories={"7": "text", "8": "12"})


def test_rows_without_a_usable_id(box: Box) -> None:
    """Rows with the same id are one record; rows without one are kept out."""
    more = """CREATE TABLE memories(id, personaId, type, content, updatedAt);
        INSERT INTO memories VALUES ('a', 'p1', 't', 'first', 1), ('a', 'p1', 't', 'last', 1),
            ('a', 'p1', 't', 'old', 0),
            (NULL, 'p1', 't', 'x', 1), ('', 'p1', 't', 'y', 1);"""
    saved = box.survives(box.sqlite(ROWS_SQL + more), 13, quarantined=2, memories={"m1": "healthy", "a": "last"})
    assert saved.total["superseded"] == 2


# --- found by trying to break it


def test_a_virtual_table_is_not_passed_over_in_silence(box: Box) -> None:
    source = box.sqlite(
        ROWS_SQL + "CREATE VIRTUAL TABLE notes USING fts5(body); INSERT INTO notes VALUES ('precious');"
    )
    done = box.migrate()
    assert "precious" in repr(documents(box.target)) or "notes" in done.out
    assert source.exists()


def test_composite_keys_do_not_collide(box: Box) -> None:
    more = """CREATE TABLE tags(a, b, PRIMARY KEY (a, b));
        INSERT INTO tags VALUES ('x/y', 'z'), ('x', 'y/z'), (1, 2), ('1', 2);"""
    box.goes_in(box.sqlite(ROWS_SQL + more), migrated=6, superseded=0)


def test_columns_with_all_names_of_the_rowid(box: Box) -> None:
    more = "CREATE TABLE rr(rowid TEXT, _rowid_ TEXT, oid TEXT); INSERT INTO rr VALUES ('a', 'b', 'c');"
    box.goes_in(box.sqlite(ROWS_SQL + more), migrated=3)


def test_a_column_name_that_is_not_utf8(box: Box) -> None:
    source = box.sqlite(ROWS_SQL + "CREATE TABLE zzQQ(bQQb TEXT); INSERT INTO zzQQ VALUES ('x');")
    source.write_bytes(source.read_bytes().replace(b"QQ", b"\xff\xfe"))
    box.quarantine()
    assert box.contents() == {"m1": "healthy"}


@pytest.mark.parametrize(
    "table", ["id TEXT COLLATE MINE PRIMARY KEY, v) WITHOUT ROWID", "id TEXT PRIMARY KEY, v, g AS (mine(v)))"]
)
def test_names_of_columns_survive_an_unknown_function(box: Box, table: str) -> None:
    with contextlib.closing(sqlite3.connect(box.folder / "livestore.db")) as db:
        db.create_collation("MINE", lambda a, b: (a > b) - (a < b))
        db.create_function("mine", 1, lambda value: value, deterministic=True)
        db.executescript(
            f"{ROWS_SQL} CREATE TABLE w({table}; INSERT INTO w(id, v) VALUES ('a', 1);"
            "CREATE INDEX odd ON personas(mine(name));"
        )
    assert box.migrate().exit_code == 0
    (document,) = [text for table, _, text in documents(box.target) if table == "w"]
    assert '"id":"a"' in document and '"v":1' in document


@pytest.mark.parametrize("value", ["x'00ff'", "9e999"])
def test_export_and_import_of_sqlite_values(box: Box, value: str) -> None:
    box.goes_in(box.sqlite(ROWS_SQL + f"CREATE TABLE other(v); INSERT INTO other VALUES ({value});"), migrated=3)


def test_a_generated_column_that_fails(box: Box) -> None:
    """One row whose generated column cannot be computed does not cost the table."""
    more = """INSERT INTO memoryEntities VALUES ('m2', 'p1', 't', 'not json', '[]');
        ALTER TABLE memoryEntities ADD COLUMN k AS (json_extract(content, '$.x')) VIRTUAL;"""
    box.goes_in(box.sqlite(ROWS_SQL + more), migrated=3)
    assert box.contents() == {"m1": "healthy", "m2": "not json"}


FLAT = """
CREATE TABLE personas(id TEXT PRIMARY KEY, name TEXT, personality_traits TEXT, created_at TEXT);
CREATE TABLE memory_entities(id TEXT PRIMARY KEY, persona_id TEXT, type TEXT, content TEXT);
INSERT INTO personas VALUES ('p1', 'Ada', '[]', '2024-01-01 00:00:00');
INSERT INTO memory_entities VALUES ('m1', 'p1', 'text', 'healthy');
"""


@pytest.mark.parametrize(("name", "sql"), [("livestore.db", ROWS_SQL), ("pjais.db", FLAT)])
@pytest.mark.parametrize(
    "damage",
    [
        lambda wal: wal[:10] + bytes([wal[10] ^ 16]) + wal[11:],
        lambda wal: wal[:19] + bytes([wal[19] ^ 128]) + wal[20:],
        lambda wal: bytes(32) + wal[32:],
        lambda wal: wal[:31],
        lambda wal: wal[:100] + bytes([wal[100] ^ 1]) + wal[101:],
    ],
    ids=["page size", "salt", "zeroed header", "cut header", "a frame"],
)
def test_a_wal_that_is_not_applied(box: Box, name: str, sql: str, damage: Callable[[bytes], bytes]) -> None:
    """A wrong page size, salt, header, length or frame: refused and named; what the file itself holds is saved."""
    source = box.sqlite(sql, name)
    crash_writer(source, *(f"INSERT INTO personas(id, name) VALUES ('p{n}', 'in the WAL')" for n in range(2, 9)))
    wal = source.with_name(f"{name}-wal")
    wal.write_bytes(damage(wal.read_bytes()))
    stopped = box.survives(source, 16, quarantined=1, memories={"m1": "healthy"})
    assert "not applied" in str(stopped.body["findings"])


def test_a_wal_that_ends_in_what_was_being_written(box: Box) -> None:
    """The app was killed: whole transactions go in, and a note says that something was behind them."""
    source = box.folder / "livestore.db"
    crash_writer(source, *(one for one in ROWS_SQL.split(";") if one.strip()))
    wal = source.with_name("livestore.db-wal")
    wal.write_bytes(wal.read_bytes() + wal.read_bytes()[32:100])
    done = box.goes_in(source, migrated=2)
    assert done.body["rules"]["note:torn-tail:"] == 1


def test_a_hot_journal_that_is_damaged(box: Box) -> None:
    """Half-written values are never taken for right ones without a word."""
    source = box.sqlite(ROWS_SQL + MANY)
    with contextlib.closing(sqlite3.connect(source, isolation_level=None)) as app:
        app.execute("PRAGMA cache_size = 3")
        app.execute("BEGIN")
        app.execute("UPDATE memoryEntities SET content = '\"half\"'")
        journal = source.with_name("livestore.db-journal")
        main, side = source.read_bytes(), bytearray(journal.read_bytes())
        app.execute("ROLLBACK")
    side[512 + 4 + 96] ^= 1
    source.write_bytes(main)
    journal.write_bytes(side)
    stopped = box.migrate()
    assert (stopped.exit_code, stopped.code) == (16, "MIGRATION_006")
    assert "rollback journal is damaged" in " ".join(stopped.body["where"])
    assert box.quarantine().exit_code == 1
    box.settled()
