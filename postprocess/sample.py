"""A sample: a distinct, verified opinion with everything needed to defend it."""

from typing import Literal

from pydantic import Field

from culturepark.personas.culture import Culture
from culturepark.personas.question import Question
from culturepark.personas.stance import Stance
from culturepark.postprocess.opinion import Opinion
from culturepark.postprocess.rows import chat_row
from culturepark.runtime.hashing import content_id
from culturepark.runtime.record import Record
from culturepark.runtime.request import Message


class Sample(Record):
    """What a model of a culture is trained on. Synthetic: no real person said this."""

    id: str
    text: str
    culture: str
    country: str
    question: str
    talk: str
    turn: int
    quote: str
    stance: Stance | None
    language: str = "en"
    """BCP 47 of the text and of the chat row."""
    opinions: tuple[str, ...]
    """Ids of the opinions it stands for, its own first."""
    mass: int = Field(ge=1)
    """How many opinions it stands for."""
    messages: tuple[Message, ...]
    """The chat row: who answers, the survey question, the opinion."""
    synthetic: Literal[True] = True


def make_sample(opinion: Opinion, merged: tuple[str, ...], *, question: Question, culture: Culture) -> Sample:
    """Turn a kept opinion, and those merged into it, into a sample."""
    return Sample(
        id=sample_id(opinion),
        text=opinion.text,
        culture=opinion.culture,
        country=opinion.country,
        question=opinion.question,
        talk=opinion.talk,
        turn=opinion.turn,
        quote=opinion.quote,
        stance=opinion.stance,
        language=opinion.language,
        opinions=(opinion.id, *merged),
        mass=1 + len(merged),
        messages=chat_row(opinion.text, question=question, culture=culture, language=opinion.language),
    )


def sample_id(opinion: Opinion) -> str:
    """Id of the sample that an opinion becomes when it is kept."""
    return content_id("s", [opinion.id, opinion.text])
