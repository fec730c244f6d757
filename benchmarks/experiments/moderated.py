"""The moderation task of experiments: its sets, or made-up ones at small size, and what its results say."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from culturepark.benchmarks.claim import pairs
from culturepark.benchmarks.experiments.made_texts import HARMLESS, OFFENSIVE
from culturepark.benchmarks.experiments.running import Finding
from culturepark.benchmarks.experiments.setup import Setup
from culturepark.benchmarks.experiments.steps import MODERATION
from culturepark.benchmarks.experiments.tuning import by_training, each_training, measured
from culturepark.benchmarks.experiments.verdict import Check, Contrast, Pair, contrast
from culturepark.benchmarks.moderation.sets import choose_sets
from culturepark.benchmarks.task import BenchSettings, SuiteResult, Table
from culturepark.runtime.errors import CultureParkError

UNIT: Final = "of texts"
MADE_UP: Final = "made-up"
LABELS: Final = ("offensive", "not_offensive")
MADE_UP_NOTE: Final = (
    "The moderated texts are made up (no --data was given): 16 insults and 16 harmless sentences about a people that "
    "is not, in English, the same for each culture. They show that every step works, and say nothing about any "
    "people's texts."
)


def moderation_settings(setup: Setup) -> BenchSettings:
    """How the moderation suite is run: on the size's sets, or, at small size without --data, on made-up ones.

    Raises:
        CultureParkError: When no set is to be had, or one cannot be used; before anything is sent.
    """
    size, data = setup.size, setup.options.data
    common: dict[str, Any] = {
        "suites": (MODERATION,), "cultures": setup.cultures, "limit": size.texts, "languages": ("en",),
    }  # fmt: skip
    if data is None and setup.imagined:
        return BenchSettings(**common)
    if data is None and setup.options.size == "full":
        raise CultureParkError(
            f"{setup.design.name}: the moderation task needs its sets ({', '.join(size.sets)}): add --data FOLDER with "
            "moderation/*.jsonl (docs/bench.md)"
        )
    if data is None:
        registry = write_made_up(setup.folder / MADE_UP, setup.cultures)
        settings = BenchSettings(**common, registry=(str(registry),))
    else:
        settings = BenchSettings(**common, data=data, sets=size.sets)
    try:
        chosen = choose_sets(settings)
    except CultureParkError as error:
        raise CultureParkError(f"{setup.design.name}: {error}") from None
    if chosen.problems:
        raise CultureParkError(f"{setup.design.name}: moderation set {chosen.problems[0]}")
    return settings


def write_made_up(folder: Path, cultures: Sequence[str]) -> Path:
    """Write the made-up texts and a registry that gives each culture a set of them; returns the registry."""
    folder.mkdir(parents=True, exist_ok=True)
    labelled = zip((OFFENSIVE, HARMLESS), LABELS, strict=True)
    lines = [json.dumps({"text": text, "label": label}) for texts, label in labelled for text in texts]
    (folder / "texts.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    entry = {
        "language": "en",
        "task": "offensive language",
        "source": "made up",
        "licence": "as CulturePark's",
        "local": "texts.jsonl",
        "labels": {label: label for label in LABELS},
        "positive": LABELS[0],
    }
    registry = folder / "sets.yaml"
    sets = {f"made_up_{culture}": {"culture": culture, **entry} for culture in cultures}
    registry.write_text(yaml.safe_dump(sets, sort_keys=False), encoding="utf-8")
    return registry


def texts_of(one: SuiteResult, other: SuiteResult) -> list[Pair]:
    """Differences text by text. A text that is asked about as several cultures' is one cluster."""
    return [Pair(pair.difference, pair.item.id.partition("/")[2]) for pair in pairs(one, other)]


def sets_of(one: SuiteResult, other: SuiteResult) -> list[Pair]:
    """The same clustered by set: what holds for other sets, too."""
    return [Pair(pair.difference, pair.item.cluster) for pair in pairs(one, other)]


def finding(setup: Setup, one: str, other: str) -> Finding:
    """The contrast of two arms on moderation, and whether either can do the task at all."""
    found = moderated(setup)
    name = setup.design.further[MODERATION].test.contrast
    return Finding(
        primary=contrast(name, texts_of(found[one], found[other]), unit=UNIT),
        checks=(able(setup, {arm: found[arm] for arm in (one, other)}),),
    )


def secondary(setup: Setup, one: str, other: str, others: Sequence[tuple[str, str]]) -> list[Contrast]:
    """Further contrasts of arms, and the primary one clustered by set."""
    found = moderated(setup)
    more = [
        contrast(f"{mine} minus {theirs} on moderation", texts_of(found[mine], found[theirs]), unit=UNIT)
        for mine, theirs in others
    ]
    name = setup.design.further[MODERATION].test.contrast
    return [*more, contrast(f"{name}, clustered by set", sets_of(found[one], found[other]), unit=UNIT)]


def tables(setup: Setup, one: str, other: str) -> list[Table]:
    """Every arm's share of right labels; and the contrast for each training, where there are several."""
    chance = chances(setup)
    rows: list[tuple[str | int | float | None, ...]] = []
    for arm, result in moderated(setup).items():
        level, guessed = contrast(arm, _values(result), unit=UNIT), contrast(arm, _values(result, chance), unit=UNIT)
        by_chance = None if level.value is None or guessed.value is None else level.value - guessed.value
        sets = len({item.cluster for item in result.items})
        rows.append((arm, level.value, level.low, level.high, by_chance, level.pairs, sets))
    table = Table(
        title="share of prompts under which a text got its label, by arm",
        columns=("arm", "value", "low", "high", "by chance", "texts", "sets"),
        rows=tuple(rows),
    )
    each = each_training(setup, MODERATION, MODERATION)
    if len(each) == 1:
        return [table]
    name = setup.design.further[MODERATION].test.contrast
    gains = {seed: texts_of(trained[one], trained[other]) for seed, trained in each.items()}
    return [table, by_training(gains, name, unit=UNIT)]


def able(setup: Setup, found: Mapping[str, SuiteResult]) -> Check:
    """Whether one of the models is right more often than by chance: two that guess compare nothing."""
    chance = chances(setup)
    levels = {arm: contrast(arm, _values(result, chance), unit=UNIT) for arm, result in found.items()}
    said = [
        f"{arm} {level.value:+.3f} ({level.low:+.3f} to {level.high:+.3f})"
        for arm, level in levels.items()
        if level.value is not None and level.low is not None and level.high is not None
    ]
    return Check(
        name="one model is right on moderation more often than by chance",
        passed=any(level.low is not None and level.low > 0 for level in levels.values()),
        detail=f"share of right labels above chance: {', '.join(said) or 'none was answered'}",
    )


def moderated(setup: Setup) -> dict[str, SuiteResult]:
    """Results of the moderation suite by arm."""
    return measured(setup, MODERATION, MODERATION)


def chances(setup: Setup) -> dict[str, float]:
    """What a guess is right in, by set."""
    return {one.name: 1 / len(one.entry.data.names) for one in choose_sets(moderation_settings(setup)).sets}


def data_note(setup: Setup) -> str:
    """Whose texts they are."""
    if setup.options.data is None:
        return MADE_UP_NOTE
    return f"The moderated texts are real sets of the folder given with --data: {', '.join(chances(setup))}."


def _values(result: SuiteResult, chance: Mapping[str, float] | None = None) -> list[Pair]:
    """Each text's share of right labels, less what a guess is right in."""
    return [
        Pair(item.value - (chance[item.cluster] if chance else 0), item.id.partition("/")[2])
        for item in result.items
        if item.value is not None
    ]
