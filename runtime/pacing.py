"""How hard an endpoint is pressed: the user's limits a minute, and what its own refusals teach."""

import asyncio
import math
import time
from collections import deque
from typing import Final, Self

from pydantic import Field

from culturepark.runtime.record import Record

LONGEST_BACKOFF = 60.0
"""Seconds between two tries where the endpoint does not say how long to wait."""

REPLY_TIMEOUT = 300.0
LATENESS = 0.25
"""Seconds of a `Pace` that may be made up for: a busy event loop wakes late, and every millisecond would be lost.
At most so much more passes in any minute: 0.4 %."""
SHARED: Final = 0.975
"""Part of a limit a minute that workers in other processes share. One that is let through in time may get to its
request late, and what it sends then comes on top of that minute's own: room for 1.5 s, beside the 2 % that are
allowed."""


class LimitSettings(Record):
    """How hard an endpoint may be pressed, and how long it is waited for."""

    attempts: int = Field(default=5, ge=1)
    """Tries of one request before its talk fails. Refusals of the endpoint's rate limit (HTTP 429) are none."""
    requests_per_minute: float | None = Field(default=None, gt=0)
    tokens_per_minute: float | None = Field(default=None, gt=0)
    """In and out together; the worst case waits for its place, and what it did not take is given back."""
    timeout: float = Field(default=REPLY_TIMEOUT, gt=0)
    """Seconds until a whole reply must be there."""
    patience: float = Field(default=120.0, ge=0)
    """Seconds an endpoint may give nothing but faults before the run ends, with all that is done saved."""

    @property
    def shared(self) -> Self:
        """What workers in other processes are let through at together."""
        rates = {"requests_per_minute": self.requests_per_minute, "tokens_per_minute": self.tokens_per_minute}
        return self.model_copy(update={name: rate and rate * SHARED for name, rate in rates.items()})


def backoff(failures: int, draw: float) -> float:
    """Seconds to wait after so many failures in a row (from 1), by a draw in [0, 1): full jitter."""
    return draw * min(LONGEST_BACKOFF, 0.5 * 2.0**failures)


class Pace:
    """Lets through no more than a given amount a minute, first come, first served."""

    def __init__(self, per_minute: float | None) -> None:
        self._seconds_each = 60 / per_minute if per_minute else 0.0
        self._free_at = 0.0
        """When all that was let through so far has been paid for; 0 before the first."""
        self._line = asyncio.Lock()
        self._returned = asyncio.Event()

    async def wait(self, amount: float = 1) -> None:
        """Wait for this amount's place in line."""
        if not self._seconds_each:
            return
        async with self._line:
            while (delay := self._free_at - time.monotonic()) > 0:
                self._returned.clear()
                try:
                    async with asyncio.timeout(delay):
                        await self._returned.wait()
                except TimeoutError:
                    continue
            now = time.monotonic()
            self._free_at = (max(self._free_at, now - LATENESS) if self._free_at else now) + amount * self._seconds_each

    def give_back(self, amount: float) -> None:
        """Return what a request was let through for and did not take."""
        if self._seconds_each and amount > 0:
            self._free_at -= amount * self._seconds_each
            self._returned.set()


class Pressure:
    """How many requests are in flight at once, as TCP decides it (AIMD), and when none may be sent.

    Half as many after a refusal (HTTP 429), one more for as many replies as are in flight.
    """

    def __init__(self) -> None:
        self._limit = math.inf
        self._in_flight = 0
        self._closed_until = 0.0
        self._refusals = 0
        """In a row, those of requests that were in flight together counted once."""
        self._refused_at = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def limit(self) -> float:
        """Requests that may be in flight together now."""
        return self._limit

    async def enter(self) -> float:
        """Wait for a place; returns the time of entering, which `refused` wants to know."""
        while True:
            if (delay := self._closed_until - time.monotonic()) > 0:
                await asyncio.sleep(delay)
            elif self._in_flight + 1 > max(1.0, self._limit):
                place = asyncio.get_running_loop().create_future()
                self._waiting.append(place)
                try:
                    await place
                except asyncio.CancelledError:
                    if place.done() and not place.cancelled():
                        self._wake()  # the place was ours: the next one has it
                    raise
            else:
                self._in_flight += 1
                return time.monotonic()

    def leave(self) -> None:
        """Free a place."""
        self._in_flight -= 1
        self._wake()

    def replied(self) -> None:
        """Count a reply."""
        self._refusals = 0
        self._limit += 1 / self._limit
        self._wake()

    def refused(self, *, entered: float, after: float | None, draw: float) -> float:
        """Press less from now on; returns the seconds for which nothing is sent."""
        now = time.monotonic()
        if entered > self._refused_at:
            self._limit = max(1.0, min(self._limit, self._in_flight) / 2)
            self._refused_at = now
            self._refusals += 1
        wait = backoff(self._refusals, draw) if after is None else after
        self._closed_until = max(self._closed_until, now + wait)
        return wait

    def _wake(self) -> None:
        room = max(1.0, self._limit) - self._in_flight
        while self._waiting and room >= 1:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                room -= 1
