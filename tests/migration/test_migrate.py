"""The main job: what comes in, what becomes of it, and that it happens once."""

from __future__ import annotations

import json
import shutil
import sqlite3
from importlib.resources import files
from pathlib import Path

import pytest

import pjais
from pjais import instants
from pjais.errors import ForeignTarget, NoSourceFound, SourceDamaged, ValidationFailed
from pjais.targets.sqlite.ledger import Account
from world import hashes, memory, migrated, persona, rows, write_json, write_livestore

KINDS = {
    "json",
    "livestore-db",
    "pjais-drizzle",
    "pjais-files",
    "pjais-flat",
    "rxdb-dump",
    "rxdb-export",
    "rxdb-profile",
}


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """A copy of the packaged legacy folder: every JSON and SQLite kind, awkward values included."""
    folder = tmp_path / "PJais"
    shutil.copytree(str(files("pjais.demo") / "sample"), folder)
    return folder


def test_a_folder_of_all_kinds_is_migrated_and_proved(sample: Path) -> None:
    """migrated + superseded + removed + quarantined = read, for every source."""
    report = migrated(sample)
    assert report.code == "done"
    assert {source["kind"] for source in report.sources} == KINDS
    for source in report.sources:
        ended = source["migrated"] + source["superseded"] + source["removed"] + source["quarantined"]
        assert source["read"] == ended > 0, source["name"]
    proof = pjais.verify(sample)
    assert proof.documents == report.total.read
    assert proof.records == report.total.migrated


def test_a_second_run_does_nothing_and_says_so(sample: Path) -> None:
    """Idempotent: same sources, same target bytes."""
    migrated(sample)
    before = rows(sample / "pjais.sqlite", "SELECT * FROM migration_records ORDER BY seq")
    report = pjais.migrate(sample)
    assert (report.code, report.exit_code) == ("already_migrated", 0)
    assert rows(sample / "pjais.sqlite", "SELECT * FROM migration_records ORDER BY seq") == before
    assert len([one for one in (sample / "backups").iterdir() if one.is_dir()]) == 1


def test_new_data_is_brought_and_nothing_else(tmp_path: Path) -> None:
    """A run after new data arrived brings only that."""
    write_json(tmp_path, personas=[persona()], memories=[memory("m1"), memory("m2")])
    migrated(tmp_path)
    write_json(tmp_path, personas=[persona()], memories=[memory("m1"), memory("m2"), memory("m3")])
    report = migrated(tmp_path)
    assert (report.total.read, report.total.migrated, report.total.unchanged) == (4, 4, 3)
    assert rows(tmp_path / "pjais.sqlite", "SELECT count(*) FROM memory_entities") == [(3,)]
    assert rows(tmp_path / "pjais.sqlite", "SELECT op, record_id FROM changes") == [("insert", "m3")]


def test_the_copy_with_the_latest_change_is_live_and_the_others_are_listed(tmp_path: Path) -> None:
    """Superseding by updated_at across sources; the older copy is kept whole."""
    older, newer = memory("m1", content="older"), memory("m1", content="newer", updatedAt="2025-04-01T00:00:00.000Z")
    write_json(tmp_path, personas=[persona()], memories=[newer])
    write_json(tmp_path, "rxdb-backup-2025-01-01.json", personas=[], memoryEntities=[older | {"_sourceSystem": "rxdb"}])
    report = migrated(tmp_path)
    assert report.total.superseded == 1
    store = tmp_path / "pjais.sqlite"
    assert rows(store, "SELECT content FROM memory_entities") == [("newer",)]
    ((by, document),) = rows(
        store, "SELECT superseded_by, document FROM migration_records WHERE outcome = 'superseded'"
    )
    assert by == "data.json"
    assert json.loads(document)["content"] == "older"


def test_equally_old_copies_are_settled_by_the_later_kind(tmp_path: Path) -> None:
    """Ties go to the later kind of the app's history, whatever the order of reading."""
    write_json(tmp_path, personas=[persona()], memories=[memory("m1", content="from json")])
    record = {
        "id": "m1",
        "personaId": "p1",
        "type": "text",
        "content": '"from livestore"',
        "tags": "[]",
        "updatedAt": instants.from_text("2025-03-01T00:00:00.000Z"),
    }
    write_livestore(tmp_path / "livestore.db", [], [record])
    migrated(tmp_path)
    assert rows(tmp_path / "pjais.sqlite", "SELECT content FROM memory_entities") == [("from json",)]


def test_twice_the_same_id_in_one_file(tmp_path: Path) -> None:
    """Duplicate ids: one is live, the other superseded, both accounted for."""
    write_json(tmp_path, personas=[persona()], memories=[memory("m1", content="a"), memory("m1", content="b")])
    report = migrated(tmp_path)
    assert (report.total.migrated, report.total.superseded) == (2, 1)
    assert rows(tmp_path / "pjais.sqlite", "SELECT content FROM memory_entities") == [("b",)]


