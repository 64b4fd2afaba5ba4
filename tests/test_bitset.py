"""A set of row numbers is what a set of Python is, also for ranges."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from pjais.bitset import Bitset

RANGES = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 40)), max_size=8)


@settings(deadline=None)
@given(RANGES, RANGES)
def test_ranges_are_what_their_numbers_are(added: list[tuple[int, int]], asked: list[tuple[int, int]]) -> None:
    bits, plain = Bitset(), set[int]()
    for first, more in added:
        bits.add_range(first, first + more)
        plain.update(range(first, first + more + 1))
    assert [number in bits for number in range(400)] == [number in plain for number in range(400)]
    for first, more in asked:
        assert bits.has_any(first, first + more) == bool(plain & set(range(first, first + more + 1)))
