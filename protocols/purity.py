"""Catching a protocol at the clock or at dice: what it calls while it is asked."""

import datetime
import gc
import os
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

CLOCKS = (
    *(time.time, time.time_ns, time.monotonic, time.monotonic_ns, time.perf_counter, time.perf_counter_ns),
    *(time.process_time, time.process_time_ns, time.localtime, time.gmtime, time.ctime, time.strftime),
)
TODAY = frozenset({"now", "utcnow", "today"})
OWN_BUSINESS = frozenset({"asyncio", "selectors", "logging", "importlib"})
"""Modules that look at the clock without a protocol's doing."""
GLOBAL_DICE: object = random._inst  # what random.random() and its like draw from


@contextmanager
def watched() -> Iterator[list[str]]:
    """Note every look at the clock and every throw of dice inside the block, e.g. `it calls time.time (line 9)`.

    A profiler is set for the block, so that calls into C are seen however deep they are made. What it cannot see,
    such as a `random.Random()` without a seed, shows when two answers to the same scene differ.
    """
    found: list[str] = []

    def look(frame: FrameType, event: str, called: Any) -> None:
        if event != "c_call" or str(frame.f_globals.get("__name__")).partition(".")[0] in OWN_BUSINESS:
            return
        if name := _chance(called):
            # What the protocol wrote is the innermost line that lies outside the standard library's modules.
            caller: FrameType | None = frame
            while caller is not None and caller.f_globals.get("__name__") in {"random", "uuid", "secrets"}:
                caller = caller.f_back
            found.append(f"it calls {name} (line {(caller or frame).f_lineno})")

    before, collecting = sys.getprofile(), gc.isenabled()
    gc.disable()  # what a garbage collection calls, here by accident, is none of the protocol's doing
    sys.setprofile(look)
    try:
        yield found
    finally:
        sys.setprofile(before)
        if collecting:
            gc.enable()


def _chance(called: Any) -> str | None:
    """Name of a function of time or chance; None for any other."""
    owner = getattr(called, "__self__", None)
    if called in CLOCKS:
        return f"time.{called.__name__}"
    if isinstance(owner, type) and issubclass(owner, datetime.date) and called.__name__ in TODAY:
        return f"{owner.__name__}.{called.__name__}"
    if owner is GLOBAL_DICE:
        return "the global random"
    if called is os.urandom:
        return "os.urandom"
    return None
