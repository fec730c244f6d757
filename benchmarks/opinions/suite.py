"""The opinions suite: held-out survey questions, each source and prompt language in a column of its own."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from culturepark.benchmarks.asking import Asker, silence
from culturepark.benchmarks.opinions.measuring import CellKey, measure
from culturepark.benchmarks.opinions.scoring import matrix, novelty_of, score_cell
from culturepark.benchmarks.opinions.summary import (
    SEED,
    Silence,
    by_culture,
    matrix_table,
    profile,
    refusals,
    scores,
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
from culturepark.personas.surveys.heldout import held_out_distribution, held_out_nonresponse
from culturepark.personas.surveys.survey import Distribution, Survey, load_survey
from culturepark.runtime.errors import CultureParkError
from culturepark.training.prompt import question_in


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
        questions, present = _limited(survey, _questions_of(survey, present), present, settings.limit)
        # A trial meets every order in one direction only.
        orders: Orders = "balanced" if settings.limit is None else "shifts"
        for prompt in settings.languages:
            if prompt == "native" and not survey.languages:
                problems.append(f"{source}: its questions are in English only; ask with --prompt-language en")
            elif present:
                columns.append(await _column(asker, task, survey, present, questions, prompt, orders))
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


def _limited(
    survey: Survey, questions: Sequence[Question], cultures: Sequence[Culture], limit: int | None
) -> tuple[list[Question], list[Culture]]:
    """At most `limit` cells: whole questions for all cultures, as near the same number from each battery as can be.

    Questions that every country was asked come first. With a limit below the number of cultures some go unasked.
    """
    if limit is None or not cultures:
        return list(questions), list(cultures)
    unasked = {one.id: sum(not survey.was_asked(one.id, home.country) for home in cultures) for one in questions}
    by_battery: dict[str, list[str]] = defaultdict(list)
    for question in sorted(questions, key=lambda one: unasked[one.id]):
        by_battery[question.battery].append(question.id)
    turns = {name: turn for own in by_battery.values() for turn, name in enumerate(own)}
    spread = sorted(questions, key=lambda one: (unasked[one.id] > 0, turns[one.id]))
    return spread[: max(1, limit // len(cultures))], list(cultures[:limit])


async def _column(
    asker: Asker,
    task: Task,
    survey: Survey,
    cultures: Sequence[Culture],
    questions: Sequence[Question],
    prompt: PromptLanguage,
    orders: Orders,
) -> Column:
    name = f"{survey.info.name}, {prompt}"
    asked = {
        CellKey(culture.id, question.id): variants(
            question_in(survey, question.id, language_of(prompt, data=culture.language)),
            culture,
            task=task,
            orders=orders,
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
    batteries = {question.id: question.battery for question in questions}
    silences = [
        _silence(survey, key, batteries[key.question], homes, counts) for key, counts in measured.counts.items()
    ]
    refused = refusals(silences, cultures, can_refuse=asker.can_refuse, name=name)
    return Column(
        name=name,
        scores=scores(scored, measured, near, homes, batteries=batteries, name=name),
        tables=[
            *((by_culture(scored, cultures, name), profile(scored, cultures, name)) if scored else ()),
            *((matrix_table(near, cultures, name),) if near else ()),
            *((refused,) if refused else ()),
        ],
        items=items,
        counts=measured.all_counts,
    )


def _silence(survey: Survey, key: CellKey, battery: str, homes: Mapping[str, str], counts: Counts) -> Silence:
    """A cell's replies beside the people of its country who gave none."""
    home = homes[key.culture]
    answers, silent = (
        held_out_distribution(survey, key.question, home),
        held_out_nonresponse(survey, key.question, home),
    )
    if answers is None or silent is None:
        return Silence(key, battery, counts, None, None)
    asked = answers.total + sum(silent)
    return Silence(key, battery, counts, silent.dont_know / asked, silent.no_answer / asked)
