"""JSON of other programs: the fast parser and encoder are only used where they give what the exact ones give."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pjais import canonical
from strategies import examples, json_values

DIFFERENT = [
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775809",
    '{"a":{"b":[1,[12345678901234567890123]]}}',
    '{"a":"\\ud83d"}',
    "1e400",
    "-0",
    "-0.0",
    "1e22",
    "0.00001",
    "1" * 5000,
    "NaN",
    '{"a":1,"b":2,"a":3}',
    "[" * 300 + "]" * 300,
    "[" * 1010 + "]" * 1010,
    "[" * 5000 + "]" * 5000,
    '"\ud83d"',
    '"\\u0000\x7f\u2028"',
    '"\t"',
    "\ufeff[]",
    "[1,]",
    "",
]
"""Texts that the two parsers may read differently, or only one of them at all."""


def outcome(parse: Callable[[str], Any], text: str) -> tuple[Any, bool]:
    """The value as Python writes it, which tells 1 from 1.0; and whether there is one."""
    try:
        return repr(parse(text)), True
    except (ValueError, RecursionError):
        return None, False


def no_constant(name: str) -> Any:
    raise ValueError(name)


@pytest.mark.parametrize("text", DIFFERENT, ids=lambda text: ascii(text)[:30])
def test_a_text_is_parsed_as_the_standard_library_does(text: str) -> None:
    """Also one that the fast parser reads otherwise, or not at all."""
    assert outcome(canonical.loads_plain, text) == outcome(json.JSONDecoder().decode, text)
    assert outcome(canonical.loads_strict, text) == outcome(json.JSONDecoder(parse_constant=no_constant).decode, text)


@settings(max_examples=examples(300), deadline=None)
@given(value=json_values, ensure_ascii=st.booleans())
def test_any_value_is_parsed_and_written_as_the_standard_library_does(value: Any, ensure_ascii: bool) -> None:
    """Numbers of any size, half characters, NaN."""
    text = json.dumps(value, ensure_ascii=ensure_ascii)
    assert outcome(canonical.loads_plain, text) == outcome(json.JSONDecoder().decode, text)
    assert outcome(canonical.loads_strict, text) == outcome(json.JSONDecoder(parse_constant=no_constant).decode, text)


@settings(max_examples=examples(300), deadline=None)
@given(value=st.recursive(st.text() | st.integers() | st.floats(allow_nan=False, allow_infinity=False), st.lists))
def test_a_text_or_list_is_written_as_the_standard_library_does(value: Any) -> None:
    """Exponents, control characters, integers beyond 64 bits."""
    assert canonical.dumps_plain(value) == json.dumps(value, ensure_ascii=False, separators=(",", ":"))
