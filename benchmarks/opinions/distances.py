"""How far two distributions of answers are apart, as estimated from samples, and what sampling alone adds.

A distribution is an array of shares over the options of one question, in code order. `n` is what it was drawn from:
people, or answers of a model; `None` where it is known exactly (a model's own probabilities) or nobody says.
"""

from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import rel_entr
from scipy.stats import norm

Floats = NDArray[np.float64]
Measure = Literal["similarity", "w1"]
LN2: Final = float(np.log(2))


def similarity(one: Floats, other: Floats) -> float:
    """1 minus the Jensen-Shannon distance, base 2: 1 for equal distributions, 0 for ones without a common answer."""
    return 1 - float(np.sqrt(_divergence(one, other)))


def wasserstein(one: Floats, other: Floats) -> float:
    """W1 between ordinal answers as a fraction of the scale, W1/(K-1): 0 to 1, equal steps between its K codes."""
    return float(np.abs(np.cumsum(one - other)[:-1]).sum()) / (len(one) - 1)


def corrected_similarity(one: Floats, other: Floats, *, n_one: float | None, n_other: float | None) -> float:
    """`similarity` less what sampling alone adds to the distance.

    The divergence's bias is taken from its second-order expansion: `H` of a share `p` seen in n answers is too low by
    `(1 - p) / 2n`, and that of the mean of both by the variance of its parts. A corrected divergence below 0 counts
    as 0.

    Source:
        G. Miller, "Note on the bias of information estimates" (1955), applied to each of the three entropies.
    """
    variances = np.array([_variance(one, n_one), _variance(other, n_other)])
    mean = (one + other) / 2
    seen = mean > 0

    def excess(shares: Floats, variance: Floats) -> float:
        used = shares > 0
        return float((variance[used] / shares[used]).sum()) / (2 * LN2)

    bias = (excess(one, variances[0]) + excess(other, variances[1])) / 2
    bias -= float((variances.sum(axis=0)[seen] / 4 / mean[seen]).sum()) / (2 * LN2)
    return 1 - float(np.sqrt(max(0.0, _divergence(one, other) - bias)))


def corrected_wasserstein(one: Floats, other: Floats, *, n_one: float | None, n_other: float | None) -> float:
    """`wasserstein` less what sampling alone adds.

    Each step of the two cumulative distributions differs by a normal variable whose variance is known; its absolute
    value is on average that of a folded normal one. Each step is set to the difference whose folded mean was seen, or
    to 0 where even no difference would have shown more.
    """
    upto_one, upto_other = np.cumsum(one)[:-1], np.cumsum(other)[:-1]
    spread = np.sqrt(_variance(upto_one, n_one) + _variance(upto_other, n_other))
    steps = [_unfolded(gap, sd) for gap, sd in zip(np.abs(upto_one - upto_other), spread, strict=True)]
    return sum(steps) / (len(one) - 1)


def _divergence(one: Floats, other: Floats) -> float:
    """Jensen-Shannon divergence in bits; scipy's `jensenshannon` is `nan` for some distributions that are equal."""
    mean = (one + other) / 2
    return max(0.0, float(rel_entr(one, mean).sum() + rel_entr(other, mean).sum()) / (2 * LN2))


def _variance(shares: Floats, n: float | None) -> Floats:
    return np.zeros_like(shares) if n is None else shares * (1 - shares) / n


def _unfolded(seen: float, sd: float) -> float:
    """The difference whose absolute value, blurred by `sd`, is on average what was seen."""
    if sd < 1e-12 or seen > 6 * sd:
        return float(seen)

    def too_much(mean: float) -> float:
        z = mean / sd
        return float(sd * (2 * norm.pdf(z) + z * (1 - 2 * norm.cdf(-z))) - seen)

    return 0.0 if too_much(0.0) >= 0 else float(brentq(too_much, 0.0, seen))


def drawn(shares: Floats, n: float | None, *, times: int, seed: int) -> Floats:
    """Shares in `times` samples of n answers, shape `(times, options)`; the shares themselves without n."""
    if n is None:
        return np.tile(shares, (times, 1))
    size = max(1, round(n))
    return np.random.default_rng(seed).multinomial(size, shares / shares.sum(), size=times) / size


def variance(shares: Floats, codes: Sequence[int]) -> float:
    """Variance of the answer's code."""
    values = np.asarray(codes, dtype=np.float64)
    return float(shares @ values**2 - (shares @ values) ** 2)


def mean_of(distributions: Sequence[Floats]) -> Floats:
    """Average of distributions, each counting once."""
    found: Floats = np.stack(distributions).mean(axis=0)
    return found
