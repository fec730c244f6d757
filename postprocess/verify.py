"""Does one statement imply another? The judge answers with one word; its calibrated probabilities decide."""

import json
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Final, NamedTuple

from langchain_core.messages import AIMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable

from culturepark.personas.question import Question
from culturepark.postprocess.fence import quoted
from culturepark.postprocess.opinion import Opinion, Verdict
from culturepark.runtime.models.langchain_client import LedgerChatModel
from culturepark.runtime.request import Sampling

LABELS: Final[Mapping[str, Verdict]] = {"Yes": "entail", "No": "contradict", "Maybe": "irrelevant"}
DRAWS: Final = 2
JUDGE_SAMPLING: Final = Sampling(temperature=0, top_p=1, max_tokens=6)

Offsets = Mapping[str, float]
"""Mean log-probability of each label over balanced pairs: what the judge says before it has read anything."""


class Judgement(NamedTuple):
    """A verdict, how sure it is, and the ledger key of the reply."""

    verdict: Verdict | None
    """None when no draw gave one of the labels: counted as `judge_failed`, never guessed."""
    confidence: dict[Verdict, float] | None
    key: str


def verification_chain(model: LedgerChatModel, *, draw: int = 0) -> Runnable[dict[str, str], AIMessage]:
    """Read `premise` and `hypothesis`, both quoted; return the message with one label."""
    instruction = (files(__package__) / "prompts" / "verify.md").read_text(encoding="utf-8")
    prompt = ChatPromptTemplate.from_messages(
        [
            ("system", instruction),
            ("human", "{premise} Question: does this imply that {hypothesis}? Answer Yes, No or Maybe."),
        ]
    )
    return prompt | model.bind(labels=tuple(LABELS), draw=draw)


async def implies(
    model: LedgerChatModel, premise: str, hypothesis: str, *, offsets: Offsets | None = None
) -> Judgement:
    """Judge whether the premise implies the hypothesis (entail), excludes it, or neither.

    With log-probabilities and `offsets`, each label's offset is subtracted before comparing: small judges favor one
    word whatever they read.

    Raises:
        ModelError: When the endpoint gives no reply.
    """
    inputs = {"premise": quoted(premise), "hypothesis": quoted(hypothesis)}
    key = ""
    for draw in range(DRAWS):
        message = await verification_chain(model, draw=draw).ainvoke(inputs)
        key = str(message.response_metadata["key"])
        logprobs: dict[str, float] | None = message.response_metadata["label_logprobs"]
        if logprobs is not None:
            confidence = calibrated(logprobs, offsets or {})
            likeliest = max(LABELS.values(), key=confidence.__getitem__)
            return Judgement(likeliest, confidence, key)
        if (verdict := read_label(str(message.content))) is not None:
            return Judgement(verdict, None, key)
    return Judgement(None, None, key)


def read_label(text: str) -> Verdict | None:
    """The verdict of a reply that is one of the labels, up to case and closing marks; anything else is none."""
    word = text.strip().strip("\"'.!*").casefold()
    return next((verdict for label, verdict in LABELS.items() if label.casefold() == word), None)


def calibrated(logprobs: Mapping[str, float], offsets: Offsets) -> dict[Verdict, float]:
    """Probabilities of the verdicts: log-probabilities less offsets, normalised over the three."""
    scores = {LABELS[label]: logprobs[label] - offsets.get(label, 0.0) for label in LABELS}
    top = max(scores.values())
    weights = {verdict: math.exp(score - top) for verdict, score in scores.items()}
    total = sum(weights.values())
    return {verdict: weight / total for verdict, weight in weights.items()}


async def judge_opinion(model: LedgerChatModel, opinion: Opinion, name: str, *, offsets: Offsets | None) -> Opinion:
    """Hold an opinion against its own speaker's stance; only one that says the same is kept."""
    if opinion.stance is None:
        return opinion.model_copy(update={"dropped": "no_stance"})
    judged = await implies(model, f"{name} says: {opinion.text}", f"{name} {opinion.stance.words}", offsets=offsets)
    dropped = "judge_failed" if judged.verdict is None else None if judged.verdict == "entail" else judged.verdict
    return opinion.model_copy(
        update={
            "verdict": judged.verdict,
            "confidence": judged.confidence,
            "dropped": dropped,
            "requests": (*opinion.requests, judged.key),
        }
    )


class LabelledPair(NamedTuple):
    """A pair whose verdict is known from a survey's scale."""

    premise: str
    hypothesis: str
    verdict: Verdict


def survey_pairs(questions: Sequence[Question], *, name: str = "Alex") -> list[LabelledPair]:
    """Balanced pairs from survey scales: the same side entails, the other excludes, another question says nothing."""
    pairs: list[LabelledPair] = []
    for place, question in enumerate(questions):
        low, high = question.scale.codes[0], question.scale.codes[-1]
        other = questions[(place + len(questions) // 2) % len(questions)]
        # Next to the ends: a different strength of the same side.
        near = next((code for code in question.scale.codes[1:-1] if question.scale.side(code) == "below"), low)
        said = f"{name} {question.words[low]}"
        pairs += [
            LabelledPair(said, f"{name} {question.words[near]}", "entail"),
            LabelledPair(said, f"{name} {question.words[high]}", "contradict"),
            LabelledPair(said, f"{name} {other.words[other.scale.codes[0]]}", "irrelevant"),
        ]
    return pairs


async def fit_offsets(model: LedgerChatModel, pairs: Sequence[LabelledPair]) -> dict[str, float] | None:
    """Mean log-probability of each label over balanced pairs; None where the judge gives no log-probabilities."""
    totals = dict.fromkeys(LABELS, 0.0)
    for pair in pairs:
        inputs = {"premise": quoted(pair.premise), "hypothesis": quoted(pair.hypothesis)}
        message = await verification_chain(model).ainvoke(inputs)
        logprobs = message.response_metadata["label_logprobs"]
        if logprobs is None:
            return None
        for label in LABELS:
            totals[label] += logprobs[label]
    return {label: total / len(pairs) for label, total in totals.items()}


@lru_cache(maxsize=1)
def shipped_offsets() -> dict[str, dict[str, float]]:
    """Offsets by model identity, fitted once by `python -m benchmarks.refinement.fit_offsets`."""
    found: dict[str, dict[str, float]] = json.loads(
        (files(__package__) / "calibration.json").read_text(encoding="utf-8")
    )
    return found
