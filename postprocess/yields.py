"""How many distinct samples talks give: what was seen so far, and a curve to look ahead with."""

from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from math import ceil, floor
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from culturepark.postprocess.opinion import Opinion
from culturepark.postprocess.sample import Sample
from culturepark.runtime.record import Record

FEWEST_TALKS: Final = 20
"""Before so many nobody can say that talks have nothing new."""
LAST: Final = 0.2
"""Part of the talks that saturation is judged by."""
FIT_TALKS: Final = 4
"""Talks from which a curve is fitted."""
POINTS: Final = 24
HALVES: Final = 200
SEED: Final = 0
Floats = NDArray[np.float64]


class Expected(Record):
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float


class Fit(NamedTuple):
    """`factor * talks ** exponent`."""

    factor: float
    exponent: float

    def samples(self, talks: float) -> float:
        """Distinct samples of so many talks."""
        return float(self.factor * talks**self.exponent)

    def talks(self, samples: float) -> float:
        """Talks that give so many distinct samples."""
        return float((samples / self.factor) ** (1 / self.exponent))


class YieldCurve(Record):
    """Heaps' law fitted on a refinement: each further talk says less that is new."""

    talks: int
    """Talks it was fitted on."""
    samples: int
    fit: Fit
    halves: tuple[Fit, ...]
    """Fits on random halves of the talks: their spread is the fit's uncertainty."""
    repeated: bool
    """Whether some culture talked about some question more than once; before that nothing can repeat itself."""

    def samples_after(self, talks: int) -> Expected:
        """Distinct samples of so many talks."""
        return _expected(self.fit.samples(talks), [half.samples(talks) for half in self.halves])

    def talks_for(self, samples: int) -> Expected:
        """Talks that give so many distinct samples; may be huge where talks have little new left to say."""
        return _expected(self.fit.talks(samples), [half.talks(samples) for half in self.halves])


def accumulated(talks: Sequence[str], opinions: Sequence[Opinion], samples: Sequence[Sample]) -> list[int]:
    """Distinct samples after each talk, in order; a sample is found in the first talk that says it.

    Args:
        talks: Ids of the refined talks in the order they were planned.
        opinions: Of the refinement.
        samples: Of the refinement.
    """
    places = _places(talks, opinions, samples)
    found = Counter(min(said) for said in places)
    return list(accumulate(found[place] for place in range(len(talks))))


def is_saturated(curve: Sequence[int], *, below: float) -> bool:
    """Whether the last fifth of the talks added less than a fraction `below` of all distinct samples.

    Never before 20 talks. Talks that gave nothing at all are saturated too.

    Args:
        curve: As `accumulated` gives it.
        below: Fraction in [0, 1].
    """
    if len(curve) < FEWEST_TALKS:
        return False
    before = curve[-1 - ceil(LAST * len(curve))]
    return curve[-1] == 0 or curve[-1] - before < below * curve[-1]


def fit_yield(
    talks: Sequence[str], cells: Sequence[object], opinions: Sequence[Opinion], samples: Sequence[Sample]
) -> YieldCurve | None:
    """Fit the yield of a refinement.

    The curve is that of talks in random order (rarefaction: the exact mean over all orders), so the order of the plan
    does not matter. The interval comes from random halves of the talks, whose spread is that of the whole.

    Args:
        talks: Ids of the refined talks.
        cells: What each of them is a repetition of when another has the same: question and cultures.
        opinions: Of the refinement.
        samples: Of the refinement.

    Returns:
        None for fewer than four talks, or samples that are too few.

    Source:
        H. S. Heaps, Information Retrieval (1978), for the law; S. Hurlbert, "The Nonconcept of Species Diversity",
        Ecology 52 (1971), for rarefaction; J. Shao and C. F. J. Wu, "A General Theory for Jackknife Variance
        Estimation", Annals of Statistics 17 (1989), for halves.
    """
    places = _places(talks, opinions, samples)
    pairs = [(number, place) for number, said in enumerate(places) for place in said]
    if len(talks) < FIT_TALKS or not pairs:
        return None
    sample, place = np.array(pairs).T
    whole = _fit(np.bincount(sample), len(talks))
    if whole is None:
        return None
    rng = np.random.default_rng(SEED)
    halves: list[Fit] = []
    for _ in range(HALVES):
        chosen = np.zeros(len(talks), dtype=bool)
        chosen[rng.permutation(len(talks))[: floor(len(talks) / 2)]] = True
        half = _fit(np.bincount(sample[chosen[place]], minlength=1), int(chosen.sum()))
        if half is not None:
            halves.append(half)
    return YieldCurve(
        talks=len(talks),
        samples=len(samples),
        fit=whole,
        halves=tuple(halves),
        repeated=len(set(cells)) < len(talks),
    )


def _places(talks: Sequence[str], opinions: Sequence[Opinion], samples: Sequence[Sample]) -> list[set[int]]:
    """For each sample the places of the talks that say it."""
    order = {talk: place for place, talk in enumerate(talks)}
    talk_of = {opinion.id: opinion.talk for opinion in opinions}
    return [{order[talk_of[opinion]] for opinion in sample.opinions} for sample in samples]


def _fit(said_in: NDArray[Any], talks: int) -> Fit | None:
    """Least squares on logarithms over the rarefied curve.

    Args:
        said_in: For each sample, how many talks say it.
        talks: How many talks there are.
    """
    grid = np.unique(np.geomspace(1, talks, POINTS).round())
    times, counts = np.unique(said_in[said_in > 0], return_counts=True)
    curve = np.array([float(counts @ (1 - _missed(times, talks, drawn))) for drawn in grid])
    if len(grid) < 2 or curve[0] <= 0:
        return None
    exponent, factor = np.polyfit(np.log(grid), np.log(curve), 1)
    return Fit(float(np.exp(factor)), float(np.clip(exponent, 0.01, 1.0)))


def _missed(times: NDArray[Any], talks: int, drawn: float) -> Floats:
    """Chance that none of `drawn` talks is among the `times` that say something: C(T - m, t) / C(T, t)."""
    left = talks - times - drawn
    chance = np.exp(
        gammaln(talks - times + 1) - gammaln(np.maximum(left, 0) + 1) - gammaln(talks + 1) + gammaln(talks - drawn + 1)
    )
    return np.asarray(np.where(left < 0, 0.0, chance), dtype=np.float64)


def _expected(value: float, halves: Sequence[float]) -> Expected:
    """The value, spread as its halves are about their own middle."""
    if not halves:
        return Expected(value=value, low=value, high=value)
    low, middle, high = np.quantile(halves, [0.025, 0.5, 0.975])
    return Expected(value=value, low=float(value * low / middle), high=float(value * high / middle))
