"""One question asked in several ways, so that no answer owes its share to where it stood or how it was asked for."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from culturepark.benchmarks.asking import Closed
from culturepark.benchmarks.task import Task
from culturepark.personas.culture import Culture
from culturepark.runtime.hashing import seed_from
from culturepark.training.prompt import AskedQuestion, scale_prompt

Orders = Literal["shifts", "balanced"]
"""Which orders: every cyclic shift of one direction, which is forward for every other question; or of both."""


class Variant(NamedTuple):
    """A way to ask a question."""

    closed: Closed
    codes: tuple[int, ...]
    """What each option shown stands for, in the order of `closed.options`."""
    wording: str
    """Name of the paraphrase of the instruction; variants that share it differ in the order only."""


def option_orders(asked: AskedQuestion, orders: Orders) -> list[tuple[int, ...]]:
    """Codes in the orders they are shown in.

    Every answer stands in every place equally often. A scale that labels only its ends stays a scale: it is shown
    forward and reversed.
    """
    codes = asked.question.scale.codes
    both = [codes, codes[::-1]]
    if len(asked.labels) < len(codes):
        return both
    starts = both if orders == "balanced" else [both[seed_from(asked.question.id) % 2]]
    return [start[shift:] + start[:shift] for start in starts for shift in range(len(codes))]


def variants(asked: AskedQuestion, culture: Culture, *, task: Task, orders: Orders) -> list[Variant]:
    """Every order with every wording of the instruction.

    The options keep the numbers of the scale, from the top: in a reversed list the first number stands for the last
    answer. The instruction's first wording is that of the training rows.
    """
    made = []
    for wording in task.prompts:
        instruction = task.prompt(wording, asked.language)
        for place, codes in enumerate(option_orders(asked, orders)):
            scale = asked.question.scale.codes
            labels = {
                shown: asked.labels[code] for shown, code in zip(scale, codes, strict=True) if code in asked.labels
            }
            shown = asked.model_copy(update={"labels": labels})
            closed = Closed(
                id=f"{asked.question.id}/{asked.language}/{culture.id}/{wording}/{place}",
                messages=scale_prompt(shown, culture, instruction=instruction),
                options=tuple(str(code) for code in scale),
                meanings=tuple(labels[code] for code in scale) if len(labels) == len(scale) else (),
            )
            made.append(Variant(closed, tuple(codes), wording))
    return made


def in_code_order(shares: Sequence[float], codes: Sequence[int]) -> list[float]:
    """Shares of the options shown, sorted by the code each stands for."""
    return [share for _, share in sorted(zip(codes, shares, strict=True))]
