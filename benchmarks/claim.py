"""The cultural claim: does a culture's own adapter gain more on data of its culture than every other model does?"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple

import numpy as np

from culturepark.benchmarks.diagonal import diagonal
from culturepark.benchmarks.statistics import (
    FEW_CLUSTERS,
    crossed_interval,
    holm,
    paired_interval,
    sign_flip_p,
    smallest_detectable,
    wilson,
)
from culturepark.benchmarks.task import Cell, ItemScore, SuiteResult, Table
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.models.adapters import read_adapter
from culturepark.runtime.models.spec import parse_model

SEED: Final = 0
Kind = Literal["own", "pooled", "placebo", "not tuned"]
FEW: Final = "few clusters: exact sign flips"
PLACEBO: Final = "placebo"
"""In the name of every adapter that `train --mode placebo` makes."""


class Role(NamedTuple):
    """What a model was trained for."""

    kind: Kind
    culture: str = ""
    """Of an `own` one."""
    generation: str = ""
    """Names the rows it was trained on: other talks, other rows."""
    training: str = ""
    """Seed of its training."""

    @property
    def words(self) -> str:
        """As tables say it."""
        return f"of {self.culture}" if self.kind == "own" else self.kind


class Pair(NamedTuple):
    """One item on both sides."""

    item: ItemScore
    difference: float


class Estimate(NamedTuple):
    """A mean paired difference, with all that has to stand beside it."""

    value: float | None
    low: float | None
    high: float | None
    items: int
    clusters: int
    p: float | None
    detectable: float | None

    @property
    def few(self) -> str | None:
        """The label of an estimate with few clusters."""
        return FEW if self.items and self.clusters < FEW_CLUSTERS else None


def role_of(model: str) -> Role:
    """Read what a model's adapter was trained for; `not tuned` for a model without one, or with one that is gone."""
    try:
        adapter = parse_model(model).adapter
        found = None if adapter is None else read_adapter(adapter)
    except CultureParkError:
        found = None
    if PLACEBO in model:
        return Role("placebo")
    if found is None:
        return Role("not tuned")
    if len(found.cultures) > 1:
        return Role("pooled")
    return Role("own", found.cultures[0], generation=found.rows_sha256[:8], training=str(found.seed))


def pairs(result: SuiteResult, other: SuiteResult) -> list[Pair]:
    """Items that both models answered, with the difference of `result` to `other`."""
    there = {item.id: item.value for item in other.items}
    return [
        Pair(item, item.value - value)
        for item in result.items
        if item.value is not None and (value := there.get(item.id)) is not None
    ]


def summed_up(mine: Sequence[Pair]) -> Estimate:
    """Mean difference of pairs, their clusters being the unit."""
    differences, clusters = [pair.difference for pair in mine], [pair.item.cluster for pair in mine]
    interval = paired_interval(differences, clusters, seed=SEED)
    low, high = interval if interval is not None else (None, None)
    return Estimate(
        float(np.mean(differences)) if differences else None, low, high, len(mine), len(set(clusters)),
        sign_flip_p(differences, clusters, seed=SEED), smallest_detectable(differences, clusters),
    )  # fmt: skip


def claim_tables(others: Sequence[SuiteResult], baseline: SuiteResult) -> list[Table]:
    """What own adapters gain on their culture beyond the other models; nothing without an adapter of one culture.

    Returns:
        The claim over all cultures with the diagonal; each pair of models; and, where adapters of a culture differ in
        the seeds of their talks or of their training, the claim over these.
    """
    roles = {one.model: role_of(one.model) for one in others}
    own = [one for one in others if roles[one.model].kind == "own"]
    if not own:
        return []
    tables = [_over_all([*others, baseline], {**roles, baseline.model: role_of(baseline.model)}, baseline)]
    tables.append(_pair_by_pair(own, others, roles))
    if (seeds := _over_seeds(own, roles)) is not None:
        tables.append(seeds)
    return tables


