"""Are samples worth as much as what people themselves said? Equal numbers of rows of each."""

from collections.abc import Sequence
from typing import Final

from culturepark.benchmarks.experiments.running import Analysis
from culturepark.benchmarks.experiments.setup import Setup
from culturepark.benchmarks.experiments.steps import BASE, Step, Talks, counted, pick
from culturepark.benchmarks.experiments.tuning import analysis, equalised, rows_of, tuned
from culturepark.benchmarks.knowledge.questions import KnowledgeQuestion, load_questions
from culturepark.benchmarks.task import BenchSettings
from culturepark.personas.culture import Culture
from culturepark.personas.roster import load_roster
from culturepark.postprocess.rows import speaks_as
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.request import Message
from culturepark.training.row import Row, make_row

TALKS: Final = "talks"
DRAWS: Final = 40
"""Human answers drawn for each culture and question."""


def plan(setup: Setup) -> tuple[Step, ...]:
    """One run of talks, and people's own answers beside it.

    Raises:
        CultureParkError: When the BLEnD arm is to be run and its data are not there.
    """
    blend = blend_rows(setup) if "blend" in setup.arms else []

    def rows() -> dict[str, Sequence[Row]]:
        ours = rows_of(setup, TALKS)
        survey = rows_of(setup, TALKS, mode="distribution", draws=DRAWS)
        made = dict(equalised({"culturepark": ours, "survey": survey}, setup))
        seed = setup.options.seed
        half = [(arm, pick(made[arm], counted(made[arm]) // 2, seed=seed)) for arm in ("culturepark", "survey")]
        made["half"] = [row for _, part in half for row in part]
        if blend:
            made["blend"] = pick(blend, counted(made["culturepark"]), seed=seed)
        return {arm: made[arm] for arm in setup.arms if arm != BASE}

    return tuned(setup, [Talks(TALKS, setup.study(TALKS))], rows)


def analyse(setup: Setup) -> Analysis:
    """Samples against human answers; then everything against the persona prompt."""
    others = [(arm, BASE) for arm in setup.arms if arm != BASE]
    others += [("half", "survey"), ("culturepark", "blend")]
    return analysis(setup, setup.design.test.contrast, "culturepark", "survey", others)


def blend_rows(setup: Setup) -> list[Row]:
    """Rows of human answers to everyday questions: the commonest answer of each.

    Raises:
        CultureParkError: When no data are given, or none is of the cultures.
    """
    if setup.options.data is None and setup.imagined:
        return []
    if setup.options.data is None:
        raise CultureParkError(
            f"{setup.design.name}: arm 'blend' needs human answers: add --data FOLDER with knowledge/*.jsonl in the "
            "BLEnD layout (docs/bench.md)"
        )
    questions, _ = load_questions(BenchSettings(data=setup.options.data, cultures=setup.size.cultures))
    if not questions:
        raise CultureParkError(
            f"{setup.design.name}: {setup.options.data}/knowledge has no question of {', '.join(setup.cultures)}; add "
            "--culture with one that it has"
        )
    cultures = load_roster().cultures
    return [_blend_row(question, cultures[question.culture]) for question in questions if question.culture in cultures]


def _blend_row(question: KnowledgeQuestion, culture: Culture) -> Row:
    best = max(question.answers, key=lambda answer: answer.count)
    text = (best.en_answers or best.answers)[0]
    messages = (
        speaks_as(culture, "en"),
        Message(role="user", content=question.en_question),
        Message(role="assistant", content=text),
    )
    return make_row(
        "answer", messages, culture=culture.id, country=culture.country, language="en",
        question=f"blend:{question.id}", stance=None, source="blend",
    )  # fmt: skip
