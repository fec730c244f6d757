"""What experiments with adapters share: rows of a run, equal numbers for all arms, one plan, paired cells."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import Final

from culturepark.benchmarks.claim import pairs
from culturepark.benchmarks.experiments.running import Analysis
from culturepark.benchmarks.experiments.setup import Setup
from culturepark.benchmarks.experiments.steps import (
    BASE,
    MEASURED,
    MODERATION,
    Measure,
    Rows,
    Step,
    Talks,
    Train,
    counted,
    pick,
    results,
)
from culturepark.benchmarks.experiments.verdict import Check, Contrast, Pair, contrast, corrected
from culturepark.benchmarks.results import load_results
from culturepark.benchmarks.task import BenchSettings, SuiteResult, Table
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.models.adapters import read_adapter
from culturepark.runtime.models.embedders import SentenceEmbedder
from culturepark.runtime.models.weights import find_weights, weights_table
from culturepark.runtime.store import open_store
from culturepark.training.arms import prepare
from culturepark.training.dataset import make_dataset
from culturepark.training.models import row_lengths
from culturepark.training.row import Row, read_rows
from culturepark.training.settings import Mode, TrainSettings

OPINIONS: Final = "opinions"
SIMILARITY: Final = "similarity"


def check_base(setup: Setup) -> None:
    """Refuse a base that cannot be both trained and measured here, before anything else is done.

    Raises:
        CultureParkError: With the bases that can.
    """
    known = [name for name, entry in weights_table().items() if entry.kind == "gguf"]
    if setup.size.base not in known or find_weights(setup.size.base).kind != "gguf":
        raise CultureParkError(
            f"{setup.design.name}: base {setup.size.base!r} cannot be measured by likelihood here; add --base with one "
            f"of {', '.join(known)}"
        )


def tuned(
    setup: Setup,
    talks: Sequence[Talks],
    make: Callable[[], Mapping[str, Sequence[Row]]],
    *,
    cultures: Sequence[str] = (),
    source: str | None = None,
    persona_folders: Sequence[Path] = (),
    moderation: BenchSettings | None = None,
) -> tuple[Step, ...]:
    """Talks, rows, adapters for each arm but the base, and the opinions suite on all of them; moderation on request."""
    check_base(setup)
    trained = tuple(arm for arm in setup.arms if arm != BASE)
    settings = BenchSettings(
        suites=(OPINIONS,),
        cultures=tuple(cultures or setup.size.cultures),
        limit=setup.size.cells,
        languages=("en",),
        sets=() if source is None else (source,),
        persona_folders=tuple(map(str, persona_folders)),
    )
    measures = [Measure(trained, settings)]
    if moderation is not None:
        measures.append(Measure(trained, moderation, MODERATION))
    seeds = setup.size.seeds
    return (*talks, Rows(make), *(Train(arm, seed) for arm in trained for seed in seeds), *measures)


def rows_of(
    setup: Setup, run: str, *, mode: Mode = "culturepark", cultures: Sequence[str] = (), **settings: object
) -> list[Row]:
    """All rows that a run gives in a training mode, for one model that is told whom to answer as."""
    folder = setup.run(run)
    train = TrainSettings.model_validate(
        {
            "mode": mode,
            "scope": "all",
            "cultures": tuple(cultures),
            "validation": 0,
            "lora": {"base": setup.size.base},
            **settings,
        }
    )
    from culturepark import Study  # noqa: PLC0415  (the study of the run, as it was saved)
    from culturepark.simulation.saved import SAVED  # noqa: PLC0415

    study = Study.load(folder / SAVED).model_copy(update={"train": train, "base_url": setup.url})
    embedder = SentenceEmbedder(study.refine.embedder)
    arm = prepare(study, folder, embedder)
    dataset = make_dataset(
        arm.material, train, embedder, place=str(folder), seed=study.seed, generation=arm.generation,
        variants=arm.variants, lengths=row_lengths(train),
    )  # fmt: skip
    return [row for one in dataset.sets for row in one.rows]


def equalised(arms: Mapping[str, Sequence[Row]], setup: Setup) -> dict[str, list[Row]]:
    """As many rows of each culture in every arm: those of the arm with fewest, and no more than the size asks for.

    A difference between arms is then one of what the rows say, not of how many there are.
    """
    grouped = {arm: _by_culture(rows) for arm, rows in arms.items()}
    cultures = sorted({culture for own in grouped.values() for culture in own})
    most = max(1, setup.size.rows // max(1, len(cultures)))
    seed = setup.options.seed
    counts = {culture: min(most, *(counted(own[culture]) for own in grouped.values())) for culture in cultures}
    return {
        arm: [row for culture in cultures for row in pick(own[culture], counts[culture], seed=seed)]
        for arm, own in grouped.items()
    }


def cells(one: SuiteResult, other: SuiteResult, *, culture: str | None = None) -> list[Pair]:
    """Differences in similarity, cell by cell, clustered by question."""
    return [
        Pair(pair.difference, question_of(pair.item.id))
        for pair in pairs(one, other)
        if culture in {None, pair.item.culture}
    ]


def batteries(one: SuiteResult, other: SuiteResult) -> list[Pair]:
    """The same clustered by battery: what holds for other batteries, too."""
    return [Pair(pair.difference, pair.item.cluster) for pair in pairs(one, other)]


def question_of(item: str) -> str:
    """The question of an item of the opinions suite."""
    return item.split("/", maxsplit=1)[0]


def measured(setup: Setup, suite: str = OPINIONS, run: str = MEASURED) -> dict[str, SuiteResult]:
    """Results of a suite by arm, items as means over the arm's trainings.

    Raises:
        CultureParkError: For an arm without a result.
    """
    return _over_trainings(each_training(setup, suite, run), setup)


def each_training(setup: Setup, suite: str = OPINIONS, run: str = MEASURED) -> dict[int, dict[str, SuiteResult]]:
    """Results of a suite by seed of the training, then by arm.

    Raises:
        CultureParkError: For an arm without a result.
    """
    with closing(open_store(setup.run(run), create=False)) as store:
        stored = load_results(store)
    found = {seed: results(setup, stored, suite, seed) for seed in setup.size.seeds}
    for one in found.values():
        for arm in setup.arms:
            if arm not in one:
                raise CultureParkError(f"{setup.design.name}: arm {arm!r} was not measured; run the same command again")
    return found


def _over_trainings(each: Mapping[int, Mapping[str, SuiteResult]], setup: Setup) -> dict[str, SuiteResult]:
    return {arm: _mean([trained[arm] for trained in each.values()]) for arm in setup.arms}


def _mean(trainings: Sequence[SuiteResult]) -> SuiteResult:
    """The result of an arm: each item's mean over trainings, none where one of them gave no answer."""
    each = zip(*(one.items for one in trainings), strict=True)
    items = tuple(same[0].model_copy(update={"value": _mean_value([item.value for item in same])}) for same in each)
    return trainings[0].model_copy(update={"items": items})


