"""A circuit breaker: an endpoint that gives nothing but faults is left alone, tried now and then, and given up."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from culturepark.runtime.errors import EndpointDownError, ModelError, RetryableError

OPENS_AFTER = 8
"""Different requests that must have failed since the last reply. One request that fails every time is its own fault."""
FIRST_PROBE = 1.0
LONGEST_PROBE = 15.0
"""Seconds between two tries of an endpoint that is down; the time doubles from the first to the longest."""


class Circuit:
    """Every try goes through `attempt`. Open, it lets one request through at a time and keeps the others waiting."""

    def __init__(self, *, patience: float, tell: Callable[[str], None]) -> None:
        """`patience` is in seconds; `tell` gets one line when the circuit opens and one when it closes."""
        self._patience = patience
        self._tell = tell
        self._failing: set[str] = set()
        self._since = 0.0
        """When the first fault after the last reply came."""
        self._opened = False
        self._probe_at = 0.0
        self._probe_every = FIRST_PROBE
        self._probing = False
        self._changed = asyncio.Event()
        self._down: str | None = None
        self.reached = False
        """Whether a server was there at all, ever."""

    @property
    def opened(self) -> bool:
        """Whether the endpoint is taken to be down."""
        return self._opened

    @asynccontextmanager
    async def attempt(self, request: str) -> AsyncIterator[None]:
        """Wrap one try of a request, named by its key.

        Raises:
            EndpointDownError: When there were nothing but faults for as long as the patience lasts.
        """
        probe = await self._admitted()
        try:
            yield
        except RetryableError as error:
            self._failed(request, error, probe=probe)
            raise
        except ModelError:
            self._answered()  # it refused this request, so it is there
            raise
        else:
            self._answered()
        finally:
            if probe:
                self._probing = False
                self._change()

    async def _admitted(self) -> bool:
        """Wait until this request may be sent; says whether it is the one that tries an open circuit."""
        while self._opened:
            if self._down is not None:
                raise EndpointDownError(self._down)
            delay = self._probe_at - time.monotonic()
            if not self._probing and delay <= 0:
                self._probing = True
                return True
            changed = self._changed
            try:
                async with asyncio.timeout(None if self._probing else delay):
                    await changed.wait()
            except TimeoutError:
                continue
        return False

    def _failed(self, request: str, error: RetryableError, *, probe: bool) -> None:
        if error.kind == "again":
            self._answered()
            return
        self.reached = self.reached or error.reached
        now = time.monotonic()
        if not self._failing:
            self._since = now
        self._failing.add(request)
        if not self.reached:
            return
        silent = now - self._since
        if silent >= self._patience and (probe or error.kind == "busy"):
            self._opened = True
            self._down = (
                f"{error}; the endpoint has given nothing but faults for {silent:.0f} s; what is done is saved: run the "
                "same command when it answers again"
            )
        elif probe:
            self._probe_every = min(2 * self._probe_every, LONGEST_PROBE)
            self._probe_at = now + self._probe_every
        elif not self._opened and error.kind == "fault" and len(self._failing) >= OPENS_AFTER:
            self._opened, self._probe_every, self._probe_at = True, FIRST_PROBE, now + FIRST_PROBE
            self._tell(f"{error}; the endpoint seems to be down: it is tried now and then for {self._patience:g} s")
        self._change()

    def _answered(self) -> None:
        self.reached = True
        self._failing.clear()
        if self._opened and self._down is None:
            self._opened = False
            self._tell("the endpoint answers again")
            self._change()

    def _change(self) -> None:
        """Wake all who wait: each looks for itself what it may do."""
        self._changed.set()
        self._changed = asyncio.Event()
