"""References that an app declares are foreign keys of its tables, also where some lead nowhere."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pjais
from pjais.models.documents.catalogue import Collection, Column, Place
from pjais.models.documents.model import with_documents
from pjais.models.persona.model import MODEL
from pjais.targets.sqlite import ddl
from world import rows

TABLES = """
CREATE TABLE lists (id INTEGER PRIMARY KEY, title TEXT);
CREATE TABLE todos (
    id INTEGER PRIMARY KEY, list INTEGER REFERENCES lists, parent INTEGER REFERENCES todos (id), t TEXT
);
INSERT INTO lists VALUES (1, 'home');
INSERT INTO todos VALUES (3, 1, NULL, 'milk'), (2, 1, 3, 'tea'), (1, 9, NULL, 'lost');
"""


def written(path: Path, sql: str) -> Path:
    with closing(sqlite3.connect(path)) as db:
        db.executescript(sql)
        db.commit()
    return path


def keys(store: Path) -> list[tuple[str, str, str]]:
    sql = 'SELECT "from", "table", "to" FROM pragma_foreign_key_list(\'todos\') ORDER BY 1'
    return [(str(a), str(b), str(c)) for a, b, c in rows(store, sql)]


def test_references_of_sql_are_declared_and_one_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    source, store = written(tmp_path / "app.db", TABLES), tmp_path / "data" / "pjais.sqlite"
    assert pjais.migrate(tmp_path / "data", [source]).code == "done"
    assert keys(store) == [("list", "lists", "id"), ("parent", "todos", "id")]
    proof = pjais.verify(tmp_path / "data")
    assert proof.passed and "todos (1)" in next(told for name, _, told in proof.checks if name == "foreign keys")
    written(
        source, "DELETE FROM lists; INSERT INTO todos VALUES (4, 8, 77, 'later'); UPDATE todos SET t = 5 WHERE id = 1"
    )
    assert pjais.migrate(tmp_path / "data", [source]).code == "done"
    assert pjais.verify(tmp_path / "data").passed
    assert keys(store) == [("list", "lists", "id"), ("parent", "todos", "id")]
    pjais.rollback(tmp_path / "data", discard_later=True)
    assert pjais.verify(tmp_path / "data").passed
    assert rows(store, "SELECT count(*) FROM todos") == [(3,)]


def test_a_reference_of_an_rxdb_schema_is_declared_once_the_other_collection_has_a_table() -> None:
    schema = '{"properties":{"owner":{"type":"string","ref":"people"},"all":{"type":"array","ref":"people"}}}'
    text, whole = ("string",), Column("_document", "$document", ("json",))
    columns = (Column("id", "id", text), Column("owner", "owner", text), Column("all", "all", ("json",)), whole)
    pets = Collection("pets", Place("p", "o", "d", "pets"), columns, 1, ("id",), schema=("json-schema", schema))
    people = Collection("people", Place("p", "o", "d", "people"), (Column("pk", "pk", text), whole), 1, ("pk",))
    alone, both = with_documents(MODEL, (pets,)), with_documents(MODEL, (pets, people))
    assert "REFERENCES" not in ddl.create_table(alone.by_name["pets"])
    assert "owner TEXT REFERENCES people (pk)" in ddl.create_table(both.by_name["pets"])
    assert with_documents(alone, (pets, people)).by_name["pets"] is not alone.by_name["pets"]


def test_a_reference_to_a_table_whose_documents_are_all_in_another_goes_and_the_run_is_rolled_back(
    tmp_path: Path,
) -> None:
    """A copy in which one row differs: its equal rows are in the tables that are there."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = written(tmp_path / "a" / "app.db", TABLES), written(tmp_path / "b" / "app.db", TABLES)
    written(second, "UPDATE todos SET t = 'cocoa' WHERE id = 2")
    store = tmp_path / "data" / "pjais.sqlite"
    pjais.migrate(tmp_path / "data", [first])
    before = rows(store, "SELECT * FROM todos"), rows(store, "SELECT * FROM _collections ORDER BY tbl")
    assert pjais.migrate(tmp_path / "data", [second, first]).code == "done"
    assert pjais.verify(tmp_path / "data").passed
    tables = [name for (name,) in rows(store, "SELECT tbl FROM _collections ORDER BY tbl")]
    assert tables == ["lists", "todos", "todos (2)"]
    assert rows(store, 'SELECT t FROM "todos (2)"') == [("cocoa",)]
    pjais.rollback(tmp_path / "data", discard_later=True)
    assert (rows(store, "SELECT * FROM todos"), rows(store, "SELECT * FROM _collections ORDER BY tbl")) == before
    assert pjais.verify(tmp_path / "data").passed
