"""The novel pool: opinions that their speakers' stances do not decide, and how many others voice the same.

An opinion nobody asked for may be what a culture has to say, or what a model made up. It earns its place when people
in other talks, who are somebody else or hold something else, say what entails it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from culturepark.personas.language import ENGLISH
from culturepark.personas.question import Question
from culturepark.postprocess.embeddings import embed
from culturepark.postprocess.judge import Judge
from culturepark.postprocess.opinion import Novelty, Opinion
from culturepark.runtime.engines import LOCAL, Engine
from culturepark.runtime.models.embedders import Embedder
from culturepark.runtime.store import Store

POOL = ("irrelevant", "no_stance")
"""Reasons for which an opinion lands here: judged to be neither for nor against the stance, or there is no stance."""
ROWS_AT_ONCE = 512
"""Novel opinions that are compared with all others of their culture at once, which bounds memory."""


async def novel_placer(
    store: Store,
    opinions: Sequence[Opinion],
    embedder: Embedder,
    judge: Judge,
    seeds: Sequence[Question],
    *,
    candidates: int,
    root_of: Mapping[str, str],
    engine: Engine = LOCAL,
) -> Callable[[Opinion], Awaitable[Opinion]]:
    """Compare the opinions of the pool with the seed questions and with each other.

    Args:
        store: Keeps the vectors.
        opinions: All opinions; those that were never judged voice nothing.
        embedder: Compares texts and questions.
        judge: Asked whether another opinion entails one of the pool.
        seeds: Questions that may be nearest: of the seed split only.
        candidates: How many of the most similar opinions of others are put to the judge; 0 asks about none.
        root_of: Talk to the first talk of its line of forks, which are not independent of each other.
        engine: Embeds.

    Returns:
        What says of one opinion of the pool how far it is from the questions, and who else voices it.
    """
    voiced = [opinion for opinion in opinions if opinion.verdict is not None or opinion.dropped in POOL]
    place = {opinion.id: number for number, opinion in enumerate(voiced)}
    pool = [opinion.id for opinion in voiced if opinion.dropped in POOL]
    vectors = asked = np.zeros((0, 0), dtype=np.float32)
    if pool and seeds:
        vectors = await embed(store, embedder, [opinion.judged_text for opinion in voiced], engine=engine)
        asked = await embed(store, embedder, [question.text[ENGLISH] for question in seeds], engine=engine)
    similar = dict(_similar(voiced, vectors, pool, root_of, candidates=candidates)) if len(vectors) else {}

    async def place_one(opinion: Opinion) -> Opinion:
        if opinion.id not in similar:
            return opinion
        cosines = asked @ vectors[place[opinion.id]]
        nearest = int(np.argmax(cosines))
        by, keys = await _corroborating(judge, opinion, similar[opinion.id], root_of)
        novelty = Novelty(
            nearest=seeds[nearest].id,
            distance=max(0.0, round(1 - float(cosines[nearest]), 6)),
            corroborated_by=tuple(other.id for other in by),
        )
        return opinion.model_copy(update={"novelty": novelty, "requests": (*opinion.requests, *keys)})

    return place_one


def independent(one: Opinion, other: Opinion, root_of: Mapping[str, str]) -> bool:
    """Whether two opinions of a culture come from different lines of talks, of different people or stances."""
    return (
        one.culture == other.culture
        and root_of[one.talk] != root_of[other.talk]
        and (one.speaker != other.speaker or _held(one) != _held(other))
    )


def _held(opinion: Opinion) -> tuple[str, int] | None:
    return None if opinion.stance is None else (opinion.stance.question, opinion.stance.code)


def _similar(
    voiced: Sequence[Opinion],
    vectors: NDArray[np.float32],
    pool: Collection[str],
    root_of: Mapping[str, str],
    *,
    candidates: int,
) -> Iterator[tuple[str, list[Opinion]]]:
    """For each opinion of the pool, the independent ones of its culture that are most like it, most similar first."""
    wanted = set(pool)
    order = sorted(range(len(voiced)), key=lambda number: voiced[number].culture)
    for _, group in groupby(order, key=lambda number: voiced[number].culture):
        places = np.array(list(group))
        rows = [place for place in places if voiced[place].id in wanted]
        for begin in range(0, len(rows), ROWS_AT_ONCE):
            block = rows[begin : begin + ROWS_AT_ONCE]
            cosines = vectors[block] @ vectors[places].T
            for place, row in zip(block, cosines, strict=True):
                own = voiced[place]
                ordered = (voiced[places[number]] for number in np.argsort(-row, kind="stable"))
                others = (other for other in ordered if independent(own, other, root_of))
                yield own.id, [other for other, _ in zip(others, range(candidates), strict=False)]


async def _corroborating(
    judge: Judge, opinion: Opinion, similar: Sequence[Opinion], root_of: Mapping[str, str]
) -> tuple[list[Opinion], tuple[str, ...]]:
    """Those of the similar opinions that entail it, the first of each line of talks, and the ledger keys."""
    judged = await asyncio.gather(*(judge.implies(other.judged_text, opinion.text) for other in similar))
    by: dict[str, Opinion] = {}
    for other, one in zip(similar, judged, strict=True):
        if one.verdict == "entail":
            by.setdefault(root_of[other.talk], other)
    return list(by.values()), tuple(one.key for one in judged)
