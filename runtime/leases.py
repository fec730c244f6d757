"""A budget and a pace that all workers of a run share: leased, request by request, from the run's PostgreSQL rows.

A worker that dies leaves its leases behind. Its successor, or the next sitting with Ray, takes them for spent at their
worst: whether the requests had reached the endpoint, nobody knows.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final, NamedTuple, cast

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from culturepark.runtime.budget import NOTHING, Amount, BudgetSettings, short_of, spent_error, total
from culturepark.runtime.engines.local import to_its_end
from culturepark.runtime.errors import BudgetSpentError
from culturepark.runtime.pacing import LimitSettings
from culturepark.runtime.spending import write_off
from culturepark.runtime.store import Base, Grow, OtherSpending, Store

POLL: Final = 0.1
"""Seconds between two looks whether a request in flight has freed some of the budget."""


class AllowanceRow(Base):
    """What a run has spent in this sitting and before, and when its next request may leave."""

    __tablename__ = "allowances"

    run_id: Mapped[str] = mapped_column(primary_key=True)
    requests: Mapped[int] = mapped_column(sa.BigInteger)
    tokens: Mapped[int] = mapped_column(sa.BigInteger)
    money: Mapped[float]
    request_at: Mapped[float]
    """Time by the database's clock from which another request may leave, seconds since 1970."""
    token_at: Mapped[float]


class LeaseRow(Base):
    """The worst case of one request in flight."""

    __tablename__ = "leases"

    ticket: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(index=True)
    owner: Mapped[str]
    """The worker that holds it."""
    requests: Mapped[int]
    tokens: Mapped[int] = mapped_column(sa.BigInteger)
    money: Mapped[float]


class _Lease(NamedTuple):
    ticket: int
    wait: float
    """Seconds until the request may leave."""


def open_leases(store: Store, *, spent: Amount) -> None:
    """Begin a sitting. What was spent before is known from the run, but for leases that nobody was left to settle."""
    with store.engine.begin() as connection:
        for table in (_LEASES, _ALLOWANCES):
            table.create(connection, checkfirst=True)
        left = _taken(connection, _LEASES.c.run_id == store.run_id)
        if left != NOTHING:
            write_off(connection, store.run_id, left)
        connection.execute(sa.delete(_ALLOWANCES).where(_ALLOWANCES.c.run_id == store.run_id))
        before = {name: value + more for (name, value), more in zip(spent._asdict().items(), left, strict=True)}
        row = {"run_id": store.run_id, **before, "request_at": 0.0, "token_at": 0.0}
        connection.execute(sa.insert(_ALLOWANCES), row)


