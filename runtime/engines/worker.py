"""What stands on a Ray worker: its hold on the store and the budget, its ledgers, and the work it was sent.

No key and no password is sent: a worker has them from the environment it was started in.
"""

import asyncio
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, NamedTuple

import ray
from ray import ObjectRef

from culturepark.runtime.budget import NOTHING, Amount, Budget, BudgetSettings
from culturepark.runtime.engines.local import to_its_end
from culturepark.runtime.engines.packing import unpack
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.leases import StoreLeases
from culturepark.runtime.ledger import Door, Ledger, Tally, spent_before
from culturepark.runtime.pacing import LimitSettings, Pace
from culturepark.runtime.store import Change, Grow, OtherSpending, Place, Put, Store, join_store

DESK = "desk"
POLL = 0.02
"""Seconds between two looks whether all pieces have ended."""
UNPACED = {"requests_per_minute": None, "tokens_per_minute": None}
"""Of a ledger whose budget keeps the pace."""


class Site(NamedTuple):
    """What a worker is told about the run."""

    place: Place
    budget: BudgetSettings
    limits: LimitSettings
    shared: bool
    """Whether every worker writes to PostgreSQL itself; else the run is in SQLite, and its `Desk` writes."""


class Done(NamedTuple):
    """What came of a piece of work, and what the worker has counted since the last one."""

    result: Any
    tally: Tally


class Worker:
    """A Ray actor that does pieces of work, many at a time, in one process with one store and one client a model."""

    def __init__(self, name: str, site: Site) -> None:
        self._name = name
        self._site = site
        self._tally = Tally()
        self._opening = asyncio.Lock()
        self._store: Store | None = None
        self._leases: StoreLeases | DeskLeases
        self._ledgers: dict[str, Ledger] = {}
        self._work: dict[str, Callable[[Any], Any]] = {}
        self._at_work = 0
        """Pieces."""

    async def ready(self) -> str:
        """Open the store, so that what is wrong here is said before any work; returns the version installed here."""
        await self._opened()
        return version("culturepark")

    async def do(self, number: str, packed: list["ObjectRef[bytes]"], item: Any) -> Done:
        """Do one piece of the work with this number."""
        self._at_work += 1
        try:
            store = await self._opened()
            if number not in self._work:
                # In a list, or Ray would fetch it for every piece.
                self._work[number] = unpack(await packed[0], store=store, ledger=self._ledger)
            return Done(await self._work[number](item), self._tally.take())
        finally:
            self._at_work -= 1

    async def close(self) -> None:
        """Wait until pieces that are broken off have written down what they spent."""
        while self._at_work:
            await asyncio.sleep(POLL)
        if self._store is not None:
            await asyncio.to_thread(self._store.close)

    async def _opened(self) -> Store:
        async with self._opening:
            if self._store is None:
                store = join_store(self._site.place)
                site = self._site
                if site.shared:
                    self._leases = StoreLeases(store, owner=self._name, budget=site.budget, limits=site.limits)
                else:
                    desk = ray.get_actor(DESK)
                    store = RelayedStore(store, desk)
                    self._leases = DeskLeases(desk, owner=self._name, budget=site.budget)
                await self._leases.bury()
                self._store = store
        return self._store

    def _ledger(self, door: Door) -> Ledger:
        if door.identity not in self._ledgers:
            assert self._store is not None
            self._ledgers[door.identity] = Ledger(
                self._store,
                door.endpoint,
                identity=door.identity,
                budget=self._leases,
                limits=door.limits.model_copy(update=UNPACED),
                tally=self._tally,
            )
        return self._ledgers[door.identity]


class Desk:
    """A Ray actor beside the driver: for a run in SQLite it alone writes for the workers, and leases the budget."""

    def __init__(self, place: Place, budget: BudgetSettings, limits: LimitSettings) -> None:
        self._store = join_store(place)
        self._budget = Budget(budget, spent=spent_before(self._store))
        self._requests = Pace(limits.requests_per_minute)
        self._tokens = Pace(limits.tokens_per_minute)
        self._held: dict[int, tuple[str, Amount]] = {}

    async def commit(self, changes: tuple[Put | Change | Grow, ...]) -> tuple[int, ...]:
        """Write what a worker hands in."""
        return await self._store.commit(*changes)

    async def reserve(self, owner: str, worst: Amount) -> int:
        """Lease a request's worst case, and wait for its place in line."""
        ticket = await self._budget.reserve(worst)
        self._held[ticket] = (owner, worst)
        try:
            await self._requests.wait()
            await self._tokens.wait(worst.tokens)
        except asyncio.CancelledError:
            await self.settle(ticket, NOTHING)
            raise
        return ticket

    async def settle(self, ticket: int, took: Amount) -> None:
        """Take a lease back."""
        held = self._held.pop(ticket, None)
        if held is not None:  # else it was buried with its owner
            await self._budget.settle(ticket, took)
            self._tokens.give_back(held[1].tokens - took.tokens)

    async def bury(self, owner: str) -> None:
        """Take for spent what a worker's predecessor had in flight."""
        for ticket, (holder, worst) in list(self._held.items()):
            if holder == owner:
                await self.settle(ticket, worst)
                await self._store.commit(Grow(OtherSpending, {"run_id": self._store.run_id}, worst._asdict()))

    async def close(self) -> None:
        """Finish pending writes."""
        self._store.close()


class DeskLeases:
    """One process's hold on the budget and the pace that the desk keeps."""

    def __init__(self, desk: Any, *, owner: str, budget: BudgetSettings) -> None:
        self._desk = desk
        self._owner = owner
        self._budget = budget

    @property
    def limited_by_money(self) -> bool:
        """See `Allowance`."""
        return self._budget.money is not None

    async def reserve(self, worst: Amount) -> int:
        """See `Allowance`."""
        return int(await arrived(self._desk.reserve.remote(self._owner, worst)))

    async def settle(self, ticket: int, took: Amount) -> None:
        """See `Allowance`."""
        await to_its_end(arrived(self._desk.settle.remote(ticket, took)))

    async def bury(self) -> None:
        """Take for spent what the owner's predecessor had in flight."""
        await arrived(self._desk.bury.remote(self._owner))


class RelayedStore(Store):
    """Reads a run's SQLite file and hands what is to be written to the desk."""

    def __init__(self, store: Store, desk: Any) -> None:
        super().__init__(store.engine, run_id=store.run_id, folder=store.folder)
        self._desk = desk

    async def commit(self, *changes: Put | Change | Grow) -> tuple[int, ...]:
        """See `Store`."""
        counts: tuple[int, ...] = await to_its_end(arrived(self._desk.commit.remote(changes)))
        return counts


async def arrived(reference: Any) -> Any:
    """Wait for what another process returns; an error of ours is raised as it was there.

    When the caller gives up, so does the other process.
    """
    try:
        return await reference
    except asyncio.CancelledError:
        ray.cancel(reference)
        raise
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, CultureParkError):
            raise error.cause from None
        raise
