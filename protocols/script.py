"""A protocol script: rounds of who speaks and what is whispered, written in YAML, without programming."""

import inspect
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Annotated, NamedTuple

from pydantic import BeforeValidator, Field, field_validator, model_validator

from culturepark.personas.seat import Seat
from culturepark.protocols.base import TURN_CAP, Count, Cue, Opener, Scene
from culturepark.protocols.guidance import Guidance, addressed
from culturepark.runtime.errors import CultureParkError, did_you_mean
from culturepark.runtime.record import Record, build, parse_yaml

SPEAKERS = ("main_contact", "delegates", "everyone", "next delegate", "next speaker")
PERSONA_ID = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)+")
OPENER = "opener"


def _known_speaker(speaker: object) -> str:
    text = str(speaker)
    hint = did_you_mean(text, SPEAKERS)
    if text in SPEAKERS or re.fullmatch(r"[1-9]\d?", text) or (PERSONA_ID.fullmatch(text) and not hint):
        return text
    raise ValueError(
        f"no speaker {speaker!r}{hint}; write {', '.join(SPEAKERS)}, a seat's number from 1, or a persona id"
    )


def _number_or_argument(limit: object) -> object:
    if isinstance(limit, str) or (type(limit) is int and 1 <= limit <= TURN_CAP):
        return limit
    raise ValueError(f"{limit!r} is no number from 1 to {TURN_CAP}, and no name of an argument")


Speaker = Annotated[str, BeforeValidator(_known_speaker)]
Limit = Annotated[int | str, BeforeValidator(_number_or_argument)]
"""A number, or the name of the argument that holds it."""


class Step(Record):
    """One line of a script: who speaks, and what is said to them first."""

    speaker: Speaker
    """`main_contact`; `delegates` or `everyone`, each once in seat order; `next delegate`, who has spoken least so
    far; `next speaker`, main contact and delegates in turn; a seat's number from 1; or a persona id."""
    guidance: Guidance = ()
    """A text, a text per language, or a list of them, which take turns each time the rounds come by."""
    private: bool = True
    """Whether only the speaker hears it."""


class Until(Record):
    """When the rounds end, whichever comes first. A word is the name of an argument."""

    turns: Limit | None = None
    """Utterances of the whole talk, opening and closing included. May end in the middle of a round."""
    everyone_spoke: Limit | None = None
    """Times every seat has spoken; looked at when a round is over."""


