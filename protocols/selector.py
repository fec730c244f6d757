"""Selector: a model picks who speaks next."""

import re
from dataclasses import dataclass

from culturepark.personas.seat import Seat
from culturepark.protocols.base import Count, Cue, Opener, Scene

HEARD = 6
"""Latest utterances that the model is shown."""
PROMPT = """These people talk about {topic}: {people}.

{heard}

Who should speak next, so that the talk goes on well? Answer with one name only: {names}."""


@dataclass(frozen=True)
class Selector:
    """A model reads the latest lines and names who speaks next; nobody speaks twice in a row, everybody speaks.

    The question and the answer are on record with the turn, so a replay asks nothing. An answer that does not name
    exactly one of them is not guessed at: whoever has spoken least goes on, and the turn's note says so.
    """

    turns: Count = 14
    """Utterances in all. With fewer turns than seats, some stay silent."""
    opener: Opener = "main_contact"

    async def next_cue(self, scene: Scene) -> Cue | None:
        """The one the model names, where there is a choice."""
        left = self.turns - len(scene.turns)
        if left <= 0:
            return None
        if not scene.turns:
            return Cue(scene.seat(self.opener))
        said = [turn.speaker for turn in scene.turns]
        candidates = [seat for seat in scene.order(self.opener) if seat.id != said[-1]]
        silent = [seat for seat in candidates if seat.id not in said]
        if len(silent) >= left:
            candidates = silent
        if len(candidates) == 1:
            return Cue(candidates[0])
        answer = await scene.ask(_question(scene, candidates))
        named = [seat for seat in candidates if re.search(rf"\b{re.escape(seat.name)}\b", answer, re.IGNORECASE)]
        if len(named) == 1:
            return Cue(named[0])
        least = min(candidates, key=lambda seat: said.count(seat.id))
        found = f"named {' and '.join(seat.name for seat in named)}" if named else "named nobody who could go on"
        return Cue(least, note=f"the model {found}; {least.name} has spoken least")


def _question(scene: Scene, candidates: list[Seat]) -> str:
    names = {seat.id: seat.name for seat in scene.seats}
    return PROMPT.format(
        topic=scene.seed.topic,
        people=", ".join(f"{seat.name} from {seat.culture.country_name}" for seat in scene.seats),
        heard="\n".join(f"{names[turn.speaker]}: {turn.text}" for turn in scene.turns[-HEARD:]),
        names=", ".join(seat.name for seat in candidates),
    )
