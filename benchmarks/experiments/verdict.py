"""From paired differences to a verdict: *supported*, *not supported* or *underpowered*, by one pure function."""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

import numpy as np

from culturepark.benchmarks.experiments.design import Test
from culturepark.benchmarks.statistics import (
    holm,
    paired_interval,
    sign_flip_p,
    smallest_detectable,
    smallest_p,
)
from culturepark.runtime.record import Record

SEED: Final = 0
Outcome = Literal["supported", "not supported", "underpowered"]


class Pair(NamedTuple):
    """One difference, positive where it speaks for the claim, and what it shares with others."""

    difference: float
    cluster: str


class Contrast(Record):
    """An effect with everything needed to doubt it."""

    name: str
    unit: str
    value: float | None
    """Mean difference; None without pairs."""
    low: float | None
    high: float | None
    """95 % interval; None where none can be given."""
    p: float | None
    p_holm: float | None = None
    """Of a secondary contrast, corrected over all of them."""
    detectable: float | None
    """Minimum detectable effect: a true one that would be found in 80 of 100 repetitions."""
    pairs: int
    clusters: int
    least_p: float | None = None
    """The smallest p value that so many clusters can give; None where the test is no permutation test."""


class Check(Record):
    """Whether what was done to the arms had the effect it must have before anything else can be said."""

    name: str
    passed: bool
    detail: str


class Verdict(Record):
    """What the primary test says of the claim."""

    outcome: Outcome
    why: str
    """In a sentence."""


def contrast(name: str, pairs: Sequence[Pair], *, unit: str) -> Contrast:
    """Estimate a mean difference, whole clusters at a time; see `culturepark.benchmarks.statistics`."""
    differences, clusters = [one.difference for one in pairs], [one.cluster for one in pairs]
    interval = paired_interval(differences, clusters, seed=SEED)
    low, high = interval if interval is not None else (None, None)
    return Contrast(
        name=name,
        unit=unit,
        value=float(np.mean(differences)) if pairs else None,
        low=low,
        high=high,
        p=sign_flip_p(differences, clusters, seed=SEED),
        detectable=smallest_detectable(differences, clusters),
        pairs=len(pairs),
        clusters=len(set(clusters)),
        least_p=smallest_p(clusters),
    )


def corrected(contrasts: Sequence[Contrast]) -> tuple[Contrast, ...]:
    """Secondary contrasts with Holm's correction over all of them."""
    p_values = holm([one.p for one in contrasts])
    return tuple(one.model_copy(update={"p_holm": p}) for one, p in zip(contrasts, p_values, strict=True))


def judge(found: Contrast, test: Test, checks: Sequence[Check] = ()) -> Verdict:
    """Decide. A null is *not supported* only where an effect worth having would have been seen, else *underpowered*.

    - A failed manipulation check, or too few pairs or clusters for any p value below alpha: underpowered.
    - p at most alpha, the interval above 0 and the estimate at least the smallest effect worth having: supported.
    - p at most alpha and the interval below 0: not supported, and the claim is wrong the other way round.
    - The interval below the smallest effect, or the minimum detectable effect at most that: not supported.
    - Anything else: underpowered.
    """
    if failed := [check for check in checks if not check.passed]:
        return Verdict(outcome="underpowered", why=f"manipulation check failed: {failed[0].name} ({failed[0].detail})")
    value, low, high, p, detectable = found.value, found.low, found.high, found.p, found.detectable
    if value is None or low is None or high is None or p is None or detectable is None:
        return Verdict(outcome="underpowered", why=f"{found.pairs} pairs are too few for an interval")
    if found.pairs < test.fewest_pairs:
        return Verdict(outcome="underpowered", why=f"{found.pairs} pairs, and the test takes {test.fewest_pairs}")
    if found.least_p is not None and found.least_p > test.alpha:
        return Verdict(
            outcome="underpowered", why=f"with {found.clusters} clusters no p value can be below {found.least_p:.3g}"
        )
    if p <= test.alpha and low > 0 and value >= test.smallest:
        return Verdict(
            outcome="supported", why=f"{value:.3g} is at least {test.smallest:g}, and 0 is outside the interval"
        )
    if p <= test.alpha and high < 0:
        return Verdict(outcome="not supported", why=f"the effect goes the other way ({value:.3g})")
    if high < test.smallest:
        return Verdict(
            outcome="not supported", why=f"the interval ends at {high:.3g}, below the smallest effect {test.smallest:g}"
        )
    if detectable <= test.smallest:
        return Verdict(
            outcome="not supported",
            why=f"an effect of {detectable:.3g} would have been seen in 80 of 100 repetitions, and was not",
        )
    return Verdict(
        outcome="underpowered",
        why=f"only an effect of {detectable:.3g} or more would have been seen; {test.smallest:g} would be enough",
    )
