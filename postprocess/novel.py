"""The novel pool: opinions that their speakers' stances do not decide, and how many others voice the same.

An opinion nobody asked for may be what a culture has to say, or what a model made up. It earns its place when people
in other talks, who are somebody else or hold something else, say what entails it.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from culturepark.personas.language import ENGLISH
from culturepark.personas.question import Question
from culturepark.postprocess.embeddings import embed
from culturepark.postprocess.judge import Judge
from culturepark.postprocess.opinion import Novelty, Opinion
from culturepark.postprocess.talk_facts import TalkFacts
from culturepark.runtime.engines import LOCAL, Engine
from culturepark.runtime.models.embedders import Embedder
from culturepark.runtime.store import Store

POOL = ("irrelevant", "no_stance")
"""Reasons for which an opinion lands here: judged to be neither for nor against the stance, or there is no stance."""
ROWS_AT_ONCE = 512
"""Novel opinions that are compared with all others of their culture at once, which bounds memory."""


class Voiced(NamedTuple):
    """What is compared of an opinion, and who voices it."""

    id: str
    text: str
    culture: str
    root: str
    """The first talk of its line of forks, which are not independent of each other."""
    speaker: str
    held: tuple[str, int] | None
    """Question and code of the speaker's stance."""
    pool: bool

    def is_independent(self, other: "Voiced") -> bool:
        """Whether two opinions of a culture come from different lines of talks, of different people or stances."""
        return (
            self.culture == other.culture
            and self.root != other.root
            and (self.speaker != other.speaker or self.held != other.held)
        )


class Surroundings(NamedTuple):
    """Where an opinion of the pool stands among the questions and the other opinions."""

    nearest: str
    """Id of the seed question whose text is nearest."""
    distance: float
    similar: tuple[Voiced, ...]
    """Independent ones of its culture that are most like it, most similar first."""


async def surroundings(
    store: Store,
    opinions: Sequence[Opinion],
    embedder: Embedder,
    seeds: Sequence[Question],
    *,
    candidates: int,
    talks: Mapping[str, TalkFacts],
    engine: Engine = LOCAL,
) -> dict[str, Surroundings]:
    """Compare the opinions of the pool with the seed questions and with each other.

    Args:
        store: Keeps the vectors.
        opinions: All opinions; those that were never judged voice nothing.
        embedder: Compares texts and questions.
        seeds: Questions that may be nearest: of the seed split only; without any, nothing is compared.
        candidates: How many of the most similar opinions of others are put to the judge; 0 asks about none.
        talks: By id, those that the opinions were said in.
        engine: Embeds.

    Returns:
        By id, for each opinion of the pool.
    """
    voiced = [
        _voiced(opinion, talks[opinion.talk].root)
        for opinion in opinions
        if opinion.verdict is not None or opinion.dropped in POOL
    ]
    if not seeds or not any(one.pool for one in voiced):
        return {}
    vectors = await embed(store, embedder, [one.text for one in voiced], engine=engine)
    asked = await embed(store, embedder, [question.text[ENGLISH] for question in seeds], engine=engine)
    found: dict[str, Surroundings] = {}
    for place, similar in _similar(voiced, vectors, candidates=candidates):
        cosines = asked @ vectors[place]
        nearest = int(np.argmax(cosines))
        distance = max(0.0, round(1 - float(cosines[nearest]), 6))
        found[voiced[place].id] = Surroundings(seeds[nearest].id, distance, similar)
    return found


def _voiced(opinion: Opinion, root: str) -> Voiced:
    held = None if opinion.stance is None else (opinion.stance.question, opinion.stance.code)
    pool = opinion.dropped in POOL
    return Voiced(opinion.id, opinion.judged_text, opinion.culture, root, opinion.speaker, held, pool)


def _similar(
    voiced: Sequence[Voiced], vectors: NDArray[np.float32], *, candidates: int
) -> Iterator[tuple[int, tuple[Voiced, ...]]]:
    """For the place of each opinion of the pool, the independent ones of its culture that are most like it."""
    order = sorted(range(len(voiced)), key=lambda number: voiced[number].culture)
    for _, group in groupby(order, key=lambda number: voiced[number].culture):
        places = np.array(list(group))
        rows = [int(place) for place in places if voiced[place].pool]
        for begin in range(0, len(rows), ROWS_AT_ONCE):
            block = rows[begin : begin + ROWS_AT_ONCE]
            cosines = vectors[block] @ vectors[places].T
            for place, row in zip(block, cosines, strict=True):
                ordered = (voiced[places[number]] for number in np.argsort(-row, kind="stable"))
                others = (other for other in ordered if voiced[place].is_independent(other))
                yield place, tuple(islice(others, candidates))


async def place_novel(judge: Judge, opinion: Opinion, around: Surroundings) -> Opinion:
    """Say how far an opinion of the pool is from the questions, and who else voices it: one of each line of talks.

    Raises:
        ModelError: When the judge's endpoint gives no reply.
    """
    judged = await asyncio.gather(*(judge.implies(other.text, opinion.text) for other in around.similar))
    by: dict[str, str] = {}
    for other, one in zip(around.similar, judged, strict=True):
        if one.verdict == "entail":
            by.setdefault(other.root, other.id)
    novelty = Novelty(nearest=around.nearest, distance=around.distance, corroborated_by=tuple(by.values()))
    return opinion.model_copy(
        update={"novelty": novelty, "requests": (*opinion.requests, *(one.key for one in judged))}
    )
