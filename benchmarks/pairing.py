"""Several models on the same items: what each gains over the baseline, and whether a culture's own model gains most."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from culturepark.benchmarks.statistics import holm, paired_interval, sign_flip_p, smallest_detectable
from culturepark.benchmarks.task import BenchSettings, Cell, ItemScore, SuiteResult, Table
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.models.adapters import read_adapter
from culturepark.runtime.models.spec import parse_model

SEED: Final = 0
GAIN: Final = "gain over"
"""How the title of the table of gains begins."""


class Pair(NamedTuple):
    """One item on both sides."""

    item: ItemScore
    difference: float


def compare(results: Sequence[SuiteResult], settings: BenchSettings) -> tuple[Table, ...]:
    """Compare models item by item with the baseline: the one named, else the first.

    An item that one of two models gave no answer to is no pair of theirs. Clusters (data sets, batteries) are the unit
    of intervals and p values.

    Returns:
        Gains over the baseline; the matrix of models and cultures; and, where adapters of single cultures are among
        the models, what each gains on its own culture beyond what every other model gains there.
    """
    baseline = next((one for one in results if one.model == settings.baseline), results[0])
    others = [one for one in results if one is not baseline]
    if not others or not any(item.value is not None for item in baseline.items):
        return ()
    tables = [_gains(others, baseline), _matrix(others, baseline)]
    if (claim := _claim(others, baseline)) is not None:
        tables.append(claim)
    return tuple(tables)


def pairs(result: SuiteResult, other: SuiteResult) -> list[Pair]:
    """Items that both models answered, with the difference of `result` to `other`."""
    there = {item.id: item.value for item in other.items}
    return [
        Pair(item, item.value - value)
        for item in result.items
        if item.value is not None and (value := there.get(item.id)) is not None
    ]


def _gains(others: Sequence[SuiteResult], baseline: SuiteResult) -> Table:
    found = [(one, pairs(one, baseline)) for one in others]
    p_values = holm([_p(mine) for _, mine in found])
    rows = [
        (one.model, *_estimate(mine), _p(mine), p, _detectable(mine))
        for (one, mine), p in zip(found, p_values, strict=True)
    ]
    return Table(
        title=f"{GAIN} {baseline.model}, item by item",
        columns=("model", "value", "low", "high", "items", "clusters", "p", "p (Holm)", "detectable"),
        rows=tuple(rows),
        plot="forest",
        note="mean difference in the value of an item; the interval draws whole clusters",
    )


def _matrix(others: Sequence[SuiteResult], baseline: SuiteResult) -> Table:
    cultures = sorted({item.culture for item in baseline.items})
    rows: list[tuple[Cell, ...]] = []
    for one in others:
        mine = pairs(one, baseline)
        rows.append(
            (one.model, *(_mean(pair for pair in mine if pair.item.culture == culture) for culture in cultures))
        )
    return Table(
        title=f"{GAIN} {baseline.model} by model and culture of the data",
        columns=("model", *cultures),
        rows=tuple(rows),
        plot="heat",
    )


def _claim(others: Sequence[SuiteResult], baseline: SuiteResult) -> Table | None:
    """Own-culture gain minus each other model's gain on the same items: the cultural claim."""
    roles = {one.model: _cultures(one.model) for one in others}
    rows: list[tuple[Cell, ...]] = []
    p_values: list[float | None] = []
    for own in others:
        culture = next(iter(roles[own.model]), "")
        if len(roles[own.model]) != 1 or "placebo" in own.model:
            continue
        for other in others:
            if other is own:
                continue
            mine = [pair for pair in pairs(own, other) if pair.item.culture == culture]
            if mine:
                rows.append((culture, own.model, other.model, _role(other.model, roles), *_estimate(mine), _p(mine)))
                p_values.append(_p(mine))
    if not rows:
        return None
    return Table(
        title="own-culture gain minus the gain of the others",
        columns=(
            "culture", "own model", "other model", "other is", "value", "low", "high", "items", "clusters", "p",
            "p (Holm)",
        ),
        rows=tuple((*row, p) for row, p in zip(rows, holm(p_values), strict=True)),
        plot="forest",
        note="above 0: the culture's own adapter is right more often on data of its culture than the other model is",
    )  # fmt: skip


def _cultures(model: str) -> tuple[str, ...]:
    """Cultures that a model's adapter was trained on; none for a model without, or one that is gone."""
    try:
        adapter = parse_model(model).adapter
        return () if adapter is None else read_adapter(adapter).cultures
    except CultureParkError:
        return ()


def _role(model: str, cultures: Mapping[str, tuple[str, ...]]) -> str:
    if "placebo" in model:
        return "placebo"
    if len(cultures[model]) > 1:
        return "pooled"
    return f"of {cultures[model][0]}" if cultures[model] else "not tuned"


def _estimate(mine: Sequence[Pair]) -> tuple[float | None, float | None, float | None, int, int]:
    differences, clusters = _split(mine)
    interval = paired_interval(differences, clusters, seed=SEED)
    low, high = interval if interval is not None else (None, None)
    return _mean(mine), low, high, len(mine), len(set(clusters))


def _p(mine: Sequence[Pair]) -> float | None:
    return sign_flip_p(*_split(mine), seed=SEED)


def _detectable(mine: Sequence[Pair]) -> float | None:
    return smallest_detectable(*_split(mine))


def _split(mine: Sequence[Pair]) -> tuple[list[float], list[str]]:
    return [pair.difference for pair in mine], [pair.item.cluster for pair in mine]


def _mean(mine: Iterable[Pair]) -> float | None:
    differences = [pair.difference for pair in mine]
    return float(np.mean(differences)) if differences else None
