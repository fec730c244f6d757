"""Variance components: the analysis of variance by hand, statsmodels as oracle, and components that are known."""

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from statsmodels.regression.mixed_linear_model import MixedLM

from culturepark.benchmarks.variance import distinct_factors, talks_needed, variance_components


def crossed(*sizes: int) -> tuple[dict[str, list[str]], NDArray[np.int64]]:
    """Labels of a full crossing of factors a, b, …, and their codes, shape `(talks, factors)`."""
    codes = np.array(list(np.ndindex(*sizes)))
    return {"abcdef"[place]: [str(code) for code in codes[:, place]] for place in range(len(sizes))}, codes


def test_one_way_analysis_of_variance_by_hand() -> None:
    # Mean squares 32 between (2 degrees of freedom) and 0.5 within (3): (32 - 0.5) / 2 and 0.5.
    fit = variance_components([1, 2, 5, 6, 9, 10], {"group": list("aabbcc")}, seed=0)

    assert fit is not None
    assert fit.variances == pytest.approx((15.75, 0.5))


def test_two_way_analysis_of_variance_by_hand() -> None:
    table = np.array([[1.0, 3, 2], [4, 6, 8], [7, 9, 9]])
    labels, _ = crossed(3, 3)
    rows, columns, mean = table.mean(axis=1), table.mean(axis=0), table.mean()
    square_rows = 3 * ((rows - mean) ** 2).sum() / 2
    square_columns = 3 * ((columns - mean) ** 2).sum() / 2
    square_rest = ((table - rows[:, None] - columns + mean) ** 2).sum() / 4

    fit = variance_components(list(table.ravel()), labels, seed=0)

    assert fit is not None
    expected = ((square_rows - square_rest) / 3, (square_columns - square_rest) / 3, square_rest)
    assert min(expected) > 0
    assert fit.variances == pytest.approx(expected)


def test_a_component_that_would_be_negative_is_zero_and_the_others_take_its_place() -> None:
    # Groups with the same mean: all of the spread is residual, the variance of the six numbers.
    fit = variance_components([1, 3, 1, 3, 1, 3], {"group": list("aabbcc")}, seed=0)

    assert fit is not None
    assert fit.variances == pytest.approx((0, np.var([1, 3, 1, 3, 1, 3], ddof=1)))
    assert fit.intervals[0].low == 0


def test_the_unit_of_the_metric_does_not_matter() -> None:
    labels, codes = crossed(6, 4, 2)
    rng = np.random.default_rng(1)
    y = rng.normal(size=6)[codes[:, 0]] + rng.normal(size=4)[codes[:, 1]] + rng.normal(size=len(codes))

    one, thousand = variance_components(list(y), labels, seed=0), variance_components(list(1000 * y), labels, seed=0)

    assert one is not None
    assert thousand is not None
    assert np.array(thousand.variances) == pytest.approx(1e6 * np.array(one.variances))
    for here, there in zip(one.intervals, thousand.intervals, strict=True):
        assert there.low == pytest.approx(1e6 * here.low)


def test_unbalanced_talks_agree_with_statsmodels() -> None:
    labels, codes = crossed(8, 5, 2)
    rng = np.random.default_rng(4)
    y = rng.normal(0, 1, 8)[codes[:, 0]] + rng.normal(0, 0.8, 5)[codes[:, 1]] + rng.normal(0, 1, len(codes))
    kept = np.sort(rng.choice(len(codes), size=60, replace=False))
    frame = pd.DataFrame({"y": y[kept], "a": codes[kept, 0], "b": codes[kept, 1]})
    oracle = MixedLM.from_formula(
        "y ~ 1", groups=np.ones(len(frame)), vc_formula={"a": "0 + C(a)", "b": "0 + C(b)"}, data=frame
    ).fit(reml=True)

    fit = variance_components(
        list(frame["y"]), {name: [labels[name][place] for place in kept] for name in "ab"}, seed=0
    )

    assert oracle.converged
    assert fit is not None
    assert fit.variances == pytest.approx((*oracle.vcomp, oracle.scale), rel=2e-3)


@pytest.mark.slow
def test_known_components_are_recovered_and_covered() -> None:
    labels, codes = crossed(8, 4, 2, 2)
    del labels["d"]  # two draws of each combination
    true = np.array([1.0, 0.5, 0.25, 1.0])
    rng = np.random.default_rng(2)
    found, covered = [], np.zeros(4)
    for seed in range(40):
        effects = [rng.normal(0, np.sqrt(true[place]), 8)[codes[:, place]] for place in range(3)]
        fit = variance_components(list(sum(effects) + rng.normal(0, 1, len(codes))), labels, seed=seed)
        assert fit is not None
        found.append(fit.variances)
        covered += [
            low <= value and (high is None or value <= high)
            for value, (low, high) in zip(true, fit.intervals, strict=True)
        ]

    # Two values of a factor say little of its spread: its mean over 40 studies still wanders.
    assert np.mean(found, axis=0) == pytest.approx(true, rel=0.35, abs=0.15)
    assert (covered / 40 >= 0.85).all()


def test_nothing_is_said_of_too_few_talks() -> None:
    assert variance_components([1, 2, 3], {"a": list("aab"), "b": list("abb")}, seed=0) is None
    assert variance_components([1, 1, 1, 1, 1], {"a": list("aabbb")}, seed=0) is None


def test_factors_that_cannot_be_told_apart_stand_together() -> None:
    labels = {
        "question": list("aabb"),
        "topic": list("xxyy"),
        "draw": list("0101"),
        "model": list("mmmm"),
        "talk": list("1234"),
    }

    assert distinct_factors(labels) == {"question = topic": list("aabb"), "draw": list("0101")}


@pytest.mark.parametrize(
    ("component", "error", "expected"),
    [
        pytest.param(0.5, 1.0, 8, id="8-over-8+2"),
        pytest.param(1.0, 0.1, 1, id="one-is-enough"),
        pytest.param(0.3, 1.0, 14, id="rounded-up"),
        pytest.param(0.0, 1.0, None, id="nothing-to-find"),
    ],
)
def test_talks_needed_by_hand(component: float, error: float, expected: int | None) -> None:
    assert talks_needed(component, error) == expected
    if expected is not None:
        assert component / (component + error / expected) >= 0.8 - 1e-12
