"""Does telling a persona an answer of its country take a model's home bias away, and does the stance hold?"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from culturepark.benchmarks.dialogue.settings import Measure
from culturepark.benchmarks.dialogue.tables import DRIFT
from culturepark.benchmarks.experiments.running import Analysis
from culturepark.benchmarks.experiments.setup import Setup
from culturepark.benchmarks.experiments.steps import Meters, Step, Talks
from culturepark.benchmarks.experiments.talking import load_arm, meters, paired, values
from culturepark.benchmarks.experiments.verdict import Check, Pair, contrast, corrected
from culturepark.benchmarks.task import Cell, SuiteResult, Table
from culturepark.personas.roster import load_roster
from culturepark.personas.surveys.survey import Distribution, load_survey
from culturepark.postprocess.stance_mix import place
from culturepark.simulation.transcript import Transcript

AMERICA: Final = "USA"
OTHER: Final = "BRA"
UNIT: Final = "of the scale"
PLACED: Final = 0.5
"""Share of utterances that the judge must place."""
HELD: Final = 0.6
"""Share of readings that must be on the side of the stance."""
STANCED: Final[tuple[Measure, ...]] = ("near", "heard")
FREE: Final[tuple[Measure, ...]] = ("heard",)
PLACEBO: Final = (
    "What {name} holds most firmly is that soup tastes better on the second day; {name} knows that not everybody at "
    "home sees it so."
)
STANCES: Final[Mapping[str, str]] = {"own": "sampled", "none": "none", "other": f"other:{OTHER}", "placebo": "none"}


class Heard(NamedTuple):
    """What the judge read in an arm."""

    places: Mapping[str, tuple[float, ...]]
    """By talk, where the delegate's utterances are on the scale, in [0, 1]."""
    placed: float
    """Share of the delegates' utterances that have a place."""


def plan(setup: Setup) -> tuple[Step, ...]:
    """A run for each arm, and the meters of all of them."""
    steps: list[Step] = []
    for arm in setup.arms:
        simulate = {"stance": STANCES[arm]}
        folders: dict[str, Any] = {}
        if arm == "placebo":
            folders = {"persona_folders": [str(placebo_people(setup.folder / "placebo"))]}
        study = setup.study(arm, simulate, **folders)
        steps += [Talks(arm, study, refined=False), Meters(arm, STANCED if arm in {"own", "other"} else FREE)]
    return tuple(steps)


def analyse(setup: Setup) -> Analysis:
    """Bias by talk in every arm, and how well stances hold where there are any."""
    talks = {arm: load_arm(setup, arm) for arm in setup.arms}
    found = {arm: meters(setup, arm) for arm in setup.arms}
    heard = {arm: hear(talks[arm], found[arm]) for arm in setup.arms}

    def bias(arm: str) -> Callable[[Transcript], float | None]:
        return lambda talk: home_bias(talk, heard[arm].places.get(talk.id, ()))

    def differ(one: str, other: str) -> list[Pair]:
        return _between(talks[one], talks[other], bias(one), bias(other))

    held = values(found["own"], "stance held (heard)")
    share = sum(held.values()) / len(held) if held else 0.0
    checks = [
        Check(
            name=f"the judge places utterances of {arm}",
            passed=heard[arm].placed >= PLACED,
            detail=f"{100 * heard[arm].placed:.0f} % of the delegates'",
        )
        for arm in ("own", "none")
    ]
    checks.append(
        Check(
            name="a stance is heard",
            passed=share >= HELD,
            detail=f"{100 * share:.0f} % of what is heard is on its side",
        )
    )
    return Analysis(
        primary=contrast(setup.design.test.contrast, differ("own", "none"), unit=UNIT),
        secondary=corrected(
            [
                contrast(f"own minus {arm}", differ("own", arm), unit=UNIT)
                for arm in ("placebo", "other")
                if arm in setup.arms
            ]
        ),
        checks=tuple(checks),
        n={arm: len(own) for arm, own in talks.items()},
        tables=(_levels(setup, talks, heard), _consistency(setup, found)),
        notes=("n counts complete talks.",),
    )


