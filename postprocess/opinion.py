"""An opinion: something one person said in a talk, at an exact place, judged against that person's own stance."""

from typing import Literal

from pydantic import Field

from culturepark.personas.question import Side
from culturepark.personas.stance import Stance
from culturepark.runtime.record import Record

About = Literal["own", "other", "general"]
Kind = Literal["fact", "value", "custom"]
Voice = Literal["first", "third"]
Verdict = Literal["entail", "contradict", "irrelevant"]
DropReason = Literal[
    "about_other",
    "flagged_turn",
    "question",
    "too_short",
    "too_long",
    "said_before",
    "no_stance",
    "contradict",
    "rewrite_failed",
    "rewrite_rejected",
    "irrelevant",
    "uncorroborated",
    "share_refuted",
    "judge_failed",
    "no_reply",
    "merged",
]
MergeReason = Literal["text", "cosine", "entailment", "cluster"]
"""`text`: the same but for case, punctuation and white space; `cosine`: near, on the same side of the same question;
`entailment`: near, and a judge says that each implies the other; `cluster`: in one cluster by k-means."""


class Rewrite(Record):
    """One rewording by a model, whether or not it was kept."""

    aim: Literal["stance", "first_person"]
    """`stance`: a contradiction was put in agreement with the speaker's stance. `first_person`: only the voice."""
    before: str
    after: str | None
    """None when no draw gave a usable text."""
    verdicts: tuple[Verdict | None, Verdict | None]
    """For `stance`, what the stance says of the text before and of the text after. For `first_person`, whether the
    text before implies the one after, and the other way round. None where it was not judged, or the judge failed."""
    kept: bool
    """Whether the opinion goes on with the text after."""


class SecondVerdict(Record):
    """What another judge says of the same text and stance. It is kept and counted; the first judge decides."""

    judge: str
    """Identity of the model."""
    verdict: Verdict | None
    confidence: dict[Verdict, float] | None = None


class ShareCheck(Record):
    """An opinion that says how common a view is, held against the survey's counts."""

    question: str
    """Always a seed question."""
    country: str
    """ISO code of the country the text speaks of."""
    side: Side
    """Side of the scale that the text says so many people are on."""
    claimed: tuple[float, float]
    """Fractions of the people that the words allow."""
    share: float
    """Fraction of the valid answers on that side."""
    n: float | None
    """Valid answers; None where only shares are published."""
    holds: bool


class Novelty(Record):
    """How an opinion that its speaker's stance does not decide stands among the others."""

    nearest: str
    """The seed question whose text is nearest."""
    distance: float
    """One minus the cosine of the two texts' embeddings, in [0, 2]."""
    corroborated_by: tuple[str, ...]
    """Ids of opinions that entail it, one of each independent talk: another talk, another persona or stance."""


class Opinion(Record):
    """One opinion. `text` is what becomes a sample; `quote` stands in the turn at `[start:end]`."""

    id: str
    text: str
    """The quote, unless it was reworded: see `rewrites`."""
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
    kind: Kind = "value"
    """What it is: something that can be looked up, something held dear, or something people do."""
    voice: Voice | None = None
    """The person `text` is said in; None before that was looked at, which is done for what is kept."""
    verdict: Verdict | None = None
    """What the judged text means for the speaker's own stance; None when it was not judged."""
    confidence: dict[Verdict, float] | None = None
    """Calibrated probability of each verdict, where the judge gives log-probabilities."""
    second: SecondVerdict | None = None
    rewrites: tuple[Rewrite, ...] = ()
    share_check: ShareCheck | None = None
    novelty: Novelty | None = None
    """Only for opinions of the novel pool."""
    dropped: DropReason | None = None
    kept: str | None = None
    """For a merged opinion, the id of the one that stands for it."""
    cosine: float | None = None
    """For a merged opinion, its similarity to that one."""
    merged_by: MergeReason | None = None
    """For a merged opinion, why that one stands for it."""
    requests: tuple[str, ...] = ()
    """Ledger keys of the replies that found, judged and reworded it."""

    @property
    def is_verified(self) -> bool:
        """Whether it became a sample, or is stood for by one."""
        return self.dropped is None or self.dropped == "merged"

    @property
    def judged_text(self) -> str:
        """The text that `verdict` is about: before its voice was changed, which changes no meaning."""
        voiced = [change for change in self.rewrites if change.aim == "first_person" and change.kept]
        return voiced[0].before if voiced else self.text

    @property
    def verdict_as_said(self) -> Verdict | None:
        """The verdict on the quote, before any rewording."""
        reworded = [change for change in self.rewrites if change.aim == "stance"]
        return reworded[0].verdicts[0] if reworded else self.verdict
