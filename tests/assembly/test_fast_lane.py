"""The fast lane makes of a document what the rules make of it, or leaves it to them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pjais import instants, models
from pjais.assembly.assemble import items
from pjais.assembly.normalise import Choices, Normaliser
from pjais.core import fast_lane as module
from pjais.core import validate
from pjais.core.document import Document
from pjais.core.fast_lane import FastLane, fast_lane
from pjais.core.mapping import Fields, Instant
from pjais.core.rules import Id, Items, Number, Object, Reference, Rule, Texts, Truth, Vector
from pjais.core.snapshot import Snapshot
from pjais.errors import PjaisError
from pjais.models.persona.model import MODEL
from pjais.sources import backup
from pjais.sources.detect import detect
from pjais.sources.registry import read
from pjais.targets.sqlite.entries import entry
from strategies import COLLECTIONS, documents, examples, json_values, texts

GOLDEN = Path(__file__).parents[1] / "golden"
FOLDERS = sorted(one for kind in GOLDEN.iterdir() for one in kind.iterdir() if one.is_dir())


def agree(mapping: Fields, document: Document) -> bool:
    """Compare both ways for one document; return whether the fast lane took it."""
    lane = fast_lane(mapping)
    made = None if lane is None else lane.row(document)
    if made is None:
        return False
    draft = mapping.read(document)
    problems = validate.check(draft)
    row = mapping.table.to_row(draft.record)
    assert repr(made) == repr((row, mapping.table.digest(row), problems))  # 1 is not 1.0
    assert validate.valid(problems)
    assert not draft.removed
    return True


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda one: f"{one.parent.name}-{one.name}")
def test_every_golden_document_gets_the_row_that_the_rules_make(folder: Path, tmp_path: Path) -> None:
    model = models.extended(MODEL, ())
    for snapshot in _snapshots(folder, tmp_path):
        normaliser = Normaliser(model, snapshot, Choices())
        for piece in read(snapshot, _password(folder)):
            quick = normaliser.quickly(piece)
            if quick is None:
                continue
            reading = normaliser.read(piece)
            assert not isinstance(reading, Document)
            assert isinstance(piece, Document)
            assert not reading.removed
            assert quick == (entry(model, piece, reading.record), reading.problems)


def _password(folder: Path) -> str | None:
    expected = folder / "expected.json"
    password = json.loads(expected.read_bytes()).get("password") if expected.is_file() else None
    return None if password is None else str(password)


def _snapshots(folder: Path, copy: Path) -> Iterator[Snapshot]:
    for number, ref in enumerate(detect([folder], named=True).sources):
        try:
            yield from backup.snapshot_all(copy / str(number), [ref], at_ms=0)
        except PjaisError:
            continue  # damage that its own test is about


def test_ordinary_documents_take_it() -> None:
    for mapping, value in _ordinary():
        assert agree(mapping, Document("memories", "m1", "byte 0", value)), value


def _ordinary() -> Iterator[tuple[Fields, dict[str, Any]]]:
    memory = {"id": "m1", "personaId": "p1", "type": "text", "name": "Tea", "content": "茶 at 5", "tags": ["a", "b"]}
    dated = {"createdAt": "2025-01-01T00:00:00.000Z", "updatedAt": "2025-02-28T23:59:59.999Z"}
    for dialect in ("json", "rxdb-profile"):
        mapping = MODEL.reader(dialect, "memories")
        assert isinstance(mapping, Fields)
        yield mapping, {**memory, **dated}
        yield mapping, {**memory, **dated, "importance": 0, "accessCount": 0, "memoryTier": "hot"}
        yield mapping, {**memory, **dated, "summary": None, "lastAccessed": None, "embedding": [0.25, 1, -3.5e-7]}
        yield mapping, {**memory, **dated, "unknown": {"deep": [None, 1.0]}, "$odd": "x", "importance": 0.5}
        yield mapping, memory
    rows = MODEL.reader("livestore-db", "memory_entities")
    assert isinstance(rows, Fields)
    yield rows, {**memory, "tags": '["a","b"]', "createdAt": 1735689600000, "updatedAt": 1735689600001}
    flat = MODEL.reader("pjais-flat", "memory_entities")
    assert isinstance(flat, Fields)
    yield flat, {"id": "m1", "persona_id": "p1", "tags": "[]", "created_at": "2025-01-01 00:00:00", "content": "x"}


@pytest.mark.parametrize(("dialect", "collection"), COLLECTIONS)
def test_documents_of_any_shape_get_the_row_that_the_rules_make(dialect: str, collection: str) -> None:
    mapping = MODEL.mapping(dialect, collection)
    assert isinstance(mapping, Fields)

    @settings(max_examples=examples(100), deadline=None)
    @given(documents(dialect, mapping) | _usual(mapping))
    def prop(value: dict[str, Any]) -> None:
        agree(mapping, Document(collection, str(value.get("id")), "byte 0", value))

    prop()


def _usual(mapping: Fields) -> st.SearchStrategy[dict[str, Any]]:
    """Documents with some of the fields, each as its kind usually writes it, and now and then something else."""
    kinds = {one.usual_key(False): _usual_value(mapping, one.rule) for one in mapping.fields}
    required = {key: value for key, value in kinds.items() if key == "id"}
    rest = {key: value for key, value in kinds.items() if key != "id"}
    known = st.fixed_dictionaries(required, optional=rest)
    more = st.dictionaries(texts | st.sampled_from(["_deleted", "$original", "$x"]), json_values, max_size=2)
    return st.builds(lambda document, other: {**document, **other}, known, st.just({}) | more)


def _usual_value(mapping: Fields, rule: Rule) -> st.SearchStrategy[Any]:
    ordinary: st.SearchStrategy[Any] = texts | st.just("") | st.none()
    if isinstance(rule, Instant):
        seconds = st.integers(-(10**11), 10**11)
        forms = {
            "ms": st.integers(-instants.LIMIT_MS, instants.LIMIT_MS),
            "sql": seconds.map(lambda one: instants.to_sqlite_text(one * 1000)),
            "iso": st.integers(-(10**14), 10**14).map(instants.to_text),
        }
        return forms[mapping.dates] | forms["iso"] | st.none()
    if isinstance(rule, Id | Reference):
        return st.text(min_size=1, max_size=4) | st.integers(0, 3)
    if isinstance(rule, Number):
        return st.integers(-2, 200) | st.floats(-1, 200) | st.none()
    if isinstance(rule, Truth):
        return st.booleans() | st.sampled_from([0, 1])
    if isinstance(rule, Vector):
        return st.lists(st.floats(allow_nan=False) | st.integers(), max_size=3) | st.just("[0.5,1]") | st.none()
    if isinstance(rule, Items | Texts):
        return st.lists(texts, max_size=3) | st.sampled_from(["[]", '["a"]', '[ "a" ]'])
    if isinstance(rule, Object):
        return st.dictionaries(texts, json_values, max_size=2) | st.sampled_from(['{"a":1}', '{"a": 1}'])
    return ordinary | st.sampled_from(["hot", '"text"', "H4sIxyz", "{}"])


def test_a_lone_surrogate_goes_through_the_rules() -> None:
    mapping = MODEL.reader("json", "memories")
    assert isinstance(mapping, Fields)
    value = {"id": "m1", "personaId": "p1", "type": "text", "content": "cut \ud83d"}
    assert not agree(mapping, Document("memories", "m1", "byte 0", value))


def test_shapes_beyond_the_limit_are_worked_out_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LIMIT", 2)
    mapping = MODEL.reader("json", "memories")
    assert isinstance(mapping, Fields)
    lane = FastLane(mapping)
    for number in [*range(5), *range(5)]:
        value = {"id": "m1", "content": "x", "type": "text", **{f"k{n}": n for n in range(number)}}
        assert lane.row(Document("memories", "m1", "byte 0", value)) is not None


def test_choices_that_change_records_go_through_the_rules(tmp_path: Path) -> None:
    """Content in the cold form is expanded on request, which no row of the fast lane would be."""
    snapshot = Snapshot("json", "json", "data.json", "data.json", tmp_path / "data.json", (), tmp_path)
    piece = Document("memories", "m1", "byte 0", {"id": "m1", "type": "text", "content": "x"})
    assert Normaliser(MODEL, snapshot, Choices()).quickly(piece) is not None
    assert Normaliser(MODEL, snapshot, Choices(expand_cold=True)).quickly(piece) is None
    assert len(list(items(MODEL, snapshot, Choices(expand_cold=True), [piece]))) == 1
