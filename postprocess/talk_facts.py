"""What stays in memory of a talk while it is refined. Its turns, which are most of it, are read when needed."""

import sys
from typing import NamedTuple

from culturepark.personas.question import Question
from culturepark.personas.seat import Seat
from culturepark.simulation.transcript import Parent, Transcript


class TalkFacts(NamedTuple):
    """What a talk is about, who sits there and who speaks when."""

    question: Question
    seats: tuple[Seat, ...]
    root: str
    parent: Parent | None
    speakers: tuple[str, ...]
    """Seat ids, one a turn."""

    def seat(self, speaker: str) -> Seat:
        """The seat of a speaker id."""
        return next(seat for seat in self.seats if seat.id == speaker)


def facts_of(talk: Transcript) -> TalkFacts:
    """What stays of a talk.

    Raises:
        CultureParkError: For an imported talk about no survey question.
    """
    speakers = tuple(sys.intern(turn.speaker) for turn in talk.turns)
    return TalkFacts(talk.seed, talk.seats, talk.root, talk.parent, speakers)