def test_an_orphan_stops_the_run_by_default(tmp_path: Path) -> None:
    """A reference to nothing is an error that names the record; nothing is switched."""
    write_json(tmp_path, personas=[persona()], memories=[memory("m1"), memory("lost", "nobody")])
    before = hashes(tmp_path)
    with pytest.raises(ValidationFailed) as caught:
        pjais.migrate(tmp_path)
    assert "lost" in caught.value.where[0]
    assert caught.value.exit_code == 13
    assert not (tmp_path / "pjais.sqlite").exists()
    assert hashes(tmp_path) == before
    assert caught.value.report.total.quarantined == 1


def test_orphans_of_a_first_run_are_looked_up_in_no_earlier_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each was compared with the whole quarantine, so that 100,000 took a thousand times as long as 1,000."""
    monkeypatch.setattr(Account, "moved_refusal", lambda *_: pytest.fail("nothing was there before"))
    write_json(tmp_path, personas=[persona()], memories=[memory(f"m{n}", "gone") for n in range(20)])
    assert pjais.migrate(tmp_path, on_invalid="quarantine").total.quarantined == 20
    monkeypatch.undo()
    assert pjais.verify(tmp_path).passed


def test_an_orphan_goes_to_quarantine_and_comes_back_with_its_persona(tmp_path: Path) -> None:
    """Kept whole with the reason; a later run that brings the persona brings the memory too."""
    write_json(tmp_path, personas=[persona()], memories=[memory("m1"), memory("lost", "p2")])
    report = migrated(tmp_path, on_invalid="quarantine")
    assert (report.code, report.exit_code, report.total.quarantined) == ("quarantined", 1, 1)
    store = tmp_path / "pjais.sqlite"
    ((document, reasons),) = rows(store, "SELECT document, reasons FROM migration_quarantine")
    assert json.loads(document) == memory("lost", "p2")
    assert json.loads(reasons)[0]["rule"] == "orphan"
    write_json(tmp_path, personas=[persona(), persona("p2")], memories=[memory("m1"), memory("lost", "p2")])
    assert migrated(tmp_path).total.quarantined == 0
    assert rows(store, "SELECT id FROM memory_entities ORDER BY id") == [("lost",), ("m1",)]
    assert rows(store, "SELECT count(*) FROM migration_quarantine") == [(0,)]


def test_links_follow_memories_whose_first_id_came_back(sample: Path) -> None:
    """The app's own migrator loses nearly every link; ours loses none."""
    migrated(sample)
    links = rows(sample / "pjais.sqlite", "SELECT from_id, to_id FROM relationships")
    known = {one for (one,) in rows(sample / "pjais.sqlite", "SELECT id FROM memory_entities")}
    assert links
    assert {end for link in links for end in link} <= known


def test_a_later_edit_in_the_target_survives_a_second_run(tmp_path: Path) -> None:
    """Edited here after the source changed: ours is live, the source's copy is superseded and listed."""
    write_json(tmp_path, personas=[persona()], memories=[memory("m1")])
    migrated(tmp_path)
    rows(tmp_path / "pjais.sqlite", "UPDATE memory_entities SET content = 'mine' WHERE id = 'm1'")
    changed = memory("m1", content="theirs", updatedAt="2025-05-01T00:00:00.000Z")
    write_json(tmp_path, personas=[persona()], memories=[changed])
    report = migrated(tmp_path)
    assert report.total.superseded == 1
    assert rows(tmp_path / "pjais.sqlite", "SELECT content FROM memory_entities") == [("mine",)]


def test_a_later_change_in_the_source_wins_and_the_edit_stays_in_the_history(tmp_path: Path) -> None:
    """The later change counts; what it replaces is kept and listed."""
    write_json(tmp_path, personas=[persona()], memories=[memory("m1")])
    migrated(tmp_path)
    rows(tmp_path / "pjais.sqlite", "UPDATE memory_entities SET content = 'mine' WHERE id = 'm1'")
    changed = memory("m1", content="theirs", updatedAt="2999-01-01T00:00:00.000Z")
    write_json(tmp_path, personas=[persona()], memories=[changed])
    report = migrated(tmp_path)
    assert rows(tmp_path / "pjais.sqlite", "SELECT content FROM memory_entities") == [("theirs",)]
    assert "note:edit-superseded:" in report.rules
    images = rows(tmp_path / "pjais.sqlite", "SELECT before FROM changes WHERE record_id = 'm1'")
    assert any("mine" in image for (image,) in images)


def test_a_record_deleted_in_the_target_stays_deleted(tmp_path: Path) -> None:
    """Re-running does not bring back what its owner removed."""
    write_json(tmp_path, personas=[persona()], memories=[memory("m1"), memory("m2")])
    migrated(tmp_path)
    rows(tmp_path / "pjais.sqlite", "DELETE FROM memory_entities WHERE id = 'm1'")
    write_json(tmp_path, personas=[persona()], memories=[memory("m1"), memory("m2"), memory("m3")])
    migrated(tmp_path)
    assert rows(tmp_path / "pjais.sqlite", "SELECT id FROM memory_entities ORDER BY id") == [("m2",), ("m3",)]


