"""A persona: a person of a culture who can take a seat in a talk."""

import re
import unicodedata
from typing import Literal

from pydantic import Field

from culturepark.personas.culture import CULTURE_ID
from culturepark.runtime.record import Record

Gender = Literal["male", "female"]


SPELLED = str.maketrans(dict(zip("ıßøłđæ", ("i", "ss", "o", "l", "d", "ae"), strict=True)))


class Persona(Record):
    """A speaker. Frozen, so the persona saved beside a transcript is the one that spoke."""

    name: str = Field(min_length=1)
    """As displayed and as written in prompts, in any script, e.g. `Ayşe`."""
    culture: str = Field(pattern=CULTURE_ID)
    gender: Gender
    background: str = ""
    """One or two sentences on town, age, family and work; grounds concrete detail in what is said."""
    instructions: str = ""
    """Anything else the persona must keep to, in the second or third person."""

    @property
    def id(self) -> str:
        """`<culture>_<ascii name>`: a valid, unique identifier for AutoGen and for files."""
        return f"{self.culture}_{ascii_name(self.name)}"


def ascii_name(name: str) -> str:
    """Reduce a display name to lower-case ASCII letters, digits and `_`.

    Raises:
        ValueError: When nothing is left, e.g. for a name in a script without Latin letters.
    """
    # NFKD splits accents off; the few letters it keeps whole are spelled out.
    spelled = name.translate(SPELLED)
    letters = unicodedata.normalize("NFKD", spelled).encode("ascii", "ignore").decode()
    short = re.sub(r"[^a-z0-9]+", "_", letters.lower()).strip("_")
    if not short:
        raise ValueError(f"name {name!r} has no Latin letters for an agent id; write it in Latin letters")
    return short
