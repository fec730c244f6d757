"""Dedupe by threshold: opinions that say the same are merged into one that stands for them; nothing else is.

Within a culture, by exact cosine, without transitive chains: an opinion is only ever compared with kept ones.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from culturepark.postprocess.marks import Mark, contrasts, marks
from culturepark.postprocess.near_text import near_text
from culturepark.postprocess.neighbors import KeptNeighbors, pair_cosines
from culturepark.postprocess.opinion import MergeReason, Opinion
from culturepark.runtime.engines.local import run_bounded
from culturepark.runtime.progress import Reporter, Silent

Same = Callable[[str, str], Awaitable[bool]]
"""Whether two texts entail each other, as a judge says."""
Group = tuple[str, str, tuple[Mark, ...]]
"""Culture, language and marks: opinions of two groups are never one, so they are not even compared."""


async def dedupe(
    opinions: Sequence[Opinion],
    vectors: NDArray[np.float32],
    *,
    min_cosine: float,
    same: Same,
    concurrency: int = 1,
    progress: Reporter | None = None,
) -> list[Opinion]:
    """Merge near-duplicates; returns the opinions in their order, merged ones marked with the kept one.

    The surest opinion is kept first, and each of the others is merged into the nearest kept one that the merge rule
    allows: the same text but for case, punctuation and white space first, then by cosine. The order in which they are
    given does not matter.

    Args:
        opinions: Those that were not dropped.
        vectors: Shape `(n, d)`, float32, unit rows, one for each opinion.
        min_cosine: Cosine in [-1, 1] from which two opinions may count as one.
        same: Asked only for similar opinions of different questions, or without a stance.
        concurrency: Groups compared at once, so at most as many questions to `same` in flight.
        progress: Told of each finished opinion.
    """
    reporter = progress or Silent()
    groups: dict[Group, list[int]] = defaultdict(list)
    for place, opinion in enumerate(opinions):
        groups[opinion.culture, opinion.language, marks(opinion.text, opinion.language)].append(place)
    result = list(opinions)

    async def merge_group(group: Group) -> None:
        order = sorted(groups[group], key=lambda place: rank(opinions[place]))
        rows = vectors[order]
        neighbors = KeptNeighbors(rows, min_cosine=min_cosine)
        alike: dict[str, list[int]] = defaultdict(list)
        for row, near, cosines in neighbors:
            opinion = opinions[order[row]]
            key = near_text(opinion.text, opinion.language)
            same_text = dict(zip(alike[key], pair_cosines(rows[alike[key]], rows[row]).tolist(), strict=True))
            similar = dict(zip(near.tolist(), cosines.tolist(), strict=True))
            for kept, cosine in {**same_text, **similar}.items():
                standing = opinions[order[kept]]
                reason = await merge_reason(opinion, standing, same, alike=kept in same_text)
                if reason is not None:
                    result[order[row]] = merged(opinion, standing, cosine=cosine, reason=reason)
                    break
            else:
                neighbors.keep(row)
                alike[key].append(row)
            reporter.advance()

    await run_bounded(sorted(groups), merge_group, concurrency=concurrency)
    return result


def rank(opinion: Opinion) -> tuple[float, int, str]:
    """The surest opinion stands for the others; of equals the shorter."""
    sure = (opinion.confidence or {}).get("entail", 0.0)
    return (-round(sure, 6), len(opinion.text), opinion.id)


async def merge_reason(one: Opinion, standing: Opinion, same: Same, *, alike: bool) -> MergeReason | None:
    """The merge rule for two opinions with equal marks: the same side of the same question, or two-way entailment.

    Args:
        one: The opinion that would be merged.
        standing: The kept one.
        same: See `dedupe`.
        alike: Whether their texts are the same but for case, punctuation and white space.
    """
    if contrasts(one.text, standing.text, one.language):
        return None
    if one.question == standing.question and one.stance is not None and standing.stance is not None:
        if one.stance.side != standing.stance.side:
            return None
        return "text" if alike else "cosine"
    return "entailment" if await same(one.text, standing.text) else None


def merged(opinion: Opinion, standing: Opinion, *, cosine: float, reason: MergeReason) -> Opinion:
    """Mark an opinion as stood for by another."""
    return opinion.model_copy(
        update={
            "dropped": "merged",
            "kept": standing.id,
            "cosine": max(-1.0, min(1.0, round(cosine, 6))),
            "merged_by": reason,
        }
    )
