"""The local engine: many pieces of work in flight, a bounded number at once, in one process."""

import asyncio
import gc
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

from culturepark.runtime.garbage import COLLECT_AFTER

T = TypeVar("T")
STOPPING = (signal.SIGINT, signal.SIGTERM)
STUCK = 0.5
"""Seconds after a signal from which a loop that does not turn is interrupted where it is."""


def run_to_end(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine so that SIGTERM ends it as Ctrl-C does: state saved, servers stopped.

    A shell starts what runs in the background with Ctrl-C ignored, so SIGTERM has to do without it.
    """
    stopped: threading.Timer | None = None
    before = {one: signal.getsignal(one) for one in STOPPING}

    async def main() -> T:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None

        def end(*_: object) -> None:
            nonlocal stopped
            if stopped is not None or loop.is_closed():
                raise KeyboardInterrupt
            task.cancel()
            # A loop that does not turn is in the middle of something long, an import or a merge, which has nothing to
            # save; one that turns has begun to stop, and is let.
            stopped = interrupt_in(STUCK)
            loop.call_soon_threadsafe(stopped.cancel)

        if threading.current_thread() is threading.main_thread():
            for one in STOPPING:
                if before[one] is not signal.SIG_IGN:
                    signal.signal(one, end)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
        return await work

    if threading.current_thread() is threading.main_thread():
        # Until the loop has its handlers: an interrupt in the middle of making it leaves half a loop, which complains.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        with _seldom_collected():
            return asyncio.run(main())
    except asyncio.CancelledError:
        if stopped is not None:
            raise KeyboardInterrupt from None
        raise
    finally:
        if stopped is not None:
            stopped.cancel()
        if threading.current_thread() is threading.main_thread():
            for one, handler in before.items():
                signal.signal(one, handler)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)


def interrupt_in(seconds: float) -> threading.Timer:
    """Interrupt this process after so long, unless it is cancelled. By SIGTERM, since SIGINT may be ignored."""
    timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGTERM))
    timer.daemon = True
    timer.start()
    return timer


async def aside(work: Callable[[], T]) -> T:
    """Compute in a thread that nobody waits for when the command is interrupted: it has nothing to save."""
    result: Future[T] = Future()
    result.set_running_or_notify_cancel()  # it goes on to its end, whoever stops waiting

    def compute() -> None:
        try:
            result.set_result(work())
        except Exception as error:
            result.set_exception(error)

    threading.Thread(target=compute, name="aside", daemon=True).start()
    return await asyncio.wrap_future(result)


async def to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """Wait for work that is not broken off: to its end, even when the caller gives up meanwhile."""
    doing = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(doing)
    except asyncio.CancelledError:
        await doing
        raise


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
