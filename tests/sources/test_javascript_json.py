"""JSON text as JavaScript reads it: its numbers, and any depth."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pjais import tagged
from pjais.sources.indexeddb.libraries import javascript_json
from strategies import examples


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)


NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(st.none() | st.booleans() | NUMBERS | st.text(), nested)


@settings(max_examples=examples(100), deadline=None)
@given(JSON, st.sampled_from([None, 1]), st.booleans())
def test_json_of_any_depth_is_read_alike(value: Any, indent: int | None, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    found = javascript_json.parse("[" * 5000 + text + "]" * 5000)
    for _ in range(5000):
        (found,) = found
    assert tagged.dumps(found) == tagged.dumps(javascript_json.parse(text))


@pytest.mark.parametrize(
    "end", ["", "]" * 4999, "]" * 5001, "1}", '"a', ",]", '{"a"', '{"a":1,}', "{1:2}", "nul", "NaN"]
)
def test_text_that_is_no_json_is_refused_at_any_depth(end: str) -> None:
    with pytest.raises(ValueError):
        javascript_json.parse("[" * 5000 + end)


@pytest.mark.parametrize(
    ("text", "value"), [("1.0", 1), ("-0", -0.0), ("1e2", 100), ("1e400", float("inf")), ("9007199254740993", 2**53)]
)
def test_numbers_are_javascripts(text: str, value: float) -> None:
    assert tagged.dumps(javascript_json.parse(text)) == tagged.dumps(value)
