"""The suite on one model: problems with worked examples before them, final answers read strictly."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from culturepark.benchmarks.asking import WRITTEN, Answer, Asker, Closed, Open, count, silence
from culturepark.benchmarks.forgetting.final_answer import final_number, final_words
from culturepark.benchmarks.forgetting.problems import LAYOUTS, Problem, right_words
from culturepark.benchmarks.parts import set_parts, share
from culturepark.benchmarks.published_sets import ChosenSet, choose_sets
from culturepark.benchmarks.statistics import paired_interval
from culturepark.benchmarks.task import BenchSettings, Cell, ItemScore, Score, SuiteResult, Table, Task, load_task
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.request import Message, Sampling

REASONED: Final = Sampling(temperature=0, top_p=1, max_tokens=400)
"""Room for a few steps of arithmetic."""
ACCURACY: Final = "accuracy"
OF_ASKED: Final = "right of all asked"


class Solved(NamedTuple):
    """A problem with what came of it."""

    name: str
    """Of its set."""
    problem: Problem
    answer: Answer
    """`invalid` where no final answer could be read, whatever else was written."""
    right: bool | None
    """None without an answer."""


async def run(asked: Asker, settings: BenchSettings) -> SuiteResult:
    """Ask every problem once, in English, which the sets are in.

    Raises:
        CultureParkError: When there is nothing to ask.
    """
    task = load_task(__package__)
    shots = task.shots if settings.shots is None else settings.shots
    chosen = choose_sets(settings, __package__, LAYOUTS, shots=shots, of_cultures=False)
    if not chosen.sets:
        raise CultureParkError("; ".join(chosen.problems))
    solved = await _solve(asked, task, chosen.sets)
    counts = count([one.answer for one in solved])
    return SuiteResult(
        suite=task.name,
        version=task.version,
        model=asked.model,
        identity=asked.identity,
        settings=settings,
        counts=counts,
        scores=tuple(_scores(solved)),
        tables=(_tasks_table(solved, shots),),
        items=tuple(item for one in solved for item in _items(one)),
        problems=(*chosen.problems, *silence(asked.model, counts)),
        notes=chosen.notes,
    )


async def _solve(asked: Asker, task: Task, sets: Sequence[ChosenSet[Problem]]) -> list[Solved]:
    """Answers in the order of the sets and their problems; closed questions first, then short and reasoned ones."""
    problems = [(one, problem) for one in sets for problem in one.items]
    found: dict[tuple[str, str], Answer] = {}
    for kind in ("closed", "short", "reasoned"):
        mine = [(one, problem) for one, problem in problems if _kind(problem) == kind]
        if not mine:
            continue
        messages = [_messages(task, one, problem) for one, problem in mine]
        what = f"{task.name} ({kind})"
        if kind == "closed":
            closed = [
                Closed(
                    id=f"{one.name}/{problem.id}", messages=asked_, options=problem.options, meanings=problem.meanings
                )
                for (one, problem), asked_ in zip(mine, messages, strict=True)
            ]
            answers = await asked.choose(closed, what=what)
        else:
            free = [
                Open(id=f"{one.name}/{problem.id}", messages=asked_)
                for (one, problem), asked_ in zip(mine, messages, strict=True)
            ]
            answers = await asked.write(free, what=what, sampling=REASONED if kind == "reasoned" else WRITTEN)
        found |= {(one.name, problem.id): answer for (one, problem), answer in zip(mine, answers, strict=True)}
    return [_judged(one.name, problem, found[one.name, problem.id]) for one, problem in problems]


def _kind(problem: Problem) -> str:
    if problem.options:
        return "closed"
    return "reasoned" if problem.layout == "gsm8k" else "short"


def _messages(task: Task, one: ChosenSet[Problem], problem: Problem) -> tuple[Message, ...]:
    """The worked examples of the problem's task, each as a turn of its own, and the problem."""
    variant = {"reasoned": "reason", "short": "write", "closed": "choose_letter" if problem.meanings else "choose_word"}
    named = variant[_kind(problem)]
    words = task.prompt(named, task.worded_in(named, one.data.language))
    messages: list[Message] = []
    for example in one.examples:
        if example.task == problem.task:
            messages.append(Message(role="user", content=words.format(question=example.question)))
            messages.append(Message(role="assistant", content=example.worked))
    return (*messages, Message(role="user", content=words.format(question=problem.question)))


