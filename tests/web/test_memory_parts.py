"""The parts under the views of memories: figures in the background, words that differ, files of records."""

from __future__ import annotations

import csv
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pjais.exchange import record_lists
from pjais.web import rendering
from pjais.web.figures import Figures
from pjais.web.memories import bulk, lists, word_diff


class _Store:
    """A store of which only the number of its last change is asked."""

    change = 1

    def last_change(self) -> int:
        return self.change


@pytest.fixture
def store() -> Any:
    return _Store()


def _figures(store: Any, told: list[int], **how: Any) -> Figures:
    @contextmanager
    def opened() -> Iterator[Any]:
        yield store

    return Figures(opened, lambda: told.append(1), **how)


def test_a_figure_is_of_now_or_said_to_be_of_before(store: Any) -> None:
    """And whoever was given less is told when the present one is there."""
    told: list[int] = []
    figures, go = _figures(store, told), threading.Event()
    slow = lambda held: go.wait(30) and held.change  # noqa: E731
    assert figures.ask(store, "a", slow, 0.01) is None
    go.set()
    assert figures.ask(store, "a", slow, 30) == (1, True)
    deadline = time.monotonic() + 30
    while not told and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(told) == 1
    store.change = 2
    go.clear()
    assert figures.ask(store, "a", slow, 0.01) == (1, False)
    go.set()
    assert figures.ask(store, "a", slow, 30) == (2, True)


def test_the_last_figure_that_was_asked_for_is_counted_first(store: Any) -> None:
    """And what waits beyond the last ones is dropped."""
    figures, go, order = _figures(store, [], waiting=3), threading.Event(), []
    counts: dict[str, Any] = {name: lambda _, name=name: order.append(name) for name in "abcd"}
    figures.ask(store, "first", lambda _: go.wait(30), 0.05)
    for name, count in counts.items():
        figures.ask(store, name, count, 0)
    go.set()
    figures.ask(store, "b", counts["b"], 30)
    assert sorted(order) == ["b", "c", "d"] and order[-2:] != ["c", "d"]


def test_a_figure_that_fails_is_none(store: Any) -> None:
    from pjais.errors import UsageError

    def fails(_: Any) -> int:
        raise UsageError("no")

    assert _figures(store, []).ask(store, "a", fails, 30) is None


@settings(deadline=None, max_examples=150)
@given(st.text(max_size=60), st.text(max_size=60))
def test_both_sides_of_a_comparison_are_the_whole_texts(before: str, after: str) -> None:
    old, new = word_diff.compare(before, after)
    assert ("".join(one.text for one in old), "".join(one.text for one in new)) == (before, after)
    same = ["".join(one.text for one in side if not one.differs) for side in (old, new)]
    assert same[0] == same[1]


def test_words_that_differ_are_marked() -> None:
    old, new = word_diff.compare("one short blasts. Yes", "one short blast, never. Yes")
    assert [one.text for one in old if one.differs] == ["blasts"]
    assert "".join(one.text for one in new if one.differs) == "blast, never"


def test_very_long_texts_are_compared_soon() -> None:
    began = time.process_time()
    word_diff.compare("a b " * 30_000, "b a c " * 30_000)
    word_diff.compare("a b " * 900, "b a c " * 900)
    assert time.process_time() - began < 10


@settings(deadline=None, max_examples=100)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12), max_size=5))
def test_tags_are_read_from_a_field_as_they_were_written(tags: list[str]) -> None:
    """A comma, a quote or a line end in a tag is part of it."""
    kept = list(dict.fromkeys(tag.strip() for tag in tags if tag.strip() and "\r" not in tag and "\n" not in tag))
    assert lists.tags_of(rendering.joined(kept)) == kept


_RECORDS: list[dict[str, Any]] = [
    {"id": "m1", "name": 'a, "b"\nc', "content": {"x": [1, "=1+1"]}, "tags": ["t"], "importance": 0, "extra": None},
    {"id": "m2", "name": None, "content": "=SUM(A1)", "tags": [], "importance": 50, "extra": {"k": True}},
]


def test_files_of_records_hold_every_value_as_it_is() -> None:
    names = list(_RECORDS[0])
    rows = list(csv.DictReader("".join(record_lists.written("csv", names, _RECORDS)).splitlines(keepends=True)))
    assert [one["name"] for one in rows] == ['a, "b"\nc', ""]
    assert json.loads(rows[0]["content"]) == _RECORDS[0]["content"] and rows[1]["content"] == "=SUM(A1)"
    told = json.loads("".join(record_lists.written("json", names, _RECORDS)))
    assert told == {"code": "done", "records": _RECORDS, "count": 2}
    assert json.loads("".join(record_lists.written("json", names, [])))["count"] == 0
    assert '\n## a, "b" c\n\n```json\n' in "".join(record_lists.written("markdown", names, _RECORDS))


def test_the_query_of_a_list_is_what_bulk_changes_select() -> None:
    found = bulk.of_query("?q=tea&tag=a,b&tier=hot&least=30&deleted=true")
    assert found == ("tea", {"tier": "hot", "tags": ["a", "b"], "importance": (30.0, None), "deleted": True})
    assert bulk.of_query("") == ("", {})


@pytest.mark.parametrize("back", ["", "//evil.example", "/\\evil.example", "https://evil.example", "memories"])
def test_a_form_leads_back_to_this_page_alone(back: str) -> None:
    assert bulk.back_of({"back": back}, "/memories") == "/memories"
