"""The documents of any app in tables of their own: hostile names and values, later runs, edits, tampering."""

from __future__ import annotations

import itertools
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pjais
from pjais import canonical, tagged
from pjais.errors import PjaisError, VerificationFailed
from strategies import examples
from world import migrated, persona, rows, write_json


@pytest.fixture(autouse=True)
def _only_what_a_test_migrates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKIP_MIGRATION", "true")


def write(folder: Path, **collections: Any) -> Path:
    """A JSON source with collections that no model claims."""
    return write_json(folder, personas=[], **collections)


def contents(folder: Path) -> dict[str, list[str]]:
    """Every document of a store as tagged JSON, by the table that holds it."""
    with pjais.open(folder) as store:
        return {
            name: sorted(canonical.dumps(tagged.tag(one.value), sort=True) for one in store.collection(name))
            for name in store.collections
        }


def schema(folder: Path) -> list[tuple[Any, ...]]:
    return rows(folder / "pjais.sqlite", "SELECT type, name, sql FROM sqlite_schema ORDER BY 1, 2")


def change(folder: Path, sql: str, *values: Any) -> None:
    rows(folder / "pjais.sqlite", sql, *values)


def values(folder: Path, name: str) -> list[Any]:
    with pjais.open(folder) as store:
        return [one.value for one in store.collection(name)]


def last_run(folder: Path) -> str:
    return str(rows(folder / "pjais.sqlite", "SELECT id FROM migration_runs ORDER BY number DESC LIMIT 1")[0][0])


def migrated_and_rolled_back(folder: Path, **collections: Any) -> None:
    """A later run with other documents passes; its rollback gives the store before it."""
    documents, shape = contents(folder), schema(folder)
    write(folder, **collections)
    migrated(folder)
    pjais.rollback(folder, last_run(folder), discard_later=True)
    assert pjais.verify(folder).passed
    assert contents(folder) == documents
    assert schema(folder) == shape


NAMES = ["sqlite_x", "memory_fts", "_collections", "personas_x", "changes", "migration_runs", "a\0b", "\ud800", ""]


@pytest.mark.parametrize("name", NAMES)
def test_a_collection_may_have_any_name(tmp_path: Path, name: str) -> None:
    write(tmp_path, **{name: [{"id": "a", "n": 1}]})
    migrated(tmp_path)
    migrated_and_rolled_back(tmp_path, **{name: [{"id": "a", "n": "one"}, {"id": "b", "m": 0.5}]})


def test_a_table_made_anew_leaves_a_collection_called_like_a_copy_of_it(tmp_path: Path) -> None:
    write(tmp_path, todos=[{"id": "a", "n": 1}], todos_before_upgrade=[{"id": "b", "n": 1}])
    migrated(tmp_path)
    migrated_and_rolled_back(tmp_path, todos=[{"id": "a", "n": "x"}], todos_before_upgrade=[{"id": "b", "n": "x"}])


def test_integers_that_no_real_holds_stay_exact_when_fractions_come(tmp_path: Path) -> None:
    large = [2**53 + 1, 2**63 - 1, -(2**63), -(2**53) - 1]
    write(tmp_path, todos=[{"id": f"d{n}", "n": one} for n, one in enumerate(large)])
    migrated(tmp_path)
    fractions = [{"id": "e", "n": 0.5}, {"id": "f", "n": -0.0}]
    migrated_and_rolled_back(tmp_path, todos=[{"id": f"d{n}", "n": one} for n, one in enumerate(large)] + fractions)
    write(tmp_path, todos=[{"id": f"d{n}", "n": one} for n, one in enumerate(large)] + fractions)
    migrated(tmp_path)
    assert [value for (value,) in rows(tmp_path / "pjais.sqlite", "SELECT n FROM todos ORDER BY id")][:4] == large


