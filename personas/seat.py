"""A seat in a talk: a persona, its role and the stance it is held to."""

from typing import Literal

from culturepark.personas.culture import Culture
from culturepark.personas.persona import Persona
from culturepark.personas.stance import Stance
from culturepark.runtime.record import Record

Role = Literal["main_contact", "delegate"]


class Seat(Record):
    """One speaker of one talk. The role belongs to the seat, not to the persona."""

    persona: Persona
    culture: Culture
    role: Role
    stance: Stance | None
    """None when self-calibration is off, or the country was not asked."""
    language: str = "en"
    """BCP 47: what this seat speaks in this talk, whatever the language of its culture."""

    @property
    def id(self) -> str:
        """The persona's id, which is unique within a talk."""
        return self.persona.id

    @property
    def name(self) -> str:
        """The display name used in prompts."""
        return self.persona.name
