"""What there was to guess: a country's real answers to held-out questions, and how far a guess is off."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from culturepark.benchmarks.education.forms import upper_half
from culturepark.benchmarks.education.lesson import Guess
from culturepark.personas.question import Question
from culturepark.personas.surveys.heldout import held_out_distribution
from culturepark.personas.surveys.survey import Survey
from culturepark.runtime.errors import CultureParkError, unknown


class Target(NamedTuple):
    """The two numbers of a question."""

    share: float
    """Fraction of the people in the upper half of the scale."""
    spread: float
    """See `spread`."""


class Errors(NamedTuple):
    """Absolute differences between a guess and the people's answers, as fractions; None where nothing was guessed."""

    share: float | None
    spread: float | None


def targets(question: Question, shares: Mapping[int, float]) -> Target:
    """Both numbers of a distribution over the question's codes."""
    return Target(sum(shares[code] for code in upper_half(question)), spread(question, shares))


def spread(question: Question, shares: Mapping[int, float]) -> float:
    """How far people differ: the mean distance between the answers of two people drawn at random, 0 to 1.

    Of an ordinal scale the distance is that of the codes; 1 is half of the people at each end, the most that there
    can be. Without an order answers are the same or not, and 1 is as many people for each answer. "Hard to say"
    stands where its code stands, as in the opinions suite.
    """
    codes = sorted(question.scale.codes)
    p = np.array([shares[code] for code in codes])
    if not question.scale.ordinal:
        return float((1 - (p**2).sum()) * len(codes) / (len(codes) - 1))
    below = np.cumsum(p)[:-1]
    steps = np.diff(np.array(codes, dtype=np.float64))
    return float(4 * (below * (1 - below) * steps).sum() / (codes[-1] - codes[0]))


def real_targets(survey: Survey, question: str, country: str, *, place: str) -> tuple[Question, Target]:
    """What a country's people answered.

    Raises:
        CultureParkError: When the survey has no such question, it is not held out, or was not asked there.
    """
    if question not in survey.questions:
        raise unknown("question", question, survey.questions, place=place)
    asked = survey.questions[question]
    if asked.split != "held-out":
        raise CultureParkError(
            f"{place}: {question} is a seed question, which lessons may show; forms hold held-out questions only"
        )
    answers = held_out_distribution(survey, question, country)
    if answers is None:
        raise CultureParkError(f"{place}: {question} was not asked in {country}; correct the question or the country")
    return asked, targets(asked, answers.shares)


def errors(guess: Guess, question: Question, real: Target, *, place: str) -> Errors:
    """How far a guess is off.

    Raises:
        CultureParkError: When it gives shares of other codes than the question has.
    """
    share, spread_ = guess.share, guess.spread
    if guess.shares is not None:
        if set(guess.shares) != set(question.scale.codes):
            raise CultureParkError(
                f"{place}: shares of the codes {sorted(guess.shares)} of {question.id}; "
                f"its scale has {list(question.scale.codes)}"
            )
        share, spread_ = targets(question, guess.shares)
    return Errors(
        None if share is None else abs(share - real.share), None if spread_ is None else abs(spread_ - real.spread)
    )
