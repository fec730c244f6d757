"""The seam between what is done and where: the stages hand over pieces of work and get back what came of each."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol, TypeVar

from culturepark.runtime.engines.local import run_bounded

T = TypeVar("T")
R = TypeVar("R")


class Engine(Protocol):
    """Does pieces of work that do not depend on each other."""

    @property
    def processes(self) -> int:
        """Pieces at once that gain from it when each keeps a processor busy."""
        ...

    async def map(
        self,
        work: Callable[[T], Awaitable[R]],
        items: Iterable[T],
        *,
        concurrency: int,
        done: Callable[[T, R], None],
    ) -> None:
        """Do the work on every item, at most `concurrency` at once, starting in order.

        `done` is called here, with the item and what came of it. The work may be done in another process, and again
        where that one died: it changes nothing but the store, by content ids, and what it uses of this process it only
        reads. An error of one item stops all and is raised as itself.
        """
        ...


class LocalEngine:
    """All in this process."""

    processes = 1

    async def map(
        self,
        work: Callable[[T], Awaitable[R]],
        items: Iterable[T],
        *,
        concurrency: int,
        done: Callable[[T, R], None],
    ) -> None:
        """See `Engine`."""

        async def one(item: T) -> None:
            done(item, await work(item))

        await run_bounded(items, one, concurrency=concurrency)


LOCAL: Engine = LocalEngine()
