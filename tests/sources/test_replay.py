"""Replay: any number of events forward and back gives what a fresh replay gives; what is written comes back."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pjais import canonical, sqlite
from pjais.core import validate
from pjais.core.document import Document
from pjais.core.events import Column, Event, Insert, Operation, Undecodable
from pjais.models.persona import events, livestore
from pjais.models.persona.model import MODEL
from pjais.models.persona.records import Record
from pjais.sources.livestore.replay import Replay, Row
from pjais.targets.livestore import log_proof, writer
from pjais.targets.sqlite import ddl
from strategies import COLLECTIONS, documents, examples, json_values, texts

ONE_EVENT = tuple[str, dict[str, Any]]
KEYS = ["a", "b", "ключ", "half \ud83d", "cut\0off"]
TEXTS = st.sampled_from(
    ["", "a", "wörter\u2028", "🌊", "a\0b", "half \ud83d", "\udc4b other", "'; DROP TABLE personas;--"]
)
NUMBERS = st.sampled_from([0, 1, -1, 50, 2**53 - 1, -(2**53) + 1, 0.5, 1e-7, 1.5e300])
DATES = st.sampled_from([0, -1, 1714555800250, -8_640_000_000_000_000, 8_640_000_000_000_000])
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "text": TEXTS,
    "json": JSON,
    "boolean": st.booleans(),
    "real": NUMBERS,
    "integer": DATES,
    "date": DATES,
}
MESSAGES = st.builds(
    lambda content, at: {"id": "m", "role": "user", "content": content, **at},
    JSON,
    st.sampled_from([{}, {"timestamp": 1714555800250}, {"timestamp": 0.5}, {"timestamp": None}, {"timestamp": 3.0}]),
)


def values_of(column: Column) -> st.SearchStrategy[Any]:
    """What a column or an argument may hold."""
    if column.name in ("tags", "topics"):
        return st.lists(TEXTS, max_size=2)
    return st.lists(MESSAGES, max_size=1) if column.name == "messages" else VALUES[column.form]


@st.composite
def args_of(draw: st.DrawFn, event: Event) -> dict[str, Any]:
    """Arguments of an event: those that must be there, and any of the others, or null."""
    args: dict[str, Any] = {}
    for one in event.args:
        if one.name in ("id", "key", "conversationId"):
            args[one.name] = draw(st.sampled_from(KEYS))
        elif one.name == "updates":
            table = livestore.BY_NAME[event.effects[0].table.name]
            named = draw(st.lists(st.sampled_from(table.columns), max_size=3, unique_by=lambda one: one.name))
            args["updates"] = {column.name: draw(_or_null(column)) for column in named}
        elif one.name == "message":
            args["message"] = draw(MESSAGES | JSON)
        elif not one.null or draw(st.booleans()):
            args[one.name] = draw(_or_null(one))
    return args


def _or_null(column: Column) -> st.SearchStrategy[Any]:
    return values_of(column) | st.none() if column.null else values_of(column)


@st.composite
def histories(draw: st.DrawFn) -> list[ONE_EVENT]:
    """Events of every kind, those that make rows more often than the others."""
    makes = [one for one in events.EVENTS if one.effects and isinstance(one.effects[0], Insert)]
    kinds = draw(st.lists(st.sampled_from(makes) | st.sampled_from(events.EVENTS), max_size=14))
    return [(one.name, draw(args_of(one))) for one in kinds]


@contextmanager
def replay(*, undoable: bool = False) -> Iterator[Replay]:
    with tempfile.TemporaryDirectory() as folder, closing(Replay(Path(folder) / "r.db", undoable=undoable)) as made:
        yield made


def through_json(args: dict[str, Any]) -> Any:
    """Arguments as a log gives them."""
    return json.loads(json.dumps(args))


def operations(history: list[ONE_EVENT]) -> list[tuple[Operation, ...]]:
    """What those events do that can be decoded."""
    done = []
    for name, args in history:
        try:
            done.append(events.SCHEMA.decode(name, through_json(args)))
        except Undecodable:
            continue
    return done


def fresh(steps: list[tuple[Operation, ...]]) -> dict[str, list[Row]]:
    with replay() as made:
        for one in steps:
            made.apply(one)
        return made.dump()


@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(history=histories(), data=st.data())
def test_forward_and_back_is_a_fresh_replay_up_to_there(history: list[ONE_EVENT], data: st.DataObject) -> None:
    """To any event, back to any before it, and forward again."""
    steps = operations(history)
    there = data.draw(st.integers(0, len(steps)), label="there")
    back = data.draw(st.integers(0, there), label="back")
    with replay(undoable=True) as made:
        for one in steps[:there]:
            made.apply(one)
        assert made.dump() == fresh(steps[:there])
        while made.step > back:
            made.undo()
        assert made.dump() == fresh(steps[:back])
        for one in steps[back:]:
            made.apply(one)
        assert made.dump() == fresh(steps)


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(history=histories())
def test_undoing_everything_leaves_nothing(history: list[ONE_EVENT]) -> None:
    """No row, no kept text, no memory of how to undo."""
    steps = operations(history)
    with replay(undoable=True) as made:
        for one in steps:
            made.apply(one)
        while made.step:
            made.undo()
        assert set(made.counts().values()) == {0}
        assert made.query("SELECT count(*) FROM undo") == [(0,)]
        assert made.exact == {}


def test_a_row_that_comes_again_is_new_whatever_its_key_once_held() -> None:
    """Half a character lay beside the row; it went with it."""
    with replay() as made:
        for name, args in [
            ("v1.PersonaImported", {"id": "p", "name": "half \ud83d"}),
            ("v1.PersonaRemoved", {"id": "p"}),
            ("v1.PersonaImported", {"id": "p", "name": "whole"}),
        ]:
            made.apply(events.SCHEMA.decode(name, args))
        assert [row["name"] for row in made.rows(livestore.PERSONAS)] == ["whole"]


def test_a_message_for_something_that_is_no_list_changes_nothing() -> None:
    """As SQLite's `json_insert` does, which LiveStore's own materializer calls."""
    with replay() as made:
        for name, args in [
            ("v1.ConversationImported", {"id": "c", "messages": {"not": "a list"}}),
            ("v1.MessageAdded", {"conversationId": "c", "message": {"id": "m"}}),
        ]:
            made.apply(events.SCHEMA.decode(name, args))
        assert [row["messages"] for row in made.rows(livestore.CONVERSATIONS)] == ['{"not":"a list"}']


@contextmanager
def store_of(record: Record, *more: str) -> Iterator[sqlite.Connection]:
    """A store of ours with one record, and `more` than the tables."""
    with closing(sqlite.Connection(":memory:")) as db:
        for sql in (ddl.create_tables(MODEL), *more, "PRAGMA foreign_keys = OFF"):
            db.execute(sql)
        put(db, record)
        yield db


def put(db: sqlite.Connection, record: Record) -> None:
    table = MODEL.table_of(record)
    names = ", ".join(table.column_names)
    marks = ", ".join("?" * len(table.columns))
    db.execute(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", table.to_row(record))


def row_of(record: Record) -> tuple[Any, ...]:
    return MODEL.table_of(record).to_row(record)


def replayed(made: Replay, written: Iterator[writer.NewEvent]) -> None:
    for one in written:
        made.apply(events.SCHEMA.decode(one.name, json.loads(one.args)))


def records_of(made: Replay) -> list[Record]:
    return [log_proof.record_of(MODEL, table, row) for table in livestore.TABLES for row in made.rows(table)]


def drafts(data: st.DataObject, dialect: str, collection: str) -> Record | None:
    value = data.draw(documents(dialect, MODEL.mapping(dialect, collection)))
    draft = MODEL.reader(dialect, collection).read(Document(collection, str(value["id"]), "here", value))
    return draft.record if validate.valid(validate.check(draft)) else None


@pytest.mark.parametrize(("dialect", "collection"), COLLECTIONS, ids=lambda value: str(value))
@settings(max_examples=examples(12), deadline=None)
@given(data=st.data())
def test_a_record_written_as_an_event_is_that_record_again(dialect: str, collection: str, data: st.DataObject) -> None:
    """records -> events -> replay -> records, to the last bit and type, for records out of every kind of source."""
    record = drafts(data, dialect, collection)
    if record is None:
        return
    with store_of(record) as db, replay() as made:
        replayed(made, writer.imports(db, MODEL, {}))
        (again,) = records_of(made)
        assert canonical.same(row_of(again), row_of(record))


@settings(max_examples=examples(100), deadline=None)
@given(collection=texts.filter(bool), value=json_values)
def test_a_document_of_an_unknown_collection_written_as_an_event_is_that_document_again(
    collection: str, value: Any
) -> None:
    """NaN, bytes and all."""
    draft = MODEL.reader("json", collection).read(Document(collection, None, "byte 1", value))
    with store_of(draft.record) as db, replay() as made:
        replayed(made, writer.imports(db, MODEL, {}))
        (again,) = records_of(made)
        assert canonical.same(row_of(again), row_of(draft.record))


@pytest.mark.parametrize(("dialect", "collection"), [one for one in COLLECTIONS if one[0] == "json"])
@settings(max_examples=examples(20), deadline=None)
@given(data=st.data())
def test_what_changed_later_is_written_so_that_the_record_is_the_new_one(
    dialect: str, collection: str, data: st.DataObject
) -> None:
    """An update says all that changed, also what is no longer there; a removal leaves nothing."""
    before, after = drafts(data, dialect, collection), drafts(data, dialect, collection)
    if before is None or after is None:
        return
    after = after._replace(id=before.id)
    table = MODEL.table_of(before)
    with store_of(before, ddl.search_indexes(MODEL), ddl.create_triggers(MODEL)) as db, replay() as made:
        replayed(made, writer.imports(db, MODEL, {}))
        mark = int(sqlite.value(db, "SELECT max(seq) FROM changes"))
        sets = ", ".join(f"{name} = ?" for name in table.column_names)
        db.execute(f"UPDATE {table.name} SET {sets}", table.to_row(after))
        stored = sqlite.fetch(db, f"SELECT {', '.join(table.column_names)} FROM {table.name}")
        replayed(made, writer.later(db, MODEL, mark, {}))
        (again,) = records_of(made)
        assert canonical.same(row_of(again), stored[0])
        mark = int(sqlite.value(db, "SELECT max(seq) FROM changes"))
        db.execute(f"DELETE FROM {table.name}")
        replayed(made, writer.later(db, MODEL, mark, {}))
        assert records_of(made) == []
