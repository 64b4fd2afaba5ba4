"""`pjais.profile`: the files that a page keeps, and private copies of its SQLite databases."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import pjais
from golden_opfs import NAMES, ORIGIN, expected, profile, shown
from pjais.errors import SourceDamaged, UsageError

ITEMS = ("pools", "files", "indexeddb", "indexeddb-sqlite", "killed", "ahead")


@pytest.mark.parametrize("name", ITEMS)
def test_every_database_comes_out_as_a_file_with_the_rows_that_the_page_selected(tmp_path: Path, name: str) -> None:
    with pjais.profile(profile(name, tmp_path)) as opened:
        origin = opened.origin(ORIGIN)
        assert [one.name for one in origin.files if one.is_sqlite] == sorted(expected(name))
        for path, tables in expected(name).items():
            with closing(sqlite3.connect(origin.sqlite(path))) as db:
                db.row_factory = sqlite3.Row
                for table, rows in tables.items():
                    selected = map(dict, db.execute(f"SELECT * FROM {table}"))
                    found = [{key: shown(value) for key, value in row.items()} for row in selected]
                    assert found == rows
        assert opened.problems() == []


def test_a_copy_is_private_and_goes_with_the_profile(tmp_path: Path) -> None:
    place = profile("killed", tmp_path)
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    with pjais.profile(place) as opened:
        copy = opened.origin(ORIGIN).sqlite(NAMES["sahpool"])
        with closing(sqlite3.connect(copy)) as db:
            db.execute("DELETE FROM notes")
            db.commit()
        assert not copy.is_relative_to(place)
    assert not copy.exists()
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before


def test_a_file_is_read_as_it_is(tmp_path: Path) -> None:
    with pjais.profile(profile("files", tmp_path)) as opened:
        files = {one.name: one for one in opened.origin(ORIGIN).files}
        letter = files["drafts/letter.txt"]
        assert (letter.size, letter.is_sqlite, letter.made_by) == (14, False, None)
        assert letter.read() == b"Dear all, ...\n"
        assert len(files["plain/notes.db"].read()) == files["plain/notes.db"].size
        with pytest.raises(UsageError):
            letter.sqlite()


def test_a_name_may_be_short_where_no_other_file_has_it(tmp_path: Path) -> None:
    with pjais.profile(profile("pools", tmp_path)) as opened:
        origin = opened.origin(ORIGIN)
        with pytest.raises(UsageError, match="several SQLite files named") as raised:
            origin.sqlite("notes.db")
        assert "wa-pool-2/notes.db" in raised.value.where[0]
        with pytest.raises(UsageError, match="no SQLite file named"):
            origin.sqlite("other.db")
    with pjais.profile(profile("permuted", tmp_path / "other")) as opened, pytest.raises(SourceDamaged):
        opened.origin(ORIGIN).sqlite("notes.db")


def test_livestores_own_files_come_out_too() -> None:
    golden = Path(__file__).parent / "golden" / "livestore" / "opfs-0.4.0-killed"
    with pjais.profile(golden) as opened:
        (origin,) = [one for one in opened.origins if one.files]
        assert {one.made_by for one in origin.files} == {"LiveStore"}
        with closing(sqlite3.connect(origin.sqlite("eventlog.db"))) as db:
            assert db.execute("SELECT count(*) FROM eventlog").fetchone()[0] > 0


def test_what_is_damaged_is_named_and_not_handed_out(tmp_path: Path) -> None:
    place = profile("pools", tmp_path)
    file = place / "Default" / "File System" / "000" / "t" / "00" / "00000001"
    file.write_bytes(file.read_bytes()[:-512])
    with pjais.profile(place) as opened:
        origin = opened.origin(ORIGIN)
        (hurt,) = [one for one in origin.files if one.damage]
        assert hurt.damage == "it is cut off: 1024 of 1536 bytes of the database are there"
        assert opened.problems() == [f"{hurt.name}: {hurt.damage}"]
        for call in (hurt.read, hurt.sqlite, lambda: origin.sqlite(hurt.name)):
            with pytest.raises(SourceDamaged):
                call()
