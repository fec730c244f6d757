"""Asking a model closed and open questions: two ways of scoring behind one seam, every reply through the ledger."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol, TypeVar

from pydantic import Field

from culturepark.benchmarks.likelihood import apart
from culturepark.benchmarks.parsing import Kind, Read, read_choice, refuses
from culturepark.benchmarks.task import Counts, Scoring
from culturepark.runtime.console import note
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
BLOCK: Final = 6
"""Most questions that one lane asks in a row before it looks for the next ones."""
SOON: Final = 5.0
"""Seconds of work below which nobody needs to be told how long it will take."""

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
    draw: int = Field(default=0, ge=0)
    """Which reply is asked for: at a temperature above 0 each draw is another one."""


class Open(Record):
    """A question that is answered in free words."""

    id: str
    messages: tuple[Message, ...]


class Asked(Protocol):
    """What can be asked."""

    @property
    def messages(self) -> tuple[Message, ...]:
        """The prompt."""
        ...


Q = TypeVar("Q", bound=Asked)


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
        held: bool = False,
        progress: Reporter | None = None,
    ) -> None:
        """`model` is the name after `--model`, `identity` names its weights.

        `held` says that the server holds every reply to the options. A draw is then a draw of their shares, however
        unlikely all options are together, and no question can be refused.
        """
        self.scoring = scoring
        self.model = model
        self.identity = identity
        self.seed = seed
        self.held = held
        self._open_ledger = open_ledger
        # Likelihoods are computed in batches of whatever waits, so all may wait together.
        self._slots = concurrency if scoring == "generate" else max(concurrency, 256)
        self._progress = progress or Silent()
        self._pace: float | None = None
        """Seconds a character of a prompt took, over all that was asked before."""

    @property
    def can_refuse(self) -> bool:
        """Whether a reply may be something else than an option."""
        return self.scoring == "generate" and not self.held

    async def choose(self, questions: Sequence[Closed], *, what: str = "", sampling: Sampling = GREEDY) -> list[Answer]:
        """Ask closed questions; answers are in their order.

        By generation the reply is read strictly (`read_choice`), and shares come from the log-probabilities of the
        options' first tokens, where the endpoint gives them and they tell the options apart. Where a server of our own
        answers, the rest of an option that begins as another (`10` as `1`) is asked for. By likelihood the choice is
        the option with the highest probability, the first of equals; `sampling` and draws then change nothing.

        Args:
            questions: Any number.
            what: Is shown as progress.
            sampling: Of the reply.

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
                draw=0 if likelihood else question.draw,
                seed=0 if likelihood or sampling.temperature == 0 else self._seed(question.id, question.draw),
                labels=question.options,
            )
            try:
                completed = await ledger.complete(request)
                reply = await _settled(ledger, request, completed.reply) if self.held else completed.reply
            except ModelError as error:
                return Answer(kind="failed", text=str(error))
            return closed_answer(reply, question, scoring=self.scoring, held=self.held, key=completed.key)

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
        """Ask in lanes: prompts that begin alike go one after the other, so that the server has read their beginning.

        Asked all at once they would be read side by side, each from its start.
        """
        words = [tuple(message.content for message in question.messages) for question in questions]
        order = sorted(range(len(questions)), key=words.__getitem__)
        block = min(BLOCK, math.ceil(len(questions) / self._slots)) or 1
        blocks = iter([order[start : start + block] for start in range(0, len(order), block)])
        answers: dict[int, Answer] = {}
        size = sum(len(part) for prompt in words for part in prompt)
        self._announce(what, len(questions), size)
        began = time.monotonic()

        async def lane() -> None:
            for places in blocks:
                for place in places:
                    answers[place] = await ask(questions[place])
                    self._progress.advance()

        tasks = [asyncio.create_task(lane()) for _ in range(min(self._slots, len(questions)))]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:  # after an error that ends the run; those that are done do not mind
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        self._pace = (time.monotonic() - began) / max(size, 1)
        return [answers[place] for place in range(len(questions))]

    def _announce(self, what: str, requests: int, size: int) -> None:
        seconds = None if self._pace is None else self._pace * size
        if seconds is not None and seconds > SOON:
            note(f"{what}: {requests} requests, about {seconds:.0f} s at the pace so far")
        self._progress.start(what or "questions", total=requests)


async def _settled(ledger: Ledger, request: Request, reply: Reply) -> Reply:
    """A reply with the shares of options that begin as others do, each asked for alone."""
    given = reply.label_logprobs or {}  # nothing where none of them is among the likely tokens
    if all(option in given for option in request.labels):
        return reply
    whole = dict(given)
    for option in request.labels:
        if option not in given:
            alone = request.model_copy(update={"labels": (option,)})
            whole |= (await ledger.complete(alone)).reply.label_logprobs or {}
    if any(option not in whole for option in request.labels):
        return reply
    options = [tuple(map(ord, option)) for option in request.labels]
    values = apart(options, [whole[option] for option in request.labels])
    return reply.model_copy(update={"label_logprobs": dict(zip(request.labels, values, strict=True))})


def closed_answer(reply: Reply, question: Closed, *, scoring: Scoring, held: bool = False, key: str) -> Answer:
    """Read a reply to a closed question."""
    mass, shares = option_shares(reply, question.options, exact=held or scoring == "likelihood")
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
        options: In the order of the shares. Where one of them could not be told from another there are no shares.
        exact: Whether the shares count however unlikely all options are: those of whole options do, and those of a
            server that lets nothing else through. Other endpoints would have said something else.
    """
    logprobs = reply.label_logprobs
    if logprobs is None:
        return None, None
    mass = min(sum(math.exp(logprobs[option]) for option in options if option in logprobs), 1.0)
    if any(option not in logprobs for option in options) or (not exact and mass < LEAST_MASS):
        return mass, None
    values = [logprobs[option] for option in options]
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
