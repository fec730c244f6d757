"""The one door to the answers of held-out questions. Only benchmarks may import it (a test says so)."""

from culturepark.personas.surveys.nonresponse import Nonresponse
from culturepark.personas.surveys.survey import Distribution, Survey


def held_out_distribution(survey: Survey, question: str, country: str) -> Distribution | None:
    """How a country answered a held-out question; None when it was not asked.

    Raises:
        ValueError: For a seed question: those are not fit for measurement.
    """
    _refuse_seed(survey, question)
    return survey._counts.get((question, country))


def held_out_nonresponse(survey: Survey, question: str, country: str) -> Nonresponse | None:
    """How many people of a country gave no answer to a held-out question; None where the survey does not tell.

    Raises:
        ValueError: For a seed question.
    """
    _refuse_seed(survey, question)
    return survey._nonresponse.get((question, country))


def _refuse_seed(survey: Survey, question: str) -> None:
    if survey.questions[question].split != "held-out":
        raise ValueError(f"{question} is a seed question; talks were made from it")
