"""The step to schema 4: from stores of schema 3, which hold records or another app's documents alone."""

from __future__ import annotations

import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import pytest

import pjais
from pjais.errors import MigrationFailed
from pjais.models.persona.model import MODEL
from pjais.store import upgrade
from pjais.workspace import resolve_workspace
from world import migrated, persona, rows, write_json

GOLDEN = Path(__file__).parents[1] / "golden" / "store" / "schema-3"
OURS = ("attachments", "conversation_messages", "message_fts")


def unpacked(name: str, folder: Path) -> Path:
    """Unpack a data folder with a store of schema 3 (scripts/golden_store/make_schema_3.py)."""
    with tarfile.open(GOLDEN / f"{name}.tar.xz") as packed:
        packed.extractall(folder, filter="data")
    return folder / "data"


@pytest.fixture
def records(tmp_path: Path) -> Path:
    return unpacked("records", tmp_path)


def schema(store: Path) -> set[tuple[str, ...]]:
    """The definitions of our tables, indexes and triggers."""
    sql = (
        "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND tbl_name NOT IN ('notes', 'sqlite_stat1')"
    )
    return {one for one in rows(store, sql) if one[1][0] != "_"}


def ours(store: Path) -> list[str]:
    marks = ", ".join("?" * len(OURS))
    return [name for (name,) in rows(store, f"SELECT name FROM sqlite_schema WHERE name IN ({marks})", *OURS)]


def test_a_store_is_proved_before_and_after_and_looks_like_a_new_one(records: Path, tmp_path: Path) -> None:
    before = (records / "pjais.sqlite").read_bytes()
    assert pjais.verify(records).passed
    assert (records / "pjais.sqlite").read_bytes() == before
    done = upgrade.upgrade_held(resolve_workspace(records))
    assert done is not None and (done.before, done.after) == (3, MODEL.schema_version)
    assert pjais.verify(records).passed
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    pjais.open(fresh).close()
    assert schema(records / "pjais.sqlite") == schema(fresh / "pjais.sqlite")


def test_runs_of_before_can_be_rolled_back_after_it(records: Path) -> None:
    pjais.migrate(records)
    assert ours(records / "pjais.sqlite") == list(OURS)
    write_json(records, "more.json", personas=[persona("p2")])
    assert migrated(records).code == "done"
    runs = [name for (name,) in rows(records / "pjais.sqlite", "SELECT id FROM migration_runs ORDER BY number")]
    memories = []
    while runs:
        assert pjais.rollback(records, discard_later=True).run_id == runs.pop()
        if runs:
            assert pjais.verify(records).passed
            memories += rows(records / "pjais.sqlite", "SELECT count(*) FROM memory_entities")
    assert (memories[0], memories[-1]) == ((1,), (0,))
    assert not (records / "pjais.sqlite").exists()


def test_a_store_of_another_app_gets_no_tables_of_ours_before_it_needs_them(tmp_path: Path) -> None:
    data = unpacked("documents", tmp_path)
    upgrade.upgrade_held(resolve_workspace(data))
    assert rows(data / "pjais.sqlite", "PRAGMA user_version") == [(MODEL.schema_version,)]
    assert ours(data / "pjais.sqlite") == []
    assert pjais.verify(data).passed
    with pjais.open(data) as store:
        assert list(store.attachments.all()) == []
        store.personas.create(name="Mira")
    assert ours(data / "pjais.sqlite") == list(OURS)
    assert pjais.verify(data).passed


@pytest.mark.parametrize("name", OURS)
def test_a_table_of_another_program_with_our_name_is_named_and_stays(records: Path, name: str) -> None:
    with closing(sqlite3.connect(records / "pjais.sqlite")) as db:
        db.execute(f"CREATE TABLE {name} (a)")
        db.commit()
    with pytest.raises(MigrationFailed, match=f"the name {name} is needed"):
        upgrade.upgrade_held(resolve_workspace(records))
    assert rows(records / "pjais.sqlite", "PRAGMA user_version") == [(3,)]


@pytest.mark.parametrize("name", ["records", "documents"])
def test_the_state_of_a_store_is_told_before_it_is_upgraded(tmp_path: Path, name: str) -> None:
    data = unpacked(name, tmp_path)
    before = (data / "pjais.sqlite").read_bytes()
    told = pjais.status(data)
    assert told["store"]["schema"] == 3
    assert sum(one["records"] for one in told["store"]["sources"]) == sum(told["store"]["records"].values())
    assert (data / "pjais.sqlite").read_bytes() == before
