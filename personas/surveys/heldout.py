"""The one door to the answers of held-out questions. Only benchmarks may import it (a test says so)."""

from culturepark.personas.surveys.survey import Distribution, Survey


def held_out_distribution(survey: Survey, question: str, country: str) -> Distribution | None:
    """How a country answered a held-out question; None when it was not asked.

    Raises:
        ValueError: For a seed question: those are not fit for measurement.
    """
    if survey.questions[question].split != "held-out":
        raise ValueError(f"{question} is a seed question; talks were made from it")
    return survey._counts.get((question, country))
