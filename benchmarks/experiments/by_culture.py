"""Do all cultures gain? A mixed model over culture and question cells, and each culture's own gain beside it."""

from collections.abc import Sequence
from math import sqrt
from typing import Final, NamedTuple

import numpy as np
from scipy import stats

from culturepark.benchmarks.claim import pairs
from culturepark.benchmarks.experiments.running import Analysis
from culturepark.benchmarks.experiments.setup import Setup
from culturepark.benchmarks.experiments.steps import BASE, Step, Talks
from culturepark.benchmarks.experiments.tuning import (
    SIMILARITY,
    analysis,
    cells,
    equalised,
    measured,
    question_of,
    rows_of,
    tuned,
)
from culturepark.benchmarks.experiments.verdict import Contrast, contrast, corrected
from culturepark.benchmarks.statistics import LEVEL, POWER
from culturepark.benchmarks.task import Table
from culturepark.benchmarks.variance import Fit, variance_components

TALKS: Final = "talks"
TUNED: Final = "culturepark"
SEED: Final = 0


class Gain(NamedTuple):
    """One cell."""

    value: float
    culture: str
    question: str


def plan(setup: Setup) -> tuple[Step, ...]:
    """One run of talks over all cultures, one adapter."""
    return tuned(
        setup,
        [Talks(TALKS, setup.study(TALKS))],
        lambda: equalised({TUNED: rows_of(setup, TALKS)}, setup),
    )


def analyse(setup: Setup) -> Analysis:
    """The mean gain under the mixed model, then culture by culture."""
    found = measured(setup)
    gains = [
        Gain(pair.difference, pair.item.culture, question_of(pair.item.id)) for pair in pairs(found[TUNED], found[BASE])
    ]
    base = analysis(setup, setup.design.test.contrast, TUNED, BASE)
    primary, table = mixed_model(setup.design.test.contrast, gains)
    each = [
        contrast(f"gain of {culture}", cells(found[TUNED], found[BASE], culture=culture), unit=SIMILARITY)
        for culture in sorted({gain.culture for gain in gains})
    ]
    return base.model_copy(
        update={
            "primary": primary,
            "secondary": corrected([*each, *base.secondary]),
            "tables": (*base.tables, *([table] if table is not None else [])),
        }
    )


def mixed_model(name: str, gains: Sequence[Gain]) -> tuple[Contrast, Table | None]:
    """Mean gain with random effects of culture and question, crossed; variances by restricted maximum likelihood.

    The mean is the generalised least squares estimate at the fitted variances, its interval a t interval with one
    degree of freedom less than the factor with fewer levels has.

    Returns:
        The mean, without an interval where the variances cannot be told apart; and the variances.
    """
    values = np.array([gain.value for gain in gains], dtype=np.float64)
    labels = {"culture": [gain.culture for gain in gains], "question": [gain.question for gain in gains]}
    levels = min((len(set(column)) for column in labels.values()), default=0)
    fit = variance_components(list(values), labels, seed=SEED) if levels > 1 else None
    plain = {
        "name": name, "unit": SIMILARITY, "pairs": len(gains), "clusters": levels, "low": None, "high": None, "p": None,
        "detectable": None,
    }  # fmt: skip
    if fit is None:
        return Contrast.model_validate({**plain, "value": float(values.mean()) if len(values) else None}), None
    weights = np.linalg.inv(_covariance(labels, fit, len(values))).sum(axis=0)
    mean, error = float(weights @ values / weights.sum()), 1 / sqrt(weights.sum())
    freedom = levels - 1
    edge = float(stats.t.ppf((1 + LEVEL) / 2, freedom))
    p = float(2 * stats.t.sf(abs(mean) / error, freedom))
    estimates = {
        "value": mean, "low": mean - edge * error, "high": mean + edge * error, "p": p,
        "detectable": (edge + float(stats.t.ppf(POWER, freedom))) * error,
    }  # fmt: skip
    return Contrast.model_validate({**plain, **estimates}), _variances(fit)


def _covariance(labels: dict[str, list[str]], fit: Fit, n: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    covariance = fit.variances[-1] * np.eye(n)
    for variance, column in zip(fit.variances, labels.values(), strict=False):
        same = np.array(column)[:, None] == np.array(column)[None, :]
        covariance = covariance + variance * same
    return covariance


def _variances(fit: Fit) -> Table:
    rows = zip(("culture", "question", "residual"), fit.variances, fit.intervals, strict=True)
    return Table(
        title="variance of the gain",
        columns=("source", "variance", "low", "high"),
        rows=tuple((source, variance, interval.low, interval.high) for source, variance, interval in rows),
        note="How much the gain differs between cultures, between questions, and from cell to cell; no upper bound "
        "where the cells set none.",
    )
