"""Any app's tables as a person looks at them: pages, filters, references; and SQL that can only read."""

from __future__ import annotations

import json
import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pjais
from pjais import sqlite_query as query
from pjais.errors import UsageError
from pjais.persona.store import Store
from pjais.store import browse, documents
from pjais.store.browse import Filter


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with two tables of an app: hikes, and their waypoints."""
    folder = tmp_path_factory.mktemp("browse")
    db = sqlite3.connect(folder / "trail.db")
    db.execute("CREATE TABLE hikes (id TEXT PRIMARY KEY, title TEXT)")
    db.execute("CREATE TABLE waypoints (id INTEGER PRIMARY KEY, name TEXT, hikeId TEXT, height REAL)")
    db.executemany("INSERT INTO hikes VALUES (?, ?)", [("h1", "Reed bed loop"), ("h2", "Hill of the fiddle")])
    rows = [(n, f"Stile {n}" if n % 3 else None, "h1" if n % 2 else "gone", n * 1.5) for n in range(1, 31)]
    db.executemany("INSERT INTO waypoints VALUES (?, ?, ?, ?)", rows)
    db.commit()
    db.close()
    pjais.migrate(folder / "data", [folder / "trail.db"])
    assert pjais.verify(folder / "data").passed
    return pjais.open(folder / "data")


def _rows(store: Store, *filters: Filter, **given: object) -> browse.Rows:
    with store.pool.view() as db:
        return browse.rows(db, documents.table_of(store.pool.model, "waypoints"), filters, **given)  # type: ignore[arg-type]


def test_pages_cover_every_row_once(store: Store) -> None:
    """Pages in any order add up to the whole table, and tell how many there are."""
    for order, descending in ((None, False), ("height", True), ("name", False)):
        pages = [_rows(store, limit=7, offset=at, order=order, descending=descending) for at in range(0, 30, 7)]
        keys = [key for one in pages for key in one.keys]
        assert sorted(int(key.strip("[]")) for key in keys) == list(range(1, 31))
        assert {(one.total, one.every) for one in pages} == {(30, 30)}
    assert _rows(store, order="height", descending=True).keys[0] == "[30]"


@pytest.mark.parametrize(
    ("one", "count"),
    [
        (Filter("height", "at-least", "30"), 11),
        (Filter("height", "at-most", "3.0"), 2),
        (Filter("name", "empty", ""), 10),
        (Filter("name", "not-empty", ""), 20),
        (Filter("name", "contains", "STILE 1"), 8),
        (Filter("hikeId", "is", "h1"), 15),
        (Filter("hikeId", "is-not", "h1"), 15),
        (Filter("name", "contains", "' OR 1=1 --"), 0),
    ],
)
def test_filters_mean_what_they_say(store: Store, one: Filter, count: int) -> None:
    """Each operator; a quote in a value is a quote."""
    assert _rows(store, one).total == count


@pytest.mark.parametrize("one", [Filter('x" OR 1=1 --', "is", "1"), Filter("name", "drop", "1")])
def test_unknown_columns_and_operators_are_refused(store: Store, one: Filter) -> None:
    """What is no column is never put into SQL."""
    with pytest.raises(UsageError, match="unknown"):
        _rows(store, one)


def test_references_lead_to_rows_that_are_there(store: Store) -> None:
    """`hikeId` speaks of `hikes`; a value without such a row leads nowhere, and the other way round is counted."""
    model = store.pool.model
    with store.pool.view() as db:
        (link,) = browse.references(db, model, documents.table_of(model, "waypoints"))
        assert (link.column, link.table, link.declared) == ("hikeId", "hikes", False)
        assert browse.targets(db, model, link, ["h1", "gone", None]) == {"h1": browse.Target("h1", "Reed bed loop")}
        ((table, _, count),) = browse.referring(db, model, documents.table_of(model, "hikes"), "h1")
        assert (table.name, count) == ("waypoints", 15)


def test_a_query_reads(store: Store) -> None:
    """Rows with their columns, also of an answer without rows; a long one is cut and says so."""
    answer = query.run(store.path, "WITH t AS (SELECT * FROM hikes) SELECT id, title FROM t ORDER BY id")
    assert (answer.columns, answer.rows, answer.more) == (
        ["id", "title"],
        [("h1", "Reed bed loop"), ("h2", "Hill of the fiddle")],
        False,
    )
    assert query.run(store.path, "SELECT id AS one FROM hikes WHERE 0").columns == ["one"]
    many = query.run(store.path, "SELECT * FROM waypoints", limit=5)
    assert (len(many.rows), many.more) == (5, True)
    assert query.run(store.path, "PRAGMA table_info('hikes')").rows


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM hikes",
        "UPDATE hikes SET title = ''",
        "INSERT INTO hikes (id) VALUES ('x')",
        "CREATE TABLE x (y)",
        "CREATE TEMP TABLE x (y)",
        "ATTACH 'other.db' AS other",
        "PRAGMA writable_schema = ON",
        "PRAGMA journal_mode = DELETE",
        "VACUUM INTO 'copy.db'",
        "SELECT load_extension('x')",
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP TABLE hikes",
        "BEGIN IMMEDIATE",
        "SELECT nonsense FROM nowhere",
        "SELECT '",
        "",
        "-- nothing",
        "SELECT zeroblob(1000000000)",
        "SELECT printf('%.*c', 1000000000, 'x')",
        "\ud800",
    ],
)
def test_a_query_can_do_nothing_else(store: Store, sql: str) -> None:
    """Whatever writes, attaches, loads or is no query is refused in words, and the store stays as it was."""
    before = store.path.read_bytes()
    with pytest.raises(UsageError):
        query.run(store.path, sql)
    assert store.path.read_bytes() == before


@pytest.mark.parametrize(
    "sql",
    [
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
        "SELECT count(*) FROM waypoints a, waypoints b, waypoints c, waypoints d, waypoints e, waypoints f",
    ],
)
def test_an_endless_query_is_stopped(store: Store, sql: str) -> None:
    """The clock ends it, and the message says so."""
    with pytest.raises(UsageError, match="took longer than"):
        query.run(store.path, sql, seconds=0.05)


@settings(deadline=None, max_examples=40)
@given(st.text(max_size=60))
def test_no_text_is_a_traceback(store: Store, sql: str) -> None:
    """Any text is an answer or a refusal in words."""
    try:
        query.run(store.path, sql, seconds=0.2)
    except UsageError as error:
        assert json.dumps(error.as_dict())
