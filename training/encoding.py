"""Rows as tokens: the model's own chat template, in training as in evaluation, and labels on the answer alone."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.record import Record
from culturepark.runtime.request import Message
from culturepark.training.prefixes import IGNORED
from culturepark.training.row import Row

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class EncodedRow(Record):
    """A row as the trainer reads it."""

    input_ids: tuple[int, ...]
    labels: tuple[int, ...]
    """The token itself where it is learned, `IGNORED` elsewhere."""
    weight: float


def load_tokenizer(folder: str, *, name: str) -> "PreTrainedTokenizerBase":
    """Read a base's tokenizer.

    Raises:
        CultureParkError: When it has no chat template: it was not trained to hold a chat.
    """
    from transformers import AutoTokenizer  # noqa: PLC0415  (slow to import)

    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folder)
    if not tokenizer.chat_template:
        raise CultureParkError(
            f"base {name!r} has no chat template, so it cannot be told a question from an answer; "
            "use its instruct or chat variant"
        )
    return tokenizer


def encode_rows(rows: Sequence[Row], tokenizer: "PreTrainedTokenizerBase") -> list[EncodedRow]:
    """Tokenize rows; weights are scaled to a mean of 1, so that they move no learning rate.

    Raises:
        CultureParkError: When the template writes a question differently once it is answered.
    """
    mean = sum(row.weight for row in rows) / max(len(rows), 1)
    return [_encode(row, tokenizer, weight=row.weight / mean) for row in rows]


def count_tokens(rows: Sequence[Row], tokenizer: "PreTrainedTokenizerBase") -> list[int]:
    """How many tokens each row takes, template and all."""
    return [len(_encode(row, tokenizer, weight=1.0).input_ids) for row in rows]


def prompt_tokens(messages: Sequence[Message], tokenizer: "PreTrainedTokenizerBase") -> list[int]:
    """What stands before an answer: the messages and the template's invitation to speak."""
    return _template(tokenizer, messages, add_generation_prompt=True)


def _encode(row: Row, tokenizer: "PreTrainedTokenizerBase", *, weight: float) -> EncodedRow:
    prompt = prompt_tokens(row.messages[:-1], tokenizer)
    whole = _template(tokenizer, row.messages, add_generation_prompt=False)
    if whole[: len(prompt)] != prompt or len(whole) == len(prompt):
        raise CultureParkError(
            f"row {row.id}: the chat template of {tokenizer.name_or_path!r} writes a question differently once it is "
            "answered, so the answer's tokens cannot be told; use another base"
        )
    answer = whole[len(prompt) :]
    # Templates write a line break after the end of a turn: the model is never asked to say that.
    ends = [place for place, token in enumerate(answer) if token == tokenizer.eos_token_id]
    answer = answer[: ends[-1] + 1] if ends else answer
    return EncodedRow(input_ids=(*prompt, *answer), labels=(*[IGNORED] * len(prompt), *answer), weight=weight)


def _template(tokenizer: "PreTrainedTokenizerBase", messages: Sequence[Message], **options: Any) -> list[int]:
    chat = [{"role": message.role, "content": message.content} for message in messages]
    encoded: Any = tokenizer.apply_chat_template(chat, tokenize=True, return_dict=True, **options)
    return list(encoded["input_ids"])
