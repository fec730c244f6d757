"""Asking a model closed and open questions: two ways of scoring behind one seam, every reply through the ledger."""

import asyncio
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from culturepark.benchmarks.parsing import Kind, Read, read_choice, refuses
from culturepark.benchmarks.task import Counts, Scoring
from culturepark.runtime.errors import ModelError
from culturepark.runtime.hashing import seed_from
from culturepark.runtime.ledger import Ledger
from culturepark.runtime.progress import Reporter, Silent
from culturepark.runtime.record import Record
from culturepark.runtime.request import Message, Reply, Request, Sampling

GREEDY: Final = Sampling(temperature=0, top_p=1, max_tokens=32)
DRAWN: Final = Sampling(temperature=1, top_p=1, max_tokens=32)
"""A draw from the model's own distribution."""
WRITTEN: Final = Sampling(temperature=0, top_p=1, max_tokens=64)
LEAST_MASS: Final = 0.01
"""Probability that the options need together: below it their shares say nothing about what the model would say."""

Q = TypeVar("Q")
OpenLedger = Callable[[Scoring], Awaitable[Ledger]]
"""Opens the ledger of a way of scoring when it is first needed."""


class Closed(Record):
    """A question with closed options."""

    id: str
    """Of the item; seeds the draws."""
    messages: tuple[Message, ...]
    options: tuple[str, ...]
    """The words that answer it, in the order they are shown in."""
    meanings: tuple[str, ...] = ()
    """What stands beside each option, where options are letters or numbers."""


class Open(Record):
    """A question that is answered in free words."""

    id: str
    messages: tuple[Message, ...]


class Answer(Record):
    """What became of a question."""

    kind: Kind
    text: str = ""
    """As the model wrote it; empty where none came."""
    choice: int | None = None
    """Index of the option; None unless `answered`, and for open questions."""
    shares: tuple[float, ...] | None = None
    """Probability of each option, normalised over the options; None where the endpoint does not give it."""
    mass: float | None = None
    """Probability of all options together, before they were normalised; with endpoints an upper bound."""
    logprobs: tuple[float, ...] | None = None
    """Natural log of the probability of each whole option; None unless scored by likelihood."""
    key: str = ""
    """Ledger key of the reply."""


