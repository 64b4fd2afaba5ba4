"""The second run, and the third: what came, what went, what was edited on either side meanwhile."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from box import LATER, Box, crash_writer, document, memory, persona

FIRST = [memory("m1"), memory("m2")]
FUTURE = "2099-01-01T00:00:00.000Z"


def begin(box: Box, *memories: dict[str, Any]) -> None:
    """A first migration."""
    box.write("data.json", document(memories=memories or FIRST))
    assert box.migrate().exit_code == 0


def bring(box: Box, *memories: dict[str, Any], personas: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    """A second one, of a source that has changed; proved afterwards."""
    box.write("data.json", document(personas, memories))
    done = box.migrate(process=True)
    assert done.exit_code == 0, done.body
    box.settled()
    return done.body


def test_new_changed_and_vanished_documents(box: Box) -> None:
    """New ones come, changed ones win, vanished ones stay in the store."""
    begin(box)
    bring(box, memory("m2", content="changed", updatedAt=LATER), memory("m3"))
    assert box.contents() == {"m1": "healthy", "m2": "changed", "m3": "healthy"}


def test_an_edit_in_the_store_survives_new_data(box: Box) -> None:
    """Whoever made it, without the source having changed, an edit stays."""
    begin(box)
    box.sql("UPDATE memory_entities SET content = 'mine' WHERE id = 'm1'")
    bring(box, *FIRST, memory("m3"))
    assert box.contents() == {"m1": "mine", "m2": "healthy", "m3": "healthy"}


def test_a_deletion_in_the_store_survives_new_data(box: Box) -> None:
    """What was deleted does not come back."""
    begin(box)
    box.sql("DELETE FROM memory_entities WHERE id = 'm1'")
    bring(box, *FIRST, memory("m3"))
    assert set(box.contents()) == {"m2", "m3"}


def test_the_later_edit_wins_the_stores(box: Box) -> None:
    """Edited on both sides: the store's is later, the source's is kept as superseded and listed."""
    begin(box)
    box.sql("UPDATE memory_entities SET content = 'mine', updated_at = ? WHERE id = 'm1'", FUTURE)
    done = bring(box, memory("m1", content="theirs", updatedAt=LATER), memory("m2"))
    assert box.contents()["m1"] == "mine"
    assert done["total"]["superseded"] == 1
    ((kept,),) = box.sql("SELECT document FROM migration_records WHERE outcome = 'superseded'")
    assert json.loads(kept)["content"] == "theirs"


def test_the_later_edit_wins_the_sources(box: Box) -> None:
    """Edited on both sides: the source's is later; the store's is in the history, and listed."""
    begin(box)
    box.sql("UPDATE memory_entities SET content = 'mine', updated_at = ? WHERE id = 'm1'", LATER)
    done = bring(box, memory("m1", content="theirs", updatedAt=FUTURE), memory("m2"))
    assert box.contents()["m1"] == "theirs"
    assert "note:edit-superseded:" in done["rules"]
    assert box.sql("SELECT count(*) FROM changes WHERE before LIKE '%mine%'") == [(1,)]


def test_an_older_copy_does_not_win(box: Box) -> None:
    """A source that went back in time changes nothing."""
    begin(box)
    bring(box, memory("m1", content="older", updatedAt="2020-01-01T00:00:00.000Z"), memory("m2"))
    assert box.contents()["m1"] == "healthy"


def test_an_orphan_arrives_later(box: Box) -> None:
    """Quarantined at first, in as soon as its persona is there, and gone from the quarantine."""
    box.write("data.json", document(memories=[memory("m1"), memory("m2", "p2")]))
    assert box.quarantine().exit_code == 1
    bring(box, memory("m1"), memory("m2", "p2"), personas=(persona(), persona("p2")))
    assert set(box.contents()) == {"m1", "m2"}
    assert box.cli("quarantine", "list").body["quarantine"] == []


def test_a_document_breaks_later(box: Box) -> None:
    """What was in stays in; the broken new form is in quarantine."""
    begin(box)
    box.write("data.json", document(memories=[memory("m1", importance=[1], updatedAt=LATER), memory("m2")]))
    assert box.migrate().code == "MIGRATION_003"
    assert box.quarantine().exit_code == 1
    assert box.contents() == {"m1": "healthy", "m2": "healthy"}
    assert box.verify().exit_code == 0


def test_a_file_per_record_removed_and_added(box: Box) -> None:
    """Files come and go; records stay."""
    box.write("personas/a.json", json.dumps(persona("a")))
    assert box.migrate().exit_code == 0
    (box.folder / "personas/a.json").unlink()
    box.write("personas/b.json", json.dumps(persona("b")))
    assert box.migrate().exit_code == 0
    assert box.sql("SELECT id FROM personas ORDER BY id") == [("a",), ("b",)]
    box.settled()


def test_quarantine_replay_of_a_mended_document(box: Box) -> None:
    """Mended by hand, in, proved, and still in after the next run brings the broken one again."""
    box.write("data.json", document(memories=[memory("m1"), memory("m2", importance=[1])]))
    assert box.quarantine().exit_code == 1
    ((entry,),) = (box.sql("SELECT id FROM migration_quarantine"),)
    mended = box.write("mended/it", json.dumps(memory("m2", importance=7)))
    assert box.cli("quarantine", "show", str(entry[0])).body["document"]["importance"] == [1]
    assert box.cli("quarantine", "replay", str(entry[0]), "--document", mended).exit_code == 0
    box.settled()
    box.write("data.json", document(memories=[memory("m1"), memory("m2", importance=[1]), memory("m3")]))
    assert box.quarantine().exit_code in (0, 1)
    assert box.sql("SELECT importance FROM memory_entities WHERE id = 'm2'") == [(7,)]
    assert box.verify().exit_code == 0


def test_quarantine_replay_after_the_persona_was_added(box: Box) -> None:
    """An orphan goes in once its persona is in the store."""
    box.write("data.json", document(memories=[memory("m1"), memory("m2", "p2")]))
    assert box.quarantine().exit_code == 1
    assert box.cli("quarantine", "replay").exit_code == 1
    box.sql("INSERT INTO personas (id, name) VALUES ('p2', 'B')")
    assert box.cli("quarantine", "replay").exit_code == 0
    assert set(box.contents()) == {"m1", "m2"}
    assert box.verify().exit_code == 0


# --- found by trying to break it


def test_a_users_own_memory_is_not_deleted(box: Box) -> None:
    begin(box)
    box.sql("INSERT INTO memory_entities (id, persona_id, type, content) VALUES ('u', 'ghost', 'text', 'precious')")
    box.write("data.json", document(memories=[*FIRST, memory("m3")]))
    done = box.migrate()
    assert box.contents().get("u") == "precious" or "/u" in " ".join(done.body.get("where", []))


def test_a_persona_deleted_in_the_store(box: Box) -> None:
    box.write("data.json", document([persona(), persona("p2")], [memory("m1"), memory("m2", "p2")]))
    assert box.migrate().exit_code == 0
    box.sql("DELETE FROM personas WHERE id = 'p2'")
    box.write("data.json", document([persona(), persona("p2")], [memory("m1"), memory("m2", "p2"), memory("m3")]))
    assert box.migrate().exit_code == 0


def test_two_sources_of_the_same_name(box: Box) -> None:
    one = box.write("x/in/data.json", document([persona("p1")], [memory("m1")]))
    two = box.write("y/in/data.json", document([persona("p2")], [memory("m2", "p2")]))
    done = box.migrate(one, two)
    assert done.total["read"] == 4
    assert box.verify().exit_code == 0


def test_restore_of_two_sources_of_the_same_name(box: Box) -> None:
    one = box.write("x/in/data.json", document([persona("p1")], [memory("m1")]))
    two = box.write("y/in/data.json", document([persona("p2")], [memory("m2", "p2")]))
    run = box.migrate(one, two).body["run"]
    restored = box.cli("backup", "restore", run, "--to", box.folder / "restored")
    assert restored.exit_code == 0
    assert len(restored.body["files"]) == 2


def test_a_live_record_is_not_taken_out_by_an_orphan(box: Box) -> None:
    begin(box)
    box.write("data.json", document(memories=[memory("m1", "ghost", updatedAt=FUTURE), memory("m2")]))
    assert box.quarantine().exit_code == 1
    assert "m1" in box.contents()


def test_cleanup_keeps_a_database_with_a_new_wal(box: Box) -> None:
    source = box.folder / "livestore.db"
    box.sqlite("PRAGMA journal_mode = WAL; CREATE TABLE personas(id TEXT PRIMARY KEY, name);")
    assert box.migrate().exit_code == 0
    crash_writer(source, "INSERT INTO personas VALUES ('new', 'not migrated yet')")
    assert box.cli("cleanup", "--yes").exit_code == 15
    assert source.exists()


def test_a_stale_wal_beside_a_deleted_store(box: Box) -> None:
    begin(box)
    crash_writer(
        box.target,
        "UPDATE memory_entities SET content = 'ghost'",
        *(f"INSERT INTO personas (id, name) VALUES ('g{n}', 'ghost')" for n in "1234"),
    )
    box.target.unlink()
    assert box.migrate().exit_code == 0
    assert box.contents() == {"m1": "healthy", "m2": "healthy"}


def test_replay_follows_new_ids(box: Box) -> None:
    box.write("data.json", document(memories=[memory("m1"), memory("m2", importance=[1])]))
    assert box.quarantine("--ids", "new").exit_code == 1
    mended = box.write("mended/it", json.dumps(memory("m2", importance=7)))
    assert box.cli("quarantine", "replay", "1", "--document", mended).exit_code == 0


def test_a_renamed_record_is_an_edit(box: Box) -> None:
    """A change of a record's id is in the history like any other."""
    begin(box)
    box.sql("UPDATE memory_entities SET id = 'renamed' WHERE id = 'm1'")
    assert box.verify().exit_code == 0


