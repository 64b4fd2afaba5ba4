"""The store afterwards: other writers, flipped bits, the way back, backups, exports."""

from __future__ import annotations

import random
import sqlite3

import pytest
from box import ROWS_SQL, Box, document, fingerprint, memory

THREE = [memory("m1"), memory("m2"), memory("m3")]


def begin(box: Box) -> None:
    """A first migration."""
    box.write("data.json", document(memories=THREE))
    assert box.migrate().exit_code == 0


def test_any_writer_leaves_a_history_and_a_right_index(box: Box) -> None:
    """REPLACE, upsert, delete and VACUUM by another program; verify is green, the search finds."""
    begin(box)
    insert = "INTO memory_entities (id, persona_id, type, content)"
    box.sql(f"INSERT OR REPLACE {insert} VALUES ('m1', 'p1', 't', 'replaced zebra')")
    box.sql(
        f"INSERT {insert} VALUES ('m2', 'p1', 't', 'x') ON CONFLICT (id) DO UPDATE SET content = 'upserted giraffe'"
    )
    box.sql("DELETE FROM memory_entities WHERE id = 'm3'")
    db = sqlite3.connect(box.target, isolation_level=None)
    db.execute("VACUUM")
    db.close()
    proof = box.verify()
    assert proof.exit_code == 0
    assert (proof.body["edited_since"], proof.body["removed_since"]) == (2, 1)
    for word, count in (("zebra", 1), ("giraffe", 1), ("healthy", 0)):
        assert box.cli("search", word).body["count"] == count


