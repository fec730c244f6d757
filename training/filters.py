"""Rows that must not be trained on: near a held-out question, said twice, too long. Each is listed with its reason."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal

import numpy as np

from culturepark.personas.language import ENGLISH, primary, serving
from culturepark.personas.surveys.survey import SHIPPED, Survey, load_survey
from culturepark.runtime.hashing import sha256
from culturepark.runtime.models.embedders import DEFAULT_EMBEDDER, MULTILINGUAL, Embedder
from culturepark.runtime.record import Record
from culturepark.training.prompt import question_in
from culturepark.training.row import Row

MAX_COSINE: Final = {DEFAULT_EMBEDDER: 0.7, MULTILINGUAL: 0.92}
"""Similarity to a held-out question from which a row is left out. Of the shipped seed questions the nearest to a
held-out one has 0.63 and 0.91; two held-out questions of one battery reach 0.75 and 0.95."""

Reason = Literal["near_held_out", "duplicate", "too_long"]
Counter = Callable[[Row], int]
"""How many tokens a row has."""


class Dropped(Record):
    """A row that is left out, and why."""

    reason: Reason
    row: Row
    detail: str
    """The held-out question and its similarity; the row that says the same; the number of tokens."""


def drop_duplicates(rows: Sequence[Row]) -> tuple[list[Row], list[Dropped]]:
    """Keep the first of rows that teach the same words in the same place."""
    kept: dict[str, Row] = {}
    dropped: list[Dropped] = []
    for row in rows:
        if row.id in kept:
            dropped.append(Dropped(reason="duplicate", row=row, detail=f"says what {row.id} says"))
        else:
            kept[row.id] = row
    return list(kept.values()), dropped


def drop_long(rows: Sequence[Row], *, most: int, tokens: Counter) -> tuple[list[Row], list[Dropped]]:
    """Leave out rows of more than `most` tokens: cut in the middle they would teach to stop in the middle."""
    kept: list[Row] = []
    dropped: list[Dropped] = []
    for row in rows:
        if (count := tokens(row)) > most:
            dropped.append(Dropped(reason="too_long", row=row, detail=f"{count} tokens"))
        else:
            kept.append(row)
    return kept, dropped


def drop_near_held_out(
    rows: Sequence[Row], surveys: Sequence[Survey], embedder: Embedder, *, max_cosine: float
) -> tuple[list[Row], list[Dropped]]:
    """Leave out rows whose words are near a held-out question: its text, in the row's language where there is one.

    Compared is what is learned; and of a row that is only a number, what was asked.

    Args:
        rows: Any.
        surveys: Whose held-out questions count.
        embedder: As samples are compared with.
        max_cosine: From which a row is left out.
    """
    by_language: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_language[row.language].append(row)
    found: dict[str, Dropped] = {}
    for language, spoken in sorted(by_language.items()):
        held = held_out_texts(surveys, language)
        if not held:
            continue
        texts = sorted({text for row in spoken for text in words(row)})
        cosines = embedder.encode(texts) @ embedder.encode(list(held.values())).T
        nearest = dict(zip(texts, np.argmax(cosines, axis=1), strict=True))
        height = dict(zip(texts, np.max(cosines, axis=1), strict=True))
        for row in spoken:
            text = max(words(row), key=lambda one: float(height[one]))
            if height[text] >= max_cosine:
                question = list(held)[nearest[text]]
                found[row.id] = Dropped(reason="near_held_out", row=row, detail=f"{question} at {height[text]:.3f}")
    return [row for row in rows if row.id not in found], list(found.values())


def held_out_texts(surveys: Sequence[Survey], language: str) -> Mapping[str, str]:
    """Texts of the held-out questions by id, in a language, or in English where a survey is not in it."""
    texts: dict[str, str] = {}
    for survey in surveys:
        spoken = primary(language) == ENGLISH or serving(language, survey.languages) is not None
        for question in survey.questions.values():
            if question.split == "held-out":
                asked = question_in(survey, question.id, language if spoken else ENGLISH)
                texts[question.id] = asked.question.text_in(asked.language)
    return texts


def measured_surveys(own: Survey) -> list[Survey]:
    """The surveys whose held-out questions are measured: the run's own and every shipped one."""
    return [own, *(load_survey(name) for name in SHIPPED if name != own.info.name)]


def words(row: Row) -> tuple[str, ...]:
    """The words of a row that can give a held-out question away: what is learned, or asked where that is a number."""
    learned = row.answer.partition("\n")[2] if row.kind == "survey" else row.answer
    if learned.strip().isdigit():
        return (row.messages[-2].content,)
    return (learned,)


def text_hashes(rows: Sequence[Row]) -> frozenset[str]:
    """Hash of each text that rows are made of, for checks that nothing of a benchmark was trained on."""
    return frozenset(text_hash(text) for row in rows for message in row.messages for text in _texts(message.content))


def text_hash(text: str) -> str:
    """Hash of a text, blind to case and spacing."""
    return sha256(" ".join(text.casefold().split()))


def _texts(content: str) -> list[str]:
    return [content, *(line for line in content.splitlines() if line.strip())]
