"""The guides' queries by name, against looking at every memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import pjais
from pjais import instants, journal, sqlite
from pjais.errors import UsageError, ValidationFailed
from pjais.models.persona.records import Memory
from pjais.persona.store import Store

DAY = 86_400_000


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    now = journal.now_ms()
    with pjais.open(tmp_path_factory.mktemp("store")) as opened:
        for key in ("p1", "p2"):
            opened.personas.create(id=key, name=key)
        for number in range(40):
            opened.memories.create(
                id=f"m{number:02}",
                persona_id=f"p{1 + number % 2}",
                content="é" * number,
                type=("fact", "event", "text")[number % 3],
                importance=number * 2.5,
                tags=["a", "b"][: number % 3],
                memory_tier=("hot", "active", "warm", "cold", "archived")[number % 5],
                access_count=number % 13,
                created_at=now - number * DAY // 2,
                last_accessed=None if number % 4 else now - number * DAY,
            )
        opened.memories.delete("m07")
        opened.relationships.create(from_id="m02", to_id="m04", type="supports", strength=0.5)
        opened.relationships.create(from_id="m02", to_id="m06", type="supports", strength=1)
        opened.relationships.create(from_id="m02", to_id="m03", type="follows")
        yield opened


@pytest.fixture
def live(store: Store) -> list[Memory]:
    return [memory for memory in store.memories.list() if memory.persona_id == "p1"]


def test_lists_by_one_thing(store: Store, live: list[Memory]) -> None:
    memories = store.memories
    assert memories.by_tier("hot", "p1") == [one for one in live if one.memory_tier in ("hot", "active")]
    assert memories.by_tier(["active", "cold"], "p1") == [one for one in live if one.memory_tier in ("active", "cold")]
    assert memories.by_type("fact", "p1") == [one for one in live if one.type == "fact"]
    assert memories.by_importance(20, 60, "p1") == [one for one in live if 20 <= one.importance <= 60]
    assert memories.by_tags("b", "a", persona="p1") == [one for one in live if one.tags == ["a", "b"]]
    assert memories.archived("p1") == [one for one in live if one.memory_tier in ("cold", "archived")]
    assert memories.hot("p1", limit=3) == memories.by_tier("hot", "p1", limit=3) == memories.by_tier("hot", "p1")[:3]
    assert memories.important("p1", above=80) == [one for one in live if one.importance > 80]
    assert [one.id for one in memories.deleted()] == ["m07"]
    with pytest.raises(UsageError):
        memories.by_tags()


def test_by_date_range_has_both_ends(store: Store) -> None:
    made = {one.id: one.created_at or 0 for one in store.memories.list()}
    found = [one.id for one in store.memories.by_date_range(made["m20"], made["m10"])]
    assert found == [f"m{number}" for number in range(10, 21)]
    assert [one.id for one in store.memories.recent(limit=3)] == ["m00", "m01", "m02"]
    assert len(store.memories.by_date_range(None, None)) == 39


def test_filtered_pages_and_orders(store: Store) -> None:
    every = store.memories.filtered(limit=None)
    assert len(every) == 39
    assert store.memories.filtered(limit=10, offset=10) == every[10:20]
    with pytest.raises(UsageError, match="limit=-5"):
        store.memories.filtered(limit=-5)
    assert len(store.memories.filtered(include_deleted=True)) == 40
    assert [one.id for one in store.memories.filtered(order="id", limit=2)] == ["m00", "m01"]


def test_those_in_heavy_use(store: Store, live: list[Memory]) -> None:
    now = journal.now_ms()
    expected = {
        one.id for one in live if one.importance >= 80 or one.access_count > 10 or (one.last_accessed or 0) >= now - DAY
    }
    found = store.memories.performing("p1")
    assert {one.id for one in found} == expected
    assert [one.access_count for one in found] == sorted((one.access_count for one in found), reverse=True)


def test_stats(store: Store, live: list[Memory]) -> None:
    found = store.memories.stats(persona="p1")
    assert found["total"] == len(live) == 20
    assert found["by_tier"] == {
        tier: sum(one.memory_tier == tier for one in live) for tier in ("active", "archived", "cold", "hot", "warm")
    }
    assert found["by_type"] == {kind: sum(one.type == kind for one in live) for kind in ("event", "fact", "text")}
    assert found["average_importance"] == pytest.approx(sum(one.importance for one in live) / 20)
    assert store.memories.stats(persona="nobody") == {
        "total": 0,
        "by_tier": {},
        "by_type": {},
        "average_importance": None,
    }


def test_insights(store: Store) -> None:
    found = store.memories.insights(persona="p1")
    assert found["total"] == 20
    assert found["last_24_hours"] == 1  # m00; m02 is a day and some milliseconds old by now
    assert found["links"] == 2
    assert found["links_by_type"] == {"supports": {"count": 2, "average_strength": 0.75}}


def test_analytics(store: Store, live: list[Memory]) -> None:
    found = store.memories.analytics(persona="p1")
    sizes = [len(one.content) for one in live]
    assert found["size"] == {"total": sum(sizes), "average": sum(sizes) / 20, "largest": max(sizes)}
    assert found["importance"]["min"] == 0
    assert found["importance"]["max"] == 95
    assert found["accesses"] == sum(one.access_count for one in live)
    assert len(found["activity"]) == 7
    for day in found["activity"]:
        assert day["made"] == sum(instants.to_text(one.created_at or 0)[:10] == day["day"] for one in live)
        assert day["accessed"] == sum(instants.to_text(one.last_accessed or 0)[:10] == day["day"] for one in live)
    assert store.memories.analytics(persona="nobody")["size"] == {"total": 0, "average": None, "largest": None}


def test_months_and_tenths_of_importance_hold_every_memory(store: Store, live: list[Memory]) -> None:
    months = store.memories.months(persona="p1")
    assert list(months) == sorted(months)
    for month, count in months.items():
        assert count == sum(instants.to_text(one.created_at or 0)[:7] == month for one in live)
    tenths = store.memories.importance(persona="p1")
    assert list(tenths)[:2] == ["0-9", "10-19"]
    assert sum(tenths.values()) == sum(months.values()) == 20
    assert tenths["90-100"] == sum(one.importance >= 90 for one in live)


def test_importance_beyond_the_scale_stands_apart(store: Store) -> None:
    for number in (-3, 150):
        store.memories.create(type="fact", content="x", importance=number)
    assert {"below 0": 1, "above 100": 1}.items() <= store.memories.importance().items()


def test_the_map_holds_the_commonest_kind_of_embedding(store: Store) -> None:
    for number in range(6):
        store.memories.create(type="fact", content="x", embedding=[1.0, number, 0.5], embedding_model="small")
    store.memories.create(type="fact", content="x", embedding=[1.0, 2.0], embedding_model="other")
    points, of = store.memories.atlas()
    assert of == len(points) == 6
    assert {one.embedding_model for one, _, _ in points} == {"small"}
    assert store.memories.atlas("nobody") == ([], 6)


def test_a_null_tier_of_another_writer_is_no_error(tmp_path: Path) -> None:
    with pjais.open(tmp_path) as store:
        with closing(sqlite.open_writer(store.path)) as other:
            for key, tier in (("a", None), ("b", "hot")):
                other.execute(
                    "INSERT INTO memory_entities (id, type, content, memory_tier) VALUES (?, 'x', '', ?)", (key, tier)
                )
        assert store.memories.stats()["by_tier"] == {None: 1, "hot": 1}
        assert [move.id for move in store.memories.optimise()] in (["b"], [])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("importance", float("nan")),
        ("importance", float("inf")),
        ("name", "half \ud83d"),
        ("content", json.loads("[" * 900 + "]" * 900)),
    ],
)
def test_what_would_not_come_back_as_it_is_is_refused(store: Store, field: str, value: Any) -> None:
    before = store.memories.need("m01")
    with pytest.raises(ValidationFailed, match="cannot keep exactly") as told:
        store.memories.update("m01", **{field: value})
    assert field in told.value.where[0]
    assert store.memories.need("m01") == before
