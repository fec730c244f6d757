"""Which seed questions two cultures disagree on most, from their answers alone."""

from culturepark.personas.surveys.explore import distance
from culturepark.personas.surveys.survey import Distribution, Survey
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.record import Record


class TopAnswer(Record):
    """The most common answer of a country."""

    country: str
    code: int
    label: str
    """As the survey prints it; the code where it prints none."""
    share: float
    """Fraction of the country's valid answers."""


class ContrastedQuestion(Record):
    """How far two countries are apart on one question."""

    question: str
    topic: str
    distance: float
    """Jensen-Shannon distance, base 2: 0 for equal answers, 1 for answers without a common code."""
    top: tuple[TopAnswer, TopAnswer]


def contrast(survey: Survey, one: str, other: str) -> tuple[ContrastedQuestion, ...]:
    """Compare two countries on every seed question that both were asked, furthest apart first.

    Raises:
        CultureParkError: When there is no such question.
    """
    found = []
    for question in survey.questions.values():
        if question.split != "seed" or question.same_as is not None:
            continue
        answers = [survey.distribution(question.id, country) for country in (one, other)]
        first, second = answers
        if first is not None and second is not None:
            found.append(
                ContrastedQuestion(
                    question=question.id,
                    topic=question.topic,
                    distance=distance(first, second),
                    top=(_top(first, question.scale.labels), _top(second, question.scale.labels)),
                )
            )
    if not found:
        raise CultureParkError(
            f"no seed question was asked in both {one} and {other}; the survey has {', '.join(survey.countries)}"
        )
    return tuple(sorted(found, key=lambda item: (-item.distance, item.question)))


def _top(answers: Distribution, labels: dict[int, str]) -> TopAnswer:
    code = answers.mode
    return TopAnswer(country=answers.country, code=code, label=labels.get(code, str(code)), share=answers.shares[code])
