"""The engine that spreads work over the workers of a Ray cluster; imported only when it is asked for."""

import asyncio
import logging
import os
import secrets
import signal
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, redirect_stdout
from functools import lru_cache
from importlib.metadata import version
from itertools import count, cycle
from pathlib import Path
from typing import Any, Final, TypeVar

import ray
from ray.exceptions import RayActorError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from culturepark.runtime.budget import BudgetSettings
from culturepark.runtime.console import note
from culturepark.runtime.engines.local import run_bounded
from culturepark.runtime.engines.opening import OpenEngine
from culturepark.runtime.engines.packing import pack
from culturepark.runtime.engines.worker import DESK, UNPACED, Desk, DeskLeases, Done, Site, Worker, arrived
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.leases import StoreLeases, open_leases
from culturepark.runtime.ledger import Tally, spent_before
from culturepark.runtime.pacing import LimitSettings
from culturepark.runtime.store import Store

T = TypeVar("T")
R = TypeVar("R")
PIECES_AT_ONCE: Final = 10_000
"""Of one worker; the engine's caller bounds them before that."""
OBJECT_STORE: Final = 256 * 2**20
"""Bytes of shared memory on this machine: only the packed work goes through it."""
TRIES: Final = 30
"""Workers that may die over one piece of work before it is taken for the piece's fault."""
LONGEST_WAIT: Final = 5.0
LEAVING: Final = 1.0
"""Seconds for which workers are waited for at the end: an interrupted command is to end within two."""
DRIVER: Final = "driver"


class RayEngine:
    """Sends pieces of work to actors in turn; each of them does many at a time."""

    def __init__(self, workers: Sequence[Any], tally: Tally) -> None:
        self.processes = len(workers)
        self._workers = cycle(workers)
        self._tally = tally
        self._numbers = count()

    async def map(
        self,
        work: Callable[[T], Awaitable[R]],
        items: Iterable[T],
        *,
        concurrency: int,
        done: Callable[[T, R], None],
    ) -> None:
        """See `Engine`."""
        number, packed = str(next(self._numbers)), [ray.put(pack(work))]

        async def one(item: T) -> None:
            found = await self._anywhere(number, packed, item)
            self._tally.merge(found.tally)
            done(item, found.result)

        await run_bounded(items, one, concurrency=concurrency)

    async def _anywhere(self, number: str, packed: Any, item: object) -> Done:
        """Have a worker do a piece; where one dies, the next one does the piece again."""
        for tried in range(TRIES):
            worker = next(self._workers)
            try:
                found: Done = await arrived(worker.do.remote(number, packed, item))
            except RayActorError:
                # Its successor takes over its leases, also where no piece goes there: others may wait for them.
                worker.ready.options(max_task_retries=-1).remote()
                await asyncio.sleep(min(LONGEST_WAIT, 0.05 * 2**tried))
            else:
                return found
        raise CultureParkError(
            f"--engine ray: {TRIES} workers died over one piece of work; what is done is saved; "
            "see Ray's logs on their machines, and run the same command"
        )


@asynccontextmanager
async def open_ray(
    address: str | None, store: Store, *, budget: BudgetSettings, limits: LimitSettings, tally: Tally
) -> AsyncIterator[OpenEngine]:
    """Start Ray on this machine, or join the cluster at an address, with a worker on each of its processors.

    Raises:
        CultureParkError: When the cluster or one of the workers cannot be used.
    """
    shared, limits = store.engine.dialect.name != "sqlite", limits.shared
    with _connected(address, store):
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        desk: Any = None
        leases: StoreLeases | DeskLeases
        if shared:
            open_leases(store, spent=spent_before(store))
            leases = StoreLeases(store, owner=DRIVER, budget=budget, limits=limits)
        else:
            making = ray.remote(Desk).options(
                name=DESK, scheduling_strategy=here, max_concurrency=PIECES_AT_ONCE, num_cpus=0
            )
            desk = making.remote(store.place, budget, limits)
            leases = DeskLeases(desk, owner=DRIVER, budget=budget)
        workers = _workers(Site(store.place, budget, limits, shared))
        await _check(workers)
        try:
            yield OpenEngine(RayEngine(workers, tally), leases, limits.model_copy(update=UNPACED))
        finally:
            await _leave(workers)
            if desk is not None:
                await arrived(desk.close.remote())