def test_new_ids_are_the_same_every_time_and_references_follow(tmp_path: Path) -> None:
    """--ids new: UUIDv5 of kind and native id; the map is in the target."""
    write_json(tmp_path, personas=[persona()], memories=[memory("m1")])
    migrated(tmp_path, ids="new")
    store = tmp_path / "pjais.sqlite"
    ((memory_id, persona_id),) = rows(store, "SELECT id, persona_id FROM memory_entities")
    assert rows(store, "SELECT id FROM personas") == [(persona_id,)]
    assert dict(rows(store, "SELECT old_id, new_id FROM migration_ids")) == {"m1": memory_id, "p1": persona_id}
    write_json(tmp_path, personas=[persona()], memories=[memory("m1"), memory("m2")])
    migrated(tmp_path, ids="new")
    assert (memory_id,) in rows(store, "SELECT id FROM memory_entities")
    assert rows(store, "SELECT count(*) FROM memory_entities") == [(2,)]


def test_a_wal_that_was_never_checkpointed_is_read(tmp_path: Path) -> None:
    """The rows of a -wal count, and neither file is touched."""
    path = tmp_path / "elsewhere.db"
    write_livestore(path, [{"id": "p1", "name": "A"}], [])
    live = sqlite3.connect(path)
    live.execute("PRAGMA journal_mode = WAL")
    live.execute("INSERT INTO personas (id, name) VALUES ('p2', 'only in the WAL')")
    live.commit()
    folder = tmp_path / "data"
    folder.mkdir()
    for suffix in ("", "-wal"):
        shutil.copy(f"{path}{suffix}", folder / f"livestore.db{suffix}")
    live.close()
    assert migrated(folder).total.migrated == 2


def test_nothing_found_and_empty_are_different_answers(tmp_path: Path) -> None:
    """Not found, empty, already done, failed: four codes."""
    with pytest.raises(NoSourceFound) as caught:
        pjais.migrate(tmp_path / "nothing")
    assert caught.value.exit_code == 11
    assert not (tmp_path / "nothing").exists()
    write_json(tmp_path, personas=[], memories=[])
    assert pjais.migrate(tmp_path).code == "empty"
    assert pjais.migrate(tmp_path).code == "already_migrated"


def test_a_target_that_is_not_ours_is_not_touched(tmp_path: Path) -> None:
    """MIGRATION_007, and the file stays as it was."""
    write_json(tmp_path, personas=[persona()], memories=[])
    db = sqlite3.connect(tmp_path / "pjais.sqlite")
    db.execute("CREATE TABLE mine (x)")
    db.close()
    before = (tmp_path / "pjais.sqlite").read_bytes()
    with pytest.raises(ForeignTarget):
        pjais.migrate(tmp_path)
    assert (tmp_path / "pjais.sqlite").read_bytes() == before


def test_what_is_readable_of_a_damaged_database_is_saved(tmp_path: Path) -> None:
    """A wiped page costs its own rows; the rest goes in, the page is kept as raw bytes."""
    memories = [
        {"id": f"m{n:04}", "personaId": "p1", "type": "t", "content": f'"{"x" * 200} {n}"', "tags": "[]"}
        for n in range(400)
    ]
    path = write_livestore(tmp_path / "livestore.db", [{"id": "p1", "name": "A"}], memories)
    data = bytearray(path.read_bytes())
    data[20 * 4096 : 21 * 4096] = b"\xff" * 4096
    path.write_bytes(data)
    with pytest.raises(SourceDamaged) as caught:
        pjais.migrate(tmp_path)
    assert caught.value.exit_code == 16
    assert not (tmp_path / "pjais.sqlite").exists()
    report = migrated(tmp_path, on_invalid="quarantine")
    assert report.total.quarantined >= 1
    assert report.total.migrated > 350
    ((raw,),) = rows(tmp_path / "pjais.sqlite", "SELECT raw FROM migration_quarantine LIMIT 1")
    assert raw == b"\xff" * 4096


def test_a_source_that_its_app_writes_to_meanwhile_is_told(tmp_path: Path) -> None:
    """What came after the snapshot is not in the store yet, and the verdict says so; the next run brings it."""
    write_json(tmp_path, personas=[persona()], memories=[memory("m1")])

    def write_meanwhile(phase: str, done: int, total: int | None) -> None:
        if phase == "verify":
            write_json(tmp_path, personas=[persona()], memories=[memory("m1"), memory("m2")])

    report = pjais.migrate(tmp_path, progress=write_meanwhile)
    assert "has changed meanwhile" in report.message
    assert report.next_command == "pjais migrate"
    assert migrated(tmp_path).total.migrated == 3
