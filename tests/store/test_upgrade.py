"""Schema upgrades: an older store is upgraded, checked and provable; a newer one names the version to install."""

from __future__ import annotations

import json
import sqlite3
import tarfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import pjais
import world
from pjais import journal, models, sqlite
from pjais.core.model import Dialects, Model, Upgrade
from pjais.errors import ForeignTarget, MigrationFailed, OlderStore
from pjais.migration import quarantine as migration_quarantine
from pjais.models.persona.model import MODEL
from pjais.store import upgrade
from pjais.workspace import resolve_workspace
from world import memory, migrated, persona, rows, write_json

GOLDEN = Path(__file__).parents[1] / "golden" / "store"


@pytest.fixture(params=sorted(GOLDEN.glob("*.tar.xz")), ids=lambda path: path.name.removesuffix(".tar.xz"))
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A data folder that a released version wrote."""
    with tarfile.open(request.param) as packed:
        packed.extractall(tmp_path, filter="data")
    return tmp_path / "data"


def schema(store: Path) -> set[tuple[Any, ...]]:
    """Everything but the tables of documents, which follow from what was migrated."""
    found = rows(store, "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'")
    documents = {table for table, _, _ in world.documents(store)}
    return {one for one in found if one[2] not in documents and one[2][0] != "_"}


def with_step(step: Upgrade) -> Callable[..., Model]:
    """Return what gives the model with another first step."""
    return lambda *_: replace(MODEL, upgrades=(step, *MODEL.upgrades[1:]))


def test_an_older_store_is_proved_as_it_is_and_stays_as_it_is(old: Path) -> None:
    before = (old / "pjais.sqlite").read_bytes()
    assert pjais.verify(old).passed
    assert (old / "pjais.sqlite").read_bytes() == before


def test_an_older_store_opens_with_all_it_held(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKIP_MIGRATION", "true")
    expected = json.loads((old / "expected.json").read_text("utf-8"))
    with pjais.open(old) as store:
        assert [found.memory.id for found in store.memories.search("tea ceremony")] == expected["hits"]
        for name, key, document in expected["rows"].pop("other_records"):
            found = store.collection(name).get(key)
            assert found is not None and found.value == json.loads(document)
    for table, held in expected["rows"].items():
        assert [list(row) for row in rows(old / "pjais.sqlite", f"SELECT * FROM {table} ORDER BY 1, 2")] == held
    assert rows(old / "pjais.sqlite", "SELECT count(*) FROM changes") == [(expected["changes"],)]
    quarantine = [
        [one.id, one.native_id, one.replayed_at is not None, one.discarded]
        for one in migration_quarantine.listed(resolve_workspace(old), everything=True)
    ]
    assert quarantine == expected["quarantine"]
    assert pjais.verify(old).passed


EDITS = {
    "a value": "UPDATE other_records SET document = json_set(document, '$.name', 'Dawn') WHERE id = 'moon-phase'",
    "a value of another kind": "UPDATE other_records SET document = json_set(document, '$.name', 7) "
    "WHERE id = 'moon-phase'",
    "a new field": "UPDATE other_records SET document = json_set(document, '$.added', json('[1, {}]')) "
    "WHERE collection = 'plugin_manifests'",
    "a field removed": "UPDATE other_records SET document = json_remove(document, '$.icon') WHERE id = 'moon-phase'",
    "null for a field": "UPDATE other_records SET document = json_set(document, '$.icon', null) "
    "WHERE id = 'moon-phase'",
    "twice": "UPDATE other_records SET document = json_set(document, '$.a', 1) WHERE id = 'moon-phase'; "
    "UPDATE other_records SET document = json_set(document, '$.a', 'one') WHERE id = 'moon-phase'",
    "something that is no object": "UPDATE other_records SET document = json_object('$value', json('[1, 2]')) "
    "WHERE id = 'moon-phase'",
    "1 for true": "UPDATE other_records SET document = json_set(document, '$.isTemplate', 1) "
    "WHERE id LIKE '%hivecheck'",
    "only the text": "UPDATE other_records SET document = char(10) || document",
    "a document removed": "DELETE FROM other_records WHERE id = 'moon-phase'",
    "a collection removed": "DELETE FROM other_records WHERE collection = 'workflows'",
    "everything removed": "DELETE FROM other_records",
    "removed and added again": "CREATE TABLE temp.kept AS SELECT * FROM other_records; DELETE FROM other_records; "
    "INSERT INTO other_records SELECT * FROM temp.kept",
    "a document added": "INSERT INTO other_records VALUES ('bookmarks', 'new', '{\"id\":\"new\",\"stars\":5}')",
    "a collection added": "INSERT INTO other_records VALUES ('recipes', 'r 1', '{\"id\":\"r 1\"}'), "
    "('recipes', '#5', '{\"id\":5,\"a\":[null]}'), ('bookmarks 2', 'x', '{\"x\":1.5e300}')",
    "under another key": "UPDATE other_records SET id = 'sun-phase' WHERE id = 'moon-phase'",
}


@pytest.mark.parametrize("edit", EDITS)
def test_documents_that_were_edited_since_are_as_they_were_edited(old: Path, edit: str) -> None:
    """The upgrade gives them tables: these hold the present values, and the proof still knows what was migrated."""
    store = old / "pjais.sqlite"
    with closing(sqlite3.connect(store)) as db:
        db.executescript(EDITS[edit])
        held = list(db.execute("SELECT collection, id, document FROM other_records"))
    upgrade.upgrade_held(resolve_workspace(old))
    assert pjais.verify(old).passed
    values = ((name, json.loads(text)) for name, _, text in held)
    present = sorted((name, json.dumps(value.get("$value", value), sort_keys=True)) for name, value in values)
    with pjais.open(old) as opened:
        found = [(name, one.value) for name in opened.collections for one in opened.collection(name)]
    assert sorted((name, json.dumps(value, sort_keys=True)) for name, value in found) == present
    assert rows(store, "SELECT name FROM sqlite_schema WHERE name = 'other_records'") == []


def test_an_upgraded_store_has_the_schema_of_a_new_one(old: Path, tmp_path: Path) -> None:
    pjais.migrate(old, on_invalid="quarantine")
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    pjais.open(fresh).close()
    assert schema(old / "pjais.sqlite") == schema(fresh / "pjais.sqlite")
    assert rows(old / "pjais.sqlite", "PRAGMA user_version") == [(MODEL.schema_version,)]


def test_a_migration_upgrades_first_and_goes_on(old: Path) -> None:
    write_json(old, "more.pjais.json", personas=[persona("new one")], memories=[])
    report = pjais.migrate(old, on_invalid="quarantine")
    assert report.code == "quarantined"
    assert rows(old / "pjais.sqlite", "SELECT id FROM personas WHERE id = 'new one'") == [("new one",)]
    assert pjais.verify(old).passed


def test_the_store_is_copied_before_its_upgrade(old: Path) -> None:
    before = rows(old / "pjais.sqlite", "SELECT * FROM migration_records ORDER BY seq")
    done = upgrade.upgrade_held(resolve_workspace(old))
    assert done is not None
    assert rows(done.backup / "previous.sqlite", "SELECT * FROM migration_records ORDER BY seq") == before
    assert "upgraded" in journal.events(done.backup)
    assert upgrade.upgrade_held(resolve_workspace(old)) is None


def test_status_says_what_an_older_store_needs(old: Path) -> None:
    from pjais.migration import status

    told = status.status(resolve_workspace(old))
    assert told["store"]["upgrade"] == [step.does for step in MODEL.upgrades]


def test_a_step_that_cannot_be_done_says_why_and_leaves_the_store(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "named", with_step(MODEL.upgrades[0]._replace(obstacle=lambda _: "the moon is full")))
    before = (old / "pjais.sqlite").read_bytes()
    with pytest.raises(MigrationFailed, match="the moon is full"):
        upgrade.upgrade_held(resolve_workspace(old))
    assert (old / "pjais.sqlite").read_bytes() == before


def test_a_step_that_loses_a_value_is_taken_back(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(db: sqlite.Connection, _: Dialects) -> None:
        db.execute("UPDATE personas SET description = 'x' WHERE id = (SELECT min(id) FROM personas)")

    monkeypatch.setattr(models, "named", with_step(MODEL.upgrades[0]._replace(then=careless)))
    with pytest.raises(MigrationFailed, match="rolled back"):
        upgrade.upgrade_held(resolve_workspace(old))
    assert rows(old / "pjais.sqlite", "PRAGMA user_version") == [(1,)]


def test_a_column_that_is_added_to_the_model_is_one_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a next version does: the step writes its SQL out, and the store keeps every row."""
    write_json(tmp_path, personas=[persona()], memories=[memory()])
    migrated(tmp_path)
    added = Upgrade(MODEL.schema_version + 1, "add a note to each plugin", "ALTER TABLE plugins ADD COLUMN note TEXT")
    later = replace(MODEL, upgrades=(*MODEL.upgrades, added))
    with closing(sqlite.open_writer(tmp_path / "pjais.sqlite")) as db:
        monkeypatch.setattr("pjais.targets.sqlite.compare.check_pages", lambda *_: ())
        upgrade.apply(db, later, (added,), {}, tmp_path / "pjais.sqlite")
    assert ("note",) in rows(tmp_path / "pjais.sqlite", "SELECT name FROM pragma_table_info('plugins')")
    with pytest.raises(ForeignTarget, match="newer") as told:
        pjais.verify(tmp_path)
    assert told.value.next_command == f"pip install --upgrade 'pjais>={pjais.__version__}'"


