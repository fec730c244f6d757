"""Rows for measurements: answers drawn as countries give them, or a file of rows that `culturepark train` made."""

import random
from pathlib import Path

from culturepark.personas.roster import load_roster
from culturepark.personas.surveys.survey import load_survey
from culturepark.training.prompt import question_in, scale_answer, scale_prompt
from culturepark.training.row import Row, make_row, read_rows

REASONS = (
    "",
    "At home we say so too.",
    "My father taught me that, and I tell it to my children in turn.",
    "In our town few people would say otherwise, though the young ones argue about it in the evenings after work.",
)


def rows_for(count: int, *, path: Path | None, seed: int, country: str | None = None) -> list[Row]:
    """So many different rows in a random order: of a file, or drawn from the survey's counts.

    A drawn answer has a made-up sentence of one of four lengths behind it, as a survey row has an opinion.
    """
    rng = random.Random(seed)
    if path is None:
        return _drawn(count, rng, country)
    rows = [row for row in read_rows(path) if country in {None, row.country}]
    rng.shuffle(rows)
    return rows[:count]


def _drawn(count: int, rng: random.Random, country: str | None) -> list[Row]:
    survey, roster = load_survey("wvs7"), load_roster()
    cultures = [roster.cultures[name] for name in roster.delegate_cultures]
    cultures = [culture for culture in cultures if country in {None, culture.country}]
    questions = sorted(name for name, question in survey.questions.items() if question.split == "seed")
    rows: list[Row] = []
    while len(rows) < count:
        culture, question = rng.choice(cultures), rng.choice(questions)
        answers = survey.distribution(question, culture.country)
        if answers is None:
            continue
        codes, shares = zip(*sorted(answers.shares.items()), strict=True)
        code = rng.choices(codes, shares)[0]
        reason = rng.choice(REASONS)
        prompt = scale_prompt(question_in(survey, question, "en"), culture)
        rows.append(
            make_row(
                "survey", (*prompt, scale_answer(code, f"{reason} ({len(rows)})" if reason else "")),
                culture=culture.id, country=culture.country, language="en", question=question, stance=code,
                source="benchmark",
            )
        )  # fmt: skip
    return rows
