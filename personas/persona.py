"""A persona: a person of a culture who can take a seat in a talk."""

import re
import unicodedata
from typing import Literal

from pydantic import Field, StrictInt, StrictStr, field_validator

from culturepark.personas.culture import CULTURE_ID
from culturepark.runtime.record import Record

Gender = Literal["male", "female"]
Trait = StrictInt | StrictStr

EDUCATION = ("lower", "middle", "higher")
"""The World Values Survey's three groups of the highest level attained."""
OLDEST = 120
TRAIT_NAME = re.compile(r"^[a-z][a-z0-9_]*$")
SPELLED = str.maketrans(dict(zip("ıßøłđæ", ("i", "ss", "o", "l", "d", "ae"), strict=True)))
LONGEST_IN_ID = 24


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
    traits: dict[str, Trait] = {}
    """Facts by name, e.g. `{age: 37, home: Konya}`: background and instructions mention them as `{age}`. Answers of a
    survey can be grouped by `age` (years) and `education` (`lower`, `middle`, `higher`)."""
    variant_of: str | None = None
    """Id of the persona that this one is a variant of."""
    varied: dict[str, Trait] = {}
    """What sets a variant apart from the others of the same persona: field or trait and its value."""

    @field_validator("traits")
    @classmethod
    def _known_values(cls, traits: dict[str, Trait]) -> dict[str, Trait]:
        for name, value in traits.items():
            if not TRAIT_NAME.match(name):
                raise ValueError(f"a trait's name is lower-case letters, digits and _, not {name!r}")
            if name == "age" and not (isinstance(value, int) and 0 <= value <= OLDEST):
                raise ValueError(f"age {value!r} is not a number of years from 0 to {OLDEST}")
            if name == "education" and value not in EDUCATION:
                raise ValueError(f"education {value!r} is none of {', '.join(EDUCATION)}")
        return traits

    @property
    def id(self) -> str:
        """`<culture>_<ascii name>`, for a variant with what varies (`turkish_ayse_age25`): a unique identifier."""
        parts = [self.culture, ascii_name(self.name)]
        for name, value in self.varied.items():
            if name != "name":
                parts.append(f"{name}{ascii_name(str(value))[:LONGEST_IN_ID]}")
        return "_".join(parts)


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
