"""What a participant reads: consent, satisfaction sheet, debrief; in our own words, with a version."""

from functools import lru_cache
from importlib.resources import files
from typing import Final

from pydantic import Field

from culturepark.runtime.record import Record, build, parse_yaml

MATERIALS: Final = "materials.yaml"


class Consent(Record):
    """What is told before, and what has to be agreed to."""

    title: str
    paragraphs: tuple[str, ...]
    statements: tuple[str, ...]
    adult: str
    """The statement of being of age."""


class Sheet(Record):
    """The five-point satisfaction sheet."""

    labels: tuple[str, ...] = Field(min_length=5, max_length=5)
    """Words of the points 1 to 5."""
    items: dict[str, str]
    """Statement by its id."""


class Materials(Record):
    """All texts of one version."""

    version: str
    consent: Consent
    sheet: Sheet
    debrief: tuple[str, ...]


@lru_cache(maxsize=1)
def load_materials() -> Materials:
    """Read the shipped texts."""
    text = (files(__package__) / MATERIALS).read_text(encoding="utf-8")
    return build(Materials, parse_yaml(text, place=MATERIALS), place=MATERIALS)