class StoreLeases:
    """One process's hold on the run's budget and pace."""

    def __init__(self, store: Store, *, owner: str, budget: BudgetSettings, limits: LimitSettings) -> None:
        self._store = store
        self._owner = owner
        self._budget = budget
        self._seconds_each = tuple(
            60 / rate if rate else 0.0 for rate in (limits.requests_per_minute, limits.tokens_per_minute)
        )

    @property
    def limited_by_money(self) -> bool:
        """See `Allowance`."""
        return self._budget.money is not None

    async def reserve(self, worst: Amount) -> int:
        """See `Allowance`; waits for the request's place in line, too."""
        while True:
            leasing = asyncio.ensure_future(asyncio.to_thread(self._lease, worst))
            try:
                lease = await asyncio.shield(leasing)
                if lease is not None:
                    await asyncio.sleep(lease.wait)
                    return lease.ticket
            except asyncio.CancelledError:
                with suppress(BudgetSpentError):
                    # The thread goes on, and a lease that nobody knows of would be charged later.
                    if (lease := await leasing) is not None:
                        await self.settle(lease.ticket, NOTHING)
                raise
            await asyncio.sleep(POLL)

    async def settle(self, ticket: int, took: Amount) -> None:
        """See `Allowance`."""
        await to_its_end(asyncio.to_thread(self._settle, ticket, took))

    async def bury(self) -> None:
        """Take for spent what the owner's predecessor had in flight."""
        left = await asyncio.to_thread(self._bury)
        if left != NOTHING:
            await self._store.commit(Grow(OtherSpending, {"run_id": self._store.run_id}, left._asdict()))

    def _lease(self, worst: Amount) -> _Lease | None:
        """Lease once; None while requests in flight may yet free enough."""
        with self._row() as connection:
            now = sa.func.extract("epoch", sa.func.clock_timestamp()).cast(sa.Float)
            row = connection.execute(sa.select(_ALLOWANCES, now.label("now")).where(self._own(_ALLOWANCES))).one()
            sums = [sa.func.coalesce(sa.func.sum(_LEASES.c[name]), 0) for name in Amount._fields]
            held = connection.execute(sa.select(sa.func.count(), *sums).where(self._own(_LEASES))).one()
            needed = (
                row.requests + int(held[1]) + worst.requests,
                row.tokens + int(held[2]) + worst.tokens,
                row.money + float(held[3]) + worst.money,
            )
            if (short := short_of(self._budget, Amount(*needed))) is not None:
                if not held[0]:
                    raise spent_error(short)
                return None
            request_at, token_at = (max(row.now, at) for at in (row.request_at, row.token_at))
            per_request, per_token = self._seconds_each
            connection.execute(
                sa.update(_ALLOWANCES)
                .where(self._own(_ALLOWANCES))
                .values(request_at=request_at + per_request, token_at=token_at + per_token * worst.tokens)
            )
            values = {"run_id": self._store.run_id, "owner": self._owner, **worst._asdict()}
            ticket = connection.scalar(sa.insert(_LEASES).returning(_LEASES.c.ticket), values)
            return _Lease(int(ticket), max(request_at, token_at) - row.now)

    def _settle(self, ticket: int, took: Amount) -> None:
        with self._row() as connection:
            gone = sa.delete(_LEASES).where(_LEASES.c.ticket == ticket).returning(_LEASES.c.tokens)
            leased = connection.scalar(gone)
            if leased is None:
                return  # buried with its owner
            self._spend(connection, took)
            unused = self._seconds_each[1] * (leased - took.tokens)
            earlier = sa.update(_ALLOWANCES).where(self._own(_ALLOWANCES))
            connection.execute(earlier.values(token_at=_ALLOWANCES.c.token_at - unused))

    def _bury(self) -> Amount:
        with self._row() as connection:
            left = _taken(connection, self._own(_LEASES), _LEASES.c.owner == self._owner)
            self._spend(connection, left)
            return left

    def _spend(self, connection: sa.Connection, took: Amount) -> None:
        more = {name: _ALLOWANCES.c[name] + value for name, value in took._asdict().items()}
        connection.execute(sa.update(_ALLOWANCES).where(self._own(_ALLOWANCES)).values(**more))

    @contextmanager
    def _row(self) -> Iterator[sa.Connection]:
        """One transaction on the run's row, which no other process reads or changes meanwhile."""
        with self._store.engine.begin() as connection:
            # Twice in every request: waiting for the disk would cost more than miscounting the last moments before the
            # database server itself crashes.
            connection.exec_driver_sql("SET LOCAL synchronous_commit TO off")
            connection.execute(sa.select(_ALLOWANCES.c.run_id).where(self._own(_ALLOWANCES)).with_for_update())
            yield connection

    def _own(self, table: sa.Table) -> sa.ColumnElement[bool]:
        return table.c.run_id == self._store.run_id


def _taken(connection: sa.Connection, *which: sa.ColumnElement[bool]) -> Amount:
    """Delete leases; returns what they come to."""
    gone = sa.delete(_LEASES).where(*which).returning(_LEASES.c.requests, _LEASES.c.tokens, _LEASES.c.money)
    return total(Amount(*lease) for lease in connection.execute(gone))


_ALLOWANCES = cast(sa.Table, AllowanceRow.__table__)
_LEASES = cast(sa.Table, LeaseRow.__table__)
