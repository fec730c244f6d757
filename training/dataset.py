"""From a run to training sets: rows made, left out with a reason, split, weighted; the counts add up."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from culturepark.personas.surveys.survey import load_survey
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.hashing import sha256
from culturepark.runtime.models.embedders import DEFAULT_EMBEDDER, Embedder
from culturepark.training.filters import (
    MAX_COSINE,
    Dropped,
    drop_duplicates,
    drop_long,
    drop_near_held_out,
    measured_surveys,
)
from culturepark.training.from_counts import Variants, rows_from_counts, seed_questions
from culturepark.training.from_samples import Asking, Made, rows_from_samples
from culturepark.training.material import Material, chosen_cultures
from culturepark.training.placebo import shuffle_cultures
from culturepark.training.prompt import prompt_sha256
from culturepark.training.report import DatasetReport, SetSize, Steps
from culturepark.training.row import Kind, Row
from culturepark.training.settings import Mode, TrainSettings
from culturepark.training.tokens import ESTIMATED, Generation, RowLengths
from culturepark.training.weighting import Cell, CellReport, cell_of, report_cell, thin, weigh_cell

FEWEST_GROUPS: Final = 5
"""Talks (or questions) from which at least one is held back for validation."""
ALONE: Mapping[Mode, tuple[Kind, ...]] = {
    "answer": ("answer",),
    "distribution": ("distribution",),
    "augment": ("distribution",),
}
"""Modes that make one kind of row, whatever the settings ask for."""


class TrainingSet(NamedTuple):
    """What one model is trained on."""

    name: str
    """The culture, or `all`."""
    rows: tuple[Row, ...]
    validation: tuple[Row, ...]


class Dataset(NamedTuple):
    """The training sets of a run, and everything that was left out."""

    sets: tuple[TrainingSet, ...]
    dropped: tuple[Dropped, ...]
    report: DatasetReport


def make_dataset(
    material: Material,
    settings: TrainSettings,
    embedder: Embedder,
    *,
    place: str,
    seed: int,
    generation: Generation | None = None,
    variants: Variants | None = None,
    lengths: RowLengths = ESTIMATED,
) -> Dataset:
    """Make the rows of a run.

    Args:
        material: Of the run; with mode `direct`, of the run in which everybody speaks alone.
        settings: The study's.
        embedder: Compares rows with held-out questions.
        place: The run, as errors call it.
        seed: The study's.
        generation: What making the rows took.
        variants: With mode `augment`, other wordings of the questions.
        lengths: Counts the tokens of a row.

    Raises:
        CultureParkError: When there is nothing to train on, and why.
    """
    kinds = ALONE.get(settings.mode, settings.rows)
    asking = Asking(material)
    chosen, notes = _cultures(material, settings, kinds, place)
    # The placebo exchanges rows between cultures, so it needs those of all, whoever is trained for.
    making = tuple(sorted({sample.culture for sample in material.samples})) if settings.mode == "placebo" else chosen
    made = {kind: _made(kind, material, settings, making, asking, seed, variants) for kind in kinds}
    base = {row_id: times for one in made.values() for row_id, times in one.base.items()}
    steps = Steps(made)
    candidates = [row for kind in kinds for row in made[kind].rows]
    rows, dropped = _filtered(candidates, material, settings, embedder, lengths, steps)
    watched = _validation(rows, settings.validation, seed)
    parts = [[row for row in rows if (row.id in watched) is is_watched] for is_watched in (False, True)]
    training, validation = (_weighed(part, base, material, settings, seed) for part in parts)
    steps.passed("weighted_out", rows, [*training, *validation])
    cells = _cells(parts[0], base, training, material)
    if settings.mode == "placebo":
        shuffled = shuffle_cultures([*training, *validation], material.cultures, asking, seed=seed)
        training, validation = shuffled.rows[: len(training)], shuffled.rows[len(training) :]
        notes += tuple(f"{question}: one culture alone has rows, which keep its name" for question in shuffled.own)
        notes += ("distances to the survey are of the rows before their cultures were exchanged",)
    sets = _sets(training, validation, chosen, settings)
    steps.passed("another_culture", [*training, *validation], [*_trained(sets), *_watched(sets)])
    if settings.tokens is not None:
        sets, whole = _thinned(sets, settings.tokens, lengths, seed), sets
        steps.passed("token_limit", _trained(whole), _trained(sets))
        if settings.mode != "placebo":
            cells = _cells(parts[0], base, _trained(sets), material)
    _refuse_empty(sets, dropped, place)
    report = DatasetReport(
        mode=settings.mode,
        weight=settings.weight,
        prompt=prompt_sha256(),
        sets=tuple(_size(one, lengths) for one in sets),
        exact_tokens=lengths.exact,
        funnel=steps.funnels(
            [row for one in sets for row in one.rows], [row for one in sets for row in one.validation]
        ),
        cells=cells,
        generation=generation or Generation(),
        notes=notes,
    )
    return Dataset(sets, tuple(dropped), report)


def _filtered(
    rows: Sequence[Row],
    material: Material,
    settings: TrainSettings,
    embedder: Embedder,
    lengths: RowLengths,
    steps: Steps,
) -> tuple[list[Row], list[Dropped]]:
    calibrated = MAX_COSINE.get(embedder.name, MAX_COSINE[DEFAULT_EMBEDDER])
    distinct, duplicates = drop_duplicates(rows)
    steps.passed("duplicate", rows, distinct)
    short, long = drop_long(distinct, most=settings.max_row_tokens, tokens=lengths.of)
    steps.passed("too_long", distinct, short)
    far, near = drop_near_held_out(
        short,
        measured_surveys(load_survey(material.source)),
        embedder,
        max_cosine=calibrated if settings.max_cosine is None else settings.max_cosine,
    )
    steps.passed("near_held_out", short, far)
    return far, [*duplicates, *long, *near]


def _weighed(
    rows: Sequence[Row], base: Mapping[str, int], material: Material, settings: TrainSettings, seed: int
) -> list[Row]:
    weighed: list[Row] = []
    for cell, inside in _by_cell(rows).items():
        weighed += weigh_cell(
            inside,
            base,
            scale=material.survey(cell.question).questions[cell.question].scale,
            answers=material.answers(cell.culture, cell.question),
            to_survey=settings.weight == "survey" and cell.kind != "distribution",
            seed=seed,
        )
    return weighed


def _cells(
    rows: Sequence[Row], base: Mapping[str, int], kept: Sequence[Row], material: Material
) -> tuple[CellReport, ...]:
    after = _by_cell(kept)
    found: list[CellReport] = []
    for cell, inside in _by_cell(rows).items():
        answers = material.answers(cell.culture, cell.question)
        scale = material.survey(cell.question).questions[cell.question].scale
        if answers is None or cell not in after:
            continue
        report = report_cell(inside, base, after[cell], answers=answers, scale=scale)
        if report is not None:
            found.append(report)
    return tuple(found)


def _by_cell(rows: Sequence[Row]) -> dict[Cell, list[Row]]:
    cells: dict[Cell, list[Row]] = defaultdict(list)
    for row in rows:
        cells[cell_of(row)].append(row)
    return dict(sorted(cells.items()))


def _sets(
    training: Sequence[Row], validation: Sequence[Row], cultures: Sequence[str], settings: TrainSettings
) -> tuple[TrainingSet, ...]:
    def of(rows: Sequence[Row], among: Sequence[str]) -> tuple[Row, ...]:
        return tuple(row for row in rows if row.culture in among)

    if settings.scope == "all":
        return (TrainingSet("all", of(training, cultures), of(validation, cultures)),)
    return tuple(TrainingSet(name, of(training, [name]), of(validation, [name])) for name in cultures)


def _thinned(sets: Sequence[TrainingSet], most: int, lengths: RowLengths, seed: int) -> tuple[TrainingSet, ...]:
    return tuple(
        one._replace(rows=tuple(thin(one.rows, most, tokens=lengths.of, seed=seed)) if one.rows else ()) for one in sets
    )


def _trained(sets: Sequence[TrainingSet]) -> list[Row]:
    return [row for one in sets for row in one.rows]


def _watched(sets: Sequence[TrainingSet]) -> list[Row]:
    return [row for one in sets for row in one.validation]


def _size(one: TrainingSet, lengths: RowLengths) -> SetSize:
    return SetSize(
        name=one.name,
        rows=len(one.rows),
        counted=sum(row.weight for row in one.rows),
        tokens=lengths.one_pass(one.rows),
        validation_rows=len(one.validation),
        validation_tokens=lengths.one_pass(one.validation),
    )


def _refuse_empty(sets: Sequence[TrainingSet], dropped: Sequence[Dropped], place: str) -> None:
    reasons = Counter(one.reason for one in dropped)
    listed = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items())) or "nothing was left out"
    for one in sets:
        if not one.rows:
            raise CultureParkError(
                f"{place}: no row is left to train {one.name!r} on ({listed}); widen --rows, raise --tokens, or hold "
                "more talks"
            )


def _cultures(
    material: Material, settings: TrainSettings, kinds: Sequence[Kind], place: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Whom to train for, and notes on who is left out."""
    if set(kinds) == {"distribution"}:
        for culture in settings.cultures:
            if culture not in material.cultures:
                chosen_cultures(material, settings.cultures, place=place, together=False)
        return settings.cultures or material.delegates, ()
    found = chosen_cultures(material, settings.cultures, place=place, together=settings.scope == "all")
    return found.cultures, tuple(f"no model for {culture}: {why}" for culture, why in found.left_out.items())


def _made(
    kind: Kind,
    material: Material,
    settings: TrainSettings,
    cultures: Sequence[str],
    asking: Asking,
    seed: int,
    variants: Variants | None,
) -> Made:
    if kind == "distribution":
        questions = seed_questions(material)
        return rows_from_counts(
            material, cultures, questions, asking,
            draws=settings.draws, seed=seed, source=settings.mode, variants=variants,
        )  # fmt: skip
    samples = [sample for sample in material.samples if sample.culture in cultures]
    by_mass = settings.weight == "mass"
    return rows_from_samples(kind, material, samples, asking, source=settings.mode, by_mass=by_mass)


def _validation(rows: Sequence[Row], share: float, seed: int) -> set[str]:
    """Ids of the rows that are held back: of each culture some talks, all rows of a talk together, drawn by hash."""
    groups: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        groups[row.culture][row.talk or row.question].append(row.id)
    held: set[str] = set()
    for culture, own in groups.items():
        order = sorted(own, key=lambda group: sha256([seed, culture, group]))
        wanted = round(share * len(own))
        if share and len(own) >= FEWEST_GROUPS:
            wanted = max(1, wanted)
        held.update(row for group in order[:wanted] for row in own[group])
    return held
