"""The ways in which an item is asked, and which items a limited run asks."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple

from culturepark.benchmarks.asking import Closed
from culturepark.benchmarks.hofstede.files import Items
from culturepark.benchmarks.hofstede.indices import DIMENSIONS, FORMULAS, ITEMS, Dimension
from culturepark.benchmarks.task import Task
from culturepark.personas.culture import Culture
from culturepark.postprocess.rows import countries_in
from culturepark.runtime.request import Message

Kind = Literal["paper", "sound", "brief"]
"""How thoroughly an item is asked; see `ways`."""
PERSONAS: Final = ("as_people", "as_person")
WORDINGS: Final = ("begin", "which", "only")
FORWARD: Final = (1, 2, 3, 4, 5)

Chosen = Mapping[str, tuple[Dimension, ...]]
"""Dimensions that are asked of each culture."""


class Way(NamedTuple):
    """One item asked in one way."""

    culture: str
    item: int
    closed: Closed
    answers: tuple[int, ...]
    """What each option shown stands for, 1 to 5."""


def chosen_dimensions(cultures: Sequence[Culture], limit: int | None) -> Chosen:
    """What a run of at most so many items asks, an item being a question to one culture.

    Dimension by dimension and culture by culture, always the four items of an index together: one item less, and the
    index is missing. The first culture is asked one index whatever the limit.
    """
    if limit is None:
        return {culture.id: DIMENSIONS for culture in cultures}
    blocks = [(dimension, culture.id) for dimension in DIMENSIONS for culture in cultures]
    kept = blocks[: max(1, limit * len(DIMENSIONS) // len(ITEMS))]
    found: dict[str, tuple[Dimension, ...]] = {}
    for dimension, culture in kept:
        found[culture] = (*found.get(culture, ()), dimension)
    return found


def ways(
    items: Items, task: Task, culture: Culture, *, dimensions: Sequence[Dimension], kind: Kind, language: str
) -> list[Way]:
    """Every way to ask a culture the items of some dimensions.

    `paper`: one. `sound`: all cyclic shifts, forward and reversed, of three wordings to two personas: sixty. `brief`:
    the five shifts of one direction, so that every answer stands once in every place; wordings change from shift to
    shift, directions and personas from item to item.
    """
    country = countries_in(language).get(culture.country, culture.country_name)
    systems = {name: task.prompt(name, language).format(country=country) for name in PERSONAS}
    made: list[Way] = []
    for number in sorted({item for dimension in dimensions for _, *pair in FORMULAS[dimension] for item in pair}):
        item = items.items[number]
        for persona, wording, order in _manners(kind, number):
            words = tuple(items.scales[item.scale][answer - 1] for answer in order)
            options = "\n".join(f"{place}: {word}" for place, word in enumerate(words, start=1))
            user = f"{item.text}\n\n{options}\n\n{task.prompt(wording, language)}"
            closed = Closed(
                id=f"{culture.id}/{language}/{number}/{persona}/{wording}/{''.join(map(str, order))}",
                messages=(Message(role="system", content=systems[persona]), Message(role="user", content=user)),
                options=task.labels,
                meanings=words,
            )
            made.append(Way(culture.id, number, closed, order))
    return made


def _manners(kind: Kind, item: int) -> list[tuple[str, str, tuple[int, ...]]]:
    """Persona, wording and order of each way."""
    if kind == "paper":
        return [(PERSONAS[0], WORDINGS[0], FORWARD)]
    if kind == "brief":
        start, persona = FORWARD if item % 2 else FORWARD[::-1], PERSONAS[item // 2 % 2]
        return [
            (persona, WORDINGS[shift % len(WORDINGS)], start[shift:] + start[:shift]) for shift in range(len(FORWARD))
        ]
    orders = [start[shift:] + start[:shift] for start in (FORWARD, FORWARD[::-1]) for shift in range(len(FORWARD))]
    return [(persona, wording, order) for persona in PERSONAS for wording in WORDINGS for order in orders]
