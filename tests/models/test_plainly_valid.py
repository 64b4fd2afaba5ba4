"""A record that is plainly valid is one that Pydantic allows; what is not plain, Pydantic decides."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field, TypeAdapter, ValidationError

from pjais.core import declare as a
from pjais.core import validate
from pjais.models.persona.records import Memory
from pjais.models.persona.tables import TABLES

TEXTS = st.one_of(st.text(max_size=5), st.sampled_from(["\ud800", "a\udfffb", "é", ""]))
NUMBERS = st.one_of(st.integers(), st.floats(), st.booleans(), st.just(1 << 70))
KEYS = st.one_of(TEXTS, st.integers(), st.none())
SIMPLE = st.one_of(st.none(), TEXTS, NUMBERS, st.binary(max_size=2))
VALUES = st.one_of(
    SIMPLE, st.lists(SIMPLE, max_size=3), st.lists(TEXTS, max_size=3), st.dictionaries(KEYS, SIMPLE, max_size=2)
)
USUAL: dict[type[Any], st.SearchStrategy[Any]] = {
    str: TEXTS,
    int: st.integers(),
    float: st.floats(),
    bool: st.booleans(),
    list: st.lists(TEXTS, max_size=2),
    dict: st.just({}),
}
MEMORY = Memory(
    "m", None, "text", "é", 1, None, ["a"], 50, "active", [1, 0.5], None, 0, 0, None, 1, None, None, {"a": 1}
)


def is_allowed(record: Any) -> bool:
    """Ask Pydantic alone."""
    try:
        TypeAdapter(type(record)).validate_python(record, strict=True)
    except ValidationError:
        return False
    return True


@given(data=st.data(), number=st.integers(0, len(TABLES) - 1))
@settings(deadline=None, max_examples=300)
def test_what_is_plainly_valid_is_allowed(data: st.DataObject, number: int) -> None:
    """Most fields have a value of one of their types, some have any."""
    record = TABLES[number].record
    forms = validate.forms_of(record)
    assert forms is not None
    values = []
    for form in forms:
        usual = [USUAL.get(kind, st.none()) for kind in (form[0] if form else ())]
        values.append(data.draw(st.one_of(*usual, VALUES) if usual else VALUES))
    made = record(*values)
    if validate.is_plainly_valid(made):
        assert is_allowed(made)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", 7),
        ("importance", True),
        ("access_count", 1.0),
        ("tags", ("a",)),
        ("embedding", [1, True]),
        ("extra", {1: "a"}),
        ("deleted_at", "2024"),
    ],
)
def test_what_pydantic_refuses_is_not_plainly_valid(field: str, value: Any) -> None:
    assert validate.is_plainly_valid(MEMORY)
    changed = MEMORY._replace(**{field: value})
    assert not validate.is_plainly_valid(changed)
    assert not is_allowed(changed)


def test_half_a_character_is_left_to_pydantic() -> None:
    """Its versions differ about it."""
    assert not validate.is_plainly_valid(MEMORY._replace(name="half \ud800"))
    assert not validate.is_plainly_valid(MEMORY._replace(tags=["a", "\udc00"]))
    assert not validate.is_plainly_valid(MEMORY._replace(extra={"\ud800": 1}))


class Limited(NamedTuple):
    """A record of a plug-in with a rule of Pydantic's own."""

    id: Annotated[str, a.key()]
    size: Annotated[int, Field(ge=0)]


def test_a_rule_of_pydantic_s_own_is_left_to_it() -> None:
    assert not validate.is_plainly_valid(Limited("a", 1))
    assert not is_allowed(Limited("a", -1))
