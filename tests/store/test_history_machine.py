"""A store's random life against a model in memory: now, at every moment before, and through undo and redo."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from history_model import Key, Model, Row
from history_world import as_row, foreign, migrated, read, replayed, seen, seq_of
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import another
import pjais
from pjais.core.table import Table
from pjais.errors import PjaisError
from pjais.models.persona.model import MODEL
from pjais.models.persona.tables import MEMORIES, PERSONAS, RELATIONSHIPS, TABLES
from pjais.persona.as_of import Past

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
        fresh = pjais.Memory(
            key, owner, "text", "", content, None, [], importance, "active", None, None, 0, 0, None, 0, 0, None, {}
        )
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
_QUICK: dict[str, Any] = {**_USUAL, "phases": [one for one in Phase if one not in (Phase.shrink, Phase.explain)]}
"""Shrinking takes minutes; `make soak` does it."""
TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=6, stateful_step_count=25, **_QUICK)
TestAlone = Alone.TestCase
TestAlone.settings = settings(max_examples=3, stateful_step_count=25, **_QUICK)


@pytest.mark.soak
@pytest.mark.parametrize("machine", [Machine, Alone])
def test_a_long_life(machine: type[Machine]) -> None:
    """The same, for minutes."""
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(machine, settings=settings(max_examples=400, stateful_step_count=50, **_USUAL))


def test_the_tables_of_the_machine_are_those_of_the_store() -> None:
    """`read` looks at the first four; the others are tested by example."""
    assert [table.name for table in TABLES[:4]] == ["personas", "memory_entities", "conversations", "relationships"]
    assert set(MODEL.by_name) == {table.name for table in TABLES}