def _judged(name: str, problem: Problem, answer: Answer) -> Solved:
    if answer.kind != "answered":
        return Solved(name, problem, answer, None)
    if problem.options:
        assert answer.choice is not None  # every closed answer names an option
        return Solved(name, problem, answer, problem.options[answer.choice] == problem.answer)
    if problem.layout == "gsm8k":
        number = final_number(answer.text)
        right = None if number is None else number == problem.number
    else:
        words = final_words(answer.text)
        right = None if words is None else right_words(words, problem)
    return Solved(name, problem, answer if right is not None else answer.model_copy(update={"kind": "invalid"}), right)


def _scores(solved: Sequence[Solved]) -> list[Score]:
    scores: list[Score] = []
    for name in dict.fromkeys(one.name for one in solved):
        mine = [one for one in solved if one.name == name]
        answered = [float(one.right) for one in mine if one.right is not None]
        for measure, values in ((ACCURACY, answered), (OF_ASKED, [float(one.right is True) for one in mine])):
            value, low, high, n = share(values)
            scores.append(Score(name=f"{measure} ({name})", value=value, low=low, high=high, n=n, clusters=n))
        tasks = list(dict.fromkeys(one.problem.task for one in mine))
        if len(tasks) > 1:
            scores.append(_macro(name, mine, tasks))
    return scores


def _macro(name: str, mine: Sequence[Solved], tasks: Sequence[str]) -> Score:
    """The mean over tasks of the accuracy in each; tasks without an answer have none."""
    by_task = [
        [float(one.right) for one in mine if one.problem.task == task and one.right is not None] for task in tasks
    ]
    means = {task: float(np.mean(values)) for task, values in zip(tasks, by_task, strict=True) if values}
    interval = paired_interval(list(means.values()), list(means), seed=0) or (None, None)
    return Score(
        name=f"{ACCURACY}, mean over tasks ({name})", value=float(np.mean(list(means.values()))) if means else None,
        low=interval[0], high=interval[1], n=sum(map(len, by_task)), clusters=len(means), note="tasks are resampled",
    )  # fmt: skip


def _tasks_table(solved: Sequence[Solved], shots: int) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for name, task in dict.fromkeys((one.name, one.problem.task) for one in solved):
        mine = [one for one in solved if (one.name, one.problem.task) == (name, task)]
        counts = count([one.answer for one in mine])
        right = share([float(one.right) for one in mine if one.right is not None])
        kinds = {"closed": "options", "short": "free answer", "reasoned": "final number"}
        rows.append(
            (
                name, task, ", ".join(sorted({kinds[_kind(one.problem)] for one in mine})), *right[:3],
                sum(one.right is True for one in mine) / len(mine), len(mine), counts.answered, counts.refused,
                counts.invalid, counts.failed,
            )
        )  # fmt: skip
    return Table(
        title="tasks (value: accuracy over the problems that were answered)",
        columns=(
            "set", "task", "answers", "value", "low", "high", OF_ASKED, "problems", "answered", "refused", "invalid",
            "failed",
        ),
        rows=tuple(rows),
        plot="forest",
        note=f"{f'up to {shots}' if shots else 'no'} worked examples before each question; invalid: no final answer "
        "could be read",
    )  # fmt: skip


def _items(one: Solved) -> list[ItemScore]:
    """Each problem twice: whether it was right if it was answered, and whether it was answered and right."""
    values = {ACCURACY: None if one.right is None else float(one.right), OF_ASKED: float(one.right is True)}
    return [
        ItemScore(
            id=f"{one.name}/{one.problem.id}/{measure}",
            cluster=f"{one.name}/{one.problem.cluster}",
            culture="english",
            value=value,
            right=None if value is None else bool(value),
            measure=measure,
            # GSM8K is one task, which the set stands for.
            parts=set_parts(one.name, one.problem.groups if one.problem.layout == "bbh" else ()),
        )
        for measure, value in values.items()
    ]
