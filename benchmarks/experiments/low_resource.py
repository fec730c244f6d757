"""Is a survey file enough for a culture that is not shipped? Its people are written from it, and nothing else."""

from collections.abc import Sequence
from typing import Final

from culturepark.benchmarks.experiments.running import Analysis
from culturepark.benchmarks.experiments.setup import Setup
from culturepark.benchmarks.experiments.steps import BASE, Step, Talks
from culturepark.benchmarks.experiments.surveys import (
    country_name,
    new_country,
    survey_folder,
    survey_note,
    write_people,
)
from culturepark.benchmarks.experiments.tuning import analysis, equalised, rows_of, tuned
from culturepark.training.row import Row
from culturepark.training.settings import Mode

TALKS: Final = "talks"
CULTURE: Final = "ninth"
MODES: Final[dict[str, Mode]] = {"culturepark": "culturepark", "distribution": "distribution"}
PEOPLE: Final = (
    {"name": "Sam", "gender": "male", "traits": {"age": 44}, "background": "He is {age}."},
    {"name": "Kim", "gender": "female", "traits": {"age": 39}, "background": "She is {age}."},
)


def plan(setup: Setup) -> tuple[Step, ...]:
    """One run of talks with the new country's people, and adapters on what comes of it."""
    country = new_country(setup)
    source = str(survey_folder(setup, [country]))
    culture = {
        "id": CULTURE, "people": f"of {country_name(country)}", "language": "en", "country": country,
        "country_name": country_name(country), "hofstede": country_name(country),
    }  # fmt: skip
    people = write_people(setup.folder / "people", culture, PEOPLE)
    study = setup.study(TALKS, {"cultures": [CULTURE], "source": source}, persona_folders=[str(people)])

    def rows() -> dict[str, Sequence[Row]]:
        return dict(
            equalised({arm: rows_of(setup, TALKS, mode=MODES[arm]) for arm in setup.arms if arm != BASE}, setup)
        )

    return tuned(setup, [Talks(TALKS, study)], rows, cultures=[CULTURE], source=source, persona_folders=[people])


def analyse(setup: Setup) -> Analysis:
    """The gain over the persona prompt, and over the counts themselves."""
    others = [("distribution", BASE), ("culturepark", "distribution")]
    found = analysis(setup, setup.design.test.contrast, "culturepark", BASE, others)
    return found.model_copy(update={"notes": (*found.notes, f"Country: {new_country(setup)}.", survey_note(setup))})
