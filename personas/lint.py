"""What is wrong, or looks wrong, in culture files: everything that stops a study, and what is likely a slip."""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from pathlib import Path

from rapidfuzz.distance import Levenshtein

from culturepark.personas.culture_files import SHIPPED_AS, persona_files, read_cultures
from culturepark.personas.finding import Finding, finding
from culturepark.personas.iso import country_names, is_country, wrong_subtag
from culturepark.personas.persona import Persona, ascii_name
from culturepark.personas.placed import Placed
from culturepark.personas.resolve import Resolved, resolve
from culturepark.personas.surveys.groups import ATTRIBUTES
from culturepark.personas.surveys.survey import Survey
from culturepark.personas.variants import TEXTS, mentioned
from culturepark.runtime.errors import did_you_mean

ALIKE_ON_PURPOSE = frozenset({frozenset({"portuguese_maria", "spanish_maria"})})
"""Maria from Brazil and María from Argentina are the published cast; the accent and the country tell them apart."""
OPINION = re.compile(
    r"\b(believes?|thinks?|agrees?|disagrees?|opposes?|supports?|is (?:for|against)|in favou?r of)\b", re.IGNORECASE
)
FIRST_WORD = {"male": "she", "female": "he"}
"""Of a text that was written for the other gender, as `extends` brings it along."""


def lint(folders: Sequence[Path], survey: Survey) -> tuple[Finding, ...]:
    """Check the files of `folders`, or the shipped ones without any; sorted by file and line.

    Args:
        folders: Folders of a user's own files; they are checked together with what ships.
        survey: Whose answers are to ground the cultures.

    Raises:
        CultureParkError: For a folder that is missing or holds no persona file.
    """
    found = resolve(read_cultures(folders))
    checked = {str(path) for folder in folders for path in persona_files(folder)}
    findings = [*found.findings, *(one for rule in RULES for one in rule(found, survey))]
    return tuple(
        sorted(
            {one for one in findings if (one.file in checked if folders else one.file.startswith(f"{SHIPPED_AS}/"))},
            key=lambda one: (one.file, one.line, one.rule, one.what),
        )
    )


def _grounding(found: Resolved, survey: Survey) -> Iterator[Finding]:
    for key, culture in found.cultures.items():
        if is_country(culture.country) and culture.country not in survey.countries:
            what = f"culture {key!r} has no grounding: the survey has no answers of {culture.country}"
            fix = "import them (`surveys import-wvs FILE --out FOLDER`) and give the folder with --source"
            yield finding(found.culture_places[key].at(["country"]), "no_grounding", what, fix)


def _both_genders(found: Resolved, survey: Survey) -> Iterator[Finding]:
    del survey
    faulty = {one.file for one in found.findings}
    for key in found.cultures:
        if found.culture_places[key].file in faulty:
            continue  # whoever could not be read is not missing
        genders = {persona.gender for persona in found.personas.values() if persona.culture == key}
        for gender in sorted({"male", "female"} - genders):
            what = f"culture {key!r} has no {gender} persona, so casts of alternating genders cannot be seated"
            yield finding(found.culture_places[key], "one_gender", what, f"add one with `gender: {gender}`")


def _codes(found: Resolved, survey: Survey) -> Iterator[Finding]:
    del survey
    for key, culture in found.cultures.items():
        where = found.culture_places[key]
        if not is_country(culture.country):
            meant = _code_of(culture.country_name)
            fix = f"{culture.country_name} is {meant}" if meant else "look it up, e.g. GRC for Greece"
            what = f"{culture.country!r} is no ISO 3166 alpha-3 country code"
            yield finding(where.at(["country"]), "country_code", what, fix)
        named = _code_of(culture.country_name) or culture.country
        if named != culture.country and is_country(culture.country):
            what = f"{culture.country_name} is {named}, and the grounding country is {culture.country}"
            yield finding(where.at(["country_name"]), "country_code", what, "make them agree")
        if (part := wrong_subtag(culture.language)) is not None:
            what = f"language {culture.language!r}: {part!r} stands in no ISO table"
            yield finding(where.at(["language"]), "language_code", what, "write a BCP 47 tag, e.g. el or pt-BR")


def _code_of(name: str) -> str | None:
    return country_names().get(name.removeprefix("the "))


