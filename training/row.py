"""A training row: one chat whose last message, the assistant's, is what a model learns to say."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, get_args

from pydantic import Field, model_validator

from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.hashing import content_id
from culturepark.runtime.record import Record, build, not_json, read_text
from culturepark.runtime.request import Message
from culturepark.runtime.whole_file import whole_file

Kind = Literal["survey", "opinion", "dialogue", "distribution", "answer"]
"""`survey`: the question with its scale, the answer, then the opinion. `opinion`: the question, the opinion.
`dialogue`: the talk so far, the utterance. `distribution`: an answer as often as the country gives it. `answer`: an
answer as often as the samples give it."""
KINDS: tuple[Kind, ...] = get_args(Kind)


class Row(Record):
    """One row. The loss is on the last message alone."""

    id: str
    """Hash of everything that is trained on: culture and messages."""
    kind: Kind
    culture: str
    """Whom the model answers as; with `source` `placebo` not the culture that the words are from."""
    country: str = Field(pattern=r"^[A-Z]{3}$")
    language: str
    """BCP 47 of the messages."""
    question: str
    stance: int | None
    """Code of the answer on the question's scale; None where the speaker was held to none."""
    messages: tuple[Message, ...] = Field(min_length=2)
    talk: str | None = None
    """Talk it was said in; None for a row made from counts."""
    sample: str | None = None
    source: str
    """The mode it was made in, e.g. `culturepark` or `direct`."""
    weight: int = Field(default=1, ge=1)
    """How many times it counts in one pass over the rows."""

    @model_validator(mode="after")
    def _assistant_speaks_last(self) -> "Row":
        if self.messages[-1].role != "assistant":
            raise ValueError(f"the last message is the {self.messages[-1].role}'s; it must be the assistant's")
        return self

    @property
    def answer(self) -> str:
        """What is learned: the text of the last message."""
        return self.messages[-1].content


def make_row(
    kind: Kind,
    messages: Sequence[Message],
    *,
    culture: str,
    country: str,
    language: str,
    question: str,
    stance: int | None,
    source: str,
    talk: str | None = None,
    sample: str | None = None,
    weight: int = 1,
) -> Row:
    """Make a row with the id of its content."""
    return Row(
        id=row_id(culture, messages),
        kind=kind,
        culture=culture,
        country=country,
        language=language,
        question=question,
        stance=stance,
        messages=tuple(messages),
        talk=talk,
        sample=sample,
        source=source,
        weight=weight,
    )


def row_id(culture: str, messages: Sequence[Message]) -> str:
    """The same words for the same culture are the same row, wherever they are from."""
    return content_id("r", [culture, list(messages)])


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write rows as JSON lines; the file appears whole or not at all."""
    with whole_file(path) as partial, partial.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row.model_dump(mode="json"), ensure_ascii=False) + "\n")


def read_rows(path: Path) -> list[Row]:
    """Read rows as `write_rows` writes them.

    Raises:
        CultureParkError: Names the file, the line and what is wrong there.
    """
    rows: list[Row] = []
    # Only \n ends a line: Unicode's other line breaks may stand in a text.
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line:
            continue
        try:
            data = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise CultureParkError(f"{path}:{number}: {not_json(error)}; make the rows again") from None
        rows.append(build(Row, data, place=f"{path}:{number}"))
    return rows
