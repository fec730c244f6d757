"""What a column of opinions says: scores over its cells, and tables by culture."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from culturepark.benchmarks.diagonal import diagonal
from culturepark.benchmarks.estimates import SHARE, estimate
from culturepark.benchmarks.opinions.measuring import CellKey, Flips, Measured
from culturepark.benchmarks.opinions.scoring import Cell, ratio, skill
from culturepark.benchmarks.statistics import paired_interval, wilson
from culturepark.benchmarks.task import Cell as Shown
from culturepark.benchmarks.task import Counts, Score, Table
from culturepark.personas.culture import Culture

SEED: Final = 0


class Silence(NamedTuple):
    """One cell's replies, beside the people who gave no answer."""

    key: CellKey
    battery: str
    counts: Counts
    dont_know: float | None
    """Share of the people asked; None where the survey does not tell."""
    no_answer: float | None


def scores(
    cells: Sequence[Cell],
    measured: Measured,
    near: Mapping[tuple[str, str], float],
    homes: Mapping[str, str],
    *,
    batteries: Mapping[str, str],
    name: str,
) -> list[Score]:
    """Scores of a column, questions of each novelty apart.

    Args:
        cells: Those that could be scored.
        measured: All that was asked.
        near: The matrix of cultures and countries.
        homes: Country of each culture.
        batteries: Of each question.
        name: Of the column.
    """
    found: list[Score] = []
    for novelty in dict.fromkeys(cell.novelty for cell in cells):
        found += _skills([cell for cell in cells if cell.novelty == novelty], f"{name}, {novelty}")
    if (seen := diagonal(near, homes)) is not None:
        low, high = wilson(seen.wins, seen.size)
        note = f"of {seen.size} countries; chance is {1 / seen.size:.3g}; exact permutation p = {seen.wins_p:.3g}"
        found.append(
            Score(
                name=f"diagonal wins ({name})", value=seen.wins / seen.size, low=low, high=high, n=seen.size,
                clusters=seen.size, note=note,
            )
        )  # fmt: skip
    if spread := [cell for cell in cells if cell.variance is not None and cell.variance_people]:
        mine = ratio([cell.variance or 0.0 for cell in spread], [cell.variance_people or 0.0 for cell in spread])
        note = "variance of the model's answers over the people's; below 1 they are flattened"
        batteries_of = [cell.battery for cell in spread]
        found.append(estimate(f"variance ratio ({name})", mine, batteries_of, seed=SEED, note=note))
    return found + _steadiness(measured, batteries, name) + _unread(measured, batteries, name)


def _skills(own: Sequence[Cell], column: str) -> list[Score]:
    batteries = [cell.battery for cell in own]
    mine, average = skill(own, lambda cell: cell.similarity), skill(own, lambda cell: cell.average)
    margin = [one - two for one, two in zip(mine, average, strict=True)]
    found = [
        estimate(f"skill ({column})", mine, batteries, seed=SEED),
        estimate(f"skill over the average of other countries ({column})", margin, batteries, seed=SEED, test=True),
        estimate(f"skill of that average ({column})", average, batteries, seed=SEED),
    ]
    for words, value in LEVELS.items():
        there = [(one, cell.battery) for cell in own if (one := value(cell)) is not None]
        if there:
            values, where = zip(*there, strict=True)
            found.append(estimate(f"{words} ({column})", values, where, seed=SEED, within=SHARE))
    return found


LEVELS: Final[Mapping[str, Callable[[Cell], float | None]]] = {
    "similarity": lambda cell: cell.similarity,
    "similarity of the average of other countries": lambda cell: cell.average,
    "ceiling": lambda cell: cell.ceiling,
    "uniform": lambda cell: cell.uniform,
    "answers of the USA": lambda cell: cell.usa,
    "W1/(K-1)": lambda cell: cell.w1,
}


def _steadiness(measured: Measured, batteries: Mapping[str, str], name: str) -> list[Score]:
    """How often the commonest answer flips, and how likely all options are together."""
    sampling = f"; {measured.sampled} cells are sampled, which flips some by chance" if measured.sampled else ""
    kinds: list[tuple[str, str, Callable[[Flips, Flips], Flips]]] = [
        ("answer flips", "pairs that differ in the order of the answers or in the wording", _both),
        ("answer flips by order", "pairs that differ in the order of the answers only", lambda order, _: order),
        ("answer flips by wording", "pairs that differ in the wording only", lambda _, wording: wording),
    ]
    found: list[Score] = []
    for words, what, kind in kinds:
        flips = {key: kind(one.by_order, one.by_wording) for key, one in measured.opinions.items()}
        rates = {key: one.rate for key, one in flips.items()}
        note = f"of {sum(one.pairs for one in flips.values())} {what}{sampling}"
        found.append(_over_cells(f"{words} ({name})", rates, batteries, note=note))
    masses = {key: one.mass for key, one in measured.opinions.items()}
    if any(mass is not None for mass in masses.values()):
        note = "mean probability of all options together; where it is low the model would say something else"
        found.append(_over_cells(f"probability of the options ({name})", masses, batteries, note=note))
    return found


