"""Rows from the survey's counts alone: each answer as often as the country's people give it. No talk is needed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random

from culturepark.personas.question import Question
from culturepark.personas.surveys.survey import load_survey
from culturepark.runtime.hashing import seed_from
from culturepark.training.from_samples import Asking, Made
from culturepark.training.material import Material
from culturepark.training.prompt import AskedQuestion, scale_answer, scale_prompt
from culturepark.training.row import make_row
from culturepark.training.weighting import apportion

Variants = Mapping[tuple[str, str], Sequence[str]]
"""Other wordings of a question, by question and language."""


def rows_from_counts(
    material: Material,
    cultures: Sequence[str],
    questions: Sequence[str],
    asking: Asking,
    *,
    draws: int,
    seed: int,
    source: str,
    variants: Variants | None = None,
) -> Made:
    """Draw answers as each country gives them: systematic sampling, so few draws already mirror the country.

    Args:
        material: Of the run.
        cultures: Ids.
        questions: Seed questions.
        asking: Words the questions.
        draws: Answers for each culture and question (and each of its wordings).
        seed: Of where between two points the first one lies.
        source: The mode.
        variants: Other wordings, each asked like the question itself.
    """
    rows, base, without = [], Counter[str](), Counter[str]()
    for culture in (material.cultures[name] for name in cultures):
        language = material.language(culture)
        for question in questions:
            answers = material.survey(question).distribution(question, culture.country)
            if answers is None:
                without["not_asked_there"] += draws
                continue
            asked = asking.question(question, language)
            for number, text in enumerate((None, *(variants or {}).get((question, language), ()))):
                offset = Random(seed_from(seed, question, culture.country, number)).random()
                prompt = scale_prompt(asked if text is None else _reworded(asked, text), culture)
                for code, times in apportion(answers.shares, draws, offset=offset).items():
                    if not times:
                        continue
                    row = make_row(
                        "distribution",
                        (*prompt, scale_answer(code)),
                        culture=culture.id,
                        country=culture.country,
                        language=language,
                        question=question,
                        stance=code,
                        source=source,
                    )
                    if row.id not in base:
                        rows.append(row)
                    base[row.id] += times
                    without["stands_in_another"] += times - 1
    return Made(rows, base, {reason: count for reason, count in sorted(without.items()) if count})


def seed_questions(material: Material) -> tuple[str, ...]:
    """The questions that rows may be made from: those the run talked about, or all seed questions of its survey."""
    talked = {sample.question for sample in material.samples}
    return tuple(sorted(question for question in talked if _is_seed(material, question))) or tuple(
        question.id for question in load_survey(material.source).questions.values() if _usable(question)
    )


def _is_seed(material: Material, question: str) -> bool:
    return material.survey(question).questions[question].split == "seed"


def _usable(question: Question) -> bool:
    return question.split == "seed" and question.same_as is None


def _reworded(asked: AskedQuestion, text: str) -> AskedQuestion:
    worded = asked.question.model_copy(update={"text": dict.fromkeys(asked.question.text, text)})
    return asked.model_copy(update={"question": worded})
