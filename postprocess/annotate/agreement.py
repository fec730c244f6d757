"""How far people agree, and a judge with them: Krippendorff's alpha, Cohen's kappa, bootstrap intervals."""

from collections.abc import Sequence
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from culturepark.runtime.record import Record

LEVEL: Final = 0.95
RESAMPLES: Final = 2000
SEED: Final = 0
Floats = NDArray[np.float64]
Measurement = Literal["nominal", "ordinal", "interval"]


class Interval(Record):
    """From, to."""

    low: float
    high: float


class Agreement(Record):
    """A coefficient with what it rests on."""

    value: float | None
    """1 is perfect agreement, 0 what chance gives; None where it is not defined: nothing to compare, or everybody
    always said the same."""
    interval: Interval | None
    """95 % percentile bootstrap over items."""
    items: int
    """Items with at least two values."""


def krippendorff_alpha(ratings: Sequence[Sequence[str | int | None]], *, measurement: Measurement) -> Agreement:
    """Agreement of any number of raters, some of whose values may be missing.

    Args:
        ratings: For each item the value of every rater, None where there is none. Ordinal and interval values are
            numbers.
        measurement: How far two values are apart: `nominal` (the same or not), `ordinal` (how many values of all
            raters lie between), `interval` (their squared difference).

    Source:
        K. Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), from the coincidence matrix; the intervals
        resample whole items.
    """
    paired = [[value for value in item if value is not None] for item in ratings]
    paired = [item for item in paired if len(item) > 1]
    domain: list[Any] = sorted({value for item in paired for value in item})
    if not paired:
        return Agreement(value=None, interval=None, items=0)
    counts = np.array([[item.count(value) for value in domain] for item in paired], dtype=np.float64)
    sizes = counts.sum(axis=1)
    pairs = counts[:, :, None] * counts[:, None, :]
    places = np.arange(len(domain))
    pairs[:, places, places] -= counts
    coincidences = pairs / (sizes - 1)[:, None, None]
    weights = _weights(len(paired))
    matrices = np.einsum("ru,uij->rij", weights, coincidences, optimize=True)
    positions = places if measurement != "interval" else domain
    alphas = _alphas(matrices, np.asarray(positions, dtype=np.float64), measurement)
    return _agreement(alphas, len(paired))


def cohen_kappa(one: Sequence[int], other: Sequence[int], *, labels: int) -> Agreement:
    """Agreement of two raters who rated the same items, each with a habit of their own.

    Args:
        one: Label of each item, from 0 to `labels` - 1.
        other: The other rater's.
        labels: How many labels there are.

    Source:
        J. Cohen, "A Coefficient of Agreement for Nominal Scales", Educational and Psychological Measurement 20 (1960).
    """
    if not one:
        return Agreement(value=None, interval=None, items=0)
    cells = np.zeros((len(one), labels, labels))
    cells[np.arange(len(one)), list(one), list(other)] = 1
    tables = np.einsum("ru,uij->rij", _weights(len(one)), cells, optimize=True)
    tables /= tables.sum(axis=(1, 2), keepdims=True)
    observed = np.trace(tables, axis1=1, axis2=2)
    expected = (tables.sum(axis=2) * tables.sum(axis=1)).sum(axis=1)
    return _agreement(_ratio(observed - expected, 1 - expected), len(one))


def share(hits: Sequence[bool], weights: Sequence[float] | None = None) -> Agreement:
    """Share of items that hold, each counted `weights` times."""
    if not hits:
        return Agreement(value=None, interval=None, items=0)
    each = np.asarray(weights if weights is not None else np.ones(len(hits)))
    drawn = _weights(len(hits))
    return _agreement(_ratio(drawn @ (each * np.asarray(hits, dtype=np.float64)), drawn @ each), len(hits))


def _weights(items: int) -> Floats:
    """How often each item is drawn: once in row 0, with replacement in the rows of the bootstrap."""
    rng = np.random.default_rng(SEED)
    drawn = rng.multinomial(items, np.full(items, 1 / items), size=RESAMPLES)
    return np.vstack([np.ones(items), drawn]).astype(np.float64)


def _alphas(matrices: Floats, positions: Floats, measurement: Measurement) -> Floats:
    """Alpha of each coincidence matrix, shape `(n, v, v)`."""
    totals = matrices.sum(axis=2)
    n = totals.sum(axis=1)
    if measurement == "ordinal":
        # A value's place is the middle of its rank among all values; between two places lie the values between.
        places = np.cumsum(totals, axis=1) - totals / 2
    else:
        places = np.broadcast_to(positions, totals.shape)
    apart = (places[:, :, None] - places[:, None, :]) ** 2
    if measurement == "nominal":
        apart = (apart > 0).astype(np.float64)
    observed = (matrices * apart).sum(axis=(1, 2)) / n
    expected = (totals[:, :, None] * totals[:, None, :] * apart).sum(axis=(1, 2)) / (n * (n - 1))
    return 1 - _ratio(observed, expected)


def _ratio(above: Floats, below: Floats) -> Floats:
    """Division that is `nan` where there is nothing to divide by."""
    found = np.full(len(above), np.nan)
    np.divide(above, below, out=found, where=np.abs(below) > 1e-12)
    return found


def _agreement(values: Floats, items: int) -> Agreement:
    """The first value is that of the items as they are, the others are of the bootstrap."""
    if np.isnan(values[0]):
        return Agreement(value=None, interval=None, items=items)
    drawn = values[1:][~np.isnan(values[1:])]
    interval = None
    if items > 1 and len(drawn):
        low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        interval = Interval(low=float(low), high=float(high))
    return Agreement(value=float(values[0]), interval=interval, items=items)