def test_integers_that_no_real_holds_come_among_fractions(tmp_path: Path) -> None:
    write(tmp_path, todos=[{"id": "a", "n": 3}, {"id": "b", "n": 0.5}])
    migrated(tmp_path)
    migrated_and_rolled_back(tmp_path, todos=[{"id": "a", "n": 3}, {"id": "b", "n": 0.5}, {"id": "c", "n": 2**53 + 1}])


def test_keys_that_are_fractions_are_the_same_for_every_version_of_sqlite(tmp_path: Path) -> None:
    write(tmp_path, todos=[{"id": 0.1 + 0.2, "n": 1}, {"id": 0.3, "n": 2}, {"id": 2**64, "n": 3}])
    migrated(tmp_path)
    assert {one["id"] for one in values(tmp_path, "todos")} == {0.1 + 0.2, 0.3, 2**64}
    change(tmp_path, "UPDATE todos SET n = 9")
    assert pjais.verify(tmp_path).edited_since == 3


def test_a_document_without_an_id_that_changed_leaves_no_old_row(tmp_path: Path) -> None:
    write(tmp_path, todos=[{"id": "", "n": 1}], drafts=[{"n": 1}])
    migrated(tmp_path)
    migrated_and_rolled_back(tmp_path, todos=[{"id": "", "n": 2}], drafts=[{"n": 2}])
    write(tmp_path, todos=[{"id": "", "n": 2}], drafts=[{"n": 2}])
    migrated(tmp_path)
    assert contents(tmp_path) == {"todos": ['{"id":"","n":2}'], "drafts": ['{"n":2}']}


def test_of_two_alike_documents_without_an_id_one_may_change(tmp_path: Path) -> None:
    write(tmp_path, drafts=[{"n": 1}, {"n": 1}])
    migrated(tmp_path)
    write(tmp_path, drafts=[{"n": 2}, {"n": 1}])
    migrated(tmp_path)
    assert contents(tmp_path) == {"drafts": ['{"n":1}', '{"n":2}']}


def test_the_first_documents_of_a_store_can_be_rolled_back(tmp_path: Path) -> None:
    write(tmp_path, todos=[])
    migrated(tmp_path)
    migrated_and_rolled_back(tmp_path, todos=[{"id": "a"}])


def test_a_second_run_over_a_collection_with_a_lone_surrogate_does_nothing(tmp_path: Path) -> None:
    write(tmp_path, **{"\ud800": [{"id": "a"}]}, todos=[{"id": "\ud800"}])
    migrated(tmp_path)
    write(tmp_path, **{"\ud800": [{"id": "a"}]}, todos=[{"id": "\ud800"}], more=[{"id": "b"}])
    assert migrated(tmp_path).total.unchanged == 2


def test_an_edited_value_that_is_no_object_is_the_document(tmp_path: Path) -> None:
    write(tmp_path, numbers=[1, "two"])
    migrated(tmp_path)
    change(tmp_path, "UPDATE numbers SET _value = 3 WHERE _value = 1")
    assert pjais.verify(tmp_path).edited_since == 1
    assert set(values(tmp_path, "numbers")) == {3, "two"}


def test_a_document_may_have_more_properties_than_a_table_has_columns(tmp_path: Path) -> None:
    wide = {"id": "a", **{f"p{n}": n for n in range(2_000)}}
    write(tmp_path, todos=[wide])
    pjais.migrate(tmp_path)
    assert values(tmp_path, "todos") == [wide]
    write(tmp_path, todos=[wide | {"q": 1, "p1": "x"}, {"id": "b", "p1999": 1}])
    pjais.migrate(tmp_path)
    pjais.rollback(tmp_path, last_run(tmp_path), discard_later=True)
    assert pjais.verify(tmp_path).passed
    assert values(tmp_path, "todos") == [wide]


