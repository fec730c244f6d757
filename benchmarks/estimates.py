"""A mean as a score: never without its interval, its n and its clusters."""

from collections.abc import Sequence

import numpy as np

from culturepark.benchmarks.statistics import FEW_CLUSTERS, paired_interval, sign_flip_p
from culturepark.benchmarks.task import Score


def estimate(
    name: str, values: Sequence[float], clusters: Sequence[str], *, seed: int, test: bool = False, unit: str = "battery"
) -> Score:
    """A mean with its clustered interval.

    Args:
        name: Of the score.
        values: One for each item.
        clusters: Of each item.
        seed: Of the resampling.
        test: Whether the note gives the p value of the mean's being 0.
        unit: What a cluster is called.
    """
    found = paired_interval(values, clusters, seed=seed)
    units = len(set(clusters))
    notes = ["few clusters"] if units < FEW_CLUSTERS else []
    if units == 1:
        notes.append(f"one {unit}: its interval speaks of that {unit} alone")
    if test and (p := sign_flip_p(values, clusters, seed=seed)) is not None:
        exact = " (exact sign flips)" if units < FEW_CLUSTERS else ""
        notes.append(f"p = {p:.3g}{exact}")
    return Score(
        name=name,
        value=float(np.mean(values)) if values else None,
        low=found.low if found else None,
        high=found.high if found else None,
        n=len(values),
        clusters=units,
        note="; ".join(notes),
    )
