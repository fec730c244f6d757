"""What the ratings say: do people agree, does the judge agree with them, and who are they?"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple, get_args

from culturepark.postprocess.annotate.agreement import (
    Agreement,
    Measurement,
    cohen_kappa,
    krippendorff_alpha,
    share,
)
from culturepark.postprocess.annotate.items import Item
from culturepark.postprocess.annotate.tables import (
    Rating,
    Returned,
    Sheet,
    StanceRead,
    judge_of,
    load_returned,
    load_sheets,
)
from culturepark.postprocess.opinion import Opinion, Verdict
from culturepark.postprocess.verify import verdict_of
from culturepark.runtime.record import Record
from culturepark.runtime.store import Store

ENOUGH: Final = 20
"""Items on which people agree that a judge has to be held against before it counts as looked at."""
VERDICTS: Final[tuple[Verdict, ...]] = get_args(Verdict)
UNVALIDATED: Final = "unvalidated"


class Measure(Record):
    """How far raters agree on one thing."""

    name: str
    measurement: Measurement
    alpha: Agreement


class JudgeAgreement(Record):
    """A judge's verdicts against the majority of raters.

    People read which side of the scale an opinion speaks for: the side of the stance means that it entails the
    stance, another side that it contradicts it, `cannot tell` that it is irrelevant to it.
    """

    judge: str
    items: int
    undecided: int
    """Items without a majority among the raters, left out."""
    agreement: Agreement
    """Share of items with the same verdict."""
    agreement_in_run: Agreement
    """The same, each item counted for the opinions of its stratum: rare kinds are on the sheet more often than in the
    run."""
    kappa: Agreement
    confusion: dict[Verdict, dict[Verdict, int]]
    """Judge's verdict, then people's."""


class PairAgreement(Record):
    """What people say of pairs that were merged, or were not."""

    merged: bool
    pairs: int
    same: int
    """Pairs that the majority calls the same."""
    undecided: int


class TieCount(Record):
    """Raters of a culture with one tie to it."""

    culture: str
    tie: str
    raters: int
    ratings: int
    authenticity: float | None
    """Mean over their ratings of opinions, from 1 to 5."""
    stereotypes: float | None
    """Share of opinions that they call a stereotype."""


class Report(Record):
    """Everything that the ratings of a run say."""

    sheets: int
    raters: tuple[str, ...]
    ratings: int
    awaited: tuple[str, ...]
    """`rater (sheet)` whose sheet has not come back."""
    measures: tuple[Measure, ...]
    judges: tuple[JudgeAgreement, ...]
    pairs: tuple[PairAgreement, ...]
    ties: tuple[TieCount, ...]
    judge: str | None
    """Who judged the last refinement."""
    standing: str
    """`unvalidated`, or what the judge was measured at."""


class Standing(Record):
    """What is known of the judge of the last refinement."""

    judge: str | None
    validated: bool
    words: str
    """`unvalidated`, or e.g. `kappa 0.61 on 57 human labels`."""


class _Rated(NamedTuple):
    item: Item
    ratings: tuple[Rating, ...]


def report(store: Store, opinions: Sequence[Opinion]) -> Report:
    """Read and count a run's ratings."""
    sheets, returned = load_sheets(store), load_returned(store)
    rated = _rated(sheets, returned)
    judges = _judges(rated)
    current = judge_of(store, opinions)
    back = {(one.sheet, one.rater) for one in returned}
    return Report(
        sheets=len(sheets),
        raters=tuple(sorted({one.rater for one in returned})),
        ratings=sum(len(one.ratings) for one in returned),
        awaited=tuple(
            f"{rater} ({sheet.id})" for sheet in sheets for rater in sheet.raters if (sheet.id, rater) not in back
        ),
        measures=_measures(rated),
        judges=judges,
        pairs=_pairs(rated),
        ties=_ties(sheets, returned),
        judge=current,
        standing=_standing(current, judges).words,
    )


def standing(store: Store, opinions: Iterable[Opinion]) -> Standing:
    """Whether the judge of the last refinement was held against people."""
    returned = load_returned(store)
    judges = _judges(_rated(load_sheets(store), returned)) if returned else ()
    return _standing(judge_of(store, opinions), judges)


def _standing(judge: str | None, judges: Sequence[JudgeAgreement]) -> Standing:
    found = next((one for one in judges if one.judge == judge and one.items >= ENOUGH), None)
    if found is None or found.kappa.value is None:
        return Standing(judge=judge, validated=False, words=UNVALIDATED)
    return Standing(judge=judge, validated=True, words=f"kappa {found.kappa.value:.2f} on {found.items} human labels")


