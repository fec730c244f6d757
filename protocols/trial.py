"""A talk without a model: everybody says a placeholder line, and only the cues are of interest."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count, islice
from typing import NamedTuple

from culturepark.personas.casting import CastSettings, cast_talks
from culturepark.personas.language import serving
from culturepark.personas.question import Question
from culturepark.personas.roster import load_roster
from culturepark.personas.seat import Seat
from culturepark.personas.surveys.survey import load_survey
from culturepark.personas.talk_language import worded
from culturepark.protocols.base import Asker, Cue, Scene, TurnProtocol
from culturepark.protocols.cueing import next_cue
from culturepark.protocols.turn import Ask, SpokenCue, Turn
from culturepark.runtime.hashing import seed_from

TALK = "trial"
QUESTION = "wvs7:Q27"

Say = Callable[[Cue, int], str]
"""What the cued speaker says on a turn."""


class Step(NamedTuple):
    """One turn of a trial."""

    cue: Cue
    turn: Turn


@dataclass(frozen=True)
class TrialCast:
    """People for a trial, with the question they talk about."""

    name: str
    """How reports call it, e.g. `3 seats`."""
    seats: tuple[Seat, ...]
    question: Question

    def scene(self, *, asker: Asker | None = None) -> Scene:
        """The talk before its first turn."""
        return Scene(self.seats, self.question, (), TALK, asker)


async def drive(
    protocol: TurnProtocol, scene: Scene, *, say: Say, talk: str = TALK, limit: int | None = None
) -> tuple[list[Step], bool]:
    """Ask a protocol turn by turn until it ends the talk, or for `limit` turns.

    Returns:
        The turns, and whether the protocol ended the talk.

    Raises:
        ProtocolError: When the protocol breaks its contract.
    """
    steps: list[Step] = []
    for index in islice(count(), limit):
        scene = replace(scene, turns=tuple(step.turn for step in steps))
        cue, asks = await next_cue(protocol, scene, talk=talk)
        if cue is None:
            return steps, True
        steps.append(spoken(cue, asks, index, say))
    return steps, False


def spoken(cue: Cue, asks: tuple[Ask, ...], index: int, say: Say) -> Step:
    """The turn of a cue, without a model."""
    turn = Turn(
        index=index,
        speaker=cue.speaker.id,
        text=say(cue, index),
        cue=None if cue.guidance is None else SpokenCue(guidance=cue.guidance, private=cue.private),
        asks=asks,
        note=cue.note,
        finish_reason="stop",
        model="echo",
    )
    return Step(cue, turn)


def echo(cue: Cue, index: int) -> str:
    """A line that is told apart from all others."""
    return f"{cue.speaker.name} speaks on turn {index}."


def naming(seats: Sequence[Seat]) -> Asker:
    """A model that answers with somebody's name, the same for the same question."""

    async def answer(prompt: str) -> str:
        return seats[seed_from(prompt) % len(seats)].name

    return answer


def trial_cast(size: int, *, language: str | None = None) -> TrialCast:
    """Seat one main contact and `size - 1` delegates of different cultures, with stances of the shipped survey.

    Args:
        size: Seats in all, from 2.
        language: BCP 47 that everybody speaks; English unless given.
    """
    cast: dict[str, object] = {"cast": "cross"} if size == 2 else {"cast": "panel", "panel_size": size - 1}
    return _seated(f"{size} seats", cast, talk=0, language=language)


def trial_casts() -> list[TrialCast]:
    """Casts that every protocol should work with: 2, 3 and 5 seats, women and men, one culture, no stances."""
    one_woman_two_men = {"cast": "panel", "panel_size": 2, "genders": "mixed"}
    return [
        trial_cast(2),
        _seated("2 seats, two men", {"cast": "cross", "genders": "male"}, talk=1),
        _seated("2 seats of one culture", {"cast": "in-culture", "cultures": ["korean"]}, talk=0),
        trial_cast(3),
        _seated("3 seats without stances", {**one_woman_two_men, "stance": "none"}, talk=1),
        trial_cast(5),
    ]


def _seated(name: str, cast: dict[str, object], *, talk: int, language: str | None = None) -> TrialCast:
    settings = CastSettings.model_validate({"questions": [QUESTION], "talks": talk + 1, **cast})
    survey = load_survey(settings.source)
    found = cast_talks(settings, load_roster(), survey, seed=0).talks[talk]
    question, seats = found.question, found.seats
    if language is not None:
        seats = tuple(seat.model_copy(update={"language": language}) for seat in seats)
        if serving(language, survey.languages) is not None:
            question, seats = worded(question, seats, survey)
    return TrialCast(name, seats, question)
