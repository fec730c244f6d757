"""A judge: does one text imply another? It answers with one of three labels; calibrated probabilities decide."""

import math
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Final, NamedTuple

from langchain_core.messages import AIMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable
from pydantic import Field

from culturepark.postprocess.fence import quoted
from culturepark.postprocess.opinion import Verdict
from culturepark.runtime.ledger import Ledger
from culturepark.runtime.models.langchain_client import LedgerChatModel
from culturepark.runtime.models.nli import NLI_LABELS
from culturepark.runtime.record import Record
from culturepark.runtime.request import Sampling

DRAWS: Final = 2
SAMPLING: Final = Sampling(temperature=0, top_p=1, max_tokens=6)
LEAST_MASS: Final = 0.1
"""Probability that the three labels together need: below it the model was about to say something else."""

Offsets = Mapping[str, float]
"""By label, what is taken from its log-probability: how much the judge favors the word whatever it reads."""


class SideWeights(Record):
    """How a judge's supports of the sides of a scale become the probabilities that a text is on them; see `verify`."""

    scale: float = Field(gt=0)
    """How much one unit of support counts."""
    undecided: float
    """Added to the score of "neither" and "hard to say"."""
    nothing: float
    """Score of saying nothing about the question."""


class Calibration(Record):
    """What is known of a judge's habits, fitted on pairs made from survey scales; nothing is known of a new one."""

    offsets: dict[str, float] = {}
    """By label, its mean log-probability over balanced pairs."""
    sides: SideWeights | None = None


class Judgement(NamedTuple):
    """A verdict, how sure it is, and the ledger key of the reply."""

    verdict: Verdict | None
    """None when no draw gave one of the labels: counted as `judge_failed`, never guessed."""
    confidence: dict[Verdict, float] | None
    key: str
    support: float | None = None
    """Log-odds that the hypothesis follows rather than is excluded, as the judge gives them; None without
    log-probabilities."""


class Form(NamedTuple):
    """How a kind of model is asked about a pair, and what its labels mean."""

    labels: Mapping[str, Verdict]
    prompt: ChatPromptTemplate
    """Reads `premise` and `hypothesis`."""
    quotes: bool
    """Whether the two texts stand inside a prompt, where they must be fenced."""


class Judge(NamedTuple):
    """A model with its calibration."""

    model: LedgerChatModel
    calibration: Calibration

    @property
    def identity(self) -> str:
        """Names the model in records."""
        return self.model.ledger.identity

    @property
    def form(self) -> Form:
        """How this model is asked."""
        return form_of(self.identity)

    async def implies(self, premise: str, hypothesis: str) -> Judgement:
        """Judge whether the premise implies the hypothesis (entail), excludes it, or neither.

        Raises:
            ModelError: When the endpoint gives no reply.
        """
        labels = self.form.labels
        key = ""
        for draw in range(DRAWS):
            message = await ask_pair(self.model, premise, hypothesis, draw=draw)
            key = str(message.response_metadata["key"])
            logprobs: dict[str, float] | None = message.response_metadata["label_logprobs"]
            if logprobs is not None and sum(map(math.exp, logprobs.values())) >= LEAST_MASS:
                confidence = calibrated(logprobs, self.calibration.offsets, labels)
                return Judgement(likeliest(confidence), confidence, key, support(logprobs, labels))
            if (verdict := read_label(str(message.content), labels)) is not None:
                return Judgement(verdict, None, key)
        return Judgement(None, None, key)


def judging_model(ledger: Ledger, *, purpose: str = "verify") -> LedgerChatModel:
    """A ledger's model, sampled as judges are."""
    return LedgerChatModel(ledger=ledger, purpose=purpose, sampling=SAMPLING)


async def ask_pair(model: LedgerChatModel, premise: str, hypothesis: str, *, draw: int = 0) -> AIMessage:
    """Put a pair to a model; returns the message with its label, and log-probabilities where there are any."""
    form = form_of(model.ledger.identity)
    fenced = quoted if form.quotes else str
    asked: Runnable[dict[str, str], AIMessage] = form.prompt | model.at_draw(draw, labels=tuple(form.labels))
    return await asked.ainvoke({"premise": fenced(premise), "hypothesis": fenced(hypothesis)})


def form_of(identity: str) -> Form:
    """Chat models are asked in words, cross-encoders read the bare pair."""
    return _pair_form() if identity.startswith("nli:") else _chat_form()


@lru_cache(maxsize=1)
def _chat_form() -> Form:
    instruction = (files(__package__) / "prompts" / "verify.md").read_text(encoding="utf-8")
    question = "{premise} Question: does this imply that {hypothesis}? Answer Yes, No or Maybe."
    prompt = ChatPromptTemplate.from_messages([("system", instruction), ("human", question)])
    return Form({"Yes": "entail", "No": "contradict", "Maybe": "irrelevant"}, prompt, quotes=True)


@lru_cache(maxsize=1)
def _pair_form() -> Form:
    prompt = ChatPromptTemplate.from_messages([("human", "{premise}"), ("human", "{hypothesis}")])
    verdicts: tuple[Verdict, ...] = ("entail", "contradict", "irrelevant")
    return Form(dict(zip(NLI_LABELS, verdicts, strict=True)), prompt, quotes=False)


def likeliest(confidence: dict[Verdict, float]) -> Verdict:
    """The verdict with the highest probability."""
    return max(confidence, key=lambda verdict: confidence[verdict])


def support(logprobs: Mapping[str, float], labels: Mapping[str, Verdict]) -> float:
    """Log-odds of "it follows" against "it is excluded"."""
    by_verdict = {verdict: logprobs[label] for label, verdict in labels.items()}
    return by_verdict["entail"] - by_verdict["contradict"]


def read_label(text: str, labels: Mapping[str, Verdict]) -> Verdict | None:
    """The verdict of a reply that is one of the labels, up to case and closing marks; anything else is none."""
    word = text.strip().strip("\"'.!*").casefold()
    return next((verdict for label, verdict in labels.items() if label.casefold() == word), None)


def calibrated(logprobs: Mapping[str, float], offsets: Offsets, labels: Mapping[str, Verdict]) -> dict[Verdict, float]:
    """Probabilities of the verdicts: log-probabilities less offsets, normalised over the three."""
    scores = {verdict: logprobs[label] - offsets.get(label, 0.0) for label, verdict in labels.items()}
    top = max(scores.values())
    weights = {verdict: math.exp(score - top) for verdict, score in scores.items()}
    total = sum(weights.values())
    return {verdict: weight / total for verdict, weight in weights.items()}
