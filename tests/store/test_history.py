"""History, time travel and undo of the SQLite store, by example; whoever wrote."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from history_world import foreign, migrated, read, seen

import another
import pjais
from pjais.errors import StoreFailed, UsageError, ValidationFailed
from pjais.persona.store import Store
from world import documents, memory, persona, write_json


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder of one's own."""
    return Path(shutil.copytree(migrated(), tmp_path / "data"))


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    """Its store, open."""
    with pjais.open(folder) as store:
        yield store


def test_history_says_what_changed_and_when(store: Store) -> None:
    """Oldest first; whoever wrote; a replacement shows only what differs."""
    store.memories.update("m0", importance=90, tags=["a"])
    foreign(store, "INSERT OR REPLACE INTO personas (id, name, updated_at) VALUES ('p1', 'Zoe', '2025-03-01 00:00:00')")
    store.memories.delete("m0")
    first, second = store.history("m0")
    assert (first.seq, first.op, second.seq) == (1, "update", 3)
    assert {one.field: (one.before, one.after) for one in first.changes if one.field != "updated_at"} == {
        "importance": (50, 90),
        "tags": ([], ["a"]),
    }
    assert first.at is not None and second.at is not None and first.at <= second.at
    (replaced,) = store.history("p1")
    fields = {one.field: one.after for one in replaced.changes}
    assert fields["name"] == "Zoe"
    assert "updated_at" not in fields
    assert store.history("r0") == []
    assert [one.op for one in store.history("p1", "personas")] == ["update"]
    with pytest.raises(UsageError):
        store.history("never-there")
    with pytest.raises(UsageError):
        store.history("p1", "no_table")


def test_a_moment_stays_what_it_was(store: Store) -> None:
    """All queries of the store work on it, also after further writes; it refuses to be written."""
    with store.at(0) as past:
        assert past.memories.get("m0") is not None
        store.memories.remove("m0")
        assert [one.id for one in past.memories.list()] == ["m0", "m1"]
        store.memories.update("m1", importance=99)
        store.memories.remember("new", id="m9")
        assert [one.importance for one in past.memories.list()] == [50, 50]
        assert past.counts()["memory_entities"] == len(past.memories) == 2
        assert past.memories.important() == []
        assert past.memories.page(limit=1).next_offset == 1
        active = past.personas.active()
        assert active is not None and past.personas.stats(active.id)["memories"] == 1
        assert past.at is None
        for refused in (
            lambda: past.memories.update("m1", importance=1),
            lambda: past.personas.activate("p1"),
            lambda: past.memories.search("x"),
        ):
            with pytest.raises(UsageError):
                refused()
    with pytest.raises(StoreFailed):
        past.counts()
    with store.transaction():
        store.personas.update("p0", name="soon")
        assert store.at(4).personas.need("p0").name == "soon"
        with pytest.raises(StoreFailed):
            store.at(4).personas.list()
        assert store.at(0).personas.need("p0").name == "Persona p0"
        store.personas.update("p0", name="Persona p0")
    with store.at(time=0) as past:
        assert past.seq == 0
    with store.at(time="2999-01-01") as past:
        assert (past.seq, past.at is None) == (5, False)
        assert seen(past) == read(store)


def test_a_time_is_the_last_change_up_to_it(store: Store) -> None:
    """To the millisecond, in either form."""
    for name in "abcdefgh":
        store.personas.update("p0", name=name)
    for seq in range(1, 9):  # times that lie apart, two of them the same
        foreign(store, "UPDATE changes SET at = ? WHERE seq = ?", f"2030-01-0{min(seq, 7)}T00:00:00.000Z", seq)
    for time, seq in (
        ("2029-12-31", 0),
        ("2030-01-01", 1),
        ("2030-01-04T12:00:00Z", 4),
        ("2030-01-06T23:59:59.999Z", 6),
        ("2030-01-07", 8),
        (1893456000000, 1),
        ("1893456000000", 1),
        (1893455999999, 0),
        (10**17, 8),
        (-(10**17), 0),
    ):
        with store.at(time=time) as past:
            assert past.seq == seq, time


