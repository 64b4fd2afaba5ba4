"""What others change in store, quarantine, history, journals and backups: `verify` is red, and says what."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pjais
from pjais import journal
from pjais.errors import ConfirmationNeeded, VerificationFailed
from pjais.migration import backups, quarantine
from pjais.side_by_side import switch
from pjais.sources import backup
from pjais.targets.sqlite import heads
from pjais.workspace import resolve_workspace
from world import memory, persona, rows, write_json


def orphan(name: str) -> dict[str, Any]:
    return memory(name, "nobody")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs, a superseded copy, quarantine with a replayed, a discarded and a waiting document, edits, an undo."""
    folder = tmp_path_factory.mktemp("world") / "data"
    folder.mkdir()
    older = memory("m1", content="an older copy", updatedAt="2024-01-01T00:00:00.000Z")
    write_json(folder, "other.pjais.json", personas=[], memories=[older])
    write_json(folder, personas=[persona()], memories=[memory("m1"), memory("m2"), *map(orphan, ("o1", "o2", "o3"))])
    pjais.migrate(folder, on_invalid="quarantine")
    here = resolve_workspace(folder)
    ids = {one.native_id: one.id for one in quarantine.listed(here)}
    quarantine.replay(here, [ids["o1"]], {**orphan("o1"), "personaId": "p1"})
    quarantine.discard(here, [ids["o2"]])
    with pjais.open(folder) as store:
        store.memories.remember("a later thought", persona="p1")
        store.memories.update("m2", summary="edited")
        store.undo()
    write_json(
        folder,
        personas=[persona()],
        memories=[memory("m1"), memory("m2"), memory("m3"), *map(orphan, ("o1", "o2", "o3"))],
    )
    pjais.migrate(folder, on_invalid="quarantine")
    with pjais.open(folder) as store:
        store.memories.update("m3", summary="after the last run")
    moved = folder.with_name("moved")  # so that a copy of it is not proved by the backups of the original
    folder.rename(moved)
    assert pjais.verify(moved).passed
    return moved


def sql(statement: str) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        rows(folder / "pjais.sqlite", statement)

    return edit


def without_triggers(*statements: str) -> Callable[[Path], None]:
    """As somebody would who takes the triggers away, changes what he likes, and puts them back."""

    def edit(folder: Path) -> None:
        db = sqlite3.connect(folder / "pjais.sqlite")
        triggers = db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            db.execute(f"DROP TRIGGER {name}")
        for one in (*statements, "INSERT INTO memory_fts (memory_fts) VALUES ('rebuild')"):
            db.execute(one)
        for _, text in triggers:
            db.execute(text)
        db.commit()
        db.close()

    return edit


def run_folders(folder: Path) -> list[Path]:
    return [one for one in journal.run_folders(folder) if (one / "report.json").exists()]


def swapped_backup(folder: Path) -> None:
    first, last = run_folders(folder)
    shutil.rmtree(first)
    shutil.copytree(last, first)


def journal_without(line: int) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        path = run_folders(folder)[0] / "journal.jsonl"
        lines = path.read_bytes().splitlines(keepends=True)
        del lines[line]
        path.write_bytes(b"".join(lines))

    return edit


