"""The suite's tables: drift, changes of mind, topics, refusals by view, minority stances and caricature."""

from collections.abc import Iterable, Iterator, Sequence
from statistics import fmean
from typing import Final

from culturepark.benchmarks.dialogue.drift import changes, readable
from culturepark.benchmarks.dialogue.measuring import Measured
from culturepark.benchmarks.dialogue.readings import METERS, Reading
from culturepark.benchmarks.dialogue.texts import Texts
from culturepark.benchmarks.dialogue.topics import NO_KIND, SUB_KINDS, sub_kinds
from culturepark.benchmarks.dialogue.views import minority_survival, refusals_by_view
from culturepark.benchmarks.statistics import wilson
from culturepark.benchmarks.task import Cell, Table
from culturepark.personas.surveys.survey import Survey
from culturepark.postprocess.stance_mix import Mix
from culturepark.simulation.transcript import Transcript

DRIFT: Final = "drift"
"""Title of the table that plots, and the studio, read."""
DRIFT_COLUMNS: Final = ("talk", "turn", "seat", "meter", "value", "distance")


def tables_of(
    talks: Sequence[Transcript], measured: Measured, texts: Texts, mixes: Sequence[Mix], survey: Survey
) -> Iterator[Table]:
    """Drift, changes of mind, topics, refusals by view, minority stances and caricature."""
    if measured.readings:
        yield drift_table(measured.readings)
        yield _changes(talks, measured.readings, survey)
    for name, labels in measured.labels.items():
        if name == "kinds":
            counts = sub_kinds(labels)
            yield Table(
                title="topics",
                columns=("kind", "sub-kind", "value", "low", "high", "utterances"),
                rows=tuple(
                    (SUB_KINDS.get(sub, NO_KIND), sub, *_rate(count, sum(counts.values())), count)
                    for sub, count in counts.items()
                    if sum(counts.values())
                ),
                plot="forest",
                note="share of the utterances the judge labelled; utterances of one talk are not independent",
            )
    yield Table(
        title="refusals by view",
        columns=("side of the scale", "value", "low", "high", "refused", "utterances"),
        rows=tuple((one.stance, one.share, one.low, one.high, one.count, one.n) for one in refusals_by_view(talks)),
        plot="forest",
    )
    if mixes:
        yield Table(
            title="minority stances",
            columns=("stage", "value", "low", "high", "minority", "all"),
            rows=tuple(
                (one.stage, *_rate(round(one.count), round(one.n)), one.count, one.n)
                for one in minority_survival(mixes)
            ),
            plot="forest",
            note="stances that fewer than 20 % of the country hold; `survey` is what the seats would have at random",
        )
    if texts.told or texts.exaggeration:
        yield _caricature(texts)


def drift_table(readings: Iterable[Reading]) -> Table:
    """Every reading, as plots and the studio take it: value is the place on the scale, in [0, 1]."""
    return Table(
        title=DRIFT,
        columns=DRIFT_COLUMNS,
        rows=tuple((one.talk, one.turn, one.seat, one.meter, one.place, one.distance) for one in readings),
        plot="drift",
        note="distance from the own stance (told, heard) or from the own answer before the talk (near), in fractions "
        "of the scale",
    )


def _changes(talks: Sequence[Transcript], readings: Sequence[Reading], survey: Survey) -> Table:
    looked_at = readable(readings)
    rows = [
        (talk.id, seat, meter, change.turn, change.before, change.after, change.explained)
        for talk, meter, seat, change in changes(talks, readings, survey)
    ]
    seen = ", ".join(
        f"{meter} {sum(row[2] == meter for row in rows)} of {len(looked_at[meter])}"
        for meter in METERS
        if looked_at[meter]
    )
    return Table(
        title="changes of mind",
        columns=("talk", "seat", "meter", "turn", "from", "to", "readings explained"),
        rows=tuple(rows),
        note=f"speakers with enough readings who changed: {seen or 'none to look at'}",
    )


def _caricature(texts: Texts) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for culture in sorted({one.culture for one in (*texts.told, *texts.exaggeration)}):
        told = [one.value for one in texts.told if one.culture == culture]
        own = [one.value for one in texts.exaggeration if one.culture == culture]
        rows.append((culture, *_rate(round(sum(told)), len(told)), len(told), fmean(own) if own else None, len(own)))
    return Table(
        title="caricature",
        columns=("culture", "value", "low", "high", "utterances told apart", "exaggeration", "utterances"),
        rows=tuple(rows),
        plot="forest",
        note="value: share of utterances whose culture is told from the others' without names; a caricature is told "
        "apart and exaggerated (0 is the question, 1 the description of the persona)",
    )


def _rate(count: int, n: int) -> tuple[float | None, float | None, float | None]:
    return (count / n, *wilson(count, n)) if n else (None, None, None)