def test_what_writes_to_an_older_store_names_the_command_that_upgrades_it(old: Path) -> None:
    with pytest.raises(OlderStore, match="schema 1") as told:
        pjais.rollback(old)
    assert told.value.next_command == "pjais migrate"


def test_an_upgrade_that_was_cut_off_is_done_by_the_next_call(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(upgrade, "apply", cut)
    with pytest.raises(KeyboardInterrupt):
        upgrade.upgrade_held(resolve_workspace(old))
    monkeypatch.undo()
    pjais.migrate(old, on_invalid="quarantine")
    assert pjais.verify(old).passed


def test_an_export_of_an_older_store_is_that_of_the_upgraded_one(old: Path, tmp_path: Path) -> None:
    from pjais.exchange.export import as_text

    def exported() -> str | None:
        return as_text(resolve_workspace(old), old / "pjais.sqlite").text

    before = exported()
    upgrade.upgrade_held(resolve_workspace(old))
    assert exported() == before


def test_another_program_s_tables_in_an_older_store_stay(old: Path) -> None:
    with closing(sqlite3.connect(old / "pjais.sqlite")) as db:
        db.execute("CREATE TABLE theirs (a, b)")
        db.execute("INSERT INTO theirs VALUES (1, x'00')")
        db.commit()
    pjais.migrate(old, on_invalid="quarantine")
    assert rows(old / "pjais.sqlite", "SELECT a, b FROM theirs") == [(1, b"\x00")]
    assert pjais.verify(old).passed
