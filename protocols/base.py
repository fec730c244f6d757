"""The seam of a dialogue protocol: who speaks next, and what the moderator whispers first."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Protocol

from pydantic import Field

from culturepark.personas.question import Question
from culturepark.personas.seat import Seat
from culturepark.protocols.turn import Turn
from culturepark.runtime.errors import CultureParkError, did_you_mean
from culturepark.runtime.hashing import seed_from

TURN_CAP = 200
"""A protocol that has not ended by then is taken to loop for ever."""

Asker = Callable[[str], Awaitable[str]]
Count = Annotated[int, Field(ge=1, le=TURN_CAP)]
"""An argument such as `turns`: checked before the first turn."""
Opener = str | int
"""Who opens: `main_contact`, `delegate` (the first), a seat's number from 1, or a persona id."""


@dataclass(frozen=True)
class Scene:
    """A read-only view of the conversation so far. It is all a protocol may look at."""

    seats: tuple[Seat, ...]
    seed: Question
    """The survey question the talk is about."""
    turns: tuple[Turn, ...]
    root: str
    """Id of the talk, or of the talk a fork began from: the source of `rng`."""
    asker: Asker | None = None

    @property
    def main_contact(self) -> Seat:
        """The seat that leads the talk."""
        return next(seat for seat in self.seats if seat.role == "main_contact")

    @property
    def delegates(self) -> tuple[Seat, ...]:
        """The other seats, in seat order."""
        return tuple(seat for seat in self.seats if seat.role == "delegate")

    def seat(self, which: Opener) -> Seat:
        """Find a seat: `main_contact`, `delegate` (the first one), its number from 1, or its persona id.

        Raises:
            CultureParkError: When nobody sits there in this talk.
        """
        named = {
            "main_contact": self.main_contact,
            "delegate": self.delegates[0],
            **{str(number): seat for number, seat in enumerate(self.seats, start=1)},
            **{seat.id: seat for seat in self.seats},
        }
        if str(which) not in named:
            seated = ", ".join(seat.id for seat in self.seats)
            raise CultureParkError(
                f"nobody has the seat {which!r}{did_you_mean(str(which), named)}; seated are {seated}"
            )
        return named[str(which)]

    def order(self, opener: Opener = "main_contact") -> tuple[Seat, ...]:
        """All seats in seat order, beginning with the opener and wrapping round."""
        start = self.seats.index(self.seat(opener))
        return self.seats[start:] + self.seats[:start]

    def other(self, speaker: Seat) -> Seat:
        """Whom a speaker turns to: whoever spoke last, or else the next seat in order."""
        last = self.turns[-1].speaker if self.turns else None
        others = self.order(speaker.id)[1:]
        return next((seat for seat in others if seat.id == last), others[0])

    @property
    def rng(self) -> random.Random:
        """Random numbers of this turn: the same whenever the same turn of the same talk is cued."""
        return random.Random(seed_from(self.root, len(self.turns)))

    async def ask(self, prompt: str) -> str:
        """Put a question to a model; the answer is recorded on the coming turn and fed back on replay."""
        if self.asker is None:
            raise RuntimeError("this scene has no model to ask")
        return await self.asker(prompt)


@dataclass(frozen=True)
class Cue:
    """Who speaks next."""

    speaker: Seat
    guidance: str | None = None
    """What the moderator says first."""
    private: bool = True
    """Whether only the speaker hears it."""
    note: str | None = None
    """Why this cue, where the record should say so; nobody hears it."""


class TurnProtocol(Protocol):
    """A pure function of the scene: no hidden state, no clock. Asked exactly once a turn; None ends the talk."""

    def next_cue(self, scene: Scene) -> Cue | None | Awaitable[Cue | None]:
        """Say who speaks next, and what is whispered first."""
        ...


def alternate(scene: Scene, opener: Opener = "main_contact") -> Seat:
    """Next speaker when the opener and one other take turns, the others in seat order."""
    lead, *others = scene.order(opener)
    spoken = len(scene.turns)
    return lead if spoken % 2 == 0 else others[spoken // 2 % len(others)]
