"""Rows of GSM8K and BIG-bench-hard as problems: what is asked, in which options if any, and what is right."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final

import regex

from culturepark.benchmarks.forgetting.final_answer import plain_words, read_number
from culturepark.benchmarks.published import Faulty, Item, Layout, LayoutName, Row, item_id
from culturepark.benchmarks.sources import Cells
from culturepark.runtime.errors import CultureParkError

MARK: Final = "####"
"""Stands before the final number of a GSM8K answer."""
_CALCULATOR: Final = regex.compile(r"<<[^<>]*>>")
_OPTIONS: Final = regex.compile(r"^Options:\s*$", regex.MULTILINE)
_LETTERED: Final = regex.compile(r"^\(([A-Z])\)\s*(.+?)\s*$")
_DASHED: Final = regex.compile(r"^-\s*(.+?)\s*$")


class Problem(Item):
    """One question with one right answer."""

    layout: LayoutName
    task: str
    question: str
    worked: str
    """The answer as a worked example shows it."""
    options: tuple[str, ...] = ()
    """Letters or words that are shown in the question; without any the answer is free."""
    meanings: tuple[str, ...] = ()
    """What stands beside each letter."""
    answer: str
    """The right option; else the number or words that are right."""

    @property
    def number(self) -> Fraction:
        """The right answer of an arithmetic problem."""
        return Fraction(self.answer)


def _gsm8k(row: Row) -> Problem:
    """Columns `question` and `answer`: reasoning with the calculator's marks in it, then `#### 42`."""
    question, solution = row.text("question"), _CALCULATOR.sub("", row.text("answer"))
    reasoning, mark, final = solution.rpartition(MARK)
    number = read_number(final) if mark else None
    if number is None:
        raise CultureParkError(
            f"{row.place}, column 'answer': it does not end in `{MARK}` and a number; end it so, or name the column "
            "that does in `columns`"
        )
    return Problem(
        id=item_id(question), groups=(("task", "gsm8k"),), cluster=item_id(question), texts=(question,), layout="gsm8k",
        task="gsm8k", question=question, worked=f"{reasoning.strip()}\nThe answer is {final.strip()}.",
        answer=str(number),
    )  # fmt: skip


def _bbh(row: Row) -> Problem:
    """Columns `input`, which may end in a list of options, and `target`."""
    question, target = row.text("input"), row.text("target")
    task = row.task or "bbh"
    letters, meanings = _options(question)
    options = letters or meanings
    answer = target
    if options:
        bare = target.strip("()") if letters else target
        choice = next((option for option in options if option.casefold() == bare.casefold()), None)
        if choice is None:
            raise Faulty("no_such_option", "target", f"{target!r} is none of the options that the question shows")
        answer = choice
    return Problem(
        id=item_id(question), groups=(("task", task),), cluster=item_id(question), texts=(question,), layout="bbh",
        task=task, question=question, worked=answer, options=options, meanings=meanings if letters else (),
        answer=answer,
    )  # fmt: skip


def _options(question: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Letters and meanings of the options that a question lists after `Options:`; dashes have no letters.

    A list that is not wholly of one kind is no list of options.
    """
    parts = _OPTIONS.split(question)
    lines = [line.strip() for line in parts[-1].splitlines() if line.strip()] if len(parts) > 1 else []
    lettered = [_LETTERED.match(line) for line in lines]
    dashed = [_DASHED.match(line) for line in lines]
    if len(lines) > 1 and all(lettered):
        found = [hit.groups() for hit in lettered if hit]
        return tuple(letter for letter, _ in found), tuple(words for _, words in found)
    if len(lines) > 1 and all(dashed):
        return (), tuple(hit[1] for hit in dashed if hit)
    return (), ()


def _bbh_rows(document: Any) -> Iterator[Cells]:
    """Rows of a published file: `{"canary": …, "examples": [{"input": …, "target": …}]}`."""
    yield from document["examples"]


LAYOUTS: Final = {"gsm8k": Layout(_gsm8k), "bbh": Layout(_bbh, unwrap=_bbh_rows)}


def right_words(said: str, problem: Problem) -> bool:
    """Whether a free answer is the right one; numbers are compared as numbers."""
    numbers = read_number(said), read_number(problem.answer)
    if regex.fullmatch(r"[-−]?[\d,.]+", problem.answer) and None not in numbers:
        return numbers[0] == numbers[1]
    return said == plain_words(problem.answer)
