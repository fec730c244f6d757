"""Does disagreement make talks richer? Far or near stances, dialogue or one speaker, across cultures or within."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from scipy.stats import linregress

from culturepark.benchmarks.experiments.running import Analysis
from culturepark.benchmarks.experiments.setup import Setup
from culturepark.benchmarks.experiments.steps import Step, Talks
from culturepark.benchmarks.experiments.talking import load_arm, paired
from culturepark.benchmarks.experiments.verdict import Check, Contrast, Pair, contrast, corrected
from culturepark.benchmarks.task import Table
from culturepark.runtime.models.embedders import DEFAULT_EMBEDDER, Embedder, SentenceEmbedder
from culturepark.simulation.transcript import Transcript
from culturepark.training.arms import MONOLOGUE

UNIT: Final = "novelty for 1000 tokens"
APART: Final = 0.2
"""Of the scale: how much farther apart far talks must begin."""
CONTRASTS: Final = (
    ("dialogue", "alone"),
    ("near", "alone"),
    ("far", "alone"),
    ("dialogue", "in_culture"),
    ("near", "in_culture"),
    ("mixed_gender", "same_gender"),
)
"""Of the secondary contrasts, those whose arms are run are made."""


def plan(setup: Setup) -> tuple[Step, ...]:
    """A run of talks for each arm; nothing is refined, and no model is asked about them."""
    times = setup.size.utterances
    arms: Mapping[str, dict[str, Any]] = {
        "far": {"pair": "conflict"},
        "near": {"pair": "agree"},
        "dialogue": {},
        "alone": {"protocol": str(MONOLOGUE), "protocol_args": {"times": times}},
        "in_culture": {"cast": "in-culture"},
        "same_gender": {"genders": "female"},
        "mixed_gender": {"genders": "mixed"},
    }
    return tuple(Talks(arm, setup.study(arm, arms[arm]), refined=False) for arm in setup.arms)


def analyse(setup: Setup) -> Analysis:
    """Novelty by talk in every arm."""
    talks = {arm: load_arm(setup, arm) for arm in setup.arms}
    return compare(talks, SentenceEmbedder(DEFAULT_EMBEDDER), contrast_name=setup.design.test.contrast)


def compare(talks: Mapping[str, Sequence[Transcript]], embedder: Embedder, *, contrast_name: str) -> Analysis:
    """Contrast the arms' talks that begin alike; then novelty by how far apart a talk begins."""
    novelty = {
        talk.id: value for own in talks.values() for talk, value in zip(own, novelties(own, embedder), strict=True)
    }

    def differ(one: str, other: str) -> list[Pair]:
        return paired(talks[one], talks[other], lambda talk: novelty[talk.id])

    others = [
        contrast(f"{one} minus {other}", differ(one, other), unit=UNIT)
        for one, other in CONTRASTS
        if {one, other} <= talks.keys()
    ]
    dialogues = [talk for arm in ("far", "near", "dialogue") for talk in talks.get(arm, ())]
    return Analysis(
        primary=contrast(contrast_name, differ("far", "near"), unit=UNIT),
        secondary=corrected([*others, dose_response(dialogues, novelty)]),
        checks=(_apart(talks["far"], talks["near"]),),
        n={arm: len(own) for arm, own in talks.items()},
        tables=(_levels(talks, novelty),),
        notes=("n counts complete talks.",),
    )


def novelties(talks: Sequence[Transcript], embedder: Embedder) -> list[float | None]:
    """Novelty of each talk for 1000 tokens written; None for a talk in which nothing was said."""
    said = [[turn.text for turn in talk.turns if turn.text.strip()] for talk in talks]
    texts = sorted({text for own in said for text in own} | {talk.seed.text["en"] for talk in talks})
    row = {text: place for place, text in enumerate(texts)}
    vectors = embedder.encode(texts).astype(np.float64)
    found: list[float | None] = []
    for talk, own in zip(talks, said, strict=True):
        places = [row[talk.seed.text["en"]], *(row[text] for text in own)]
        cosines = vectors[places] @ vectors[places].T
        new = sum(1 - float(cosines[place, :place].max()) for place in range(1, len(places)))
        tokens = sum(turn.tokens_out for turn in talk.turns)
        found.append(1000 * new / tokens if tokens and own else None)
    return found


def dose_response(talks: Sequence[Transcript], novelty: Mapping[str, float | None]) -> Contrast:
    """How much novelty rises from no distance between two stances to the whole scale: the mean slope over questions."""
    points: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for talk in {talk.id: talk for talk in talks}.values():
        value = novelty[talk.id]
        if talk.stance_distance is not None and value is not None:
            points[talk.seed.id].append((talk.stance_distance, value))
    slopes = [
        Pair(_slope(own), question)
        for question, own in sorted(points.items())
        if len({distance for distance, _ in own}) > 1
    ]
    return contrast("dose-response: slope over stance distance", slopes, unit=f"{UNIT}, for the whole scale")


def _slope(points: Sequence[tuple[float, float]]) -> float:
    return float(linregress([distance for distance, _ in points], [value for _, value in points]).slope)


def _apart(far: Sequence[Transcript], near: Sequence[Transcript]) -> Check:
    one, other = ([talk.stance_distance for talk in own if talk.stance_distance is not None] for own in (far, near))
    if not one or not other:
        return Check(name="far talks begin farther apart", passed=False, detail="no talk has a distance")
    gap = float(np.mean(one) - np.mean(other))
    return Check(
        name="far talks begin farther apart",
        passed=gap >= APART,
        detail=f"{np.mean(one):.2f} of the scale against {np.mean(other):.2f}",
    )


def _levels(talks: Mapping[str, Sequence[Transcript]], novelty: Mapping[str, float | None]) -> Table:
    rows: list[tuple[str | int | float | None, ...]] = []
    for arm, own in talks.items():
        level = contrast(
            arm, [Pair(value, talk.seed.id) for talk in own if (value := novelty[talk.id]) is not None], unit=UNIT
        )
        tokens = float(np.mean([sum(turn.tokens_out for turn in talk.turns) for talk in own]))
        flagged = float(np.mean([bool(turn.flags) for talk in own for turn in talk.turns]))
        rows.append((arm, level.value, level.low, level.high, level.pairs, tokens, flagged))
    return Table(
        title="novelty for 1000 tokens by arm",
        columns=("arm", "value", "low", "high", "talks", "tokens written", "flagged turns"),
        rows=tuple(rows),
        note="A flagged turn repeats, breaks role or is empty; a model with many of them says little about dialogue.",
    )
