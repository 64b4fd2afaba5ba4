"""A later run goes into the store as it is: in proportion to what changed, in one transaction, and back exactly."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pjais
from pjais import journal
from pjais.errors import MigrationFailed, ValidationFailed
from pjais.migration import retention
from pjais.sources import backup
from pjais.targets.sqlite.builder import Builder
from pjais.workspace import resolve_workspace
from strategies import examples
from world import memory, migrated, persona, rows, write_json

EVERYTHING = (
    "personas",
    "memory_entities",
    "conversations",
    "relationships",
    "plugins",
    "changes",
    "migration_runs",
    "migration_records",
    "migration_quarantine",
    "migration_ids",
    "migration_decisions",
    "migration_chain",
    "migration_changesets",
    "store_operations",
    "sqlite_sequence",
)


def content(store: Path) -> dict[str, list[tuple[Any, ...]]]:
    """All that a store holds, but the numbers of the search index."""
    held = {}
    for table in EVERYTHING:
        names = [name for (name,) in rows(store, f"SELECT name FROM pragma_table_info('{table}')")]
        columns = ", ".join(name for name in names or ["name", "seq"] if name != "search_id")
        held[table] = sorted(rows(store, f"SELECT {columns} FROM {table}"), key=repr)
    return held


def without_chain(store: Path) -> dict[str, list[tuple[Any, ...]]]:
    """The same without the chain, which notes edits by others when a run begins."""
    return {name: held for name, held in content(store).items() if name not in ("migration_chain", "sqlite_sequence")}


def source(folder: Path, count: int, **changed: str) -> None:
    memories = [memory(f"m{n}", content=changed.get(f"m{n}", f"text {n}")) for n in range(count)]
    for one in memories:
        if one["id"] in changed:
            one["updatedAt"] = "2026-01-01T00:00:00.000Z"
    write_json(folder, personas=[persona()], memories=memories)


def test_a_later_run_copies_no_store_and_rewrites_no_account(tmp_path: Path) -> None:
    source(tmp_path, 50)
    first = migrated(tmp_path)
    store = tmp_path / "pjais.sqlite"
    inode = store.stat().st_ino
    before = rows(store, "SELECT * FROM migration_records ORDER BY seq")
    source(tmp_path, 51, m7="changed")
    report = migrated(tmp_path)
    assert (report.total.read, report.total.migrated, report.total.unchanged) == (52, 52, 50)
    assert store.stat().st_ino == inode
    assert report.backup is not None and not (report.backup / "previous.sqlite").exists()
    after = rows(store, "SELECT * FROM migration_records ORDER BY seq")
    assert len([row for row in after if row in before]) == len(before) - 1
    assert {row[1] for row in after if row not in before} == {report.run_id}
    assert first.run_id != report.run_id


def test_a_rollback_gives_the_very_store_of_before(tmp_path: Path) -> None:
    source(tmp_path, 20)
    migrated(tmp_path)
    with pjais.open(tmp_path) as store:
        store.memories.update("m1", summary="before the run")
        store.memories.remove("m2")
    before = content(tmp_path / "pjais.sqlite")
    source(tmp_path, 25, m3="changed", m2="back again")
    migrated(tmp_path)
    assert content(tmp_path / "pjais.sqlite") != before
    done = pjais.rollback(tmp_path)
    assert done.restored
    after = content(tmp_path / "pjais.sqlite")
    assert {name: after[name] for name in after if after[name] != before[name]} == {}
    assert pjais.verify(tmp_path).passed
    with pjais.open(tmp_path) as store:
        assert [found.memory.id for found in store.memories.search("text 5")] == ["m5"]


def test_a_rollback_takes_back_what_was_written_since_too(tmp_path: Path) -> None:
    source(tmp_path, 5)
    migrated(tmp_path)
    before = content(tmp_path / "pjais.sqlite")
    source(tmp_path, 6, m3="changed")
    migrated(tmp_path)
    with pjais.open(tmp_path) as store:
        store.memories.update("m3", summary="later")
        store.memories.remove("m5")
        store.memories.remember("later still", persona="p1")
        store.undo()
    rows(tmp_path / "pjais.sqlite", "DELETE FROM memory_entities WHERE id = 'm0'")
    pjais.rollback(tmp_path, discard_later=True)
    assert content(tmp_path / "pjais.sqlite") == before
    assert pjais.verify(tmp_path).passed


def test_runs_are_taken_back_one_after_the_other_down_to_none(tmp_path: Path) -> None:
    states = []
    for count in (3, 4, 6, 9):
        source(tmp_path, count, m1=f"changed for {count}")
        migrated(tmp_path)
        states.append(content(tmp_path / "pjais.sqlite"))
    for state in reversed(states[:-1]):
        pjais.rollback(tmp_path)
        assert content(tmp_path / "pjais.sqlite") == state
        assert pjais.verify(tmp_path).passed
    assert not pjais.rollback(tmp_path).restored
    assert not (tmp_path / "pjais.sqlite").exists()


@settings(max_examples=examples(8), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["add", "change", "edit", "delete", "foreign"]), st.integers(0, 9)),
        min_size=1,
        max_size=8,
    )
)
def test_whatever_happened_around_a_run_it_can_be_taken_back(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    folder = tmp_path_factory.mktemp("chain")
    changed: dict[str, str] = {}
    count = 10
    source(folder, count)
    pjais.migrate(folder)
    states: list[dict[str, list[tuple[Any, ...]]]] = []
    for step, number in steps:
        if step in ("add", "change"):
            states.append(without_chain(folder / "pjais.sqlite"))
            count += step == "add"
            changed[f"m{number}"] = f"version {len(states)}"
            source(folder, count, **changed)
            pjais.migrate(folder)
        elif step == "foreign":
            rows(folder / "pjais.sqlite", "UPDATE memory_entities SET summary = ? WHERE id = ?", step, f"m{number}")
        else:
            with pjais.open(folder) as store:
                if store.memories.get(f"m{number}") is None:
                    continue
                if step == "edit":
                    store.memories.update(f"m{number}", name=f"edit {len(states)}")
                else:
                    store.memories.remove(f"m{number}")
    for state in reversed(states):
        pjais.rollback(folder, discard_later=True)
        assert without_chain(folder / "pjais.sqlite") == state
    assert pjais.verify(folder).passed


def test_a_run_goes_into_a_store_that_another_program_has_open(tmp_path: Path) -> None:
    source(tmp_path, 3)
    migrated(tmp_path)
    with pjais.open(tmp_path) as store:
        assert len(store.memories) == 3
        source(tmp_path, 4)
        pjais.migrate(tmp_path)
        assert len(store.memories) == 4
        store.memories.update("m3", summary="written by the same open store")
    assert pjais.verify(tmp_path).passed


def test_a_refused_run_leaves_the_store_and_a_second_try_brings_it_in(tmp_path: Path) -> None:
    source(tmp_path, 3)
    migrated(tmp_path)
    before = content(tmp_path / "pjais.sqlite")
    write_json(tmp_path, personas=[persona()], memories=[memory(f"m{n}") for n in range(9)] + [memory("bad", "nobody")])
    with pytest.raises(ValidationFailed):
        pjais.migrate(tmp_path)
    assert content(tmp_path / "pjais.sqlite") == before
    migrated(tmp_path, on_invalid="quarantine")


def test_a_run_that_is_killed_before_its_commit_leaves_the_old_store(tmp_path: Path) -> None:
    """And one that is killed right behind it is finished by the next call."""
    for moment in ("before", "behind"):
        folder = tmp_path / moment
        folder.mkdir()
        source(folder, 3)
        migrated(folder)
        source(folder, 5)
        pid = os.fork()
        if pid == 0:
            real = Builder.commit

            def killed(builder: Builder, real: Any = real, moment: str = moment) -> None:
                if moment == "behind":
                    real(builder)
                os._exit(9)

            setattr(Builder, "commit", killed)  # noqa: B010
            pjais.migrate(folder)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9
        held = len(rows(folder / "pjais.sqlite", "SELECT 1 FROM memory_entities"))
        assert held == (3 if moment == "before" else 5)
        pjais.migrate(folder)
        assert len(rows(folder / "pjais.sqlite", "SELECT 1 FROM memory_entities")) == 5
        assert pjais.verify(folder).passed
        pjais.rollback(folder)
        assert len(rows(folder / "pjais.sqlite", "SELECT 1 FROM memory_entities")) == 3


def test_of_two_versions_of_a_document_in_one_file_each_keeps_its_account(tmp_path: Path) -> None:
    old, new = memory("m1"), memory("m1", content="newer", updatedAt="2026-01-01T00:00:00.000Z")
    write_json(tmp_path, personas=[persona()], memories=[old])
    migrated(tmp_path)
    write_json(tmp_path, personas=[persona()], memories=[new, old])
    report = migrated(tmp_path)
    assert (report.total.migrated, report.total.superseded) == (2, 1)
    held = rows(tmp_path / "pjais.sqlite", "SELECT outcome FROM migration_records ORDER BY seq")
    assert held == [("migrated",), ("superseded",), ("migrated",)]


def test_unchanged_files_of_a_source_are_linked_to_the_earlier_backup(tmp_path: Path) -> None:
    source(tmp_path, 3)
    write_json(tmp_path, "other.pjais.json", personas=[persona("p2")], memories=[])
    first = migrated(tmp_path)
    source(tmp_path, 4)
    second = migrated(tmp_path)
    assert first.backup is not None and second.backup is not None
    pair = [one.backup / "other.pjais.json" for one in (first, second) if one.backup]
    assert pair[0].stat().st_ino == pair[1].stat().st_ino
    assert (first.backup / "data.json").stat().st_ino != (second.backup / "data.json").stat().st_ino
    assert backup.check(first.backup) == backup.check(second.backup) == []


def test_automatic_migrations_keep_ten_backups(tmp_path: Path) -> None:
    source(tmp_path, 3)
    pjais.open(tmp_path).close()
    for number in range(retention.KEPT + 3):
        source(tmp_path, 3, m1=f"version {number}")
        pjais.open(tmp_path).close()
    folders = journal.run_folders(tmp_path)
    assert len(folders) <= retention.KEPT + 2
    assert pjais.verify(tmp_path).passed
    pjais.rollback(tmp_path)
    assert pjais.verify(tmp_path).passed


@pytest.mark.parametrize(("nameless", "left"), [(False, 3), (True, 6)])
def test_an_automatic_backup_that_is_the_only_copy_of_something_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nameless: bool, left: int
) -> None:
    """A document without an id has no history: what it was before is in the backups alone."""
    monkeypatch.setattr(retention, "KEPT", 1)
    for number in range(6):
        more = [{"content": f"nameless {number}"}] if nameless else []
        changed = memory("m1", content=f"version {number}")
        write_json(tmp_path, personas=[persona()], memories=[memory("m0"), changed, *more])
        pjais.open(tmp_path, on_invalid="quarantine").close()
    kept = [(folder / "data.json").read_text("utf-8") for folder in journal.run_folders(tmp_path)]
    assert len(kept) == left
    for number in range(6 if nameless else 0):
        assert any(f"nameless {number}" in text for text in kept)
    assert pjais.verify(tmp_path).passed


def test_a_discarded_backup_is_not_missed_when_the_run_that_discarded_it_is_rolled_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A document that went and came again frees the backup that brought it first; a rollback goes back behind that."""
    monkeypatch.setattr(retention, "KEPT", 1)
    first, *others = [["m0", "m1"], ["m0", "m2"], ["m0", "m3"], ["m0", "m1", "m2", "m3"]]
    for names in (first, *others):
        write_json(tmp_path, personas=[persona()], memories=[memory(name) for name in names])
        pjais.open(tmp_path).close()
    assert len(journal.run_folders(tmp_path)) < 4
    pjais.rollback(tmp_path)
    proof = pjais.verify(tmp_path)
    assert [about for _, _, about in proof.checks if about.startswith("discarded by a later run")]


