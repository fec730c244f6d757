"""The Hofstede suite: 24 items, six indices, and how near they come to Hofstede's row of each culture."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from culturepark.benchmarks.asking import DRAWN, Answer, Asker, count, silence
from culturepark.benchmarks.hofstede.files import load_items, load_scores
from culturepark.benchmarks.hofstede.indices import (
    DIMENSIONS,
    MAS,
    PAPER_MAS,
    Rows,
    distance,
    fitted_leave_one_out,
    indices,
)
from culturepark.benchmarks.hofstede.summary import indices_table, profile, scores
from culturepark.benchmarks.hofstede.ways import Chosen, Kind, Way, chosen_dimensions, ways
from culturepark.benchmarks.task import (
    BenchSettings,
    Counts,
    ItemScore,
    PromptLanguage,
    Score,
    SuiteResult,
    Table,
    Task,
    language_of,
    load_task,
)
from culturepark.personas.culture import Culture
from culturepark.personas.roster import load_roster
from culturepark.runtime.console import note
from culturepark.runtime.errors import CultureParkError, unknown

DRAWS: Final = 10
"""Samples of an item where there are no probabilities, spread over its ways."""
WARNING: Final = (
    "the questionnaire's manual warns that the dimensions compare matched samples of many people in at least two "
    "countries: one person, or one model, has no score on them, and differences within a country are another matter"
)


class Mode(NamedTuple):
    """How the items are asked, and the second weight of masculinity."""

    kind: Kind
    mas: int


MODES: Final[Mapping[str, Mode]] = {
    "paper": Mode("paper", PAPER_MAS),
    "paper-mas35": Mode("paper", MAS),
    "sound": Mode("sound", MAS),
    "sound-mas25": Mode("sound", PAPER_MAS),
}


class Column(NamedTuple):
    """What one mode and prompt language gave."""

    scores: list[Score]
    tables: list[Table]
    items: list[ItemScore]
    counts: Counts


async def run(asker: Asker, settings: BenchSettings) -> SuiteResult:
    """Measure a model in the modes of `settings.sets` (`sound` by default); `paper` modes are in English only.

    Raises:
        CultureParkError: For an unknown mode, or without Hofstede's table.
    """
    for mode in settings.sets:
        if mode not in MODES:
            raise unknown("mode of hofstede", mode, MODES, place="--set")
    task = load_task(__package__)
    data = Path(settings.data) if settings.data else None
    roster = load_roster()
    cultures = [roster.cultures[name] for name in roster.delegate_cultures if settings.wants(name)]
    truth = load_scores(data, cultures)
    chosen = chosen_dimensions(cultures, settings.limit)
    cultures = [culture for culture in cultures if culture.id in chosen]
    columns: list[Column] = []
    problems: list[str] = []
    for mode in settings.sets or ("sound",):
        for prompt in settings.languages if MODES[mode].kind == "sound" else ("en",):
            try:
                kind = "brief" if settings.limit is not None and MODES[mode].kind == "sound" else MODES[mode].kind
                asked = _ways(task, cultures, chosen, data=data, kind=kind, prompt=prompt)
            except CultureParkError as error:
                problems.append(f"hofstede, {mode}, {prompt}: {error}")
                continue
            columns.append(await _column(asker, asked, chosen, cultures, truth.rows, mode=mode, prompt=prompt))
    counts = sum((column.counts for column in columns), start=Counts())
    return SuiteResult(
        suite=task.name,
        version=task.version,
        model=asker.model,
        identity=asker.identity,
        settings=settings,
        counts=counts,
        scores=tuple(score for column in columns for score in column.scores),
        tables=tuple(table for column in columns for table in column.tables),
        items=tuple(item for column in columns for item in column.items),
        problems=(*problems, *silence(asker.model, counts)),
        notes=(
            "official wording, from the user's file" if load_items(data)[1] else task.title,
            "legacy: report opinions first",
            WARNING,
            *truth.notes,
        ),
    )


def _ways(
    task: Task, cultures: Sequence[Culture], chosen: Chosen, *, data: Path | None, kind: Kind, prompt: PromptLanguage
) -> list[Way]:
    """All that is asked in one mode and prompt language; errors as those of `load_items`."""
    found: list[Way] = []
    for culture in cultures:
        language = language_of(prompt, data=culture.language)
        items, _ = load_items(data, language)
        found += ways(items, task, culture, dimensions=chosen[culture.id], kind=kind, language=language)
    return found


async def _column(
    asker: Asker,
    asked: Sequence[Way],
    chosen: Chosen,
    cultures: Sequence[Culture],
    truth: Rows,
    *,
    mode: str,
    prompt: PromptLanguage,
) -> Column:
    kind, mas = MODES[mode]
    name = f"{mode}, {prompt}"
    means, counts = await _means(asker, asked, kind, what=f"hofstede, {name}")
    raw = {culture.id: indices(means.get(culture.id, {}), mas_weight=mas) for culture in cultures}
    kept = {culture.id: truth[culture.id] for culture in cultures}
    given = raw if kind == "paper" else fitted_leave_one_out(raw, kept)
    # In a limited run cultures are compared in what all of them were asked.
    dimensions = [one for one in DIMENSIONS if all(one in chosen[culture.id] for culture in cultures)]
    gaps = {culture.id: distance(given[culture.id], kept[culture.id], dimensions=dimensions) for culture in cultures}
    return Column(
        scores=scores(name, raw, given, kept, dimensions, fitted=kind == "sound"),
        tables=[indices_table(name, given, kept, gaps, cultures), profile(name, given, kept, dimensions)],
        items=[
            ItemScore(id=f"{name}/{culture}", cluster=culture, culture=culture, value=None if gap is None else -gap)
            for culture, gap in gaps.items()
        ],
        counts=counts,
    )


async def _means(
    asker: Asker, asked: Sequence[Way], kind: Kind, *, what: str
) -> tuple[dict[str, dict[int, float]], Counts]:
    """Mean answer by culture and item; an item without a readable answer is missing."""
    if kind == "paper":
        note(f"{what}: {len(asked)} calls")
        replies = list(zip(asked, await asker.choose([way.closed for way in asked], what=what), strict=True))
        return _averaged(replies, shares=False), count([answer for _, answer in replies])
    (first,) = await asker.choose([asked[0].closed], what=f"{what}, the first item")
    if first.shares is None:
        note(f"{what}: {len(_drawn(asked))} calls, {DRAWS} samples of an item, for want of probabilities")
        weighed: list[tuple[Way, Answer]] = []
        lacking = list(asked)
    else:
        note(f"{what}: {len(asked)} calls, one for each order, wording and persona")
        weighed = list(zip(asked, await asker.choose([way.closed for way in asked], what=what), strict=True))
        without = {(way.culture, way.item) for way, answer in weighed if answer.shares is None}
        lacking = [way for way in asked if (way.culture, way.item) in without]
        weighed = [(way, answer) for way, answer in weighed if (way.culture, way.item) not in without]
    sampled: list[tuple[Way, Answer]] = []
    if lacking:
        drawn = _drawn(lacking)
        answers = await asker.choose([way.closed for way in drawn], what=f"{what}, samples", sampling=DRAWN)
        sampled = list(zip(drawn, answers, strict=True))
    means = _averaged(weighed, shares=True)
    for culture, items in _averaged(sampled, shares=False).items():
        means[culture] = {**means.get(culture, {}), **items}
    return means, count([answer for _, answer in (*weighed, *sampled)])


def _averaged(replies: Sequence[tuple[Way, Answer]], *, shares: bool) -> dict[str, dict[int, float]]:
    values: dict[str, dict[int, list[float]]] = {}
    for way, answer in replies:
        if (value := _value(way, answer, shares=shares)) is not None:
            values.setdefault(way.culture, {}).setdefault(way.item, []).append(value)
    return {culture: {item: float(np.mean(own)) for item, own in items.items()} for culture, items in values.items()}


def _drawn(asked: Sequence[Way]) -> list[Way]:
    """Ten samples of each item over its ways.

    Every seventh way: steps that share no factor with orders, wordings and personas meet all of them.
    """
    by_item: dict[tuple[str, int], list[Way]] = {}
    for way in asked:
        by_item.setdefault((way.culture, way.item), []).append(way)
    return [
        way._replace(closed=way.closed.model_copy(update={"draw": draw // len(own)}))
        for own in by_item.values()
        for draw in range(DRAWS)
        for way in (own[draw * 7 % len(own)],)
    ]


def _value(way: Way, answer: Answer, *, shares: bool) -> float | None:
    if shares:
        return None if answer.shares is None else float(np.dot(answer.shares, way.answers))
    return None if answer.choice is None else float(way.answers[answer.choice])
