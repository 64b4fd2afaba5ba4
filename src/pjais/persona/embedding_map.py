"""A map of the embeddings: each vector as a point, so that similar ones are close together.

Projects the vectors to their first two principal components, found by power iteration; the same vectors always give
the same map.  At most some hundreds are taken, evenly over the ids: the eye cannot tell more apart, and the map of
many thousands would take many seconds.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from operator import mul

MOST = 400
_ROUNDS = 40

Vector = Sequence[float]


def project(vectors: Sequence[bytes]) -> list[tuple[float, float]]:
    """Return points for vectors of float32, all of one length, with coordinates from -1 to 1."""
    rows = [_unit(array("f", one)) for one in vectors]
    if not rows:
        return []
    mean = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
    rows = [[value - middle for value, middle in zip(row, mean, strict=True)] for row in rows]
    axes: list[Vector] = []
    for number in range(2):
        axes.append(_main_direction(rows, axes, seed=number))
    points = [(_dot(row, axes[0]), _dot(row, axes[1])) for row in rows]
    widest = max((abs(value) for point in points for value in point), default=0.0) or 1.0
    return [(x / widest, y / widest) for x, y in points]


def _main_direction(rows: Sequence[Vector], found: Sequence[Vector], seed: int) -> Vector:
    """Return the direction in which the rows differ most, orthogonal to those found before."""
    length = len(rows[0])
    guess: Vector = [math.sin(1.0 + (seed + 1) * index) for index in range(length)]
    columns = list(zip(*rows, strict=True))
    for _ in range(_ROUNDS):
        for other in found:
            share = _dot(guess, other)
            guess = [value - share * away for value, away in zip(guess, other, strict=True)]
        weights = [_dot(row, guess) for row in rows]
        turned = [_dot(column, weights) for column in columns]
        size = math.hypot(*turned)
        if size < 1e-12:
            return [0.0] * length
        guess = [value / size for value in turned]
    return guess


def _unit(vector: Vector) -> list[float]:
    length = math.hypot(*vector)
    return [value / length for value in vector]


def _dot(left: Vector, right: Vector) -> float:
    return float(sum(map(mul, left, right)))
