"""History, time travel and undo of the SQLite store: by example, and against a model in memory."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import another
import pytest
from history_model import Key, Model, Row, State
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import pjais
from pjais import sqlite
from pjais.errors import PjaisError, UsageError, ValidationFailed
from pjais.schema import rows as stored
from pjais.schema.tables import BY_NAME, MEMORIES, PERSONAS, RELATIONSHIPS, TABLES, Table
from pjais.store import Past, Store
from world import memory, persona, write_json

_template: list[tuple[tempfile.TemporaryDirectory[str], Path]] = []


def migrated() -> Path:
    """A migrated data folder, made once: two personas, two memories, a link between them."""
    if not _template:
        folder = tempfile.TemporaryDirectory(prefix="pjais-history-")
        data = Path(folder.name) / "data"
        data.mkdir()
        write_json(
            data,
            personas=[persona("p0", isActive=True), persona("p1")],
            memories=[memory("m0", "p0"), memory("m1", "p1", content={"text": "x"})],
            relationships=[{"id": "r0", "fromId": "m0", "toId": "m1", "type": "t"}],
        )
        pjais.migrate(data)
        _template.append((folder, data))
    return _template[0][1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder of one's own."""
    return Path(shutil.copytree(migrated(), tmp_path / "data"))


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    """Its store, open."""
    with pjais.open(folder) as store:
        yield store


def foreign(store: Store, sql: str, *values: Any) -> None:
    """A statement of another program."""
    another.sql(store.path, sql, *values)


def seq_of(store: Store) -> int:
    with store.pool.reader() as db:
        return int(sqlite.value(db, "SELECT coalesce(max(seq), 0) FROM changes"))


def read(store: Store) -> State:
    """Every row as it lies there, by plain SQL."""
    with store.pool.view() as db:
        return {
            (table.name, row[0]): dict(zip(table.column_names, row, strict=True))
            for table in TABLES[:4]
            for row in sqlite.fetch(db, f"SELECT {', '.join(table.column_names)} FROM {table.name}")
        }


def seen(past: Past) -> State:
    """Every row of a moment."""
    return {(stored.table_of(one).name, one.id): as_row(one) for one in past.records()}


def as_row(record: Any) -> Row:
    return dict(zip(stored.table_of(record).column_names, stored.to_row(record), strict=True))


def replayed(store: Store, first: State) -> Iterator[tuple[int, State]]:
    """The state after every change, forwards from the first one: by another way than the store's."""
    state = dict(first)
    for seq, table, key, op, after in another.sql(
        store.path, "SELECT seq, table_name, record_id, op, after FROM changes ORDER BY seq"
    ):
        if op == "delete":
            del state[table, key]
        else:
            state[table, key] = {**state.get((table, key), {}), **json.loads(after)}
        yield seq, dict(state)


# By example


def test_history_says_what_changed_and_when(store: Store) -> None:
    """Oldest first; whoever wrote; a replacement shows only what differs."""
    store.memories.update("m0", importance=90, tags=["a"])
    foreign(store, "INSERT OR REPLACE INTO personas (id, name, updated_at) VALUES ('p1', 'Zoe', '2025-03-01 00:00:00')")
    store.memories.delete("m0")
    first, second = store.history("m0")
    assert (first.seq, first.op, second.seq) == (1, "update", 3)
    assert {one.field: (one.before, one.after) for one in first.changes if one.field != "updated_at"} == {
        "importance": (50, 90), "tags": ([], ["a"]),
    }  # fmt: skip
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
    with store.at(time=0) as past:
        assert past.seq == 0
    with store.at(time="2999-01-01") as past:
        assert (past.seq, past.at is None) == (3, False)
        assert seen(past) == read(store)


def test_a_time_is_the_last_change_up_to_it(store: Store) -> None:
    """To the millisecond, in either form."""
    for name in "abcdefgh":
        store.personas.update("p0", name=name)
    for seq in range(1, 9):  # times that lie apart, two of them the same
        foreign(store, "UPDATE changes SET at = ? WHERE seq = ?", f"2030-01-0{min(seq, 7)}T00:00:00.000Z", seq)
    for time, seq in (
        ("2029-12-31", 0), ("2030-01-01", 1), ("2030-01-04T12:00:00Z", 4), ("2030-01-06T23:59:59.999Z", 6),
        ("2030-01-07", 8), (1893456000000, 1), ("1893456000000", 1), (1893455999999, 0), (10**17, 8), (-(10**17), 0),
    ):  # fmt: skip
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


