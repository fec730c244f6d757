"""Paired statistics: values by hand, and what is promised of them over many simulated studies."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from culturepark.benchmarks.statistics import (
    crossed_interval,
    holm,
    mcnemar_p,
    paired_interval,
    sign_flip_p,
    smallest_detectable,
    smallest_p,
    standard_error,
    wilson,
)

numbers = st.floats(-1e3, 1e3, allow_subnormal=False)


@pytest.mark.parametrize(
    ("differences", "clusters", "expected"),
    [
        pytest.param([1, 2, 3], "abc", 2 / 8, id="only-both-extremes-are-as-far"),
        pytest.param([1, -2, 4], "abc", 6 / 8, id="of-7-5-3-1-three-are-as-far-as-3"),
        pytest.param([1, 1, 1, -1], "aabb", 1.0, id="flips-whole-questions"),
        pytest.param([1, 1, 2, 2], "aabb", 2 / 4, id="two-questions-prove-little"),
        pytest.param([1, 2, 3], "aaa", 2 / 8, id="pairs-of-the-only-question"),
        pytest.param([0, 0], "ab", 1.0, id="no-difference"),
        pytest.param([5], "a", 1.0, id="one-pair"),
        pytest.param([], "", None, id="no-pairs"),
    ],
)
def test_exact_sign_flips(differences: list[float], clusters: str, expected: float | None) -> None:
    assert sign_flip_p(differences, clusters, seed=0) == expected


def test_drawn_sign_flips_never_give_zero() -> None:
    # 2^-19 of all flips are as far: among 999 drawn ones none is, and one is added to both counts.
    assert sign_flip_p([1.0] * 20, [str(n) for n in range(20)], seed=1, resamples=999) == 1 / 1000


@pytest.mark.parametrize(("clusters", "expected"), [("abcdef", 2 / 64), ("aab", 2 / 4), ("aaaa", 2 / 16), ("", None)])
def test_smallest_p_is_reached_by_equal_differences(clusters: str, expected: float | None) -> None:
    assert smallest_p(clusters) == expected
    assert sign_flip_p([1.0] * len(clusters), clusters, seed=0) == expected


def test_holm_by_hand() -> None:
    # 0.01 * 3; 0.03 * 2; 0.04 * 1, raised to the one before.
    assert holm([0.01, None, 0.04, 0.03]) == pytest.approx([0.03, None, 0.06, 0.06])
    assert holm([None]) == [None]


@settings(max_examples=15, deadline=None)  # statsmodels collects garbage at each call
@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=12))
def test_holm_raises_and_keeps_the_order(values: list[float | None]) -> None:
    adjusted = holm(values)

    pairs = [(p, q) for p, q in zip(values, adjusted, strict=True) if p is not None and q is not None]
    assert [q is None for q in adjusted] == [p is None for p in values]
    assert all(p <= q <= 1 for p, q in pairs)
    ordered = [q for _, q in sorted(pairs)]
    assert ordered == sorted(ordered)


def test_standard_error_by_hand() -> None:
    assert standard_error([1, 1, 3, 3], "aabb") == pytest.approx(1.0)  # means 1 and 3 of two questions
    assert standard_error([1, 2, 3, 6], "abcd") == pytest.approx(np.std([1, 2, 3, 6], ddof=1) / 2)
    assert standard_error([1, 2, 3, 6], "aaaa") == pytest.approx(np.std([1, 2, 3, 6], ddof=1) / 2)
    assert np.isnan(standard_error([1], "a"))


def test_smallest_detectable_has_power_of_eighty_percent() -> None:
    differences, clusters = [0.1, -0.4, 0.9, 0.3, 0.0, -0.2, 0.6, 0.2], "abcdefgh"

    found = smallest_detectable(differences, clusters)

    assert found is not None
    shift = found / standard_error(differences, clusters)
    critical = stats.t.ppf(0.975, 7)
    power = stats.nct.sf(critical, 7, shift) + stats.nct.cdf(-critical, 7, shift)
    assert power == pytest.approx(0.8, abs=1e-6)
    assert smallest_detectable([1.0], "a") is None


@settings(deadline=None)
@given(st.lists(st.tuples(numbers, st.sampled_from("abc")), min_size=2, max_size=20))
def test_the_interval_is_the_same_again_and_moves_with_the_data(pairs: list[tuple[float, str]]) -> None:
    differences, clusters = [one for one, _ in pairs], [two for _, two in pairs]

    found = paired_interval(differences, clusters, seed=3, resamples=200)
    moved = paired_interval([one + 10 for one in differences], clusters, seed=3, resamples=200)

    assert found is not None
    assert moved is not None
    assert found.low <= found.high
    assert found == paired_interval(differences, clusters, seed=3, resamples=200)
    assert moved == pytest.approx((found.low + 10, found.high + 10), abs=1e-8 * max(1.0, *map(abs, differences)))


def test_no_interval_of_one_pair() -> None:
    assert paired_interval([1.0], "a", seed=0) is None


def test_wilson_by_hand() -> None:
    # z = 1.959964: (p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n) at 1 of 10
    assert wilson(1, 10) == pytest.approx((0.017876, 0.404150), abs=1e-6)


@pytest.mark.parametrize(
    ("only_one", "only_other", "expected"),
    [(0, 0, 1.0), (5, 0, 2 / 32), (1, 3, 2 * (1 + 4) / 16)],
)
def test_mcnemar_reads_only_where_the_models_differ(only_one: int, only_other: int, expected: float) -> None:
    one = [True] * only_one + [False] * only_other + [True, False]
    other = [False] * only_one + [True] * only_other + [True, False]

    assert mcnemar_p(one, other) == pytest.approx(expected)
    assert mcnemar_p([], []) is None


def test_crossed_interval_needs_two_levels_of_both() -> None:
    assert crossed_interval([1, 2, 3], "aab", "xxx", seed=0) is None
    found = crossed_interval([1, 1, 1, 1], "aabb", "xyxy", seed=0)
    assert found == pytest.approx((1, 1))
    # Two levels are stretched as t with one degree of freedom: rows at 0 and 2 reach 1 -+ 6.483 * sqrt(2).
    wide = crossed_interval([0, 0, 2, 2], "aabb", "xyxy", seed=0)
    assert wide == pytest.approx((1 - 12.7062 / 1.959964 * 2**0.5, 1 + 12.7062 / 1.959964 * 2**0.5), rel=1e-4)


def simulated(rng: np.random.Generator, *, questions: int, each: int, between: float) -> tuple[list[float], list[str]]:
    """Differences with mean 0: an effect of each question and one of each pair."""
    differences = rng.normal(0, between, questions)[:, None] + rng.normal(0, 1, (questions, each))
    return list(differences.ravel()), [str(question) for question in range(questions) for _ in range(each)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("questions", "each", "between"),
    [(2, 4, 0.5), (3, 20, 1.0), (5, 1, 0.0), (5, 4, 1.0), (10, 4, 0.5), (20, 2, 0.5), (1, 20, 0.0)],
)
def test_the_interval_covers_the_true_mean(questions: int, each: int, between: float) -> None:
    rng = np.random.default_rng(5)
    covered = 0
    for seed in range(400):
        found = paired_interval(
            *simulated(rng, questions=questions, each=each, between=between), seed=seed, resamples=999
        )
        assert found is not None
        covered += found.low <= 0 <= found.high

    assert 0.915 <= covered / 400 <= 0.98


@pytest.mark.slow
@pytest.mark.parametrize(("questions", "each"), [(8, 3), (16, 1)])
def test_p_is_uniform_when_nothing_matters(questions: int, each: int) -> None:
    rng = np.random.default_rng(6)
    found: Sequence[float] = [
        sign_flip_p(*simulated(rng, questions=questions, each=each, between=0.7), seed=seed, resamples=999) or 0.0
        for seed in range(500)
    ]

    assert stats.kstest(found, "uniform").pvalue > 0.01
