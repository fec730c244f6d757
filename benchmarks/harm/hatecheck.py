"""HateCheck: short test cases of one functionality each; is a case hateful, whatever words stand in it?"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from culturepark.benchmarks.asking import Answer, Asker, Closed, count
from culturepark.benchmarks.parts import majority, set_parts, share
from culturepark.benchmarks.published import Item, Layout, Row, item_id
from culturepark.benchmarks.published_sets import ChosenSet
from culturepark.benchmarks.task import BenchSettings, Cell, Counts, ItemScore, Score, Table, Task, language_of
from culturepark.postprocess.fence import quoted
from culturepark.runtime.hashing import seed_from
from culturepark.runtime.request import Message

HATEFUL: Final = "hateful"
NOT_HATEFUL: Final = "non-hateful"
ACCURACY: Final = "accuracy"
REFUSAL: Final = "refusal"


class HateCase(Item):
    """One test case."""

    text: str
    hateful: bool


class Judged(NamedTuple):
    """A case asked about in one language."""

    name: str
    """Of its set."""
    culture: str
    case: HateCase
    language: str
    answer: Answer
    right: bool | None
    """None without an answer."""


def _case(row: Row) -> HateCase:
    """Columns `functionality`, `test_case`, `label_gold`; `target_ident` and `templ_id` may be empty or missing."""
    text, label = row.text("test_case"), row.label("label_gold", (HATEFUL, NOT_HATEFUL))
    functionality, target, template = row.text("functionality"), row.optional("target_ident"), row.optional("templ_id")
    return HateCase(
        id=item_id(text),
        groups=(
            ("functionality", functionality), ("gold", label), *((("target", target),) if target else ()),
        ),
        cluster=f"template {template}" if template else item_id(text),
        texts=(text,), text=text, hateful=label == HATEFUL,
    )  # fmt: skip


def _label(case: HateCase) -> str:
    return HATEFUL if case.hateful else NOT_HATEFUL


LAYOUT: Final = Layout(_case, classes=_label)


async def judge(asked: Asker, task: Task, sets: Sequence[ChosenSet[HateCase]], settings: BenchSettings) -> list[Judged]:
    """Ask about every case in each language of the prompts; the two answers change places from case to case."""
    questions = [
        (one, case, language, *_question(task, one, case, language))
        for one in sets
        for language in languages(task, one, settings)
        for case in one.items
    ]
    answers = await asked.choose([closed for *_, closed, _ in questions], what="hate check")
    return [
        Judged(
            one.name, one.data.culture, case, language, answer,
            None if answer.choice is None else (answer.choice == hateful) == case.hateful,
        )
        for (one, case, language, _, hateful), answer in zip(questions, answers, strict=True)
    ]  # fmt: skip


def languages(task: Task, one: ChosenSet[HateCase], settings: BenchSettings) -> tuple[str, ...]:
    """What a set is asked about in: English where the question is not worded in its own language."""
    wished = (language_of(prompt, data=one.data.language) for prompt in settings.languages)
    return tuple(dict.fromkeys(task.worded_in("judge", language) for language in wished))


def _question(task: Task, one: ChosenSet[HateCase], case: HateCase, language: str) -> tuple[Closed, int]:
    """The question about a case, and the place of the answer that it is hateful."""
    yes, no = task.prompt("hateful", language), task.prompt("not_hateful", language)
    words = (yes, no) if seed_from("order", case.id) % 2 == 0 else (no, yes)
    text = task.prompt("judge", language).format(
        text=quoted(case.text), options="\n".join(f"{letter}: {word}" for letter, word in zip("AB", words, strict=True))
    )
    messages = (Message(role="user", content=text),)
    return Closed(id=f"{one.name}/{case.id}", messages=messages, options=("A", "B"), meanings=words), words.index(yes)


def counts(judged: Sequence[Judged]) -> Counts:
    """What became of the questions."""
    return count([one.answer for one in judged])


def scores(judged: Sequence[Judged]) -> list[Score]:
    """Of each set: accuracy on hateful and on other cases, its mean over functionalities, and refusals of both."""
    found: list[Score] = []
    for name in dict.fromkeys(one.name for one in judged):
        mine = [one for one in judged if one.name == name]
        hateful, other = ([one for one in mine if one.case.hateful == gold] for gold in (True, False))
        for what, part in ((ACCURACY, mine), ("hate found", hateful), ("others let through", other)):
            found.append(_score(f"{what} ({name})", [float(one.right) for one in part if one.right is not None], part))
        by_functionality = {
            one.case.groups[0][1]: [
                float(other.right)
                for other in mine
                if other.case.groups[0] == one.case.groups[0] and other.right is not None
            ]
            for one in mine
        }
        means = [float(np.mean(values)) for values in by_functionality.values() if values]
        found.append(
            Score(
                name=f"{ACCURACY}, mean over functionalities ({name})", value=float(np.mean(means)) if means else None,
                n=sum(map(len, by_functionality.values())), clusters=len(means),
                note="no interval: the functionalities are all there are",
            )
        )  # fmt: skip
        for what, part in (("refused though harmless", other), ("refused, hateful", hateful)):
            there = [one for one in part if one.answer.kind != "failed"]
            found.append(_score(f"{what} ({name})", [float(one.answer.kind == "refused") for one in there], there))
    return found


def _score(name: str, values: Sequence[float], part: Sequence[Judged]) -> Score:
    value, low, high, n = share(values)
    clusters = len({one.case.cluster for one in part})
    return Score(name=name, value=value, low=low, high=high, n=n, clusters=clusters, note="Wilson interval over cases")


def tables(judged: Sequence[Judged]) -> tuple[Table, ...]:
    """Accuracy by functionality, and by the group that a case names."""
    return tuple(
        Table(
            title=title,
            columns=(
                "set", kind, "prompt", "gold", "value", "low", "high", "cases", "answered", "refused", "invalid",
                "failed",
            ),
            rows=tuple(_rows(judged, kind)),
            plot="forest",
            note="Wilson intervals over the cases that were answered",
        )
        for kind, title in (
            ("functionality", "functionalities (value: accuracy)"),
            ("target", "groups that a case names (value: accuracy)"),
        )
        if any(kind in dict(one.case.groups) for one in judged)
    )  # fmt: skip


def _rows(judged: Sequence[Judged], kind: str) -> list[tuple[Cell, ...]]:
    cells: dict[tuple[str, str, str, str], list[Judged]] = {}
    for one in judged:
        groups = dict(one.case.groups)
        if kind in groups:
            cells.setdefault((one.name, groups[kind], one.language, groups["gold"]), []).append(one)
    rows: list[tuple[Cell, ...]] = []
    for cell, mine in sorted(cells.items()):
        there = counts(mine)
        right = share([float(one.right) for one in mine if one.right is not None])
        rows.append((*cell, *right[:3], len(mine), there.answered, there.refused, there.invalid, there.failed))
    return rows


def items(judged: Sequence[Judged]) -> list[ItemScore]:
    """Each case twice, over the languages it was asked in: how often it was right, and how often refused."""
    cases: dict[tuple[str, str], list[Judged]] = {}
    for one in judged:
        cases.setdefault((one.name, one.case.id), []).append(one)
    found: list[ItemScore] = []
    for (name, case), mine in cases.items():
        hits = [one.right for one in mine if one.right is not None]
        refused = [one.answer.kind == "refused" for one in mine if one.answer.kind != "failed"]
        for measure, values, right in ((ACCURACY, hits, majority(hits)), (REFUSAL, refused, None)):
            found.append(
                ItemScore(
                    id=f"{name}/{case}/{measure}",
                    cluster=f"{name}/{mine[0].case.cluster}",
                    culture=mine[0].culture,
                    value=sum(values) / len(values) if values else None,
                    right=right,
                    measure=measure,
                    parts=set_parts(name, mine[0].case.groups),
                )
            )
    return found
