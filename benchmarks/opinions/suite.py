"""The opinions suite: held-out survey questions, each source and prompt language in a column of its own."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from culturepark.benchmarks.asking import Asker, silence
from culturepark.benchmarks.estimates import estimate
from culturepark.benchmarks.opinions.measuring import CellKey, Measured, measure
from culturepark.benchmarks.opinions.scoring import (
    Cell,
    diagonal_wins,
    matrix,
    novelty_of,
    score_cell,
    skill,
)
from culturepark.benchmarks.opinions.variants import Orders, variants
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
from culturepark.personas.question import Question
from culturepark.personas.roster import load_roster
from culturepark.personas.surveys.heldout import held_out_distribution
from culturepark.personas.surveys.survey import Distribution, Survey, load_survey
from culturepark.runtime.errors import CultureParkError
from culturepark.training.prompt import question_in

ORDERS: Final[Orders] = "reversed"
SEED: Final = 0
MATRIX: Final = "similarity of each culture's answers to each country's"
"""How the title of the matrix of cultures and countries begins."""


class Column(NamedTuple):
    """What one source and prompt language gave."""

    name: str
    scores: list[Score]
    tables: list[Table]
    items: list[ItemScore]
    counts: Counts


async def run(asker: Asker, settings: BenchSettings) -> SuiteResult:
    """Measure a model on the held-out questions of each survey in `settings.sets` (the shipped one by default)."""
    task = load_task(__package__)
    roster = load_roster([Path(folder) for folder in settings.persona_folders])
    cultures = [roster.cultures[name] for name in roster.delegate_cultures if settings.wants(name)]
    if not cultures:
        raise CultureParkError(
            f"--culture {', '.join(settings.cultures)}: none of them has survey answers; "
            f"known: {', '.join(roster.delegate_cultures)}"
        )
    columns: list[Column] = []
    problems: list[str] = []
    for source in settings.sets or ("wvs7",):
        survey = load_survey(source)
        present = [culture for culture in cultures if _questions_of(survey, [culture])]
        problems += [
            f"{source}: nobody of {culture.country_name} ({culture.country}) answered a held-out question; "
            f"leave {culture.id} out with --culture"
            for culture in cultures
            if culture not in present
        ]
        questions = _limited(_questions_of(survey, present), settings.limit, len(present))
        for prompt in settings.languages:
            if prompt == "native" and not survey.languages:
                problems.append(f"{source}: its questions are in English only; ask with --prompt-language en")
            elif present:
                columns.append(await _column(asker, task, survey, present, questions, prompt))
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
        notes=("skill: uniform answers score 0, the ceiling 1; the average of all other countries is to be beaten",),
    )


def _questions_of(survey: Survey, cultures: Sequence[Culture]) -> list[Question]:
    """Held-out questions that were asked in one of the cultures' countries."""
    return [
        question
        for question in survey.questions.values()
        if question.split == "held-out" and any(survey.was_asked(question.id, one.country) for one in cultures)
    ]


