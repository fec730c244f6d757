"""A talk written down: who sat where, who said what, and what each utterance was made from."""

from typing import Literal

from pydantic import ConfigDict, Field, JsonValue, model_validator

from culturepark.personas.question import Question
from culturepark.personas.seat import Seat
from culturepark.protocols.turn import Turn
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.record import Record

IMPORTED = "imported"
"""Protocol, model and finish reason of what was said elsewhere."""


class ProtocolUsed(Record):
    """The protocol of a talk: its name, arguments and the hash of its source."""

    name: str
    args: dict[str, JsonValue] = {}
    sha256: str


class Edits(Record):
    """What a fork does otherwise than the talk it left; None and empty for all that stays."""

    protocol: ProtocolUsed | None = None
    personas: dict[str, str] = {}
    """Persona id to the id of the persona who takes over that seat."""
    model: str | None = None
    """Identity of another model."""
    say: str | None = None
    """What is said at the turn of the fork instead."""


class Parent(Record):
    """Where a fork left another talk."""

    id: str
    root: str
    """Id of the first talk of the line, which all its forks draw their random numbers from."""
    turn: int = Field(ge=0)
    """Index of the first turn that is not the parent's."""
    edits: Edits = Edits()


class Transcript(Record):
    """One talk, complete or on its way."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)

    schema_version: Literal[1] = Field(default=1, alias="schema")
    id: str
    question: Question | None
    """None for an imported talk that is about no survey question."""
    language: str
    """BCP 47; `mul` when not all seats speak the same, see `Seat.language`."""
    model: str
    """Model identity: `provider:name`, or the name and weights' sha256 of a built-in model; never a URL."""
    protocol: ProtocolUsed
    parent: Parent | None = None
    replicate: int = 0
    factors: dict[str, JsonValue] = {}
    """What a study with `vary` set for this talk, by factor; empty without. No input of the id: what it changed is."""
    status: Literal["planned", "complete", "failed"]
    reason: str | None = None
    """Why a failed talk failed."""
    seats: tuple[Seat, ...]
    stance_distance: float | None = None
    """How far main contact and first delegate are apart, as a fraction of the scale; None if one is unsure."""
    turns: tuple[Turn, ...]
    inputs: dict[str, str]
    """Hash of each input of the id by name, so that a check can say which of them changed."""

    @model_validator(mode="after")
    def _holds_together(self) -> "Transcript":
        seated = [seat.id for seat in self.seats]
        if len(set(seated)) < len(seated):
            raise ValueError(f"two seats have one id: {', '.join(seated)}")
        if [seat.role for seat in self.seats].count("main_contact") != 1:
            raise ValueError("a talk has exactly one main contact")
        for place, turn in enumerate(self.turns):
            if turn.index != place:
                raise ValueError(f"turn {place} says that it is turn {turn.index}")
            if turn.speaker not in seated:
                raise ValueError(f"turn {place}: {turn.speaker!r} has no seat; seated are {', '.join(seated)}")
        return self

    @property
    def seed(self) -> Question:
        """The survey question the talk is about.

        Raises:
            CultureParkError: For an imported talk without one.
        """
        if self.question is None:
            raise CultureParkError(
                f"talk {self.id} is about no survey question; import it into a new run with --question ID"
            )
        return self.question

    @property
    def root(self) -> str:
        """Id that random numbers are drawn from: the talk's own, or that of the talk its line of forks began with."""
        return self.parent.root if self.parent else self.id

    @property
    def own_from(self) -> int:
        """Index of the first turn that the talk itself asked a model for; those before are a parent's or edited."""
        return 0 if self.parent is None else self.parent.turn + (self.parent.edits.say is not None)

    def seat(self, speaker: str) -> Seat:
        """The seat of a speaker id."""
        return next(seat for seat in self.seats if seat.id == speaker)
