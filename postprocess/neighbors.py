"""Exact nearest neighbours among those kept so far, by blocks of matrix products."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

BLOCK: Final = 512
"""Rows looked up together. With `CHUNK` it bounds memory: their product takes 32 MB."""
CHUNK: Final = 16_384
SLACK: Final = 1e-4
"""Float32 products err by less; whatever is this near the threshold is computed again in float64."""


class KeptNeighbors:
    """Walk rows in their order; the caller keeps some, and each row is shown those kept before it that are near.

    The result is the same, to the last bit, as comparing each row with every kept one: blocks only find candidates,
    whose cosines are then computed pair by pair in float64.
    """

    def __init__(self, vectors: NDArray[np.float32], *, min_cosine: float) -> None:
        """Take the rows in the order they will be walked; shape `(n, d)`, unit rows."""
        self._vectors = vectors
        self._min_cosine = min_cosine
        self._kept = np.empty(len(vectors), dtype=np.int64)
        self._held = np.empty(vectors.shape, dtype=np.float32)
        self._count = 0

    def __iter__(self) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.float64]]]:
        """Give each row's number, the kept rows near it and their cosines, nearest first; of equals the first kept."""
        for begin in range(0, len(self._vectors), BLOCK):
            block = self._vectors[begin : begin + BLOCK]
            before = self._candidates(block)
            within = block @ block.T >= self._min_cosine - SLACK
            known = self._count
            for place in range(len(block)):
                fresh = self._kept[known : self._count]
                near = np.concatenate([before[place], fresh[within[place, fresh - begin]]])
                yield begin + place, *self._nearest_first(begin + place, near)

    def keep(self, row: int) -> None:
        """Compare rows to come with this one, too."""
        self._kept[self._count] = row
        self._held[self._count] = self._vectors[row]
        self._count += 1

    def _candidates(self, block: NDArray[np.float32]) -> list[NDArray[np.int64]]:
        """Kept rows that may be near, for each row of the block, in the order they were kept."""
        found: list[list[NDArray[np.int64]]] = [[] for _ in block]
        for begin in range(0, self._count, CHUNK):
            end = min(begin + CHUNK, self._count)
            kept = self._kept[begin:end]
            near = block @ self._held[begin:end].T >= self._min_cosine - SLACK
            rows, columns = np.divmod(np.flatnonzero(near), len(kept))  # many times as fast as a search in two axes
            for row, columns_of_row in _split(rows, columns):
                found[row].append(kept[columns_of_row])
        return [np.concatenate(parts) if parts else np.empty(0, dtype=np.int64) for parts in found]

    def _nearest_first(self, row: int, near: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        cosines = pair_cosines(self._vectors[near], self._vectors[row])
        order = np.argsort(-cosines, kind="stable")
        order = order[cosines[order] >= self._min_cosine]
        return near[order], cosines[order]


def pair_cosines(rows: NDArray[np.float32], row: NDArray[np.float32]) -> NDArray[np.float64]:
    """Cosines of unit rows with one, each summed by itself, so that they do not depend on what stands beside them."""
    products: NDArray[np.float64] = np.multiply(rows, row, dtype=np.float64)
    return np.asarray(products.sum(axis=1))


def _split(rows: NDArray[np.int64], columns: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """The columns of each row that has any, from sorted rows."""
    ends = [*np.flatnonzero(np.diff(rows)) + 1, len(rows)] if len(rows) else []
    begin = 0
    for end in ends:
        yield int(rows[begin]), columns[begin:end]
        begin = end
