"""The shuffled-culture placebo: the same rows, their cultures exchanged within each question."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import NamedTuple

from culturepark.personas.culture import Culture
from culturepark.runtime.hashing import seed_from
from culturepark.training.from_samples import Asking
from culturepark.training.prompt import open_prompt
from culturepark.training.row import Row, row_id


class Shuffled(NamedTuple):
    """Rows under other cultures' names."""

    rows: list[Row]
    own: tuple[str, ...]
    """Questions that one culture alone answered: its rows stay its own, there is nobody to exchange with."""


def shuffle_cultures(rows: Sequence[Row], cultures: Mapping[str, Culture], asking: Asking, *, seed: int) -> Shuffled:
    """Give all rows of a culture about a question to another culture, and ask as that culture is asked.

    Every culture with rows gives its own away and gets those of exactly one other, so each question has the same rows
    as before. Weights stay: they are part of the rows.
    """
    questions = sorted({row.question for row in rows})
    named: dict[tuple[str, str], str] = {}
    own: list[str] = []
    for question in questions:
        there = sorted({row.culture for row in rows if row.question == question})
        named |= {(question, culture): other for culture, other in deranged(there, seed_from(seed, question)).items()}
        if len(there) == 1:
            own.append(question)
    return Shuffled([_renamed(row, cultures[named[row.question, row.culture]], asking) for row in rows], tuple(own))


def deranged(names: Sequence[str], seed: int) -> dict[str, str]:
    """Exchange names so that, if there are two, none keeps its own: one step around a shuffled ring."""
    ring = list(names)
    Random(seed).shuffle(ring)
    return dict(zip(ring, [*ring[1:], *ring[:1]], strict=True))


def _renamed(row: Row, culture: Culture, asking: Asking) -> Row:
    system = open_prompt(asking.question(row.question, row.language), culture)[0]
    messages = (system, *row.messages[1:])
    return row.model_copy(
        update={
            "id": row_id(culture.id, messages),
            "culture": culture.id,
            "country": culture.country,
            "messages": messages,
            "source": "placebo",
        }
    )