def _over_all(models: Sequence[SuiteResult], roles: Mapping[str, Role], baseline: SuiteResult) -> Table:
    rows: list[tuple[Cell, ...]] = []
    cultures = sorted({role.culture for role in roles.values() if role.kind == "own"})
    groups: dict[str, list[SuiteResult]] = {
        "the adapters of the other cultures": [],  # differ from culture to culture
        "the pooled adapter": [one for one in models if roles[one.model].kind == "pooled"],
        "the placebo": [one for one in models if roles[one.model].kind == "placebo"],
        "the model that is not tuned": [one for one in models if roles[one.model].kind == "not tuned"],
    }
    for words, group in groups.items():
        found: list[Pair] = []
        for culture in cultures:
            mine = [one for one in models if roles[one.model].culture == culture]
            theirs = group or (
                [one for one in models if roles[one.model].kind == "own" and roles[one.model].culture != culture]
                if words.endswith("cultures")
                else []
            )
            found += _mean_pairs(mine, theirs, culture)
        if found:
            estimate = summed_up(found)
            rows.append((f"own adapter minus {words}", *estimate, estimate.few))
    near = {
        (culture, home): float(np.mean([pair.difference for pair in gains]))
        for culture in cultures
        for home in cultures
        if (gains := _mean_pairs([one for one in models if roles[one.model].culture == culture], [baseline], home))
    }
    if (seen := diagonal(near, {culture: culture for culture in cultures})) is not None:
        low, high = wilson(seen.wins, seen.size)
        chance = f"of {seen.size} cultures; chance is {1 / seen.size:.3g}; p over all pairings of adapters and cultures"
        rows += [
            ("diagonal wins", seen.wins / seen.size, low, high, seen.size, seen.size, seen.wins_p, None, chance),
            (
                "gain on the own culture minus gain on the others'", seen.contrast, None, None, seen.size, seen.size,
                seen.contrast_p, None, "p over all pairings of adapters and cultures",
            ),
        ]  # fmt: skip
    return Table(
        title="the cultural claim, over all cultures",
        columns=("claim", "value", "low", "high", "items", "clusters", "p", "detectable", "note"),
        rows=tuple(rows),
        plot="forest",
        note="above 0: own adapters do better on their own culture's data; a gain that all data share is not in it",
    )


def _mean_pairs(mine: Sequence[SuiteResult], theirs: Sequence[SuiteResult], culture: str) -> list[Pair]:
    """Items of a culture, the mean of some models against the mean of others, where all of them answered."""
    if not mine or not theirs:
        return []
    values = [{item.id: item.value for item in one.items} for one in (*mine, *theirs)]
    found: list[Pair] = []
    for item in mine[0].items:
        each = [given.get(item.id) for given in values]
        known = [value for value in each if value is not None]
        if item.culture == culture and len(known) == len(each):
            found.append(Pair(item, float(np.mean(known[: len(mine)]) - np.mean(known[len(mine) :]))))
    return found


def _pair_by_pair(own: Sequence[SuiteResult], others: Sequence[SuiteResult], roles: Mapping[str, Role]) -> Table:
    """Own-culture gain minus each other model's gain on the same items."""
    rows: list[tuple[Cell, ...]] = []
    estimates: list[Estimate] = []
    for one in own:
        culture = roles[one.model].culture
        for other in others:
            mine = [pair for pair in pairs(one, other) if pair.item.culture == culture]
            if other is one or roles[other.model].culture == culture or not mine:
                continue
            estimates.append(summed_up(mine))
            rows.append((culture, one.model, other.model, roles[other.model].words))
    corrected = holm([estimate.p for estimate in estimates])
    return Table(
        title="own-culture gain minus the gain of the others",
        columns=(
            "culture", "own model", "other model", "other is", "value", "low", "high", "items", "clusters", "p",
            "p (Holm)", "detectable", "note",
        ),
        rows=tuple(
            (*row, *estimate[:6], p, estimate.detectable, estimate.few)
            for row, estimate, p in zip(rows, estimates, corrected, strict=True)
        ),
        plot="forest",
        note="above 0: the culture's own adapter does better on data of its culture than the other model",
    )  # fmt: skip


def _over_seeds(own: Sequence[SuiteResult], roles: Mapping[str, Role]) -> Table | None:
    """The claim with trained models as the units: their talks' and their training's seeds are its sources of chance."""
    rows: list[tuple[Cell, ...]] = []
    for culture in sorted({role.culture for role in roles.values() if role.kind == "own"}):
        mine = [one for one in own if roles[one.model].culture == culture]
        theirs = [one for one in own if roles[one.model].culture != culture]
        values = [
            (roles[one.model], float(np.mean([pair.difference for pair in found])))
            for one in mine
            if (found := _mean_pairs([one], theirs, culture))
        ]
        if len(values) < 2:
            continue
        gains = [value for _, value in values]
        generations, trainings = [role.generation for role, _ in values], [role.training for role, _ in values]
        interval = crossed_interval(gains, generations, trainings, seed=SEED)
        how = "talks and trainings are drawn again, crossed"
        if interval is None:  # one factor has one level: the other's levels are the units
            units = generations if len(set(generations)) > 1 else trainings
            interval = paired_interval(gains, units, seed=SEED)
            how = "one set of talks: trainings are drawn again" if units is trainings else "talks are drawn again"
        low, high = interval if interval is not None else (None, None)
        rows.append(
            (culture, float(np.mean(gains)), low, high, len(gains), len(set(generations)), len(set(trainings)), how)
        )
    if not rows:
        return None
    return Table(
        title="own-culture gain minus the other cultures' adapters', over seeds",
        columns=("culture", "value", "low", "high", "models", "talks", "trainings", "note"),
        rows=tuple(rows),
        plot="forest",
        note="the other intervals take the models as they are; this one speaks of models trained again",
    )
