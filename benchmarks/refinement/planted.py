"""Opinions planted in nine languages: each with one that says the same and one that is near and does not.

`planted.tsv` is our own writing. Set a came first. The rule on swapped words (`postprocess/swaps.py`) and four
negations came after set b had been measured. Set c, whose near misses are put in another order of words, came after
all rules. Numbers above ten and the names of games were added after both had been measured.
"""

import csv
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from culturepark.personas.stance import Stance
from culturepark.postprocess.dedupe import dedupe
from culturepark.postprocess.kmeans import cluster
from culturepark.postprocess.opinion import Opinion

FILE = Path(__file__).parent / "planted.tsv"
KINDS = ("opposite", "negation", "number", "quantifier", "custom")
Vectors = NDArray[np.float32]
Method = Callable[[Sequence[Opinion], Vectors, float], Awaitable[dict[str, str]]]
"""Opinions, their vectors and the method's setting to who stands for whom."""


class Planted(NamedTuple):
    """A text, the same in other words, and a near miss of some kind."""

    language: str
    set: Literal["a", "b", "c"]
    kind: str
    text: str
    same: str
    other: str


def planted() -> list[Planted]:
    """All of them, as they stand in the file."""
    with FILE.open(encoding="utf-8", newline="") as file:
        return [Planted(**row) for row in csv.DictReader(file, delimiter="\t")]  # type: ignore[arg-type]


def opinion(text: str, *, id: str, language: str) -> Opinion:  # noqa: A002  (the record's own word)
    """A verified opinion; all have one question and one stance, so nothing but the text tells them apart."""
    stance = Stance(
        question="planted:1",
        code=1,
        words="says so",
        side="below",
        share=0.5,
        n=10,
        weighted=False,
        country="JOR",
        chosen="sampled",
    )
    return Opinion(
        id=id,
        text=text,
        quote=text,
        start=0,
        end=len(text),
        talk="t",
        turn=0,
        speaker="s",
        culture="planted",
        country="JOR",
        question="planted:1",
        stance=stance,
        language=language,
        about="own",
    )


async def by_threshold(opinions: Sequence[Opinion], vectors: Vectors, min_cosine: float) -> dict[str, str]:
    """Who stands for each opinion, itself included, when merged as `refine` does."""

    async def same(_one: str, _other: str) -> bool:
        raise AssertionError("all have the same question and stance, so no judge is needed")

    merged = await dedupe(opinions, vectors, min_cosine=min_cosine, same=same)
    return {one.id: one.kept or one.id for one in merged}


async def by_kmeans(opinions: Sequence[Opinion], vectors: Vectors, k: float) -> dict[str, str]:
    """The same by k-means, medoids kept."""
    return {one.id: one.kept or one.id for one in cluster(opinions, vectors, k=round(k), keep="medoid")}


async def by_semhash(opinions: Sequence[Opinion], vectors: Vectors, threshold: float) -> dict[str, str]:
    """The same by semhash, with the same vectors."""
    from semhash import SemHash  # noqa: PLC0415  (optional)

    ids = [one.id for one in opinions]
    index = SemHash.from_embeddings(vectors, ids, model=None)
    filtered = index.self_deduplicate(threshold=threshold).filtered
    return {one: one for one in ids} | {str(one.record): str(one.duplicate_of) for one in filtered}


METHODS: Mapping[str, Method] = {"threshold": by_threshold, "k-means": by_kmeans, "semhash": by_semhash}
