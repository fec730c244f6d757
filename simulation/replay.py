"""Play a talk in the terminal, turn by turn, at the pace of somebody reading along."""

import sys
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from culturepark.simulation.transcript import Transcript

CHARS_PER_SECOND = 30.0
"""Pace at speed 1: somebody reading along."""
SHORTEST, LONGEST = 0.6, 8.0
"""Seconds that a turn stands at speed 1."""

Kind = Literal["title", "seat", "cue", "speaker", "text", "end"]


class Line(NamedTuple):
    """One line to show."""

    kind: Kind
    text: str
    seconds: float = 0.0
    """How long it stands before the next one, at speed 1."""


class Frame(NamedTuple):
    """What appears together: the opening, one turn, or the end."""

    lines: tuple[Line, ...]


def frames(talk: Transcript, *, cues: bool) -> Iterator[Frame]:
    """Cut a talk into what appears together.

    Names and flags stand on a line of their own above the words: in a line that holds Arabic, a terminal would move
    them about.
    """
    topic = talk.question.text["en"] if talk.question else "no survey question"
    opening = [Line("title", f"talk {talk.id}, {talk.protocol.name}"), Line("title", topic)]
    for seat in talk.seats:
        held = seat.stance.words if seat.stance else "no stance"
        opening.append(Line("seat", f"  {seat.name}, {seat.culture.people} ({seat.culture.country_name}): {held}"))
    yield Frame(tuple(opening))
    for turn in talk.turns:
        seat = talk.seat(turn.speaker)
        lines = [Line("cue", f"  (moderator: {turn.cue.guidance})")] if cues and turn.cue else []
        flags = f"  [{', '.join(turn.flags)}]" if turn.flags else ""
        lines.append(Line("speaker", f"{turn.index} {seat.name}, {seat.culture.people}{flags}"))
        seconds = min(max(len(turn.text) / CHARS_PER_SECOND, SHORTEST), LONGEST)
        lines.append(Line("text", f"  {turn.text}", seconds))
        yield Frame(tuple(lines))
    ended = {"complete": "end", "planned": "not over yet", "failed": f"failed: {talk.reason}"}[talk.status]
    yield Frame((Line("end", f"({ended}, {len(talk.turns)} turns)"),))


def play(
    talk: Transcript,
    *,
    cues: bool,
    show: Callable[[Line], None],
    wait: Callable[[float], None],
    ask: Callable[[], bool] | None = None,
) -> None:
    """Show a talk.

    Args:
        talk: What to play.
        cues: Whether the moderator's whispers are shown.
        show: Writes one line.
        wait: Lets so many seconds at speed 1 pass.
        ask: In step mode, waits for a key; False quits.
    """
    for number, frame in enumerate(frames(talk, cues=cues)):
        if ask is not None and number > 0 and not ask():
            return
        for line in frame.lines:
            show(line)
            if ask is None:
                wait(line.seconds)


def next_or_quit() -> bool:
    """Wait for a key: enter, space or n goes on, q ends. Where keys are not a terminal's, read a line."""
    import typer  # noqa: PLC0415  (only step mode waits for keys)

    while True:
        key = typer.getchar() if sys.stdin.isatty() else sys.stdin.readline()[:1] or "q"
        if key in {"\r", "\n", " ", "n"}:
            return True
        if key in {"q", "Q", "\x1b", "\x04"}:
            return False
