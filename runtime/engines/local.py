"""The local engine: many pieces of work in flight, a bounded number at once, in one process."""

import asyncio
import gc
import signal
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")
STOPPING = (signal.SIGINT, signal.SIGTERM)
COLLECT_AFTER = 20_000
"""Objects made since the last collection, from which the next is due; Python's own default is 700."""


def run_to_end(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine so that SIGTERM ends it as Ctrl-C does: state saved, servers stopped.

    A shell starts what runs in the background with Ctrl-C ignored, so SIGTERM has to do without it.
    """
    terminated = False
    before = signal.getsignal(signal.SIGTERM)

    async def main() -> T:
        task = asyncio.current_task()
        assert task is not None

        def end() -> None:
            nonlocal terminated
            terminated = True
            task.cancel()

        if threading.current_thread() is threading.main_thread():
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
        return await work

    if threading.current_thread() is threading.main_thread():
        # Until the loop has its handlers: an interrupt in the middle of making it leaves half a loop, which complains.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        with _seldom_collected():
            return asyncio.run(main())
    except asyncio.CancelledError:
        if terminated:
            raise KeyboardInterrupt from None
        raise
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)  # asyncio leaves the system's own behind
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)


@contextmanager
def _seldom_collected() -> Iterator[None]:
    """Spare the collector what the frameworks brought when they were imported; it took a tenth of a talk's time."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


async def run_bounded(items: Iterable[T], work: Callable[[T], Awaitable[None]], *, concurrency: int) -> None:
    """Do the work on every item, at most `concurrency` at once, starting in order.

    An error of one item stops all and is raised as itself: work that may fail alone handles its own errors.
    """
    queue: Iterator[T] = iter(items)

    async def worker() -> None:
        for item in queue:
            await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(worker())
    except BaseExceptionGroup as errors:
        raise _first(errors) from None


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
