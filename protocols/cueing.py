"""Asking a protocol for a cue and checking its answer: one door for the group chat, `try`, `check` and `estimate`."""

import inspect
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from culturepark.protocols.base import TURN_CAP, Asker, Cue, Scene, TurnProtocol
from culturepark.protocols.turn import Ask
from culturepark.runtime.errors import CultureParkError


class ProtocolError(CultureParkError):
    """A protocol raised, looped, or cued somebody who has no seat. The talk fails with it, the others go on."""

    def __init__(self, talk: str, turn: int, reason: str) -> None:
        super().__init__(talk, turn, reason)
        self.talk = talk
        self.turn = turn
        self.reason = reason

    def __str__(self) -> str:
        return f"talk {self.talk}, turn {self.turn}: {self.reason}"


class NotRecordedError(CultureParkError):
    """The protocol put another question to the model than the transcript holds."""


class Cued(NamedTuple):
    """A protocol's answer, with what it asked a model to reach it."""

    cue: Cue | None
    asks: tuple[Ask, ...]


async def next_cue(protocol: TurnProtocol, scene: Scene, *, talk: str) -> Cued:
    """Ask a protocol for the coming turn's cue and check what it returned; `talk` is how errors name the talk.

    Raises:
        ProtocolError: When it raised, returned something else, cued a speaker without a seat, or never ends.
        CultureParkError: What the scene's asker raised, as it was: that is not the protocol's fault.
    """
    turn = len(scene.turns)
    if turn >= TURN_CAP:
        fix = "return None at the end, for example `if len(scene.turns) >= self.turns: return None`"
        raise ProtocolError(talk, turn, f"{_file(protocol)}the protocol never ends (it cued {turn} turns); {fix}")
    recorder = _Recorder(scene.asker)
    try:
        answer = protocol.next_cue(replace(scene, asker=recorder.ask if scene.asker else None))
        cue = await answer if inspect.isawaitable(answer) else answer
    except Exception as error:
        if recorder.failure is None:
            raise ProtocolError(talk, turn, _raised(protocol, error)) from error
    if recorder.failure is not None:
        # Even where the protocol caught it: what it does without the answer, a replay could not do again.
        raise recorder.failure
    if cue is not None and (wrong := _wrong(cue, scene)):
        raise ProtocolError(talk, turn, _file(protocol) + wrong)
    if cue is None and turn == 0:
        reason = "the protocol ended before anybody spoke; return a Cue while scene.turns is empty"
        raise ProtocolError(talk, turn, _file(protocol) + reason)
    return Cued(cue, tuple(recorder.asks))


def recorded(asks: Sequence[Ask]) -> Asker:
    """Answer a protocol's questions from a turn's record, in place of a model.

    The asker raises `NotRecordedError` for a question that is not the next one on record.
    """
    left = list(asks)

    async def ask(prompt: str) -> str:
        if not left:
            raise NotRecordedError(f"the protocol asks {_short(prompt)}, and the transcript has no further answer")
        ask = left.pop(0)
        if ask.prompt != prompt:
            raise NotRecordedError(f"the protocol asks {_short(prompt)}, the transcript has {_short(ask.prompt)}")
        return ask.answer

    return ask


class _Recorder:
    """Puts questions to the asker and keeps them with their answers."""

    def __init__(self, asker: Asker | None) -> None:
        self._asker = asker
        self.asks: list[Ask] = []
        self.failure: Exception | None = None

    async def ask(self, prompt: str) -> str:
        assert self._asker is not None
        if not isinstance(prompt, str):
            raise TypeError(f"scene.ask takes a text, not {prompt!r}")
        try:
            answer = await self._asker(prompt)
        except Exception as error:
            self.failure = error
            raise
        self.asks.append(Ask(prompt=prompt, answer=answer))
        return answer


def _wrong(cue: object, scene: Scene) -> str | None:
    """What is wrong with a cue, and what would be right."""
    if not isinstance(cue, Cue):
        return f"next_cue returned {_short(cue)}, neither a Cue nor None; return Cue(seat) with a seat of scene.seats"
    if cue.speaker not in scene.seats:
        named = getattr(cue.speaker, "id", cue.speaker)
        seated = ", ".join(seat.id for seat in scene.seats)
        return f"the protocol cued {_short(named)}, who has no seat; cue one of scene.seats: {seated}"
    for name, value in (("guidance", cue.guidance), ("note", cue.note)):
        if value is not None and not isinstance(value, str):
            return f"the cue's {name} is {_short(value)}; give a text, or None for silence"
    return None


def _raised(protocol: TurnProtocol, error: Exception) -> str:
    """One line about an exception, with the last line of the protocol's own file that it passed."""
    text = " ".join(str(error).split())
    if isinstance(error, CultureParkError):
        return text
    what = f"{type(error).__name__}: {text}" if text else type(error).__name__
    line = _line(error.__traceback__, _source(protocol))
    return f"{_file(protocol, line=line)}the protocol raised {what}; mend it there"


def _line(trace: TracebackType | None, file: str | None) -> int | None:
    found = None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            found = trace.tb_lineno
        trace = trace.tb_next
    return found


def _source(protocol: TurnProtocol) -> str | None:
    try:
        return inspect.getsourcefile(type(getattr(protocol, "__wrapped__", protocol)))
    except TypeError:  # made in an interactive session
        return None


def _file(protocol: TurnProtocol, *, line: int | None = None) -> str:
    """The protocol's file as a prefix for an error; nothing when it has none."""
    source = _source(protocol)
    if source is None:
        return ""
    path, here = Path(source), Path.cwd()
    shown = path.relative_to(here) if path.is_relative_to(here) else path
    return f"{shown}:{line}: " if line else f"{shown}: "


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 120 else text[:117] + "..."
