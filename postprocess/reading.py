"""Reading: which utterances of the talks are looked at for opinions, and what is found in them."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Literal, NamedTuple

from culturepark.postprocess.extract import Extracted, extract
from culturepark.postprocess.opinion import Opinion
from culturepark.postprocess.screen import screen
from culturepark.postprocess.talk_facts import TalkFacts
from culturepark.protocols.turn import Turn
from culturepark.runtime.engines import LOCAL, Engine
from culturepark.runtime.errors import ModelError
from culturepark.runtime.models.langchain_client import LedgerChatModel
from culturepark.runtime.progress import Reporter
from culturepark.runtime.record import Packed
from culturepark.runtime.store import Store
from culturepark.simulation.talks import each_transcript
from culturepark.simulation.transcript import Transcript

Readers = Literal["delegates", "all"]


class ReadTalks(NamedTuple):
    """What was found in the talks."""

    opinions: Packed[Opinion]
    """In the order they were said; what code can rule out is marked with the reason."""
    utterances: int
    unread: Counter[str]
    """Utterances without opinions, by reason."""


async def read_talks(
    store: Store,
    reader: LedgerChatModel,
    talks: Mapping[str, TalkFacts],
    whose: Readers,
    *,
    concurrency: int,
    progress: Reporter,
    engine: Engine = LOCAL,
) -> ReadTalks:
    """Find the opinions of complete talks, given by id in the order of the plan, and screen them."""
    turns = {talk: _turns_to_read(facts, whose, talks) for talk, facts in talks.items()}
    total = sum(map(len, turns.values()))
    progress.start("utterances", total=total)
    under_way: dict[str, dict[int, tuple[Turn, Extracted]]] = {}
    screened: dict[str, Packed[Opinion]] = {}
    unread: Counter[str] = Counter()

    def utterances() -> Iterator[tuple[Transcript, Turn]]:
        for talk in each_transcript(store, list(turns)):
            silent = talk.model_copy(update={"turns": ()})
            for index in turns[talk.id]:
                yield silent, talk.turns[index]

    async def read_one(item: tuple[Transcript, Turn]) -> Extracted:
        try:
            return await extract(reader, *item)
        except ModelError:
            return Extracted((), "no_reply")  # the ledger has counted the reason

    def keep(item: tuple[Transcript, Turn], found: Extracted) -> None:
        talk, turn = item
        if found.unread is not None:
            unread[found.unread] += 1
        read = under_way.setdefault(talk.id, {})
        read[turn.index] = turn, found
        if len(read) == len(turns[talk.id]):
            screened[talk.id] = Packed(Opinion, _screened(under_way.pop(talk.id)))
        progress.advance()

    await engine.map(read_one, utterances(), concurrency=concurrency, done=keep)
    opinions = Packed(Opinion, (opinion for talk in turns for opinion in screened.pop(talk, ())))
    return ReadTalks(opinions, total, unread)


def _turns_to_read(talk: TalkFacts, whose: Readers, read: Collection[str]) -> tuple[int, ...]:
    """Places of the turns that are looked at; what a fork has from its parent, which is read too, is not said twice."""
    begin = talk.parent.turn if talk.parent is not None and talk.parent.id in read else 0
    return tuple(
        place
        for place, speaker in enumerate(talk.speakers)
        if place >= begin and (whose == "all" or talk.seat(speaker).role == "delegate")
    )


def _screened(read: Mapping[int, tuple[Turn, Extracted]]) -> Iterator[Opinion]:
    """The opinions of one talk, in the order they were said."""
    seen: set[str] = set()
    for _, (turn, found) in sorted(read.items()):
        yield from screen(found.opinions, turn, seen)
