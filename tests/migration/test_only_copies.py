"""No command leaves the owner of the data with nothing: rollback looks for the sources, prune for the only copy."""

from __future__ import annotations

from pathlib import Path

import pytest

import pjais
from pjais import journal
from pjais.errors import BackupFailed, NoSourceFound, UsageError
from pjais.migration import backups, quarantine
from pjais.side_by_side import cleanup
from pjais.sources import backup
from pjais.workspace import resolve_workspace
from world import hashes, memory, migrated, persona, rows, write_json


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A migrated data folder."""
    data = tmp_path / "data"
    data.mkdir()
    write_json(data, personas=[persona()], memories=[memory("m0"), memory("m1")])
    migrated(data)
    return data


def cleaned(folder: Path) -> None:
    """Remove the old sources."""
    judged = cleanup.judge(resolve_workspace(folder))
    assert judged.items
    cleanup.remove(resolve_workspace(folder), judged.items)


def test_a_rollback_restores_the_sources_that_were_cleaned_up(folder: Path) -> None:
    """Before the run they were there, and so they are afterwards, byte for byte."""
    before = hashes(folder)
    cleaned(folder)
    undone = pjais.rollback(folder)
    assert hashes(folder) == before
    assert undone.sources == (folder / "data.json",)
    assert migrated(folder).total.migrated == 3


def test_a_rollback_of_a_moved_folder_restores_them_where_it_lies_now(folder: Path) -> None:
    """Not where it lay when they were migrated."""
    cleaned(folder)
    there = folder.with_name("moved")
    folder.rename(there)
    pjais.rollback(there)
    assert (there / "data.json").exists()
    assert not folder.exists()
    assert migrated(there).total.migrated == 3


def test_a_rollback_stops_where_a_source_elsewhere_is_gone(folder: Path, tmp_path: Path) -> None:
    """Nothing is written outside of the data folder; the next command restores the file, and then it goes on."""
    other = write_json(tmp_path, "other.json", personas=[persona("p2")], memories=[memory("x1", "p2")])
    run = pjais.migrate(folder, [other])
    other.unlink()
    with pytest.raises(UsageError) as caught:
        pjais.rollback(folder)
    assert caught.value.where == (str(other),)
    destination = folder / "restored" / str(run.run_id)
    assert caught.value.next_command == f"pjais backup restore {run.run_id} --to {destination}"
    assert rows(folder / "pjais.sqlite", "SELECT count(*) FROM memory_entities") == [(3,)]
    backup.restore(folder / "backups" / str(run.run_id), destination)
    assert pjais.rollback(folder).run_id == run.run_id
    assert [one.name for one in destination.rglob("*.json")] == ["other.json"]
    assert pjais.verify(folder).passed


def test_a_rollback_stops_where_the_store_is_the_only_copy(folder: Path) -> None:
    """The sources are gone and their backup is not sound."""
    cleaned(folder)
    (run,) = journal.run_folders(folder)
    (run / "data.json").write_bytes(b"{}")
    with pytest.raises(BackupFailed):
        pjais.rollback(folder)
    assert (folder / "pjais.sqlite").exists()


def test_a_source_that_changed_since_is_left_as_it_is(folder: Path) -> None:
    """Its app goes on with it; what it was is in the backup, which is named."""
    write_json(folder, personas=[], memories=[])
    undone = pjais.rollback(folder)
    assert undone.sources == ()
    assert undone.backup.is_dir()
    assert (folder / "data.json").read_text("utf-8") == '{"personas": [], "memories": []}'


def test_opening_after_a_rollback_makes_no_empty_store_in_silence(folder: Path) -> None:
    """Where the sources are gone again, the answer names the backup that holds the data."""
    cleaned(folder)
    run = pjais.rollback(folder).run_id
    (folder / "data.json").unlink()
    with pytest.raises(NoSourceFound) as caught:
        pjais.open(folder)
    assert caught.value.next_command == f"pjais backup restore {run}"
    backup.restore(folder / "backups" / run, folder)
    assert migrated(folder).total.migrated == 3


# -- prune


def pruned(folder: Path) -> list[str]:
    """Prune to nothing; what was removed."""
    return backups.prune(resolve_workspace(folder), 0).removed


def reason(folder: Path) -> str:
    """Why the one backup that stays does."""
    ((_, why),) = backups.prune(resolve_workspace(folder), 0).stays
    return why


def test_prune_removes_a_rolled_back_run_whose_sources_are_in_place(folder: Path) -> None:
    """Its documents are there, and nothing was written to its store."""
    pjais.rollback(folder)
    assert len(pruned(folder)) == 1
    assert migrated(folder).total.migrated == 3


@pytest.mark.parametrize("becomes", ["gone", "empty", "without one"])
def test_prune_keeps_a_rolled_back_run_whose_sources_are_not_what_they_were(folder: Path, becomes: str) -> None:
    """A document that no source and no store has any more is in this backup alone; m0 has only another version."""
    pjais.rollback(folder)
    if becomes == "gone":
        (folder / "data.json").unlink()
    else:
        there = [] if becomes == "empty" else [memory("m0", content="another version")]
        write_json(folder, personas=[persona()], memories=there)
    assert pruned(folder) == []
    count = {"gone": "3 documents", "empty": "2 documents", "without one": "1 document"}[becomes]
    assert reason(folder) == f"the only copy of {count}"
    write_json(folder, personas=[persona()], memories=[memory("m0"), memory("m1", content="back again")])
    assert len(pruned(folder)) == 1


def test_prune_keeps_what_was_written_to_a_store_that_was_rolled_back(folder: Path, tmp_path: Path) -> None:
    """Until a store holds the records just so."""
    with pjais.open(folder) as store:
        store.memories.remember("written by hand", persona="p1")
        store.memories.update("m0", content="edited by hand")
    later = tmp_path / "later.pjais.json"
    pjais.rollback(folder, keep_later=later)
    assert pruned(folder) == []
    assert reason(folder) == "the only copy of 2 records that were written"
    migrated(folder)
    pjais.migrate(folder, [later])
    assert len(pruned(folder)) == 1
    assert pjais.verify(folder).passed


def test_prune_keeps_one_of_several_backups_that_hold_the_same(folder: Path) -> None:
    """The newest one; the others are superfluous."""
    pjais.rollback(folder)
    for _ in range(2):
        backups.create(resolve_workspace(folder))
    (folder / "data.json").unlink()
    run, *_, newest = journal.run_folders(folder)
    assert run.name in pruned(folder)
    assert journal.run_folders(folder) == (newest,)
    assert pruned(folder) == []


def test_prune_keeps_documents_that_were_backed_up_and_never_migrated(tmp_path: Path) -> None:
    """Whoever backs up and loses the source finds it there."""
    write_json(tmp_path, personas=[persona()], memories=[memory("m0")])
    backups.create(resolve_workspace(tmp_path))
    (tmp_path / "data.json").unlink()
    assert pruned(tmp_path) == []
    assert reason(tmp_path) == "the only copy of 2 documents"


def test_prune_keeps_quarantined_documents(tmp_path: Path) -> None:
    """Also one without an id, and one that is no document at all; a store that holds them is enough."""
    write_json(tmp_path, personas=[persona()], memories=[memory("o1", "nobody"), {"content": "without an id"}, 7])
    pjais.migrate(tmp_path, on_invalid="quarantine")
    extra = backups.create(resolve_workspace(tmp_path))
    write_json(tmp_path, personas=[], memories=[])
    assert pruned(tmp_path) == [extra.name]
    pjais.rollback(tmp_path)
    assert reason(tmp_path) == "the only copy of 4 documents"


def test_prune_removes_the_copy_that_was_made_before_a_replay(tmp_path: Path) -> None:
    """The history of the store leads on from it."""
    write_json(tmp_path, personas=[persona()], memories=[memory("m0"), memory("o1", "nobody")])
    pjais.migrate(tmp_path, on_invalid="quarantine")
    with pjais.open(tmp_path) as store:
        store.memories.update("m0", content="edited")
    quarantine.replay(resolve_workspace(tmp_path), [1], {**memory("o1"), "personaId": "p1"})
    with pjais.open(tmp_path) as store:
        store.memories.update("m0", content="edited again")
    assert len(pruned(tmp_path)) == 1
    assert pjais.verify(tmp_path).passed


def test_prune_keeps_what_it_cannot_look_into(folder: Path) -> None:
    """A damaged manifest says nothing of what is there."""
    pjais.rollback(folder)
    (run,) = journal.run_folders(folder)
    manifest = run / "manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(b'"size"', b'"sise"', 1))
    assert pruned(folder) == []
    assert reason(folder).startswith("what it holds cannot be compared")


def test_prune_keeps_the_proof_of_a_store_that_is_not_mounted(folder: Path, tmp_path: Path) -> None:
    """It comes back, and must be proved then."""
    disk = tmp_path / "disk"
    disk.mkdir()
    pjais.migrate(folder, target=disk / "other.sqlite")
    disk.rename(tmp_path / "unplugged")
    assert pruned(folder) == []
    disk.mkdir()  # the mount point without the disk
    assert pruned(folder) == []
    disk.rmdir()
    (tmp_path / "unplugged").rename(disk)
    assert pjais.verify(folder, target=disk / "other.sqlite").passed
