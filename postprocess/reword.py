"""Ask a model to say one statement otherwise. Its text is taken whole or not at all, and never edited by code."""

from importlib.resources import files
from typing import NamedTuple

from langchain_core.messages import AIMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable
from pydantic import BaseModel, ConfigDict

from culturepark.personas.iso import language_name
from culturepark.postprocess.extract import LONGEST
from culturepark.postprocess.fence import quoted
from culturepark.postprocess.replies import read_reply
from culturepark.runtime.models.langchain_client import LedgerChatModel
from culturepark.runtime.request import Sampling
from culturepark.simulation.identify import is_in

DRAWS = 2
SAMPLING = Sampling(temperature=0, top_p=1, max_tokens=200)


class Reworded(BaseModel):
    """The model's reply."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str


class Rewording(NamedTuple):
    """A usable text, or None when no draw gave one, and the ledger keys of the draws."""

    text: str | None
    keys: tuple[str, ...]


def reword_prompt(name: str) -> ChatPromptTemplate:
    """The instruction of `prompts/NAME.md`, the same for every statement, then the statement of `NAME_turn.md`."""
    folder = files(__package__) / "prompts"
    instruction, turn = ((folder / part).read_text(encoding="utf-8") for part in (f"{name}.md", f"{name}_turn.md"))
    return ChatPromptTemplate.from_messages([("system", instruction), ("human", turn)])


def reword_chain(model: LedgerChatModel, name: str, *, draw: int = 0) -> Runnable[dict[str, str], AIMessage]:
    """Read the fields of the prompt; return the message whose content is the requested JSON."""
    return reword_prompt(name) | model.at_draw(draw, json_schema=Reworded.model_json_schema())


async def reword(model: LedgerChatModel, name: str, statement: str, *, language: str, **facts: str) -> Rewording:
    """Have a statement said otherwise, in its language; the other fields of the prompt are quoted, too.

    Raises:
        ModelError: When the endpoint gives no reply.
    """
    inputs = {field: quoted(text) for field, text in {"statement": statement, **facts}.items()}
    inputs["language"] = language_name(language)
    keys: list[str] = []
    for draw in range(DRAWS):
        message = await reword_chain(model, name, draw=draw).ainvoke(inputs)
        keys.append(str(message.response_metadata["key"]))
        reply = read_reply(message, Reworded)
        if isinstance(reply, Reworded) and _is_usable(reply.text, statement, language):
            return Rewording(reply.text.strip(), tuple(keys))
    return Rewording(None, tuple(keys))


def _is_usable(text: str, statement: str, language: str) -> bool:
    """Whether it is something else than before, can stand in a row, and is in the language that was asked for."""
    said = text.strip()
    return (
        any(char.isalnum() for char in said)
        and len(said) <= LONGEST
        and len(said.splitlines()) == 1
        and said.casefold() != statement.strip().casefold()
        and is_in(said, language)
    )