class Asker:
    """One model under one way of scoring."""

    def __init__(
        self,
        open_ledger: OpenLedger,
        *,
        scoring: Scoring,
        model: str,
        identity: str,
        seed: int = 0,
        concurrency: int = 32,
        progress: Reporter | None = None,
    ) -> None:
        """`model` is the name after `--model`, `identity` names its weights."""
        self.scoring = scoring
        self.model = model
        self.identity = identity
        self.seed = seed
        self._open_ledger = open_ledger
        # Likelihoods are computed in batches of whatever waits, so all may wait together.
        self._slots = concurrency if scoring == "generate" else max(concurrency, 256)
        self._progress = progress or Silent()

    async def choose(
        self, questions: Sequence[Closed], *, what: str = "", sampling: Sampling = GREEDY, draw: int = 0
    ) -> list[Answer]:
        """Ask closed questions, in order.

        By generation the reply is read strictly (`read_choice`), and shares come from the log-probabilities of the
        options' first tokens, where the endpoint gives them and the first tokens differ. By likelihood the choice is
        the option with the highest probability, the first of equals; `sampling` and `draw` then change nothing.

        Args:
            questions: Any number.
            what: Is shown as progress.
            sampling: Of the reply; at a temperature above 0 each `draw` is another reply.
            draw: From 0.

        Raises:
            EndpointDownError: When nothing can be asked.
            BudgetSpentError: When the budget ended the run; what was answered is kept.
        """
        ledger = await self._open_ledger(self.scoring)
        likelihood = self.scoring == "likelihood"
        purpose = "bench_likelihood" if likelihood else "bench_choice"

        async def one(question: Closed) -> Answer:
            request = Request(
                messages=question.messages,
                purpose=purpose,
                sampling=GREEDY if likelihood else sampling,
                draw=0 if likelihood else draw,
                seed=0 if likelihood or sampling.temperature == 0 else self._seed(question.id, draw),
                labels=question.options,
            )
            try:
                completed = await ledger.complete(request)
            except ModelError as error:
                return Answer(kind="failed", text=str(error))
            return closed_answer(completed.reply, question, scoring=self.scoring, key=completed.key)

        return await self._each(questions, one, what)

    async def write(
        self, questions: Sequence[Open], *, what: str = "", sampling: Sampling = WRITTEN, draw: int = 0
    ) -> list[Answer]:
        """Ask open questions, in order; always by generation. Errors as in `choose`."""
        ledger = await self._open_ledger("generate")

        async def one(question: Open) -> Answer:
            seed = 0 if sampling.temperature == 0 else self._seed(question.id, draw)
            request = Request(
                messages=question.messages, purpose="bench_answer", sampling=sampling, draw=draw, seed=seed
            )
            try:
                completed = await ledger.complete(request)
            except ModelError as error:
                return Answer(kind="failed", text=str(error))
            return open_answer(completed.reply, key=completed.key)

        return await self._each(questions, one, what)

    def _seed(self, question: str, draw: int) -> int:
        return seed_from(self.seed, question, draw)

    async def _each(self, questions: Sequence[Q], ask: Callable[[Q], Awaitable[Answer]], what: str) -> list[Answer]:
        slots = asyncio.Semaphore(self._slots)
        self._progress.start(what or "questions", total=len(questions))

        async def one(question: Q) -> Answer:
            async with slots:
                answer = await ask(question)
            self._progress.advance()
            return answer

        tasks = [asyncio.create_task(one(question)) for question in questions]
        try:
            return list(await asyncio.gather(*tasks))
        finally:
            for task in tasks:  # after an error that ends the run; those that are done do not mind
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def closed_answer(reply: Reply, question: Closed, *, scoring: Scoring, key: str) -> Answer:
    """Read a reply to a closed question."""
    mass, shares = option_shares(reply, question.options, exact=scoring == "likelihood")
    logprobs: tuple[float, ...] | None = None
    if scoring == "likelihood":
        # A model that is scored this way gives every option's probability.
        assert shares is not None and reply.label_logprobs is not None  # noqa: PT018
        logprobs = tuple(reply.label_logprobs[option] for option in question.options)
        read = Read("answered", max(range(len(shares)), key=shares.__getitem__))
    else:
        read = read_choice(reply.text, question.options, meanings=question.meanings, finish_reason=reply.finish_reason)
    return Answer(
        kind=read.kind, text=reply.text, choice=read.choice, shares=shares, mass=mass, logprobs=logprobs, key=key
    )


def open_answer(reply: Reply, *, key: str) -> Answer:
    """Read a reply to an open question: a refusal, nothing, or an answer."""
    read = read_choice(reply.text, (), finish_reason=reply.finish_reason)
    if read.kind == "refused" or refuses(reply.text):
        return Answer(kind="refused", text=reply.text, key=key)
    return Answer(kind="answered" if reply.text.strip() else "invalid", text=reply.text, key=key)


def option_shares(
    reply: Reply, options: Sequence[str], *, exact: bool
) -> tuple[float | None, tuple[float, ...] | None]:
    """Probability of all options together, and of each among them.

    Args:
        reply: With log-probabilities, or without.
        options: In the order of the shares.
        exact: Whether they are those of whole options. An endpoint gives those of first tokens: options that begin
            alike (`1` and `10`) then have no shares, and neither have options that are all unlikely.
    """
    logprobs = reply.label_logprobs
    if logprobs is None:
        return None, None
    values = [logprobs[option] for option in options]
    mass = sum(map(math.exp, values))
    if not exact:
        mass = min(mass, 1.0)
        if len({option[:1].casefold() for option in options}) < len(options) or mass < LEAST_MASS:
            return mass, None
    top = max(values)
    weights = [math.exp(value - top) for value in values]
    whole = sum(weights)
    return mass, tuple(weight / whole for weight in weights)


def count(answers: Sequence[Answer]) -> Counts:
    """Count what became of questions."""
    kinds: Counter[str] = Counter(answer.kind for answer in answers)
    return Counts(**kinds)


def silence(model: str, counts: Counts) -> tuple[str, ...]:
    """The problem of a model that answered nothing it was asked, in one line; none where it answered."""
    if counts.answered or not counts.asked:
        return ()
    kinds = f"{counts.refused} refused, {counts.invalid} invalid, {counts.failed} failed"
    hint = "try --scoring likelihood, or look at its replies in run.db"
    return (f"{model} answered none of {counts.asked} questions ({kinds}); {hint}",)
