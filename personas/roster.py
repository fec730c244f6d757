"""Everybody who can take a seat: the shipped cultures and personas, with a user's own on top."""

from collections.abc import Sequence
from pathlib import Path

from culturepark.personas.culture import Culture
from culturepark.personas.culture_files import read_cultures
from culturepark.personas.persona import Gender, Persona
from culturepark.personas.resolve import resolve
from culturepark.runtime.errors import CultureParkError, unknown
from culturepark.runtime.record import Record

MAIN_CULTURE = "english"


class Roster(Record):
    """Cultures and personas by id."""

    cultures: dict[str, Culture]
    personas: dict[str, Persona]

    @property
    def delegate_cultures(self) -> tuple[str, ...]:
        """Ids of all cultures but the main contact's, sorted."""
        return tuple(sorted(set(self.cultures) - {MAIN_CULTURE}))

    def culture(self, culture: str) -> Culture:
        """Find a culture.

        Raises:
            CultureParkError: For an unknown id, with the closest known one.
        """
        if culture not in self.cultures:
            raise unknown("culture", culture, self.cultures)
        return self.cultures[culture]

    def persona(self, persona: str) -> Persona:
        """Find a persona by its id."""
        if persona not in self.personas:
            raise unknown("persona", persona, self.personas)
        return self.personas[persona]

    def of(self, culture: str, gender: Gender | None = None) -> tuple[Persona, ...]:
        """Personas of a culture, of one gender if given, in file order.

        Raises:
            CultureParkError: When there is none.
        """
        self.culture(culture)
        found = tuple(
            persona
            for persona in self.personas.values()
            if persona.culture == culture and gender in {None, persona.gender}
        )
        if not found:
            raise CultureParkError(f"culture {culture!r} has no {gender or ''} persona; add one to its file")
        return found


def load_roster(folders: Sequence[Path] = ()) -> Roster:
    """Load the shipped cultures with the files in `folders` on top: they add cultures and people, or override some.

    Raises:
        CultureParkError: Names the file, the line, what is wrong there and how to mend it.
    """
    found = resolve(read_cultures(folders))
    if found.findings:
        first, *more = found.findings
        others = f" ({len(more)} more: `culturepark personas lint` shows all)" if more else ""
        raise CultureParkError(first.sentence + others)
    return Roster(cultures=found.cultures, personas=found.personas)
