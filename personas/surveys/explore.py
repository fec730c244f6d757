"""How countries differ, from the seed questions' answers alone: entropy, distances, contested questions."""

from itertools import combinations
from statistics import fmean

import numpy as np
from scipy.spatial.distance import jensenshannon

from culturepark.personas.surveys.survey import Distribution, Survey
from culturepark.runtime.record import Record


class ContestedQuestion(Record):
    """How far countries are apart on one question."""

    question: str
    topic: str
    spread: float
    """Mean Jensen-Shannon distance (base 2, in [0, 1]) between pairs of countries."""
    entropy: dict[str, float]
    """Bits, by country."""


class Exploration(Record):
    """A survey at a glance."""

    countries: tuple[str, ...]
    questions: tuple[ContestedQuestion, ...]
    """Most contested first."""
    distances: dict[str, dict[str, float | None]]
    """Mean Jensen-Shannon distance over the questions both countries were asked; None where there are none."""


def explore_survey(survey: Survey) -> Exploration:
    """Compare the countries of a survey on its seed questions."""
    answers = {
        (question.id, country): found
        for question in survey.questions.values()
        if question.split == "seed"
        for country in survey.countries
        if (found := survey.distribution(question.id, country)) is not None
    }
    apart: dict[tuple[str, str], list[float]] = {pair: [] for pair in combinations(survey.countries, 2)}
    contested: list[ContestedQuestion] = []
    for question in survey.questions.values():
        here = {
            country: answers[question.id, country] for country in survey.countries if (question.id, country) in answers
        }
        apart_here = {pair: distance(here[pair[0]], here[pair[1]]) for pair in combinations(here, 2)}
        for pair, value in apart_here.items():
            apart[pair].append(value)
        if apart_here:
            contested.append(
                ContestedQuestion(
                    question=question.id,
                    topic=question.topic,
                    spread=fmean(apart_here.values()),
                    entropy={country: one.entropy for country, one in here.items()},
                )
            )
    means = {pair: fmean(values) if values else None for pair, values in apart.items()}
    return Exploration(
        countries=survey.countries,
        questions=tuple(sorted(contested, key=lambda item: (-item.spread, item.question))),
        distances={
            one: {
                other: 0.0 if one == other else means.get((one, other), means.get((other, one)))
                for other in survey.countries
            }
            for one in survey.countries
        },
    )


def distance(one: Distribution, other: Distribution) -> float:
    """Jensen-Shannon distance with base 2: 0 for equal answers, 1 for answers without a common code."""
    codes = sorted(one.counts)
    first, second = ([side.shares[code] for code in codes] for side in (one, other))
    # Rounding can leave a divergence of equal answers a hair below zero, whose root is NaN.
    return float(np.nan_to_num(jensenshannon(first, second, base=2)))
