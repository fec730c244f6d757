"""One utterance of a talk, with what was whispered before it and what it was made from."""

from typing import Literal

from pydantic import Field

from culturepark.runtime.record import Record

Flag = Literal["empty", "role_break", "parrot", "repetition", "wrong_language", "truncated"]


class SpokenCue(Record):
    """What the moderator whispered to the speaker, or said to all, before a turn."""

    guidance: str
    private: bool = True


class Ask(Record):
    """A question the protocol put to a model before a turn, with the answer, so that replay asks nothing."""

    prompt: str
    answer: str


class Turn(Record):
    """One utterance."""

    index: int = Field(ge=0)
    speaker: str
    """Seat id."""
    text: str
    cue: SpokenCue | None = None
    asks: tuple[Ask, ...] = ()
    note: str | None = None
    """What the protocol put on record about its choice of speaker."""
    finish_reason: str
    """As the endpoint said it: `stop`, `length`, …"""
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    model: str
    """Name of the model as the endpoint reported it."""
    request: str | None = None
    """Ledger key of the reply this utterance was cut from; None for a text that came from elsewhere."""
    draws: int = Field(default=1, ge=0)
    """How many replies were asked for: 2 after a turn check asked once more."""
    flags: tuple[Flag, ...] = ()
    """What the turn checks still hold against the kept reply."""
