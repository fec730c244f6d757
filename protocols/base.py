"""The seam of a dialogue protocol: who speaks next, and what the moderator whispers first."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from culturepark.personas.question import Question
from culturepark.personas.seat import Seat
from culturepark.protocols.turn import Turn
from culturepark.runtime.hashing import seed_from

Asker = Callable[[str], Awaitable[str]]


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


class TurnProtocol(Protocol):
    """A pure function of the scene: no hidden state, no clock. Asked exactly once a turn; None ends the talk."""

    def next_cue(self, scene: Scene) -> Cue | None | Awaitable[Cue | None]:
        """Say who speaks next, and what is whispered first."""
        ...


def alternate(scene: Scene) -> Seat:
    """Next speaker when the main contact and one delegate take turns, the delegates in seat order."""
    spoken = len(scene.turns)
    if spoken % 2 == 0:
        return scene.main_contact
    return scene.delegates[spoken // 2 % len(scene.delegates)]
