"""What a participant learns from: a chat with a model of the study, or a table of how seed questions were answered."""

import asyncio
from contextlib import AsyncExitStack
from typing import Final, NamedTuple, Self

from culturepark.benchmarks.education.classroom import Classroom
from culturepark.benchmarks.education.sessions import PURPOSE, Session, chat_seed, note_exchange
from culturepark.personas.culture import Culture
from culturepark.personas.language import ENGLISH
from culturepark.personas.surveys.survey import Survey
from culturepark.postprocess.rows import speaks_as
from culturepark.runtime.budget import Budget, BudgetSettings
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.ledger import Ledger, spent_before
from culturepark.runtime.models.opening import OpenModel, open_model
from culturepark.runtime.request import Message, Request
from culturepark.runtime.store import Store

MOST_CHARACTERS: Final = 1000
"""Of one message of a participant."""


class Tutors:
    """Models that are open while the classroom is: each is opened for its first question, and none twice."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._open: dict[tuple[str, str | None], OpenModel] = {}
        self._opening = asyncio.Lock()

    async def __aenter__(self) -> Self:
        """Nothing is opened yet."""
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Close every model."""
        await self.close()

    async def close(self) -> None:
        """Close every model; the next question opens its own again."""
        self._open.clear()
        await self._stack.aclose()

    async def exchange(
        self, store: Store, classroom: Classroom, session: Session, text: str, *, budget: BudgetSettings
    ) -> Session:
        """Answer what a participant writes, as the lesson's arm has it, and keep both.

        Both models are told the same, in the words that a culture's model was trained with.

        Raises:
            CultureParkError: When the text is empty or too long, the lesson has no model, was withdrawn or went on
                elsewhere, the model cannot be used, or the budget is spent.
        """
        text = text.strip()
        if not text:
            raise CultureParkError("the message is empty; write something first")
        if len(text) > MOST_CHARACTERS:
            raise CultureParkError(f"the message has {len(text)} characters; keep it under {MOST_CHARACTERS}")
        model = await self._model(classroom, _model_name(classroom, session))
        ledger = Ledger(store, model.endpoint, budget=Budget(budget, spent=spent_before(store)))
        completed = await ledger.complete(_request(classroom, session, text))
        return note_exchange(store, session, asked=text, answered=completed.reply.text.strip())

    async def _model(self, classroom: Classroom, name: str) -> OpenModel:
        spec, base_url = classroom.model(name)
        key = (name, base_url)
        async with self._opening:
            if key not in self._open:
                self._open[key] = await self._stack.enter_async_context(open_model(spec, base_url=base_url))
            return self._open[key]


def _model_name(classroom: Classroom, session: Session) -> str:
    lesson = session.lesson
    if lesson.arm == "survey_table":
        raise CultureParkError("this lesson is a table; there is nobody to write to")
    return classroom.cultures[lesson.culture] if lesson.arm == "culture_model" else classroom.base_model


def _request(classroom: Classroom, session: Session, text: str) -> Request:
    culture = classroom.culture(session.lesson.culture)
    said = [Message(role="user" if one.by == "participant" else "assistant", content=one.text) for one in session.chat]
    return Request(
        messages=(speaks_as(culture, ENGLISH), *said, Message(role="user", content=text)),
        purpose=PURPOSE,
        sampling=classroom.sampling,
        seed=chat_seed(session.lesson.id),
    )


class TableLine(NamedTuple):
    """How a country answered one seed question."""

    topic: str
    text: str
    shares: tuple[tuple[str, float], ...]
    """Label and fraction of each answer, in the scale's order."""
    respondents: float | None


def survey_table(survey: Survey, culture: Culture) -> list[TableLine]:
    """What the arm `survey_table` reads: the seed questions' answers only, which talks are made from, too."""
    lines = []
    for question in survey.questions.values():
        if question.split != "seed" or (found := survey.distribution(question.id, culture.country)) is None:
            continue
        labels = question.scale.labels
        shares = tuple((labels.get(code, str(code)), share) for code, share in sorted(found.shares.items()))
        lines.append(TableLine(question.topic, question.text["en"], shares, found.n))
    return lines