def test_two_copies_of_a_source_are_kept_and_one_may_change(tmp_path: Path) -> None:
    folder, copies = tmp_path / "store", [tmp_path / "one", tmp_path / "two"]
    for one in (folder, *copies):
        one.mkdir()
    sources = [write(one, todos=[{"id": "a", "n": 1}, {"id": "b"}]) for one in copies]
    pjais.migrate(folder, sources)
    assert pjais.verify(folder).passed
    write(copies[1], todos=[{"id": "a", "n": 2, "more": []}, {"id": "b"}])
    pjais.migrate(folder, sources)
    assert pjais.verify(folder).passed
    found = [one for some in contents(folder).values() for one in some]
    assert {'{"id":"a","n":1}', '{"id":"a","more":[],"n":2}', '{"id":"b"}'} >= set(found)
    assert '{"id":"a","more":[],"n":2}' in found
    pjais.rollback(folder, last_run(folder), discard_later=True)
    assert pjais.verify(folder).passed


def test_a_moved_source_keeps_its_tables(tmp_path: Path) -> None:
    folder, old, new = tmp_path / "store", tmp_path / "old", tmp_path / "new"
    for one in (folder, old):
        one.mkdir()
    write(old, todos=[{"id": "a", "n": 1}, {"id": "b", "n": 2}])
    pjais.migrate(folder, [old / "data.json"])
    old.rename(new)
    pjais.migrate(folder, [new / "data.json"])
    assert pjais.verify(folder).passed
    write(new, todos=[{"id": "a", "n": "one"}, {"id": "b", "n": 2}, {"id": "c"}])
    before = schema(folder)
    pjais.migrate(folder, [new / "data.json"])
    assert pjais.verify(folder).passed
    assert contents(folder) == {"todos": ['{"id":"a","n":"one"}', '{"id":"b","n":2}', '{"id":"c"}']}
    pjais.rollback(folder, last_run(folder), discard_later=True)
    assert pjais.verify(folder).passed
    assert schema(folder) == before


def test_follow_takes_a_changed_shape(tmp_path: Path) -> None:
    write(tmp_path, todos=[{"id": "a", "n": 1}])
    migrated(tmp_path)
    write(tmp_path, todos=[{"id": "a", "n": [1]}, {"id": "b", "m": 0.5}], more=[{"id": 1}])
    list(pjais.follow(tmp_path, once=True))
    assert pjais.verify(tmp_path).passed
    assert contents(tmp_path) == {"todos": ['{"id":"a","n":[1]}', '{"id":"b","m":0.5}'], "more": ['{"id":1}']}


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE _columns SET path = 'other' WHERE path = 'n'",
        "UPDATE _columns SET types = '[\"boolean\"]' WHERE path = 'n'",
        "UPDATE _columns SET types = '[\"date\"]' WHERE path = 'title'",
        "DELETE FROM _columns WHERE path = 'n'",
        "DELETE FROM _collections WHERE tbl = 'todos'",
        "DELETE FROM _collections",
        "UPDATE _collections SET collection = 'other' WHERE tbl = 'todos'",
        "UPDATE _collections SET key_path = NULL WHERE tbl = 'todos'",
        "UPDATE _collections SET origin = 'https://other.example' WHERE tbl = 'todos'",
        "DROP TABLE _collections",
        "DROP TABLE _columns",
        "DROP TABLE _blobs",
        "INSERT INTO _blobs VALUES ('00', NULL, NULL, 1, NULL, x'00')",
        "INSERT INTO _schemas VALUES ('todos', 'sql', 'x')",
    ],
)
def test_verify_names_a_changed_catalogue(tmp_path: Path, sql: str) -> None:
    write(tmp_path, todos=[{"id": "a", "n": 1, "title": "x"}, {"id": "b", "n": 0}], more=[{"id": 1}])
    migrated(tmp_path)
    change(tmp_path, sql)
    with pytest.raises(PjaisError) as raised:
        pjais.verify(tmp_path)
    assert isinstance(raised.value, VerificationFailed) or raised.value.where


