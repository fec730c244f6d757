"""A stance: the answer a seat holds to, really given by people of its country."""

from typing import Literal

from pydantic import Field

from culturepark.personas.question import Question, Side
from culturepark.personas.surveys.survey import Distribution
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.record import Record

StanceChoice = Literal["sampled", "iid", "mode", "median", "other", "none", "given"]
"""`given`: a user said so, of a person in an imported talk."""


class Stance(Record):
    """One answer on a question's scale, with how common it is."""

    question: str
    code: int
    words: str
    """A clause that completes "NAME …", e.g. `believes that …`."""
    side: Side
    share: float = Field(ge=0, le=1)
    """Fraction of the country's valid answers with this code."""
    n: float | None = Field(gt=0)
    """Valid answers of the country: respondents, or the sum of weights; None where only shares are published."""
    weighted: bool
    country: str = Field(pattern=r"^[A-Z]{3}$")
    """Country whose people gave this answer: the persona's own, unless chosen from another as a control."""
    chosen: StanceChoice


def stance_from(question: Question, answers: Distribution, code: int, *, chosen: StanceChoice) -> Stance:
    """Hold somebody to an answer that people of a country gave.

    Raises:
        CultureParkError: For a code off the scale, or an answer that nobody there gave.
    """
    if code not in question.scale.codes:
        raise CultureParkError(f"{question.id} has no answer {code}; its scale is {list(question.scale.codes)}")
    if not answers.counts[code]:
        raise CultureParkError(f"nobody in {answers.country} gave answer {code} to {question.id}")
    return Stance(
        question=question.id,
        code=code,
        words=question.words[code],
        side=question.scale.side(code),
        share=answers.shares[code],
        n=answers.n,
        weighted=answers.counted == "weights",
        country=answers.country,
        chosen=chosen,
    )
