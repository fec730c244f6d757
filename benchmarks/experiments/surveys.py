"""Countries that are not shipped: from a user's WVS file, or, at small size without one, made up and marked so."""

import csv
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any, Final

import pycountry
import yaml

from culturepark.benchmarks.experiments.setup import Setup
from culturepark.personas.surveys.import_wvs import Imported, import_wvs, write_survey
from culturepark.personas.surveys.survey import load_survey
from culturepark.personas.surveys.wvs_file import wvs_questions
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.hashing import seed_from

SURVEY: Final = "survey"
MADE_UP: Final = "made-up.csv"
RESPONDENTS: Final = 120
"""Of each made-up country."""
MADE_UP_NOTE: Final = (
    "The countries' answers are made up (no --survey was given), so this says nothing about any people: it shows that "
    "every step works."
)
REAL_NOTE: Final = "Countries that are not shipped are from the file given with --survey."


def survey_folder(setup: Setup, countries: Sequence[str]) -> Path:
    """Counts of countries that are not shipped, as a folder that a study's `source` names; read from the file once.

    Raises:
        CultureParkError: At full size without a file, or for a file without one of the countries.
    """
    folder = setup.folder / SURVEY
    path = _file(setup, countries)
    imported = import_wvs(path, countries=countries)
    _refuse_lacking(setup, imported, path)
    write_survey(imported, folder)
    load_survey.cache_clear()
    return folder


def new_country(setup: Setup) -> str:
    """The one country of the user's file that is not shipped; Greece where answers are made up.

    Raises:
        CultureParkError: At full size without a file, or when the file does not have exactly one.
    """
    if setup.options.survey is None:
        return "GRC"
    shipped = set(load_survey("wvs7").countries)
    found = [country for country in import_wvs(Path(setup.options.survey)).respondents if country not in shipped]
    if len(found) != 1:
        have = ", ".join(found) or "none"
        raise CultureParkError(
            f"{setup.design.name}: {setup.options.survey} has to hold one country that is not shipped, and holds "
            f"{have}; give a file with one"
        )
    return found[0]


def country_name(country: str) -> str:
    """Of an ISO alpha-3 code."""
    known = pycountry.countries.get(alpha_3=country)
    return country if known is None else str(getattr(known, "common_name", known.name))


def write_people(folder: Path, culture: dict[str, Any], personas: Sequence[dict[str, Any]] = ()) -> Path:
    """Write one culture file into a folder of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    entry = {"culture": culture, **({"personas": list(personas)} if personas else {})}
    text = yaml.safe_dump(entry, sort_keys=False, allow_unicode=True)
    (folder / f"{culture['id']}.yaml").write_text(text, encoding="utf-8")
    return folder


def survey_note(setup: Setup) -> str:
    """Whether people gave the answers."""
    return MADE_UP_NOTE if setup.options.survey is None else REAL_NOTE


def _file(setup: Setup, countries: Sequence[str]) -> Path:
    if setup.options.survey is not None:
        return Path(setup.options.survey)
    if setup.options.size == "full" and not setup.imagined:
        raise CultureParkError(
            f"{setup.design.name}: counts of {', '.join(countries)} are not shipped; add --survey FILE, the World "
            "Values Survey wave 7 CSV with these countries (worldvaluessurvey.org)"
        )
    setup.folder.mkdir(parents=True, exist_ok=True)
    path = setup.folder / MADE_UP
    write_made_up(path, countries, seed=setup.options.seed)
    return path


def write_made_up(path: Path, countries: Sequence[str], *, seed: int) -> None:
    """Write made-up respondents in the layout of the WVS file: each country leans somewhere on each question."""
    questions = wvs_questions()
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("B_COUNTRY_ALPHA", *questions))
        for country in countries:
            weights = {}
            for item, question in questions.items():
                draw = Random(seed_from(seed, country, item))
                weights[item] = [draw.random() ** 3 + 0.02 for _ in question.scale.codes]
            draw = Random(seed_from(seed, country))
            for _ in range(RESPONDENTS):
                answers = [draw.choices(question.scale.codes, weights[item])[0] for item, question in questions.items()]
                writer.writerow((country, *answers))


def _refuse_lacking(setup: Setup, imported: Imported, path: Path) -> None:
    """Refuse a country that was asked too little to be measured on."""
    questions = wvs_questions()
    asked = {(country, item) for country, item, _ in imported.counts}
    for country in imported.respondents:
        for split in ("seed", "held-out"):
            have = sum((country, item) in asked for item, one in questions.items() if one.split == split)
            if have < setup.design.test.fewest_pairs:
                raise CultureParkError(
                    f"{setup.design.name}: {path}: {country} was asked {have} of the {split} questions, and the test "
                    f"takes {setup.design.test.fewest_pairs}; give a file with these columns"
                )