def test_documents_without_a_model_have_a_past(store: Store) -> None:
    """Found by their id or by their whole key."""
    foreign(store, "INSERT INTO other_records VALUES ('notes', 'n1', '{\"a\":1}')")
    foreign(store, "UPDATE other_records SET document = '{\"a\":2}' WHERE id = 'n1'")
    foreign(store, "DELETE FROM other_records")
    assert [one.op for one in store.history("n1")] == ["insert", "update", "delete"]
    key = '["notes","n1"]'
    assert store.find("n1") == store.find(key) == [("other_records", key)]
    found = store.at(2).others.get(key)
    assert found is not None and found.document == {"a": 2}
    assert [one.document for one in store.at(1).others.list()] == [{"a": 1}]
    assert store.restore_record("others", key, 1).event == 4
    assert another.sql(store.path, "SELECT document FROM other_records") == [('{"a":1}',)]


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
    assert another.sql(target, "SELECT count(*) FROM other_records") == [(0,)]


# Against a model


PEOPLE = st.sampled_from(["p0", "p1", "p2"])
MINDS = st.sampled_from(["m0", "m1", "m2", "m3"])
LINKS = st.sampled_from(["r0", "r1"])
TEXTS = st.sampled_from(["", "tea", "Zürich 茶", 'a "quoted" \\ text', "x" * 300, "null", "5"])
NUMBERS = st.sampled_from([0, 1, 50, 99.5])
CONTENTS = TEXTS | st.sampled_from([{"text": "x"}, ["a", 1], 5, None, {"$hex": "00"}])
COUNTS = st.integers(1, 4)
HUMAN = {"created_at": "2025-01-10T12:30:00.000Z", "updated_at": "2025-01-10T12:30:00.000Z"}


