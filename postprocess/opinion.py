"""An opinion: something one person said in a talk, at an exact place, judged against that person's own stance."""

from typing import Literal

from pydantic import Field

from culturepark.personas.stance import Stance
from culturepark.runtime.record import Record

About = Literal["own", "other", "general"]
Verdict = Literal["entail", "contradict", "irrelevant"]
DropReason = Literal[
    "about_other",
    "flagged_turn",
    "question",
    "too_short",
    "said_before",
    "no_stance",
    "contradict",
    "irrelevant",
    "judge_failed",
    "merged",
]
MergeReason = Literal["text", "cosine", "entailment", "cluster"]
"""`text`: the same but for case, punctuation and white space; `cosine`: near, on the same side of the same question;
`entailment`: near, and a judge says that each implies the other; `cluster`: in one cluster by k-means."""


class Opinion(Record):
    """One opinion. `text` is what becomes a sample; `quote` stands in the turn at `[start:end]`."""

    id: str
    text: str
    quote: str
    start: int = Field(ge=0)
    """First character of the quote in the turn's text."""
    end: int
    talk: str
    turn: int
    speaker: str
    culture: str
    country: str
    question: str
    stance: Stance | None
    language: str = "en"
    """BCP 47 of what its speaker speaks."""
    about: About
    """Whose view the speaker gives: their own, that of others, or a general one."""
    verdict: Verdict | None = None
    """What the opinion means for the speaker's own stance; None when it was not judged."""
    confidence: dict[Verdict, float] | None = None
    """Calibrated probability of each verdict, where the judge gives log-probabilities."""
    dropped: DropReason | None = None
    kept: str | None = None
    """For a merged opinion, the id of the one that stands for it."""
    cosine: float | None = None
    """For a merged opinion, its similarity to that one."""
    merged_by: MergeReason | None = None
    """For a merged opinion, why that one stands for it."""
    requests: tuple[str, ...] = ()
    """Ledger keys of the replies that found and judged it."""
