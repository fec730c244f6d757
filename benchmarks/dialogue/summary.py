"""From readings, labels and texts to values of talks, and to scores with intervals."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from statistics import fmean
from typing import Final

from culturepark.benchmarks.dialogue.conformity import conformity, convergence_turn, starts_apart
from culturepark.benchmarks.dialogue.drift import changes, readable
from culturepark.benchmarks.dialogue.measuring import Measured
from culturepark.benchmarks.dialogue.patterns import essentialising_rate, unreviewed
from culturepark.benchmarks.dialogue.readings import BEFORE, METERS, Meter, Placed, Reading, by_seat, by_talk, held_side
from culturepark.benchmarks.dialogue.settings import Measure
from culturepark.benchmarks.dialogue.texts import Of, Texts
from culturepark.benchmarks.dialogue.topics import Labelled, kinds, topic_extension, understanding
from culturepark.benchmarks.dialogue.views import SHARED_BY
from culturepark.benchmarks.estimates import estimate
from culturepark.benchmarks.talk_metrics import METRICS, Held
from culturepark.benchmarks.task import Score
from culturepark.personas.surveys.survey import Survey
from culturepark.simulation.transcript import Transcript

SEED: Final = 0
CONVERGENCE: Final = "convergence turn (heard)"
CONVERGED: Final = "converged (heard)"
JUDGE: Final = "judge hears stances"
TOLD_APART: Final = "told apart"
EXAGGERATION: Final = "exaggeration"
Values = dict[str, dict[str, float]]
"""By name of the measure, by id of the talk."""


def values_of(held: Sequence[Held], measured: Measured, texts: Texts, survey: Survey) -> Values:
    """Everything that has a value for a talk; a talk in which it is not defined is left out."""
    found: Values = {}
    talks = [one.talk for one in held]
    read = by_talk(measured.readings)

    def each(name: str, value: Callable[[Transcript, list[Reading]], float | None]) -> None:
        found.update(_defined(name, {talk.id: value(talk, read.get(talk.id, [])) for talk in talks}))

    for meter in METERS:
        _of_meter(meter, each)
    for meter, share in _changed(talks, measured.readings, survey).items():
        found |= _defined(f"changed their mind ({meter})", share)
    each(CONVERGENCE, lambda talk, own: convergence_turn(talk, own) if starts_apart(talk) else None)
    each(CONVERGED, _converged)
    for measure, labels in measured.labels.items():
        own = {talk.id: [one for one in labels if one.talk == talk.id] for talk in talks}
        for name, value in LABELLED[measure].items():
            found |= _defined(name, {talk: value(said) for talk, said in own.items()})
    for name, items in (("novelty", texts.novelty), (EXAGGERATION, texts.exaggeration), (TOLD_APART, texts.told)):
        if items:
            found[name] = _means(items)
    each("essentialising per 1k tokens", lambda talk, _: _per_1k(*essentialising_rate(talk)))
    for name, metric in METRICS.items():
        found |= _defined(name, {one.talk.id: metric.measure(one) for one in held})
    return found


def _of_meter(meter: Meter, each: Callable[[str, Callable[[Transcript, list[Reading]], float | None]], None]) -> None:
    each(
        f"distance ({meter})",
        lambda _, own: _mean(one.distance for one in own if one.meter == meter and one.turn != BEFORE),
    )
    each(f"stance held ({meter})", lambda talk, own: _mean(held_side(talk, own, meter).values()))
    if meter != "near":
        each(f"conformity ({meter})", lambda talk, own: _mean(conformity(talk, own, meter=meter).values()))


def _changed(
    talks: Sequence[Transcript], readings: Sequence[Reading], survey: Survey
) -> dict[Meter, dict[str, float | None]]:
    """Share of each talk's speakers with enough readings who changed."""
    flagged = {(meter, talk.id, seat) for talk, meter, seat, _ in changes(talks, readings, survey)}
    found: dict[Meter, dict[str, float | None]] = {}
    for meter, speakers in readable(readings).items():
        seats = {talk.id: [seat for of, seat in speakers if of == talk.id] for talk in talks}
        found[meter] = {
            talk: _mean(float((meter, talk, seat) in flagged) for seat in own) for talk, own in seats.items()
        }
    return found


def scores_of(talks: Sequence[Transcript], values: Values, texts: Texts, control: Sequence[Placed]) -> Iterator[Score]:
    """The judge's control, means over talks, then over utterances and samples; each with its interval by question."""
    if control:
        right = [float(one.right) for one in control]
        score = estimate(JUDGE, right, [one.question for one in control], seed=SEED, unit="question")
        yield _noted(score, "sentences that say an answer outright, put on its side; else `heard` says nothing")
    questions = {talk.id: talk.seed.id for talk in talks}
    foreign = unreviewed(seat.language for talk in talks for seat in talk.seats)
    for name, found in values.items():
        score = estimate(name, list(found.values()), [questions[talk] for talk in found], seed=SEED, unit="question")
        notes = {
            TOLD_APART: f"chance is {texts.chance:.3g}" if texts.chance is not None else "",
            CONVERGENCE: "of talks that start apart and converge",
            "essentialising per 1k tokens": f"lists not reviewed: {', '.join(foreign)}" if foreign else "",
        }
        yield _noted(score, notes.get(name, ""))
    for name, items in texts.gains.items():
        yield _over(f"diversity gain ({name})", items)
    if texts.generic is not None:
        yield _over(f"generic (said in {SHARED_BY} cultures)", texts.generic)
    else:
        note = f"needs samples of {SHARED_BY} cultures"
        yield Score(name=f"generic (said in {SHARED_BY} cultures)", value=None, n=0, clusters=0, note=note)


def _converged(talk: Transcript, own: list[Reading]) -> float | None:
    heard = by_seat(own, "heard")
    if not starts_apart(talk) or len(heard) < len(talk.seats):
        return None
    return float(convergence_turn(talk, own) is not None)


def _over(name: str, items: Sequence[Of]) -> Score:
    return estimate(name, [one.value for one in items], [one.question for one in items], seed=SEED, unit="question")


def _means(items: Iterable[Of]) -> dict[str, float]:
    by_id: dict[str, list[float]] = defaultdict(list)
    for one in items:
        by_id[one.talk].append(one.value)
    return {talk: fmean(values) for talk, values in by_id.items()}


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _share(count: int, n: int) -> float | None:
    return count / n if n else None


def _kind(labels: Sequence[Labelled], *, kind: str) -> float | None:
    counts = kinds(labels)
    return _share(counts[kind], sum(counts.values()))


def _understood(labels: Sequence[Labelled]) -> float | None:
    return _share(*understanding(labels))


def _defined(name: str, values: Mapping[str, float | None]) -> Values:
    known = {talk: value for talk, value in values.items() if value is not None}
    return {name: known} if known else {}


LABELLED: Final[Mapping[Measure, Mapping[str, Callable[[Sequence[Labelled]], float | None]]]] = {
    "kinds": {
        "topic extension": topic_extension,
        **{kind: partial(_kind, kind=kind) for kind in ("belief", "norm", "custom")},
    },
    "understanding": {"understanding": _understood},
}
"""By measure, the values of a talk that come from its labels."""


def _per_1k(count: int, tokens: int) -> float | None:
    return 1000 * count / tokens if tokens else None


def _noted(score: Score, note: str) -> Score:
    return score.model_copy(update={"note": "; ".join(part for part in (note, score.note) if part)})
