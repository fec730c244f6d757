"""Several models on the same items: what each gains over the baseline, and whether a culture's own model gains most."""

from collections.abc import Sequence

import numpy as np

from culturepark.benchmarks.claim import claim_tables, pairs, summed_up
from culturepark.benchmarks.statistics import holm, mcnemar_p
from culturepark.benchmarks.task import BenchSettings, Cell, SuiteResult, Table


def compare(results: Sequence[SuiteResult], settings: BenchSettings) -> tuple[Table, ...]:
    """Compare models item by item with the baseline: the one named, else the first.

    An item that one of two models gave no answer to is no pair of theirs. Clusters (data sets, batteries) are the unit
    of intervals and p values.

    Returns:
        Gains over the baseline; the matrix of models and cultures; and, where adapters of single cultures are among
        the models, the tables of `claim_tables`.
    """
    baseline = next((one for one in results if one.model == settings.baseline), results[0])
    others = [one for one in results if one is not baseline]
    if not others or not any(item.value is not None for item in baseline.items):
        return ()
    return (_gains(others, baseline), _matrix(others, baseline), *claim_tables(others, baseline))


def right_wrong_p(result: SuiteResult, other: SuiteResult) -> float | None:
    """McNemar's p over the items that were right or wrong under both models; None without such items."""
    there = {item.id: item.right for item in other.items}
    both = [(item.right, there[item.id]) for item in result.items if item.right is not None and item.id in there]
    judged = [(mine, theirs) for mine, theirs in both if theirs is not None]
    return mcnemar_p([mine for mine, _ in judged], [theirs for _, theirs in judged])


def _gains(others: Sequence[SuiteResult], baseline: SuiteResult) -> Table:
    found = [(one, summed_up(pairs(one, baseline))) for one in others]
    corrected = holm([estimate.p for _, estimate in found])
    return Table(
        title=f"gain over {baseline.model}, item by item",
        columns=(
            "model",
            "value",
            "low",
            "high",
            "items",
            "clusters",
            "p",
            "p (Holm)",
            "p (McNemar)",
            "detectable",
            "note",
        ),
        rows=tuple(
            (one.model, *estimate[:6], p, right_wrong_p(one, baseline), estimate.detectable, estimate.few)
            for (one, estimate), p in zip(found, corrected, strict=True)
        ),
        plot="forest",
        note="mean difference in the value of an item; the interval draws whole clusters; detectable: the true "
        "difference that 80 of 100 such comparisons would find; p (McNemar) takes items for independent, and counts "
        "those that were right or wrong on both sides",
    )


def _matrix(others: Sequence[SuiteResult], baseline: SuiteResult) -> Table:
    cultures = sorted({item.culture for item in baseline.items})
    rows: list[tuple[Cell, ...]] = []
    for one in others:
        gains: dict[str, list[float]] = {culture: [] for culture in cultures}
        for pair in pairs(one, baseline):
            gains[pair.item.culture].append(pair.difference)
        rows.append((one.model, *(float(np.mean(own)) if own else None for own in gains.values())))
    return Table(
        title=f"gain over {baseline.model} by model and culture of the data",
        columns=("model", *cultures),
        rows=tuple(rows),
        plot="heat",
    )
