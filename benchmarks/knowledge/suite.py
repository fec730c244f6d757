"""The suite on one model: short answers against counted human ones, country by country."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from culturepark.benchmarks.asking import Answer, Asker, Open, count, silence
from culturepark.benchmarks.knowledge.questions import KnowledgeQuestion, load_questions
from culturepark.benchmarks.statistics import paired_interval
from culturepark.benchmarks.task import (
    BenchSettings,
    Cell,
    ItemScore,
    PromptLanguage,
    Score,
    SuiteResult,
    Table,
    Task,
    language_of,
    load_task,
)
from culturepark.personas.roster import load_roster
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.request import Message


class Asked(NamedTuple):
    """One question in one language, with what came of it."""

    question: KnowledgeQuestion
    language: PromptLanguage
    answer: Answer
    value: float | None
    """Weighted match in [0, 1]; None without an answer."""


async def run(asked: Asker, settings: BenchSettings) -> SuiteResult:
    """Ask every question in each language of the prompts; answers are always written, whatever the scoring.

    Raises:
        CultureParkError: When there is nothing to ask.
    """
    task = load_task(__package__)
    roster = load_roster()
    for culture in settings.cultures:
        roster.culture(culture)
    questions, problems = load_questions(settings)
    if not questions:
        raise CultureParkError("; ".join(problems) or f"knowledge: no question of {', '.join(settings.cultures)}")
    found: list[Asked] = []
    for language in settings.languages:
        found += await _ask(asked, task, questions, language)
    counts = count([one.answer for one in found])
    return SuiteResult(
        suite=task.name,
        version=task.version,
        model=asked.model,
        identity=asked.identity,
        settings=settings,
        counts=counts,
        scores=tuple(_scores(found, settings.languages)),
        tables=(_countries(found),),
        items=tuple(_items(found)),
        problems=(*problems, *silence(asked.model, counts)),
        notes=("exact match after normalising: a right answer in other words than any annotator's counts as wrong",),
    )


async def _ask(
    asked: Asker, task: Task, questions: Sequence[KnowledgeQuestion], language: PromptLanguage
) -> list[Asked]:
    prompts = [_prompt(task, question, language) for question in questions]
    answers = await asked.write(prompts, what=f"knowledge ({language})")
    return [
        Asked(question, language, answer, question.value(answer.text) if answer.kind == "answered" else None)
        for question, answer in zip(questions, answers, strict=True)
    ]


def _prompt(task: Task, question: KnowledgeQuestion, language: PromptLanguage) -> Open:
    words = question.en_question if language == "en" else question.question
    text = task.prompt("answer", language_of(language, data=question.language)).format(question=words)
    return Open(id=f"{question.id}/{language}", messages=(Message(role="user", content=text),))


def _scores(found: Sequence[Asked], languages: Sequence[PromptLanguage]) -> list[Score]:
    scores: list[Score] = []
    for language in languages:
        mine = [one for one in found if one.language == language and one.value is not None]
        values = [one.value for one in mine if one.value is not None]
        countries = len({one.question.country for one in mine})
        for name, each in (("weighted match", values), ("match", [float(value > 0) for value in values])):
            low, high = _interval(each)
            scores.append(
                Score(
                    name=f"{name} ({language})", value=float(np.mean(each)) if each else None, low=low, high=high,
                    n=len(each), clusters=countries, note="questions are resampled, countries are not",
                )
            )  # fmt: skip
    return scores


def _countries(found: Sequence[Asked]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for country, culture, language in dict.fromkeys(
        (one.question.country, one.question.culture, one.language) for one in found
    ):
        mine = [one for one in found if (one.question.country, one.language) == (country, language)]
        values = [one.value for one in mine if one.value is not None]
        counts = count([one.answer for one in mine])
        low, high = _interval(values)
        rows.append(
            (
                country, culture, language, float(np.mean(values)) if values else None, low, high,
                float(np.mean([value > 0 for value in values])) if values else None,
                len(mine), counts.answered, counts.refused, counts.invalid, counts.failed,
            )
        )  # fmt: skip
    return Table(
        title="countries (value: weighted match)",
        columns=(
            "country", "culture", "prompt", "value", "low", "high", "match", "questions", "answered", "refused",
            "blank", "failed",
        ),
        rows=tuple(rows),
        plot="forest",
        note="weighted match: votes of the model's answer as a share of the votes of the commonest answer",
    )  # fmt: skip


def _interval(values: Sequence[float]) -> tuple[float | None, float | None]:
    """95 % interval of the mean over questions."""
    found = paired_interval(values, ["questions"] * len(values), seed=0)
    return (None, None) if found is None else (found.low, found.high)


def _items(found: Sequence[Asked]) -> list[ItemScore]:
    """Of each question and language; a country is a cluster."""
    return [
        ItemScore(
            id=f"{one.question.id}/{one.language}",
            cluster=one.question.country,
            culture=one.question.culture,
            value=one.value,
            right=None if one.value is None else one.value > 0,
        )
        for one in found
    ]
