"""Agreement on examples that were worked out in print, and where it is not defined."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from culturepark.postprocess.annotate.agreement import (
    Agreement,
    Measurement,
    cohen_kappa,
    krippendorff_alpha,
    share,
)


def items(*raters: str) -> list[tuple[int | str | None, ...]]:
    """Values of each item, from a line a rater; a full stop is a missing value."""
    rows = [
        [None if value == "." else int(value) if value.isdigit() else value for value in rater.split()]
        for rater in raters
    ]
    return list(zip(*rows, strict=True))


# Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), sections A to C and E.
BINARY = items("0 1 0 0 0 0 0 0 1 0", "1 1 1 0 0 1 0 0 0 0")
NOMINAL = items("a a b b d c c c e d d a", "b a b b b c c c e d d d")
FOUR = items(
    "1 2 3 3 2 1 4 1 2 . . .",
    "1 2 3 3 2 2 4 1 2 5 . 3",
    ". 3 3 3 2 3 4 2 2 5 1 .",
    "1 2 3 3 2 4 4 1 2 5 1 .",
)


@pytest.mark.parametrize(
    ("ratings", "measurement", "alpha"),
    [
        pytest.param(BINARY, "nominal", 0.095, id="two-observers-binary"),
        pytest.param(NOMINAL, "nominal", 0.692, id="two-observers-nominal"),
        pytest.param(FOUR, "nominal", 0.743, id="four-observers-missing-values-nominal"),
        pytest.param(FOUR, "ordinal", 0.815, id="ordinal"),
        pytest.param(FOUR, "interval", 0.849, id="interval"),
    ],
)
def test_alpha_of_published_examples(
    ratings: list[tuple[int | str | None, ...]], measurement: Measurement, alpha: float
) -> None:
    found = krippendorff_alpha(ratings, measurement=measurement)

    assert found.value == pytest.approx(alpha, abs=0.0005)
    assert found.interval is not None
    assert found.interval.low < alpha < found.interval.high


def test_kappa_of_a_published_example() -> None:
    """Fleiss, Cohen and Everitt, Psychological Bulletin 72 (1969): kappa 0.429, standard error 0.054, n = 200."""
    table = [[106, 10, 4], [22, 28, 10], [2, 12, 6]]
    pairs = [(one, other) for one, row in enumerate(table) for other, count in enumerate(row) for _ in range(count)]

    found = cohen_kappa([one for one, _ in pairs], [other for _, other in pairs], labels=3)

    assert found.value == pytest.approx(0.429, abs=0.0005)
    assert found.interval is not None
    assert found.interval.high - found.interval.low == pytest.approx(2 * 1.96 * 0.054, abs=0.02)


def test_nothing_is_claimed_where_nothing_can_be_compared() -> None:
    assert krippendorff_alpha([], measurement="nominal") == Agreement(value=None, interval=None, items=0)
    assert krippendorff_alpha([(1, None), (None, 2)], measurement="ordinal") == Agreement(
        value=None, interval=None, items=0
    )
    assert krippendorff_alpha([(1, 1), (1, 1)], measurement="interval") == Agreement(value=None, interval=None, items=2)
    assert krippendorff_alpha([(1, 2)], measurement="nominal").interval is None
    assert cohen_kappa([], [], labels=3) == Agreement(value=None, interval=None, items=0)
    assert cohen_kappa([0, 0], [0, 0], labels=3) == Agreement(value=None, interval=None, items=2)
    assert share([]) == Agreement(value=None, interval=None, items=0)


def test_shares_are_weighted() -> None:
    assert share([True, False, True, True]).value == 0.75
    assert share([True, False], [3.0, 1.0]).value == 0.75


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=2, max_size=20))
def test_perfect_agreement_is_one_and_raters_may_be_swapped(pairs: list[tuple[int, int]]) -> None:
    for measurement in ("nominal", "ordinal", "interval"):
        same = krippendorff_alpha([(one, one) for one, _ in pairs], measurement=measurement).value
        assert same is None or same == pytest.approx(1)
        there = krippendorff_alpha(pairs, measurement=measurement).value
        back = krippendorff_alpha([(other, one) for one, other in pairs], measurement=measurement).value
        assert (there is None and back is None) or there == pytest.approx(back)
