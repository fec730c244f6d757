"""The two forms of a culture's lesson: held-out questions in pairs of one battery, and how they are put to people."""

import random
from collections import defaultdict
from collections.abc import Sequence
from typing import Final, NamedTuple

from culturepark.benchmarks.education.lesson import Order
from culturepark.personas.culture import Culture
from culturepark.personas.question import Question
from culturepark.personas.surveys.survey import Survey
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.hashing import seed_from

QUESTIONS: Final = 6
"""On each form: as many as every shipped culture was asked held-out ones for both."""


class Forms(NamedTuple):
    """Questions of the two forms; the n-th of one and of the other are a pair."""

    a: tuple[Question, ...]
    b: tuple[Question, ...]

    def in_order(self, order: Order) -> tuple[tuple[Question, ...], tuple[Question, ...]]:
        """The form before the lesson, and the one after."""
        return (self.a, self.b) if order == "AB" else (self.b, self.a)


def make_forms(survey: Survey, culture: Culture, *, seed: int, questions: int = QUESTIONS) -> Forms:
    """Draw two forms from the held-out questions that the culture's country was asked.

    Pairs are drawn within a battery, so that both forms hold as many questions of each; a battery's odd one is paired
    with another battery's. Batteries take turns. Which of a pair is on which form is drawn, too.

    Raises:
        CultureParkError: When the country was asked too few held-out questions; says how many there are.
    """
    rng = random.Random(seed_from("forms", survey.info.name, culture.id, seed))
    batteries: dict[str, list[Question]] = defaultdict(list)
    for question in sorted(survey.questions.values(), key=lambda one: one.id):
        if question.split == "held-out" and survey.was_asked(question.id, culture.country):
            batteries[question.battery].append(question)
    there = sum(map(len, batteries.values()))
    if there < 2 * questions:
        raise CultureParkError(
            f"{culture.id}: {culture.country_name} was asked {there} held-out questions of {survey.info.name}, and two "
            f"forms of {questions} need {2 * questions}; use forms of {there // 2} or another culture"
        )
    drawn = [rng.sample(battery, len(battery)) for battery in batteries.values()]
    odd = [battery.pop() for battery in drawn if len(battery) % 2]
    pairs = [*_in_turn([_paired(battery) for battery in drawn]), *_paired(odd)]
    chosen = [pair if rng.random() < 0.5 else pair[::-1] for pair in pairs[:questions]]
    return Forms(tuple(one for one, _ in chosen), tuple(other for _, other in chosen))


def upper_half(question: Question) -> tuple[int, ...]:
    """Codes of the answers whose common share is guessed: those above the middle of the scale."""
    return tuple(code for code in question.scale.codes if question.scale.side(code) == "above")


def upper_words(question: Question) -> str:
    """What the answers in the upper half say, e.g. `not often or not at all`, or `6 to 10`, with the scale's ends."""
    scale = question.scale
    upper = upper_half(question)
    if all(code in scale.labels for code in upper):
        return " or ".join(f"“{scale.labels[code]}”" for code in upper)
    first, last = scale.codes[0], scale.codes[-1]
    ends = ", ".join(f"{code} means “{scale.labels[code]}”" for code in (first, last) if code in scale.labels)
    return f"{upper[0]} to {upper[-1]} on a scale from {first} to {last}" + (f" ({ends})" if ends else "")


def _paired(questions: Sequence[Question]) -> list[tuple[Question, Question]]:
    return list(zip(questions[::2], questions[1::2], strict=False))


def _in_turn(batteries: Sequence[list[tuple[Question, Question]]]) -> list[tuple[Question, Question]]:
    """The first pair of every battery, then the second of every battery that has one, and so on."""
    longest = max(map(len, batteries), default=0)
    return [battery[place] for place in range(longest) for battery in batteries if place < len(battery)]
