"""How many distinct samples talks give: what was seen so far, and how many more there may be."""

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import accumulate
from math import ceil, log2
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from culturepark.postprocess.opinion import Opinion
from culturepark.postprocess.sample import Sample
from culturepark.runtime.record import Record

FEWEST_TALKS: Final = 20
"""Before so many nobody can say that talks have nothing new."""
LAST: Final = 0.2
"""Part of the talks that saturation is judged by."""
FIT_TALKS: Final = 4
"""Talks from which a curve is fitted."""
HALVES: Final = 200
SEED: Final = 0
FARTHEST: Final = 1000
"""Times the talks of the run, beyond which no number of talks is named."""


class Expected(Record):
    """A number with its interval; None where there may be no such number."""

    value: float | None
    low: float
    high: float | None


class Growth(NamedTuple):
    """What a set of talks tells of those to come."""

    talks: int
    samples: int
    once: int
    """Samples that one talk says."""
    twice: int
    """Samples that two talks say."""

    def bounded(self, talks: float) -> float:
        """Distinct samples of so many talks, if there is an end to them: Chao's estimate of those not seen yet."""
        if talks <= self.talks:
            return self.unbounded(talks)
        pairs = self.once**2 / (2 * self.twice) if self.twice else self.once * (self.once - 1) / 2
        unseen = (self.talks - 1) / self.talks * pairs
        if not unseen:
            return float(self.samples)
        missed: float = (1 - self.once / (self.talks * unseen + self.once)) ** (talks - self.talks)
        return self.samples + unseen * (1 - missed)

    def unbounded(self, talks: float) -> float:
        """The same, if there is no end to them: Heaps' law, as steep as over the second half of the talks."""
        return float(self.samples * (talks / self.talks) ** self.exponent)

    @property
    def exponent(self) -> float:
        """Heaps' exponent: 1 when every talk says as much that is new as the first, 0 when nothing is."""
        # What one talk says is missing from half of the random halves, what two say from a quarter of them; what more
        # talks say is taken as seen by every half.
        seen = self.samples - self.once / 2 - self.twice / 4
        return log2(self.samples / seen)


class YieldCurve(Record):
    """Growth of a run's samples with its talks, between two laws: one with an end and one without."""

    whole: Growth
    halves: tuple[Growth, ...]
    """Of random halves of the talks: their spread is the uncertainty of the whole."""
    repeated: bool
    """Whether some cultures talked about some question more than once; before that nothing can repeat itself."""

    def samples_after(self, talks: float) -> Expected:
        """Distinct samples of so many talks: by the law with an end; up to the law without one."""
        value = self.whole.bounded(talks)
        low = _spread([half.bounded(talks) for half in self.halves], 0.025)
        high = _spread([half.unbounded(talks) for half in self.halves], 0.975)
        return Expected(value=value, low=value * low, high=max(value, self.whole.unbounded(talks) * high))

    def talks_for(self, samples: int) -> Expected:
        """Talks that give so many distinct samples; no number where they may never."""

        def first(reach: Callable[[Expected], float | None]) -> float | None:
            """The fewest talks whose expectation reaches the samples."""
            low, high = 0, FARTHEST * self.whole.talks
            if (reach(self.samples_after(high)) or 0) < samples:
                return None
            while low + 1 < high:
                middle = (low + high) // 2
                if (reach(self.samples_after(middle)) or 0) < samples:
                    low = middle
                else:
                    high = middle
            return float(high)

        fewest = first(lambda expected: expected.high)
        return Expected(
            value=first(lambda expected: expected.value),
            low=float(FARTHEST * self.whole.talks) if fewest is None else fewest,
            high=first(lambda expected: expected.low),
        )


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
    """Fit the yield of a refinement; the order of its talks does not matter.

    How much is still unseen is told by how many samples only one talk says, and how many two. In simulations the law
    with an end misses by up to a tenth at three times the talks, and is low by up to a fifth at six times where there
    is no end; Heaps' law is high where there is one (`tests/postprocess/test_yields.py`). So the first is the expected
    value, and the interval reaches up to the second.

    Args:
        talks: Ids of the refined talks.
        cells: What each of them is a repetition of when another has the same: question and cultures.
        opinions: Of the refinement.
        samples: Of the refinement.

    Returns:
        None for fewer than four talks, or without samples.

    Source:
        A. Chao et al., "Rarefaction and extrapolation with Hill numbers", Ecological Monographs 84 (2014), equation 11
        for incidences; H. S. Heaps, Information Retrieval (1978); J. Shao and C. F. J. Wu, "A General Theory for
        Jackknife Variance Estimation", Annals of Statistics 17 (1989), for halves.
    """
    pairs = [(number, place) for number, said in enumerate(_places(talks, opinions, samples)) for place in said]
    if len(talks) < FIT_TALKS or not pairs:
        return None
    sample, place = np.array(pairs).T
    rng = np.random.default_rng(SEED)
    halves: list[Growth] = []
    for _ in range(HALVES):
        chosen = np.zeros(len(talks), dtype=bool)
        chosen[rng.permutation(len(talks))[: len(talks) // 2]] = True
        said = sample[chosen[place]]
        if len(said):
            halves.append(_growth(said, len(talks) // 2))
    return YieldCurve(whole=_growth(sample, len(talks)), halves=tuple(halves), repeated=len(set(cells)) < len(talks))


def _places(talks: Sequence[str], opinions: Sequence[Opinion], samples: Sequence[Sample]) -> list[set[int]]:
    """For each sample the places of the talks that say it."""
    order = {talk: place for place, talk in enumerate(talks)}
    talk_of = {opinion.id: opinion.talk for opinion in opinions}
    return [{order[talk_of[opinion]] for opinion in sample.opinions} for sample in samples]


def _growth(said: NDArray[Any], talks: int) -> Growth:
    """Count samples, from a list that names each once for every talk that says it."""
    times = np.bincount(said)
    return Growth(talks, int((times > 0).sum()), int((times == 1).sum()), int((times == 2).sum()))


def _spread(halves: Sequence[float], quantile: float) -> float:
    """A quantile of the halves, as a multiple of their middle."""
    edge, middle = np.quantile(halves, [quantile, 0.5])
    return float(edge / middle)
