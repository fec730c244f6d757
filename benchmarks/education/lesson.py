"""A classroom lesson as it is kept and exported: what was guessed before and after, and never by whom."""

from typing import Final, Literal

from pydantic import Field, model_validator

from culturepark.runtime.record import Record

Arm = Literal["culture_model", "base_model", "survey_table"]
"""What a participant learned from: the culture's model, the untuned one, or a table of seed questions' answers."""
Order = Literal["AB", "BA"]
"""Which form was guessed before the lesson, and which after."""
Status = Literal["complete", "unfinished"]
Rating = Literal[1, 2, 3, 4, 5]
SCHEMA: Final = 1
WHOLE: Final = 1e-6
"""How far the shares of a guessed distribution may be from adding up to 1."""


class Guess(Record):
    """What a participant guessed of one question. Without any number it was shown and left open."""

    question: str
    """Full id, e.g. `wvs7:Q158`."""
    share: float | None = Field(default=None, ge=0, le=1)
    """Fraction of the people whose answer lies in the upper half of the scale."""
    spread: float | None = Field(default=None, ge=0, le=1)
    """How far the people differ among themselves: 0 if all answer alike, 1 if as far as the scale allows."""
    shares: dict[int, float] | None = None
    """Instead of the two: the fraction that gave each answer, by code."""

    @model_validator(mode="after")
    def _one_way_of_guessing(self) -> "Guess":
        if self.shares is None:
            return self
        if self.share is not None or self.spread is not None:
            raise ValueError(f"{self.question}: give either shares of every answer, or share and spread")
        if any(not 0 <= share <= 1 for share in self.shares.values()):
            raise ValueError(f"{self.question}: shares are fractions from 0 to 1")
        if abs(sum(self.shares.values()) - 1) > WHOLE:
            raise ValueError(f"{self.question}: shares add up to {sum(self.shares.values()):.4g}, not 1")
        return self


class Lesson(Record):
    """One participant's lesson. It holds no name, no time and no text that the participant wrote."""

    schema_version: Literal[1] = SCHEMA
    id: str = Field(pattern=r"^[A-Za-z0-9_-]{4,40}$")
    """The lesson's code, drawn at random: it tells nothing of the participant, who alone can name it to withdraw."""
    consent: str = Field(min_length=1)
    """Version of the text that the participant consented to."""
    adult: Literal[True]
    """The participant confirmed to be of age; there is no lesson without."""
    survey: str = "wvs7"
    culture: str
    country: str = Field(pattern=r"^[A-Z]{3}$")
    arm: Arm
    order: Order
    status: Status
    exchanges: int = Field(default=0, ge=0)
    """How often the participant wrote to the model and was answered."""
    before: tuple[Guess, ...] = Field(min_length=1)
    """The first form, in the order in which its questions were shown."""
    after: tuple[Guess, ...] = ()
    """The second form; empty if the lesson ended before it."""
    sheet: dict[str, Rating | None] = {}
    """Satisfaction by item; None where it was left open."""

    @model_validator(mode="after")
    def _forms_differ(self) -> "Lesson":
        asked = [guess.question for guess in (*self.before, *self.after)]
        for question in asked:
            if asked.count(question) > 1:
                raise ValueError(f"lesson {self.id} asks {question} twice; its forms share no question")
        if self.status == "complete" and not self.after:
            raise ValueError(f"lesson {self.id} is complete without a second form; its status is unfinished")
        return self
