"""How often each row counts, so that answers stand in the rows as often as a country's people give them."""

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from math import ceil
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from culturepark.personas.question import Scale
from culturepark.personas.surveys.survey import Distribution
from culturepark.runtime.hashing import seed_from
from culturepark.runtime.record import Record
from culturepark.training.row import Kind, Row

MOST_OFTEN: Final = 2.0
"""A cell counts at most so many times as often as it has rows, however rare one of its answers is."""

NEAR: Final = 0.025
"""Earth mover's distance to the wanted mix that is good enough."""


class Cell(NamedTuple):
    """Rows of one kind about one question for one culture: what is weighted together."""

    kind: Kind
    culture: str
    question: str


class CellReport(Record):
    """How near the answers of a cell are to the country's."""

    kind: Kind
    culture: str
    country: str
    question: str
    talks: int
    rows: int
    """Different rows that are trained on."""
    counted: int
    """Those with a known answer, each as often as it counts."""
    emd_before: float
    """Earth mover's distance of the rows, each counted once, to the country's answers; 0 to 1."""
    emd: float
    """The same as weighted."""
    missing: dict[int, float]
    """Answers that no row gives, with the fraction of the people who give them: no weight can bring them back."""


def emd(one: Mapping[int, float], other: Mapping[int, float], scale: Scale) -> float:
    """Earth mover's distance between two answer distributions, as a fraction of the scale, in [0, 1].

    Between two sure answers of an ordinal scale the ground distance is `Scale.distance`; from "hard to say" to a sure
    answer, and between answers without an order, it is 1.

    Args:
        one: Weight by code; need not add up to 1.
        other: The same.
        scale: Of the question.
    """
    codes = scale.codes
    left, right = (_normal(weights, codes) for weights in (one, other))
    if scale.ordinal and not scale.unsure:
        steps = np.abs(np.cumsum(left - right))[:-1] * np.diff(codes)
        return float(steps.sum()) / (codes[-1] - codes[0])
    cost = [_ground(scale, a, b) for a in codes for b in codes]
    size = len(codes)
    moved_out = np.kron(np.eye(size), np.ones(size))
    moved_in = np.kron(np.ones(size), np.eye(size))
    # One of the equations follows from the others; leaving it out keeps rounding from making them contradict.
    found = linprog(
        cost, A_eq=np.vstack([moved_out, moved_in])[:-1], b_eq=np.concatenate([left, right])[:-1], method="highs"
    )
    assert found.fun is not None, found.message
    return max(0.0, float(found.fun))


def _ground(scale: Scale, one: int, other: int) -> float:
    distance = scale.distance(one, other)
    return 1.0 if distance is None else distance


def _normal(weights: Mapping[int, float], codes: Sequence[int]) -> NDArray[np.float64]:
    values = np.array([weights.get(code, 0.0) for code in codes], dtype=np.float64)
    values /= values.sum()
    return values


def apportion(shares: Mapping[int, float], total: int, *, offset: float = 0.5) -> dict[int, int]:
    """Split a whole number over codes so that every cumulative count is off by less than 1, with 0.5 by at most 1/2.

    This is systematic sampling: the answers at points (k + offset) / total of the cumulative distribution. On a scale
    with an order the earth mover's distance to the shares is then at most 1 / (2 total).

    Args:
        shares: Fraction by code, adding up to 1.
        total: What is split.
        offset: In [0, 1): where between two points the first one lies.
    """
    codes = sorted(shares)
    # The tolerance keeps sums of fractions that end a little beside a whole number from tipping over.
    cuts = [0, *(ceil(total * upto - offset - 1e-9) for upto in accumulate(shares[code] for code in codes))]
    cuts[-1] = total
    return {code: cuts[place + 1] - cuts[place] for place, code in enumerate(codes)}


def reachable(answers: Distribution, present: set[int], scale: Scale) -> dict[int, float]:
    """The country's shares, those of absent answers given to the nearest present one.

    An answer on the same side of the scale is nearer than any on another, so a cell that lacks "agree strongly" counts
    its people with "agree".
    """
    shares = dict.fromkeys(sorted(present), 0.0)
    for code, share in answers.shares.items():
        nearest = min(present, key=lambda other: (_rank(scale, code, other), other))
        shares[nearest] += share
    return shares


def _rank(scale: Scale, code: int, other: int) -> tuple[bool, float]:
    distance = scale.distance(code, other)
    return scale.side(code) != scale.side(other), 2.0 if distance is None else distance