def _mean_value(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if len(known) == len(values) else None


def by_training(each: Mapping[int, Sequence[Pair]], name: str, *, unit: str) -> Table:
    """A contrast for each training alone, by seed: how much it hangs on that."""
    rows: list[tuple[str | int | float | None, ...]] = []
    for seed, paired in each.items():
        level = contrast(name, paired, unit=unit)
        rows.append((seed, level.value, level.low, level.high, level.pairs))
    columns = ("seed of the training", "effect", "low", "high", "pairs")
    return Table(title=f"{name} by training", columns=columns, rows=tuple(rows))


def analysis(setup: Setup, name: str, one: str, other: str, others: Sequence[tuple[str, str]] = ()) -> Analysis:
    """The primary contrast of two arms, further ones, whether training learned anything, and every arm's similarity."""
    each = each_training(setup)
    found = _over_trainings(each, setup)
    gains = {seed: cells(trained[one], trained[other]) for seed, trained in each.items()}
    primary = contrast(name, cells(found[one], found[other]), unit=SIMILARITY)
    more = [
        contrast(f"{mine} minus {theirs}", cells(found[mine], found[theirs]), unit=SIMILARITY)
        for mine, theirs in others
        if mine in found and theirs in found
    ]
    by_battery = contrast(f"{name}, clustered by battery", batteries(found[one], found[other]), unit=SIMILARITY)
    return Analysis(
        primary=primary,
        secondary=corrected([*more, by_battery]),
        checks=learned(setup, [arm for arm in (one, other) if arm != BASE]),
        n={arm: _size(setup, arm) for arm in setup.arms},
        tables=(similarities(found), *([by_training(gains, name, unit=SIMILARITY)] if len(each) > 1 else [])),
        notes=(
            "n counts the training rows of an arm.",
            "Similarity is 1 minus the Jensen-Shannon distance to the country's answers, corrected for sampling.",
            trainings(setup),
        ),
    )


def learned(setup: Setup, arms: Sequence[str]) -> tuple[Check, ...]:
    """Whether the loss on rows that were held back fell: an arm that learned nothing compares nothing."""
    checks = []
    seeds = setup.size.seeds
    for arm, seed in product(arms, seeds):
        adapter = read_adapter(setup.adapter(arm, seed))
        before, after = adapter.validation_loss_before, adapter.validation_loss
        assert before is not None
        assert after is not None
        checks.append(
            Check(
                name=f"{arm} learned from its rows{f' (seed {seed})' if len(seeds) > 1 else ''}",
                passed=after < before,
                detail=f"validation loss {before:.3f} before, {after:.3f} after {adapter.steps} steps",
            )
        )
    return tuple(checks)


def trainings(setup: Setup) -> str:
    """How often each arm was trained, for people."""
    seeds = setup.size.seeds
    if len(seeds) == 1:
        return (
            f"Each arm was trained once (seed {seeds[0]}): how much another training of the same rows would differ is "
            "not known from this; `--seeds 0,1,2` tells."
        )
    return (
        f"Each arm was trained {len(seeds)} times (seeds {', '.join(map(str, seeds))}); its scores are means over "
        "these trainings, which intervals take as they are."
    )


def similarities(found: Mapping[str, SuiteResult]) -> Table:
    """Mean similarity of each arm over the cells that it answered."""
    rows: list[tuple[str | int | float | None, ...]] = []
    for arm, one in found.items():
        pairs_ = [Pair(item.value, question_of(item.id)) for item in one.items if item.value is not None]
        level: Contrast = contrast(arm, pairs_, unit=SIMILARITY)
        rows.append((arm, level.value, level.low, level.high, level.pairs, level.clusters))
    return Table(
        title="similarity to the country's held-out answers by arm",
        columns=("arm", "value", "low", "high", "cells", "questions"),
        rows=tuple(rows),
    )


def _by_culture(rows: Sequence[Row]) -> dict[str, list[Row]]:
    grouped: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        grouped[row.culture].append(row)
    return grouped


def _size(setup: Setup, arm: str) -> int:
    return 0 if arm == BASE else counted(read_rows(setup.rows(arm)))