@pytest.mark.parametrize(
    ("table", "column"), [("memory_entities", "content"), ("memory_entities", "extra"), ("personas", "name")]
)
def test_a_change_behind_the_history_is_red(box: Box, table: str, column: str) -> None:
    """A value changed without its triggers is a difference; verify names record and field."""
    begin(box)
    triggers = box.sql("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
    for name, _ in triggers:
        box.sql(f"DROP TRIGGER {name}")
    box.sql(f"UPDATE {table} SET {column} = replace({column}, 'a', 'e')")
    for _, sql in triggers:
        box.sql(sql)
    proof = box.verify()
    assert (proof.exit_code, proof.code) == (18, "MIGRATION_008")
    assert any(column in line for line in proof.body["where"])


def test_no_flipped_bit_changes_what_is_exported_unseen(box: Box) -> None:
    """For bits all over the file: verify is red, or the export is the same to the last byte."""
    begin(box)
    whole, exported = box.target.read_bytes(), box.export()
    choose = random.Random(7)
    used = [place for place, byte in enumerate(whole) if byte]
    red = 0
    for _ in range(15):
        flipped = bytearray(whole)
        flipped[choose.choice(used)] ^= 1 << choose.randrange(8)
        for suffix in ("-wal", "-shm"):
            box.target.with_name(f"pjais.sqlite{suffix}").unlink(missing_ok=True)
        box.target.write_bytes(flipped)
        if box.verify().exit_code != 0:
            red += 1
        else:
            assert box.export() == exported
    assert red


def test_a_bit_flipped_in_a_memory(box: Box) -> None:
    """The record and the field are named."""
    begin(box)
    whole = box.target.read_bytes()
    box.target.write_bytes(whole.replace(b"m2p1texthealthy", b"m2p1texthealthx"))
    assert box.target.read_bytes() != whole
    proof = box.verify()
    assert proof.exit_code == 18
    assert any("m2" in line and "content" in line for line in proof.body["where"])


def test_a_changed_backup_is_red(box: Box) -> None:
    """The proof rests on the backup, so a backup that was changed is a failure."""
    begin(box)
    (copy,) = box.folder.glob("backups/*/data.json")
    copy.write_bytes(copy.read_bytes().replace(b"healthy", b"unhappy"))
    assert box.verify().exit_code == 18
    assert box.cli("backup", "verify").exit_code == 12


def test_backup_restore_and_its_refusal_to_overwrite(box: Box) -> None:
    """The raw bytes come back; what is in the way stays."""
    source = box.sqlite(ROWS_SQL)
    run = box.migrate().body["run"]
    before = fingerprint(source)
    assert box.cli("backup", "restore", run).exit_code == 12
    assert fingerprint(source) == before
    assert box.cli("backup", "restore", run, "--to", box.folder / "r").exit_code == 0
    assert fingerprint(box.folder / "r" / "livestore.db") == before


def test_cleanup_and_after(box: Box) -> None:
    """After cleanup the sources are gone, the store is proved, and nothing is left to do."""
    begin(box)
    assert box.cli("cleanup").exit_code == 3
    assert box.cli("cleanup", "--yes").exit_code == 0
    assert not (box.folder / "data.json").exists()
    box.settled()


def test_cleanup_refuses_a_changed_source(box: Box) -> None:
    """What was not migrated is not removed."""
    begin(box)
    box.write("data.json", document(memories=[*THREE, memory("m4")]))
    assert box.cli("cleanup", "--yes").exit_code == 15
    assert (box.folder / "data.json").exists()


def test_export_of_a_source_is_the_export_of_its_store(box: Box) -> None:
    """Any source can be exported without a migration."""
    source = box.write("data.json", document(memories=THREE))
    direct = box.export(source)
    assert box.migrate().exit_code == 0
    assert box.export() == direct


def test_rollback_of_the_first_run(box: Box) -> None:
    """Back to no store at all; the sources are as they were, and can be migrated again."""
    begin(box)
    assert box.cli("rollback").exit_code == 0
    assert not box.target.exists()
    assert box.migrate().exit_code == 0
    box.settled()


@pytest.mark.parametrize("command", ["status", "export", "search x", "quarantine list", "plan", "migrate", "rollback"])
def test_commands_on_a_damaged_store(box: Box, command: str) -> None:
    """Every command says that the store is damaged, none trips over it."""
    begin(box)
    head = box.target.read_bytes()[:4096]
    box.target.write_bytes(head + b"\xa5" * 40960)
    result = box.cli(*command.split())
    assert result.exit_code not in (0, 70)


# --- found by trying to break it


def test_rollback_keeps_what_was_written_later(box: Box) -> None:
    begin(box)
    box.write("data.json", document(memories=[*THREE, memory("m4")]))
    assert box.migrate().exit_code == 0
    box.sql("DELETE FROM memory_entities WHERE id = 'm1'")
    box.sql("UPDATE memory_entities SET content = 'edited', updated_at = '2027-01-01T00:00:00.000Z' WHERE id = 'm2'")
    box.sql("INSERT INTO memory_entities (id, persona_id, type, content) VALUES ('n', 'p1', 't', 'new')")
    later = box.folder / "later.pjais.json"
    assert box.cli("rollback").exit_code == 3
    assert box.cli("rollback", "--keep-later", later).exit_code == 0
    assert set(box.contents()) == {"m1", "m2", "m3"}
    assert box.cli("import", later).exit_code == 0
    assert box.contents() == {"m2": "edited", "m3": "healthy", "n": "new"}


def test_keep_later_does_not_overwrite(box: Box) -> None:
    begin(box)
    box.sql("UPDATE memory_entities SET content = 'edited'")
    mine = box.write("mine.txt", "precious")
    box.cli("rollback", "--keep-later", mine)
    assert mine.read_text() == "precious"
    assert box.cli("rollback", "--keep-later", box.folder / "later.json").exit_code == 0


def test_prune_keeps_what_a_rollback_needs(box: Box) -> None:
    begin(box)
    box.write("data.json", document(memories=[*THREE, memory("m4")]))
    assert box.migrate().exit_code == 0
    assert box.cli("backup", "prune", "--keep", "0").exit_code == 0
    assert box.cli("rollback").exit_code == 0
    assert box.verify().exit_code == 0


@pytest.mark.parametrize("name", ["pjais.sqlite", "data.json"])
def test_export_does_not_overwrite_store_or_source(box: Box, name: str) -> None:
    begin(box)
    before = fingerprint(box.folder / name)
    box.cli("export", "-o", box.folder / name)
    assert fingerprint(box.folder / name) == before


@pytest.mark.parametrize("command", ["migrate", "verify", "status", "export"])
def test_a_store_without_our_tables(box: Box, command: str) -> None:
    box.write("data.json", document())
    box.sqlite(f"PRAGMA application_id = {0x504A4149}; CREATE TABLE t (a);", "pjais.sqlite")
    assert box.cli(command).exit_code in (17, 18)
