"""Stopping a talk at once: AutoGen ends a cancelled team only when its agents have nothing left to do."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class StoppedError(Exception):
    """Raised in whatever a stopped talk was waiting for. It passes through AutoGen like any failed turn."""


class Stopper:
    """Runs what a talk waits for, a model's reply above all, so that it can be given up."""

    def __init__(self) -> None:
        self._open: set[asyncio.Task[Any]] = set()
        self._stopped = False

    async def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what the work returns.

        Raises:
            StoppedError: When the talk was stopped before or meanwhile.
        """
        if self._stopped:
            work.close()
            raise StoppedError
        task = asyncio.create_task(work)
        self._open.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            if self._stopped:
                raise StoppedError from None
            raise
        finally:
            self._open.discard(task)
            del task  # it holds its error, whose frames hold it

    def stop(self) -> None:
        """Give up what is waited for, and whatever would be waited for next."""
        self._stopped = True
        for task in self._open:
            task.cancel()
