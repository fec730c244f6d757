"""A mean as a score: with its interval by clusters, its size and, where it is asked for, the test of its being 0."""

from collections.abc import Sequence
from math import inf
from typing import Final

import numpy as np

from culturepark.benchmarks.statistics import FEW_CLUSTERS, paired_interval, sign_flip_p, smallest_detectable
from culturepark.benchmarks.task import Score

SHARE: Final = (0.0, 1.0)


def estimate(
    name: str,
    values: Sequence[float],
    clusters: Sequence[str],
    *,
    seed: int,
    unit: str = "battery",
    test: bool = False,
    note: str = "",
    within: tuple[float, float] = (-inf, inf),
) -> Score:
    """A mean with its clustered interval.

    Args:
        name: Of the score.
        values: One for each item.
        clusters: Of each item.
        seed: Of the resampling.
        unit: What a cluster is, in the singular.
        test: Whether the note tells the p value of the mean's being 0, and which mean could have been found.
        note: Stands first in the score's note.
        within: Least and most that the value can be; the interval ends there.
    """
    found = paired_interval(values, clusters, seed=seed)
    units = len(set(clusters))
    notes = [note] if note else []
    if values and units < FEW_CLUSTERS:
        notes.append("few clusters")
    if units == 1:
        notes.append(f"one {unit}: its interval speaks of that {unit} alone")
    if test and (p := sign_flip_p(values, clusters, seed=seed)) is not None:
        notes.append(f"p = {p:.3g}{' (exact sign flips)' if units < FEW_CLUSTERS else ''}")
        if (least := smallest_detectable(values, clusters)) is not None:
            notes.append(f"detectable: {least:.2g}")
    return Score(
        name=name,
        value=float(np.mean(values)) if values else None,
        low=max(found.low, within[0]) if found else None,
        high=min(found.high, within[1]) if found else None,
        n=len(values),
        clusters=units,
        note="; ".join(notes),
    )