def hear(talks: list[Transcript], result: SuiteResult) -> Heard:
    """Read the delegates' places from the drift table."""
    delegates = {talk.id: {seat.id for seat in talk.seats if seat.role == "delegate"} for talk in talks}
    rows = next((table.rows for table in result.tables if table.title == DRIFT), ())
    places: dict[str, list[float]] = {}
    for talk, _, seat, meter, value, _ in rows:
        if meter == "heard" and isinstance(value, float | int) and seat in delegates.get(str(talk), ()):
            places.setdefault(str(talk), []).append(float(value))
    said = sum(turn.speaker in delegates[talk.id] for talk in talks for turn in talk.turns)
    read = sum(map(len, places.values()))
    return Heard({talk: tuple(own) for talk, own in places.items()}, read / said if said else 0.0)


def home_bias(talk: Transcript, places: tuple[float, ...]) -> float | None:
    """Similarity to the delegate's country minus similarity to the United States; None where nothing was heard."""
    delegate = next(seat for seat in talk.seats if seat.role == "delegate")
    survey = load_survey(talk.seed.source)
    own = survey.distribution(talk.seed.id, delegate.culture.country)
    usa = survey.distribution(talk.seed.id, AMERICA)
    if not places or own is None or usa is None:
        return None
    return sum(_distance(talk, at, usa) - _distance(talk, at, own) for at in places) / len(places)


def placebo_people(folder: Path) -> Path:
    """Write culture files in which every persona holds something that no survey asks; the same work, the same files."""
    roster = load_roster()
    folder.mkdir(parents=True, exist_ok=True)
    for culture in roster.cultures:
        people = [
            {"name": persona.name, "instructions": PLACEBO.format(name=persona.name)} for persona in roster.of(culture)
        ]
        text = yaml.safe_dump({"culture": {"id": culture}, "personas": people}, sort_keys=False, allow_unicode=True)
        (folder / f"{culture}.yaml").write_text(text, encoding="utf-8")
    return folder


def _between(
    one: list[Transcript],
    other: list[Transcript],
    mine: Callable[[Transcript], float | None],
    theirs: Callable[[Transcript], float | None],
) -> list[Pair]:
    """Pairs whose two sides are read from different arms."""
    by_id = {talk.id: mine(talk) for talk in one} | {talk.id: theirs(talk) for talk in other}
    return paired(one, other, lambda talk: by_id[talk.id])


def _distance(talk: Transcript, at: float, people: Distribution) -> float:
    """Mean distance on the scale to a person drawn from a country, those without a place left out."""
    scale = talk.seed.scale
    placed = [(where, count) for code, count in people.counts.items() if (where := place(scale, code)) is not None]
    return sum(abs(at - where) * count for where, count in placed) / sum(count for _, count in placed)


def _levels(setup: Setup, talks: Mapping[str, list[Transcript]], heard: Mapping[str, Heard]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for arm in setup.arms:
        found = [
            Pair(bias, talk.seed.id)
            for talk in talks[arm]
            if (bias := home_bias(talk, heard[arm].places.get(talk.id, ()))) is not None
        ]
        level = contrast(arm, found, unit=UNIT)
        rows.append((arm, level.value, level.low, level.high, level.pairs, heard[arm].placed))
    return Table(
        title="bias by arm",
        columns=("arm", "value", "low", "high", "talks", "utterances placed"),
        rows=tuple(rows),
        note="Above 0: nearer to the own country than to the United States.",
    )


def _consistency(setup: Setup, found: Mapping[str, SuiteResult]) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (arm, score.name, score.value, score.low, score.high, score.n)
        for arm in setup.arms
        for score in found[arm].scores
        if score.name.startswith("stance held")
    ]
    return Table(
        title="stance consistency",
        columns=("arm", "meter", "value", "low", "high", "talks"),
        rows=tuple(rows),
        note="Share of readings on the side where they should be: heard, of the stance; near, of the own first answer.",
    )
