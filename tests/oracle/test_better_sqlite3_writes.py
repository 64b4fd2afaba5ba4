"""The real better-sqlite3 writes to what we wrote, in every way; search, history, dates and proof stay right."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import apsw
import pytest
from oracle_world import HERE, Migrated, assert_search_agrees, migrate_sample, require, rows_of, use, words_in
from write_script import INSERT, NOW, Change, Script, everything, memory

import pjais
from pjais.errors import ConfirmationNeeded

pytestmark = pytest.mark.oracle


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    """Skip with the reason where the oracle is missing; fail where it is required."""
    require()


class Written(NamedTuple):
    """The sample after better-sqlite3 wrote to it."""

    migrated: Migrated
    script: Script
    answers: dict[str, Any]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """A migrated sample, written to in every way."""
    migrated = migrate_sample(tmp_path_factory.mktemp("write") / "data")
    script = everything(migrated)
    return Written(migrated, script, use("write", migrated.store, {"steps": script.steps}))


def test_the_file_is_sound_for_both_after_the_writes(written: Written) -> None:
    """SQLite's own checks, in better-sqlite3 and here."""
    assert written.answers["checks"] == {"integrity": "ok", "orphans": 0}
    with closing(apsw.Connection(str(written.migrated.store))) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        db.execute("INSERT INTO memory_fts (memory_fts, rank) VALUES ('integrity-check', 1)")


def assert_history(store: Path, expected: list[Change]) -> None:
    """The history is exactly this, in this order."""
    found = [
        Change(*row[:3], *(None if text is None else json.loads(text) for text in row[3:]))
        for row in rows_of(store, "SELECT table_name, record_id, op, before, after FROM changes ORDER BY seq")
    ]
    for one, wanted in zip(found, expected, strict=False):
        assert one == wanted
    assert len(found) == len(expected)


def test_the_history_holds_exactly_what_was_written(written: Written) -> None:
    """One row for each change, whoever made it, with the values before and after; none for what did not happen."""
    assert_history(written.migrated.store, written.script.history)


def test_search_follows_every_write_and_the_vacuum(written: Written) -> None:
    """New words are found, old words of changed memories are not."""
    store = written.migrated.store
    expected = {f'"{word}"': sorted(ids) for word, ids in words_in(store).items()}
    gone = ['"vuvuzela"']
    found = use("read", store, {"personas": [], "words": [*expected, *gone]})["search"]
    assert {word: sorted(ids) for word, ids in found.items()} == {**expected, '"vuvuzela"': []}
    assert found['"zephyranthes"'] == ["after vacuum", "inserted"]
    assert len(found['"quincunx"']) == len(found['"xylograph"']) == 2


def test_instants_without_a_zone_become_utc(written: Written) -> None:
    """No instant in the store is left as CURRENT_TIMESTAMP wrote it."""
    for table, column in (
        ("personas", "created_at"),
        ("memory_entities", "updated_at"),
        ("memory_entities", "deleted_at"),
    ):
        values = {value for (value,) in rows_of(written.migrated.store, f"SELECT {column} FROM {table}")}
        assert all(value is None or value.endswith("Z") for value in values), (table, column)
    assert rows_of(written.migrated.store, "SELECT last_used FROM personas WHERE id = 'nova'") == [
        ("2025-07-01T12:30:00.250Z",)
    ]


def test_verify_explains_every_write(written: Written) -> None:
    """The proof holds, and the later writes are listed apart."""
    proof = pjais.verify(written.migrated.folder)
    assert proof.passed
    last: dict[tuple[str, str], set[str]] = {}
    for one in written.script.history:
        last.setdefault((one.table, one.record), set()).add(one.op)
    kinds = Counter("added" if "insert" in ops else "removed" if "delete" in ops else "edited" for ops in last.values())
    assert (proof.edited_since, proof.added_since, proof.removed_since) == (
        kinds["edited"],
        kinds["added"],
        kinds["removed"],
    )


def test_the_next_run_leaves_what_the_app_wrote(written: Written) -> None:
    """Nothing is new in the sources, so nothing is done."""
    assert pjais.migrate(written.migrated.folder).code == "already_migrated"
    assert rows_of(written.migrated.store, "SELECT count(*) FROM memory_entities WHERE id = 'inserted'") == [(1,)]


def test_what_breaks_a_rule_is_refused(tmp_path: Path) -> None:
    """A reference to nobody, a persona that is still referred to, text that is no JSON; and nothing changes."""
    migrated = migrate_sample(tmp_path / "data")
    script = Script(migrated)
    key = script.free[0]
    insert = f"INSERT {INSERT}"
    script.refuse("no such persona", insert, memory("x", "nobody"))
    script.refuse("no JSON", insert, memory("x", script.persona, tags="not JSON"))
    script.refuse("no content", insert, memory("x", script.persona, content=None))
    script.refuse("no id", insert, {**memory("x", script.persona), "id": None})
    script.refuse("replace without JSON", f"INSERT OR REPLACE {INSERT}", memory(key, script.persona, tags="{"))
    script.refuse("replace for nobody", f"INSERT OR REPLACE {INSERT}", memory(key, "nobody"))
    script.refuse("update to nobody", "UPDATE memory_entities SET persona_id = 'nobody' WHERE id = @id", {"id": key})
    script.refuse("persona in use", "DELETE FROM personas WHERE id = @id", {"id": script.persona})
    answers = use("write", migrated.store, {"steps": script.steps})
    assert answers["refused"] == {
        "no such persona": "SQLITE_CONSTRAINT_FOREIGNKEY",
        "no JSON": "SQLITE_CONSTRAINT_CHECK",
        "no content": "SQLITE_CONSTRAINT_NOTNULL",
        "no id": "SQLITE_CONSTRAINT_CHECK",
        "replace without JSON": "SQLITE_CONSTRAINT_CHECK",
        "replace for nobody": "SQLITE_CONSTRAINT_FOREIGNKEY",
        "update to nobody": "SQLITE_CONSTRAINT_FOREIGNKEY",
        "persona in use": "SQLITE_CONSTRAINT_FOREIGNKEY",
    }
    assert rows_of(migrated.store, "SELECT count(*) FROM changes") == [(0,)]
    proof = pjais.verify(migrated.folder)
    assert (proof.edited_since, proof.added_since, proof.removed_since) == (0, 0, 0)


