"""Find the opinions in an utterance: the model points at sentences by number, code cuts the exact span."""

from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import Literal, NamedTuple

from langchain_core.messages import AIMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable
from pydantic import BaseModel, ConfigDict

from culturepark.postprocess.fence import quoted
from culturepark.postprocess.opinion import About, Kind, Opinion
from culturepark.postprocess.replies import read_reply
from culturepark.postprocess.sentences import Sentence, split_sentences
from culturepark.protocols.turn import Turn
from culturepark.runtime.hashing import content_id
from culturepark.runtime.models.langchain_client import LedgerChatModel
from culturepark.simulation.transcript import Transcript

DRAWS = 2
AT_ONCE = 8
"""Sentences in one request: so many can be answered within the room that a reply has."""
BYTES_AT_ONCE = 4000
"""UTF-8 bytes of sentences in one request: they fit the context of a small model in every script."""
SHOWN = 1000
"""Characters of a sentence that are shown to the model; what is longer is no sentence anybody said."""
LONGEST = 600
"""Characters up to which neighbouring sentences are joined to one opinion."""

Unread = Literal[
    "blank", "no_opinion", "no_reply", "extract_blank", "extract_truncated", "extract_refused", "extract_failed"
]
"""Why an utterance gave no opinions: nothing was said, none was found, or what was wrong with the model's reply."""


class Pointed(BaseModel):
    """One sentence that the model takes for an opinion."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sentence: int
    about: About
    kind: Kind


class PointedOpinions(BaseModel):
    """The model's reply."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    opinions: tuple[Pointed, ...]


class Extracted(NamedTuple):
    """What was found in one utterance."""

    opinions: tuple[Opinion, ...]
    unread: Unread | None
    """Why nothing was found, or None."""


class Portion(NamedTuple):
    """Neighbouring sentences that are asked about in one request."""

    first: int
    """Place of the first one among all sentences of the utterance."""
    sentences: tuple[Sentence, ...]


class Found(NamedTuple):
    """A sentence pointed at, and the ledger key of the reply that did."""

    about: About
    kind: Kind
    key: str


def extraction_prompt() -> ChatPromptTemplate:
    """Ask for opinions; the instruction, the same for every utterance, comes first."""
    folder = files(__package__) / "prompts"
    instruction, turn = ((folder / name).read_text(encoding="utf-8") for name in ("extract.md", "extract_turn.md"))
    return ChatPromptTemplate.from_messages([("system", instruction), ("human", turn)])


def extraction_chain(model: LedgerChatModel, *, draw: int = 0) -> Runnable[dict[str, str], AIMessage]:
    """Read `question`, `speaker` and `sentences`; return the message whose content is the requested JSON."""
    schema = PointedOpinions.model_json_schema()
    return extraction_prompt() | model.at_draw(draw, json_schema=schema)


async def extract(model: LedgerChatModel, transcript: Transcript, turn: Turn) -> Extracted:
    """Find the opinions of one utterance, a portion of its sentences at a time.

    One portion without a usable reply leaves the whole utterance unread: half of what somebody said may be the
    opposite of all of it.

    Raises:
        ModelError: When the endpoint gives no reply.
    """
    sentences = split_sentences(turn.text, language=transcript.seat(turn.speaker).language)
    if not sentences:
        return Extracted((), "blank")
    found: dict[int, Found] = {}
    for portion in portions(sentences):
        pointed = await _point(model, transcript, turn, portion)
        if isinstance(pointed, str):
            return Extracted((), pointed)
        found |= pointed
    opinions = _cut(found, sentences, transcript, turn)
    return Extracted(opinions, None if opinions else "no_opinion")


def portions(sentences: Sequence[Sentence]) -> Iterator[Portion]:
    """Cut a list of sentences into portions that a small model can read and answer."""
    first, size = 0, 0
    for place, sentence in enumerate(sentences):
        bytes_shown = len(sentence.text[:SHOWN].encode())
        if place > first and (place - first == AT_ONCE or size + bytes_shown > BYTES_AT_ONCE):
            yield Portion(first, tuple(sentences[first:place]))
            first, size = place, 0
        size += bytes_shown
    yield Portion(first, tuple(sentences[first:]))


async def _point(
    model: LedgerChatModel, transcript: Transcript, turn: Turn, portion: Portion
) -> dict[int, Found] | Unread:
    """Ask which sentences of a portion are opinions; by place among all sentences of the utterance."""
    inputs = {
        "question": transcript.seed.text["en"],
        "speaker": transcript.seat(turn.speaker).name,
        "sentences": "\n".join(
            f"[{number}] {quoted(sentence.text[:SHOWN])}" for number, sentence in enumerate(portion.sentences, start=1)
        ),
    }
    unread: Unread = "extract_failed"
    for draw in range(DRAWS):
        message = await extraction_chain(model, draw=draw).ainvoke(inputs)
        reply = read_reply(message, PointedOpinions)
        if isinstance(reply, PointedOpinions):
            key = str(message.response_metadata["key"])
            return {
                # A number that stands for no sentence points at nothing.
                portion.first + pointed.sentence - 1: Found(pointed.about, pointed.kind, key)
                for pointed in reply.opinions
                if 1 <= pointed.sentence <= len(portion.sentences)
            }
        unread = UNREAD[reply]
    return unread


UNREAD: dict[str, Unread] = {
    "blank": "extract_blank",
    "truncated": "extract_truncated",
    "refused": "extract_refused",
    "failed": "extract_failed",
}


def _cut(
    found: dict[int, Found], sentences: Sequence[Sentence], transcript: Transcript, turn: Turn
) -> tuple[Opinion, ...]:
    """Cut the sentences pointed at, each once.

    Neighbouring sentences about the same people are one opinion: a view and its reason belong together, and a reason
    alone ("It keeps a family close.") would be judged as if nobody held anything by it.
    """
    seat = transcript.seat(turn.speaker)
    opinions: list[Opinion] = []
    for run in _neighbours(found, sentences):
        start, end = sentences[run[0]].start, sentences[run[-1]].end
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
                about=found[run[0]].about,
                kind=found[run[0]].kind,
                requests=tuple(dict.fromkeys(found[place].key for place in run)),
            )
        )
    return tuple(opinions)


def _neighbours(found: dict[int, Found], sentences: Sequence[Sentence]) -> list[list[int]]:
    """Join places that follow each other, are about the same people and together not too long."""
    runs: list[list[int]] = []
    for place in sorted(found):
        run = runs[-1] if runs else []
        if (
            run
            and place == run[-1] + 1
            and found[place].about == found[run[0]].about
            and sentences[place].end - sentences[run[0]].start <= LONGEST
        ):
            run.append(place)
        else:
            runs.append([place])
    return runs
