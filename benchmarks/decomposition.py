"""Where the spread of a metric comes from: its variance over the factors of a run, and how many talks even it out."""

from collections.abc import Mapping, Sequence

from culturepark.benchmarks.talk_metrics import Held, measure
from culturepark.benchmarks.talks import SEED_PARTS, RunTalks, parts
from culturepark.benchmarks.variance import Range, distinct_factors, talks_needed, variance_components
from culturepark.runtime.hashing import sha256
from culturepark.runtime.record import Record
from culturepark.simulation.transcript import Transcript

SEED = 0
RESIDUAL = "residual"
NO_DRAWS = frozenset({"draw"})


class Component(Record):
    """What one factor contributes."""

    factor: str
    """Factors that split the talks alike cannot be told apart and stand together: `persona = name`."""
    values: int
    """How many the run has."""
    variance: float
    """In the square of the metric's unit."""
    interval: Range
    """95 %, bootstrap."""
    share: float
    """Of the sum of all components, in [0, 1]."""
    talks_needed: int | None
    """Talks for each value, each with a seed and a draw of its own, until the order of the values has reliability 0.8;
    for the residual, draws of one talk until its own score has. None when nothing is there to be found."""


class Decomposition(Record):
    """The variance of one metric."""

    metric: str
    talks: int
    """In which the metric is defined."""
    mean: float | None
    components: tuple[Component, ...]
    """Largest first, the residual last; empty when there was too little to go on."""
    note: str | None


def decompose(run: RunTalks, *, metrics: Sequence[str]) -> tuple[Decomposition, ...]:
    """Split the variance of each metric over question, culture, seed, people, protocol, language, model and draw."""
    measured = {held.talk.id: measure(held, metrics) for held in run.held}
    return tuple(_decomposed(metric, run.held, measured, run.unrefined) for metric in metrics)


def factors_of(talk: Transcript) -> dict[str, str]:
    """The value of each factor in a talk.

    `seed` is who holds which stance on which question; `interaction` is everything but the draw, so it is there only
    where talks were drawn more than once. Any other factor that the study varied comes after these.
    """
    known = parts(talk)
    delegates = [seat for seat in talk.seats if seat.role == "delegate"]
    found = {
        "question": talk.seed.id,
        "culture": "+".join(seat.culture.id for seat in delegates),
        "seed": sha256([known.get(part) for part in sorted(SEED_PARTS)]),
        "persona": sha256([seat.persona.model_copy(update={"name": "x"}) for seat in delegates]),
        "name": "+".join(seat.name for seat in delegates),
        "main contact": "+".join(seat.id for seat in talk.seats if seat.role == "main_contact"),
        "protocol": known.get("protocol", talk.protocol.name),
        "language": f"{talk.language} {known['languages']}",
        "model": talk.model,
        "sampling": known.get("sampling", ""),
        "interaction": sha256({name: known[name] for name in sorted(known.keys() - NO_DRAWS)}),
    }
    others = {name: sha256(value) for name, value in talk.factors.items() if name not in found and name not in NO_DRAWS}
    return {**found, **others}


def _decomposed(
    metric: str,
    held: Sequence[Held],
    measured: Mapping[str, Mapping[str, float | None]],
    unrefined: str | None,
) -> Decomposition:
    defined = [(one.talk, value) for one in held if (value := measured[one.talk.id][metric]) is not None]
    values = [value for _, value in defined]
    mean = sum(values) / len(values) if values else None
    note = None
    components: tuple[Component, ...] = ()
    if not values:
        note = unrefined if metric == "samples_per_1k_tokens" and unrefined else "not defined in any talk"
    elif len(set(values)) == 1:
        note = f"the same in all {len(values)} talks"
    else:
        table = [factors_of(talk) for talk, _ in defined]
        names = dict.fromkeys(name for row in table for name in row)
        labels = distinct_factors({name: [row.get(name, "") for row in table] for name in names})
        fit = variance_components(values, labels, seed=SEED)
        if fit is None:
            note = f"{len(values)} talks are too few to tell {len(labels)} factors apart; hold more, or vary less"
        else:
            components = _components(labels, fit.variances, fit.intervals)
    return Decomposition(metric=metric, talks=len(values), mean=mean, components=components, note=note)


def _components(
    labels: Mapping[str, Sequence[str]], variances: Sequence[float], intervals: Sequence[Range]
) -> tuple[Component, ...]:
    total, residual = sum(variances), variances[-1]
    estimated = dict(zip(labels, variances, strict=False))
    errors = {
        factor: residual
        + sum(estimated[inner] for inner in labels if inner != factor and _nested(labels, inner, factor))
        for factor in labels
    }
    rows = [
        Component(
            factor=factor,
            values=len(set(column)),
            variance=estimated[factor],
            interval=interval,
            share=estimated[factor] / total,
            talks_needed=talks_needed(estimated[factor], errors[factor]),
        )
        for (factor, column), interval in zip(labels.items(), intervals, strict=False)
    ]
    rows.sort(key=lambda row: -row.variance)
    last = Component(
        factor="draw" if any("interaction" in factor for factor in labels) else RESIDUAL,
        values=len(next(iter(labels.values()), ())),
        variance=residual,
        interval=intervals[-1],
        share=residual / total,
        talks_needed=talks_needed(total - residual, residual),
    )
    return (*rows, last)


def _nested(labels: Mapping[str, Sequence[str]], inner: str, outer: str) -> bool:
    """Whether each value of one factor comes with a single value of another, as a persona does with its culture."""
    both = set(zip(labels[inner], labels[outer], strict=True))
    return len(both) == len(set(labels[inner]))
