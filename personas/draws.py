"""Sequences of points in [0, 1), seeded: which part of a distribution the next draw takes."""

import math
import random
from collections.abc import Iterator

GOLDEN = (math.sqrt(5) - 1) / 2


def low_discrepancy(seed: int) -> Iterator[float]:
    """Points that fill [0, 1) evenly from the first on: multiples of the golden ratio from a seeded start."""
    point = random.Random(seed).random()
    while True:
        yield point
        point = (point + GOLDEN) % 1.0


def independent(seed: int) -> Iterator[float]:
    """Independent uniform points in [0, 1)."""
    rng = random.Random(seed)
    while True:
        yield rng.random()
