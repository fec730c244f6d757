"""Asking a model for its distribution of answers: by option probabilities where there are any, else by samples."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations
from math import ceil
from typing import Final, NamedTuple

import numpy as np

from culturepark.benchmarks.asking import DRAWN, Answer, Asker, count
from culturepark.benchmarks.opinions.distances import Floats, mean_of
from culturepark.benchmarks.opinions.variants import Variant, in_code_order
from culturepark.benchmarks.task import Counts

DRAWS: Final = 100
"""Fewest samples of a cell, spread over its variants."""


class CellKey(NamedTuple):
    """Who was asked what."""

    culture: str
    question: str


class Opinion(NamedTuple):
    """How a model answers one question as one culture."""

    shares: Floats
    """In code order."""
    n: float | None
    """Samples behind them; None for probabilities."""


class Measured(NamedTuple):
    """What a model answered."""

    opinions: Mapping[CellKey, Opinion]
    """Without the cells in which no reply could be read."""
    counts: Counts
    flips: int
    """Pairs of option orders, with equal wording, whose commonest answers differ."""
    order_pairs: int
    """Such pairs in all."""

    @property
    def flip_rate(self) -> float | None:
        """Share of pairs of orders between which the answer flips; None without any."""
        return self.flips / self.order_pairs if self.order_pairs else None


async def measure(asker: Asker, cells: Mapping[CellKey, Sequence[Variant]], *, what: str) -> Measured:
    """Ask every variant of every cell.

    Where a variant's probabilities are not to be had (the endpoint gives none, or two options begin with the same
    token, as 1 and 10 may), the whole cell is sampled instead, at least 100 times over its variants.
    """
    asked = [(key, variant) for key, own in cells.items() for variant in own]
    first = await asker.choose([variant.closed for _, variant in asked], what=what)
    found: dict[CellKey, list[tuple[Variant, list[Answer]]]] = defaultdict(list)
    for (key, variant), answer in zip(asked, first, strict=True):
        found[key].append((variant, [answer]))
    lacking = [key for key, own in found.items() if any(answers[0].shares is None for _, answers in own)]
    sampled = [(key, variant) for key in lacking for variant in cells[key]]
    for key in lacking:
        found[key] = [(variant, []) for variant in cells[key]]
    for draw in range(max((ceil(DRAWS / len(cells[key])) for key in lacking), default=0)):
        batch = [(key, variant) for key, variant in sampled if draw < ceil(DRAWS / len(cells[key]))]
        answers = await asker.choose(
            [variant.closed for _, variant in batch], what=f"{what}, draw {draw + 1}", sampling=DRAWN, draw=draw
        )
        places = {id(variant): own for entries in found.values() for variant, own in entries}
        for (_, variant), answer in zip(batch, answers, strict=True):
            places[id(variant)].append(answer)
    flips = pairs = 0
    opinions: dict[CellKey, Opinion] = {}
    for key, entries in found.items():
        per_variant = [(variant, _distribution(variant, answers)) for variant, answers in entries]
        known = [(variant, shares) for variant, shares in per_variant if shares is not None]
        if not known:
            continue
        n = None
        if key in lacking:
            n = float(sum(answer.choice is not None for _, answers in entries for answer in answers))
        opinions[key] = Opinion(mean_of([shares for _, shares in known]), n)
        for (one, mine), (other, theirs) in combinations(known, 2):
            if one.wording == other.wording:
                pairs += 1
                flips += int(mine.argmax()) != int(theirs.argmax())
    told = [answer for entries in found.values() for _, answers in entries for answer in answers]
    return Measured(opinions, count(told), flips, pairs)


def _distribution(variant: Variant, answers: Sequence[Answer]) -> Floats | None:
    """Shares of one variant in code order; None when no reply could be read."""
    if len(answers) == 1 and answers[0].shares is not None:
        return np.array(in_code_order(answers[0].shares, variant.codes))
    chosen = [answer.choice for answer in answers if answer.choice is not None]
    if not chosen:
        return None
    shares = np.bincount(chosen, minlength=len(variant.codes)) / len(chosen)
    return np.array(in_code_order(list(map(float, shares)), variant.codes))
