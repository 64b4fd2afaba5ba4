"""Tiers: the app's scoring by its numbers, and moves that change a tier and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pjais
from pjais import journal
from pjais.errors import UsageError
from pjais.persona import tiers
from pjais.persona.store import Store
from pjais.persona.tiers import Standing

DAY = 86_400_000
NOW = 1_750_000_000_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with pjais.open(tmp_path) as opened:
        for key in ("p1", "p2"):
            opened.personas.create(id=key, name=key)
        yield opened


def one(key: str = "m", tier: str = "warm", **more: Any) -> Standing:
    given = {"importance": 50, "access_count": 0, "last_accessed": None, "created_at": NOW, "links": 0, **more}
    return Standing(key, tier, **given)


@pytest.mark.parametrize(
    ("standing", "expected"),
    [
        (one(importance=100, access_count=20, last_accessed=NOW, links=10), 100.0),
        (one(importance=0, created_at=NOW - 400 * DAY), 0.0),
        (one(), 0.35 * 60 + 15 + 20),  # made now counts as accessed now
        (
            one(importance=80, access_count=5, last_accessed=NOW - 10 * DAY, created_at=NOW - 30 * DAY, links=3),
            0.35 * (0.6 * 80 + 0.4 * 25) + 0.3 * 80 + 0.2 * 70 + 0.15 * 30,
        ),
        (one(importance=150, created_at=NOW + 5 * DAY), 0.35 * 60 + 30 + 20),  # nothing counts more than 100
        (one(created_at=None), 15.0),
    ],
)
def test_the_score_is_the_apps(standing: Standing, expected: float) -> None:
    assert tiers.score(standing, NOW) == pytest.approx(expected)


@given(
    st.builds(
        Standing,
        st.text(),
        st.text(),
        st.floats(allow_nan=False),
        st.integers(-(10**6), 10**6),
        st.none() | st.integers(-(8 * 10**15), 8 * 10**15),
        st.none() | st.integers(-(8 * 10**15), 8 * 10**15),
        st.integers(0, 10**6),
    )
)
def test_a_score_is_always_from_0_to_100(standing: Standing) -> None:
    assert 0 <= tiers.score(standing, NOW) <= 100.0000001


def test_thresholds() -> None:
    assert [tiers.tier_for(points) for points in (100, 75, 74.9, 40, 39.9, 0)] == [
        "hot",
        "hot",
        "warm",
        "warm",
        "cold",
        "cold",
    ]


def test_limits_push_the_lowest_down() -> None:
    """Of 700 that are hot by their score, the best 100 are hot, the next 500 warm, the others cold."""
    everything = [
        one(f"{number:03}", "active", importance=100, access_count=20, last_accessed=NOW, links=number / 100)
        for number in range(700)
    ]
    found = {move.id: move.after for move in tiers.moves(everything, NOW)}
    assert sum(after == "warm" for after in found.values()) == 500
    assert {key for key, after in found.items() if after == "cold"} == {f"{number:03}" for number in range(100)}
    assert all(f"{number}" not in found for number in range(600, 700))


def test_active_is_hot_and_other_names_stay() -> None:
    best = {"importance": 100, "access_count": 20, "last_accessed": NOW, "links": 10}
    worst = {"importance": 0, "created_at": None}
    assert tiers.moves([one("a", "active", **best), one("b", "hot", **best), one("c", "cold", **worst)], NOW) == []
    assert tiers.moves([one("a", "archived", **best), one("b", "summarized", **worst)], NOW) == []
    assert [move[:3] for move in tiers.moves([one("a", "active", **worst)], NOW)] == [("a", "active", "cold")]


def test_steps(store: Store) -> None:
    store.memories.create(id="m", content="x", memory_tier="cold")
    assert [store.memories.promote("m").memory_tier for _ in range(3)] == ["warm", "hot", "hot"]
    assert [store.memories.demote("m").memory_tier for _ in range(3)] == ["warm", "cold", "cold"]
    assert store.memories.set_tier("m", "active").memory_tier == "active"
    assert store.memories.promote("m").memory_tier == "active"
    assert store.memories.demote("m").memory_tier == "warm"
    with pytest.raises(UsageError):
        store.memories.set_tier("m", "frozen")
    with pytest.raises(UsageError):
        store.memories.promote("unknown")
    store.memories.update("m", memory_tier="archived")
    for step in (store.memories.promote, store.memories.demote):
        with pytest.raises(UsageError):
            step("m")
    assert store.memories.need("m").memory_tier == "archived"


def test_optimise_moves_what_it_says_and_changes_nothing_else(store: Store) -> None:
    now = journal.now_ms()
    best = {"importance": 100, "access_count": 20, "last_accessed": now, "created_at": now}
    for key, persona in (("best", "p1"), ("other", "p2"), ("gone", "p1")):
        store.memories.create(id=key, persona_id=persona, content="x", memory_tier="cold", **best)
        for number in range(10):
            store.relationships.create(from_id=key, to_id=persona, type="related", id=f"{key}{number}")
    store.memories.create(
        id="worst", persona_id="p1", content={"long": "text " * 500}, importance=0, created_at=0, memory_tier="hot"
    )
    store.memories.delete("gone")
    before = {memory.id: memory for memory in store.memories.filtered(include_deleted=True)}
    plan = store.memories.optimise("p1", dry_run=True)
    assert [move[:3] for move in plan] == [("best", "cold", "hot"), ("worst", "hot", "cold")]
    assert {memory.id: memory for memory in store.memories.filtered(include_deleted=True)} == before
    assert store.memories.score("best") == pytest.approx(100, abs=0.01)
    assert [move[:3] for move in store.memories.optimise("p1")] == [move[:3] for move in plan]
    after = {memory.id: memory for memory in store.memories.filtered(include_deleted=True)}
    assert after == {
        **before,
        "best": before["best"]._replace(memory_tier="hot"),
        "worst": before["worst"]._replace(memory_tier="cold"),
    }
    assert store.memories.optimise("p1") == []
    assert [move[:3] for move in store.memories.optimise()] == [("other", "cold", "hot")]
