"""What a run may cost: requests are exact, tokens and money are never exceeded."""

import asyncio
import json
from collections.abc import Iterable
from importlib.resources import files
from typing import NamedTuple, Protocol

from pydantic import Field

from culturepark.runtime.errors import BudgetSpentError, CultureParkError
from culturepark.runtime.record import Record, build, parse_yaml
from culturepark.runtime.request import Reply, Request


class BudgetSettings(Record):
    """Limits of one run; None is no limit."""

    requests: int | None = Field(default=None, ge=0)
    tokens: int | None = Field(default=None, ge=0)
    """In and out together."""
    money: float | None = Field(default=None, ge=0)
    """US dollars."""


class Price(Record):
    """US dollars for a million tokens."""

    input: float = Field(ge=0)
    cached: float = Field(ge=0)
    output: float = Field(ge=0)

    def of(self, *, tokens_in: int, tokens_cached: int, tokens_out: int) -> float:
        """Cost in US dollars."""
        fresh = max(0, tokens_in - tokens_cached)  # some servers leave cached ones out of those that went in
        return (fresh * self.input + tokens_cached * self.cached + tokens_out * self.output) / 1e6


FREE = Price(input=0, cached=0, output=0)


class Amount(NamedTuple):
    """What a request took, or may take at worst."""

    requests: int
    tokens: int
    money: float


NOTHING = Amount(0, 0, 0.0)


class Allowance(Protocol):
    """What must be asked for leave before a request goes out: the budget, held here or shared with other processes."""

    @property
    def limited_by_money(self) -> bool:
        """Whether a price must be known before anything is sent."""
        ...

    async def reserve(self, worst: Amount) -> int:
        """Set the worst case aside and return its ticket; waits while it may fit later.

        Raises:
            BudgetSpentError: When it cannot fit.
        """
        ...

    async def settle(self, ticket: int, took: Amount) -> None:
        """Replace a reservation by what the request took."""
        ...


class Budget:
    """Reserves the worst case before a request leaves and settles for what it really took."""

    def __init__(self, settings: BudgetSettings, *, spent: Amount | None = None) -> None:
        self._settings = settings
        self._spent = spent or NOTHING
        self._held = self._spent
        """Spent and reserved."""
        self._reserved: dict[int, Amount] = {}
        self._next = 0
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def limited_by_money(self) -> bool:
        """Whether a price must be known before anything is sent."""
        return self._settings.money is not None

    @property
    def spent(self) -> Amount:
        """What settled requests took."""
        return self._spent

    async def reserve(self, worst: Amount) -> int:
        """Set the worst case aside and return its ticket; waits while requests in flight may free some.

        Raises:
            BudgetSpentError: When it cannot fit even after everything in flight has settled.
        """
        while (short := short_of(self._settings, total((self._held, worst)))) is not None:
            if not self._reserved:
                raise spent_error(short)
            settled = asyncio.get_running_loop().create_future()
            self._waiting.append(settled)
            await settled
        self._next += 1
        self._reserved[self._next] = worst
        self._held = total((self._held, worst))
        return self._next

    async def settle(self, ticket: int, took: Amount) -> None:
        """Replace a reservation by what the request took; here it never has to wait."""
        del self._reserved[ticket]
        self._spent = total((self._spent, took))
        self._held = total((self._spent, *self._reserved.values())) if self._limited else self._spent
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            if not one.done():
                one.set_result(None)

    @property
    def _limited(self) -> bool:
        return self._settings != BudgetSettings()


def short_of(settings: BudgetSettings, held: Amount) -> str | None:
    """The first limit that an amount is over, in words; None where it fits."""
    limits = (settings.requests, settings.tokens, settings.money)
    for name, limit, need in zip(Amount._fields, limits, held, strict=True):
        if limit is not None and need > limit:
            return f"${limit:g}" if name == "money" else f"{limit} {name}"
    return None


def spent_error(short: str) -> BudgetSpentError:
    """What ends a run whose budget is spent."""
    return BudgetSpentError(f"the budget of {short} is spent; what is done is saved; raise it and run the same command")


def worst_case(request: Request, price: Price) -> Amount:
    """Bound a request from above.

    A token is at least one byte, a chat template adds a few a message, an endpoint may put the schema into the prompt.
    """
    tokens_in = sum(len(message.content.encode()) + 16 for message in request.messages)
    if request.json_schema is not None:
        tokens_in += len(json.dumps(request.json_schema))
    tokens_out = request.sampling.max_tokens
    return Amount(1, tokens_in + tokens_out, price.of(tokens_in=tokens_in, tokens_cached=0, tokens_out=tokens_out))


def actual(reply: Reply, price: Price) -> Amount:
    """What a reply took."""
    money = price.of(tokens_in=reply.tokens_in, tokens_cached=reply.tokens_cached, tokens_out=reply.tokens_out)
    return Amount(1, reply.tokens_in + reply.tokens_out, money)


def charged(reply: Reply, price: Price, *, worst: Amount) -> tuple[Amount, Amount]:
    """What a reply is charged, and the part of it that the reply itself does not tell.

    A prompt has a token at least: an endpoint that says less does not count, and may have taken the worst.
    """
    took = actual(reply, price)
    if reply.tokens_in:
        return took, NOTHING
    return worst, Amount(0, worst.tokens - took.tokens, worst.money - took.money)


class PriceTable(Record):
    """Known prices by model identity, with where and when they were read."""

    source: str
    as_of: str
    models: dict[str, Price]
    training: dict[str, float]
    """US dollars for a million tokens that a hosted job trains on."""


def known_price(identity: str) -> Price | None:
    """Price of a model by its identity; models on this machine are free, an unlisted one has no price."""
    if identity.startswith(("builtin:", "gguf:", "nli:")):
        return FREE
    return load_prices().models.get(identity)


def training_price(identity: str) -> float | None:
    """US dollars for a million tokens that a hosted job trains a model on; None where that is not known."""
    return load_prices().training.get(identity)


def load_prices() -> PriceTable:
    """Read the shipped price table."""
    text = (files(__package__) / "prices.yaml").read_text(encoding="utf-8")
    return build(PriceTable, parse_yaml(text, place="prices.yaml"), place="prices.yaml")


def require_price(identity: str, budget: Allowance) -> Price:
    """Price of a model, or zero where it is unknown and no money limit asks for it.

    Raises:
        CultureParkError: When money is limited and the price is unknown.
    """
    price = known_price(identity)
    if price is None and budget.limited_by_money:
        known = ", ".join(sorted(load_prices().models))
        raise CultureParkError(
            f"budget.money: no price is known for {identity!r}, so money cannot be bounded; limit `tokens` instead "
            f"(known prices: {known})"
        )
    return price or FREE


def total(amounts: Iterable[Amount]) -> Amount:
    """Add amounts up."""
    requests, tokens, money = zip(NOTHING, *amounts, strict=True)
    return Amount(sum(requests), sum(tokens), sum(money))