def weigh_cell(
    rows: Sequence[Row],
    base: Mapping[str, int],
    *,
    scale: Scale,
    answers: Distribution | None,
    to_survey: bool,
    seed: int,
) -> list[Row]:
    """Weigh the rows of one cell; those that would stand for more than their share are left out.

    Args:
        rows: Of one `Cell`.
        base: By row id, how often a row counts before weighing.
        scale: Of the question.
        answers: The country's; None where it was not asked, and then nothing can be restored.
        to_survey: Whether the mix of answers is to be the country's; else rows count as in `base`.
        seed: Of who counts once more where rows cannot share evenly.
    """
    if not to_survey or answers is None:
        return [row.model_copy(update={"weight": base[row.id]}) for row in rows]
    counts: Counter[int] = Counter()
    for row in rows:
        if row.stance is not None:
            counts[row.stance] += base[row.id]
    weights = {row.id: base[row.id] for row in rows if row.stance is None}
    if counts:
        target = reachable(answers, set(counts), scale)
        for code, times in apportion(target, _total(target, counts, scale)).items():
            weights |= _shared([row for row in rows if row.stance == code], base, times, seed)
    return [row.model_copy(update={"weight": weights[row.id]}) for row in rows if weights[row.id]]


def thin(rows: Sequence[Row], most: int, *, tokens: Callable[[Row], int], seed: int) -> list[Row]:
    """Count rows less often, each cell and answer alike, until one pass over them has at most so many tokens."""
    groups: dict[tuple[Cell, int | None], list[Row]] = {}
    for row in sorted(rows, key=lambda row: row.id):
        groups.setdefault((cell_of(row), row.stance), []).append(row)
    order = sorted(groups, key=lambda key: (key[0], key[1] is None, key[1] or 0))
    base = {row.id: row.weight for row in rows}
    whole = sum(base.values())
    shares = {place: sum(base[row.id] for row in groups[key]) / whole for place, key in enumerate(order)}

    def counted(total: int) -> list[Row]:
        given = apportion(shares, total)
        weights: dict[str, int] = {}
        for place, key in enumerate(order):
            weights |= _shared(groups[key], base, given[place], seed)
        return [row.model_copy(update={"weight": weights[row.id]}) for row in rows if weights[row.id]]

    low, high = 0, whole
    while low < high:
        middle = (low + high + 1) // 2
        fits = sum(row.weight * tokens(row) for row in counted(middle)) <= most
        low, high = (middle, high) if fits else (low, middle - 1)
    return counted(low)


def cell_of(row: Row) -> Cell:
    """The cell that a row is weighted in."""
    return Cell(row.kind, row.culture, row.question)


def _total(target: Mapping[int, float], counts: Mapping[int, int], scale: Scale) -> int:
    """How often the cell counts in all, up to `MOST_OFTEN` times its size.

    Often enough that every row can count, and that whole numbers come near the target.
    """
    whole = sum(counts.values())
    most = int(MOST_OFTEN * whole)
    wanted = max((ceil(count / target[code] - 1e-9) for code, count in counts.items() if target[code]), default=whole)
    first = max(whole, min(wanted, most))
    best, nearest = first, 1.0
    for total in range(first, most + 1):
        distance = emd(apportion(target, total), target, scale)
        if distance < nearest:
            best, nearest = total, distance
        if nearest <= NEAR:
            break
    return best


def _shared(rows: Sequence[Row], base: Mapping[str, int], times: int, seed: int) -> dict[str, int]:
    """Share a count over rows in proportion to their base; who gets the odd one is drawn."""
    whole = sum(base[row.id] for row in rows)
    shuffled = sorted(rows, key=lambda row: row.id)
    random.Random(seed_from(seed, shuffled[0].kind, shuffled[0].culture, shuffled[0].question)).shuffle(shuffled)
    given = apportion({place: base[row.id] / whole for place, row in enumerate(shuffled)}, times)
    return {row.id: given[place] for place, row in enumerate(shuffled)}


def report_cell(
    rows: Sequence[Row], base: Mapping[str, int], kept: Sequence[Row], *, answers: Distribution, scale: Scale
) -> CellReport | None:
    """Say how near a cell is to its country; None where no row has a stance.

    Args:
        rows: Of the cell, before weighing.
        base: By row id, how often each counted then.
        kept: The same cell's, as trained on.
        answers: The country's.
        scale: Of the question.
    """
    before: Counter[int] = Counter()
    after: Counter[int] = Counter()
    for row in rows:
        if row.stance is not None:
            before[row.stance] += base[row.id]
    for row in kept:
        if row.stance is not None:
            after[row.stance] += row.weight
    if not after:
        return None
    return CellReport(
        kind=rows[0].kind,
        culture=rows[0].culture,
        country=answers.country,
        question=rows[0].question,
        talks=len({row.talk for row in rows if row.talk is not None}),
        rows=len(kept),
        counted=after.total(),
        emd_before=round(emd(before, answers.shares, scale), 4),
        emd=round(emd(after, answers.shares, scale), 4),
        missing={code: round(share, 4) for code, share in answers.shares.items() if share and not before[code]},
    )
