"""Find the opinions in an utterance: the model points at sentences by number, code cuts the exact span."""

from importlib.resources import files
from itertools import groupby
from typing import Any, NamedTuple

from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import PydanticOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable
from pydantic import BaseModel, ConfigDict

from culturepark.personas.seat import Seat
from culturepark.postprocess.fence import quoted
from culturepark.postprocess.opinion import About, Opinion
from culturepark.postprocess.sentences import Sentence, split_sentences
from culturepark.protocols.turn import Turn
from culturepark.runtime.hashing import content_id
from culturepark.runtime.models.langchain_client import LedgerChatModel
from culturepark.simulation.transcript import Transcript

DRAWS = 2


class Pointed(BaseModel):
    """One sentence that the model takes for an opinion."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sentence: int
    about: About


class PointedOpinions(BaseModel):
    """The model's reply."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    opinions: tuple[Pointed, ...]


class Extracted(NamedTuple):
    """Opinions of one utterance, or None when no draw gave the requested JSON."""

    opinions: tuple[Opinion, ...] | None


_PARSER = PydanticOutputParser[PointedOpinions](pydantic_object=PointedOpinions)


def extraction_prompt() -> ChatPromptTemplate:
    """Ask for opinions; the instruction, the same for every utterance, comes first."""
    folder = files(__package__) / "prompts"
    instruction, turn = ((folder / name).read_text(encoding="utf-8") for name in ("extract.md", "extract_turn.md"))
    return ChatPromptTemplate.from_messages([("system", instruction), ("human", turn)])


def extraction_chain(model: LedgerChatModel, *, draw: int = 0) -> Runnable[dict[str, str], AIMessage]:
    """Read `question`, `speaker` and `sentences`; return the message whose content is the requested JSON."""
    schema = PointedOpinions.model_json_schema()
    return extraction_prompt() | model.bind(json_schema=schema, draw=draw)


async def extract(model: LedgerChatModel, transcript: Transcript, turn: Turn) -> Extracted:
    """Find the opinions of one utterance.

    Raises:
        ModelError: When the endpoint gives no reply.
    """
    seat = transcript.seat(turn.speaker)
    sentences = split_sentences(turn.text, language=seat.language)
    inputs = {
        "question": transcript.seed.text["en"],
        "speaker": seat.name,
        "sentences": "\n".join(f"[{number}] {quoted(item.text)}" for number, item in enumerate(sentences, start=1)),
    }
    for draw in range(DRAWS):
        message = await extraction_chain(model, draw=draw).ainvoke(inputs)
        try:
            found: PointedOpinions = _PARSER.parse(str(message.content))
        except OutputParserException:
            continue
        key = str(message.response_metadata["key"])
        return Extracted(_cut(found, sentences, transcript, turn, seat, key=key))
    return Extracted(None)


def _cut(
    found: PointedOpinions, sentences: list[Sentence], transcript: Transcript, turn: Turn, seat: Seat, **facts: Any
) -> tuple[Opinion, ...]:
    """Cut the sentences pointed at, each once; a number that stands for no sentence points at nothing.

    Neighbouring sentences about the same people are one opinion: a view and its reason belong together, and a reason
    alone ("It keeps a family close.") would be judged as if nobody held anything by it.
    """
    about = {pointed.sentence: pointed.about for pointed in found.opinions if 1 <= pointed.sentence <= len(sentences)}
    opinions: list[Opinion] = []
    for _, run in groupby(enumerate(sorted(about)), key=lambda item: (item[1] - item[0], about[item[1]])):
        numbers = [number for _, number in run]
        start, end = sentences[numbers[0] - 1].start, sentences[numbers[-1] - 1].end
        quote = turn.text[start:end]
        opinions.append(
            Opinion(
                id=content_id("o", [transcript.id, turn.index, start, end, quote]),
                text=quote,
                quote=quote,
                start=start,
                end=end,
                talk=transcript.id,
                turn=turn.index,
                speaker=turn.speaker,
                culture=seat.culture.id,
                country=seat.culture.country,
                question=transcript.seed.id,
                stance=seat.stance,
                language=seat.language,
                about=about[numbers[0]],
                requests=(facts["key"],),
            )
        )
    return tuple(opinions)