def older_store(folder: Path) -> None:
    """The store of the first run in the place of that of the second."""
    kept = folder / "kept.sqlite"
    shutil.copy(folder / "pjais.sqlite", kept)
    pjais.rollback(folder, discard_later=True)
    shutil.copy(folder / "pjais.sqlite", folder / "older.sqlite")
    path = next(one for one in run_folders(folder)[1:])
    lines = (path / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (path / "journal.jsonl").write_bytes(b"".join(one for one in lines if b"roll" not in one))


def longer(folder: Path) -> None:
    path = run_folders(folder)[0] / "data.json"
    path.write_bytes(path.read_bytes() + b" ")


def rewrite(name: str, change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        path = run_folders(folder)[0] / name
        body = json.loads(path.read_text("utf-8"))
        change(body)
        path.write_text(json.dumps(body), "utf-8")

    return edit


QUARANTINE, RECORDS, RUNS = "migration_quarantine", "migration_records", "migration_runs"
LATER = "(SELECT id FROM memory_entities WHERE content = 'a later thought')"

EDITS: dict[str, Callable[[Path], None]] = {
    "a record changed without history": without_triggers("UPDATE memory_entities SET content = 'x' WHERE id = 'm1'"),
    "a record removed without history": without_triggers("DELETE FROM memory_entities WHERE id = 'm1'"),
    "a record added without history": without_triggers(
        "INSERT INTO memory_entities (id, type, content, tags, search_id) VALUES ('new', 'text', 'x', '[]', 99)"
    ),
    "a later memory removed with its history": without_triggers(
        f"DELETE FROM changes WHERE record_id = {LATER}",
        "DELETE FROM memory_entities WHERE content = 'a later thought'",
    ),
    "the last change removed": without_triggers(
        "UPDATE memory_entities SET summary = NULL WHERE id = 'm3'",
        "DELETE FROM changes WHERE seq = (SELECT max(seq) FROM changes)",
    ),
    "the times of the history": sql("UPDATE changes SET at = '2001-01-01T00:00:00.000Z'"),
    "the time of the last change": sql(
        "UPDATE changes SET at = '2001-01-01T00:00:00.000Z' WHERE seq = (SELECT max(seq) FROM changes)"
    ),
    "what a change says was there before": sql("""UPDATE changes SET before = '{"summary":"x"}' WHERE op = 'update'"""),
    "what a change says came": sql("""UPDATE changes SET after = '{"summary":"x"}' WHERE op = 'update'"""),
    "the list of operations emptied": sql("DELETE FROM store_operations"),
    "the label of an operation": sql("UPDATE store_operations SET label = 'x'"),
    "the reasons in quarantine emptied": sql(f"UPDATE {QUARANTINE} SET reasons = '[]'"),
    "a quarantined document": sql(
        f"""UPDATE {QUARANTINE} SET document = json_set(document, '$.content', 'forged') WHERE native_id = 'o3'"""
    ),
    "a replayed document in quarantine": sql(
        f"""UPDATE {QUARANTINE} SET document = json_set(document, '$.content', 'forged') WHERE native_id = 'o1'"""
    ),
    "a quarantined document removed": sql(f"DELETE FROM {QUARANTINE} WHERE native_id = 'o3'"),
    "a quarantined document added": sql(
        f"INSERT INTO {QUARANTINE} (run_id, source_kind, source_path, collection, place, reasons, document) "
        "VALUES ('x', 'json', 'x', 'memories', 'x', '[]', '{}')"
    ),
    "a discarded document waits again": sql(f"UPDATE {QUARANTINE} SET reasons = '[]' WHERE native_id = 'o2'"),
    "a superseded document": sql(
        f"UPDATE {RECORDS} SET document = json_set(document, '$.content', 'forged') WHERE outcome = 'superseded'"
    ),
    "by whom a copy was superseded": sql(f"UPDATE {RECORDS} SET superseded_by = 'x' WHERE outcome = 'superseded'"),
    "an account removed": sql(f"DELETE FROM {RECORDS} WHERE native_id = 'm2'"),
    "the digest of an account": sql(f"UPDATE {RECORDS} SET digest = x'00' WHERE native_id = 'm2'"),
    "the outcome of an account": sql(f"UPDATE {RECORDS} SET outcome = 'removed' WHERE native_id = 'm2'"),
    "the counts of the runs": sql(f"UPDATE {RUNS} SET counts = '{{}}'"),
    "the times of the runs": sql(f"UPDATE {RUNS} SET started_at = '2001-01-01T00:00:00.000Z'"),
    "a run removed": sql(f"DELETE FROM {RUNS} WHERE number = 1"),
    "a decision changed": sql("UPDATE migration_decisions SET decision = 'discarded'"),
    "an id mapped": sql("INSERT INTO migration_ids VALUES ('a', 'b')"),
    "a link of the chain removed": sql("DELETE FROM migration_chain WHERE number = 2"),
    "the last link of the chain removed": sql(
        "DELETE FROM migration_chain WHERE number = (SELECT max(number) FROM migration_chain)"
    ),
    "the state in a link": sql(
        """UPDATE migration_chain SET state = json_set(state, '$.history', 'x') WHERE number = 1"""
    ),
    "what takes a run back": sql("DELETE FROM migration_changesets"),
    "a row in the triggers' table": sql(
        "INSERT INTO changes_replaced (table_name, record_id) VALUES ('personas', 'x')"
    ),
    "the search id of every memory": without_triggers("UPDATE memory_entities SET search_id = NULL"),
    "a trigger removed": sql("DROP TRIGGER personas_after_update"),
    "an older store put back": older_store,
    "a journal removed": lambda folder: (run_folders(folder)[0] / "journal.jsonl").unlink(),
    "the first line of a journal": journal_without(0),
    "the last line of a journal": journal_without(-1),
    "a backup in the place of another": swapped_backup,
    "a backup removed": lambda folder: shutil.rmtree(run_folders(folder)[0]),
    "a file of a backup removed": lambda folder: (run_folders(folder)[0] / "data.json").unlink(),
    "a byte more in a file of a backup": longer,
    "the report of a run": rewrite("report.json", lambda body: body.update(code="x")),
    "a manifest": rewrite("manifest.json", lambda body: body.update(created_at="x")),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_what_others_changed_is_red_and_named(world: Path, tmp_path: Path, edit: Callable[[Path], None]) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(world, folder)
    edit(folder)
    with pytest.raises(VerificationFailed) as told:
        pjais.verify(folder)
    assert told.value.where


def test_a_forged_document_is_not_taken_out_of_quarantine(world: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(world, folder)
    EDITS["a quarantined document"](folder)
    forged = next(one for one in quarantine.listed(resolve_workspace(folder)) if one.native_id == "o3")
    with pytest.raises(VerificationFailed, match="changed by another program; nothing was imported"):
        quarantine.replay(resolve_workspace(folder), [forged.id], {**forged.document, "personaId": "p1"})
    assert rows(folder / "pjais.sqlite", "SELECT count(*) FROM memory_entities WHERE id = 'o3'") == [(0,)]


def test_edits_are_listed_by_id(world: Path) -> None:
    proof = pjais.verify(world)
    later = rows(world / "pjais.sqlite", LATER.strip("()"))[0][0]
    assert set(proof.edits) == {("added", "memory_entities", later), ("edited", "memory_entities", "m3")}


def test_two_data_folders_may_share_a_store(tmp_path: Path) -> None:
    for name, people in (("a", "p1"), ("b", "p2")):
        (tmp_path / name).mkdir()
        write_json(tmp_path / name, personas=[persona(people)], memories=[memory(f"of {people}", people)])
        pjais.migrate(tmp_path / name, target=tmp_path / "shared.sqlite")
    for name in ("a", "b"):
        assert pjais.verify(tmp_path / name, target=tmp_path / "shared.sqlite").documents == 4


def test_a_store_that_is_named_finds_the_backups_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    folder = tmp_path / "data"
    folder.mkdir()
    write_json(folder, personas=[persona()], memories=[memory()])
    pjais.migrate(folder)
    assert pjais.verify(target=folder / "pjais.sqlite").documents == 2
    moved = tmp_path / "moved"
    folder.rename(moved)
    assert pjais.verify(target=moved / "pjais.sqlite").documents == 2
    shutil.rmtree(moved / "backups")
    with pytest.raises(VerificationFailed):
        pjais.verify(target=moved / "pjais.sqlite")


def ids(folder: Path) -> set[str]:
    """The memories of a store."""
    return {str(key) for (key,) in rows(folder / "pjais.sqlite", "SELECT id FROM memory_entities")}


def test_an_owner_may_go_on_with_an_older_store(tmp_path: Path) -> None:
    """It is red until its owner says so; then what it lacks is read again, and no copy of it was given up."""
    write_json(tmp_path, personas=[persona("p")], memories=[memory("m1", "p")])
    pjais.migrate(tmp_path)
    older = tmp_path.with_name("older.sqlite")
    shutil.copy(tmp_path / "pjais.sqlite", older)
    write_json(tmp_path, personas=[persona("p")], memories=[memory("m1", "p"), memory("m2", "p")])
    lost = pjais.migrate(tmp_path).run_id
    shutil.copy(older, tmp_path / "pjais.sqlite")
    with pytest.raises(VerificationFailed) as red:
        pjais.verify(tmp_path)
    assert red.value.next_command == f"pjais rollback {lost}"
    with pytest.raises(ConfirmationNeeded, match="an older copy of the store is in place") as asked:
        pjais.rollback(tmp_path, lost)
    assert asked.value.next_command == f"pjais rollback {lost} --discard-later"
    pjais.rollback(tmp_path, lost, discard_later=True)
    pjais.verify(tmp_path)
    assert ids(tmp_path) == {"m1"}
    (tmp_path / "data.json").unlink()
    backups.prune(resolve_workspace(tmp_path), 0)
    assert (tmp_path / "backups" / str(lost)).is_dir()
    backup.restore(tmp_path / "backups" / str(lost), tmp_path)
    pjais.migrate(tmp_path)
    pjais.verify(tmp_path)
    assert ids(tmp_path) == {"m1", "m2"}


def test_an_older_store_that_was_migrated_again_is_accepted_all_the_same(tmp_path: Path) -> None:
    write_json(tmp_path, personas=[persona("p")], memories=[memory("m1", "p")])
    first = pjais.migrate(tmp_path).run_id
    older = tmp_path.with_name("older.sqlite")
    shutil.copy(tmp_path / "pjais.sqlite", older)
    write_json(tmp_path, personas=[persona("p")], memories=[memory("m1", "p"), memory("m2", "p")])
    lost = pjais.migrate(tmp_path).run_id
    shutil.copy(older, tmp_path / "pjais.sqlite")
    again = pjais.migrate(tmp_path).run_id
    with pytest.raises(VerificationFailed) as red:
        pjais.verify(tmp_path)
    assert red.value.next_command == f"pjais rollback {lost}"
    pjais.rollback(tmp_path, lost, discard_later=True)
    pjais.verify(tmp_path)
    assert ids(tmp_path) == {"m1", "m2"}
    assert pjais.rollback(tmp_path).run_id == again
    pjais.verify(tmp_path)
    assert pjais.rollback(tmp_path).run_id == first


# -- an older copy put back, where only edits or decisions lie between


@pytest.fixture
def edited(tmp_path: Path) -> Path:
    """A migrated folder, with one edit, and a copy of its store beside it."""
    folder = tmp_path / "data"
    folder.mkdir()
    write_json(folder, personas=[persona()], memories=[memory("m1"), memory("m2"), orphan("o1")])
    pjais.migrate(folder, on_invalid="quarantine")
    edit_by_library(folder)
    shutil.copy(folder / "pjais.sqlite", tmp_path / "older.sqlite")
    return folder


def edit_by_library(folder: Path) -> None:
    with pjais.open(folder) as store:
        store.memories.update("m1", summary="edited")


def edit_by_command(folder: Path) -> None:
    command = [sys.executable, "-m", "pjais", "--data-dir", str(folder), "remember", "a thought", "--persona", "p1"]
    subprocess.run(command, check=True, capture_output=True)


def edit_by_another_program(folder: Path) -> None:
    """What another program writes is seen by the next proof."""
    rows(folder / "pjais.sqlite", "UPDATE memory_entities SET summary = 'by another program' WHERE id = 'm2'")
    assert pjais.verify(folder).passed


def decide(folder: Path) -> None:
    quarantine.discard(resolve_workspace(folder), [1])


def put_back(folder: Path, copy: str = "older.sqlite") -> None:
    for suffix in ("-wal", "-shm"):
        (folder / f"pjais.sqlite{suffix}").unlink(missing_ok=True)
    shutil.copy(folder.with_name(copy), folder / "pjais.sqlite")


LATER_WRITES = {
    "an edit by the library": edit_by_library,
    "an edit by the command line": edit_by_command,
    "an edit by another program": edit_by_another_program,
    "a decision": decide,
}


@pytest.mark.parametrize("write", LATER_WRITES.values(), ids=LATER_WRITES)
def test_an_older_copy_is_red_and_named_though_only_edits_lie_between(
    edited: Path, write: Callable[[Path], None]
) -> None:
    write(edited)
    assert pjais.verify(edited).passed
    put_back(edited)
    for again in range(2):
        if again:
            edit_by_library(edited)  # who goes on with the older copy does not make it the right one
        for folder, target in ((edited, None), (None, edited / "pjais.sqlite")):
            with pytest.raises(VerificationFailed) as told:
                pjais.verify(folder, target=target)
            assert [line for line in told.value.where if "an older copy of the store is in place" in line]


def note(folder: Path) -> Path:
    """The file that notes the head of the store of a data folder."""
    path = heads.path_of(folder / "pjais.sqlite")
    assert path is not None
    return path


def test_an_older_copy_counts_as_the_store_when_its_owner_says_so(edited: Path) -> None:
    edit_by_library(edited)
    put_back(edited)
    note(edited).unlink()
    assert pjais.verify(edited).passed


def test_another_copy_with_as_many_edits_is_red(edited: Path) -> None:
    edit_by_library(edited)
    shutil.copy(edited / "pjais.sqlite", edited.with_name("other.sqlite"))
    put_back(edited)
    note(edited).unlink()
    edit_by_library(edited)
    assert pjais.verify(edited).passed
    put_back(edited, "other.sqlite")
    with pytest.raises(VerificationFailed, match="verification"):
        pjais.verify(edited)


def test_a_rollback_a_second_run_and_a_new_store_are_no_older_copies(edited: Path) -> None:
    edit_by_library(edited)
    pjais.migrate(edited, on_invalid="quarantine")
    write_json(edited, personas=[persona()], memories=[memory("m1"), memory("m2"), memory("m3")])
    pjais.migrate(edited, on_invalid="quarantine")
    edit_by_library(edited)
    pjais.rollback(edited, discard_later=True)
    assert pjais.verify(edited).passed
    pjais.rollback(edited, discard_later=True)
    assert not note(edited).exists()
    pjais.migrate(edited)
    assert pjais.verify(edited).passed
    edit_by_library(edited)
    assert pjais.verify(edited).passed


def test_a_switch_taken_back_is_no_older_copy(tmp_path: Path) -> None:
    write_json(tmp_path, personas=[persona()], memories=[memory("m1")])
    pjais.migrate(tmp_path)
    switch.go(resolve_workspace(tmp_path))
    edit_by_library(tmp_path)
    switch.back(resolve_workspace(tmp_path))
    assert pjais.verify(tmp_path).passed
    edit_by_library(tmp_path)
    assert pjais.verify(tmp_path).passed


def test_processes_that_write_at_once_note_the_last_of_all(edited: Path) -> None:
    script = (
        "import sys, pjais\n"
        "store = pjais.open(sys.argv[1])\n"
        "for number in range(20):\n"
        "    store.memories.remember(f'{sys.argv[2]} {number}', persona='p1')\n"
        "store.close()\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", script, str(edited), name]) for name in ("a", "b", "c")]
    with pjais.open(edited) as store:
        for _ in range(20):
            store.memories.update("m1", summary="meanwhile")
    assert [one.wait() for one in writers] == [0, 0, 0]
    last = rows(edited / "pjais.sqlite", "SELECT max(seq) FROM changes")[0][0]
    assert json.loads(note(edited).read_text())["change"] == last
    assert pjais.verify(edited).passed
    put_back(edited)
    with pytest.raises(VerificationFailed):
        pjais.verify(edited)


def test_a_store_that_is_only_read_notes_nothing(edited: Path) -> None:
    before = note(edited).stat()
    with pjais.open(edited) as store:
        assert store.memories.get("m1") is not None
    after = note(edited).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"link": 1}', '{"link":"1","digest":1,"change":1,"history":1,"at":1}']
)
def test_a_note_that_nobody_can_read_says_nothing(edited: Path, text: str) -> None:
    note(edited).write_text(text)
    assert pjais.verify(edited).passed
