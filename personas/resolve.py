"""From culture files to records: `extends` followed, variants made, every mistake with its place."""

from collections.abc import Mapping
from functools import reduce
from typing import NamedTuple, TypeVar

from pydantic import ValidationError

from culturepark.personas.culture import Culture
from culturepark.personas.culture_files import Written
from culturepark.personas.finding import Finding, finding
from culturepark.personas.persona import Persona
from culturepark.personas.placed import Placed, merged
from culturepark.personas.variants import FIELDS, combinations, filled
from culturepark.runtime.errors import did_you_mean
from culturepark.runtime.record import Record, problems

R = TypeVar("R", bound=Record)


class Resolved(NamedTuple):
    """Everybody, and where it is written."""

    cultures: dict[str, Culture]
    personas: dict[str, Persona]
    """By id, in the order of the files."""
    culture_places: dict[str, Placed]
    persona_places: dict[str, Placed]
    """A persona as inherited; variants share one."""
    findings: tuple[Finding, ...]


class _Raw(NamedTuple):
    """A persona as written."""

    culture: str
    fields: Placed

    @property
    def name(self) -> str:
        return str(self.fields.fields["name"].value)


OWN = ("culture", "variant_of", "varied")
"""Fields of a persona's record that no file sets."""


def resolve(written: Written) -> Resolved:
    """Make the records; whoever has a mistake is left out and has a finding."""
    findings = list(written.findings)
    cultures = {
        key: culture
        for key, entry in written.cultures.items()
        if (culture := _record(Culture, entry.culture.plain(), entry.culture, findings)) is not None
    }
    raw: dict[str, _Raw] = {}
    for culture_id, entry in written.cultures.items():
        for key, fields in entry.personas.items():
            if key in raw:
                findings.append(_same_id(key, fields, raw[key].fields))
            else:
                raw[key] = _Raw(culture_id, fields)
    personas: dict[str, Persona] = {}
    places: dict[str, Placed] = {}
    for key, one in raw.items():
        whole = _inherited(key, raw, findings)
        if whole is None:
            continue
        for persona in _variants(whole, one.culture, key, findings):
            if persona.id in personas:
                findings.append(_same_id(persona.id, one.fields, places[persona.id]))
            else:
                personas[persona.id], places[persona.id] = persona, whole
    return Resolved(
        cultures, personas, {key: entry.culture for key, entry in written.cultures.items()}, places, tuple(findings)
    )


def _same_id(key: str, here: Placed, other: Placed) -> Finding:
    what = f"two personas have the id {key!r} (the other in {other.place})"
    return finding(here, "same_id", what, "rename one, or change one's varied values")


def _inherited(key: str, raw: Mapping[str, _Raw], findings: list[Finding]) -> Placed | None:
    """A persona over the one it extends, and so on up: mappings merged, all else replaced, the name its own."""
    chain = [key]
    while (reference := raw[chain[-1]].fields.fields.get("extends")) is not None and reference.value is not None:
        found = _found(reference.value, culture=raw[chain[-1]].culture, raw=raw)
        if found is None:
            names = [one.name for one in raw.values() if one.culture == raw[chain[-1]].culture]
            hint = did_you_mean(str(reference.value), [*names, *raw]).removeprefix("; ")
            what = f"no persona to extend named {reference.plain()!r}"
            findings.append(finding(reference, "extends", what, hint or "`personas list` shows the ids"))
            return None
        if found in chain:
            what = f"`extends` runs in a circle: {' -> '.join([*chain, found])}"
            alone = "leave it out: a persona of a known id is laid over that one anyway"
            findings.append(finding(reference, "extends", what, alone if len(chain) == 1 else "leave out one of them"))
            return None
        chain.append(found)
    whole = reduce(merged, (raw[one].fields for one in reversed(chain)))
    fields = {name: field for name, field in whole.fields.items() if name != "extends"}
    return Placed(fields, whole.file, whole.line)


def _found(reference: object, *, culture: str, raw: Mapping[str, _Raw]) -> str | None:
    """The id of a persona named by its display name, of the same culture, or by its id."""
    for key, persona in raw.items():
        if persona.culture == culture and persona.name == reference:
            return key
    return reference if isinstance(reference, str) and reference in raw else None


def _variants(whole: Placed, culture: str, key: str, findings: list[Finding]) -> list[Persona]:
    before = len(findings)
    for name in OWN:
        if name in whole.fields:
            fix = "leave it out: the culture is the file's, and variants have `variants:`"
            findings.append(finding(whole.fields[name], "unknown_field", f"{name!r} is no field of a file", fix))
    traits = whole.fields.get("traits")
    if traits is not None and not isinstance(traits.value, dict | None):
        findings.append(finding(traits, "shape", f"`traits:` is {traits.kind}", "write e.g. `traits: {age: 37}`"))
    if len(findings) > before:
        return []
    plain = {"traits": {}, **whole.plain()}
    plain.pop("variants", None)
    made: list[Persona] = []
    for varied in combinations(whole, findings):
        fields = {name: value for name, value in varied.items() if name in FIELDS}
        more = {name: value for name, value in varied.items() if name not in FIELDS}
        data = filled(whole, {**plain, **fields, "traits": {**plain["traits"], **more}}, findings)
        data |= {"culture": culture, "variant_of": key if varied else None, "varied": varied}
        persona = _record(Persona, data, whole, findings) if len(findings) == before else None
        if persona is None:
            break  # the others have the same mistake
        made.append(persona)
    return made


def _record(record: type[R], data: object, where: Placed, findings: list[Finding]) -> R | None:
    """Make a record, or a finding for each wrong field at its line."""
    try:
        made = record.model_validate(data)
        if isinstance(made, Persona):
            made.id  # noqa: B018  (a varied name may have no Latin letters)
    except ValidationError as error:
        for problem in problems(error, record):
            place = where.at(problem.location)
            what, _, fix = problem.text.rpartition("; ")
            if isinstance(place.value, bool):
                what, fix = problem.text, "put it in quotes: YAML takes yes, no, on and off for true and false"
            rule = "unknown_field" if problem.unknown else "value"
            findings.append(finding(place, rule, what or fix, fix if what else "correct it"))
        return None
    except ValueError as error:
        what, _, fix = str(error).rpartition("; ")
        findings.append(finding(where, "name", what, fix))
        return None
    return made
