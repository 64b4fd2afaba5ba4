"""The way back: rollback, backups, and what happens after an interruption."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import pjais
from pjais import journal
from pjais.core.snapshot import CopiedFile
from pjais.errors import BackupFailed, ConfirmationNeeded, NoSourceFound, RunActive
from pjais.files import only_run
from pjais.migration import backups
from pjais.side_by_side import cleanup
from pjais.sources import backup
from pjais.workspace import resolve_workspace
from world import hashes, memory, migrated, persona, rows, write_json


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A migrated folder."""
    write_json(tmp_path, personas=[persona()], memories=[memory("m1")])
    migrated(tmp_path)
    return tmp_path


def test_rolling_back_the_first_run_takes_the_store_away_and_keeps_a_copy(folder: Path) -> None:
    """Before the run there was no store; its last state is kept."""
    undone = pjais.rollback(folder)
    assert not (folder / "pjais.sqlite").exists()
    assert rows(undone.kept, "SELECT id FROM memory_entities") == [("m1",)]
    assert migrated(folder).code == "done"


def test_rolling_back_a_second_run_restores_the_first_ones_store(folder: Path) -> None:
    """Back to before the run, record for record."""
    before = rows(folder / "pjais.sqlite", "SELECT * FROM memory_entities")
    write_json(folder, personas=[persona()], memories=[memory("m1"), memory("m2")])
    migrated(folder)
    undone = pjais.rollback(folder)
    assert undone.restored
    assert rows(folder / "pjais.sqlite", "SELECT * FROM memory_entities") == before
    assert pjais.verify(folder).passed


def test_later_writes_are_shown_first_and_can_be_kept(folder: Path, tmp_path: Path) -> None:
    """Without a word about them nothing happens; kept ones can be imported again."""
    rows(
        folder / "pjais.sqlite",
        "INSERT INTO memory_entities (id, persona_id, type, content) VALUES ('n', 'p1', 't', 'c')",
    )
    rows(
        folder / "pjais.sqlite",
        "UPDATE memory_entities SET content = 'edited', updated_at = CURRENT_TIMESTAMP WHERE id = 'm1'",
    )
    with pytest.raises(ConfirmationNeeded) as caught:
        pjais.rollback(folder)
    assert "1 record was added, 1 edited" in caught.value.what
    later = tmp_path / "later" / "later.pjais.json"
    undone = pjais.rollback(folder, keep_later=later)
    assert undone.later.total == 2
    kept = json.loads(later.read_text("utf-8"))
    assert {one["id"] for one in kept["memories"]} == {"n", "m1"}
    migrated(folder)
    pjais.migrate(folder, [later])
    assert rows(folder / "pjais.sqlite", "SELECT id, content FROM memory_entities ORDER BY id") == [
        ("m1", "edited"),
        ("n", "c"),
    ]
    assert pjais.verify(folder).passed


def test_after_a_rollback_opening_does_not_migrate_again_by_itself(folder: Path) -> None:
    """What the owner undid stays undone until they say so."""
    pjais.rollback(folder)
    with pytest.raises(NoSourceFound):
        pjais.open(folder)


def test_there_is_nothing_to_roll_back_in_a_fresh_folder(tmp_path: Path) -> None:
    """A clear answer, not a crash."""
    with pytest.raises(NoSourceFound):
        pjais.rollback(tmp_path)


def test_a_backup_restores_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    """restore writes what was there; it never overwrites."""
    (run,) = journal.run_folders(folder)
    elsewhere = tmp_path / "restored"
    backup.restore(run, elsewhere)
    assert hashes(elsewhere)["data.json"] == hashes(folder)["data.json"]
    with pytest.raises(BackupFailed):
        backup.restore(run, elsewhere)


def test_every_byte_of_a_backup_that_carries_data_is_watched(folder: Path) -> None:
    """A flipped bit in a copied file or in the manifest is seen."""
    (run,) = journal.run_folders(folder)
    for name in ("data.json", "manifest.json"):
        path = run / name
        sound = path.read_bytes()
        for place_ in range(0, len(sound), 37):
            path.write_bytes(sound[:place_] + bytes([sound[place_] ^ 4]) + sound[place_ + 1 :])
            try:
                assert backup.check(run)
            except BackupFailed:
                continue
        path.write_bytes(sound)
    assert backup.check(run) == []


def test_prune_keeps_what_the_proof_needs(folder: Path) -> None:
    """The backup of the migration stays, however few are to be kept."""
    for _ in range(3):
        backups.create(resolve_workspace(folder))
    assert len(backups.prune(resolve_workspace(folder), 1).removed) == 2
    assert pjais.verify(folder).passed


def test_cleanup_removes_old_sources_only_after_a_proof(folder: Path) -> None:
    """The sources go, the backup stays, verify still holds, and nothing is left to do."""
    judged = cleanup.judge(resolve_workspace(folder))
    assert [one.name for one in judged.items] == ["data.json"]
    cleanup.remove(resolve_workspace(folder), judged.items)
    assert pjais.verify(folder).passed
    assert pjais.migrate(folder).code == "already_migrated"


def test_an_interrupted_run_goes_on_with_its_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run cut off while writing: the next one uses the same backup and leaves nothing behind."""
    from pjais.migration import steps

    write_json(tmp_path, personas=[persona()], memories=[memory("m1")])
    monkeypatch.setattr(steps, "assemble", _interrupt)
    with pytest.raises(KeyboardInterrupt):
        pjais.migrate(tmp_path)
    monkeypatch.undo()
    assert not (tmp_path / "pjais.sqlite").exists()
    report = migrated(tmp_path)
    assert report.code == "done"
    assert len(journal.run_folders(tmp_path)) == 1
    assert "resumed" in journal.events(report.backup or tmp_path)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_two_runs_at_once_are_one_too_many(folder: Path) -> None:
    """The second is told so, and changes nothing."""
    with only_run(folder), pytest.raises(RunActive):
        pjais.migrate(folder)


def _moved(file: CopiedFile, field: str, path: str) -> CopiedFile:
    return replace(file, original=path) if field == "original" else replace(file, stored=path)


@pytest.mark.parametrize("field", ["original", "stored"])
@pytest.mark.parametrize("path", ["../../planted.json", "/planted.json", "a/../../planted.json"])
def test_a_planted_backup_does_not_write_or_read_outside_of_its_folders(
    folder: Path, tmp_path: Path, field: str, path: str
) -> None:
    """Its manifest's hash is right: anyone can make one."""
    kept = resolve_workspace(folder).backups / backups.listed(resolve_workspace(folder))[0].id
    (snapshot,) = backup.load(kept)
    planted = replace(snapshot, files=(_moved(snapshot.files[0], field, path),))
    more = {key: one for key, one in backup.manifest(kept).items() if key in ("previous", "exports")}
    backup.write_manifest(kept, [planted], 0, **more)
    with pytest.raises(BackupFailed):
        backup.restore(kept, tmp_path / "restored")
    assert not list(tmp_path.rglob("planted.json"))