def test_what_is_no_moment_is_refused(store: Store) -> None:
    """A number that the history lacks, a text that is no time, both or neither."""
    calls: tuple[dict[str, Any], ...] = ({"seq": 1}, {"seq": -1}, {"time": "soon"}, {}, {"seq": 0, "time": 0})
    for given in calls:
        with pytest.raises(UsageError):
            store.at(**given)
    with pytest.raises(UsageError):
        store.diff(0, 5)
    assert store.diff(0) == store.diff("now", "now") == []


def test_a_history_whose_beginning_is_gone_says_so(store: Store) -> None:
    """Nothing is made up."""
    for name in ("a", "b", "c"):
        store.personas.update("p0", name=name)
    foreign(store, "DELETE FROM changes WHERE seq <= 2")
    with pytest.raises(UsageError):
        store.at(1)
    assert store.at(2).personas.need("p0").name == "b"
    foreign(store, "DELETE FROM changes")
    with pytest.raises(UsageError):
        store.at(2)
    assert store.at(3).personas.need("p0").name == "c"


def test_documents_of_any_app_have_a_past(tmp_path: Path) -> None:
    """Found by their key; edited by anybody, read as they were, restored."""
    write_json(
        tmp_path, personas=[], notes=[{"id": "n1", "a": 1}, {"id": "n2", "a": 5}], numbers=[{"id": 7, "b": True}]
    )
    pjais.migrate(tmp_path)
    with pjais.open(tmp_path) as store:
        foreign(store, "UPDATE notes SET a = 2 WHERE id = 'n1'")
        foreign(store, "DELETE FROM notes WHERE id = 'n1'")
        foreign(store, "UPDATE numbers SET b = 0")
        assert [one.op for one in store.history("n1")] == ["update", "delete"]
        assert store.find("n1") == [("notes", "n1")]
        assert store.find("7") == store.find("[7]") == [("numbers", "[7]")]
        found = store.collection("notes")
        assert found.get("n1") is None and [one.key for one in found] == ["n2"]
        assert store.collection("numbers").get(7).value == {"id": 7, "b": False}  # type: ignore[union-attr]
        assert store.collection("numbers").get("7") is None
        with store.at(1) as past:
            assert past.collection("notes").get("n1").value == {"id": "n1", "a": 2}  # type: ignore[union-attr]
        with store.at(0) as past:
            assert [one.value["a"] for one in past.collection("notes")] == [1, 5]
        assert store.restore_record("notes", "n1", 0).event == 4
        assert [one.value for one in found.search("N1")] == [{"id": "n1", "a": 1}]
    proof = pjais.verify(tmp_path)
    assert proof.passed and (proof.edited_since, proof.removed_since) == (1, 0)


def test_values_that_json_lacks_come_back(store: Store) -> None:
    """Blobs, reals, infinities, NUL and other text, as another program stored them."""
    odd = {"name": "a\0b\u2028\U0001f600", "summary": b"\x00\xff", "importance": 0.1 + 0.2, "access_count": 2**63 - 1}
    sets = ", ".join(f"{name} = ?" for name in odd)
    foreign(store, f"UPDATE memory_entities SET {sets} WHERE id = 'm0'", *odd.values())
    foreign(store, "UPDATE memory_entities SET importance = 9e999 WHERE id = 'm1'")
    foreign(store, "UPDATE memory_entities SET importance = 7 WHERE id = 'm1'")
    before = read(store)
    with store.transaction():
        store.memories.remove("m0")
    store.undo()
    assert read(store) == before
    assert before["memory_entities", "m0"]["summary"] == b"\x00\xff"
    assert [one.changes[0].after for one in store.history("m1")] == [float("inf"), 7]
    assert store.diff(0, 1)[2][3:] == (50, 0.1 + 0.2)
    assert store.at(1).get("memories", "m0") is not None
    assert [one.field for one in store.history("m0")[0].changes] == ["name", "summary", "importance", "access_count"]


