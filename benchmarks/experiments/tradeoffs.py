"""What does a sample cost? Protocol by turns by model: each setting's cost, yield, and whether another beats it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Final, NamedTuple

import numpy as np

from culturepark.benchmarks.experiments.running import Analysis
from culturepark.benchmarks.experiments.setup import Setup
from culturepark.benchmarks.experiments.steps import Step, Talks
from culturepark.benchmarks.experiments.talking import seed_of
from culturepark.benchmarks.experiments.verdict import Check, Pair, contrast, corrected
from culturepark.benchmarks.statistics import LEVEL, Floats
from culturepark.benchmarks.talk_metrics import Held, samples_per_1k_tokens
from culturepark.benchmarks.talks import load_talks
from culturepark.benchmarks.task import Table
from culturepark.runtime.store import open_store

UNIT: Final = "samples for 1000 tokens"
RESAMPLES: Final = 2000
YIELDING: Final = 0.1
"""Share of talks that must give a sample."""
PROTOCOLS: Final[Mapping[str, str]] = {
    "short": "self-guidance", "long": "self-guidance", "free_short": "free-chat", "free_long": "free-chat",
}  # fmt: skip


class Setting(NamedTuple):
    """A point of the frontier: an arm held by a model."""

    arm: str
    model: str


class Point(NamedTuple):
    """One talk."""

    question: str
    cost: float
    """Tokens read and written."""
    samples: float


def plan(setup: Setup) -> tuple[Step, ...]:
    """A refined run for each arm and model."""
    short = max(2, setup.size.utterances // 3)
    steps: list[Step] = []
    for arm in setup.arms:
        turns = short if arm.endswith("short") else setup.size.utterances
        study = setup.study(arm, {"protocol": PROTOCOLS[arm], "protocol_args": {"turns": turns}})
        if len(setup.models) > 1:
            study = study.model_copy(update={"model": setup.models[0], "vary": {"model": list(setup.models)}})
        steps.append(Talks(arm, study))
    return tuple(steps)


def analyse(setup: Setup) -> Analysis:
    """Samples for tokens, paired by seed; then the frontier of all settings."""
    held = {arm: _held(setup, arm) for arm in setup.arms}

    def differ(one: str, other: str) -> list[Pair]:
        return _paired(held[one], held[other])

    others = [("free_short", "free_long"), ("short", "free_short"), ("long", "free_long")]
    points: dict[Setting, list[Point]] = defaultdict(list)
    for arm, own in held.items():
        for one in own:
            tokens = float(sum(turn.tokens_in + turn.tokens_out for turn in one.talk.turns))
            points[Setting(arm, one.talk.model)].append(Point(one.talk.seed.id, tokens, one.samples or 0.0))
    return Analysis(
        primary=contrast(setup.design.test.contrast, differ("short", "long"), unit=UNIT),
        secondary=corrected(
            [
                contrast(f"{one} minus {other}", differ(one, other), unit=UNIT)
                for one, other in others
                if {one, other} <= held.keys()
            ]
        ),
        checks=tuple(_yields(arm, held[arm]) for arm in ("short", "long")),
        n={arm: len(own) for arm, own in held.items()},
        tables=(frontier(points, seed=setup.options.seed),),
        notes=("n counts complete talks.",),
    )


def frontier(points: Mapping[Setting, Sequence[Point]], *, seed: int) -> Table:
    """Cost and yield of each setting with 95 % intervals, and whether another costs no more and gives no less.

    Questions are drawn with replacement; `on the frontier` is the share of draws in which a setting is unbeaten.
    """
    settings = list(points)
    questions = sorted({point.question for own in points.values() for point in own})
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(questions), np.full(len(questions), 1 / len(questions)), size=RESAMPLES)
    everything = np.concatenate([np.ones((1, len(questions))), drawn])
    costs, yields = (
        np.array([_means(points[setting], questions, everything, field) for setting in settings])
        for field in ("cost", "samples")
    )
    unbeaten = np.array(
        [
            [_unbeaten(place, cost, gain) for place in range(len(settings))]
            for cost, gain in zip(costs.T, yields.T, strict=True)
        ]
    )
    edges = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    rows = tuple(
        (
            setting.arm, setting.model, float(costs[place, 0]), *map(float, np.nanquantile(costs[place, 1:], edges)),
            float(yields[place, 0]), *map(float, np.nanquantile(yields[place, 1:], edges)),
            "yes" if unbeaten[0, place] else "no", float(unbeaten[1:, place].mean()),
        )
        for place, setting in enumerate(settings)
    )  # fmt: skip
    return Table(
        title="cost-quality frontier",
        columns=(
            "arm", "model", "tokens a talk", "from", "to", "samples a talk", "from ", "to ", "unbeaten",
            "on the frontier",
        ),
        rows=rows,
        note="Unbeaten: no other setting costs as little and gives as much. The last column: of resampled questions.",
    )  # fmt: skip


def _unbeaten(place: int, costs: Floats, yields: Floats) -> bool:
    """Whether no other setting is at least as good in both and better in one."""
    no_worse = (costs <= costs[place]) & (yields >= yields[place])
    better = (costs < costs[place]) | (yields > yields[place])
    return not bool((no_worse & better).any())


def _means(points: Sequence[Point], questions: Sequence[str], weights: Floats, field: str) -> Floats:
    """Mean over talks under each row of question weights; `nan` where none of its questions was drawn."""
    at = {question: place for place, question in enumerate(questions)}
    sums, sizes = np.zeros(len(questions)), np.zeros(len(questions))
    for point in points:
        sums[at[point.question]] += getattr(point, field)
        sizes[at[point.question]] += 1
    with np.errstate(invalid="ignore"):
        found: Floats = (weights @ sums) / (weights @ sizes)
    return found


def _held(setup: Setup, arm: str) -> list[Held]:
    with closing(open_store(setup.run(arm), create=False)) as store:
        return list(load_talks(store).held)


def _paired(one: Sequence[Held], other: Sequence[Held]) -> list[Pair]:
    """Talks of one model that begin alike."""
    there = {(seed_of(held.talk), held.talk.model): held for held in other}
    pairs: list[Pair] = []
    for held in one:
        partner = there.get((seed_of(held.talk), held.talk.model))
        mine = samples_per_1k_tokens(held)
        theirs = None if partner is None else samples_per_1k_tokens(partner)
        if mine is not None and theirs is not None:
            pairs.append(Pair(mine - theirs, held.talk.seed.id))
    return pairs


def _yields(arm: str, held: Sequence[Held]) -> Check:
    giving = sum(bool(one.samples) for one in held)
    return Check(
        name=f"talks of {arm} give samples",
        passed=giving >= YIELDING * len(held) and giving > 0,
        detail=f"{giving} of {len(held)} talks",
    )
