"""A talk written down: who sat where, who said what, and what each utterance was made from."""

from typing import Literal

from pydantic import ConfigDict, Field, JsonValue

from culturepark.personas.question import Question
from culturepark.personas.seat import Seat
from culturepark.protocols.turn import Turn
from culturepark.runtime.record import Record


class ProtocolUsed(Record):
    """The protocol of a talk: its name, arguments and the hash of its source."""

    name: str
    args: dict[str, JsonValue] = {}
    sha256: str


class Transcript(Record):
    """One talk, complete or on its way."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)

    schema_version: int = Field(default=1, alias="schema")
    id: str
    question: Question
    language: str
    model: str
    """Model identity: `provider:name`, or the name and weights' sha256 of a built-in model; never a URL."""
    protocol: ProtocolUsed
    parent: str | None = None
    replicate: int = 0
    factors: dict[str, JsonValue] = {}
    """What a study with `vary` set for this talk, by factor; empty without. No input of the id: what it changed is."""
    status: Literal["planned", "complete", "failed"]
    reason: str | None = None
    """Why a failed talk failed."""
    seats: tuple[Seat, ...]
    turns: tuple[Turn, ...]
    inputs: dict[str, str]
    """Hash of each input of the id by name, so that a check can say which of them changed."""

    def seat(self, speaker: str) -> Seat:
        """The seat of a speaker id."""
        return next(seat for seat in self.seats if seat.id == speaker)
