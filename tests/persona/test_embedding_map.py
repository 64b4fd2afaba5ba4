"""The map of the embeddings: what is alike lies near, and the same vectors give the same map."""

from __future__ import annotations

import random
from array import array

from pjais.persona import embedding_map


def _vector(rng: random.Random, middle: int) -> bytes:
    return array("f", [(1.0 if place == middle else 0.0) + rng.gauss(0, 0.05) for place in range(24)]).tobytes()


def test_three_kinds_of_vectors_are_three_clouds() -> None:
    rng = random.Random(7)
    points = embedding_map.project([_vector(rng, kind) for kind in (0, 5, 11) for _ in range(20)])
    clouds = [points[start : start + 20] for start in (0, 20, 40)]
    middles = [(sum(x for x, _ in cloud) / 20, sum(y for _, y in cloud) / 20) for cloud in clouds]
    for cloud, (mx, my) in zip(clouds, middles, strict=True):
        widest = max(abs(x - mx) + abs(y - my) for x, y in cloud)
        apart = min(abs(mx - ox) + abs(my - oy) for ox, oy in middles if (ox, oy) != (mx, my))
        assert widest < apart / 2


def test_points_lie_within_the_map_and_are_the_same_again() -> None:
    rng = random.Random(8)
    vectors = [_vector(rng, rng.randrange(24)) for _ in range(60)]
    points = embedding_map.project(vectors)
    assert all(-1 <= x <= 1 and -1 <= y <= 1 for x, y in points)
    assert points == embedding_map.project(vectors)


def test_one_vector_or_none_or_equal_ones_make_a_map_too() -> None:
    one = _vector(random.Random(9), 3)
    assert embedding_map.project([]) == []
    assert embedding_map.project([one]) == [(0.0, 0.0)]
    assert embedding_map.project([one] * 5) == [(0.0, 0.0)] * 5
