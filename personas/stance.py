"""A stance: the answer a seat holds to, really given by people of its country."""

from typing import Literal

from pydantic import Field

from culturepark.personas.question import Side
from culturepark.runtime.record import Record

StanceChoice = Literal["sampled", "iid", "mode", "median", "other", "none"]


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
    """Fraction of the country's valid answers with this code."""
    n: float | None = Field(gt=0)
    """Valid answers of the country: respondents, or the sum of weights; None where only shares are published."""
    weighted: bool
    country: str = Field(pattern=r"^[A-Z]{3}$")
    """Country whose people gave this answer: the persona's own, unless chosen from another as a control."""
    chosen: StanceChoice
