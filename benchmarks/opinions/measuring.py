"""Asking a model for its distribution of answers: by option probabilities where there are any, else by samples."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from math import ceil
from typing import Final, NamedTuple

import numpy as np

from culturepark.benchmarks.asking import DRAWN, Answer, Asker, count
from culturepark.benchmarks.opinions.distances import Floats, mean_of
from culturepark.benchmarks.opinions.variants import Variant, in_code_order
from culturepark.benchmarks.task import Counts
from culturepark.runtime.console import note

DRAWS: Final = 100
"""Fewest samples of a cell, spread over its variants."""


class CellKey(NamedTuple):
    """Who was asked what."""

    culture: str
    question: str


class Flips(NamedTuple):
    """Pairs of variants between which the commonest answer changes."""

    flipped: int
    pairs: int

    @property
    def rate(self) -> float | None:
        """Share of the pairs; None without any."""
        return self.flipped / self.pairs if self.pairs else None


class Opinion(NamedTuple):
    """How a model answers one question as one culture."""

    shares: Floats
    """In code order; mean over the variants."""
    n: float | None
    """Samples behind them; None for probabilities."""
    by_order: Flips = Flips(0, 0)
    """Between orders of the answers, the wording being the same."""
    by_wording: Flips = Flips(0, 0)
    """Between wordings of the instruction, the order being the same."""
    mass: float | None = None
    """Mean probability of all options together; None for samples."""


class Measured(NamedTuple):
    """What a model answered."""

    opinions: Mapping[CellKey, Opinion]
    """Without the cells in which no reply could be read."""
    counts: Mapping[CellKey, Counts]
    """What became of the replies of each cell."""
    sampled: int
    """Cells that were sampled for want of probabilities."""

    @property
    def all_counts(self) -> Counts:
        """Of all cells together."""
        return sum(self.counts.values(), start=Counts())


Replies = dict[CellKey, list[tuple[Variant, list[Answer]]]]


async def measure(asker: Asker, cells: Mapping[CellKey, Sequence[Variant]], *, what: str) -> Measured:
    """Ask every variant of every cell.

    One question of each scale is asked first. Where its probabilities are not to be had (the endpoint gives none, or
    its first tokens do not tell two options apart, as those of 1 and 10 may not), cells of that scale are sampled, at
    least 100 times over their variants; and so is any other cell of which a variant has none.
    """
    weighable = await _weighable(asker, cells, what)
    weighed = {key: own for key, own in cells.items() if own[0].closed.options in weighable}
    draws = sum(ceil(DRAWS / len(own)) * len(own) for key, own in cells.items() if key not in weighed)
    requests = sum(map(len, weighed.values()))
    note(
        f"{what}: {len(cells)} cells, {requests} requests for probabilities and {draws} for samples"
        if draws
        else f"{what}: {len(cells)} cells, {requests} requests, one for each order and wording"
    )
    replies = await _ask(asker, weighed, draws=0, what=what)
    lacking = {key: own for key, own in cells.items() if key not in replies or _lacks(replies[key])}
    replies |= await _ask(asker, lacking, draws=DRAWS, what=f"{what}, samples") if lacking else {}
    opinions = {
        key: opinion for key in cells if (opinion := _opinion(replies[key], sampled=key in lacking)) is not None
    }
    counts = {key: count([answer for _, answers in replies[key] for answer in answers]) for key in cells}
    return Measured(opinions, counts, len(lacking))


async def _weighable(asker: Asker, cells: Mapping[CellKey, Sequence[Variant]], what: str) -> frozenset[tuple[str, ...]]:
    """Options whose probabilities the model gives."""
    first = {own[0].closed.options: own[0].closed for own in cells.values()}
    answers = await asker.choose(list(first.values()), what=f"{what}, one of each scale")
    return frozenset(options for options, answer in zip(first, answers, strict=True) if answer.shares is not None)


async def _ask(asker: Asker, cells: Mapping[CellKey, Sequence[Variant]], *, draws: int, what: str) -> Replies:
    """Ask every variant once for its probabilities, or for at least so many draws of a cell."""
    planned = list(_planned(cells, draws))
    asked = [variant.closed.model_copy(update={"draw": draw}) for _, variant, draw in planned]
    answers = await (asker.choose(asked, what=what, sampling=DRAWN) if draws else asker.choose(asked, what=what))
    replies: Replies = {}
    for (key, variant, draw), answer in zip(planned, answers, strict=True):
        own = replies.setdefault(key, [])
        if draw == 0:
            own.append((variant, []))
        own[-1][1].append(answer)
    return replies


def _planned(cells: Mapping[CellKey, Sequence[Variant]], draws: int) -> Iterator[tuple[CellKey, Variant, int]]:
    """The draws of each variant in a row, from 0."""
    for key, own in cells.items():
        for variant in own:
            for draw in range(max(1, ceil(draws / len(own)))):
                yield key, variant, draw


def _lacks(replies: Sequence[tuple[Variant, Sequence[Answer]]]) -> bool:
    """Whether a variant has no probabilities."""
    return any(answers[0].shares is None for _, answers in replies)


def _opinion(replies: Sequence[tuple[Variant, Sequence[Answer]]], *, sampled: bool) -> Opinion | None:
    """What all variants of a cell say together; None when no reply could be read."""
    known = [
        (variant, shares)
        for variant, answers in replies
        if (shares := _distribution(variant, answers, sampled=sampled)) is not None
    ]
    if not known:
        return None
    n = float(sum(answer.choice is not None for _, answers in replies for answer in answers)) if sampled else None
    orders: list[bool] = []
    wordings: list[bool] = []
    for (one, mine), (other, theirs) in combinations(known, 2):
        flipped = int(mine.argmax()) != int(theirs.argmax())
        if one.wording == other.wording:
            orders.append(flipped)
        elif one.codes == other.codes:
            wordings.append(flipped)
    masses = [] if sampled else [answer.mass for _, answers in replies for answer in answers if answer.mass is not None]
    return Opinion(
        shares=mean_of([shares for _, shares in known]),
        n=n,
        by_order=Flips(sum(orders), len(orders)),
        by_wording=Flips(sum(wordings), len(wordings)),
        mass=float(np.mean(masses)) if masses else None,
    )


def _distribution(variant: Variant, answers: Sequence[Answer], *, sampled: bool) -> Floats | None:
    """Shares of one variant in code order; None when no reply could be read."""
    if not sampled:
        (answer,) = answers
        return None if answer.shares is None else np.array(in_code_order(answer.shares, variant.codes))
    chosen = [answer.choice for answer in answers if answer.choice is not None]
    if not chosen:
        return None
    shares = np.bincount(chosen, minlength=len(variant.codes)) / len(chosen)
    return np.array(in_code_order(list(map(float, shares)), variant.codes))
