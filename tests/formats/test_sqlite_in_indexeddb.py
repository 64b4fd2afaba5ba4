"""SQLite files put together from the records of wa-sqlite and jeep-sqlite in IndexedDB, whole and hurt."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import golden_opfs
from pjais.formats import indexeddb
from pjais.formats.indexeddb import BadRow, Damage, Row, Schema, Store
from pjais.formats.indexeddb.sqlite_files import StoredFile, sqlite_files
from pjais.formats.sqlite_libraries import is_of
from pjais.js_values import JSBuffer, JSView
from strategies import examples

PAGE = 512


class Stored:
    """The object stores of one database, as a reader of IndexedDB has them."""

    def __init__(self, stores: dict[str, list[dict[str, Any] | BadRow | tuple[Any, Any]]], name: str = "wa") -> None:
        self.content = {Store("http_a_0", name, 1, store): rows for store, rows in stores.items()}
        self.problems: list[Damage] = []
        self.torn: list[Damage] = []

    def stores(self) -> list[Store]:
        return sorted(self.content)

    def rows(self, store: Store, *, ordered: bool = False) -> Iterator[Row | BadRow]:  # noqa: ARG002
        for number, one in enumerate(self.content[store]):
            if isinstance(one, BadRow):
                yield one
            else:
                value = one[1] if isinstance(one, tuple) else one
                yield Row(f"{number}".encode(), value, f"row {number}")

    def schema(self, _: Store) -> Schema:
        return Schema()

    def key(self, row: Row) -> Any:
        for rows in self.content.values():
            for one in rows:
                if isinstance(one, tuple) and one[1] is row.value:
                    return one[0]
        return row.value.get("path") if isinstance(row.value, dict) else None


def data(content: bytes) -> JSView:
    return JSView("Uint8Array", JSBuffer(content), 0, len(content))


def block(position: int, content: bytes, version: float | None = 0, path: str = "/a.db", **more: Any) -> dict[str, Any]:
    counted = {} if version is None else {"version": version}
    return {"path": path, "offset": -position, **counted, "data": data(content), **more}


def told(version: int, size: int, path: str = "/a.db", **more: Any) -> dict[str, Any]:
    return {"name": path, "fileSize": size, "version": version, **more}


def written(one: StoredFile) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return one.write(Path(folder) / "out").read_bytes()


def page(letter: str) -> bytes:
    return letter.encode() * PAGE


def one_of(profile: Stored) -> StoredFile:
    (found,) = sqlite_files(profile)
    return found


def test_which_databases_hold_sqlite_is_told_by_their_stores() -> None:
    assert is_of("x", frozenset({"blocks"})) == is_of("x", frozenset({"blocks", "metadata"})) == "wa-sqlite"
    assert is_of("x", frozenset({"blocks", "tx"})) == "wa-sqlite"
    assert is_of("jeepSqliteStore", frozenset({"databases", "local-forage-detect-blob-support"})) == "jeep-sqlite"
    assert is_of("x", frozenset({"blocks", "users"})) is is_of("x", frozenset({"databases"})) is None


def test_of_each_page_the_newest_committed_version_counts() -> None:
    """A version beyond the committed one is of a transaction that never was."""
    blocks = [block(PAGE, page("b"), -2), block(PAGE, page("B"), -1), block(0, page("X"), -3), block(0, page("a"), -2)]
    found = one_of(Stored({"blocks": [*blocks], "metadata": [told(-2, 2 * PAGE, pendingVersion=-3)]}))
    assert (found.damage, found.size, found.path) == ("", 2 * PAGE, "wa/a.db")
    assert written(found) == page("a") + page("b")


def test_before_version_2_the_first_block_says_what_is_committed() -> None:
    """It is written last.  The record of pages to be removed is no page."""
    blocks = [
        block(PAGE, page("X"), -2),
        block(PAGE, page("b"), -1),
        block(0, page("a"), -1, fileSize=2 * PAGE),
        block(0, page("A"), 0, fileSize=PAGE),
        {"path": "/a.db", "offset": "purge", "version": 0, "data": {}, "count": 2},
    ]
    found = one_of(Stored({"blocks": [*blocks]}))
    assert (found.damage, written(found)) == ("", page("a") + page("b"))


def test_the_journal_of_a_database_is_written_beside_it(tmp_path: Path) -> None:
    journal = "/a.db-journal"
    blocks = [block(0, page("a")), block(20, b"jkl", path=journal), block(0, b"j" * 20, path=journal)]
    found = one_of(Stored({"blocks": [*blocks], "metadata": [told(0, PAGE), told(0, 23, journal)]}))
    found.write(tmp_path / "out.db")
    assert (tmp_path / "out.db-journal").read_bytes() == b"j" * 20 + b"jkl"


def test_what_is_longer_than_the_file_is_cut_off() -> None:
    found = one_of(Stored({"blocks": [block(PAGE, page("b")), block(0, page("a"))], "metadata": [told(0, PAGE)]}))
    assert (found.damage, written(found)) == ("", page("a"))


def test_a_missing_page_is_named_by_its_bytes() -> None:
    blocks = [block(3 * PAGE, page("d")), block(2 * PAGE, page("c")), block(0, page("a"))]
    found = one_of(Stored({"blocks": [*blocks], "metadata": [told(0, 4 * PAGE)]}))
    assert found.damage == "pages are missing: bytes 512 to 1,024 of 2,048"
    assert found.partial
    assert written(found) == page("a") + bytes(PAGE) + page("c") + page("d")


@pytest.mark.parametrize(
    ("blocks", "size"),
    [
        ([block(PAGE, page("b"))], 2 * PAGE),
        ([block(0, page("a"))], 1 << 50),
        ([block(1 << 50, page("b")), block(0, page("a"))], None),
        ([], PAGE),
    ],
    ids=["the first", "almost all", "far away", "all"],
)
def test_a_file_of_which_most_is_missing_is_named_and_not_put_together(blocks: list[Any], size: int | None) -> None:
    found = one_of(
        Stored({"blocks": blocks, "metadata": [told(0, size) if size else {**told(0, 0), "fileSize": None}]})
    )
    assert "pages are missing" in found.damage
    assert not found.partial


def test_a_record_that_cannot_be_read_may_be_a_page_of_any_file() -> None:
    bad = BadRow("row 9", b"raw", "its value is cut off")
    found = one_of(Stored({"blocks": [block(0, page("a")), bad], "metadata": [told(0, PAGE)]}))
    assert found.damage == "a record cannot be read, which may be a newer page of it: row 9: its value is cut off"
    assert found.partial


@pytest.mark.parametrize(
    "odd", [{"x": 1}, {"path": 7}, block(0, b"", path="/b.db") | {"data": "text"}, block(0, b"") | {"offset": 1e300}]
)
def test_a_record_that_is_no_page_is_named(odd: dict[str, Any]) -> None:
    files = list(sqlite_files(Stored({"blocks": [block(0, page("a")), odd], "metadata": [told(0, PAGE)]})))
    assert all("a record that is no page" in one.damage for one in files)


def test_metadata_that_make_no_sense_are_named() -> None:
    found = one_of(Stored({"blocks": [block(0, page("a"))], "metadata": [{"name": "/a.db", "version": "x"}]}))
    assert "what it says of a file cannot be read" in found.damage


def test_a_damaged_journal_costs_its_database() -> None:
    blocks = [block(0, page("a")), block(20, b"jkl", path="/a.db-journal")]
    found = one_of(Stored({"blocks": [*blocks], "metadata": [told(0, PAGE), told(0, 23, "/a.db-journal")]}))
    assert found.damage == "wa/a.db-journal: pages are missing: bytes 0 to 20 of 23"
    assert not found.partial


def test_a_value_that_is_no_database_is_named() -> None:
    files = [("a.db", data(b"SQLite format 3\x00...")), ("b.db", data(b"else")), ("c.db", {"no": 1}), ("d.db", None)]
    found = {one.name: one.damage for one in sqlite_files(Stored({"databases": [*files]}, "jeepSqliteStore"))}
    assert found == {"a.db": "", "b.db": "its value is not a SQLite file", "c.db": "its value is not a SQLite file"}


# -- round trips


@settings(deadline=None, max_examples=examples(60))
@given(st.lists(st.dictionaries(st.integers(0, 5), st.integers(0, 255), min_size=1), min_size=1), st.booleans())
def test_any_history_of_transactions_gives_the_last_state(history: list[dict[int, int]], open_: bool) -> None:
    """Each transaction writes some pages under its own version; old ones may be left; the last one may be open."""
    state: dict[int, bytes] = {}
    blocks: dict[tuple[int, int], bytes] = {}
    for number, pages in enumerate(history):
        for at, letter in pages.items():
            blocks[at, -number] = bytes([letter]) * PAGE
        if not (open_ and number == len(history) - 1):
            state.update({at: blocks[at, -number] for at in pages})
    if not state:
        return
    committed = -(len(history) - (2 if open_ else 1))
    size = (max(state) + 1) * PAGE
    rows = [block(at * PAGE, content, version) for (at, version), content in sorted(blocks.items(), reverse=True)]
    found = one_of(Stored({"blocks": [*rows], "metadata": [told(committed, size)]}))
    missing = set(range(max(state) + 1)) - state.keys()
    assert bool(found.damage) == bool(missing)
    if not missing:
        assert written(found) == b"".join(state[at] for at in range(max(state) + 1))


def test_zero_and_minus_zero_are_one_key(tmp_path: Path) -> None:
    """IDBMinimalVFS writes the first page twice, under 0 and under -0: the second one replaces the first."""
    place = golden_opfs.profile("indexeddb", tmp_path)
    (folder,) = (place / "Default" / "IndexedDB").glob("*.leveldb")
    profile = indexeddb.open_chromium(folder, None)
    (store,) = [one for one in profile.stores() if (one.database, one.name) == ("wa-minimal", "blocks")]
    keys = [profile.key(row) for row in profile.rows(store) if isinstance(row, Row)]
    assert [key[1] for key in keys if key[0] == "/notes.db"].count(0) == 1


def test_each_golden_file_passes_sqlites_own_check(tmp_path: Path) -> None:
    place = golden_opfs.profile("indexeddb", tmp_path)
    (folder,) = (place / "Default" / "IndexedDB").glob("*.leveldb")
    files = list(sqlite_files(indexeddb.open_chromium(folder, folder.with_suffix(".blob"))))
    assert {one.path for one in files} == golden_opfs.expected("indexeddb").keys()
    for number, one in enumerate(files):
        with closing(sqlite3.connect(one.write(tmp_path / f"{number}.db"))) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