def _limited(questions: Sequence[Question], limit: int | None, cultures: int) -> list[Question]:
    """At most `limit` cells: as many questions as that makes for all cultures, from as many batteries as possible."""
    if limit is None or not cultures:
        return list(questions)
    by_battery: dict[str, list[Question]] = defaultdict(list)
    for question in questions:
        by_battery[question.battery].append(question)
    ranks = {question.id: place for own in by_battery.values() for place, question in enumerate(own)}
    spread = sorted(questions, key=lambda question: ranks[question.id])
    return spread[: max(1, limit // cultures)]


async def _column(
    asker: Asker,
    task: Task,
    survey: Survey,
    cultures: Sequence[Culture],
    questions: Sequence[Question],
    prompt: PromptLanguage,
) -> Column:
    name = f"{survey.info.name}, {prompt}"
    asked = {
        CellKey(culture.id, question.id): variants(
            question_in(survey, question.id, language_of(prompt, data=culture.language)),
            culture,
            task=task,
            orders=ORDERS,
        )
        for culture in cultures
        for question in questions
    }
    measured = await measure(asker, asked, what=name)

    def people(question: str, country: str) -> Distribution | None:
        return held_out_distribution(survey, question, country)

    by_id = {question.id: question for question in questions}
    homes = {culture.id: culture.country for culture in cultures}
    shipped = load_survey("wvs7").questions
    seeds = [question for question in shipped.values() if question.split == "seed"]
    scored = [
        cell
        for key, opinion in measured.opinions.items()
        if (
            cell := score_cell(
                key,
                opinion,
                question=by_id[key.question],
                country=homes[key.culture],
                people=people,
                countries=survey.countries,
                novelty=novelty_of(by_id[key.question], shipped.get(by_id[key.question].same_as or ""), seeds),
                seed=SEED,
            )
        )
        is not None
    ]
    items = [
        ItemScore(
            id=f"{cell.question}/{prompt}/{cell.culture}",
            cluster=cell.battery,
            culture=cell.culture,
            value=cell.similarity,
        )
        for cell in scored
    ]
    near = matrix(measured.opinions, by_id, homes, people)
    tables = [_by_culture(scored, cultures, name), _matrix_table(near, cultures, name)] if scored else []
    return Column(name, _scores(scored, measured, near, homes, name), tables, items, measured.counts)


def _scores(
    cells: Sequence[Cell],
    measured: Measured,
    near: Mapping[tuple[str, str], float],
    homes: Mapping[str, str],
    name: str,
) -> list[Score]:
    found: list[Score] = []
    for novelty in dict.fromkeys(cell.novelty for cell in cells):
        own = [cell for cell in cells if cell.novelty == novelty]
        batteries = [cell.battery for cell in own]
        column = f"{name}, {novelty}"
        mine, average = skill(own, lambda cell: cell.similarity), skill(own, lambda cell: cell.average)
        margin = [one - two for one, two in zip(mine, average, strict=True)]
        found += [
            estimate(f"skill ({column})", mine, batteries, seed=SEED),
            estimate(f"skill over the average of other countries ({column})", margin, batteries, seed=SEED, test=True),
            estimate(f"skill of that average ({column})", average, batteries, seed=SEED),
            estimate(f"similarity ({column})", [cell.similarity for cell in own], batteries, seed=SEED),
            estimate(f"ceiling ({column})", [cell.ceiling for cell in own], batteries, seed=SEED),
            estimate(f"uniform ({column})", [cell.uniform for cell in own], batteries, seed=SEED),
        ]
        if abroad := [cell for cell in own if cell.usa is not None]:
            found.append(
                estimate(
                    f"answers of the USA ({column})",
                    [cell.usa for cell in abroad if cell.usa is not None],
                    [cell.battery for cell in abroad],
                    seed=SEED,
                )
            )
        ordered = [(cell.w1, cell.battery) for cell in own if cell.w1 is not None]
        if ordered:
            found.append(
                estimate(f"W1/(K-1) ({column})", [w1 for w1, _ in ordered], [where for _, where in ordered], seed=SEED)
            )
    wins = diagonal_wins(near, homes)
    if wins is not None:
        note = f"of {wins[1]} countries; chance is {1 / wins[1]:.3g}; exact permutation p = {wins[2]:.3g}"
        found.append(
            Score(name=f"diagonal wins ({name})", value=wins[0] / wins[1], n=wins[1], clusters=wins[1], note=note)
        )
    spread = [
        (cell.variance, cell.variance_people)
        for cell in cells
        if cell.variance is not None and cell.variance_people is not None
    ]
    if spread:
        ratio = sum(mine for mine, _ in spread) / sum(theirs for _, theirs in spread)
        note = "variance of the model's answers over the people's; below 1 they are flattened"
        found.append(
            Score(
                name=f"variance ratio ({name})",
                value=ratio,
                n=len(spread),
                clusters=len({cell.battery for cell in cells if cell.variance is not None}),
                note=note,
            )
        )
    found.append(
        Score(
            name=f"answer flips ({name})",
            value=measured.flip_rate,
            n=measured.order_pairs,
            clusters=len(measured.opinions),
            note="pairs of option orders whose commonest answers differ",
        )
    )
    counts = measured.counts
    found.append(
        Score(
            name=f"no answer read ({name})",
            value=1 - counts.answered / counts.asked if counts.asked else None,
            n=counts.asked,
            clusters=counts.asked,
            note="refused, invalid or failed; such replies are left out, never imputed",
        )
    )
    return found


def _by_culture(cells: Sequence[Cell], cultures: Sequence[Culture], name: str) -> Table:
    rows: list[tuple[str | int | float | None, ...]] = []
    for culture in cultures:
        own = [cell for cell in cells if cell.culture == culture.id]
        if not own:
            continue
        mine = estimate("", skill(own, lambda cell: cell.similarity), [cell.battery for cell in own], seed=SEED)
        average = float(np.mean(skill(own, lambda cell: cell.average)))
        values = [float(np.mean([getattr(cell, field) for cell in own])) for field in ("similarity", "ceiling")]
        rows.append(
            (culture.id, culture.country_name, mine.value, mine.low, mine.high, average, *values, mine.n, mine.clusters)
        )
    return Table(
        title=f"skill by culture ({name})",
        columns=(
            "name", "country", "value", "low", "high", "average of other countries", "similarity", "ceiling", "cells",
            "batteries",
        ),
        rows=tuple(rows),
        plot="forest",
    )  # fmt: skip


def _matrix_table(near: Mapping[tuple[str, str], float], cultures: Sequence[Culture], name: str) -> Table:
    return Table(
        title=f"{MATRIX} ({name})",
        columns=("culture", *(culture.country for culture in cultures)),
        rows=tuple(
            (culture.id, *(near.get((culture.id, other.country)) for other in cultures)) for culture in cultures
        ),
        plot="heat",
        note="a country is won by the culture with the highest number in its column",
    )