def test_verify_names_a_document_that_was_changed_without_a_trace(tmp_path: Path) -> None:
    write(tmp_path, todos=[{"id": "a", "n": 1}])
    migrated(tmp_path)
    (trigger,) = rows(
        tmp_path / "pjais.sqlite", "SELECT name, sql FROM sqlite_schema WHERE name = 'todos_after_update'"
    )
    change(tmp_path, f"DROP TRIGGER {trigger[0]}")
    change(tmp_path, "UPDATE todos SET _document = replace(_document, '1', '2')")
    change(tmp_path, trigger[1])
    with pytest.raises(VerificationFailed):
        pjais.verify(tmp_path)


def test_a_store_of_documents_takes_records_later(tmp_path: Path) -> None:
    write(tmp_path, todos=[{"id": "a", "n": 1}])
    migrated(tmp_path)
    with pjais.open(tmp_path) as store:
        assert len(store.personas) == 0
        assert store.memories.search("tea") == []
        store.personas.create(id="p9", name="Nine")
        assert [one.id for one in store.personas.list()] == ["p9"]
    assert pjais.verify(tmp_path).added_since == 1
    shape, documents = schema(tmp_path), contents(tmp_path)
    write_json(tmp_path, personas=[persona("p1")], todos=[{"id": "a", "n": "x"}])
    migrated(tmp_path)
    pjais.rollback(tmp_path, last_run(tmp_path), discard_later=True)
    assert pjais.verify(tmp_path).passed
    assert (schema(tmp_path), contents(tmp_path)) == (shape, documents)
    with pjais.open(tmp_path) as store:
        assert [one.id for one in store.personas.list()] == ["p9"]


def test_records_migrated_into_a_store_of_documents_can_be_rolled_back(tmp_path: Path) -> None:
    write(tmp_path, todos=[{"id": "a", "n": 1}])
    migrated(tmp_path)
    shape, documents = schema(tmp_path), contents(tmp_path)
    write_json(tmp_path, personas=[persona("p1")], todos=[{"id": "a", "n": 1}])
    migrated(tmp_path)
    with pjais.open(tmp_path) as store:
        assert [one.id for one in store.personas.list()] == ["p1"]
    pjais.rollback(tmp_path, last_run(tmp_path), discard_later=True)
    assert pjais.verify(tmp_path).passed
    assert contents(tmp_path) == documents
    assert schema(tmp_path) == shape
    with pjais.open(tmp_path) as store:
        assert len(store.personas) == 0


def test_a_first_record_of_ones_own_survives_that_a_later_run_is_rolled_back(tmp_path: Path) -> None:
    write(tmp_path, todos=[{"id": "a", "n": 1}])
    migrated(tmp_path)
    write(tmp_path, todos=[{"id": "a", "n": 2}])
    migrated(tmp_path)
    with pjais.open(tmp_path) as store:
        store.personas.create(id="p9", name="Nine")
    assert pjais.verify(tmp_path).passed
    pjais.rollback(tmp_path, last_run(tmp_path), discard_later=True)
    assert pjais.verify(tmp_path).passed
    assert contents(tmp_path) == {"todos": ['{"id":"a","n":1}']}


