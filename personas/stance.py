"""A stance: the answer a seat holds to, really given by people of its country."""

from typing import Literal

from pydantic import Field

from culturepark.personas.question import Question, Side
from culturepark.personas.surveys.survey import Distribution
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.record import Record

StanceChoice = Literal["sampled", "iid", "mode", "median", "respondent", "other", "none", "given"]
"""`given`: a user said so, of a person in an imported talk."""


class PeopleLike(Record):
    """The part of a country's people that a stance was drawn from."""

    traits: dict[str, str]
    """What they share with the persona: `sex`, `age` (a band) or `education`."""
    share: float = Field(ge=0, le=1)
    """Fraction of their valid answers with the stance's code."""
    n: float = Field(gt=0)
    """Their valid answers: respondents, or the sum of weights."""


class RespondentReference(Record):
    """Which real person's answers a seat holds to, told only to those who have the survey's file."""

    reference: str
    """Hash of the person's row in the file: found again with the file, and never without it."""
    file: str
    """Sha256 of the file."""


class Stance(Record):
    """One answer on a question's scale, with how common it is."""

    question: str
    code: int
    words: str
    """A clause that completes "NAME …", e.g. `believes that …`; English, as judges and reports read it."""
    told: str | None = Field(default=None, exclude_if=lambda told: told is None)
    """The answer said to its holder in the language the seat speaks, a whole sentence; None where that is English."""
    side: Side
    share: float = Field(ge=0, le=1)
    """Fraction of the country's valid answers with this code, whoever it was drawn from."""
    n: float | None = Field(gt=0)
    """Valid answers of the country: respondents, or the sum of weights; None where only shares are published."""
    weighted: bool
    country: str = Field(pattern=r"^[A-Z]{3}$")
    """Country whose people gave this answer: the persona's own, unless chosen from another as a control."""
    chosen: StanceChoice
    like: PeopleLike | None = None
    """The people like the persona it was drawn from; None when that was the whole country."""
    respondent: RespondentReference | None = None
    """With `chosen: respondent`, whose answer it is."""

    @property
    def gender_basis(self) -> Literal["answers by sex", "name cue only"]:
        """What a contrast of women and men rests on: their own answers, or only the persona's name and pronoun."""
        return "answers by sex" if self.like is not None and "sex" in self.like.traits else "name cue only"

    @property
    def standing(self) -> str:
        """How common it is, for people: `34 % of TUR; 41 % of those with sex=female`."""
        common = f"{100 * self.share:.0f} % of {self.country}"
        if self.like is None:
            return common
        traits = ", ".join(f"{name}={value}" for name, value in self.like.traits.items())
        return f"{common}; {100 * self.like.share:.0f} % of those with {traits}"


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