def _rated(sheets: Sequence[Sheet], returned: Sequence[Returned]) -> list[_Rated]:
    ratings: dict[tuple[str, str], list[Rating]] = defaultdict(list)
    for one in returned:
        for rating in one.ratings:
            ratings[one.sheet, rating.item].append(rating)
    return [
        _Rated(item, tuple(ratings[sheet.id, item.code]))
        for sheet in sheets
        for item in sheet.items
        if ratings[sheet.id, item.code]
    ]


def _measures(rated: Sequence[_Rated]) -> tuple[Measure, ...]:
    asked: Sequence[tuple[str, Measurement, str, Callable[[Rating], str | int | None]]] = (
        ("authenticity", "ordinal", "opinion", lambda rating: rating.authenticity),
        ("stance", "nominal", "opinion", lambda rating: rating.stance),
        ("stereotype", "nominal", "opinion", lambda rating: rating.stereotype),
        ("same", "nominal", "pair", lambda rating: rating.same),
    )
    return tuple(
        Measure(
            name=name,
            measurement=measurement,
            alpha=krippendorff_alpha(
                [[read(rating) for rating in one.ratings] for one in rated if one.item.kind == kind],
                measurement=measurement,
            ),
        )
        for name, measurement, kind, read in asked
    )


def _judges(rated: Sequence[_Rated]) -> tuple[JudgeAgreement, ...]:
    by_judge: dict[str, list[_Rated]] = defaultdict(list)
    for one in rated:
        if one.item.judge is not None and one.item.verdict is not None and one.item.side is not None:
            by_judge[one.item.judge].append(one)
    return tuple(_judge(judge, by_judge[judge]) for judge in sorted(by_judge))


def _judge(judge: str, rated: Sequence[_Rated]) -> JudgeAgreement:
    pairs: list[tuple[Verdict, Verdict]] = []
    weights: list[float] = []
    undecided = 0
    for item, ratings in rated:
        assert item.verdict is not None
        assert item.side is not None
        read = _majority([rating.stance for rating in ratings if rating.stance is not None])
        if read is None:
            undecided += 1
            continue
        pairs.append((item.verdict, verdict_of(None if read == "cannot tell" else read, item.side)))
        weights.append(item.stratum_size / item.stratum_drawn)
    confusion = Counter(pairs)
    places = {verdict: place for place, verdict in enumerate(VERDICTS)}
    hits = [said == people for said, people in pairs]
    return JudgeAgreement(
        judge=judge,
        items=len(pairs),
        undecided=undecided,
        agreement=share(hits),
        agreement_in_run=share(hits, weights),
        kappa=cohen_kappa(
            [places[said] for said, _ in pairs], [places[people] for _, people in pairs], labels=len(VERDICTS)
        ),
        confusion={said: {people: confusion[said, people] for people in VERDICTS} for said in VERDICTS},
    )


def _majority(said: Sequence[StanceRead]) -> StanceRead | None:
    """What more than half of at least two raters say."""
    if len(said) < 2:
        return None
    word, count = Counter(said).most_common(1)[0]
    return word if 2 * count > len(said) else None


def _pairs(rated: Sequence[_Rated]) -> tuple[PairAgreement, ...]:
    found = []
    for merged in (True, False):
        votes = [
            [rating.same for rating in one.ratings if rating.same is not None]
            for one in rated
            if one.item.kind == "pair" and one.item.merged is merged
        ]
        votes = [vote for vote in votes if len(vote) > 1]
        same = sum(2 * sum(vote) > len(vote) for vote in votes)
        undecided = sum(2 * sum(vote) == len(vote) for vote in votes)
        found.append(PairAgreement(merged=merged, pairs=len(votes), same=same, undecided=undecided))
    return tuple(found)


def _ties(sheets: Sequence[Sheet], returned: Sequence[Returned]) -> tuple[TieCount, ...]:
    cultures = {(sheet.id, item.code): item.culture for sheet in sheets for item in sheet.items}
    groups: dict[tuple[str, str], list[Rating]] = defaultdict(list)
    raters: dict[tuple[str, str], set[str]] = defaultdict(set)
    for one in returned:
        for culture, tie in one.ties.items():
            raters[culture, tie].add(one.rater)
        for rating in one.ratings:
            culture = cultures[one.sheet, rating.item]
            groups[culture, one.ties[culture]].append(rating)
    return tuple(
        _tie_count(culture, tie, len(people), groups[culture, tie]) for (culture, tie), people in sorted(raters.items())
    )


def _tie_count(culture: str, tie: str, people: int, ratings: Sequence[Rating]) -> TieCount:
    scores = [rating.authenticity for rating in ratings if rating.authenticity is not None]
    flags = [rating.stereotype for rating in ratings if rating.stereotype is not None]
    return TieCount(
        culture=culture,
        tie=tie,
        raters=people,
        ratings=len(ratings),
        authenticity=sum(scores) / len(scores) if scores else None,
        stereotypes=sum(flags) / len(flags) if flags else None,
    )