_NAMES = (
    *("select", "", "rowid", "ROWID", "name", "Name", 'a"b', "$x", "$$x", "$date", "$bytes", "$units:x", "_document"),
    *(
        "_key",
        "_value",
        "_text",
        "search_id",
        "value",
        "\ud800",
        "a\0b",
        "n" * 300,
        "x",
        "x_2",
        "a.b",
        "[a",
        "_deleted",
    ),
)
_SCALARS = (
    *(None, True, False, 0, 1, 2**53 + 1, 2**63 - 1, -(2**63), 2**63, 2**70, 0.5, -0.0, 1e300, 3.0),
    *("", "1", "\ud800", "a\0b", "[]", "2025-01-01T00:00:00.000Z"),
)
_names, _scalars = st.sampled_from(_NAMES), st.sampled_from(_SCALARS)
_values = st.recursive(_scalars, lambda one: st.lists(one, max_size=2) | st.dictionaries(_names, one, max_size=2))
_ids = st.sampled_from([0, 1, 7, "7", "a", "A", "", "\ud800", 0.5, 2**60, 2**64, True, None, [1], -0.0])
_documents = st.one_of(
    st.dictionaries(_names, _values, max_size=4),
    st.tuples(st.dictionaries(_names, _values, max_size=4), _ids).map(lambda pair: {**pair[0], "id": pair[1]}),
    _values,
)
_collections = st.dictionaries(
    st.sampled_from(["todos", "Todos", "sqlite_x", "memory_fts", "_columns", "a\0b", "\ud800", ""]),
    st.lists(_documents, max_size=4),
    max_size=3,
)


def texts(collections: dict[str, list[Any]]) -> list[str]:
    return sorted(
        canonical.dumps(tagged.tag(one), sort=True)
        for documents in collections.values()
        for one in documents
        if not (isinstance(one, dict) and one.get("_deleted") is True)
    )


@settings(
    max_examples=examples(60),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(_collections, _collections, st.sampled_from([None, 1, "edited", 2.5]))
def test_any_documents_survive_runs_edits_rollback_and_export(
    tmp_path_factory: pytest.TempPathFactory, first: dict[str, list[Any]], later: dict[str, list[Any]], value: Any
) -> None:
    folder = tmp_path_factory.mktemp("any")
    write(folder, **first)
    run = migrated(folder, on_invalid="quarantine")
    documents, shape = contents(folder), schema(folder)
    held = [text for some in documents.values() for text in some]
    assert set(held) <= set(texts(first))
    assert len(held) == run.total.migrated
    if not run.total.quarantined and not run.total.superseded:
        assert sorted(held) == texts(first)
    write(folder, **first)
    pjais.migrate(folder, on_invalid="quarantine")
    assert last_run(folder) == run.run_id

    write(folder, **later, **{name: some for name, some in first.items() if name not in later and value is None})
    migrated(folder, on_invalid="quarantine")
    edits = 0
    for table in contents(folder):
        edits += _edited(folder, table, value)
    assert pjais.verify(folder).edited_since == edits
    now = contents(folder)
    other = tmp_path_factory.mktemp("other")
    pjais.export(folder, output=other / "export.json")
    pjais.import_file(other, [other / "export.json"])
    assert pjais.verify(other).passed
    assert sorted(itertools.chain(*contents(other).values())) == sorted(itertools.chain(*now.values()))
    if last_run(folder) != run.run_id:
        pjais.rollback(folder, last_run(folder), discard_later=True)
        assert pjais.verify(folder).passed
        assert (contents(folder), schema(folder)) == (documents, shape)


def _edited(folder: Path, table: str, value: Any) -> int:
    """Set a column of a table's first row to a value, as another program would; return how many rows it changed."""
    name = '"' + table.replace('"', '""') + '"'
    with closing(sqlite3.connect(folder / "pjais.sqlite")) as db:
        columns = [
            column
            for column, key in db.execute("SELECT name, pk FROM pragma_table_info(?)", (table,))
            if not key and column not in ("_document", "_text", "_value")
        ]
        if not columns:
            return 0
        column = '"' + columns[0].replace('"', '""') + '"'
        before = db.execute(f"SELECT typeof({column}), {column} FROM {name} ORDER BY rowid").fetchall()
        try:
            db.execute(f"UPDATE {name} SET {column} = ? WHERE rowid = (SELECT min(rowid) FROM {name})", (value,))
        except sqlite3.IntegrityError:
            return 0  # no valid JSON
        after = db.execute(f"SELECT typeof({column}), {column} FROM {name} ORDER BY rowid").fetchall()
        db.commit()
        return int(before != after)
