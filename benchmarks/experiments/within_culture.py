"""Does it matter which country grounds a culture? Jordan swapped for its neighbours, all measured on Jordan."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from culturepark.benchmarks.experiments.running import Analysis
from culturepark.benchmarks.experiments.setup import Setup
from culturepark.benchmarks.experiments.steps import BASE, Step, Talks
from culturepark.benchmarks.experiments.surveys import country_name, survey_folder, survey_note, write_people
from culturepark.benchmarks.experiments.tuning import (
    SIMILARITY,
    analysis,
    equalised,
    learned,
    measured,
    question_of,
    rows_of,
    tuned,
)
from culturepark.benchmarks.experiments.verdict import Pair, contrast, corrected
from culturepark.benchmarks.task import SuiteResult
from culturepark.training.row import Row

CULTURE: Final = "arabic"
OWN: Final = "jordan"
COUNTRIES: Final[Mapping[str, str]] = {
    "jordan": "JOR", "egypt": "EGY", "lebanon": "LBN", "libya": "LBY", "morocco": "MAR", "tunisia": "TUN",
}  # fmt: skip


def plan(setup: Setup) -> tuple[Step, ...]:
    """A run of talks for each country, and an adapter on each."""
    trained = [arm for arm in setup.arms if arm != BASE]
    source = str(survey_folder(setup, [COUNTRIES[arm] for arm in trained if arm != OWN]))
    talks: list[Talks] = []
    for arm in trained:
        country = COUNTRIES[arm]
        culture = {"id": CULTURE, "country": country, "country_name": country_name(country)}
        people = write_people(setup.folder / "people" / arm, culture)
        study = setup.study(arm, {"cultures": [CULTURE], "source": source}, persona_folders=[str(people)])
        talks.append(Talks(arm, study))

    def rows() -> dict[str, Sequence[Row]]:
        return dict(equalised({arm: rows_of(setup, arm) for arm in trained}, setup))

    return tuned(setup, talks, rows, cultures=[CULTURE])


def analyse(setup: Setup) -> Analysis:
    """Jordan against the mean of the others, then against each."""
    others = [arm for arm in setup.arms if arm not in {OWN, BASE}]
    name = setup.design.test.contrast
    found = analysis(setup, name, OWN, others[0], [(OWN, arm) for arm in [*others, BASE]])
    results = measured(setup)
    batteries = against_mean(results, OWN, others, by_battery=True)
    by_battery = contrast(f"{name}, clustered by battery", batteries, unit=SIMILARITY)
    return found.model_copy(
        update={
            "primary": contrast(name, against_mean(results, OWN, others), unit=SIMILARITY),
            # The last one that every analysis has is of two arms.
            "secondary": corrected([*found.secondary[:-1], by_battery]),
            "checks": learned(setup, [OWN, *others]),
            "notes": (*found.notes, survey_note(setup)),
        }
    )


def against_mean(
    found: Mapping[str, SuiteResult], own: str, others: Sequence[str], *, by_battery: bool = False
) -> list[Pair]:
    """One arm minus the mean of others, over the items that all of them answered; clustered by question or battery."""
    battery = {item.id: item.cluster for item in found[own].items}
    known = {
        arm: {item.id: item.value for item in found[arm].items if item.value is not None} for arm in (own, *others)
    }
    shared = sorted(set.intersection(*(set(items) for items in known.values())))
    return [
        Pair(
            known[own][item] - float(np.mean([known[arm][item] for arm in others])),
            battery[item] if by_battery else question_of(item),
        )
        for item in shared
    ]
