"""What an embedder sees in a run's talks: novelty, diversity, caricature, and opinions that everybody shares."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from culturepark.benchmarks.dialogue.caricature import exaggeration, told_apart
from culturepark.benchmarks.dialogue.novelty import CLIPPED, clipped, diversity_gain, novelty
from culturepark.benchmarks.dialogue.patterns import masked
from culturepark.benchmarks.dialogue.views import generic
from culturepark.personas.culture import Culture
from culturepark.personas.language import ENGLISH
from culturepark.personas.seat import Seat
from culturepark.postprocess.embeddings import embed
from culturepark.postprocess.sample import Sample
from culturepark.runtime.models.embedders import Embedder
from culturepark.runtime.progress import Reporter
from culturepark.runtime.store import Store
from culturepark.simulation.transcript import Transcript


class Of(NamedTuple):
    """A value of one utterance or sample, with what it belongs to."""

    talk: str
    question: str
    culture: str
    value: float


class Texts(NamedTuple):
    """All that needs vectors."""

    novelty: tuple[Of, ...] = ()
    """One for each utterance."""
    gains: dict[str, tuple[Of, ...]] = {}
    """Diversity gain of `utterances` and `samples`, as they are and cut to one length."""
    told: tuple[Of, ...] = ()
    """For each delegate's utterance 1 when its culture was told from the others', else 0."""
    chance: float | None = None
    """What guessing would reach; None where no culture can be told from another."""
    exaggeration: tuple[Of, ...] = ()
    """One for each delegate's utterance."""
    generic: tuple[Of, ...] | None = None
    """For each sample 1 when so many cultures say it, else 0; None with samples of fewer cultures."""


class _Lookup:
    """Vectors by text."""

    def __init__(self, texts: Sequence[str], vectors: NDArray[np.float32]) -> None:
        self._vectors = vectors
        self._row = {text: row for row, text in enumerate(texts)}

    def one(self, text: str) -> NDArray[np.float32]:
        return np.asarray(self._vectors[self._row[text]])

    def of(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._vectors[[self._row[text] for text in texts]]


class _Said(NamedTuple):
    """An utterance that is not blank."""

    talk: Transcript
    seat: Seat
    text: str
    masked: str

    def of(self, value: float) -> Of:
        return Of(self.talk.id, self.talk.seed.id, self.seat.culture.id, value)


async def texts_of(
    store: Store,
    embedder: Embedder,
    talks: Sequence[Transcript],
    samples: Sequence[Sample],
    cultures: Iterable[Culture],
    *,
    progress: Reporter,
) -> Texts:
    """Embed what was said, what came of it and what it was about, and measure."""
    said = list(_utterances(talks, tuple(cultures)))
    seeds = {talk.seed.id: talk.seed.text[ENGLISH] for talk in talks}
    wanted = {
        *(one.text for one in said),
        *(cut for one in said if (cut := clipped(one.text)) is not None),
        *(one.masked for one in said),
        *(sample.text for sample in samples),
        *(cut for sample in samples if (cut := clipped(sample.text)) is not None),
        *seeds.values(),
        *(one.talk.seed.text_in(one.seat.language) for one in said),
        *(described(one.seat) for one in said),
    }
    texts = sorted(wanted)
    vectors = _Lookup(texts, await embed(store, embedder, texts, progress=progress))
    base = vectors.of(sorted(seeds.values()))
    utterances = [(one.of(0.0), one.text) for one in said]
    rows = [(Of(one.talk, one.question, one.culture, 0.0), one.text) for one in samples]
    told, chance = _told(said, vectors)
    return Texts(
        novelty=tuple(one.of(_novelty(one, vectors)) for one in said),
        gains=_gains({"utterances": utterances, "samples": rows}, base, vectors),
        told=tuple(told),
        chance=chance,
        exaggeration=tuple(_exaggerations(said, vectors)),
        generic=_generic(samples, vectors, embedder.min_cosine),
    )


def described(seat: Seat) -> str:
    """Who a persona is and nothing else: the far end of the way on which exaggeration is measured."""
    person = "woman" if seat.persona.gender == "female" else "man"
    return f"I am a {person} from {seat.culture.country_name}. I am {seat.culture.people}."


def _utterances(talks: Sequence[Transcript], cultures: Sequence[Culture]) -> Iterator[_Said]:
    for talk in talks:
        for turn in talk.turns:
            if turn.text.strip():
                yield _Said(talk, talk.seat(turn.speaker), turn.text, masked(turn, talk, cultures))


def _novelty(one: _Said, vectors: _Lookup) -> float:
    question = one.talk.seed.text_in(one.seat.language)
    return novelty(vectors.of([one.text]), vectors.one(question))[0]


def _gains(
    groups: dict[str, list[tuple[Of, str]]], base: NDArray[np.float32], vectors: _Lookup
) -> dict[str, tuple[Of, ...]]:
    found: dict[str, tuple[Of, ...]] = {}
    for name, group in groups.items():
        cut = [(of, short) for of, text in group if (short := clipped(text)) is not None]
        for label, rows in ((name, group), (f"{name}, {CLIPPED} words", cut)):
            if rows:
                gains = diversity_gain(vectors.of([text for _, text in rows]), base)
                found[label] = tuple(of._replace(value=gain) for (of, _), gain in zip(rows, gains, strict=True))
    return found


def _told(said: Sequence[_Said], vectors: _Lookup) -> tuple[list[Of], float | None]:
    delegates = [one for one in said if one.seat.role == "delegate"]
    if not delegates:
        return [], None
    found = told_apart(
        vectors.of([one.masked for one in delegates]),
        [one.seat.culture.id for one in delegates],
        [one.talk.id for one in delegates],
    )
    if not found:
        return [], None
    return [delegates[one.place].of(float(one.right)) for one in found], float(np.mean([one.chance for one in found]))


def _exaggerations(said: Sequence[_Said], vectors: _Lookup) -> Iterator[Of]:
    for one in said:
        if one.seat.role == "delegate":
            question = vectors.one(one.talk.seed.text_in(one.seat.language))
            way = exaggeration(vectors.of([one.text]), persona=vectors.one(described(one.seat)), question=question)
            if way is not None:
                yield one.of(way[0])


def _generic(samples: Sequence[Sample], vectors: _Lookup, min_cosine: float) -> tuple[Of, ...] | None:
    shared = generic(vectors.of([one.text for one in samples]), [one.culture for one in samples], min_cosine=min_cosine)
    if shared is None:
        return None
    return tuple(
        Of(one.talk, one.question, one.culture, float(is_shared))
        for one, is_shared in zip(samples, shared, strict=True)
    )
