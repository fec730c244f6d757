"""Scores of a model's opinions: every cell beside its ceiling and its baselines, and what all cells say together."""

from collections.abc import Callable, Mapping, Sequence
from itertools import permutations
from math import factorial
from typing import Final, Literal

import numpy as np

from culturepark.benchmarks.opinions.distances import (
    Floats,
    corrected_similarity,
    corrected_wasserstein,
    drawn,
    mean_of,
    similarity,
    variance,
)
from culturepark.benchmarks.opinions.measuring import CellKey, Opinion
from culturepark.personas.question import Question
from culturepark.personas.surveys.survey import Distribution
from culturepark.runtime.hashing import seed_from
from culturepark.runtime.record import Record

REPLICATES: Final = 40
"""Samples that a baseline's expected score is averaged over."""
Novelty = Literal["same battery", "new battery", "new source"]
People = Callable[[str, str], Distribution | None]
"""How a country answered a question."""


class Cell(Record):
    """One culture's answers to one question, by a model and by what it is compared with."""

    culture: str
    country: str
    question: str
    battery: str
    novelty: Novelty
    similarity: float
    """1 - Jensen-Shannon distance to the country's answers, corrected for sampling; so are the five below."""
    plain: float
    """The same without the correction."""
    ceiling: float
    """Expected of a model that answers as the country does, asked as often, about a survey of that size."""
    uniform: float
    average: float
    """Of the average of all other countries: the baseline to beat."""
    usa: float | None
    w1: float | None
    """W1/(K-1), corrected; None where answers have no order."""
    variance: float | None
    """Of the model's answers; None where they have no order."""
    variance_people: float | None


def score_cell(key: CellKey, opinion: Opinion, *, question: Question, country: str, people: People,
               countries: Sequence[str], novelty: Novelty, seed: int) -> Cell | None:  # fmt: skip
    """Score one cell; None where the country was not asked, or no other one was.

    Args:
        key: Culture and question.
        opinion: The model's.
        question: With its scale.
        country: The culture's.
        people: Answers by question and country.
        countries: All countries of the survey.
        novelty: How far the question is from what models are trained on.
        seed: Of the baselines' samples.
    """
    own = people(question.id, country)
    others = [found for name in countries if name != country and (found := people(question.id, name)) is not None]
    if own is None or not others:
        return None
    truth = _array(own)

    def expected(shares: Floats, label: str, *, resample_people: bool = False) -> float:
        """Mean score of samples as large as the model's."""
        times = 1 if opinion.n is None and not (resample_people and own.n) else REPLICATES
        start = seed_from(seed, question.id, country, label) & 0x7FFFFFFF
        samples = drawn(shares, opinion.n, times=times, seed=start)
        polls = drawn(truth, own.n if resample_people else None, times=times, seed=start + 1)
        return float(
            np.mean(
                [
                    corrected_similarity(sample, poll, n_one=opinion.n, n_other=own.n)
                    for sample, poll in zip(samples, polls, strict=True)
                ]
            )
        )

    usa = people(question.id, "USA") if country != "USA" else None
    codes = question.scale.codes
    # "Hard to say" stands in the middle of its scale, so the order holds with it.
    ordinal = question.scale.ordinal
    return Cell(
        culture=key.culture,
        country=country,
        question=question.id,
        battery=question.battery,
        novelty=novelty,
        similarity=corrected_similarity(opinion.shares, truth, n_one=opinion.n, n_other=own.n),
        plain=similarity(opinion.shares, truth),
        ceiling=expected(truth, "ceiling", resample_people=True),
        uniform=expected(np.full(len(codes), 1 / len(codes)), "uniform"),
        average=expected(mean_of([_array(other) for other in others]), "average"),
        usa=None if usa is None else expected(_array(usa), "usa"),
        w1=corrected_wasserstein(opinion.shares, truth, n_one=opinion.n, n_other=own.n) if ordinal else None,
        variance=variance(opinion.shares, codes) if ordinal else None,
        variance_people=variance(truth, codes) if ordinal else None,
    )


def novelty_of(question: Question, canonical: Question | None, seeds: Sequence[Question]) -> Novelty:
    """How far a question is from the seed questions, an alias standing for the question it repeats."""
    asked = canonical or question
    if any(seed.battery == asked.battery for seed in seeds):
        return "same battery"
    return "new battery" if any(seed.source == asked.source for seed in seeds) else "new source"


def skill(cells: Sequence[Cell], value: Callable[[Cell], float]) -> list[float]:
    """Contributions of cells to a skill score, whose mean is the score: uniform answers are 0, the ceiling is 1.

    The score is a ratio of means, `mean(value - uniform) / mean(ceiling - uniform)`; a cell contributes the ratio plus
    its linearised departure from it, so that intervals of the mean are intervals of the ratio.
    """
    above = np.array([value(cell) - cell.uniform for cell in cells])
    room = np.array([cell.ceiling - cell.uniform for cell in cells])
    if room.mean() <= 0:
        raise ValueError("the people answer uniformly, so there is no skill to be had")
    ratio = above.mean() / room.mean()
    return [float(one) for one in ratio + (above - ratio * room) / room.mean()]


def matrix(
    opinions: Mapping[CellKey, Opinion], questions: Mapping[str, Question], homes: Mapping[str, str], people: People
) -> dict[tuple[str, str], float]:
    """Mean similarity of each culture's answers to each country's, over questions that all cultures were asked.

    Only cells that every culture answered count, so that the entries of one country can be compared.
    """
    cultures = list(homes)
    shared = [name for name in questions if all(CellKey(culture, name) in opinions for culture in cultures)]
    found: dict[tuple[str, str], float] = {}
    for home in dict.fromkeys(homes.values()):
        asked = [(name, answers) for name in shared if (answers := people(name, home)) is not None]
        for culture in cultures:
            near = []
            for name, answers in asked:
                opinion = opinions[CellKey(culture, name)]
                near.append(corrected_similarity(opinion.shares, _array(answers), n_one=opinion.n, n_other=answers.n))
            if near:
                found[culture, home] = float(np.mean(near))
    return found


def diagonal_wins(near: Mapping[tuple[str, str], float], homes: Mapping[str, str]) -> tuple[float, int, float] | None:
    """In how many countries its own culture comes nearest; of how many; and the permutation p value.

    A tie of k cultures counts 1/k, so that cultures that all answer alike win 1 of them all. The p value is the share
    of all pairings of cultures with countries that win as many or more: exact up to eight cultures.

    Returns:
        None with fewer than two cultures that can be compared.
    """
    kept = [culture for culture in homes if (culture, homes[culture]) in near]
    if len(kept) < 2:
        return None
    table = np.array([[near[culture, homes[home]] for home in kept] for culture in kept])
    best = table >= table.max(axis=0) - 1e-9
    credit = best / best.sum(axis=0)
    size = len(kept)
    wins = float(np.trace(credit))
    columns = np.arange(size)
    if factorial(size) <= 50_000:
        orders = np.array(list(permutations(range(size))))
        p = float(np.mean(credit[orders, columns].sum(axis=1) >= wins - 1e-9))
    else:
        rng = np.random.default_rng(0)
        orders = np.array([rng.permutation(size) for _ in range(9999)])
        p = float((1 + np.sum(credit[orders, columns].sum(axis=1) >= wins - 1e-9)) / 10_000)
    return wins, size, p


def _array(found: Distribution) -> Floats:
    shares = found.shares
    return np.array([shares[code] for code in sorted(shares)])
