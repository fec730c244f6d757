"""Do Verify and Diversify make what talks generate more diverse, and at what loss? One run, read at three steps."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from typing import Final

import numpy as np
from numpy.typing import NDArray

from culturepark.benchmarks.experiments.running import Analysis
from culturepark.benchmarks.experiments.setup import Setup
from culturepark.benchmarks.experiments.steps import Step, Talks
from culturepark.benchmarks.experiments.verdict import Check, Pair, contrast, corrected
from culturepark.benchmarks.statistics import wilson
from culturepark.benchmarks.task import Table
from culturepark.postprocess.opinion import Opinion
from culturepark.postprocess.tables import load_opinions
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.hashing import seed_from
from culturepark.runtime.models.embedders import Embedder, SentenceEmbedder
from culturepark.runtime.store import open_store

TALKS: Final = "talks"
DRAWS: Final = 50
"""Subsets of a larger arm that its diversity is averaged over."""
Vectors = NDArray[np.float32]
Cell = tuple[str, str]
"""Culture and question."""


def plan(setup: Setup) -> tuple[Step, ...]:
    """One run, refined as by default."""
    return (Talks(TALKS, setup.study(TALKS)),)


def analyse(setup: Setup) -> Analysis:
    """Compare the three steps over equal numbers, cell by cell.

    Raises:
        CultureParkError: When no cell has two samples.
    """
    with closing(open_store(setup.run(TALKS), create=False)) as store:
        opinions = load_opinions(store)
    return compare(opinions, SentenceEmbedder("all-minilm-l6-v2"), seed=setup.options.seed, talks=setup.size.talks)


def compare(opinions: Sequence[Opinion], embedder: Embedder, *, seed: int, talks: int) -> Analysis:
    """What the steps do to diversity and stances.

    Args:
        opinions: All of a refined run, with what became of them.
        embedder: Of the texts.
        seed: Of the subsets.
        talks: Of the run, for the advice when there are too few.

    Raises:
        CultureParkError: When no cell has two samples.
    """
    arms = {
        "generate": list(opinions),
        "verify": [one for one in opinions if one.is_verified],
        "diversify": [one for one in opinions if one.dropped is None],
    }
    cells = [cell for cell, own in sorted(_cells(arms["diversify"]).items()) if len(own) >= 2]
    if not cells:
        raise CultureParkError(
            f"refinement: no culture and question has two samples after {len(opinions)} opinions of {talks} talks; add "
            f"--talks {2 * talks}"
        )
    texts = list(dict.fromkeys(_text(one, arm) for arm, own in arms.items() for one in own))
    vectors = dict(zip(texts, embedder.encode(texts), strict=True))
    found = {arm: _diversity(own, arm, cells, arms["diversify"], vectors, seed=seed) for arm, own in arms.items()}

    def pairs(one: str, other: str) -> list[Pair]:
        return [Pair(found[one][cell] - found[other][cell], cell[1]) for cell in cells]

    kept = [_stances(arms["diversify"], cell) / max(1, _stances(arms["generate"], cell)) for cell in cells]
    return Analysis(
        primary=contrast("diversify minus generate", pairs("diversify", "generate"), unit="cosine distance"),
        secondary=corrected(
            [
                contrast("verify minus generate", pairs("verify", "generate"), unit="cosine distance"),
                contrast("diversify minus verify", pairs("diversify", "verify"), unit="cosine distance"),
                contrast(
                    "share of stances kept, minus 1",
                    [Pair(share - 1, cell[1]) for share, cell in zip(kept, cells, strict=True)],
                    unit="share",
                ),
            ]
        ),
        checks=(_happened("contradict", opinions), _happened("merged", opinions)),
        n={arm: len(own) for arm, own in arms.items()},
        tables=(_faithful(arms), _levels(found, cells)),
        notes=(
            "n counts opinions.",
            f"{len(cells)} cells have two samples or more; the others are left out of every arm.",
        ),
    )


def _diversity(
    opinions: Sequence[Opinion],
    arm: str,
    cells: Sequence[Cell],
    smallest: Sequence[Opinion],
    vectors: Mapping[str, Vectors],
    *,
    seed: int,
) -> dict[Cell, float]:
    """Mean pairwise cosine distance of each cell, over subsets as large as the smallest arm's."""
    own, least = _cells(opinions), _cells(smallest)
    return {
        cell: mean_distance(
            np.stack([vectors[_text(one, arm)] for one in own[cell]]),
            len(least[cell]),
            seed=seed_from(seed, *cell),
        )
        for cell in cells
    }


def mean_distance(vectors: Vectors, count: int, *, seed: int) -> float:
    """Mean cosine distance of two rows, over random subsets of `count` rows (all of them where there are no more)."""
    distances = 1 - vectors @ vectors.T

    def mean(chosen: NDArray[np.int64]) -> float:
        inside = distances[np.ix_(chosen, chosen)]
        return float(inside[np.triu_indices(len(chosen), 1)].mean())

    if count >= len(vectors):
        return mean(np.arange(len(vectors)))
    rng = np.random.default_rng(seed)
    return float(np.mean([mean(rng.choice(len(vectors), size=count, replace=False)) for _ in range(DRAWS)]))


def _text(opinion: Opinion, arm: str) -> str:
    """As it was said, or as refinement left it."""
    return opinion.quote if arm == "generate" else opinion.text


def _cells(opinions: Iterable[Opinion]) -> dict[Cell, list[Opinion]]:
    found: dict[Cell, list[Opinion]] = defaultdict(list)
    for one in opinions:
        found[one.culture, one.question].append(one)
    return found


def _stances(opinions: Sequence[Opinion], cell: Cell) -> int:
    """Different stances that somebody of the cell was held to."""
    return len({one.stance.code for one in opinions if (one.culture, one.question) == cell and one.stance is not None})


def _happened(reason: str, opinions: Sequence[Opinion]) -> Check:
    count = sum(
        one.verdict_as_said == "contradict" if reason == "contradict" else one.dropped == reason for one in opinions
    )
    what = "found to contradict its speaker's stance" if reason == "contradict" else "merged"
    return Check(name=f"something was {what}", passed=count > 0, detail=f"{count} of {len(opinions)} opinions")


def _faithful(arms: Mapping[str, Sequence[Opinion]]) -> Table:
    """Of each arm's opinions that were judged, the share that followed from its speaker's stance as it was said."""
    rows: list[tuple[str | int | float | None, ...]] = []
    for arm, own in arms.items():
        verdicts = [one.verdict_as_said if arm == "generate" else one.verdict for one in own]
        judged = [verdict for verdict in verdicts if verdict is not None]
        count = judged.count("entail")
        low, high = wilson(count, len(judged)) if judged else (None, None)
        rows.append((arm, count / len(judged) if judged else None, low, high, len(judged)))
    return Table(
        title="opinions that follow from their speaker's stance",
        columns=("arm", "share", "low", "high", "judged"),
        rows=tuple(rows),
        note="By the judge that verified them: true of the later arms by construction.",
    )


def _levels(found: Mapping[str, Mapping[Cell, float]], cells: Sequence[Cell]) -> Table:
    return Table(
        title="mean cosine distance by arm",
        columns=("arm", "mean", "cells"),
        rows=tuple((arm, float(np.mean([own[cell] for cell in cells])), len(cells)) for arm, own in found.items()),
    )
