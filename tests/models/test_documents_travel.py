"""Documents of any app stay what they are, whichever way they go: store, export, LiveStore, and back."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

import pjais
from pjais.errors import PjaisError
from world import documents, persona, write_json

PROFILE = Path(__file__).parents[1] / "golden" / "any-app" / "lattice"


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with everything that a page of every type of value stored."""
    folder = tmp_path_factory.mktemp("first")
    assert pjais.migrate(folder, [PROFILE]).code == "done"
    return folder


def held(folder: Path) -> tuple[list[str], list[tuple[Any, ...]]]:
    """The values of all documents, in tagged JSON, and the bytes of all Blobs."""
    store = folder / "pjais.sqlite"
    with closing(sqlite3.connect(store)) as db:
        blobs = db.execute("SELECT sha256, size, data FROM _blobs ORDER BY 1").fetchall()
    return sorted(text for _, _, text in documents(store)), blobs


def same(first: Path, second: Path) -> None:
    assert held(second) == held(first)
    assert pjais.verify(second).passed


def test_a_store_as_a_source(first: Path, tmp_path: Path) -> None:
    pjais.migrate(tmp_path, [first / "pjais.sqlite"])
    same(first, tmp_path)


def test_an_export_and_its_import(first: Path, tmp_path: Path) -> None:
    exported = tmp_path / "all.pjais.json"
    exported.write_text(pjais.export(first).text or "", "utf-8")
    pjais.import_file(tmp_path / "data", [exported])
    same(first, tmp_path / "data")
    assert pjais.export(tmp_path / "data").text == exported.read_text("utf-8")


def test_livestore_and_back(first: Path, tmp_path: Path) -> None:
    pjais.migrate(tmp_path / "live", [PROFILE], to="livestore")
    assert pjais.verify(tmp_path / "live").passed
    pjais.migrate(tmp_path / "back", [tmp_path / "live" / "livestore"])
    same(first, tmp_path / "back")


def test_another_apps_file_holds_its_own_tables_only(first: Path) -> None:
    with closing(sqlite3.connect(first / "pjais.sqlite")) as db:
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        known = {name for (name,) in db.execute("SELECT tbl FROM _collections")}
    ours = {"changes", "changes_replaced", "store_operations"}
    assert {name for name in tables - known - ours if not name.startswith(("_", "migration_", "sqlite_"))} == set()
    with pjais.open(first) as store:
        assert store.personas.list() == [] and store.memories.search("x") == []
        assert set(store.collections) == known


def test_text_of_a_damaged_store_that_is_not_utf8(tmp_path: Path) -> None:
    """Its column shows U+FFFD, and the document keeps the bytes; once it ended with a traceback."""
    source, copy = tmp_path / "source", tmp_path / "copy"
    source.mkdir()
    write_json(source, personas=[persona()], todos=[{"id": 1, "what": {"deep": [1]}, "tags": ["a"], "note": "x"}])
    pjais.migrate(source)
    with closing(sqlite3.connect(source / "pjais.sqlite")) as db, db:
        db.execute("PRAGMA ignore_check_constraints = ON")
        for (trigger,) in db.execute("SELECT name FROM sqlite_schema WHERE tbl_name = 'todos' AND type = 'trigger'"):
            db.execute(f"DROP TRIGGER {trigger}")
        db.execute(
            "UPDATE todos SET what = CAST(x'FFFE' AS TEXT), tags = CAST(x'FF' AS TEXT), note = CAST(x'61FF' AS TEXT)"
        )
    assert pjais.migrate(copy, [source / "pjais.sqlite"], on_invalid="quarantine").total.balanced()
    assert pjais.verify(copy).passed
    with closing(sqlite3.connect(copy / "pjais.sqlite")) as db:
        assert db.execute("SELECT what, tags, note FROM todos").fetchone() == ("\ufffd\ufffd", "\ufffd", "a\ufffd")


def test_a_damaged_store_whose_catalogue_names_a_table_by_no_text(tmp_path: Path) -> None:
    """It is refused or read without its documents' tables; once it ended with a traceback."""
    source = tmp_path / "source"
    source.mkdir()
    write_json(source, personas=[persona()], todos=[{"id": 1, "what": "milk"}])
    pjais.migrate(source)
    with closing(sqlite3.connect(source / "pjais.sqlite")) as db, db:
        db.execute("PRAGMA ignore_check_constraints = ON")
        db.execute("UPDATE _collections SET tbl = CAST(tbl AS BLOB), collection = 7")
    with suppress(PjaisError):
        pjais.migrate(tmp_path / "copy", [source / "pjais.sqlite"], on_invalid="quarantine")