def test_a_changeset_that_was_changed_is_named_and_not_used(tmp_path: Path) -> None:
    source(tmp_path, 3)
    migrated(tmp_path)
    source(tmp_path, 4)
    migrated(tmp_path)
    before = content(tmp_path / "pjais.sqlite")
    rows(tmp_path / "pjais.sqlite", "UPDATE migration_changesets SET changeset = x'00'")
    with pytest.raises(pjais.PjaisError) as told:
        pjais.verify(tmp_path)
    assert any("takes run" in line for line in told.value.where)
    with pytest.raises(MigrationFailed, match="cannot be reverted exactly"):
        pjais.rollback(tmp_path)
    assert content(tmp_path / "pjais.sqlite")["memory_entities"] == before["memory_entities"]


def test_a_rollback_never_takes_away_a_store_that_held_something_before(tmp_path: Path) -> None:
    """Where the link of a later run was removed, nothing leads back: the store stays, with all it holds."""
    source(tmp_path, 3)
    migrated(tmp_path)
    source(tmp_path, 4)
    migrated(tmp_path)
    rows(tmp_path / "pjais.sqlite", "DELETE FROM migration_chain WHERE event = 'run' AND number > 1")
    with pytest.raises(MigrationFailed, match="the store was kept"):
        pjais.rollback(tmp_path)
    assert len(rows(tmp_path / "pjais.sqlite", "SELECT 1 FROM memory_entities")) == 4