def _names(found: Resolved, survey: Survey) -> Iterator[Finding]:
    del survey
    people = list(found.personas.items())
    for (one, first), (other, second) in combinations(people, 2):
        if frozenset({one, other}) in ALIKE_ON_PURPOSE or _same_person(one, first, other, second):
            continue
        if Levenshtein.distance(ascii_name(first.name), ascii_name(second.name), score_cutoff=1) <= 1:
            what = f"the name {second.name!r} is all but that of {one} ({first.name})"
            fix = "choose one that a model cannot confuse with it"
            yield finding(found.persona_places[other].at(["name"]), "close_names", what, fix, level="warning")


def _same_person(one: str, first: Persona, other: str, second: Persona) -> bool:
    """Whether two are the same persona, or variants of it, which bear one name on purpose."""
    return (first.variant_of or one) == (second.variant_of or other)


def _elsewhere(found: Resolved, survey: Survey) -> Iterator[Finding]:
    """Texts that speak of another country or culture than the persona's own."""
    del survey
    places = {culture.people: key for key, culture in found.cultures.items()}
    places |= {culture.country_name.removeprefix("the "): culture.country for culture in found.cultures.values()}
    # "Korea, Republic of" is how a table sorts names, not how a text has them.
    places |= {name: code for name, code in country_names().items() if "," not in name}
    pattern = re.compile(r"\b(" + "|".join(re.escape(name) for name in sorted(places, key=len, reverse=True)) + r")\b")
    for persona, field, text, where in _texts(found):
        culture = found.cultures.get(persona.culture)
        own = {culture.id, culture.country} if culture else set()
        others = [match[1] for match in pattern.finditer(text) if places[match[1]] not in own]
        if culture and others:
            what = f"{field} of {persona.id} names {others[0]!r}, and the views are grounded in {culture.country_name}"
            fix = "keep it if that is meant, e.g. a journey"
            yield finding(where, "other_culture", what, fix, level="warning")


def _contents(found: Resolved, survey: Survey) -> Iterator[Finding]:
    """Texts that are missing, that hold an opinion of their own, or that speak of the other gender."""
    del survey
    for key, persona in found.personas.items():
        where = found.persona_places[key]
        for field in TEXTS:
            if field in where.fields and not str(where.fields[field].value or "").strip():
                yield finding(
                    where.fields[field], "empty", f"{field} is empty", "fill it or leave it out", level="warning"
                )
        if "background" not in where.fields:
            what = f"{persona.variant_of or key} has no background, so it talks in generalities"
            yield finding(where, "empty", what, "add town, work and family", level="warning")
    for persona, field, text, where in _texts(found):
        if said := OPINION.search(text):
            what = f"{field} of {persona.id} holds an opinion ({said[0]!r}), which may fight the stance from the survey"
            yield finding(where, "opinion", what, "tell facts of life; stances are assigned", level="warning")
        first = re.match(r"\W*(\w+)", text)
        if first and first[1].lower() == FIRST_WORD[persona.gender]:
            what = f"{field} of {persona.id} begins with {first[1]!r}, and the persona is {persona.gender}"
            yield finding(where, "pronoun", what, "write it for this persona", level="warning")


def _traits(found: Resolved, survey: Survey) -> Iterator[Finding]:
    """Traits that no text mentions: changing them changes nothing that is said."""
    del survey
    for key, persona in found.personas.items():
        where = found.persona_places[key]
        used = {name for field in TEXTS for name in mentioned(str(where.at([field]).value))}
        for name in persona.traits:
            varied = name in persona.varied
            if name in used or (name in ATTRIBUTES and not varied):
                continue
            mention = f"mention it as {{{name}}} in the background"
            hint = did_you_mean(name, {*ATTRIBUTES, *used} - {name}).removeprefix("; ")
            what = f"{'variants vary' if varied else 'there is a trait'} {name!r}, and no text mentions it"
            place = where.at(["variants", name] if varied else ["traits", name])
            yield finding(place, "unused_trait", what, hint or mention, level="warning")


def _texts(found: Resolved) -> Iterator[tuple[Persona, str, str, Placed]]:
    for key, persona in found.personas.items():
        for field in TEXTS:
            if text := getattr(persona, field):
                yield persona, field, text, found.persona_places[key].at([field])


RULES: Sequence[Callable[[Resolved, Survey], Iterator[Finding]]] = (
    _grounding,
    _both_genders,
    _codes,
    _names,
    _elsewhere,
    _contents,
    _traits,
)
