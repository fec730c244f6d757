"""Classification metrics over weighted texts, many sets of weights at once, so that a bootstrap is one call.

Weights have shape `(r, n)`: r replicates of n texts. scikit-learn defines every metric here, and the tests hold these
functions to it; what it lacks is doing a thousand replicates at once.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
NO_ANSWER: Final = -1
REPLICATES: Final = 999


class Estimate(NamedTuple):
    """A value with its 95 % interval; None where it is not defined."""

    value: float | None
    low: float | None = None
    high: float | None = None


def macro_f1(gold: Ints, predicted: Ints, weights: Floats, *, classes: int) -> Floats:
    """Mean of the classes' F1, shape `(r,)`; `NO_ANSWER` is a miss and nobody's false positive.

    A class that is never there and never predicted has F1 0, as in scikit-learn.
    """
    found = np.zeros(len(weights))
    for label in range(classes):
        hit = weights[:, (gold == label) & (predicted == label)].sum(axis=1)
        there = weights[:, gold == label].sum(axis=1)
        said = weights[:, predicted == label].sum(axis=1)
        whole = there + said
        found += np.divide(2 * hit, whole, out=np.zeros_like(hit), where=whole > 0)
    return found / classes


def matthews(gold: Ints, predicted: Ints, weights: Floats, *, classes: int) -> Floats:
    """Matthews' correlation of several classes, shape `(r,)`; 0 where one side never varies."""
    there = np.stack([weights[:, gold == label].sum(axis=1) for label in range(classes)])
    said = np.stack([weights[:, predicted == label].sum(axis=1) for label in range(classes)])
    right = weights[:, gold == predicted].sum(axis=1)
    whole = weights.sum(axis=1)
    covariance = right * whole - (there * said).sum(axis=0)
    spread = np.sqrt((whole**2 - (said**2).sum(axis=0)) * (whole**2 - (there**2).sum(axis=0)))
    return _ratio(covariance, spread, empty=0.0)


def auroc(positive: NDArray[np.bool_], scores: Floats, weights: Floats) -> Floats:
    """Probability that a positive text scores above a negative one, ties half, shape `(r,)`; `nan` for one class."""
    pos, neg = _by_score(positive, scores, weights)
    below = np.cumsum(neg, axis=1) - neg
    area = (pos * (below + neg / 2)).sum(axis=1)
    pairs = pos.sum(axis=1) * neg.sum(axis=1)
    return _ratio(area, pairs, empty=np.nan)


def average_precision(positive: NDArray[np.bool_], scores: Floats, weights: Floats) -> Floats:
    """Area under precision and recall, shape `(r,)`, by steps as scikit-learn takes it; `nan` without positives."""
    pos, neg = (side[:, ::-1] for side in _by_score(positive, scores, weights))
    hits = np.cumsum(pos, axis=1)
    said = hits + np.cumsum(neg, axis=1)
    precision = np.divide(hits, said, out=np.zeros_like(hits), where=said > 0)
    there = pos.sum(axis=1)
    area = (pos * precision).sum(axis=1)
    return _ratio(area, there, empty=np.nan)


def class_auroc(gold: Ints, shares: Floats, weights: Floats) -> Floats:
    """Mean over classes of each one's AUROC against the rest, shape `(r,)`; `shares` has shape `(n, classes)`."""
    each = [auroc(gold == label, shares[:, label], weights) for label in range(shares.shape[1])]
    return np.mean(each, axis=0)  # type: ignore[no-any-return]


def reweighted(gold: Ints, weights: Floats, natural: Sequence[float]) -> Floats:
    """Scale weights so that the classes have their natural shares, in every replicate; shape stays `(r, n)`."""
    shares = np.asarray(natural, dtype=np.float64)
    shares = shares / shares.sum()
    factors = np.zeros_like(weights)
    for label, share in enumerate(shares):
        mine = gold == label
        whole = weights[:, mine].sum(axis=1, keepdims=True)
        factors[:, mine] = np.divide(share, whole, out=np.zeros_like(whole), where=whole > 0)
    return weights * factors


def resamples(n: int, *, seed: int, replicates: int = REPLICATES) -> Floats:
    """How often each of n texts is drawn in each replicate of a bootstrap, shape `(replicates, n)`."""
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=replicates)
    return drawn.astype(np.float64)


def estimate(metric: Callable[[Floats], Floats], weights: Floats, n: int) -> tuple[Estimate, Floats]:
    """A metric of all texts, with the percentile interval over replicates, and its value in each."""
    value = float(metric(np.ones((1, n)))[0])
    each = metric(weights)
    if np.isnan(value):
        return Estimate(None), each
    kept = each[~np.isnan(each)]
    if len(kept) < len(each) / 2:
        return Estimate(value), each
    low, high = np.quantile(kept, [0.025, 0.975])
    return Estimate(value, float(low), float(high)), each


def _ratio(top: Floats, bottom: Floats, *, empty: float) -> Floats:
    """Divide, with `empty` where there is nothing to divide by."""
    found = np.full(top.shape, empty)
    there = bottom > 1e-12
    found[there] = top[there] / bottom[there]
    return found


def _by_score(positive: NDArray[np.bool_], scores: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Weight of positives and of negatives at each distinct score, from low to high, shapes `(r, scores)`."""
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    mine = weights[:, order]
    pos = np.add.reduceat(mine * positive[order], starts, axis=1)
    neg = np.add.reduceat(mine * ~positive[order], starts, axis=1)
    return pos, neg