def test_memories_copied_from_another_store(box: Box) -> None:
    """Whole rows out of another of our stores displace nothing, or are refused."""
    begin(box)
    other = Box(box.folder.parent / "other")
    other.folder.mkdir()
    begin(other, memory("x1"), memory("x2"))
    db = sqlite3.connect(box.target)
    try:
        db.execute("ATTACH ? AS o", (str(other.target),))
        db.execute("INSERT OR REPLACE INTO memory_entities SELECT * FROM o.memory_entities")
        db.commit()
    except sqlite3.IntegrityError:
        pass
    finally:
        db.close()
    assert {"m1", "m2"} <= set(box.contents())
    assert box.verify().exit_code == 0


def test_an_orphan_among_new_data(box: Box) -> None:
    """It goes to quarantine; what is sound comes in."""
    begin(box)
    box.write("data.json", document(memories=[*FIRST, memory("m3"), memory("m4", "ghost")]))
    assert box.migrate().code == "MIGRATION_003"
    assert box.quarantine().exit_code == 1
    assert set(box.contents()) == {"m1", "m2", "m3"}
    assert box.verify().exit_code == 0


def test_a_new_persona_after_its_memory(box: Box) -> None:
    begin(box)
    box.write("data.json", document(memories=[*FIRST, memory("m3", "p2")]))
    box.write("rxdb-backup-1.json", document([persona("p2")], version="1.0", exportedAt=1))
    assert box.migrate().exit_code == 0
    assert set(box.contents()) == {"m1", "m2", "m3"}