def test_a_record_comes_back_whole_or_by_field(store: Store, folder: Path) -> None:
    """A write of today: `updated_at` moves on; one that was removed comes back exactly as it was."""
    before = read(store)
    store.memories.update("m0", importance=90, content={"deep": [1]})
    done = store.restore_record("memories", "m0", 0, field="content")
    assert (done.fields, store.memories.need("m0").content) == (("content",), "content of m0")
    assert store.memories.need("m0").importance == 90
    assert store.restore_record("memories", "m0", 0).fields == ("importance",)
    assert store.restore_record("memories", "m0", 0).event is None
    store.memories.remove("m0")
    with pytest.raises(UsageError):
        store.restore_record("memories", "m0", 0, field="name")
    assert store.restore_record("memories", "m0", 0).event is not None
    assert read(store)["memory_entities", "m0"] == before["memory_entities", "m0"]
    assert [one.memory.id for one in store.memories.search("content m0")] == ["m0"]
    assert pjais.verify(folder).passed


def test_a_persona_of_a_given_day_is_the_only_active_one(store: Store) -> None:
    """Exactly one stays active."""
    store.personas.activate("p1")
    store.restore_record("personas", "p0", time="2000-01-01")
    assert [(one.id, one.is_active) for one in store.personas.list()] == [("p0", True), ("p1", False)]


def test_what_cannot_be_brought_back_is_refused(store: Store) -> None:
    """Not there then; refers to what is gone; was nothing that its model allows; no such table or field."""
    store.memories.remove("m0")
    store.personas.remove("p0")
    with pytest.raises(UsageError) as caught:
        store.restore_record("memories", "m0", 0)
    assert caught.value.where == ("persona_id: p0",)
    with pytest.raises(UsageError):
        store.restore_record("memories", "m0", 1)
    foreign(store, "UPDATE memory_entities SET importance = 'much' WHERE id = 'm1'")
    foreign(store, "UPDATE memory_entities SET importance = 1 WHERE id = 'm1'")
    with pytest.raises(ValidationFailed):
        store.restore_record("memories", "m1", 3)
    for table, field in (("nothing", None), ("memories", "nothing"), ("memories", "id")):
        with pytest.raises(UsageError):
            store.restore_record(table, "m1", 0, field=field)
    assert store.restore_record("personas", "p0", 0).event is not None
    assert store.restore_record("memories", "m0", 0).event is not None


def test_undo_is_one_transaction_and_survives_a_reopen(store: Store, folder: Path) -> None:
    """With its label; redo ends where something new is done."""
    first = read(store)
    with store.transaction("spring cleaning"):
        store.memories.remember("new", id="m9")
        store.memories.remove("m0")
        with pytest.raises(UsageError), store.transaction():
            store.memories.remove("m1")
            store.memories.need("nobody")
    second = read(store)
    store.close()
    with pjais.open(folder) as again:
        assert [one.label for one in again.undoable()] == ["spring cleaning"]
        assert again.undo()[0].label == "spring cleaning"
        assert read(again) == first
        assert [one.label for one in again.redoable()] == ["spring cleaning"]
        again.redo()
        assert read(again) == second
        assert again.redoable() == []
        again.undo()
        again.personas.activate("p1")
        assert again.redoable() == []
        with pytest.raises(UsageError):
            again.redo()
        with pytest.raises(UsageError):
            again.undo(2)
        with pytest.raises(UsageError):
            again.undo(0)
        with pytest.raises(UsageError), again.transaction():
            again.undo()
    assert pjais.verify(folder).passed


def test_undo_refuses_what_others_changed_since(store: Store) -> None:
    """Whole: of several operations none is taken back; the record is named."""
    store.memories.update("m1", importance=1)
    store.memories.update("m0", importance=1)
    foreign(store, "UPDATE memory_entities SET summary = 'mine' WHERE id = 'm1'")
    before = read(store)
    with pytest.raises(UsageError) as caught:
        store.undo(2)
    assert caught.value.where[0].startswith("memory_entities m1: update, change 3 at ")
    assert read(store) == before
    store.undo()
    foreign(store, "UPDATE memory_entities SET summary = 'mine' WHERE id = 'm0'")
    with pytest.raises(UsageError):
        store.redo()


