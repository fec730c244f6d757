"""What a mode of the Hofstede suite says: distances beside their baselines, and tables of indices."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np

from culturepark.benchmarks.estimates import estimate
from culturepark.benchmarks.hofstede.indices import (
    DIMENSIONS,
    ITEMS,
    Dimension,
    Rows,
    distance,
    fitted_leave_one_out,
    indices,
    mean_of_others,
    permutation_p,
)
from culturepark.benchmarks.task import Score, Table
from culturepark.personas.culture import Culture

CHANCE: Final = 200
"""Draws of random answers."""
SEED: Final = 0


def scores(
    name: str, raw: Rows, given: Rows, truth: Rows, dimensions: Sequence[Dimension], *, fitted: bool
) -> list[Score]:
    """The distance, what it gains on the mean of the others, and the baselines, over the cultures that have all."""

    def gap(rows: Rows, culture: str) -> float | None:
        return distance(rows[culture], truth[culture], dimensions=dimensions)

    def mend(rows: Rows) -> Rows:
        return fitted_leave_one_out(rows, truth) if fitted else rows

    own = {culture: value for culture in given if (value := gap(given, culture)) is not None}
    mean = mean_of_others(truth)
    rng = np.random.default_rng(SEED)
    chances = [
        mend({culture: indices(dict(zip(ITEMS, map(float, rng.integers(1, 6, 24)), strict=True))) for culture in raw})
        for _ in range(CHANCE)
    ]
    neutral = mend({culture: dict.fromkeys(DIMENSIONS, 0.0) for culture in raw})
    p = permutation_p(raw, truth, dimensions=dimensions)
    remark = "too few cultures for a permutation test" if p is None else f"exact permutation p = {p:.3g}"
    partly = "" if len(dimensions) == len(DIMENSIONS) else f" over {', '.join(dimensions)}"

    def line(words: str, values: Mapping[str, float | None], remark: str, *, test: bool = False) -> Score:
        there = {culture: value for culture, value in values.items() if value is not None}
        return estimate(
            f"{words} ({name})", list(there.values()), list(there), seed=SEED, unit="culture", test=test, note=remark
        )

    baselines: dict[str, tuple[Rows, str]] = {
        "all threes": (neutral, "baseline"),
        "mean of the others": (mean, "baseline: every culture gets the mean of the others"),
    }
    ahead = {culture: None if (other := gap(mean, culture)) is None else other - own[culture] for culture in own}
    random = {culture: _mean(gap(rows, culture) for rows in chances) for culture in own}
    return [
        line(f"distance{partly}", own, remark),
        line("nearer than the mean of the others", ahead, "the mean's distance less the model's", test=True),
        *(
            line(words, {culture: gap(rows, culture) for culture in own}, what)
            for words, (rows, what) in baselines.items()
        ),
        line("random answers", random, f"baseline, mean of {CHANCE} draws"),
    ]


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def indices_table(
    name: str, given: Rows, truth: Rows, gaps: Mapping[str, float | None], cultures: Sequence[Culture]
) -> Table:
    """Each culture's indices above Hofstede's row of it."""
    rows = []
    for culture in cultures:
        own, row = given[culture.id], truth[culture.id]
        rows.append((culture.id, culture.hofstede, *(own[one] for one in DIMENSIONS), gaps[culture.id]))
        rows.append((f"{culture.id}, Hofstede", culture.hofstede, *(row[one] for one in DIMENSIONS), None))
    return Table(
        title=f"indices ({name})",
        columns=("culture", "row", *DIMENSIONS, "distance"),
        rows=tuple(rows),
        note="sound: one constant a dimension, fitted on the other cultures; paper: no constant",
    )


def profile(name: str, given: Rows, truth: Rows, dimensions: Sequence[Dimension]) -> Table:
    """Mean absolute difference to Hofstede's rows by dimension, the model's and that of the mean of the others."""

    def off(rows: Rows, dimension: Dimension) -> float | None:
        found = [
            abs(mine - theirs)
            for culture in given
            if (mine := rows[culture][dimension]) is not None and (theirs := truth[culture][dimension]) is not None
        ]
        return _mean(found)

    mean = mean_of_others(truth)
    return Table(
        title=f"mean absolute difference to Hofstede's rows ({name})",
        columns=("dimension", "model", "mean of the others"),
        rows=tuple((one, off(given, one), off(mean, one)) for one in dimensions),
        plot="radar",
        note="nearer to the middle is nearer to Hofstede's rows",
    )
