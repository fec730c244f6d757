"""The conformance kit: does a protocol keep its promises with every cast, whatever is said and answered?

In a test of your own:

    from culturepark.protocols.conformance import assert_conforms

    def test_my_protocol_conforms() -> None:
        assert_conforms(MyProtocol)
"""

import asyncio
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import NamedTuple

from culturepark.protocols.base import TURN_CAP, Asker, Cue, Scene, TurnProtocol
from culturepark.protocols.cueing import Cued, NotRecordedError, ProtocolError, next_cue, recorded
from culturepark.protocols.purity import watched
from culturepark.protocols.trial import Say, Step, TrialCast, echo, naming, spoken, trial_casts
from culturepark.runtime.hashing import sha256
from culturepark.runtime.record import Record

CHECKS = {
    "cues": "returns a cue for somebody who sits there, or None, and never raises",
    "ends": f"ends before turn {TURN_CAP}",
    "everybody": "lets every seat speak",
    "pure": "gives the same cue for the same scene and answers",
    "resumes": "goes on from any turn with the transcript alone",
    "no_chance": "uses no clock, and no randomness but scene.rng",
    "read_only": "changes nothing in the scene",
    "recorded": "asks a model only where a turn follows to record the answer on",
    "everywhere": "cues the same in another process",
}


class Broken(Record):
    """One promise that was not kept: once a cast, at its first turn."""

    check: str
    cast: str
    """Who sat there, e.g. `3 seats`; and what was special about the trial."""
    turn: int | None
    """None where it is about the whole talk."""
    why: str

    def __str__(self) -> str:
        """As one line."""
        where = self.cast if self.turn is None else f"{self.cast}, turn {self.turn}"
        return f"{self.check}: {where}: {self.why}"


class Report(Record):
    """What the kit found."""

    broken: tuple[Broken, ...]
    """In the order of the checks."""
    talks: int
    """Trials held."""
    turns: int

    @property
    def conforms(self) -> bool:
        """Whether every promise was kept."""
        return not self.broken


class _Trial(NamedTuple):
    """A cast with one way of speaking and one of answering."""

    name: str
    cast: TrialCast
    say: Say
    answer: str | None
    """What a model answers to everything; None for somebody's name."""


def check_protocol(make: Callable[[], TurnProtocol], *, casts: Sequence[TrialCast] | None = None) -> Report:
    """Hold trial talks without a model and report every promise that is not kept.

    Args:
        make: Makes a fresh protocol each time, e.g. its class, or `lambda: Interview(exchanges=2)`.
        casts: Who sits there; 2, 3 and 5 seats of all kinds unless given.
    """
    found: list[Broken] = []
    talks = turns = 0
    for cast in casts or trial_casts():
        asks = False
        for trial in _trials(cast):
            if trial.answer is not None and not asks:
                continue
            steps, broken = asyncio.run(_hold(make, trial))
            asks = asks or any(step.turn.asks for step in steps)
            talks += 1
            turns += len(steps)
            found += broken
            if broken:  # what is broken in one trial is broken in the others of these people
                break
    order = list(CHECKS)
    return Report(broken=tuple(sorted(found, key=lambda one: order.index(one.check))), talks=talks, turns=turns)


def assert_conforms(make: Callable[[], TurnProtocol], *, casts: Sequence[TrialCast] | None = None) -> None:
    """Fail a test with one line for each promise that a protocol does not keep; see `check_protocol`.

    Raises:
        AssertionError: Lists them.
    """
    report = check_protocol(make, casts=casts)
    if not report.conforms:
        raise AssertionError("\n".join(["the protocol does not conform:", *map(str, report.broken)]))


def _trials(cast: TrialCast) -> list[_Trial]:
    return [
        _Trial(cast.name, cast, echo, None),
        _Trial(f"{cast.name}, nobody says a word", cast, lambda _cue, _turn: "", None),
        _Trial(f"{cast.name}, the model answers nothing", cast, echo, ""),
        _Trial(f"{cast.name}, the model names nobody", cast, echo, "Whoever likes to; it is all the same to me."),
    ]


async def _hold(make: Callable[[], TurnProtocol], trial: _Trial) -> tuple[list[Step], list[Broken]]:
    """Hold one trial talk; next to it, a fresh protocol is asked twice at every turn."""
    asker = naming(trial.cast.seats) if trial.answer is None else _always(trial.answer)
    scene = deepcopy(trial.cast.scene())  # a protocol that changes it must not change the survey for everybody
    scene = replace(scene, asker=asker)
    seats = scene.seats
    protocol, steps, found = make(), list[Step](), dict[str, Broken]()

    def broken(check: str, turn: int | None, why: str) -> None:
        found.setdefault(check, Broken(check=check, cast=trial.name, turn=turn, why=why))

    while True:
        turn = len(steps)
        scene = replace(scene, turns=tuple(step.turn for step in steps))
        before = _fingerprint(scene)
        try:
            with watched() as chances:
                cued = await next_cue(protocol, scene, talk=trial.name)
        except ProtocolError as error:
            broken("ends" if turn >= TURN_CAP else "cues", turn, error.reason)
            break
        if chances:
            broken("no_chance", turn, f"{chances[0]}; take scene.rng for chance, and len(scene.turns) for time")
        if _fingerprint(scene) != before:
            broken("read_only", turn, "next_cue changed what it was shown; copy what you want to change")
            break
        if "no_chance" not in found:  # whatever depends on chance differs for that reason
            for check, why in await _compared(make, scene, cued):
                broken(check, turn, why)
        if cued.cue is None:
            if cued.asks:
                why = "it asks a model and then ends the talk: no turn records the answer, so a replay would ask again"
                fix = "let one more person speak, and end when scene.turns[-1].asks holds the answer"
                broken("recorded", turn, f"{why}; {fix}")
            silent = [seat.id for seat in seats if seat.id not in {step.turn.speaker for step in steps}]
            if silent:
                broken("everybody", None, f"{', '.join(silent)} never speak{'s' * (len(silent) == 1)} in {turn} turns")
            break
        steps.append(spoken(cued.cue, cued.asks, turn, trial.say))
    return steps, list(found.values())


async def _compared(make: Callable[[], TurnProtocol], scene: Scene, cued: Cued) -> list[tuple[str, str]]:
    """What a fresh protocol answers to the same scene with the same answers, twice."""
    fresh = make()
    try:
        first, second = [await next_cue(fresh, replace(scene, asker=recorded(cued.asks)), talk="") for _ in range(2)]
    except NotRecordedError as error:
        return [("pure", f"asked again about the same scene, {error}; ask about the scene alone")]
    except ProtocolError as error:
        return [("resumes", f"a fresh protocol that is given {len(scene.turns)} turns fails: {error.reason}")]
    found = []
    if second != first:
        why = f"asked twice, it cues {_told(first.cue)} and then {_told(second.cue)}"
        found.append(("pure", f"{why}; keep nothing on self or in the module"))
    if first != cued:
        why = f"it cues {_told(cued.cue)}, but a fresh protocol that is given the same {len(scene.turns)} turns cues"
        found.append(("resumes", f"{why} {_told(first.cue)}; work out everything from scene.turns"))
    return found


def _told(cue: Cue | None) -> str:
    if cue is None:
        return "nobody (the end)"
    return cue.speaker.id if cue.guidance is None else f"{cue.speaker.id} ({cue.guidance!r})"


def _fingerprint(scene: Scene) -> str:
    return sha256([list(scene.seats), scene.seed, list(scene.turns)])


def _always(answer: str) -> Asker:
    async def ask(_prompt: str) -> str:
        return answer

    return ask
