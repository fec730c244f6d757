"""Reading a model's JSON reply: a whole one becomes a record, any other has a name for what is wrong with it."""

import re
from typing import Literal, TypeVar

from langchain_core.messages import AIMessage
from pydantic import BaseModel, ValidationError

Problem = Literal["blank", "truncated", "refused", "failed"]
"""`failed` is text that is not the requested JSON: prose, half a document, other fields."""
R = TypeVar("R", bound=BaseModel)

_FENCED = re.compile(r"```(?:json)?\s*\n(.*)\n\s*```", re.DOTALL)
"""Servers that cannot hold a reply to a schema like to wrap it."""


def read_reply(message: AIMessage, record: type[R]) -> R | Problem:
    """Read a reply as a record, or say why it cannot be.

    LangChain's parsers close the brackets of half a document and hand it on as a whole one; this never does.
    """
    finish = message.response_metadata["finish_reason"]
    text = str(message.content).strip()
    if finish in {"content_filter", "refusal"}:
        return "refused"
    if finish == "length":
        return "truncated"
    if not text:
        return "blank"
    fenced = _FENCED.fullmatch(text)
    try:
        return record.model_validate_json(fenced[1] if fenced else text)
    except ValidationError:
        return "failed"
