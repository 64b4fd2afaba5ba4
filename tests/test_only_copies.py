"""No command leaves the owner of the data with nothing: rollback looks for the sources, prune for the only copy."""

from __future__ import annotations

from pathlib import Path

import pytest

import pjais
from pjais import backup, journal
from pjais.errors import BackupFailed, NoSourceFound, UsageError
from pjais.pipeline import cleanup
from pjais.pipeline.place import place
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
    judged = cleanup.judge(place(folder))
    assert judged.items
    cleanup.remove(place(folder), judged.items)


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
