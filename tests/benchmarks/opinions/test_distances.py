"""Distances by hand and by scipy, and that the corrections take away what sampling adds."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy, wasserstein_distance

from culturepark.benchmarks.opinions.distances import (
    corrected_similarity,
    corrected_wasserstein,
    drawn,
    mean_of,
    similarity,
    variance,
    wasserstein,
)

parts = st.lists(st.integers(0, 50), min_size=4, max_size=4).filter(any)


def shares(counts: Sequence[float]) -> np.ndarray:
    return np.array(counts, dtype=np.float64) / sum(counts)


@pytest.mark.parametrize(
    ("one", "other", "near", "far"),
    [
        pytest.param([1, 0], [0, 1], 0.0, 1.0, id="nothing-in-common"),
        pytest.param([1, 2, 1], [1, 2, 1], 1.0, 0.0, id="equal"),
        # H(3/4, 1/4) - (H(1) + H(1/2, 1/2)) / 2 = 0.811278 - 0.5
        pytest.param([1, 0], [1, 1], 1 - 0.3112781**0.5, 0.5, id="half-in-common"),
        pytest.param([1, 0, 0], [0, 1, 0], 0.0, 0.5, id="one-step-of-two"),
    ],
)
def test_by_hand(one: list[float], other: list[float], near: float, far: float) -> None:
    assert similarity(shares(one), shares(other)) == pytest.approx(near, abs=1e-6)
    assert wasserstein(shares(one), shares(other)) == pytest.approx(far)


@given(parts, parts)
def test_as_scipy_says(one: list[int], other: list[int]) -> None:
    p, q = shares(one), shares(other)
    mean = (p + q) / 2

    divergence = (entropy(p, mean, base=2) + entropy(q, mean, base=2)) / 2
    assert similarity(p, q) == pytest.approx(1 - max(0.0, divergence) ** 0.5, abs=1e-6)
    assert wasserstein(p, q) == pytest.approx(wasserstein_distance(range(4), range(4), p, q) / 3, abs=1e-9)
    assert corrected_similarity(p, q, n_one=None, n_other=None) == pytest.approx(similarity(p, q), abs=1e-9)
    assert corrected_wasserstein(p, q, n_one=None, n_other=None) == pytest.approx(wasserstein(p, q))


@pytest.mark.parametrize(
    ("one", "other"),
    [([5, 3, 1, 1], [1, 2, 4, 3]), ([4, 3, 2, 1], [3, 3, 2, 2]), ([1, 1, 1, 1, 1, 5], [2, 1, 1, 1, 1, 4])],
)
def test_corrections_take_away_most_of_the_bias(one: list[int], other: list[int]) -> None:
    p, q = shares(one), shares(other)
    samples = list(zip(drawn(p, 100, times=300, seed=1), drawn(q, 200, times=300, seed=2), strict=True))
    sizes = {"n_one": 100.0, "n_other": 200.0}

    plain = np.mean([similarity(a, b) for a, b in samples]) - similarity(p, q)
    mended = np.mean([corrected_similarity(a, b, **sizes) for a, b in samples]) - similarity(p, q)
    plain_w = np.mean([wasserstein(a, b) for a, b in samples]) - wasserstein(p, q)
    mended_w = np.mean([corrected_wasserstein(a, b, **sizes) for a, b in samples]) - wasserstein(p, q)

    assert plain < 0
    assert abs(mended) < max(abs(plain), 0.004)
    assert abs(mended_w) < max(abs(plain_w), 0.008)


def test_parts() -> None:
    assert variance(shares([1, 0, 1]), [1, 2, 3]) == pytest.approx(1.0)
    assert variance(shares([0, 1, 0]), [1, 2, 3]) == pytest.approx(0.0)
    assert mean_of([shares([1, 0]), shares([0, 1])]).tolist() == [0.5, 0.5]
    assert drawn(shares([1, 3]), None, times=2, seed=0).tolist() == [[0.25, 0.75]] * 2
    assert drawn(shares([1, 3]), 8, times=5, seed=0).sum(axis=1) == pytest.approx(1)
