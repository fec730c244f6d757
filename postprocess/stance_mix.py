"""Which stances are left at each step from the survey to the samples; whether some views are lost more than others."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final, Literal

from scipy.stats import binomtest, wasserstein_distance

from culturepark.personas.question import Question, Scale
from culturepark.personas.surveys.survey import Survey
from culturepark.postprocess.opinion import Opinion
from culturepark.runtime.record import Record
from culturepark.simulation.transcript import Transcript

Stage = Literal["survey", "talks", "verified", "distinct"]
STAGES: Final[tuple[Stage, ...]] = ("survey", "talks", "verified", "distinct")
ARROWS: Final = tuple(pairwise(STAGES))
Shares = Mapping[float, float]


class Mix(Record):
    """The stances on one question, or on all of a culture's, at each stage."""

    culture: str
    country: str
    question: str | None
    """None for all questions together."""
    counts: dict[Stage, float]
    """Survey: 1, or for all questions the seats; talks: seats; verified: opinions; distinct: samples."""
    shares: dict[Stage, dict[str, float]]
    """Fraction of each code; for all questions, of each place in [0, 1] on the scales."""
    unsure: dict[Stage, float]
    """Fraction without a place: "hard to say", or a scale without an order among others."""
    moved: dict[str, float | None]
    """For each arrow such as `talks -> verified`, the earth mover's (1-Wasserstein) distance of the places in [0, 1]:
    1 is from one end of the scale to the other. None where a stage is empty. Without an order, every move is 1 long."""


class Rate(Record):
    """How often something happened to opinions with one stance, with its 95 % Wilson interval."""

    stance: str
    """A side, or a code of the question."""
    count: int
    n: int
    share: float
    low: float
    high: float


class Fate(Record):
    """What became of opinions by stance."""

    culture: str | None
    """None for all cultures."""
    question: str | None
    """None for all questions; then stances are sides, else codes."""
    outcome: str
    """`verified`, or the reason why they were dropped before."""
    rates: tuple[Rate, ...]

    @property
    def uneven(self) -> bool:
        """Whether the intervals of two stances do not overlap: some views fare differently."""
        return max((rate.low for rate in self.rates), default=0) > min((rate.high for rate in self.rates), default=1)


def stance_mixes(
    survey: Survey, talks: Sequence[Transcript], opinions: Sequence[Opinion], *, everyone: bool = False
) -> list[Mix]:
    """The mix of each culture, all questions first, then question by question.

    Args:
        survey: Where the stances come from.
        talks: Complete talks. Forks say again what their parent says, and are left out.
        opinions: All opinions of the run; those that were dropped before merging do not count.
        everyone: Whether the main contact's opinions were read, too.
    """
    cells: dict[tuple[str, str, str], dict[Stage, Counter[int]]] = defaultdict(
        lambda: {stage: Counter() for stage in STAGES}
    )
    for talk in talks:
        for seat in talk.seats:
            if talk.parent is None and seat.stance is not None and (everyone or seat.role == "delegate"):
                cells[seat.culture.id, seat.culture.country, seat.stance.question]["talks"][seat.stance.code] += 1
    for opinion in opinions:
        if opinion.stance is not None and opinion.dropped in {None, "merged"}:
            stages = cells[opinion.culture, opinion.country, opinion.stance.question]
            stages["verified"][opinion.stance.code] += 1
            stages["distinct"][opinion.stance.code] += opinion.dropped is None
    mixes: list[Mix] = []
    for culture, country in sorted({key[:2] for key in cells}):
        own = {key[2]: stages for key, stages in sorted(cells.items()) if key[:2] == (culture, country)}
        known = {question: survey.questions[question] for question in own if question in survey.questions}
        shares = {question: _survey_shares(survey, question, country) for question in known}
        mixes.append(_pooled(culture, country, own, known, shares))
        mixes += [_single(culture, country, known[question], own[question], shares[question]) for question in known]
    return mixes


def fates(opinions: Sequence[Opinion]) -> list[Fate]:
    """How each outcome is spread over stances: by side for all and for each culture, by code for each question."""
    groups: dict[tuple[str | None, str | None], list[Opinion]] = defaultdict(list)
    for opinion in opinions:
        if opinion.stance is not None:
            groups[None, None].append(opinion)
            groups[opinion.culture, None].append(opinion)
            groups[None, opinion.question].append(opinion)
    found: list[Fate] = []
    for culture, question in sorted(groups, key=lambda key: (key[1] or "", key[0] or "")):
        members = groups[culture, question]
        stances = {opinion.id: _stance(opinion, by_code=question is not None) for opinion in members}
        totals = Counter(stances.values())
        outcomes = Counter((_outcome(opinion), stances[opinion.id]) for opinion in members)
        found += [
            Fate(
                culture=culture,
                question=question,
                outcome=outcome,
                rates=tuple(rate(stance, outcomes[outcome, stance], totals[stance]) for stance in sorted(totals)),
            )
            for outcome in sorted({outcome for outcome, _ in outcomes}, key=lambda name: (name != "verified", name))
        ]
    return found