def test_a_writer_waits_while_a_run_goes_in_and_loses_nothing(tmp_path: Path) -> None:
    source(tmp_path, 3)
    migrated(tmp_path)
    source(tmp_path, 400)
    done: list[str] = []

    def write() -> None:
        with pjais.open(tmp_path) as store:
            for number in range(20):
                done.append(store.memories.remember(f"beside {number}", persona="p1").id)

    os.environ["SKIP_MIGRATION"] = "true"
    try:
        writer = threading.Thread(target=write)
        writer.start()
        pjais.migrate(tmp_path)
        writer.join()
    finally:
        del os.environ["SKIP_MIGRATION"]
    held = {key for (key,) in rows(tmp_path / "pjais.sqlite", "SELECT id FROM memory_entities")}
    assert set(done) <= held and len(held) == 420
    assert pjais.verify(tmp_path).passed


def test_the_history_tells_what_a_run_changed(tmp_path: Path) -> None:
    source(tmp_path, 3)
    migrated(tmp_path)
    source(tmp_path, 4, m1="changed")
    report = migrated(tmp_path)
    told = rows(tmp_path / "pjais.sqlite", "SELECT op, record_id FROM changes ORDER BY seq")
    assert sorted(told) == [("insert", "m3"), ("update", "m1")]
    assert report.proof is not None and report.proof.records == 2
    assert json.loads((resolve_workspace(tmp_path).backups / str(report.run_id) / "report.json").read_text("utf-8"))
    with sqlite3.connect(tmp_path / "pjais.sqlite") as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
