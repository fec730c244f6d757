"""Leases over a real PostgreSQL server: several processes share one budget and one pace, exactly."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from culturepark.runtime.budget import Amount, BudgetSettings
from culturepark.runtime.errors import BudgetSpentError
from culturepark.runtime.leases import StoreLeases, open_leases
from culturepark.runtime.ledger import spent_before
from culturepark.runtime.pacing import LimitSettings
from culturepark.runtime.store import CommittedReply, Put, Store, join_store, open_store

pytestmark = pytest.mark.slow
NOTHING = Amount(0, 0, 0.0)


@pytest.fixture
def stores(postgres: str, tmp_path: Path) -> Iterator[list[Store]]:
    """Four holds on one run, each with connections of its own, as four workers have them."""
    first = open_store(tmp_path / f"leased-{tmp_path.name}", url=postgres)
    others = [join_store(first.place._replace(url=postgres)) for _ in range(3)]
    open_leases(first, spent=Amount(3, 100, 0.0))
    yield [first, *others]
    for store in (first, *others):
        store.close()


def leases(store: Store, *, owner: str = "w", pace: float | None = None, **limits: int) -> StoreLeases:
    limited = LimitSettings(requests_per_minute=pace)
    return StoreLeases(store, owner=owner, budget=BudgetSettings.model_validate(limits), limits=limited)


def test_requests_are_exact_however_many_ask(stores: list[Store]) -> None:
    async def ask(one: StoreLeases) -> bool:
        try:
            ticket = await one.reserve(Amount(1, 10, 0.0))
        except BudgetSpentError:
            return False
        await asyncio.sleep(0.01)
        await one.settle(ticket, Amount(1, 5, 0.0))
        return True

    async def main() -> list[bool]:
        workers = [leases(store, requests=20) for store in stores]
        return await asyncio.gather(*(ask(workers[number % 4]) for number in range(60)))

    # Three were spent before.
    assert sum(asyncio.run(main())) == 17


def test_what_a_request_did_not_use_is_free_for_another_process(stores: list[Store]) -> None:
    async def main() -> None:
        one, other = (leases(store, tokens=1000) for store in stores[:2])
        ticket = await one.reserve(Amount(1, 800, 0.0))
        waiting = asyncio.create_task(other.reserve(Amount(1, 800, 0.0)))
        await asyncio.sleep(0.3)
        assert not waiting.done(), "800 and 800 and the 100 before are more than 1000"
        await one.settle(ticket, Amount(1, 50, 0.0))
        assert await waiting > ticket

    asyncio.run(main())


def test_a_dead_workers_requests_are_taken_for_spent_at_their_worst(stores: list[Store]) -> None:
    async def main() -> None:
        dead = leases(stores[0], owner="worker-0", tokens=1000)
        await dead.reserve(Amount(1, 500, 0.0))
        await leases(stores[1], owner="worker-0", tokens=1000).bury()
        other = leases(stores[2], owner="worker-1", tokens=1000)
        with pytest.raises(BudgetSpentError):
            await other.reserve(Amount(1, 401, 0.0))
        await other.reserve(Amount(1, 400, 0.0))

    asyncio.run(main())


def test_what_died_in_flight_counts_in_the_sittings_after(stores: list[Store]) -> None:
    """One request whose worker had a successor, and one that nobody was left to bury."""

    async def main() -> None:
        await leases(stores[0], owner="worker-0").reserve(Amount(1, 500, 0.5))
        await leases(stores[1], owner="worker-0").bury()
        await leases(stores[0], owner="worker-1").reserve(Amount(1, 300, 0.25))

    asyncio.run(main())
    assert spent_before(stores[2]) == Amount(1, 500, 0.5)
    open_leases(stores[2], spent=spent_before(stores[2]))

    assert spent_before(stores[3]) == Amount(2, 800, 0.75)
    with pytest.raises(BudgetSpentError):
        asyncio.run(leases(stores[3], tokens=1000).reserve(Amount(1, 201, 0.0)))
    asyncio.run(leases(stores[3], tokens=1000).reserve(Amount(1, 200, 0.0)))


def test_the_pace_is_one_for_all_processes(stores: list[Store]) -> None:
    async def main() -> float:
        workers = [leases(store, pace=600) for store in stores]
        began = time.monotonic()
        tickets = await asyncio.gather(*(workers[number % 4].reserve(Amount(1, 1, 0.0)) for number in range(11)))
        took = time.monotonic() - began
        for ticket in tickets:
            await workers[0].settle(ticket, NOTHING)
        return took

    # Eleven requests at ten a second: the first leaves at once.
    assert asyncio.run(main()) >= 1.0


def test_a_worker_finds_the_reply_that_another_one_committed_since_it_last_looked(stores: list[Store]) -> None:
    reply = {"text": "Ja.", "finish_reason": "stop", "tokens_in": 1, "tokens_out": 1, "model": "m"}
    row = {"key": "k", "prompt": "p", "purpose": "test", "draw": 0, "identity": "openai:m", "settings": {}}
    row |= {"run_id": stores[0].run_id, "reply": reply, "tokens_in": 1, "tokens_out": 1, "cost": None, "seconds": 0.1}
    query = sa.select(CommittedReply.reply).where(CommittedReply.key == sa.bindparam("key"))
    looked = stores[0].look_up(query, {"key": "k"})

    (written,) = asyncio.run(stores[1].commit(Put(CommittedReply, [row])))

    assert (looked, written) == (None, 1)
    assert stores[0].look_up(query, {"key": "k"}) == reply


def test_a_look_up_outlives_its_connection(stores: list[Store]) -> None:
    query = sa.select(CommittedReply.reply).where(CommittedReply.key == sa.bindparam("key"))
    own = sa.text("SELECT pg_backend_pid()")
    assert stores[0].look_up(query, {"key": "none"}) is None
    with stores[1].engine.connect() as connection:
        mine = connection.scalar(own)
        connection.execute(
            sa.text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> :mine"
            ),
            {"mine": mine},
        )

    stores[0].engine.dispose()
    assert stores[0].look_up(query, {"key": "none"}) is None


def test_what_is_cancelled_all_at_once_leaves_no_lease_behind(stores: list[Store]) -> None:
    async def main() -> None:
        one = leases(stores[0])
        tickets = [await one.reserve(Amount(1, 10, 0.0)) for _ in range(40)]
        settling = [asyncio.create_task(one.settle(ticket, Amount(1, 5, 0.0))) for ticket in tickets]
        asking = [asyncio.create_task(one.reserve(Amount(1, 10, 0.0))) for _ in range(40)]
        await asyncio.sleep(0)
        for task in (*settling, *asking):
            task.cancel()
        ended = await asyncio.gather(*settling, *asking, return_exceptions=True)
        assert all(isinstance(error, asyncio.CancelledError) for error in ended)

    asyncio.run(main())

    with stores[0].engine.connect() as connection:
        own = {"run": stores[0].run_id}
        spent = connection.execute(sa.text("SELECT requests, tokens FROM allowances WHERE run_id = :run"), own).one()
        left = connection.scalar(sa.text("SELECT count(*) FROM leases WHERE run_id = :run"), own)
    # Three requests and 100 tokens were spent before.
    assert (tuple(spent), left) == ((43, 300), 0)
