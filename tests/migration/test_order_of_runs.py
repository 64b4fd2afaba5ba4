"""Runs are ordered by what each says of the one before it; the clock of a machine may go back between two runs."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

import pjais
from pjais import journal
from pjais.errors import NoSourceFound, UsageError
from pjais.migration import backups, quarantine, state
from pjais.side_by_side import switch
from pjais.workspace import resolve_workspace
from world import memory, migrated, persona, rows, write_json

THREE_HOURS = 3 * 3_600_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with one memory, not migrated yet."""
    write_json(tmp_path, personas=[persona()], memories=[memory("m0")])
    return tmp_path


def more(folder: Path, *ids: str) -> None:
    """The source with these memories."""
    write_json(folder, personas=[persona()], memories=[memory(one) for one in ids])


def clock(monkeypatch: pytest.MonkeyPatch, hours: float) -> None:
    """Set the clock of the next runs."""
    real = 1_800_000_000_000 + int(hours * 3_600_000)
    monkeypatch.setattr(journal, "now_ms", lambda: real)


def ids(folder: Path) -> list[str]:
    """The memories of the store."""
    return [one for (one,) in rows(folder / "pjais.sqlite", "SELECT id FROM memory_entities ORDER BY id")]


def test_the_last_run_is_the_last_though_the_clock_went_back(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rollback undoes the runs in the reverse of their order, one hour earlier with each."""
    made = []
    for number in range(4):
        clock(monkeypatch, -number)
        more(folder, *(f"m{one}" for one in range(number + 1)))
        made.append(migrated(folder).run_id)
    assert [run.id for run in state.runs(folder)] == made
    for number in (3, 2, 1):
        assert pjais.rollback(folder).run_id == made[number]
        assert ids(folder) == [f"m{one}" for one in range(number)]
        assert pjais.verify(folder).passed


def test_every_kind_of_folder_takes_its_place_in_the_order(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Backups, replays and increments name the one before them, too."""
    write_json(folder, personas=[persona()], memories=[memory("m0"), memory("o1", "nobody")])
    pjais.migrate(folder, on_invalid="quarantine")
    clock(monkeypatch, -1)
    backups.create(resolve_workspace(folder))
    clock(monkeypatch, -2)
    quarantine.replay(resolve_workspace(folder), [1], {**memory("o1"), "personaId": "p1"})
    folders = journal.run_folders(folder)
    assert [one.name for one in folders] != sorted(one.name for one in folders)
    told = [journal.entries(one)[0].details for one in folders]
    assert [one["previous"] for one in told] == [None, *(one.name for one in folders[:-1])]
    assert [one["number"] for one in told] == [1, 2, 3]


def test_a_missing_link_loses_no_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that was removed, or whose first line is lost, changes the order of the others in nothing."""
    for number in range(4):
        clock(monkeypatch, -number)
        backups.create(resolve_workspace(folder))
    first, second, third, fourth = journal.run_folders(folder)
    shutil.rmtree(second)
    assert journal.run_folders(folder) == (first, third, fourth)
    (third / journal.NAME).write_bytes(b"")
    assert journal.run_folders(folder) == (first, third, fourth)


def test_runs_of_the_first_version_come_first_by_their_ids(folder: Path) -> None:
    """They name no other run; what follows them does."""
    backups = folder / "backups"
    for name in ("20260102T000000000Z-0000", "20260101T000000000Z-0000"):
        (backups / name).mkdir(parents=True)
        journal.record(backups / name, "begun", target="pjais.sqlite", version="0.1.0")
    (backups / "20250101T000000000Z-0000").mkdir()
    journal.begin(backups / "20250101T000000000Z-0000", "backup")
    names = [one.name[:8] for one in journal.run_folders(folder)]
    assert names == ["20260101", "20260102", "20250101"]


def test_a_name_is_never_given_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when the clock stands still and chance repeats itself."""
    digits = iter([b"\0\0", b"\0\0", b"\0\1"])
    clock(monkeypatch, 0)
    monkeypatch.setattr(os, "urandom", lambda _: next(digits))
    first = journal.new_run_id(tmp_path)
    (tmp_path / first).mkdir()
    assert journal.new_run_id(tmp_path) != first


# -- a rollback is sticky


def test_a_rollback_lasts_over_backups_imports_failures_and_an_earlier_clock(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing but a migration that was asked for ends it."""
    migrated(folder)
    pjais.rollback(folder)
    backups.create(resolve_workspace(folder))
    with pytest.raises(NoSourceFound):
        pjais.open(folder)
    clock(monkeypatch, -30_000)
    backups.create(resolve_workspace(folder))
    with pytest.raises(NoSourceFound):
        pjais.open(folder)
    write_json(folder, personas=[persona()], memories=[memory("m0"), memory("o1", "nobody")])
    with pytest.raises(pjais.errors.ValidationFailed):
        pjais.migrate(folder)
    with pytest.raises(NoSourceFound):
        pjais.open(folder)
    more(folder, "m0")
    migrated(folder)
    more(folder, "m0", "m1")
    with pjais.open(folder) as store:
        assert store.memories.get("m1") is not None
    assert pjais.verify(folder).passed


def test_a_rolled_back_later_run_is_not_repeated_by_opening(folder: Path) -> None:
    """The store of before opens as it is; asking brings the rest again, and then everything new by itself."""
    migrated(folder)
    more(folder, "m0", "m1")
    migrated(folder)
    pjais.rollback(folder)
    for _ in range(2):
        with pjais.open(folder) as store:
            assert store.memories.get("m1") is None
    migrated(folder)
    more(folder, "m0", "m1", "m2")
    pjais.open(folder).close()
    assert ids(folder) == ["m0", "m1", "m2"]
    assert pjais.verify(folder).passed


def test_asking_with_nothing_new_ends_a_rollback_too(folder: Path) -> None:
    """The owner asked; that there was nothing to do is not their doing."""
    migrated(folder)
    more(folder, "m0", "m1")
    migrated(folder)
    pjais.rollback(folder)
    more(folder, "m0")
    pjais.migrate(folder)
    more(folder, "m0", "m2")
    pjais.open(folder).close()
    assert ids(folder) == ["m0", "m2"]


def test_an_import_does_not_bring_back_what_was_rolled_back(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """It says nothing about the folder's own sources."""
    from pjais.migration import run

    migrated(folder)
    pjais.rollback(folder)
    other = write_json(tmp_path_factory.mktemp("other"), "other.json", personas=[persona("p2")], memories=[])
    run.migrate(resolve_workspace(folder, None, [other]), run.Options(imported=True))
    pjais.open(folder).close()
    assert ids(folder) == []
    assert pjais.verify(folder).passed


def test_a_rollback_of_one_target_says_nothing_of_another(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Each store is decided about by itself."""
    other = tmp_path_factory.mktemp("other") / "other.sqlite"
    migrated(folder)
    pjais.migrate(folder, target=other)
    pjais.rollback(folder, target=other)
    more(folder, "m0", "m1")
    pjais.open(folder).close()
    assert ids(folder) == ["m0", "m1"]


# -- a rollback while the new side is live


def test_a_store_that_is_live_is_not_rolled_back_under_its_app(folder: Path) -> None:
    """First the switch is taken back; then the store can go, and nothing points to it."""
    migrated(folder)
    switch.go(resolve_workspace(folder))
    with pytest.raises(UsageError) as caught:
        pjais.rollback(folder)
    assert caught.value.next_command == "pjais switch --undo"
    assert (folder / "pjais.sqlite").exists()
    switch.back(resolve_workspace(folder))
    pjais.rollback(folder)
    assert json.loads((folder / "live.json").read_text("utf-8"))["live"] == "old"
    assert not (folder / "pjais.sqlite").exists()


def test_a_switch_to_a_store_that_is_gone_can_be_taken_back(folder: Path) -> None:
    """The first version rolled back under a switch; somebody may remove a store by hand."""
    migrated(folder)
    switch.go(resolve_workspace(folder))
    (folder / "pjais.sqlite").unlink()
    back = switch.back(resolve_workspace(folder))
    assert back.export is None
    assert switch.live(resolve_workspace(folder)).side == "old"
