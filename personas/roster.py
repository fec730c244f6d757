"""Everybody who can take a seat: the shipped cultures and personas, with a user's own on top."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from culturepark.personas.culture import Culture
from culturepark.personas.persona import Gender, Persona
from culturepark.runtime.errors import CultureParkError, unknown
from culturepark.runtime.record import Record, build, parse_yaml, read_yaml

MAIN_CULTURE = "english"


class CultureFile(Record):
    """One YAML file: a culture and its personas."""

    culture: Culture
    personas: tuple[Persona, ...]


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
    """Load the shipped cultures; files in `folders` add cultures, or replace a culture of the same id.

    Raises:
        CultureParkError: Names the file and what is wrong with it.
    """
    loaded = [
        _culture_file(parse_yaml(file.read_text(encoding="utf-8"), place=file.name), file.name) for file in _shipped()
    ]
    for folder in folders:
        if not folder.is_dir():
            raise CultureParkError(f"{folder}: there is no such folder of persona files")
        loaded += [_culture_file(read_yaml(path), str(path)) for path in sorted(folder.glob("*.yaml"))]
    by_culture = {entry.culture.id: entry for entry in loaded}
    personas: dict[str, Persona] = {}
    for entry in by_culture.values():
        for persona in entry.personas:
            if persona.id in personas:
                raise CultureParkError(f"two personas have the id {persona.id!r}; rename one")
            personas[persona.id] = persona
    return Roster(cultures={key: entry.culture for key, entry in by_culture.items()}, personas=personas)


def _shipped() -> list[Traversable]:
    folder = files(__package__) / "cultures"
    return sorted((file for file in folder.iterdir() if file.name.endswith(".yaml")), key=lambda file: file.name)


def _culture_file(data: Any, place: str) -> CultureFile:
    """Fill in each persona's culture and what it inherits by `extends`."""
    if not isinstance(data, dict) or not isinstance(data.get("personas"), list):
        raise CultureParkError(f"{place}: expected `culture:` and a list of `personas:`")
    culture = data.get("culture")
    entries = {str(entry.get("name")): entry for entry in data["personas"] if isinstance(entry, dict)}
    culture_id = culture.get("id") if isinstance(culture, dict) else None
    personas = [{"culture": culture_id, **_inherited(name, entries, place)} for name in entries]
    return build(CultureFile, {**data, "personas": personas}, place=place)


def _inherited(name: str, entries: Mapping[str, dict[str, Any]], place: str) -> dict[str, Any]:
    """A persona's fields over those of the persona it extends, and so on up."""
    chain: list[str] = []
    fields: dict[str, Any] = {}
    current: str | None = name
    while current is not None:
        if current in chain:
            raise CultureParkError(f"{place}: `extends` runs in a circle: {' -> '.join([*chain, current])}")
        if current not in entries:
            raise unknown("persona to extend", current, entries, place=place)
        chain.append(current)
        fields = {**entries[current], **fields}
        current = entries[current].get("extends")
    return {key: value for key, value in fields.items() if key != "extends"}
