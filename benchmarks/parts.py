"""Scores of sets and their sub-categories, and what became of each of them from the baseline to another model."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from culturepark.benchmarks.statistics import FEW_CLUSTERS, holm, mcnemar_p, paired_interval, sign_flip_p, wilson
from culturepark.benchmarks.task import BenchSettings, Cell, ItemScore, SuiteResult, Table

SEED: Final = 0
COLUMNS: Final = (
    "model", "part", "measure", "before", "before low", "before high", "after", "after low", "after high", "value",
    "low", "high", "items", "clusters", "p", "p (Holm)", "p (McNemar)", "answered before", "answered after", "flags",
)  # fmt: skip


class Share(NamedTuple):
    """A mean of values in [0, 1] with its 95 % interval and its size."""

    value: float | None
    low: float | None
    high: float | None
    n: int


class Both(NamedTuple):
    """An item that two models were asked."""

    before: ItemScore
    after: ItemScore


def share(values: Sequence[float], clusters: Sequence[str] | None = None) -> Share:
    """The mean of values: a Wilson interval where all are 0 or 1, else a bootstrap of clusters."""
    if not values:
        return Share(None, None, None, 0)
    mean, n = float(np.mean(values)), len(values)
    if all(value in (0, 1) for value in values):
        low, high = wilson(round(sum(values)), n)
        return Share(mean, low, high, n)
    interval = paired_interval(values, clusters or ["values"] * n, seed=SEED)
    # The bootstrap's stretch for few clusters knows nothing of the ends that a share has.
    return (
        Share(mean, None, None, n) if interval is None else Share(mean, max(interval.low, 0), min(interval.high, 1), n)
    )


def majority(hits: Sequence[bool]) -> bool | None:
    """Whether more than half were right; None for a tie, or none."""
    right = 2 * sum(hits) - len(hits)
    return None if right == 0 else right > 0


def set_parts(name: str, groups: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """The parts that an item of a set counts to: the set, and each of its sub-categories."""
    return (name, *(f"{name}, {kind}: {which}" for kind, which in groups))


def compare_parts(results: Sequence[SuiteResult], settings: BenchSettings) -> tuple[Table, ...]:
    """Compare models with the baseline (the one named, else the first), set by set and by sub-category.

    Items are paired: one that either model gave no answer to is no pair. Intervals and p values draw clusters (cases of
    one template, texts about one term); McNemar's test takes items for independent.

    Returns:
        A table of the sets and one of the sub-categories, with both sides and the difference of each.
    """
    baseline = next((one for one in results if one.model == settings.baseline), results[0])
    others = [one for one in results if one is not baseline]
    if not others or not baseline.items:
        return ()
    known = {item.id: item for item in baseline.items}
    rows: dict[bool, list[tuple[Cell, ...]]] = {True: [], False: []}
    for other in others:
        both = [Both(known[item.id], item) for item in other.items if item.id in known]
        for whole in rows:
            mine = _by_part(both, whole=whole)
            p_values = [_p(_answered(pairs)) for pairs in mine.values()]
            rows[whole] += [
                _row(other.model, part, measure, pairs, p_values[place], holm_p)
                for place, (((part, measure), pairs), holm_p) in enumerate(
                    zip(mine.items(), holm(p_values), strict=True)
                )
            ]
    return tuple(
        Table(
            title=f"{what}: {baseline.model} before, others after (value: the difference, item by item)",
            columns=COLUMNS,
            rows=tuple(rows[whole]),
            plot="before_after",
            note="of items that both answered; intervals of the difference and p draw clusters, p (Holm) allows for "
            f"all {what} of a model, p (McNemar) takes items for independent",
        )
        for whole, what in ((True, "sets"), (False, "sub-categories"))
        if rows[whole]
    )


def _by_part(both: Sequence[Both], *, whole: bool) -> Mapping[tuple[str, str], list[Both]]:
    """Pairs by part and measure: the sets themselves, or the sub-categories."""
    found: dict[tuple[str, str], list[Both]] = {}
    for pair in both:
        for part in pair.after.parts[:1] if whole else pair.after.parts[1:]:
            found.setdefault((part, pair.after.measure), []).append(pair)
    return dict(sorted(found.items()))


def _row(
    model: str, part: str, measure: str, pairs: Sequence[Both], p: float | None, holm_p: float | None
) -> tuple[Cell, ...]:
    answered = _answered(pairs)
    differences, clusters = _differences(answered)
    sides = [
        share([_value(item) for item in items], clusters)
        for items in ([pair.before for pair in answered], [pair.after for pair in answered])
    ]
    interval = paired_interval(differences, clusters, seed=SEED)
    ends = (None, None) if interval is None else (max(interval.low, -1), min(interval.high, 1))
    judged = [
        (pair.before.right, pair.after.right)
        for pair in answered
        if pair.before.right is not None and pair.after.right is not None
    ]
    mcnemar = mcnemar_p([after for _, after in judged], [before for before, _ in judged])
    units = len(set(clusters))
    return (
        model, part, measure, *sides[0][:3], *sides[1][:3],
        float(np.mean(differences)) if differences else None, *ends, len(answered), units, p, holm_p, mcnemar,
        sum(pair.before.value is not None for pair in pairs), sum(pair.after.value is not None for pair in pairs),
        "few clusters" if units < FEW_CLUSTERS else None,
    )  # fmt: skip


def _answered(pairs: Sequence[Both]) -> list[Both]:
    return [pair for pair in pairs if pair.before.value is not None and pair.after.value is not None]


def _differences(answered: Sequence[Both]) -> tuple[list[float], list[str]]:
    return [_value(pair.after) - _value(pair.before) for pair in answered], [pair.after.cluster for pair in answered]


def _p(answered: Sequence[Both]) -> float | None:
    return sign_flip_p(*_differences(answered), seed=SEED)


def _value(item: ItemScore) -> float:
    assert item.value is not None  # of pairs that both models answered
    return item.value
