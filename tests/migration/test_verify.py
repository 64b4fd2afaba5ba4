"""The proof: it turns red for anything that the history does not explain, and only for that."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

import pjais
from pjais import sqlite
from pjais.errors import VerificationFailed
from pjais.models.persona.model import MODEL
from pjais.targets.sqlite import compare
from world import JSON, memory, migrated, persona, rows, write_json


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A small migrated store."""
    write_json(
        tmp_path, personas=[persona()], memories=[memory(f"m{n}", content=f"text number {n}") for n in range(50)]
    )
    migrated(tmp_path)
    return tmp_path / "pjais.sqlite"


def test_one_flipped_bit_names_the_record_and_the_field(store: Path) -> None:
    """A bit of a content changes on disk: verify is red, with record and field."""
    data = bytearray(store.read_bytes())
    place = data.index(b"text number 17")
    data[place + 5] ^= 0x01
    store.write_bytes(data)
    with pytest.raises(VerificationFailed) as caught:
        pjais.verify(store.parent)
    assert caught.value.exit_code == 18
    named = {(one.record_type, one.record_id, one.field) for one in caught.value.report.differences}
    assert ("memory_entities", "m17", "content") in named


def test_edits_are_known_from_the_history_and_listed_apart(store: Path) -> None:
    """Edited, added and removed since: no difference."""
    rows(store, "UPDATE memory_entities SET content = 'edited', importance = 7 WHERE id = 'm1'")
    rows(store, "UPDATE memory_entities SET content = 'again' WHERE id = 'm1'")
    rows(store, "DELETE FROM memory_entities WHERE id = 'm2'")
    rows(store, "INSERT INTO memory_entities (id, persona_id, type, content) VALUES ('new', 'p1', 't', 'c')")
    proof = pjais.verify(store.parent)
    assert (proof.edited_since, proof.removed_since, proof.added_since) == (1, 1, 1)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE memory_entities SET content = 'behind your back' WHERE id = 'm3'",
        "DELETE FROM memory_entities WHERE id = 'm3'",
        "INSERT INTO memory_entities (id, persona_id, type, content) VALUES ('ghost', 'p1', 't', 'c')",
        "UPDATE memory_entities SET extra = '{\"a\":1}' WHERE id = 'm3'",
        "UPDATE memory_entities SET importance = 51 WHERE id = 'm3'",
        "UPDATE personas SET is_active = 1",
    ],
)
def test_a_change_without_history_is_a_difference(store: Path, sql: str) -> None:
    """Triggers dropped, a row changed: red."""
    for (name,) in rows(store, "SELECT name FROM sqlite_schema WHERE type = 'trigger'"):
        rows(store, f"DROP TRIGGER {name}")
    rows(store, sql)
    with pytest.raises(VerificationFailed):
        pjais.verify(store.parent)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE migration_records SET digest = zeroblob(32) WHERE record_id = 'm3'",
        "DELETE FROM migration_records WHERE record_id = 'm3'",
        "UPDATE migration_records SET outcome = 'removed' WHERE record_id = 'm3'",
        "UPDATE migration_records SET record_id = 'm4' WHERE record_id = 'm3'",
    ],
)
def test_a_changed_account_is_a_difference(store: Path, sql: str) -> None:
    """The account itself cannot be bent."""
    rows(store, sql)
    with pytest.raises(VerificationFailed):
        pjais.verify(store.parent)


def test_a_changed_backup_is_a_difference(store: Path) -> None:
    """The snapshot is part of the proof."""
    (backup,) = (store.parent / "backups").iterdir()
    path = backup / "data.json"
    path.write_bytes(path.read_bytes().replace(b"text number 9", b"text number 8"))
    with pytest.raises(VerificationFailed):
        pjais.verify(store.parent)


def test_an_edit_does_not_hide_damage_in_another_field(store: Path) -> None:
    """The edit is walked back; what remains must be the migrated record."""
    rows(store, "UPDATE memory_entities SET content = 'edited' WHERE id = 'm5'")
    for (name,) in rows(store, "SELECT name FROM sqlite_schema WHERE type = 'trigger'"):
        rows(store, f"DROP TRIGGER {name}")
    rows(store, "UPDATE memory_entities SET type = 'other' WHERE id = 'm5'")
    with pytest.raises(VerificationFailed) as caught:
        pjais.verify(store.parent)
    assert [(one.record_id, one.field) for one in caught.value.report.differences] == [("m5", "type")]


def test_the_search_index_is_checked_beside_readers_however_long_they_take(tmp_path: Path) -> None:
    """With a million memories the comparison of rows outlasted the patience of a writer, and all was called wrong."""
    write_json(tmp_path, personas=[persona()], memories=[memory("m1")])
    pjais.migrate(tmp_path)
    new = tmp_path / "new.sqlite"
    sqlite.copy_database(tmp_path / "pjais.sqlite", new)  # a file in the making: no WAL
    with closing(sqlite.open_writer(new)) as db:
        db.execute("PRAGMA journal_mode = DELETE")
    with closing(sqlite.open_reader(new)) as reading, closing(sqlite.open_writer(new, wait_ms=1)) as db:
        rows_read = sqlite.each(reading, "SELECT * FROM memory_entities")
        next(rows_read)
        assert compare.check_search(db, MODEL) == (
            "search index",
            True,
            "agrees with the memories and the conversations",
        )


def test_a_store_that_somebody_writes_to_is_busy_and_not_wrong(tmp_path: Path) -> None:
    write_json(tmp_path, personas=[persona()], memories=[memory("m1")])
    pjais.migrate(tmp_path)
    path = tmp_path / "pjais.sqlite"
    with closing(sqlite.open_writer(path)) as other, closing(sqlite.open_writer(path, wait_ms=1)) as db:
        with sqlite.transaction(other), pytest.raises(sqlite.Busy):
            compare.check_search(db, MODEL)


def test_a_number_whose_column_became_real_is_as_its_history_says(tmp_path: Path) -> None:
    """It was stored by a later run, so that its history has it, and a fraction came into the column after it."""
    notes: list[JSON] = []
    for more in ([], [{"id": "a", "n": 50}], [{"id": "b", "n": 3.5}]):
        notes += more
        write_json(tmp_path, personas=[persona()], notes=notes)
        pjais.migrate(tmp_path)
        assert pjais.verify(tmp_path).passed
