"""Promise 5: from a migrated record the original document can be rebuilt, for every kind."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pjais import canonical, sqlite
from pjais.core import validate
from pjais.core.document import Document
from pjais.core.own_files import APP
from pjais.models.persona import mappings
from pjais.models.persona.model import MODEL
from pjais.targets.sqlite import ddl
from strategies import COLLECTIONS, documents, examples, json_values, texts


def through_the_target(record: Any) -> Any:
    """The record as it comes back from SQLite."""
    table = MODEL.table_of(record)
    db = sqlite.Connection(":memory:")
    db.execute(ddl.create_tables(MODEL))
    marks = ", ".join("?" * len(table.columns))
    db.execute(f"INSERT INTO {table.name} ({', '.join(table.column_names)}) VALUES ({marks})", table.to_row(record))
    (row,) = sqlite.fetch(db, f"SELECT {', '.join(table.column_names)} FROM {table.name}")
    assert canonical.digest(row) == table.digest(table.to_row(record))
    return table.to_record(row)


LAWFUL = [one for one in COLLECTIONS if one[0] != APP]
"""A document of an AI app's file is of our own making: the app's object is beside it, and has the law of its kind."""


@pytest.mark.parametrize(("dialect", "collection"), LAWFUL, ids=lambda value: str(value))
@settings(max_examples=examples(60), deadline=None)
@given(data=st.data())
def test_rebuild_gives_the_document_again(dialect: str, collection: str, data: st.DataObject) -> None:
    """rebuild(normalise(doc)) == doc, to the last bit and type, also after a trip through SQLite."""
    mapping = MODEL.mapping(dialect, collection)
    value = data.draw(documents(dialect, mapping))
    document = Document(collection, str(value["id"]), "here", value)
    draft = MODEL.reader(dialect, collection).read(document)
    if not validate.valid(validate.check(draft)):
        return
    assert canonical.same(MODEL.rebuild(dialect, collection, draft.record), value)
    stored = through_the_target(draft.record)
    assert canonical.same(MODEL.rebuild(dialect, collection, stored), value)


@settings(max_examples=examples(200), deadline=None)
@given(collection=texts.filter(bool), value=json_values)
def test_a_document_of_an_unknown_collection_is_carried_whole(collection: str, value: Any) -> None:
    """Other records lose nothing either."""
    draft = MODEL.reader("json", collection).read(Document(collection, None, "byte 1", value))
    if collection not in mappings.MAPPINGS["json"]:
        assert canonical.same(MODEL.rebuild("json", collection, draft.record), value)
        assert canonical.same(MODEL.rebuild("json", collection, through_the_target(draft.record)), value)


@settings(max_examples=examples(300), deadline=None)
@given(value=json_values | st.binary())
def test_canonical_json_round_trips_every_value(value: Any) -> None:
    """NaN, infinities, bytes, lone surrogates, big integers, and dicts that look like our tags."""
    assert canonical.same(canonical.loads(canonical.dumps(value)), value)
    assert canonical.dumps(value).encode("utf-8")


@pytest.mark.parametrize(
    "value", [{"$bytes": "eA=="}, {"$number": "NaN"}, {"$$number": 1}, [{"$bytes": {"$bytes": 1}}]]
)
def test_what_looks_like_a_tag_is_kept_apart(value: Any) -> None:
    """A user's own {"$bytes": ...} is not mistaken for bytes."""
    assert canonical.same(canonical.loads(canonical.dumps(value)), value)


def test_the_digest_of_a_row_is_the_same_for_ever() -> None:
    """Every store holds digests: an encoder that writes a number in another form would make each of them wrong."""
    row = ("a", "é茶\u0001", None, 0, -(2**63), 0.1, -0.0, 1e15, 1e16, 1.5e300, 1e-5, 5e-324)
    assert canonical.digest(row).hex() == "eb404f00253df2b19d4d739fa92d58cf834e5ce9d78ec8bac7aa3f80de357b97"
