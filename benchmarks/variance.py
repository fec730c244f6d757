"""Variance components of a metric over crossed factors, and how many talks a reliable score takes.

Restricted maximum likelihood for `y = mean + sum of independent random effects + residual`, one effect for each
factor, crossed or nested in any unbalanced way. Where the data are balanced it gives the classical analysis of
variance (negative estimates set to 0). `statsmodels.MixedLM` fits the same model and is the oracle of the tests; at 400
talks it did not converge, and a bootstrap of it would take an hour where this takes a second.
"""

from collections.abc import Callable, Mapping, Sequence
from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from culturepark.benchmarks.statistics import LEVEL, Floats

ROUNDS = 200
TOLERANCE = 1e-9
BOOTSTRAPS = 999
BISECTIONS = 40
RELIABILITY = 0.8


class Range(NamedTuple):
    """From, to."""

    low: float
    high: float | None
    """None where the talks set no upper bound."""


class Fit(NamedTuple):
    """Variance of each factor, the residual's last, in the square of the metric's unit."""

    variances: tuple[float, ...]
    intervals: tuple[Range, ...]
    """95 % bootstrap intervals; wide where a factor has few values, because two values say little of their spread."""


def distinct_factors(labels: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Leave out factors that do not vary, and join those that cannot be told apart.

    Args:
        labels: For each factor, its value in each talk.

    Returns:
        Factor name to values; factors that split the talks in the same way under one name, `persona = name`. A factor
        with a value of its own for every talk is the residual, and is left out.
    """
    by_split: dict[tuple[int, ...], list[str]] = {}
    for factor, values in labels.items():
        order: dict[str, int] = {}
        split = tuple(order.setdefault(value, len(order)) for value in values)
        if 1 < len(order) < len(values):
            by_split.setdefault(split, []).append(factor)
    return {" = ".join(factors): list(labels[factors[0]]) for factors in by_split.values()}


def variance_components(values: Sequence[float], labels: Mapping[str, Sequence[str]], *, seed: int) -> Fit | None:
    """Estimate the components by REML, with parametric bootstrap intervals by test inversion.

    A component's interval holds the values under which an estimate as low, and one as high, as the one found comes
    up in at least 2.5 of 100 bootstraps, the other components as estimated. (Plain percentiles of the bootstrap miss
    most true values where a factor has two or three values.) The estimator in the bootstrap is one scoring step from
    the fitted values, minimum norm quadratic unbiased estimation.

    Args:
        values: The metric, one for each talk.
        labels: As `distinct_factors` gives them.
        seed: Of the bootstrap.

    Returns:
        None when the components cannot be told apart with these talks, for instance when there are too few, or the
        scoring does not settle.

    Source:
        S. Searle, G. Casella, C. McCulloch, Variance Components (1992): Fisher scoring for REML, section 6.7; MINQUE,
        section 11.3. J. Carpenter, "Test inversion bootstrap confidence intervals", JRSS B 61 (1999).
    """
    y = np.asarray(values, dtype=np.float64)
    designs = [_design(column) for column in labels.values()]
    spread = float(y.var())
    if len(y) <= len(designs) + 2 or spread < TOLERANCE * max(1.0, float(y @ y) / len(y)):
        return None
    y = (y - y.mean()) / np.sqrt(spread)  # so that tolerances need no unit
    estimated = _reml(y, designs)
    if estimated is None:
        return None
    intervals = [
        Range(low * spread, None if high is None else high * spread)
        for low, high in _intervals(y, estimated, designs, seed)
    ]
    return Fit(tuple(float(variance) * spread for variance in estimated), tuple(intervals))


def talks_needed(component: float, error: float, *, reliability: float = RELIABILITY) -> int | None:
    """Talks to average over for a score of this reliability: the D study of generalizability theory.

    With n talks the reliability is `component / (component + error / n)`, so n is
    `reliability / (1 - reliability) * error / component`, rounded up.

    Returns:
        None when the component is 0: no number of talks tells its values apart.

    Source:
        L. Cronbach and others, The Dependability of Behavioral Measurements (1972); R. Brennan, Generalizability Theory
        (2001), section 1.2.
    """
    if component <= 0:
        return None
    return max(1, ceil(reliability / (1 - reliability) * error / component - TOLERANCE))


def _design(column: Sequence[str]) -> Floats:
    """Indicator matrix, shape `(talks, values)`."""
    _, codes = np.unique(np.asarray(column), return_inverse=True)
    return np.eye(int(codes.max()) + 1)[codes]


def _reml(y: Floats, designs: Sequence[Floats]) -> Floats | None:
    """Fisher scoring; a component that would turn negative is held at 0 while the others are solved for."""
    current = np.full(len(designs) + 1, float(y.var()) / (len(designs) + 1))
    for _ in range(ROUNDS):
        score = _Score.at(current, designs, len(y))
        if not np.isfinite(score.information).all() or np.linalg.matrix_rank(score.information) < len(current):
            return None
        step = _not_negative(score.information, score.quadratics(y[:, None])[:, 0])
        step[-1] = max(step[-1], TOLERANCE)
        if np.abs(step - current).max() < 1e-8:
            return step
        current = step
    return None


class _Score(NamedTuple):
    """REML's scoring equations `information @ variances = quadratics` at given variances."""

    projected: NDArray[np.float64]
    information: Floats
    designs: tuple[Floats, ...]

    @classmethod
    def at(cls, variances: Floats, designs: Sequence[Floats], n: int) -> "_Score":
        """Build them: `P = V⁻¹ - V⁻¹ 1 (1' V⁻¹ 1)⁻¹ 1' V⁻¹`, `information[i, j] = tr(P V_i P V_j)`."""
        covariance = variances[-1] * np.eye(n)
        for variance, design in zip(variances[:-1], designs, strict=True):
            covariance += variance * design @ design.T
        inverse = np.linalg.inv(covariance)
        weights = inverse.sum(axis=0)
        projected = inverse - np.outer(weights, weights) / weights.sum()
        seen = [projected @ design for design in designs]
        k = len(designs)
        information = np.empty((k + 1, k + 1))
        for i, own in enumerate(designs):
            for j in range(k):
                information[i, j] = float(np.square(own.T @ seen[j]).sum())
            information[i, k] = information[k, i] = float(np.square(seen[i]).sum())
        information[k, k] = float(np.square(projected).sum())
        return cls(projected, information, tuple(designs))

    def quadratics(self, ys: Floats) -> Floats:
        """`y' P V_i P y` for each column of `ys`, shape `(components, columns)`."""
        residuals = self.projected @ ys
        rows = [np.square(design.T @ residuals).sum(axis=0) for design in self.designs]
        return np.array([*rows, np.square(residuals).sum(axis=0)])


def _not_negative(information: Floats, quadratics: Floats) -> Floats:
    """Solve the scoring equations, dropping the most negative component until none is."""
    free = list(range(len(quadratics)))
    solved = np.zeros(len(quadratics))
    while free:
        found = np.linalg.solve(information[np.ix_(free, free)], quadratics[free])
        if found.min() >= 0:
            solved[free] = found
            break
        del free[int(found.argmin())]
    return solved


def _intervals(y: Floats, variances: Floats, designs: Sequence[Floats], seed: int) -> list[Range]:
    rng = np.random.default_rng(seed)
    score = _Score.at(variances, designs, len(y))
    solver = np.linalg.inv(score.information)
    observed = solver @ score.quadratics(y[:, None])[:, 0]
    parts = [design @ rng.standard_normal((design.shape[1], BOOTSTRAPS)) for design in designs]
    parts.append(rng.standard_normal((len(y), BOOTSTRAPS)))
    scaled = [np.sqrt(variance) * part for variance, part in zip(variances, parts, strict=True)]
    whole = np.sum(scaled, axis=0)
    found: list[Range] = []
    for place, part in enumerate(parts):
        rest = whole - scaled[place]
        # As a function of the component's standard deviation s, an estimate is `constant + s linear + s² square`.
        constant, square, both = (solver[place] @ score.quadratics(ys) for ys in (rest, part, rest + part))
        found.append(_inverted(float(observed[place]), constant, both - constant - square, square))
    return found


def _inverted(observed: float, constant: Floats, linear: Floats, square: Floats) -> Range:
    """The variances under which the observed estimate is neither too low nor too high."""
    tail = (1 - LEVEL) / 2

    def too_low(variance: float) -> bool:
        return bool(np.mean(constant + np.sqrt(variance) * linear + variance * square >= observed) < tail)

    def too_high(variance: float) -> bool:
        return bool(np.mean(constant + np.sqrt(variance) * linear + variance * square <= observed) < tail)

    return Range(_first(lambda variance: not too_low(variance)) or 0.0, _first(too_high))


def _first(reached: Callable[[float], bool]) -> float | None:
    """The smallest variance from which a condition holds, by bisection of its logarithm; None when it never does."""
    if reached(0.0):
        return 0.0
    low, high = np.log(TOLERANCE), np.log(1 / TOLERANCE)
    if not reached(float(np.exp(high))):
        return None
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (low, middle) if reached(float(np.exp(middle))) else (middle, high)
    return float(np.exp(high))