def _workers(site: Site) -> list[Any]:
    # A running actor holds no processor of Ray's count: after a node's death all its actors find room elsewhere.
    making = ray.remote(Worker).options(scheduling_strategy="SPREAD", max_restarts=-1, max_concurrency=PIECES_AT_ONCE)
    processors = max(1, int(ray.cluster_resources().get("CPU", 1)))
    return [making.remote(f"worker-{number}", site) for number in range(processors)]


async def _check(workers: Sequence[Any]) -> None:
    here = version("culturepark")
    for there in await asyncio.gather(*(arrived(worker.ready.remote()) for worker in workers)):
        if there != here:
            raise CultureParkError(
                f"--engine ray: a worker has CulturePark {there}, this machine {here}; install one version"
            )


async def _leave(workers: Sequence[Any]) -> None:
    """Let workers write down what broken-off pieces have spent, before the cluster takes them away."""
    leaving = [asyncio.ensure_future(arrived(worker.close.remote())) for worker in workers]
    await asyncio.wait(leaving, timeout=LEAVING)
    for one in leaving:
        one.cancel()
    await asyncio.gather(*leaving, return_exceptions=True)  # one that has died meanwhile has nothing more to write


@contextmanager
def _connected(address: str | None, store: Store) -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    main = threading.current_thread() is threading.main_thread()
    # Ray prints what befalls its nodes to standard output, where a command's result has to stand alone.
    with redirect_stdout(sys.stderr), _private_cluster(store) if address is None else _joined() as options:
        try:
            ray.init(
                address=address, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR, **options
            )
        except Exception as error:  # of many kinds, plain ones among them
            where = "on this machine" if address is None else f"at {address}"
            reason = str(error).splitlines()[0]
            raise CultureParkError(
                f"--engine ray: no cluster {where} ({reason}); `ray start --head` makes one, `ray status` looks at it"
            ) from None
        try:
            if main and before is not None:
                signal.signal(signal.SIGTERM, before)  # Ray put its own in place, which would end the run unsaved
            note(f"ray: {len(ray.nodes())} nodes, {int(ray.cluster_resources().get('CPU', 0))} processors")
            yield
        finally:
            ray.shutdown()


@contextmanager
def _private_cluster(store: Store) -> Iterator[dict[str, Any]]:
    """A cluster of this run alone: in a folder and behind a token of its own, gone with the run."""
    with tempfile.TemporaryDirectory(
        prefix="cp-ray-", ignore_cleanup_errors=True
    ) as folder:  # short: sockets lie in it
        token = Path(folder) / "token"
        token.touch(mode=0o600)
        token.write_text(_token(), encoding="utf-8")
        given = {"RAY_AUTH_TOKEN_PATH": str(token), "RAY_USAGE_STATS_ENABLED": "0"}
        if store.engine.url.password is not None:
            given["PGPASSWORD"] = str(store.engine.url.password)
        with _environment(given):
            yield {"_temp_dir": folder, "object_store_memory": OBJECT_STORE}


@lru_cache(maxsize=1)
def _token() -> str:
    """What processes of our clusters know each other by; Ray reads it once a process."""
    return secrets.token_hex(32)


@contextmanager
def _joined() -> Iterator[dict[str, Any]]:
    with _environment({"RAY_USAGE_STATS_ENABLED": "0"}):
        yield {}


@contextmanager
def _environment(given: dict[str, str]) -> Iterator[None]:
    """Set variables for the processes that are started meanwhile; what they held before comes back."""
    before = {name: os.environ.get(name) for name in (*given, "RAY_AUTH_MODE")}  # Ray sets the last one itself
    os.environ.update(given)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