class Script(Record):
    """A script file."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    what: str = ""
    """One sentence for `protocols list`."""
    reviewed: bool | None = None
    """Whether speakers of each language have read the translations; None where there are none."""
    arguments: dict[str, Count] = {}
    """Numbers that `--protocol-arg` may replace, with their defaults; `repeat` and `until` name them."""
    opening: tuple[Step, ...] = ()
    """Said once, before the rounds."""
    rounds: tuple[Step, ...]
    repeat: Limit | None = None
    """How often the rounds are gone through: once, unless `until` says when to stop."""
    until: Until = Until()
    closing: tuple[Step, ...] = ()
    """Said once, after the rounds."""

    @field_validator("arguments")
    @classmethod
    def _free_names(cls, arguments: dict[str, int]) -> dict[str, int]:
        for name in arguments:
            if not name.isidentifier() or name == OPENER:
                raise ValueError(f"{name!r} cannot name an argument; write a word other than `{OPENER}`")
        return arguments

    @field_validator("rounds")
    @classmethod
    def _some(cls, rounds: tuple[Step, ...]) -> tuple[Step, ...]:
        if not rounds:
            raise ValueError("there is nothing in it; write at least `- {speaker: everyone}`")
        return rounds

    @model_validator(mode="after")
    def _ends(self) -> "Script":
        limits = {
            "repeat": self.repeat,
            "until.turns": self.until.turns,
            "until.everyone_spoke": self.until.everyone_spoke,
        }
        for place, value in limits.items():
            if isinstance(value, str) and value not in self.arguments:
                hint = did_you_mean(value, self.arguments) or f"; write a number, or add `arguments: {{{value}: 3}}`"
                raise ValueError(f"{place} = {value!r} is no argument of this script{hint}")
        if unused := set(self.arguments) - set(limits.values()):
            raise ValueError(f"argument {min(unused)!r} is never used; name it in `repeat` or `until`")
        reached = {step.speaker for step in self.rounds}
        others = reached & {"delegates", "next delegate"}
        # `next speaker` looks at who spoke last: a step between can keep it on the same two.
        everybody = "everyone" in reached or reached == {"next speaker"} or ("main_contact" in reached and bool(others))
        if self.until.everyone_spoke and not (everybody or self.repeat or self.until.turns):
            raise ValueError(
                "until.everyone_spoke may never hold, because the rounds do not let everybody speak; "
                "let `everyone` speak in a round, or give `repeat` or `until.turns` as well"
            )
        return self


class _Slot(NamedTuple):
    """One turn of a step: `delegates` and `everyone` take one for each of them."""

    step: Step
    offset: int
    """Whose of them, in seat order."""


@dataclass(frozen=True)
class ScriptProtocol:
    """A script at work: what comes next depends on how many turns there are and who had them."""

    script: Script
    values: Mapping[str, int]
    """The arguments, defaults filled in."""
    opener: Opener
    place: str
    """How errors call the script."""

    def next_cue(self, scene: Scene) -> Cue | None:
        """The step whose turn it is, its guidance worded for the speaker."""
        said = [turn.speaker for turn in scene.turns]
        if not said:
            self._check_fit(scene)
        found = self._at(scene, said)
        if found is None:
            return None
        step, time, speaker = found
        if not step.guidance:
            return Cue(speaker)
        after = self._at(scene, [*said, speaker.id])
        text = addressed(step.guidance, speaker, scene, time=time, following=after[2] if after else None)
        return Cue(speaker, guidance=text, private=step.private)

    def _at(self, scene: Scene, said: Sequence[str]) -> tuple[Step, int, Seat] | None:
        """The step after these speakers, how often it has come by before, and who speaks."""
        seats = scene.order(self.opener)
        opening, rounds, closing = (self._spread(steps, len(seats)) for steps in self._parts())
        spoken, time = len(said), 0
        turns = self._limit(self.script.until.turns)
        if turns is not None and spoken >= turns:
            return None
        end = self._end_of_rounds(said, seats)
        if spoken < len(opening):
            step, offset = opening[spoken]
        elif spoken < end:
            time, index = divmod(spoken - len(opening), len(rounds))
            step, offset = rounds[index]
        elif spoken - end < len(closing):
            step, offset = closing[int(spoken - end)]
        else:
            return None
        return step, time, self._speaker(step, offset, scene, seats, said)

    def _end_of_rounds(self, said: Sequence[str], seats: Sequence[Seat]) -> float:
        """Number of turns after which the closing begins, as far as these turns tell."""
        opening, rounds, closing = (len(self._spread(steps, len(seats))) for steps in self._parts())
        until = self.script.until
        repeat, turns, times = (self._limit(limit) for limit in (self.script.repeat, until.turns, until.everyone_spoke))
        if repeat is None and turns is None and times is None:
            repeat = 1
        ends = [math.inf]
        if repeat is not None:
            ends.append(opening + repeat * rounds)
        if turns is not None:
            ends.append(max(opening, turns - closing))
        if times is not None:
            rests = range(opening, len(said) + 1, rounds)
            ends += [rest for rest in rests if all(said[:rest].count(seat.id) >= times for seat in seats)]
        return min(ends)

    def _speaker(self, step: Step, offset: int, scene: Scene, seats: Sequence[Seat], said: Sequence[str]) -> Seat:
        lead, *others = seats
        least_heard = min(others, key=lambda seat: said.count(seat.id))
        match step.speaker:
            case "main_contact":
                return lead
            case "everyone":
                return seats[offset]
            case "delegates":
                return others[offset]
            case "next delegate":
                return least_heard
            case "next speaker":
                return least_heard if said and said[-1] == lead.id else lead
            case which:
                return self._seat(which, scene)

    def _seat(self, which: str, scene: Scene) -> Seat:
        try:
            return scene.seat(which)
        except CultureParkError as error:
            raise CultureParkError(f"{self.place}: {error}") from None

    def _check_fit(self, scene: Scene) -> None:
        """Refuse a script that does not fit these people, before it costs a request."""
        for step in chain(*self._parts()):
            if step.speaker not in SPEAKERS:
                self._seat(step.speaker, scene)
        opening, rounds, closing = (len(self._spread(steps, len(scene.seats))) for steps in self._parts())
        repeat, turns = self._limit(self.script.repeat), self._limit(self.script.until.turns)
        if repeat is None or turns is not None:
            return
        if (total := opening + repeat * rounds + closing) > TURN_CAP:
            raise CultureParkError(
                f"{self.place}: with {len(scene.seats)} seats the script takes {total} turns, and a talk has at most "
                f"{TURN_CAP}; lower `repeat` ({repeat})"
            )

    def _parts(self) -> tuple[tuple[Step, ...], tuple[Step, ...], tuple[Step, ...]]:
        return self.script.opening, self.script.rounds, self.script.closing

    def _spread(self, steps: Sequence[Step], seats: int) -> list[_Slot]:
        turns = {"everyone": seats, "delegates": seats - 1}
        return [_Slot(step, offset) for step in steps for offset in range(turns.get(step.speaker, 1))]

    def _limit(self, limit: Limit | None) -> int | None:
        return self.values[limit] if isinstance(limit, str) else limit


class ScriptFactory:
    """Makes protocols of one script; its signature holds the script's arguments, as a class's holds its fields."""

    def __init__(self, text: str, *, place: str) -> None:
        """Read a script.

        Raises:
            CultureParkError: Names the place, the path to the wrong field within it, and what would be right.
        """
        self.script = build(Script, parse_yaml(text, place=place), place=place)
        self.place = place
        keyword, numbers = inspect.Parameter.KEYWORD_ONLY, self.script.arguments.items()
        self.__signature__ = inspect.Signature(
            [
                *(inspect.Parameter(name, keyword, default=value, annotation=Count) for name, value in numbers),
                inspect.Parameter(OPENER, keyword, default="main_contact", annotation=Opener),
            ]
        )
        self.__doc__ = self.script.what

    def __call__(self, *, opener: Opener = "main_contact", **values: int) -> ScriptProtocol:
        """Make the protocol with some of its arguments replaced."""
        return ScriptProtocol(self.script, {**self.script.arguments, **values}, opener, self.place)
