"""Index formulas of the Values Survey Module 2013, and what is said of their agreement with Hofstede's table."""

from collections.abc import Mapping, Sequence
from itertools import permutations
from math import factorial, sqrt
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

Dimension = Literal["pdi", "idv", "mas", "uai", "lto", "ivr"]
DIMENSIONS: Final[tuple[Dimension, ...]] = get_args(Dimension)
ITEMS: Final = tuple(range(1, 25))
Scores = Mapping[Dimension, float | None]
"""By dimension; None where it is missing, which it stays."""

Indices = dict[Dimension, float | None]
Rows = Mapping[str, Indices]
"""Indices by culture."""
Term = tuple[int, int, int]
FORMULAS: Final[Mapping[Dimension, tuple[Term, Term]]] = {
    "pdi": ((35, 7, 2), (25, 20, 23)),
    "idv": ((35, 4, 1), (35, 9, 6)),
    "mas": ((35, 5, 3), (35, 8, 10)),
    "uai": ((40, 18, 15), (25, 21, 24)),
    "lto": ((40, 13, 14), (25, 19, 22)),
    "ivr": ((35, 12, 11), (40, 17, 16)),
}
"""`35 (m07 - m02) + 25 (m20 - m23)` as `((35, 7, 2), (25, 20, 23))`, m being an item's mean answer, 1 to 5.

Source: G. Hofstede, M. Minkov, Values Survey Module 2013 Manual. Formulas are facts; each also has a constant.
"""
MAS: Final = 35
"""Second weight of masculinity in the manual."""
PAPER_MAS: Final = 25
"""The same as arXiv:2405.15145 prints it."""


def indices(means: Mapping[int, float], *, mas_weight: int = MAS) -> Indices:
    """The six indices of 24 mean answers, without constants.

    Args:
        means: Mean answer by item, 1 to 5. An index with an item that is not there is None.
        mas_weight: Second weight of masculinity: 35, or 25 as published.
    """
    found: Indices = {}
    for dimension, terms in FORMULAS.items():
        weights = [weight for weight, _, _ in terms]
        if dimension == "mas":
            weights[1] = mas_weight
        if any(item not in means for _, *items in terms for item in items):
            found[dimension] = None
            continue
        found[dimension] = sum(
            weight * (means[high] - means[low]) for weight, (_, high, low) in zip(weights, terms, strict=True)
        )
    return found


def fitted_leave_one_out(
    raw: Mapping[str, Scores], truth: Mapping[str, Scores]
) -> dict[str, dict[Dimension, float | None]]:
    """Add one constant a dimension, for each culture fitted on the others: the mean of truth minus index.

    A culture whose dimension is missing on either side is not fitted on, and None when no other is left.
    """
    found: dict[str, Indices] = {}
    for culture in raw:
        found[culture] = {}
        for dimension in DIMENSIONS:
            gaps = [
                wanted - given
                for other in raw
                if other != culture
                and (given := raw[other][dimension]) is not None
                and (wanted := truth[other][dimension]) is not None
            ]
            own = raw[culture][dimension]
            found[culture][dimension] = None if own is None or not gaps else own + sum(gaps) / len(gaps)
    return found


def mean_of_others(truth: Mapping[str, Scores]) -> dict[str, Indices]:
    """The baseline that knows no culture: everyone gets the mean of the others."""
    nothing: dict[str, Scores] = {culture: dict.fromkeys(DIMENSIONS, 0.0) for culture in truth}
    return fitted_leave_one_out(nothing, truth)


def distance(one: Scores, other: Scores, *, dimensions: Sequence[Dimension] = DIMENSIONS) -> float | None:
    """Euclidean distance over the dimensions; None when one is missing on either side."""
    total = 0.0
    for dimension in dimensions:
        mine, theirs = one[dimension], other[dimension]
        if mine is None or theirs is None:
            return None
        total += (mine - theirs) ** 2
    return sqrt(total)


def permutation_p(
    given: Mapping[str, Scores], truth: Mapping[str, Scores], *, dimensions: Sequence[Dimension] = DIMENSIONS
) -> float | None:
    """Share of all pairings of answers with cultures that come as near as the true one, or nearer.

    Exact up to eight cultures, else of 9,999 drawn pairings and the true one. Cultures with a missing dimension on
    either side are left out. Constants that were fitted leave-one-out would tell which row is whose: give raw indices;
    each dimension is centred here, which a constant cannot change.

    Returns:
        None with fewer than two cultures.
    """
    kept = [name for name in given if distance(given[name], truth[name], dimensions=dimensions) is not None]
    if len(kept) < 2:
        return None
    mine, theirs = (_centred([rows[name] for name in kept], dimensions) for rows in (given, truth))
    gaps = np.sqrt(np.square(mine[:, None] - theirs[None, :]).sum(axis=2))
    size = len(kept)
    columns = np.arange(size)
    exact = factorial(size) <= 50_000
    rng = np.random.default_rng(0)
    orders = np.array(
        list(permutations(range(size))) if exact else [columns, *(rng.permutation(size) for _ in range(9999))]
    )
    means = gaps[orders, columns].mean(axis=1)
    return float(np.mean(means <= np.trace(gaps) / size + 1e-9))


def _centred(rows: Sequence[Scores], dimensions: Sequence[Dimension]) -> NDArray[np.float64]:
    table = np.array([[row[dimension] for dimension in dimensions] for row in rows], dtype=np.float64)
    centred: NDArray[np.float64] = table - table.mean(axis=0)
    return centred
