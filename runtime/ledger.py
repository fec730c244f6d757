"""The one door to models. A committed reply is never asked for, or paid for, twice."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import islice
from typing import NamedTuple, cast

import sqlalchemy as sa

from culturepark.runtime.budget import (
    NOTHING,
    Allowance,
    Amount,
    Budget,
    BudgetSettings,
    Price,
    actual,
    charged,
    require_price,
    worst_case,
)
from culturepark.runtime.circuit import Circuit
from culturepark.runtime.console import silent
from culturepark.runtime.errors import (
    CultureParkError,
    EndpointDownError,
    ModelError,
    NotCommittedError,
    RetryableError,
)
from culturepark.runtime.hashing import sha256
from culturepark.runtime.pacing import LimitSettings, Pace, Pressure, backoff
from culturepark.runtime.request import Completed, Message, Model, Reply, Request
from culturepark.runtime.spending import written_off
from culturepark.runtime.store import CommittedReply, Grow, OtherSpending, PromptMessage, Put, Store

OPEN_CONVERSATIONS = 8_192
"""Whose last stored message is remembered; two a talk in flight."""
LONG_WAIT = 10.0
"""Seconds from which a wait is told of."""
LONGEST_WAIT = 900.0
"""Seconds a server may ask us to wait; who has to wait longer is told to come back."""
TRIED = Amount(1, 0, 0.0)


@dataclass
class Tally:
    """What the run did so far, for progress and the summary."""

    sent: int = 0
    """Tries that left for an endpoint, whether or not a reply came."""
    cached: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_prefix: int = 0
    """Part of `tokens_in` that the endpoint read from its prefix cache."""
    cost: float | None = 0.0
    unanswered: Counter[str] = field(default_factory=Counter)
    """Requests that got no reply after every try, by reason."""
    started: float = field(default_factory=time.monotonic)

    def add(self, reply: Reply, cost: float | None) -> None:
        """Count one reply that was sent for."""
        self.tokens_in += reply.tokens_in
        self.tokens_out += reply.tokens_out
        self.tokens_prefix += reply.tokens_cached
        self.cost = None if cost is None or self.cost is None else self.cost + cost

    def take(self) -> "Tally":
        """What was counted since the last taking, to be counted elsewhere."""
        taken = replace(self)
        self.sent = self.cached = self.tokens_in = self.tokens_out = self.tokens_prefix = 0
        self.cost = 0.0
        self.unanswered = Counter()
        return taken

    def merge(self, other: "Tally") -> None:
        """Count what another process counted."""
        self.sent += other.sent
        self.cached += other.cached
        self.tokens_in += other.tokens_in
        self.tokens_out += other.tokens_out
        self.tokens_prefix += other.tokens_prefix
        self.unanswered += other.unanswered
        self.cost = None if other.cost is None or self.cost is None else self.cost + other.cost


class Ledger:
    """Looks a request up, else asks the endpoint once within budget and pace, commits the reply, and hands it out."""

    def __init__(
        self,
        store: Store,
        endpoint: Model | None,
        *,
        identity: str | None = None,
        budget: Allowance | None = None,
        limits: LimitSettings | None = None,
        tally: Tally | None = None,
        tell: Callable[[str], None] = silent,
    ) -> None:
        """Without an endpoint only committed replies of the model `identity` are handed out.

        `tell` gets a line when the endpoint goes down, comes back, or asks for a long wait.

        Raises:
            CultureParkError: When money is limited and the model has no known price.
        """
        assert endpoint is not None or identity is not None
        self.identity = endpoint.identity if endpoint else cast(str, identity)
        self.tally = tally or Tally()
        self._store = store
        self._endpoint = endpoint
        self._budget: Allowance = budget or Budget(BudgetSettings())
        self._limits = limits or LimitSettings()
        self._price: Price = require_price(self.identity, self._budget)
        self._request_pace = Pace(self._limits.requests_per_minute)
        self._token_pace = Pace(self._limits.tokens_per_minute)
        self._pressure = Pressure()
        self._circuit = Circuit(patience=self._limits.patience, tell=tell)
        self._tell = tell
        self._draw = random.Random()
        self._in_flight: dict[str, asyncio.Future[Completed]] = {}
        self._stored = _Stored()

    @property
    def door(self) -> "Door":
        """What another process needs to open a ledger on the same model; budget and store are its own."""
        return Door(self._endpoint, self.identity, self._limits)

    async def complete(self, request: Request) -> Completed:
        """Return the committed reply to a request, asking the endpoint only if there is none.

        Raises:
            BudgetSpentError: When the request might exceed the budget.
            EndpointDownError: When the endpoint cannot be used at all.
            ModelError: When it gave no reply after every try.
            NotCommittedError: When there is no endpoint and the reply was never committed.
        """
        chain = _chain(request.messages)
        key = request_key(self.identity, request, prompt=chain[-1])
        if (running := self._in_flight.get(key)) is not None:
            # Shielded, so that one talk's cancellation does not take the reply from the other.
            return (await asyncio.shield(running))._replace(cached=True)
        future = asyncio.get_running_loop().create_future()
        self._in_flight[key] = future
        try:
            completed = await self._fetch(request, key, chain)
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError):
                future.cancel()
            else:
                future.set_exception(error)
                future.exception()  # read once, so that nobody waiting is not reported as a lost error
            raise
        else:
            future.set_result(completed)
            return completed
        finally:
            del self._in_flight[key], future  # it holds its error, whose frames hold it

    async def _fetch(self, request: Request, key: str, chain: tuple[str, ...]) -> Completed:
        if (reply := self._committed(key)) is not None:
            self.tally.cached += 1
            return Completed(reply, key, cached=True)
        if self._endpoint is None:
            raise NotCommittedError(request, key=key)
        asked = _Asked(request, key, chain, worst_case(request, self._price), time.monotonic())
        try:
            return Completed(await self._ask(self._endpoint, asked), key, cached=False)
        except ModelError as error:
            self.tally.unanswered[str(error)] += 1
            raise

    async def _ask(self, endpoint: Model, asked: "_Asked") -> Reply:
        """Try until a reply comes; each try is a request of the budget."""
        failures = 0
        while True:
            try:
                async with self._circuit.attempt(asked.key):
                    return await self._try(endpoint, asked)
            except RetryableError as error:
                if error.after is not None and error.after > LONGEST_WAIT:
                    raise EndpointDownError(
                        f"{error} and wants to be asked again in {error.after:.0f} s; what is done is saved: "
                        "run the same command then"
                    ) from None
                if error.kind == "busy":
                    continue  # the pressure knows when
                if self._circuit.opened:
                    await asyncio.sleep(error.after or 0)
                    continue  # the circuit knows when; what the whole endpoint suffers is not this request's failure
                failures += 1
                if failures == self._limits.attempts:
                    raise self._given_up(error) from None
                await asyncio.sleep(backoff(failures, self._draw.random()) if error.after is None else error.after)

    def _given_up(self, error: RetryableError) -> Exception:
        if not self._circuit.reached:
            return EndpointDownError(f"{error}; is the server running, and is --base-url right?")
        return ModelError(f"{error} (after {self._limits.attempts} tries)")

    async def _try(self, endpoint: Model, asked: "_Asked") -> Reply:
        """Send once, when there is room in the pressure, the budget and the pace, and commit the reply."""
        worst = asked.worst
        entered = await self._pressure.enter()
        try:
            ticket = await self._budget.reserve(worst)
            took = lost = NOTHING
            try:
                await self._request_pace.wait()
                await self._token_pace.wait(worst.tokens)
                self.tally.sent += 1
                # What is broken off on the way may have been written, and is charged then.
                took = lost = worst
                try:
                    reply = await endpoint.ask(asked.request)
                except RetryableError as error:
                    took = lost = worst if error.billed else TRIED
                    if error.kind == "busy":
                        self._slow_down(error, entered)
                    raise
                except CultureParkError:
                    took = lost = TRIED
                    raise
                took, lost = charged(reply, self._price, worst=worst)
                kept = await self._commit(asked, reply)
            finally:
                # Written down before it is settled: whoever is told that the budget is spent ends the run.
                try:
                    await self._write_off(lost)
                finally:
                    await self._budget.settle(ticket, took)
                    self._token_pace.give_back(worst.tokens - took.tokens)
        finally:
            self._pressure.leave()
        self._pressure.replied()
        self.tally.add(reply, took.money)
        return kept

    async def _write_off(self, lost: Amount) -> None:
        """Keep count of what was spent and no reply in the store stands for."""
        if lost != NOTHING:
            await self._store.commit(Grow(OtherSpending, {"run_id": self._store.run_id}, lost._asdict()))

    def _slow_down(self, busy: RetryableError, entered: float) -> None:
        wait = self._pressure.refused(entered=entered, after=busy.after, draw=self._draw.random())
        if wait >= LONG_WAIT:
            self._tell(f"{busy}; nothing is sent for {wait:.0f} s")

    def _committed(self, key: str) -> Reply | None:
        found = self._store.look_up(_COMMITTED, {"run": self._store.run_id, "key": key})
        return Reply.model_validate(found) if found is not None else None

    async def _commit(self, asked: "_Asked", reply: Reply) -> Reply:
        """Commit a reply; returns the one that stands for the request from now on."""
        request, chain = asked.request, asked.chain
        run_id = self._store.run_id
        known = self._stored.among(chain)
        prompt = zip(chain, (None, *chain[:-1]), request.messages, strict=True)
        new = [
            {
                "run_id": run_id,
                "hash": own,
                "parent": parent,
                "role": message.role,
                "content": message.content,
            }
            for own, parent, message in islice(prompt, known, None)
        ]
        row = {
            "run_id": run_id,
            "key": asked.key,
            "prompt": chain[-1],
            "purpose": request.purpose,
            "draw": request.draw,
            "identity": self.identity,
            "settings": request.model_dump(mode="json", exclude={"messages", "purpose", "draw"}),
            "reply": reply.model_dump(mode="json"),
            "tokens_in": reply.tokens_in,
            "tokens_out": reply.tokens_out,
            "cost": actual(reply, self._price).money,
            "seconds": time.monotonic() - asked.started,
        }
        _, replies = await self._store.commit(Put(PromptMessage, new), Put(CommittedReply, [row]))
        self._stored.add(chain, known=known)
        if replies == 1:
            return reply
        # Another worker asked the same at the same time, and was first: one reply to a request, and two are paid for.
        await self._write_off(actual(reply, self._price))
        return self._committed(asked.key) or reply


class _Asked(NamedTuple):
    """A request on its way."""

    request: Request
    key: str
    chain: tuple[str, ...]
    """Hash of every message with all before it."""
    worst: Amount
    started: float
    """By the monotonic clock."""


class _Stored:
    """How far the prompts of each conversation are in the store: its next prompt mostly begins as its last one did.

    The end is enough, since a message's hash is that of all before it too.
    """

    def __init__(self) -> None:
        self._ends: dict[str, None] = {}

    def among(self, chain: Sequence[str]) -> int:
        """How many messages at the beginning of a prompt are known to be stored."""
        return next((place for place in range(len(chain), 0, -1) if chain[place - 1] in self._ends), 0)

    def add(self, chain: Sequence[str], *, known: int) -> None:
        """Note a prompt that is stored now, but for its last message, which asks for the reply and does not return."""
        kept = len(chain) - 1
        if known and known <= kept:
            self._ends.pop(chain[known - 1], None)
        if kept:
            self._ends[chain[kept - 1]] = None
        while len(self._ends) > OPEN_CONVERSATIONS:
            del self._ends[next(iter(self._ends))]


class Door(NamedTuple):
    """A model and how it may be pressed: a ledger without its store and its budget."""

    endpoint: Model | None
    identity: str
    limits: LimitSettings


def spent_before(store: Store) -> Amount:
    """What the run's requests took, those without a reply in it too, so that a budget holds over several sittings."""
    table = _REPLIES
    tokens = sa.func.sum(table.c.tokens_in + table.c.tokens_out)
    query = sa.select(sa.func.count(), tokens, sa.func.sum(table.c.cost)).where(table.c.run_id == store.run_id)
    with store.engine.connect() as connection:
        requests, tokens_spent, money = connection.execute(query).one()
        before = written_off(connection, store.run_id)
    return Amount(requests + before.requests, (tokens_spent or 0) + before.tokens, (money or 0.0) + before.money)


def request_key(identity: str, request: Request, *, prompt: str) -> str:
    """Key of a request: model, parameters, messages (by the hash of their chain), purpose and draw."""
    return sha256([identity, prompt, request.model_dump(mode="json", exclude={"messages"})])


def _chain(messages: tuple[Message, ...]) -> tuple[str, ...]:
    """Hash of every message with all before it."""
    hashes: list[str] = []
    for message in messages:
        hashes.append(_link(hashes[-1] if hashes else None, message.role, message.content))
    return tuple(hashes)


@lru_cache(maxsize=4_096)  # what 128 talks in flight hold; it keeps their texts, and hashing anew costs little
def _link(parent: str | None, role: str, content: str) -> str:
    return sha256([parent, role, content])


_REPLIES = cast(sa.Table, CommittedReply.__table__)
_COMMITTED = sa.select(_REPLIES.c.reply).where(
    _REPLIES.c.run_id == sa.bindparam("run"), _REPLIES.c.key == sa.bindparam("key")
)
