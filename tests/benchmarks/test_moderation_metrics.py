"""The metrics are scikit-learn's, and some are small enough to be worked out by hand."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, f1_score, matthews_corrcoef, roc_auc_score

from culturepark.benchmarks.moderation.metrics import (
    NO_ANSWER,
    auroc,
    average_precision,
    class_auroc,
    estimate,
    macro_f1,
    matthews,
    resamples,
    reweighted,
)

ROWS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 5), st.integers(1, 4)), min_size=4, max_size=40
)


def test_hand_computed() -> None:
    gold, said = np.array([0, 0, 0, 1, 1]), np.array([0, 0, 1, 1, 0])
    one = np.ones((1, 5))

    # F1: 2*2/(3+3) = 2/3 and 2*1/(2+2) = 1/2. MCC: (3*5 - (3*3 + 2*2)) / sqrt((25-13)(25-13)) = 2/12.
    assert macro_f1(gold, said, one, classes=2)[0] == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert matthews(gold, said, one, classes=2)[0] == pytest.approx(1 / 6)


def test_a_text_without_an_answer_is_a_miss_and_nobodys_false_positive() -> None:
    gold, said = np.array([0, 0, 1, 1]), np.array([0, NO_ANSWER, 1, 1])

    # Class 0: 2*1/(2+1) = 2/3; class 1: 2*2/(2+2) = 1.
    assert macro_f1(gold, said, np.ones((1, 4)), classes=2)[0] == pytest.approx((2 / 3 + 1) / 2)


def test_reweighting_to_a_tenth_of_positives() -> None:
    gold, said = np.array([0] * 10 + [1] * 10), np.array([0] * 8 + [1] * 2 + [0] * 2 + [1] * 8)

    weights = reweighted(gold, np.ones((1, 20)), [90, 10])

    # Of 100 texts 90 are negative: hits 72, false alarms 18; hits of the positive 8, misses 2.
    assert macro_f1(gold, said, weights, classes=2)[0] == pytest.approx((2 * 72 / (90 + 74) + 2 * 8 / (10 + 26)) / 2)


@given(ROWS)
def test_metrics_are_those_of_scikit_learn(rows: Sequence[tuple[int, int, int, int]]) -> None:
    gold, said, scores, weights = (np.array(column) for column in zip(*rows, strict=True))
    given_weights = weights[None].astype(float)

    expected = f1_score(gold, said, average="macro", labels=[0, 1, 2], sample_weight=weights, zero_division=0)
    assert macro_f1(gold, said, given_weights, classes=3)[0] == pytest.approx(expected)
    if len(set(gold)) > 1 and len(set(said)) > 1:
        correlation = matthews_corrcoef(gold, said, sample_weight=weights)
        assert matthews(gold, said, given_weights, classes=3)[0] == pytest.approx(correlation, abs=1e-9)
    positive = gold == 1
    if 0 < positive.sum() < len(gold):
        found = auroc(positive, scores.astype(float), given_weights)[0]
        assert found == pytest.approx(roc_auc_score(positive, scores, sample_weight=weights))
        area = average_precision(positive, scores.astype(float), given_weights)[0]
        assert area == pytest.approx(average_precision_score(positive, scores, sample_weight=weights))


def test_several_classes_are_each_held_against_the_rest() -> None:
    rng = np.random.default_rng(0)
    gold = np.array([0, 1, 2] * 10)
    shares = rng.dirichlet([1, 1, 1], size=30)

    expected = roc_auc_score(gold, shares, multi_class="ovr", average="macro")

    assert class_auroc(gold, shares, np.ones((1, 30)))[0] == pytest.approx(expected)


def test_an_interval_holds_the_value_and_one_class_has_none() -> None:
    gold = np.array([0, 1] * 50)
    said = np.array([0, 1, 1, 1] * 25)
    weights = resamples(100, seed=0)

    found, each = estimate(lambda w: macro_f1(gold, said, w, classes=2), weights, 100)

    assert found.value is not None
    assert found.low is not None
    assert found.high is not None
    assert 0.6 < found.low < found.value < found.high < 0.85
    assert each.shape == (999,)
    assert math.isnan(auroc(np.ones(3, dtype=bool), np.arange(3.0), np.ones((1, 3)))[0])
