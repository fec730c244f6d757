"""Reading: which utterances of the talks are looked at for opinions, and what is found in them."""

from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple

from culturepark.postprocess.extract import Extracted, extract
from culturepark.postprocess.opinion import Opinion
from culturepark.postprocess.screen import screen
from culturepark.protocols.turn import Turn
from culturepark.runtime.engine import run_bounded
from culturepark.runtime.errors import ModelError
from culturepark.runtime.models.langchain_client import LedgerChatModel
from culturepark.runtime.progress import Reporter
from culturepark.simulation.transcript import Transcript

Readers = Literal["delegates", "all"]


class ReadTalks(NamedTuple):
    """What was found in the talks."""

    opinions: list[Opinion]
    """In the order they were said; what code can rule out is marked with the reason."""
    utterances: int
    unread: Counter[str]
    """Utterances without opinions, by reason."""


async def read_talks(
    reader: LedgerChatModel,
    transcripts: Sequence[Transcript],
    whose: Readers,
    *,
    concurrency: int,
    progress: Reporter,
) -> ReadTalks:
    """Find the opinions of complete talks, and screen them."""
    ids = {talk.id for talk in transcripts}
    utterances = [
        (talk, turn)
        for talk in transcripts
        for turn in talk.turns
        if _is_read(talk, turn, whose) and not _is_shared(talk, turn, ids)
    ]
    progress.start("utterances", total=len(utterances))
    read: dict[tuple[str, int], Extracted] = {}

    async def read_one(item: tuple[Transcript, Turn]) -> None:
        talk, turn = item
        try:
            read[talk.id, turn.index] = await extract(reader, talk, turn)
        except ModelError:
            read[talk.id, turn.index] = Extracted((), "no_reply")  # the ledger has counted the reason
        progress.advance()

    await run_bounded(utterances, read_one, concurrency=concurrency)
    unread = Counter(str(found.unread) for found in read.values() if found.unread is not None)
    return ReadTalks(_screened(transcripts, read), len(utterances), unread)


def _is_read(talk: Transcript, turn: Turn, whose: Readers) -> bool:
    return whose == "all" or talk.seat(turn.speaker).role == "delegate"


def _is_shared(talk: Transcript, turn: Turn, read: set[str]) -> bool:
    """Whether a fork has the turn from its parent, which is read too: one utterance is not two."""
    return talk.parent is not None and turn.index < talk.parent.turn and talk.parent.id in read


def _screened(transcripts: Sequence[Transcript], read: dict[tuple[str, int], Extracted]) -> list[Opinion]:
    screened: list[Opinion] = []
    for talk in transcripts:
        seen: set[str] = set()
        for turn in talk.turns:
            found = read.get((talk.id, turn.index))
            if found is not None:
                screened += screen(found.opinions, turn, seen)
    return screened
