"""From verified opinions to distinct ones: embed what is new, then merge what says the same."""

import asyncio
from functools import partial
from typing import Literal, Self

from pydantic import Field, model_validator

from culturepark.postprocess.dedupe import dedupe
from culturepark.postprocess.embeddings import embed
from culturepark.postprocess.judge import Judge
from culturepark.postprocess.kmeans import Keep, cluster
from culturepark.postprocess.opinion import Opinion
from culturepark.runtime.engines import LOCAL, Engine
from culturepark.runtime.engines.local import aside
from culturepark.runtime.models.embedders import Embedder
from culturepark.runtime.progress import Reporter
from culturepark.runtime.record import Packed, Record
from culturepark.runtime.store import Store


class DedupeSettings(Record):
    """When two opinions count as one."""

    method: Literal["threshold", "kmeans"] = "threshold"
    """`threshold` merges near opinions that no mark sets apart; `kmeans` is the paper's."""
    min_cosine: float | None = Field(default=None, ge=-1, le=1)
    """For `threshold`; None takes the value calibrated for the embedder."""
    k: int | None = Field(default=None, ge=1)
    """For `kmeans`, which needs it: how many opinions are kept for each question and culture, at most."""
    keep: Keep = "medoid"
    """For `kmeans`: which opinion of a cluster stands for it."""

    @model_validator(mode="after")
    def _clusters_are_counted(self) -> Self:
        if self.method == "kmeans" and self.k is None:
            raise ValueError("method kmeans needs k, the opinions kept for each question and culture (--clusters)")
        return self


async def distinct(
    store: Store,
    opinions: Packed[Opinion],
    embedder: Embedder,
    settings: DedupeSettings,
    judge: Judge,
    *,
    concurrency: int,
    progress: Reporter,
    engine: Engine = LOCAL,
) -> None:
    """Merge near-duplicates among the opinions that were not dropped, in place.

    Vectors are read from the run where it has them: with other settings, only texts never seen are embedded and only
    pairs never asked about are judged.
    """
    kept = {place: opinion for place, opinion in enumerate(opinions) if opinion.dropped is None}
    verified = list(kept.values())
    vectors = await embed(store, embedder, [opinion.text for opinion in verified], progress=progress, engine=engine)

    async def same(one: str, other: str) -> bool:
        there, back = await asyncio.gather(judge.implies(one, other), judge.implies(other, one))
        return there.verdict == back.verdict == "entail"

    if settings.method == "kmeans":
        assert settings.k is not None, "the settings say so"
        merged = await aside(partial(cluster, verified, vectors, k=settings.k, keep=settings.keep))
    else:
        progress.start("verified opinions", total=len(verified))
        merged = await dedupe(
            verified,
            vectors,
            min_cosine=embedder.min_cosine if settings.min_cosine is None else settings.min_cosine,
            same=same,
            concurrency=concurrency,
            progress=progress,
        )
    for place, opinion in zip(kept, merged, strict=True):
        opinions[place] = opinion
