"""The Hofstede suite: 24 items, six indices, and how near they come to Hofstede's row of each culture."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple

import numpy as np

from culturepark.benchmarks.asking import DRAWN, Answer, Asker, Closed, count, silence
from culturepark.benchmarks.hofstede.files import Items, load_items, load_scores
from culturepark.benchmarks.hofstede.indices import (
    DIMENSIONS,
    ITEMS,
    PAPER_MAS,
    Indices,
    distance,
    fitted_leave_one_out,
    indices,
    mean_distance,
    mean_of_others,
    permutation_p,
)
from culturepark.benchmarks.task import BenchSettings, Counts, ItemScore, Score, SuiteResult, Table, Task, load_task
from culturepark.personas.culture import Culture
from culturepark.personas.language import ENGLISH
from culturepark.personas.roster import load_roster
from culturepark.runtime.console import note
from culturepark.runtime.errors import unknown
from culturepark.runtime.request import Message

Mode = Literal["paper", "sound"]
MODES: Final[tuple[Mode, ...]] = ("paper", "sound")
PERSONAS: Final = ("as_people", "as_person")
WORDINGS: Final = ("begin", "which", "only")
DRAWS: Final = 10
"""Samples of an item where there are no probabilities, spread over its variants."""
WARNING: Final = (
    "the questionnaire's manual warns that the dimensions compare matched samples of many people in at least two "
    "countries: one person, or one model, has no score on them, and differences within a country are another matter"
)


Rows = Mapping[str, Indices]
"""Indices by culture."""


class Asked(NamedTuple):
    """One item asked in one way."""

    culture: str
    item: int
    closed: Closed
    answers: tuple[int, ...]
    """What each option shown stands for, 1 to 5."""


async def run(asker: Asker, settings: BenchSettings) -> SuiteResult:
    """Measure a model in the modes of `settings.sets` (`sound` by default), in English."""
    task = load_task(__package__)
    data = Path(settings.data) if settings.data else None
    modes = settings.sets or ("sound",)
    for mode in modes:
        if mode not in MODES:
            raise unknown("mode of hofstede", mode, MODES, place="--set")
    roster = load_roster()
    cultures = [roster.cultures[name] for name in roster.delegate_cultures if settings.wants(name)]
    truth: Rows = load_scores(data, cultures)
    items, official = load_items(data)
    if settings.limit is not None:
        cultures = cultures[: max(1, settings.limit // len(ITEMS))]
    counts, scores, tables, compared = Counts(), [], [], []
    for mode in MODES:
        if mode not in modes:
            continue
        asked = _asked(items, task, cultures, mode=mode, brief=settings.limit is not None)
        note(f"hofstede, {mode}: {len(asked)} calls, and up to {DRAWS} an item without log-probabilities")
        means, told = await _means(asker, asked, mode)
        counts += told
        raw = {
            culture.id: indices(means[culture.id], mas_weight=PAPER_MAS if mode == "paper" else 35)
            for culture in cultures
        }
        kept = {culture.id: truth[culture.id] for culture in cultures}
        given = raw if mode == "paper" else fitted_leave_one_out(raw, kept)
        scores += _scores(mode, raw, given, kept)
        tables.append(_table(mode, given, kept, cultures))
        compared += [
            ItemScore(
                id=f"{mode}/{culture.id}", cluster=culture.id, culture=culture.id, value=None if gap is None else -gap
            )
            for culture in cultures
            for gap in (distance(given[culture.id], kept[culture.id]),)
        ]
    return SuiteResult(
        suite=task.name,
        version=task.version,
        model=asker.model,
        identity=asker.identity,
        settings=settings,
        counts=counts,
        scores=tuple(scores),
        tables=tuple(tables),
        items=tuple(compared),
        problems=silence(asker.model, counts),
        notes=(
            "official wording, from the user's file" if official else task.title,
            "legacy: report opinions first",
            WARNING,
        ),
    )


def _asked(items: Items, task: Task, cultures: Sequence[Culture], *, mode: Mode, brief: bool) -> list[Asked]:
    """Every way to ask every item: one in `paper` mode; all cyclic shifts forward and reversed in `sound` mode."""
    forward = (1, 2, 3, 4, 5)
    starts = [forward, forward[::-1]]
    orders = starts if brief else [start[shift:] + start[:shift] for start in starts for shift in range(5)]
    personas, wordings = (PERSONAS[:1], WORDINGS[:1]) if mode == "paper" else (PERSONAS, WORDINGS)
    made = []
    for culture in cultures:
        for persona in personas:
            system = task.prompt(persona, ENGLISH).format(country=culture.country_name)
            for number, item in items.items.items():
                for order in orders[:1] if mode == "paper" else orders:
                    for wording in wordings:
                        words = [items.scales[item.scale][answer - 1] for answer in order]
                        options = "\n".join(f"{place}: {word}" for place, word in enumerate(words, start=1))
                        user = f"{item.text}\n\n{options}\n\n{task.prompt(wording, ENGLISH)}"
                        closed = Closed(
                            id=f"{culture.id}/{number}/{persona}/{wording}/{''.join(map(str, order))}",
                            messages=(Message(role="system", content=system), Message(role="user", content=user)),
                            options=task.labels,
                            meanings=tuple(words),
                        )
                        made.append(Asked(culture.id, number, closed, order))
    return made


async def _means(asker: Asker, asked: Sequence[Asked], mode: Mode) -> tuple[dict[str, dict[int, float]], Counts]:
    """Mean answer by culture and item; an item without a readable answer is missing."""
    what = f"hofstede, {mode}"
    first = await asker.choose([one.closed for one in asked], what=what)
    told = list(first)
    found: dict[tuple[str, int], list[tuple[Asked, list[Answer]]]] = {}
    for one, answer in zip(asked, first, strict=True):
        found.setdefault((one.culture, one.item), []).append((one, [answer]))
    if mode == "sound":
        # Every seventh variant: steps that share no factor with orders, wordings and personas meet all of them.
        lacking = {key: own for key, own in found.items() if any(answers[0].shares is None for _, answers in own)}
        for key, own in lacking.items():
            found[key] = [(own[draw * 7 % len(own)][0], []) for draw in range(DRAWS)]
        batch = [entry for key in lacking for entry in found[key]]
        answers = await asker.choose([one.closed for one, _ in batch], what=f"{what}, draws", sampling=DRAWN)
        for (_, own_answers), answer in zip(batch, answers, strict=True):
            own_answers.append(answer)
        told += answers
    means: dict[str, dict[int, float]] = {one.culture: {} for one in asked}
    for (culture, item), entries in found.items():
        values = [
            value for one, answers in entries for answer in answers if (value := _mean(one, answer, mode)) is not None
        ]
        if values:
            means[culture][item] = float(np.mean(values))
    return means, count(told)


def _mean(one: Asked, answer: Answer, mode: Mode) -> float | None:
    if mode == "sound" and answer.shares is not None:
        return float(np.dot(answer.shares, one.answers))
    return None if answer.choice is None else float(one.answers[answer.choice])


def _scores(mode: Mode, raw: Rows, given: Rows, truth: Rows) -> list[Score]:
    neutral: dict[str, Indices] = {culture: dict.fromkeys(DIMENSIONS, 0.0) for culture in raw}
    rng = np.random.default_rng(0)
    chance = {culture: indices(dict(zip(ITEMS, map(float, rng.integers(1, 6, 24)), strict=True))) for culture in raw}
    if mode == "sound":
        neutral, chance = fitted_leave_one_out(neutral, truth), fitted_leave_one_out(chance, truth)
    defined = sum(distance(given[culture], truth[culture]) is not None for culture in given)
    p = permutation_p(raw, truth)
    remark = "too few cultures for a permutation test" if p is None else f"permutation p = {p:.3g}"
    lines: list[tuple[str, Rows, str]] = [
        ("distance", given, remark),
        ("all threes", neutral, "baseline"),
        ("random answers", chance, "baseline, one draw"),
        ("mean of the others", mean_of_others(truth), "baseline: the mean of the other cultures' rows"),
    ]
    return [
        Score(name=f"{name} ({mode})", value=mean_distance(rows, truth), n=defined, clusters=defined, note=words)
        for name, rows, words in lines
    ]


def _table(mode: Mode, given: Rows, truth: Rows, cultures: Sequence[Culture]) -> Table:
    rows = []
    for culture in cultures:
        own, row = given[culture.id], truth[culture.id]
        rows.append((culture.id, culture.hofstede, *(own[name] for name in DIMENSIONS), distance(own, row)))
        rows.append((f"{culture.id}, Hofstede", culture.hofstede, *(row[name] for name in DIMENSIONS), None))
    return Table(
        title=f"indices ({mode})",
        columns=("culture", "row", *DIMENSIONS, "distance"),
        rows=tuple(rows),
        note="sound: one constant a dimension, fitted on the other cultures; paper: no constant, MAS with 25",
    )
