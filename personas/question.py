"""A survey question and its answer scale."""

from typing import Literal

from pydantic import Field, model_validator

from culturepark.personas.language import ENGLISH, serving
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.record import Record

Side = Literal["below", "mid", "above", "unsure"]
Split = Literal["seed", "held-out"]


class Scale(Record):
    """The answers a survey printed, in code order."""

    codes: tuple[int, ...] = Field(min_length=2)
    """Valid codes, ascending. Negative survey codes mean "no answer" and are never among them."""
    labels: dict[int, str]
    """Printed label of a code. A ten-point scale labels only its ends."""
    unsure: tuple[int, ...] = ()
    """Codes that mean "hard to say": a side of their own, neither low nor high."""
    ordinal: bool = True

    @model_validator(mode="after")
    def _consistent(self) -> "Scale":
        if list(self.codes) != sorted(set(self.codes)) or self.codes[0] < 0:
            raise ValueError(f"codes {list(self.codes)} must be distinct, ascending and not negative")
        for code in (*self.labels, *self.unsure):
            if code not in self.codes:
                raise ValueError(f"code {code} is not among the scale's codes {list(self.codes)}")
        return self

    @property
    def midpoint(self) -> float:
        """Middle between the lowest and the highest sure code."""
        sure = [code for code in self.codes if code not in self.unsure]
        return (sure[0] + sure[-1]) / 2

    def side(self, code: int) -> Side:
        """Which side of the scale a code is on; the exact middle is a side of its own."""
        if code not in self.codes:
            raise ValueError(f"code {code} is not among the scale's codes {list(self.codes)}")
        if code in self.unsure:
            return "unsure"
        if code == self.midpoint:
            return "mid"
        return "below" if code < self.midpoint else "above"

    def distance(self, one: int, other: int) -> float | None:
        """How far two answers are apart, as a fraction of the scale; None between "hard to say" and an answer.

        On a scale without an order, 0 for the same answer and 1 for another.
        """
        if one == other:
            return 0.0
        if one in self.unsure or other in self.unsure:
            return None
        sure = [code for code in self.codes if code not in self.unsure]
        return abs(one - other) / (sure[-1] - sure[0]) if self.ordinal else 1.0


class Question(Record):
    """A survey question in our own words."""

    id: str = Field(pattern=r"^[a-z][a-z0-9-]*:\S+$")
    """Source and item, e.g. `wvs7:Q27`."""
    source: str
    battery: str
    """Group of items asked together; the unit of the seed/held-out split."""
    topic: str
    """Three to six words for tables and prompts, e.g. `making one's parents proud`."""
    form: Literal["statement", "question"]
    """Whether people rated a statement or answered a question."""
    text: dict[str, str]
    """Wording per language (BCP 47); `en` is always there, others only in a talk in which they are spoken."""
    topics: dict[str, str] = Field(default={}, exclude_if=lambda topics: not topics)
    """The topic in the languages of `text` besides English. Left out of files and ids where there is none, so that a
    talk in English is the same talk whatever is translated."""
    words: dict[int, str]
    """Per code, a clause that completes "NAME …", e.g. `believes that …`: how a stance is put in prompts."""
    scale: Scale
    split: Split
    same_as: str | None = None
    """Canonical id when this row is an alias of another source's question."""

    @model_validator(mode="after")
    def _can_be_asked(self) -> "Question":
        if "en" not in self.text:
            raise ValueError(f"question {self.id} has no English text")
        if set(self.words) != set(self.scale.codes):
            raise ValueError(
                f"question {self.id}: words for codes {sorted(self.words)}, scale {list(self.scale.codes)}"
            )
        return self

    def text_in(self, language: str) -> str:
        """The question as a speaker of a language is asked it.

        Raises:
            CultureParkError: When the talk it belongs to is not held in that language.
        """
        return self.text[self._serving(language)]

    def topic_in(self, language: str) -> str:
        """The topic in a language; see `text_in`."""
        served = self._serving(language)
        return self.topic if served == ENGLISH else self.topics[served]

    def _serving(self, language: str) -> str:
        served = serving(language, {ENGLISH, *self.topics})
        if served is None:
            raise CultureParkError(
                f"question {self.id} is not in {language!r} here, only in {', '.join((ENGLISH, *sorted(self.topics)))}"
            )
        return served
