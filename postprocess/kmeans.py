"""Dedupe by k-means, as the paper does: the opinions on a question are clustered, and one of each cluster is kept.

It looks at nothing but vectors, so it merges opposites, numbers and customs. The audit shows what was lost.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from culturepark.postprocess.dedupe import merged, rank
from culturepark.postprocess.marks import differences
from culturepark.postprocess.near_text import near_text
from culturepark.postprocess.neighbors import pair_cosines
from culturepark.postprocess.opinion import MergeReason, Opinion
from culturepark.runtime.hashing import seed_from

Keep = Literal["medoid", "longest"]
RESTARTS = 10


def cluster(opinions: Sequence[Opinion], vectors: NDArray[np.float32], *, k: int, keep: Keep) -> list[Opinion]:
    """Keep at most `k` opinions for each question and culture; returns the opinions in their order, others marked.

    Texts that are the same but for case, punctuation and white space are one before there are clusters, unless their
    marks or sides differ. With at most `k` of them left, nothing else is merged. The order does not matter.

    Args:
        opinions: Those that were not dropped.
        vectors: Shape `(n, d)`, float32, unit rows, one for each opinion.
        k: Clusters for each question and culture.
        keep: The `medoid` (nearest to all others of its cluster) or the `longest` text stands for the cluster.

    Source:
        arXiv:2405.15145, section 3.3, clusters embeddings with k-means and keeps one opinion of each cluster.
    """
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for place, opinion in enumerate(opinions):
        groups[opinion.culture, opinion.question].append(place)
    result = list(opinions)
    for group in sorted(groups):
        places = sorted(groups[group], key=lambda place: rank(opinions[place]))
        firsts = _same_texts([opinions[place] for place in places])
        distinct = sorted(set(firsts))
        rows = vectors[[places[first] for first in distinct]]
        labels = dict(zip(distinct, _labels(rows, k=k, seed=seed_from(*group)), strict=True))
        members: dict[int, list[int]] = defaultdict(list)
        for first in distinct:
            members[labels[first]].append(places[first])
        chosen = {label: _choose(opinions, vectors, found, keep) for label, found in members.items()}
        for own, first in zip(places, firsts, strict=True):
            kept = chosen[labels[first]]
            if own != kept:
                (cosine,) = pair_cosines(vectors[[kept]], vectors[own])
                reason: MergeReason = "text" if places[first] == kept else "cluster"
                result[own] = merged(opinions[own], opinions[kept], cosine=float(cosine), reason=reason)
    return result


def _same_texts(opinions: Sequence[Opinion]) -> list[int]:
    """For each opinion, the place of the first one with its text and side."""
    seen: dict[tuple[str, str | None, str], list[int]] = defaultdict(list)
    firsts: list[int] = []
    for place, opinion in enumerate(opinions):
        side = opinion.stance.side if opinion.stance else None
        known = seen[opinion.language, side, near_text(opinion.text, opinion.language)]
        same = (one for one in known if not differences(opinion.text, opinions[one].text, opinion.language))
        first = next(same, place)
        if first == place:
            known.append(place)
        firsts.append(first)
    return firsts


def _labels(rows: NDArray[np.float32], *, k: int, seed: int) -> list[int]:
    if len(rows) <= k:
        return list(range(len(rows)))
    from sklearn.cluster import KMeans  # noqa: PLC0415  (slow to import, and only this method needs it)
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    # Fewer places than clusters would be an error: opinions may share one.
    clusters = min(k, len(np.unique(rows, axis=0)))
    with threadpool_limits(1):  # threads wait for each other longer than a question's opinions take
        fitted = KMeans(clusters, n_init=RESTARTS, random_state=seed % 2**32).fit(rows)
    return [int(label) for label in fitted.labels_]


def _choose(opinions: Sequence[Opinion], vectors: NDArray[np.float32], members: Sequence[int], keep: Keep) -> int:
    """The member that stands for a cluster; of equals the surest."""
    if keep == "longest":
        return max(members, key=lambda place: len(opinions[place].text))
    middle = vectors[list(members)].sum(axis=0, dtype=np.float64)
    nearness = (vectors[list(members)] * middle).sum(axis=1).round(9)
    return members[int(np.argmax(nearness))]
