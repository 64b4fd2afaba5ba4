"""Lists of many memories: filters, counts by group, order numbers, undo of one operation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import pjais
from pjais.errors import UsageError
from pjais.models.persona.records import Memory
from pjais.persona import narrowing
from pjais.persona.store import Store
from world import memory, persona, write_json


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    memories = [
        memory(
            f"m{number}",
            "p1" if number % 2 else "p2",
            name=f"Name {number:02}",
            content="green tea" if number % 3 else "☕ coffee",
            type="fact" if number % 2 else "event",
            memoryTier=("hot", "active", "warm", "cold")[number % 4],
            importance=number,
            tags=["tea", f"t{number}"] if number % 3 else ["green tea"],
        )
        for number in range(20)
    ]
    write_json(tmp_path, personas=[persona("p1"), persona("p2")], memories=memories)
    pjais.migrate(tmp_path)
    with pjais.open(tmp_path) as opened:
        yield opened


def ids(found: Sequence[Memory]) -> set[str]:
    return {one.id for one in found}


@pytest.mark.parametrize("few", [0, 5_000])
def test_few_are_found_first_and_the_same(store: Store, monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    """Whatever plan is taken, the list is that of a look at each memory."""
    monkeypatch.setattr(narrowing, "FEW", few)
    monkeypatch.setattr(narrowing.condition, "__defaults__", (few,))
    every = store.memories.list()
    for wanted, passes in (
        ({"tags": ["tea"]}, lambda one: "tea" in one.tags),
        ({"tags": ["green tea"]}, lambda one: "green tea" in one.tags),
        ({"tags": ["tea", "t7"]}, lambda one: one.id == "m7"),
        ({"type": "fact"}, lambda one: one.type == "fact"),
        ({"tier": "hot"}, lambda one: one.memory_tier in ("hot", "active")),
        ({"type": "event", "tier": "warm"}, lambda one: one.type == "event" and one.memory_tier == "warm"),
        ({"words": "tea"}, lambda one: "tea" in str(one.content) or "tea" in " ".join(one.tags)),
        ({"words": "☕"}, lambda one: "☕" in str(one.content)),
        ({"words": '"green tea"', "type": "fact"}, lambda one: one.type == "fact"),
    ):
        meant = [one for one in every if passes(one)]
        assert store.memories.filtered(limit=None, **wanted) == meant, wanted
        assert store.memories.groups(**wanted).total_of({}) == len(meant)
        assert store.memories.tags(**wanted) == Counter(tag for one in meant for tag in one.tags)
        assert sum(store.memories.by_source(**wanted).values()) == len(meant)


def test_groups_count_each_facet_under_the_other_filters(store: Store) -> None:
    groups = store.memories.groups()
    assert groups.by(2, {"type": "fact"}) == {"fact": 10, "event": 10}
    assert groups.by(0, {"type": "fact", "persona": "p2"}) == {"p1": 10}
    assert groups.total_of({"tier": "hot"}) == len(store.memories.hot()) == 10


def test_deleted_ones_are_a_filter_like_the_others(store: Store) -> None:
    store.memories.delete("m3")
    store.memories.delete("m4")
    assert ids(store.memories.filtered(deleted=True)) == {"m3", "m4"}
    assert ids(store.memories.filtered(deleted=True, type="fact")) == {"m3"}
    assert store.memories.search_page("coffee", deleted=True).total == 1
    assert store.memories.groups(deleted=True).total_of({}) == 2


@pytest.mark.parametrize("order", [None, "-updated_at", "name", "-importance"])
def test_numbers_are_the_list_in_its_order(store: Store, order: str | None) -> None:
    numbers = store.memories.numbers(order, type="fact")
    assert store.memories.numbered(numbers) == store.memories.filtered(limit=None, order=order, type="fact")
    assert store.memories.numbered([10**9, numbers[0]]) == store.memories.numbered(numbers[:1])


def test_a_point_in_time_lists_without_indexes_of_now(store: Store) -> None:
    store.memories.update("m1", tags=["new"], type="other")
    with store.at(0) as then:
        assert "m1" in ids(then.memories.filtered(limit=None, tags=["tea"], type="fact"))
        with pytest.raises(UsageError, match="current state only"):
            then.memories.filtered(words="tea")


def test_one_operation_is_undone_if_it_is_the_last(store: Store) -> None:
    with store.transaction("first"):
        store.memories.update("m1", name="A")
    with store.transaction("second"):
        store.memories.update("m2", name="B")
    second, first = store.undoable(2)
    with pytest.raises(UsageError, match="something newer stands on it") as refused:
        store.undo_operation(first.id)
    assert "second" in refused.value.where[0]
    assert store.undo_operation(second.id).label == "second"
    with pytest.raises(UsageError, match="undone already"):
        store.undo_operation(second.id)
    assert store.undo_operation(first.id) == first
    assert store.memories.need("m1").name == "Name 01"


def test_the_document_that_a_record_came_from_is_known(store: Store) -> None:
    found = store.memories.origin("m1")
    assert found is not None and (found.kind, found.name, found.native_id) == ("json", "data.json", "m1")
    assert store.memories.origin(store.memories.remember("new").id) is None
