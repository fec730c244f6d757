"""What one seat has in mind at a turn: who it is, and the script so far. A talk's requests and probes both begin so."""

from collections.abc import Sequence

from culturepark.personas.question import Question
from culturepark.personas.seat import Seat
from culturepark.protocols.turn import Turn
from culturepark.runtime.request import Message
from culturepark.simulation.character import said
from culturepark.simulation.tongues import announced, briefing


def speaks_mixed(seats: Sequence[Seat]) -> bool:
    """Whether not all seats speak the same language."""
    return len({seat.language for seat in seats}) > 1


def script(seat: Seat, seats: Sequence[Seat], turns: Sequence[Turn]) -> list[Message]:
    """The talk so far as a seat heard it, message for message as its context grew."""
    names = {other.id: other.name for other in seats}
    lines: list[Message] = []
    for turn in turns:
        if turn.cue is not None and not turn.cue.private:
            lines.append(Message(role="user", content=announced(turn.cue.guidance, language=seat.language)))
        lines.append(Message(role="user", content=said(names[turn.speaker], turn.text)))
    return lines


def in_mind(seat: Seat, seats: Sequence[Seat], question: Question, turns: Sequence[Turn]) -> list[Message]:
    """A seat's whole context after these turns, as it stands before the request for its next line."""
    return [*briefing(seat, question, mixed=speaks_mixed(seats)), *script(seat, seats, turns)]
