"""A factorial study: `vary:` in a study file holds the same seeds once for each combination of its factors.

    vary: {protocol: [self-guidance, free-chat], draw: [0, 1, 2]}

A factor is `model`, `draw`, `persona`, `name`, `language`, or any setting of `simulate` that leaves the seeds alone,
with dots for settings within settings (`sampling.temperature`).
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any

from pydantic import JsonValue, ValidationError

from culturepark.personas.casting import CastTalk
from culturepark.personas.persona import ascii_name
from culturepark.personas.roster import Roster
from culturepark.personas.seat import Seat
from culturepark.runtime.errors import CultureParkError, did_you_mean
from culturepark.runtime.record import Record, explain
from culturepark.simulation.plan import SimulateSettings

LANGUAGE = "talk_language"
SEEDS = frozenset({"cultures", "source", "questions", "cast", "panel_size", "personas", "respondents", "talks"})
"""Settings that decide which seeds there are: with these varied nothing would be paired."""
UNHEARD = frozenset({"concurrency"})
OTHER_FACTORS = ("model", "draw", "persona", "name", "language")


class Cell(Record):
    """One combination of the factors: what its talks are held with."""

    simulate: SimulateSettings
    model: str
    draw: int = 0
    settings: dict[str, JsonValue] = {}
    """Value of each factor that all talks of the cell share, for the transcript."""
    personas: dict[str, str] = {}
    """Culture to the id of who sits for it."""
    names: dict[str, str] = {}
    """Persona id to the display name used in its place."""

    def seated(self, talk: CastTalk, roster: Roster) -> tuple[CastTalk, dict[str, JsonValue]]:
        """A cast talk with this cell's people, and the factors that touch it.

        Raises:
            CultureParkError: For a new name that gives two people of the talk one agent id.
        """
        factors = dict(self.settings)
        seats = list(talk.seats)
        took = [_swap(seats, culture, persona, roster) for culture, persona in self.personas.items()]
        if chosen := [persona for persona in took if persona is not None]:
            factors["persona"] = "+".join(chosen)
        renamed: list[str] = []
        for place, seat in enumerate(seats):
            if seat.id in self.names:
                renamed.append(self.names[seat.id])
                persona = seat.persona.model_copy(update={"name": self.names[seat.id]})
                seats[place] = seat.model_copy(update={"persona": persona})
        if renamed:
            factors["name"] = "+".join(renamed)
        if len({seat.id for seat in seats}) < len(seats):
            raise CultureParkError(
                f"vary.name: {', '.join(renamed)} would give two people of one talk the same id; choose another name"
            )
        return talk.model_copy(update={"seats": tuple(seats)}), factors


def cells(vary: Mapping[str, JsonValue], simulate: SimulateSettings, model: str) -> tuple[Cell, ...]:
    """Every combination of the factors, the last one changing fastest; without factors the study itself.

    Raises:
        ValueError: For a factor that does not exist or a value that it cannot have; names both.
    """
    levels = [_levels(factor, values) for factor, values in vary.items()]
    return tuple(_cell(dict(combination), simulate, model) for combination in product(*levels))


def check_people(chosen: Sequence[Cell], roster: Roster) -> None:
    """Hold the people of the factors `persona` and `name` to the roster.

    Raises:
        CultureParkError: For an unknown culture or persona, or a persona of another culture.
    """
    for cell in chosen:
        for culture, persona in cell.personas.items():
            roster.culture(culture)
            own = roster.persona(persona).culture
            if own != culture:
                raise CultureParkError(f"vary.persona.{culture}: {persona!r} is of culture {own!r}")
        for persona in cell.names:
            roster.persona(persona)


def check_met(chosen: Sequence[Cell], cast: Iterable[str]) -> None:
    """Refuse a factor over somebody who was cast for none of a study's talks: it would change nothing.

    `cast` are the ids of cultures and people.

    Raises:
        CultureParkError: Names who is not there.
    """
    met = set(cast)
    for cell in chosen:
        met |= set(cell.personas.values())
        for factor, people in (("persona", cell.personas), ("name", cell.names)):
            for absent in sorted(people.keys() - met):
                raise CultureParkError(f"vary.{factor}.{absent}: nobody of that name sits in these talks; take it out")


def _levels(factor: str, values: JsonValue) -> Sequence[tuple[str, Any]]:
    """The levels of a factor; of `persona` and `name`, every combination over their cultures or people."""
    if factor in {"persona", "name"}:
        if not isinstance(values, dict) or not values:
            keys = "cultures to persona ids" if factor == "persona" else "persona ids to names"
            raise ValueError(f"vary.{factor}: expected {keys}, for instance {EXAMPLES[factor]}, not {values!r}")
        chosen = [[(key, text) for text in _texts(f"{factor}.{key}", listed)] for key, listed in values.items()]
        return [(factor, dict(combination)) for combination in product(*chosen)]
    listed = _listed(factor, values)
    if factor == "draw":
        for value in listed:
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise ValueError(f"vary.draw: {value!r} is no whole number from 0 on")
    elif factor == "model":
        _texts(factor, values)
    else:
        _check_setting(factor)
    return [(factor, value) for value in listed]


def setting_of(factor: str) -> str:
    """The setting a factor stands for, with dots: its own name, but for `language`."""
    return LANGUAGE if factor == "language" else factor


def _check_setting(factor: str) -> None:
    setting = setting_of(factor).partition(".")[0]
    known = set(SimulateSettings.model_fields) - SEEDS - UNHEARD
    if setting in SEEDS:
        raise ValueError(
            f"vary.{factor}: it decides which seeds there are, so its talks could not be paired; make it two studies"
        )
    if setting in UNHEARD:
        raise ValueError(f"vary.{factor}: it changes nothing that is said; set it under `simulate`")
    if setting not in known:
        names = sorted({*known - {LANGUAGE}, *OTHER_FACTORS} - ({"language"} if LANGUAGE not in known else set()))
        hint = did_you_mean(factor, names) or "."
        raise ValueError(f"vary: no factor named {factor!r}{hint} Known: {', '.join(names)}.")


def _listed(factor: str, values: JsonValue) -> list[JsonValue]:
    if not isinstance(values, list) or not values:
        raise ValueError(f"vary.{factor}: expected a list of values, not {values!r}")
    for place, value in enumerate(values):
        if value in values[:place]:
            raise ValueError(f"vary.{factor}: {value!r} stands there twice; to hold a talk twice, write `draw: [0, 1]`")
    return values


def _texts(factor: str, values: JsonValue) -> list[str]:
    listed = _listed(factor, values)
    texts = [value for value in listed if isinstance(value, str)]
    if other := [value for value in listed if not isinstance(value, str)]:
        raise ValueError(f"vary.{factor}: {other[0]!r} is no text; put it in quotes")
    return texts


def _cell(levels: dict[str, Any], simulate: SimulateSettings, model: str) -> Cell:
    people, names = levels.pop("persona", {}), levels.pop("name", {})
    for name in names.values():
        ascii_name(name)
    settings = dict(levels)
    changed = simulate.model_dump()
    model, draw = levels.pop("model", model), levels.pop("draw", 0)
    for factor, value in levels.items():
        *path, last = setting_of(factor).split(".")
        if factor == "protocol" and isinstance(value, dict):
            name, arguments = _protocol(value)
            changed |= {"protocol": name, "protocol_args": arguments}
            continue
        inner: Any = changed
        for part in path:
            inner = inner.get(part) if isinstance(inner, dict) else None
        if not isinstance(inner, dict):
            what = ".".join(path)
            raise ValueError(f"vary: {what!r} of the factor {factor!r} holds no settings")  # noqa: TRY004  (pydantic reports ValueError only)
        inner[last] = value
    try:
        set_up = SimulateSettings.model_validate(changed)
    except ValidationError as error:
        raise ValueError(f"vary: {explain(error, SimulateSettings)}") from None
    return Cell(simulate=set_up, model=model, draw=draw, settings=settings, personas=people, names=names)


def _protocol(value: dict[str, Any]) -> tuple[str, dict[str, JsonValue]]:
    """Read `{interview: {exchanges: 3}}`: a protocol with arguments of its own."""
    if len(value) != 1 or not isinstance(next(iter(value.values())), dict):
        raise ValueError(
            f"vary.protocol: {value!r} is no protocol; write a name, or {{interview: {{exchanges: 3}}}} for one with "
            "arguments"
        )
    return next(iter(value.items()))


def _swap(seats: list[Seat], culture: str, persona: str, roster: Roster) -> str | None:
    """Seat a persona for its culture (the delegate's seat where there are two); who sat there takes its old seat."""
    places = [place for place, seat in enumerate(seats) if seat.culture.id == culture]
    if not places:
        return None
    place = places[-1]
    newcomer = roster.persona(persona)
    elsewhere = next((other for other in places if seats[other].id == persona), place)
    seats[elsewhere] = seats[elsewhere].model_copy(update={"persona": seats[place].persona})
    seats[place] = seats[place].model_copy(update={"persona": newcomer})
    return persona


EXAMPLES = {"persona": "{arabic: [arabic_abdul, arabic_fatima]}", "name": "{arabic_abdul: [Abdul, Omar]}"}
