"""What a judge favors whatever it reads, fitted on statements about seed questions, so that it can be shipped.

Half of the statements say a scale's own claims, half say the same in other words, as people in talks do: a judge is
surer of the former. No answer anybody gave is read here, only wordings.
"""

from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np

from culturepark.personas.question import Question, Side
from culturepark.personas.surveys.survey import load_survey
from culturepark.postprocess.claims import claim, sides
from culturepark.postprocess.judge import Calibration, Judge, SideWeights, ask_pair, judging_model, support
from culturepark.postprocess.opinion import Verdict
from culturepark.postprocess.verify import UNDECIDED
from culturepark.runtime.engines.local import run_bounded
from culturepark.runtime.ledger import Ledger
from culturepark.runtime.record import Record, build, parse_yaml

RIDGE = 0.001
"""Keeps the fit finite where a judge makes no mistake."""
TABLE = "calibration.json"
STATEMENTS = "statements.yaml"
MIDDLE = ("I neither agree nor disagree that {}.", "I am undecided whether {}.")


class Statements(Record):
    """What people might say about one question."""

    below: str
    above: str
    aside: str
    """On the topic, and on no side."""


class Example(NamedTuple):
    """A statement, the question it is held against, and the side it is on; None when it takes none."""

    text: str
    question: Question
    said: Side | None


class Asked(NamedTuple):
    """What a judge said of one statement: log-probabilities of its labels by the side that was asked about."""

    example: Example
    logprobs: dict[Side, dict[str, float]]


async def calibrated_judge(ledger: Ledger, *, concurrency: int) -> Judge:
    """A ledger's model as a judge: with the shipped calibration, or one fitted now (the replies stay in the ledger).

    A judge without log-probabilities is taken at its word.

    Raises:
        ModelError: When the endpoint gives no reply.
    """
    model = judging_model(ledger)
    shipped = shipped_calibrations().get(ledger.identity)
    if shipped is None:
        shipped = await fit(Judge(model, Calibration()), examples(), concurrency=concurrency)
    return Judge(model, shipped or Calibration())


def examples() -> list[Example]:
    """For each question of `statements.yaml` what is on each side of its scale, and what is on none."""
    survey = load_survey("wvs7")
    found: list[Example] = []
    for place, (item, entry) in enumerate(parse_yaml(_text(STATEMENTS), place=STATEMENTS).items()):
        question, said = survey.question(item), build(Statements, entry, place=f"{STATEMENTS}, {item}")
        assert question.split == "seed", item
        found += [
            Example(said.below, question, "below"),
            Example(said.above, question, "above"),
            Example(said.aside, question, None),
            Example(f"I am certain that {claim(question, 'below')}.", question, "below"),
            Example(f"I believe that {claim(question, 'above')}.", question, "above"),
        ]
        if "mid" in sides(question):
            middle = MIDDLE[place % len(MIDDLE)]
            found.append(Example(middle.format(claim(question, "below")), question, "mid"))
    others = found[len(found) // 2 :] + found[: len(found) // 2]
    about_else = [
        Example(other.text, one.question, None)
        for one, other in zip(found, others, strict=True)
        if one.said is None and other.question is not one.question
    ]
    return found + about_else


async def fit(judge: Judge, statements: Sequence[Example], *, concurrency: int) -> Calibration | None:
    """Ask a judge about statements whose sides are known; None where it gives no log-probabilities."""
    found: dict[int, Asked | None] = {}

    async def ask(place: int) -> None:
        found[place] = await _ask(judge, statements[place])

    # One first: a judge without log-probabilities is not asked a hundred times to show that it has none.
    await ask(0)
    if found[0] is not None:
        await run_bounded(range(1, len(statements)), ask, concurrency=concurrency)
    asked = [one for one in found.values() if one is not None]
    if len(asked) < len(statements):
        return None
    ordered = [one for _, one in sorted(found.items()) if one is not None]
    return Calibration(offsets=mean_logprobs(ordered), sides=fit_sides(ordered, judge))


async def _ask(judge: Judge, example: Example) -> Asked | None:
    logprobs: dict[Side, dict[str, float]] = {}
    for side in sides(example.question):  # one after the other: they begin alike, and share a prefix cache
        message = await ask_pair(judge.model, example.text, claim(example.question, side))
        given = message.response_metadata["label_logprobs"]
        if given is None:
            return None
        logprobs[side] = given
    return Asked(example, logprobs)


def mean_logprobs(asked: Sequence[Asked]) -> dict[str, float]:
    """Mean log-probability of each label over as many pairs that entail as exclude as say nothing."""
    by_verdict: dict[Verdict, list[dict[str, float]]] = {"entail": [], "contradict": [], "irrelevant": []}
    for example, logprobs in asked:
        if example.said in UNDECIDED:
            continue
        for side, given in logprobs.items():
            if side not in UNDECIDED:
                verdict: Verdict = (
                    "irrelevant" if example.said is None else "entail" if side == example.said else "contradict"
                )
                by_verdict[verdict].append(given)
    means = [
        {label: float(np.mean([one[label] for one in group])) for label in group[0]} for group in by_verdict.values()
    ]
    return {label: round(float(np.mean([mean[label] for mean in means])), 4) for label in means[0]}


def fit_sides(asked: Sequence[Asked], judge: Judge) -> SideWeights:
    """Weights under which the judge's supports make the statements' sides likeliest (logistic regression)."""
    from scipy.optimize import minimize  # noqa: PLC0415  (slow to import, and only a new judge is fitted)

    labels = judge.form.labels
    rows: list[tuple[list[float], list[float], int]] = []
    for example, logprobs in asked:
        order = list(logprobs)
        supports = [support(given, labels) for given in logprobs.values()]
        undecided = [float(side in UNDECIDED) for side in order]
        rows.append((supports, undecided, len(order) if example.said is None else order.index(example.said)))

    def loss(parameters: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> float:
        scale, middle, nothing = np.exp(parameters[0]), parameters[1], parameters[2]
        total = 0.0
        for supports, undecided, said in rows:
            scores = np.append(scale * np.array(supports) + middle * np.array(undecided), nothing)
            total += float(np.logaddexp.reduce(scores) - scores[said])
        return total / len(rows) + RIDGE * float(np.sum(parameters**2))

    found = minimize(loss, np.zeros(3), method="L-BFGS-B").x
    return SideWeights(
        scale=round(float(np.exp(found[0])), 4), undecided=round(float(found[1]), 4), nothing=round(float(found[2]), 4)
    )


@lru_cache(maxsize=1)
def shipped_calibrations() -> dict[str, Calibration]:
    """Calibrations by model identity, fitted once by `python -m benchmarks.refinement.fit_offsets`."""
    table = parse_yaml(_text(TABLE), place=TABLE)
    return {identity: build(Calibration, entry, place=f"{TABLE}, {identity}") for identity, entry in table.items()}


def _text(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")
