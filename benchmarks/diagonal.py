"""Does each culture's own answer, or own model, fit its own country or data best? The diagonal of a square table."""

from collections.abc import Mapping
from itertools import permutations
from math import factorial
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

MOST_ORDERS: Final = 50_000
"""Pairings up to which all are tried: eight cultures have 40,320."""


class Diagonal(NamedTuple):
    """What the diagonal of a table says."""

    wins: float
    """Columns whose own row is the highest; a tie of k rows counts 1/k, so that equal rows win 1 of all."""
    size: int
    wins_p: float
    """Share of all pairings of rows with columns that win as many or more."""
    contrast: float
    """Mean of the diagonal minus mean of the rest of its columns."""
    contrast_p: float
    """Share of all pairings with as high a mean of the diagonal, or higher."""


def diagonal(near: Mapping[tuple[str, str], float], homes: Mapping[str, str]) -> Diagonal | None:
    """Look at the diagonal of a table of rows by columns.

    The p values are those of exchanging rows: exact up to eight of them, else of 9,999 drawn pairings and the true one.

    Args:
        near: By row and column, higher is better.
        homes: The own column of each row.

    Returns:
        None with fewer than two rows whose own column is there.
    """
    own = [row for row in homes if (row, homes[row]) in near]
    kept = [row for row in own if all((row, homes[other]) in near for other in own)]
    if len(kept) < 2:
        return None
    table = np.array([[near[row, homes[other]] for other in kept] for row in kept])
    best = table >= table.max(axis=0) - 1e-9
    credit = best / best.sum(axis=0)
    size = len(kept)
    mean = float(np.trace(table)) / size
    rest = (float(table.sum()) - mean * size) / (size * (size - 1))
    return Diagonal(float(np.trace(credit)), size, _p(credit), mean - rest, _p(table))


def _p(table: NDArray[np.float64]) -> float:
    """Share of pairings of rows with columns whose diagonal adds up to as much."""
    size = len(table)
    columns = np.arange(size)
    if factorial(size) <= MOST_ORDERS:
        orders = np.array(list(permutations(range(size))))
    else:
        rng = np.random.default_rng(0)
        orders = np.array([columns, *(rng.permutation(size) for _ in range(9999))])
    return float(np.mean(table[orders, columns].sum(axis=1) >= np.trace(table) - 1e-9))