def test_recursive_triggers_change_nothing(tmp_path: Path) -> None:
    """With this pragma (sqlite-utils sets it) a REPLACE fires delete triggers, too: the outcome is the same."""
    migrated = migrate_sample(tmp_path / "data")
    script = Script(migrated)
    script.pragma("recursive_triggers = ON")
    script.replace(script.free[0], content="Replaced by a xylograph.")
    script.update(script.free[1], "updated_at = CURRENT_TIMESTAMP", updated_at=NOW)
    use("write", migrated.store, {"steps": script.steps})
    assert_search_agrees(migrated.store)
    proof = pjais.verify(migrated.folder)
    assert (proof.edited_since, proof.added_since, proof.removed_since) == (2, 0, 0)


def test_a_record_that_gets_another_id(tmp_path: Path) -> None:
    """One record fewer, one more; nothing is unexplained."""
    migrated = migrate_sample(tmp_path / "data")
    script = Script(migrated)
    script.step("UPDATE memory_entities SET id = 'renamed' WHERE id = @id", {"id": script.free[0]})
    use("write", migrated.store, {"steps": script.steps})
    proof = pjais.verify(migrated.folder)
    assert (proof.edited_since, proof.added_since, proof.removed_since) == (0, 1, 1)


def test_an_update_that_replaces_another_record(tmp_path: Path) -> None:
    """UPDATE OR REPLACE onto another record's id: refused, or that one's end is in the history and in the index."""
    migrated = migrate_sample(tmp_path / "data")
    script = Script(migrated)
    values = {"id": script.free[0], "other": script.free[1]}
    script.refuse("taken", "UPDATE OR REPLACE memory_entities SET id = @other WHERE id = @id", values)
    use("write", migrated.store, {"steps": script.steps})
    assert_search_agrees(migrated.store)
    assert pjais.verify(migrated.folder).passed


def add_to_source(folder: Path) -> None:
    """One more memory in the sample's `data.json`."""
    path = folder / "data.json"
    data = json.loads(path.read_text("utf-8"))
    persona = data["personas"][0]["id"]
    data["memories"].append({"id": "arrived", "personaId": persona, "type": "fact", "content": "Late."})
    path.write_text(json.dumps(data), "utf-8")


def test_new_data_arrives_after_the_app_wrote(tmp_path: Path) -> None:
    """The next run brings it, and leaves every write of the app as it is, in the store and in the proof."""
    migrated = migrate_sample(tmp_path / "data")
    script = everything(migrated)
    use("write", migrated.store, {"steps": script.steps})
    before = pjais.verify(migrated.folder)
    held = dict(rows_of(migrated.store, "SELECT id, content FROM memory_entities"))
    add_to_source(migrated.folder)
    assert pjais.migrate(migrated.folder).code == "done"
    assert dict(rows_of(migrated.store, "SELECT id, content FROM memory_entities")) == {**held, "arrived": "Late."}
    after = pjais.verify(migrated.folder)
    assert (after.edited_since, after.added_since, after.removed_since) == (
        before.edited_since,
        before.added_since,
        before.removed_since,
    )
    assert_search_agrees(migrated.store)


def test_rollback_asks_about_what_the_app_wrote_and_keeps_it(tmp_path: Path) -> None:
    """Refused without a word about the later writes; with --keep-later they are exported."""
    migrated = migrate_sample(tmp_path / "data")
    script = Script(migrated)
    script.insert("inserted", content="A zephyranthes blooms.")
    script.delete(script.free[0])
    use("write", migrated.store, {"steps": script.steps})
    with pytest.raises(ConfirmationNeeded):
        pjais.rollback(migrated.folder)
    assert migrated.store.exists()
    kept = tmp_path / "later.pjais.json"
    undone = pjais.rollback(migrated.folder, keep_later=kept)
    assert (undone.later.added, undone.later.edited, undone.later.removed) == (1, 0, 1)
    assert not migrated.store.exists()
    later = json.loads(kept.read_text("utf-8"))
    assert [one["id"] for one in later["memories"]] == ["inserted"]


@contextmanager
def held_open(store: Path) -> Iterator[None]:
    """An app that has the store open."""
    words = ["node", str(HERE / "use_target.mjs"), "hold", str(store)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as app:
        assert app.stdin is not None
        assert app.stdout is not None
        assert app.stdout.readline() == b"open\n"
        yield
        app.stdin.close()
        assert app.wait(timeout=600) == 0


def test_a_run_goes_into_a_store_that_an_app_has_open(tmp_path: Path) -> None:
    """It is one transaction like any other: better-sqlite3 may have the store open meanwhile."""
    migrated = migrate_sample(tmp_path / "data")
    add_to_source(migrated.folder)
    with held_open(migrated.store):
        assert pjais.migrate(migrated.folder).code == "done"
        assert rows_of(migrated.store, "SELECT count(*) FROM memory_entities WHERE id = 'arrived'") == [(1,)]
    assert pjais.verify(migrated.folder).passed
