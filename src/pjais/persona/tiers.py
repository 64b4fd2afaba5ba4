"""Tiers: hot, warm or cold, by the app's scoring of a memory, as pure functions.

score = .35 access + .30 importance + .20 age + .15 links, each 0-100, where access is .6 recency (100 less 2 a
day since the last access) and .4 frequency (5 for each access), age is 100 less 1 a day, links are 10 for each
relationship.  From 75 on a memory is hot, from 40 on warm, else cold; a persona has at most 100 hot and 500 warm
ones, the best of them.

Unlike the app, this never compresses or encrypts the content of a cold memory.  Two decisions where the app's
scoring says nothing: a memory that was never accessed counts as accessed when it was created, and `connection_count`
is not used as the number of links, since later stores counted accesses in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pjais import choices, instants
from pjais.errors import UsageError
from pjais.models.persona.records import Memory
from pjais.persona.filters import HOT

TIERS = ("hot", "warm", "cold")
HOT_FROM = 75.0
WARM_FROM = 40.0
HOT_MOST = 100
WARM_MOST = 500


class Standing(NamedTuple):
    """The inputs of a memory's score.  Instants in ms since 1970, `importance` 0-100."""

    id: str
    tier: str
    importance: float
    access_count: int
    last_accessed: int | None
    created_at: int | None
    links: int


class Move(NamedTuple):
    """A memory that belongs in another tier, and its score (0-100)."""

    id: str
    before: str
    after: str
    score: float


def standing(memory: Memory, links: int) -> Standing:
    """Return a memory's inputs for the score, given its number of relationships."""
    return Standing(
        memory.id,
        memory.memory_tier,
        memory.importance,
        memory.access_count,
        memory.last_accessed,
        memory.created_at,
        links,
    )


def score(one: Standing, now: int) -> float:
    """Return the score, 0 to 100, at an instant (ms)."""
    seen = one.last_accessed if one.last_accessed is not None else one.created_at
    recency = _bounded(100 - 2 * _days(seen, now))
    frequency = _bounded(5 * one.access_count)
    access = 0.6 * recency + 0.4 * frequency
    age = _bounded(100 - _days(one.created_at, now))
    links = _bounded(10 * one.links)
    return 0.35 * access + 0.30 * _bounded(one.importance) + 0.20 * age + 0.15 * links


def tier_for(points: float) -> str:
    """Return the tier of a score, regardless of the limits per persona."""
    return "hot" if points >= HOT_FROM else "warm" if points >= WARM_FROM else "cold"


def moves(all_of_one_persona: Iterable[Standing], now: int) -> list[Move]:
    """Return the memories of a persona that belong in another tier, the best first.

    A memory in any other tier (`archived`) was put there by somebody, and stays.
    """
    scored = [(score(one, now), one) for one in all_of_one_persona if one.tier in (*HOT, *TIERS)]
    scored.sort(key=lambda pair: (-pair[0], pair[1].id))
    room = {"hot": HOT_MOST, "warm": WARM_MOST, "cold": len(scored)}
    found = []
    for points, one in scored:
        tier = next(name for name in TIERS[TIERS.index(tier_for(points)) :] if room[name])
        room[tier] -= 1
        if tier != named(one.tier):
            found.append(Move(one.id, one.tier, tier, points))
    return found


def named(tier: str) -> str:
    """Return a tier's name among the three; `active` is hot."""
    return "hot" if tier in HOT else tier


def above(tier: str) -> str:
    """Return the next higher tier; the highest stays.  Raises UsageError for a tier that is none of the three."""
    return _step(tier, -1)


def below(tier: str) -> str:
    """Return the next lower tier; the lowest stays.  Raises UsageError for a tier that is none of the three."""
    return _step(tier, 1)


def _step(tier: str, by: int) -> str:
    if named(tier) not in TIERS:
        raise UsageError("this memory is in a tier that is neither hot, warm nor cold", where=[tier])
    place = TIERS.index(named(tier)) + by
    return tier if not 0 <= place < len(TIERS) else TIERS[place]


def check(tier: str, names: Sequence[str] = (*HOT, "warm", "cold")) -> str:
    """Return the tier, if there is one of this name.  Raises UsageError."""
    if choices.text("tier", tier) not in names:
        raise UsageError("unknown tier", where=[tier, f"tiers: {', '.join(names)}"])
    return tier


def _days(since: int | None, now: int) -> float:
    """Return the days since an instant; an unknown one counts as infinitely old."""
    return float("inf") if since is None else (now - since) / instants.DAY_MS


def _bounded(points: float) -> float:
    return min(100.0, max(0.0, float(points)))