class Machine(RuleBasedStateMachine):
    """Random life of a store; the model says what must be there, now and at every moment before."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="pjais-machine-")
        self.data = Path(shutil.copytree(migrated(), Path(self.folder.name) / "data"))
        self.store = pjais.open(self.data)
        self.model = Model(read(self.store))
        self.first = dict(self.model.state)
        self.views: list[Past] = []

    @initialize(reopen=st.booleans())
    def begin(self, reopen: bool) -> None:
        if reopen:
            foreign(self.store, "DROP TABLE store_operations")

    # What the store must hold after each of our calls

    def own(self, call: Any, expected: dict[Key, Row | None]) -> None:
        """Make a call that must do this to the records; times that it takes from the clock are believed."""
        call()
        now = read(self.store)
        after = dict(self.model.state)
        for key, row in expected.items():
            if row is None:
                after.pop(key, None)
            else:
                clock = {name: now[key][name] for name, value in row.items() if value is ...} if key in now else {}
                after[key] = {**row, **clock}
        touched = frozenset(key for key in expected if self.model.state.get(key) != after.get(key))
        self.model.own(after, touched, seq_of(self.store))

    def refused(self, call: Any) -> None:
        """A call that must be refused, and do nothing."""
        with pytest.raises(PjaisError):
            call()

    def changed(self, table: Table, key: str, **values: Any) -> dict[Key, Row | None]:
        held = self.model.state[table.name, key]
        clock = {"updated_at": ...} if "updated_at" in held else {}
        return {(table.name, key): {**held, **clock, **values}}

    def has(self, table: Table, key: str) -> bool:
        return (table.name, key) in self.model.state

    @rule(key=PEOPLE, name=TEXTS)
    def create_persona(self, key: str, name: str) -> None:
        def call() -> None:
            self.store.personas.create(id=key, name=name)

        if self.has(PERSONAS, key):
            return self.refused(call)
        fresh = pjais.Persona(key, name, None, None, None, None, None, None, False, 0, 0, None, 0, {})
        return self.own(call, {("personas", key): {**as_row(fresh), "created_at": ..., "updated_at": ...}})

    @rule(key=MINDS, owner=PEOPLE | st.none(), content=CONTENTS, importance=NUMBERS)
    def remember(self, key: str, owner: str | None, content: Any, importance: float) -> None:
        def call() -> None:
            self.store.memories.create(id=key, persona_id=owner, content=content, importance=importance)

        if self.has(MEMORIES, key) or (owner is not None and not self.has(PERSONAS, owner)):
            return self.refused(call)
        fresh = pjais.Memory(key, owner, "text", "", content, None, [], importance, "active", None, None, 0, 0,
                             None, 0, 0, None, {})  # fmt: skip
        return self.own(call, {("memory_entities", key): {**as_row(fresh), "created_at": ..., "updated_at": ...}})

    @rule(key=MINDS, importance=NUMBERS, content=CONTENTS)
    def update_memory(self, key: str, importance: float, content: Any) -> None:
        def call() -> None:
            self.store.memories.update(key, importance=importance, content=content)

        if not self.has(MEMORIES, key):
            return self.refused(call)
        is_text = isinstance(content, str)
        text = content if is_text else json.dumps(content, separators=(",", ":"))
        values = {"importance": importance, "content": text, "content_format": "text" if is_text else "json"}
        return self.own(call, self.changed(MEMORIES, key, **values))

    @rule(key=MINDS, back=st.booleans())
    def delete_softly(self, key: str, back: bool) -> None:
        call = (lambda: self.store.memories.restore(key)) if back else (lambda: self.store.memories.delete(key))
        if not self.has(MEMORIES, key):
            return self.refused(call)
        return self.own(call, self.changed(MEMORIES, key, deleted_at=None if back else ...))

    @rule(key=MINDS)
    def access(self, key: str) -> None:
        if not self.has(MEMORIES, key):
            return self.refused(lambda: self.store.memories.access(key))
        held = self.model.state["memory_entities", key]
        wanted = {**held, "access_count": held["access_count"] + 1, "last_accessed": ...}
        return self.own(lambda: self.store.memories.access(key), {("memory_entities", key): wanted})

    @rule(table=st.sampled_from([PERSONAS, MEMORIES, RELATIONSHIPS]), key=PEOPLE | MINDS | LINKS)
    def remove(self, table: Table, key: str) -> None:
        records = {PERSONAS: self.store.personas, MEMORIES: self.store.memories}.get(table, self.store.relationships)
        child = any(row.get("persona_id") == key for row in self.model.state.values())
        if not self.has(table, key) or (table is PERSONAS and child):
            return self.refused(lambda: records.remove(key))  # type: ignore[attr-defined]
        return self.own(lambda: records.remove(key), {(table.name, key): None})  # type: ignore[attr-defined]

    @rule(key=LINKS, ends=st.tuples(MINDS, MINDS | PEOPLE))
    def link(self, key: str, ends: tuple[str, str]) -> None:
        def call() -> None:
            self.store.relationships.create(id=key, from_id=ends[0], to_id=ends[1], type="t")

        there = all(self.has(PERSONAS, one) or self.has(MEMORIES, one) for one in ends)
        if self.has(RELATIONSHIPS, key) or not there:
            return self.refused(call)
        fresh = pjais.Relationship(key, *ends, "t", None, 0, {})
        return self.own(call, {("relationships", key): {**as_row(fresh), "created_at": ...}})

    @rule(key=PEOPLE)
    def activate(self, key: str) -> None:
        if not self.has(PERSONAS, key):
            return self.refused(lambda: self.store.personas.activate(key))
        held = self.model.state["personas", key]
        wanted: dict[Key, Row | None] = {
            one: {**row, "is_active": 0}
            for one, row in self.model.state.items()
            if one[0] == "personas" and row["is_active"]
        }
        wanted["personas", key] = {**held, "is_active": 1, "last_used": ..., "usage_count": held["usage_count"] + 1}
        return self.own(lambda: self.store.personas.activate(key), wanted)

    @rule(keys=st.lists(MINDS, min_size=2, max_size=4), importance=NUMBERS, fail=st.booleans())
    def several_at_once(self, keys: list[str], importance: float, fail: bool) -> None:
        def call() -> None:
            with self.store.transaction("several"):
                for key in there:
                    self.store.memories.update(key, importance=importance)
                if fail:
                    self.store.memories.need("nobody")

        there = [key for key in keys if self.has(MEMORIES, key)]
        if fail:
            return self.refused(call)
        wanted: dict[Key, Row | None] = {}
        for key in there:
            wanted |= self.changed(MEMORIES, key, importance=importance)
        return self.own(call, wanted)

    @rule(data=st.data(), table=st.sampled_from([PERSONAS, MEMORIES]), key=PEOPLE | MINDS)
    def restore_record(self, data: st.DataObject, table: Table, key: str) -> None:
        seq = data.draw(st.sampled_from(sorted(self.model.moments)))
        field = data.draw(st.none() | st.sampled_from(["name", "is_active" if table is PERSONAS else "content"]))

        def call() -> None:
            self.store.restore_record(table.name, key, seq, field=field)

        then = self.model.moments[seq].get((table.name, key))
        held = self.model.state.get((table.name, key))
        if then is None or (held is None and field is not None):
            return self.refused(call)
        columns = {"content": ("content", "content_format")}.get(field or "", (field,))
        wanted = {**then} if field is None else {**(held or {}), **{name: then[name] for name in columns if name}}
        if wanted.get("persona_id") is not None and not self.has(PERSONAS, wanted["persona_id"]):
            return self.refused(call)
        if held is not None:
            same = all(wanted[name] == held[name] for name in wanted if name != "updated_at")
            wanted["updated_at"] = held["updated_at"] if same else ...
        expected: dict[Key, Row | None] = {(table.name, key): wanted}
        if table is PERSONAS and wanted["is_active"] and not (held and held["is_active"]):
            for one, row in self.model.state.items():
                if one[0] == "personas" and row["is_active"]:
                    expected = {one: {**row, "is_active": 0}, **expected}
        return self.own(call, expected)

    # Undo and redo

    @rule(n=COUNTS)
    def undo(self, n: int) -> None:
        self._take_back(n, undo=True)

    @rule(n=COUNTS)
    def redo(self, n: int) -> None:
        self._take_back(n, undo=False)

    def _take_back(self, n: int, *, undo: bool) -> None:
        call = self.store.undo if undo else self.store.redo
        steps = list(reversed((self.model.done if undo else self.model.undone)[-n:]))
        outcome = self.model.taken_back(steps) if len(steps) == n else None
        if outcome is None:
            return self.refused(lambda: call(n))
        assert len(call(n)) == n
        return self.model.moved(*outcome, seq_of(self.store), undo=undo)

    # Other programs

    def others(self, sql: str, values: tuple[Any, ...], after: dict[Key, Row | None]) -> None:
        foreign(self.store, sql, *values)
        state = {**self.model.state}
        for key, row in after.items():
            if row is None:
                state.pop(key, None)
            else:
                state[key] = row
        self.model.others(state, frozenset(after), seq_of(self.store))

    @precondition(lambda self: self.FOREIGN)
    @rule(key=MINDS, owner=PEOPLE | st.none(), text=TEXTS, upsert=st.booleans())
    def replaced_by_another(self, key: str, owner: str | None, text: str, upsert: bool) -> None:
        fresh = pjais.Memory(key, owner, "t", text, text, None, [], 5, "cold", None, None, 0, 0, None, 0, 0, None, {})
        row = {**as_row(fresh), **HUMAN}
        held = self.model.state.get(("memory_entities", key))
        names, marks = ", ".join(row), ", ".join("?" * len(row))
        given = tuple("2025-01-10 12:30:00" if name == "created_at" else value for name, value in row.items())
        verb = "INSERT" if upsert else "INSERT OR REPLACE"
        tail = " ON CONFLICT (id) DO UPDATE SET summary = excluded.name" if upsert else ""
        sql = f"{verb} INTO memory_entities ({names}) VALUES ({marks}){tail}"
        after = row if held is None or not upsert else {**held, "summary": text}
        if owner is not None and not self.has(PERSONAS, owner) and not (upsert and held):
            with pytest.raises(another.Refused):
                foreign(self.store, sql, *given)
        elif upsert and after == held:
            self.others(sql, given, {})
        else:
            self.others(sql, given, {("memory_entities", key): after})

    @precondition(lambda self: self.FOREIGN)
    @rule(key=PEOPLE, active=st.sampled_from([0, 1]))
    def persona_changed_by_another(self, key: str, active: int) -> None:
        held = self.model.state.get(("personas", key))
        after: dict[Key, Row | None] = {}
        if held is not None and held["is_active"] != active:
            after = {("personas", key): {**held, "is_active": active}}
        self.others("UPDATE personas SET is_active = ? WHERE id = ?", (active, key), after)

    @precondition(lambda self: self.FOREIGN)
    @rule(key=MINDS)
    def deleted_by_another(self, key: str) -> None:
        after: dict[Key, Row | None] = {("memory_entities", key): None} if self.has(MEMORIES, key) else {}
        self.others("DELETE FROM memory_entities WHERE id = ?", (key,), after)

    @precondition(lambda self: self.FOREIGN)
    @rule(old=MINDS, new=MINDS)
    def renamed_by_another(self, old: str, new: str) -> None:
        held = self.model.state.get(("memory_entities", old))
        if held is None or self.has(MEMORIES, new):
            return
        after: dict[Key, Row | None] = {("memory_entities", old): None, ("memory_entities", new): {**held, "id": new}}
        self.others("UPDATE memory_entities SET id = ? WHERE id = ?", (new, old), after)

    @precondition(lambda self: self.FOREIGN)
    @rule(key=LINKS, ends=st.tuples(MINDS, MINDS))
    def linked_by_another(self, key: str, ends: tuple[str, str]) -> None:
        row = {**as_row(pjais.Relationship(key, *ends, "t", 0.5, None, {}))}
        sql = (
            "INSERT OR REPLACE INTO relationships (id, from_id, to_id, type, strength, created_at) VALUES (?,?,?,?,?,?)"
        )
        self.others(sql, (key, *ends, "t", 0.5, None), {("relationships", key): row})

    @rule()
    def vacuum(self) -> None:
        foreign(self.store, "VACUUM")

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = pjais.open(self.data)

    @rule(data=st.data(), key=MINDS)
    def look_back(self, data: st.DataObject, key: str) -> None:
        """A view that stays open, to be looked at again when more was written."""
        seq = data.draw(st.sampled_from(sorted(self.model.moments)))
        past = self.store.at(seq)
        held = past.memories.get(key)
        assert (None if held is None else as_row(held)) == self.model.moments[seq].get(("memory_entities", key))
        assert seen(past) == self.model.moments[seq]
        self.views.append(past)

    @invariant()
    def the_store_is_what_the_model_says(self) -> None:
        assert read(self.store) == self.model.state

    FOREIGN = True

    def teardown(self) -> None:
        try:
            self._look_at_everything()
            self._undo_everything()
        finally:
            for view in self.views:
                view.close()
            self.store.close()
        assert pjais.verify(self.data).passed
        self.folder.cleanup()

    def _look_at_everything(self) -> None:
        """Every change there is, by two ways; the states that the model knows; the views left open."""
        moments = dict(replayed(self.store, self.first))
        for seq, state in moments.items():
            with self.store.at(seq) as past:
                assert seen(past) == state, seq
                assert sum(past.counts().values()) == len(state)
        for seq, state in self.model.moments.items():
            assert moments.get(seq, self.first) == state, seq
        for view in self.views:
            assert seen(view) == self.model.moments[view.seq]
        for (table, key), row in self.first.items():
            if self.model.state.get((table, key)) != row:
                assert self.store.history(key, table)

    def _undo_everything(self) -> None:
        """Where nobody else wrote, undo leads to the first state, and redo back."""
        count = len(self.model.done)
        if count and not self.model.foreign:
            last = read(self.store)
            self.store.undo(count)
            assert read(self.store) == self.first
            self.store.redo(count)
            assert read(self.store) == last


class Alone(Machine):
    """The same life without other programs: everything can be undone."""

    FOREIGN = False


_USUAL: dict[str, Any] = {"deadline": None, "suppress_health_check": list(HealthCheck)}
TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=6, stateful_step_count=25, **_USUAL)
TestAlone = Alone.TestCase
TestAlone.settings = settings(max_examples=3, stateful_step_count=25, **_USUAL)


@pytest.mark.soak
@pytest.mark.parametrize("machine", [Machine, Alone])
def test_a_long_life(machine: type[Machine]) -> None:
    """The same, for minutes."""
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(machine, settings=settings(max_examples=400, stateful_step_count=50, **_USUAL))


def test_the_tables_of_the_machine_are_those_of_the_store() -> None:
    """`read` looks at the first four; the others are tested by example."""
    assert [table.name for table in TABLES[:4]] == ["personas", "memory_entities", "conversations", "relationships"]
    assert set(BY_NAME) == {table.name for table in TABLES}


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