def _both(order: Flips, wording: Flips) -> Flips:
    return Flips(order.flipped + wording.flipped, order.pairs + wording.pairs)


def _unread(measured: Measured, batteries: Mapping[str, str], name: str) -> list[Score]:
    rates = {
        key: 1 - counts.answered / counts.asked if counts.asked else None for key, counts in measured.counts.items()
    }
    note = f"refused, invalid or failed of {measured.all_counts.asked} replies; left out, never imputed"
    return [_over_cells(f"no answer read ({name})", rates, batteries, note=note)]


def _over_cells(name: str, rates: Mapping[CellKey, float | None], batteries: Mapping[str, str], *, note: str) -> Score:
    """Mean of a rate over the cells that have one, by batteries."""
    there = [(rate, batteries[key.question]) for key, rate in rates.items() if rate is not None]
    return estimate(
        name, [rate for rate, _ in there], [battery for _, battery in there], seed=SEED, note=note, within=SHARE
    )


def by_culture(cells: Sequence[Cell], cultures: Sequence[Culture], name: str) -> Table:
    """Skill of each culture, with its margin over the average of other countries."""
    rows: list[tuple[Shown, ...]] = []
    for culture in cultures:
        own = [cell for cell in cells if cell.culture == culture.id]
        if not own:
            continue
        mine = estimate("", skill(own, lambda cell: cell.similarity), [cell.battery for cell in own], seed=SEED)
        average = float(np.mean(skill(own, lambda cell: cell.average)))
        values = [float(np.mean([getattr(cell, field) for cell in own])) for field in ("similarity", "ceiling")]
        rows.append(
            (culture.id, culture.country_name, mine.value, mine.low, mine.high, average, *values, mine.n, mine.clusters)
        )
    return Table(
        title=f"skill by culture ({name})",
        columns=(
            "name", "country", "value", "low", "high", "average of other countries", "similarity", "ceiling", "cells",
            "batteries",
        ),
        rows=tuple(rows),
        plot="forest",
    )  # fmt: skip


def profile(cells: Sequence[Cell], cultures: Sequence[Culture], name: str) -> Table:
    """Similarity of each culture's answers to its country's, between what says nothing and the ceiling."""
    series = ("similarity", "average", "uniform", "ceiling")
    rows: list[tuple[Shown, ...]] = [
        (culture.id, *(float(np.mean([getattr(cell, field) for cell in own])) for field in series))
        for culture in cultures
        if (own := [cell for cell in cells if cell.culture == culture.id])
    ]
    return Table(
        title=f"similarity by culture ({name})",
        columns=("culture", "model", "average of other countries", "uniform", "ceiling"),
        rows=tuple(rows),
        plot="radar",
    )


def matrix_table(near: Mapping[tuple[str, str], float], cultures: Sequence[Culture], name: str) -> Table:
    """Similarity of each culture's answers to each country's."""
    return Table(
        title=f"similarity of each culture's answers to each country's ({name})",
        columns=("culture", *(culture.country for culture in cultures)),
        rows=tuple(
            (culture.id, *(near.get((culture.id, other.country)) for other in cultures)) for culture in cultures
        ),
        plot="heat",
        note="a country is won by the culture with the highest number in its column",
    )


def refusals(silences: Sequence[Silence], cultures: Sequence[Culture], *, can_refuse: bool, name: str) -> Table | None:
    """The model's refusals beside people's don't-knows; None where the survey tells none."""
    rows: list[tuple[Shown, ...]] = []
    for culture in (*cultures, None):
        own = [one for one in silences if culture is None or one.key.culture == culture.id]
        told = [(one, one.dont_know) for one in own if one.dont_know is not None and one.counts.asked]
        if not told:
            continue
        batteries = [one.battery for one, _ in told]
        people = float(np.mean([dont_know for _, dont_know in told]))
        silent = float(np.mean([one.no_answer for one, _ in told if one.no_answer is not None]))
        mine: list[Shown] = [None] * 4
        if can_refuse:
            rates = [one.counts.refused / one.counts.asked for one, _ in told]
            margin = [rate - dont_know for rate, (_, dont_know) in zip(rates, told, strict=True)]
            interval = paired_interval(margin, batteries, seed=SEED)
            mine = [float(np.mean(rates)), float(np.mean(margin)), *(interval or (None, None))]
        who = ("all", None) if culture is None else (culture.id, culture.country_name)
        rows.append((*who, *mine, people, silent, len(told), len(set(batteries))))
    if not rows:
        return None
    cannot = "" if can_refuse else "; this model was held to the options or weighed by them, so it could not refuse"
    return Table(
        title=f"refusals beside people's don't-knows ({name})",
        columns=(
            "name", "country", "model refuses", "value", "low", "high", "people don't know", "people give no answer",
            "cells", "batteries",
        ),
        rows=tuple(rows),
        plot="forest" if can_refuse else "none",
        note=f"value: the model's share of refusals less the people's share of don't-knows{cannot}",
    )  # fmt: skip