def rate(stance: str, count: int, n: int) -> Rate:
    """A share with its 95 % Wilson interval. Opinions of one talk are not independent, so it is rather too narrow."""
    interval = binomtest(count, n).proportion_ci(method="wilson")
    return Rate(stance=stance, count=count, n=n, share=count / n, low=float(interval.low), high=float(interval.high))


def earth_movers(one: Shares, other: Shares) -> float | None:
    """1-Wasserstein distance between two distributions on the line; None when one has nothing."""
    if not sum(one.values()) or not sum(other.values()):
        return None
    return float(wasserstein_distance([*one], [*other], [*one.values()], [*other.values()]))


def place(scale: Scale, code: int) -> float | None:
    """Where an answer stands between the ends of its scale, in [0, 1]; None for "hard to say"."""
    if code in scale.unsure:
        return None
    sure = [known for known in scale.codes if known not in scale.unsure]
    return (code - sure[0]) / (sure[-1] - sure[0])


def _single(
    culture: str, country: str, question: Question, stages: Mapping[Stage, Counter[int]], survey: Mapping[int, float]
) -> Mix:
    scale = question.scale
    weights: dict[Stage, Mapping[int, float]] = {**stages, "survey": survey}
    shares = {stage: _normed(weights[stage]) for stage in STAGES}
    sure = {
        stage: {code: share for code, share in shares[stage].items() if code not in scale.unsure} for stage in STAGES
    }
    moved: dict[str, float | None] = {}
    for before, after in ARROWS:
        one, other = _normed(sure[before]), _normed(sure[after])
        if scale.ordinal:
            moved[f"{before} -> {after}"] = earth_movers(_placed(scale, one), _placed(scale, other))
        else:
            codes = {*one, *other}
            apart = sum(abs(one.get(code, 0) - other.get(code, 0)) for code in codes) / 2
            moved[f"{before} -> {after}"] = apart if one and other else None
    return Mix(
        culture=culture,
        country=country,
        question=question.id,
        counts={stage: sum(weights[stage].values()) for stage in STAGES} | {"survey": float(bool(survey))},
        shares={stage: {str(code): share for code, share in sorted(shares[stage].items())} for stage in STAGES},
        unsure={stage: 1 - sum(sure[stage].values()) if shares[stage] else 0.0 for stage in STAGES},
        moved=moved,
    )


def _pooled(
    culture: str,
    country: str,
    own: Mapping[str, Mapping[Stage, Counter[int]]],
    known: Mapping[str, Question],
    shares: Mapping[str, Mapping[int, float]],
) -> Mix:
    """All questions: each question's survey counts as often as there are seats for it."""
    weights: dict[Stage, dict[float | None, float]] = {stage: defaultdict(float) for stage in STAGES}
    for question, found in known.items():
        stages: dict[Stage, Mapping[int, float]] = dict(own[question])
        seats = sum(stages["talks"].values())
        stages["survey"] = {code: share * seats for code, share in shares[question].items()}
        for stage, codes in stages.items():
            for code, weight in codes.items():
                weights[stage][place(found.scale, code) if found.scale.ordinal else None] += weight
    sure = {
        stage: {at: weight for at, weight in weights[stage].items() if at is not None and weight} for stage in STAGES
    }
    totals = {stage: sum(weights[stage].values()) for stage in STAGES}
    return Mix(
        culture=culture,
        country=country,
        question=None,
        counts=totals,
        shares={stage: {f"{at:.3f}": share for at, share in sorted(_normed(sure[stage]).items())} for stage in STAGES},
        unsure={stage: weights[stage].get(None, 0.0) / totals[stage] if totals[stage] else 0.0 for stage in STAGES},
        moved={f"{one} -> {other}": earth_movers(sure[one], sure[other]) for one, other in ARROWS},
    )


def _survey_shares(survey: Survey, question: str, country: str) -> Mapping[int, float]:
    found = survey.distribution(question, country)
    return found.shares if found is not None else {}


def _placed(scale: Scale, shares: Mapping[int, float]) -> Shares:
    return dict(_places(scale, shares.items()))


def _places(scale: Scale, shares: Iterable[tuple[int, float]]) -> Iterator[tuple[float, float]]:
    for code, share in shares:
        at = place(scale, code)
        if at is not None:
            yield at, share


def _normed(weights: Mapping[int, float] | Mapping[float, float]) -> dict[int, float]:
    total = sum(weights.values())
    return {code: weight / total for code, weight in weights.items()} if total else {}  # type: ignore[misc]


def _stance(opinion: Opinion, *, by_code: bool) -> str:
    assert opinion.stance is not None
    return str(opinion.stance.code) if by_code else opinion.stance.side


def _outcome(opinion: Opinion) -> str:
    return "verified" if opinion.dropped in {None, "merged"} else str(opinion.dropped)