def test_undo_refuses_what_others_lean_on(store: Store) -> None:
    """A foreign key, a relationship, a second active persona."""
    store.personas.create(id="p9", name="x")
    foreign(store, "UPDATE memory_entities SET persona_id = 'p9' WHERE id = 'm1'")
    with pytest.raises(UsageError):
        store.undo()
    store.memories.create(id="m9")
    foreign(store, "INSERT INTO relationships (id, from_id, to_id, type) VALUES ('r9', 'm9', 'm1', 't')")
    with pytest.raises(UsageError) as caught:
        store.undo()
    assert caught.value.where[0].startswith("relationships r9")
    store.relationships.remove("r9")
    foreign(store, "DELETE FROM memory_entities WHERE id = 'm9'")
    with pytest.raises(UsageError) as caught:
        store.undo()
    assert caught.value.where[0].startswith("memory_entities m9")
    store.personas.deactivate("p0")
    foreign(store, "UPDATE personas SET is_active = 1 WHERE id = 'p1'")
    with pytest.raises(UsageError) as caught:
        store.undo()
    assert caught.value.where[0].startswith("personas p1")


def test_a_store_of_before_gets_its_list_with_the_first_write(store: Store, folder: Path) -> None:
    """Stores made without `store_operations` are served; readers do not take it for data."""
    foreign(store, "DROP TABLE store_operations")
    assert store.undoable() == store.redoable() == []
    with pytest.raises(UsageError):
        store.undo()
    store.personas.activate("p1")
    assert len(store.undoable()) == 1
    store.undo()
    store.close()
    assert pjais.verify(folder).passed
    target = folder.parent / "copy.sqlite"
    pjais.migrate(folder.parent / "other", sources=[folder / "pjais.sqlite"], target=target)
    assert documents(target) == []


def test_an_edit_by_an_older_sqlite_is_explained(tmp_path: Path) -> None:
    """Its JSON functions cut real numbers to 15 digits; the history must not, or verify finds a difference."""
    write_json(tmp_path, personas=[persona("p1")], memories=[memory("m1", "p1", importance=0.1 + 0.2)])
    pjais.migrate(tmp_path)
    another.sql(tmp_path / "pjais.sqlite", "UPDATE memory_entities SET importance = 8.774233438561719")
    another.sql(tmp_path / "pjais.sqlite", "UPDATE memory_entities SET importance = 3")
    with pjais.open(tmp_path) as store:
        assert store.at(0).memories.need("m1").importance == 0.1 + 0.2
        assert store.at(1).memories.need("m1").importance == 8.774233438561719
    assert pjais.verify(tmp_path).edited_since == 1


def test_an_image_of_a_record_that_got_another_id_is_no_stray(tmp_path: Path) -> None:
    """An ignored insert leaves an image of the record in the way; then that record's id changes."""
    write_json(tmp_path, personas=[persona()], memories=[memory("m1")])
    pjais.migrate(tmp_path)
    with closing(sqlite3.connect(tmp_path / "pjais.sqlite")) as db:
        db.execute("INSERT OR IGNORE INTO memory_entities (id, type, content) VALUES ('m1', 'text', 'x')")
        db.execute("UPDATE memory_entities SET id = 'm2' WHERE id = 'm1'")
        db.commit()
    proof = pjais.verify(tmp_path)
    assert proof.passed and (proof.added_since, proof.removed_since) == (1, 1)


def test_one_operation_is_undone_wherever_it_stands(tmp_path: Path) -> None:
    """Later ones stay; it is refused where one of its records was changed since, or if it was undone already."""
    with pjais.open(tmp_path) as store:
        with store.transaction("mcp:claude:remember"):
            first = store.memories.create(content="first")
            second = store.memories.create(content="second")
        with store.transaction("mine"):
            third = store.memories.create(content="third")
        _, done = store.undoable()
        assert done.label == "mcp:claude:remember"
        assert [one.by for one in store.history(first.id)] == ["mcp:claude:remember"]
        store.memories.access(first.id)
        assert store.undo_one(done) == done
        assert [one.id for one in store.memories.list()] == [third.id]
        assert [one.by for one in store.history(second.id)] == ["mcp:claude:remember", "undo of mcp:claude:remember"]
        with pytest.raises(UsageError, match="was undone"):
            store.undo_one(done)
        (held,) = [one for one in store.undoable() if one.label == "mine"]
        store.memories.update(third.id, content="changed")
        with pytest.raises(UsageError, match="changed by someone else since"):
            store.undo_one(held)
        with store.transaction(), pytest.raises(UsageError, match="stands alone"):
            store.undo_one(held)
    assert pjais.verify(tmp_path).passed
