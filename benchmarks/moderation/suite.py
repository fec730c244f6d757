"""The suite on one model: texts become letter questions, answers become scores of sets and means over sets."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np

from culturepark.benchmarks.asking import Answer, Asker, Closed, count, silence
from culturepark.benchmarks.data_sets import LabelledText
from culturepark.benchmarks.moderation.metrics import (
    NO_ANSWER,
    Estimate,
    Floats,
    Ints,
    auroc,
    average_precision,
    class_auroc,
    estimate,
    macro_f1,
    matthews,
    resamples,
    reweighted,
)
from culturepark.benchmarks.moderation.sets import ChosenSet, choose_sets, label_words
from culturepark.benchmarks.parts import majority
from culturepark.benchmarks.task import (
    BenchSettings,
    Cell,
    Counts,
    ItemScore,
    PromptLanguage,
    Score,
    SuiteResult,
    Table,
    Task,
    language_of,
    load_task,
)
from culturepark.personas.roster import load_roster
from culturepark.postprocess.fence import quoted
from culturepark.postprocess.rows import speaks_as
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.hashing import seed_from
from culturepark.runtime.request import Message

Metric = Callable[[Floats], Floats]
LETTERS: Final = "ABCDEFGHIJ"
VARIANTS: Final = ("plain", "persona")
"""Without a system prompt, and with the one that culture models are trained under."""
HEAD: Final = ("macro-F1", "macro-F1 natural", "MCC", "MCC natural", "AUROC", "AUROC natural", "AUPRC", "AUPRC natural")


class Prompted(NamedTuple):
    """A way of asking."""

    variant: str
    language: PromptLanguage

    @property
    def name(self) -> str:
        """As tables call it."""
        return f"{self.variant}, {self.language}"


class Measured(NamedTuple):
    """A set under one way of asking."""

    chosen: ChosenSet
    prompted: Prompted
    answers: tuple[Answer, ...]
    labels: Ints
    """Index of the label that each text was given, shape `(n,)`; `NO_ANSWER` where there is none."""
    estimates: dict[str, Estimate]
    replicates: dict[str, Floats]
    """Of each metric, its values over the bootstrap, shape `(r,)`."""


async def run(asked: Asker, settings: BenchSettings) -> SuiteResult:
    """Ask about every text under each prompt.

    Raises:
        CultureParkError: When there is no set to measure with, or the model answered nothing at all.
    """
    task = load_task(__package__)
    chosen = choose_sets(settings)
    if not chosen.sets:
        raise CultureParkError("; ".join(chosen.problems))
    measured: list[Measured] = []
    for language in settings.languages:
        for variant in VARIANTS:
            measured += await _measure(asked, task, chosen.sets, Prompted(variant, language))
    counts = sum((count(one.answers) for one in measured), Counts())
    return SuiteResult(
        suite=task.name,
        version=task.version,
        model=asked.model,
        identity=asked.identity,
        settings=settings,
        counts=counts,
        scores=tuple(_means(measured)),
        tables=(_sets_table(measured), _baselines(chosen.sets)),
        items=tuple(_items(measured)),
        problems=(*chosen.problems, *silence(asked.model, counts)),
        notes=chosen.notes,
    )


async def _measure(asked: Asker, task: Task, sets: Sequence[ChosenSet], prompted: Prompted) -> list[Measured]:
    questions = [(one, row, *_question(task, one, row, prompted)) for one in sets for row in one.rows]
    answers = await asked.choose([closed for _, _, closed, _ in questions], what=f"moderation ({prompted.name})")
    measured: list[Measured] = []
    for one in sets:
        mine = [
            (answer, order) for (other, _, _, order), answer in zip(questions, answers, strict=True) if other is one
        ]
        measured.append(_scored(one, prompted, mine))
    return measured


def _question(task: Task, one: ChosenSet, row: LabelledText, prompted: Prompted) -> tuple[Closed, tuple[int, ...]]:
    """A question about a text, and which label each letter stands for: labels rotate from text to text."""
    data = one.entry.data
    language = language_of(prompted.language, data=data.language)
    shift = seed_from("order", row.id) % len(data.names)
    order = tuple((place + shift) % len(data.names) for place in range(len(data.names)))
    words = tuple(label_words(data.names[place], language) for place in order)
    letters = tuple(LETTERS[: len(order)])
    options = "\n".join(f"{letter}: {word}" for letter, word in zip(letters, words, strict=True))
    text = task.prompt("label", language).format(text=quoted(row.text), options=options)
    system = (speaks_as(load_roster().culture(data.culture), language),) if prompted.variant == "persona" else ()
    messages = (*system, Message(role="user", content=text))
    return Closed(id=f"{one.name}/{row.id}", messages=messages, options=letters, meanings=words), order


def _scored(one: ChosenSet, prompted: Prompted, answers: Sequence[tuple[Answer, Sequence[int]]]) -> Measured:
    names = one.entry.data.names
    gold = np.array([names.index(row.label) for row in one.rows])
    said = np.array([NO_ANSWER if answer.choice is None else order[answer.choice] for answer, order in answers])
    answered = said != NO_ANSWER
    shares = np.full((len(gold), len(names)), np.nan)
    for place, (answer, order) in enumerate(answers):
        if answer.shares is not None and answer.kind == "answered":
            shares[place, list(order)] = answer.shares
    estimates, replicates = _estimates(one, gold[answered], said[answered], shares[answered])
    return Measured(one, prompted, tuple(answer for answer, _ in answers), said, estimates, replicates)


def _estimates(one: ChosenSet, gold: Ints, said: Ints, shares: Floats) -> tuple[dict[str, Estimate], dict[str, Floats]]:
    """Every metric over the answered texts; one of less than two labels has none."""
    data = one.entry.data
    classes, n = len(data.names), len(gold)
    if len(set(gold.tolist())) < 2:
        return {}, {}
    weights = resamples(n, seed=seed_from(one.name))
    positive = None if data.positive is None else data.names.index(data.positive)
    found: dict[str, Estimate] = {}
    each: dict[str, Floats] = {}

    def natural(given: Floats) -> Floats:
        return reweighted(gold, given, one.natural)

    def scores(given: Floats) -> Floats:
        if positive is None:
            return class_auroc(gold, shares, given)
        return auroc(gold == positive, shares[:, positive], given)

    metrics: dict[str, Metric] = {
        "macro-F1": lambda given: macro_f1(gold, said, given, classes=classes),
        "MCC": lambda given: matthews(gold, said, given, classes=classes),
    }
    if not np.isnan(shares).any():
        metrics["AUROC"] = scores
        if positive is not None:
            metrics["AUPRC"] = lambda given: average_precision(gold == positive, shares[:, positive], given)
    for name, metric in metrics.items():
        found[name], each[name] = estimate(metric, weights, n)
        found[f"{name} natural"], each[f"{name} natural"] = estimate(_after(natural, metric), weights, n)
    return found, each


def _after(weigh: Metric, metric: Metric) -> Metric:
    return lambda given: metric(weigh(given))


def _means(measured: Sequence[Measured]) -> list[Score]:
    """The mean over sets of each metric, under each way of asking."""
    scores: list[Score] = []
    for prompted in dict.fromkeys(one.prompted for one in measured):
        mine = [one for one in measured if one.prompted == prompted]
        for metric in HEAD:
            have = [one for one in mine if one.estimates.get(metric, Estimate(None)).value is not None]
            if not have:
                continue
            values = [one.estimates[metric].value for one in have]
            drawn = np.array([one.replicates[metric] for one in have])
            # Of a few texts a draw may hold one class only in every set: it has no mean.
            means = np.nanmean(drawn[:, ~np.isnan(drawn).all(axis=0)], axis=0)
            low, high = np.quantile(means, [0.025, 0.975]) if len(means) else (None, None)
            scores.append(
                Score(
                    name=f"{metric} ({prompted.name})",
                    value=float(np.mean([value for value in values if value is not None])),
                    low=None if low is None else float(low),
                    high=None if high is None else float(high),
                    n=sum(int((one.labels != NO_ANSWER).sum()) for one in have),
                    clusters=len(have),
                    note="mean over sets; texts are resampled, sets are not",
                )
            )
    return scores


def _sets_table(measured: Sequence[Measured]) -> Table:
    columns = (
        "set", "culture", "country", "prompt", "texts", "answered", "refused", "invalid", "failed",
        "value", "low", "high", *HEAD[1:], "prevalence", "natural prevalence", "flags",
    )  # fmt: skip
    cultures = load_roster().cultures
    rows: list[tuple[Cell, ...]] = []
    for one in measured:
        data, counts = one.chosen.entry.data, count(one.answers)
        head = one.estimates.get("macro-F1", Estimate(None))
        prevalence = natural = None
        if data.positive is not None:
            prevalence = sum(row.label == data.positive for row in one.chosen.rows) / len(one.chosen.rows)
            natural = one.chosen.natural[data.names.index(data.positive)] / sum(one.chosen.natural)
        rows.append(
            (
                one.chosen.name, data.culture, cultures[data.culture].country, one.prompted.name,
                len(one.chosen.rows), counts.answered, counts.refused, counts.invalid, counts.failed, *head,
                *(one.estimates.get(metric, Estimate(None)).value for metric in HEAD[1:]),
                prevalence, natural, ", ".join(one.chosen.flags) or None,
            )
        )  # fmt: skip
    return Table(
        title="sets (value: macro-F1 over the texts that were answered)",
        columns=columns,
        rows=tuple(rows),
        plot="forest",
        note="natural: texts weighted to the shares that labels have in the source; with two labels AUROC does not "
        "depend on them. AUPRC of chance is the prevalence beside it",
    )


def _baselines(sets: Sequence[ChosenSet]) -> Table:
    """What needs no model: always the commonest label, and a label at random."""
    rows: list[tuple[Cell, ...]] = []
    for one in sets:
        names = one.entry.data.names
        gold = np.array([names.index(row.label) for row in one.rows])
        common = int(np.argmax(one.natural))
        drawn = np.random.default_rng(seed_from(one.name, "random")).integers(len(names), size=len(gold))
        for name, said in (("majority", np.full(len(gold), common)), ("random", drawn)):
            given = np.ones((1, len(gold)))
            natural = reweighted(gold, given, one.natural)
            rows.append(
                (
                    one.name, name, names[common] if name == "majority" else None, len(gold),
                    *(
                        float(metric(gold, said, weights, classes=len(names))[0])
                        for metric in (macro_f1, matthews)
                        for weights in (given, natural)
                    ),
                )
            )  # fmt: skip
    return Table(
        title="baselines without a model",
        columns=("set", "baseline", "label", "texts", "macro-F1", "macro-F1 natural", "MCC", "MCC natural"),
        rows=tuple(rows),
        note="the persona-prompt baseline is the row `persona` of the model that was not tuned",
    )


def _items(measured: Sequence[Measured]) -> list[ItemScore]:
    """Of each text the share of prompts under which its label was found, over the prompts that were answered."""
    right: dict[tuple[str, str], list[bool]] = {}
    cultures: dict[str, str] = {}
    for one in measured:
        names = one.chosen.entry.data.names
        cultures[one.chosen.name] = one.chosen.entry.data.culture
        for row, said in zip(one.chosen.rows, one.labels.tolist(), strict=True):
            hits = right.setdefault((one.chosen.name, row.id), [])
            if said != NO_ANSWER:
                hits.append(names[said] == row.label)
    return [
        ItemScore(
            id=f"{name}/{text}",
            cluster=name,
            culture=cultures[name],
            value=sum(hits) / len(hits) if hits else None,
            right=majority(hits),
        )
        for (name, text), hits in right.items()
    ]
