"""Measure one way of holding talks, inside its own process: `PYTHON measure.py NAME`, JSON on stdin, JSON on stdout.

`NAME.py` beside this file has one function, `hold(job) -> talks held`. A peer's environment does not have CulturePark,
so nothing of it is imported here and the script is found by its path.
"""

import asyncio
import contextlib
import gc
import importlib.metadata
import inspect
import json
import os
import resource
import runpy
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

TURNS = 14
TASK = "Do you agree that one of the main goals in life is to make one's parents proud? Talk about it."
PERSONA = (
    "You are {name} from {country}. You grew up in a small town, studied in the capital and went back to look after "
    "your parents; you have two children and a job you like. You believe what most people there told a survey: that "
    "one should make one's parents proud, that work comes before free time, and that neighbours are there to be "
    "helped. You have seen that others live by other rules, and you wonder about their reasons. You speak for "
    "yourself, not for your country. Speak as people do at a table: in the first person, in two short sentences, with "
    "a detail from your family, your town or your work. Do not repeat what was said, do not quote numbers, do not say "
    "that you are a model. If you disagree, say so and say why; if something surprises you, ask. Say only what {name} "
    "says next."
)


@dataclass(frozen=True)
class Job:
    """What every way of holding talks gets."""

    base_url: str
    talks: int
    concurrency: int
    turns: int = TURNS
    task: str = TASK
    personas: tuple[tuple[str, str], ...] = tuple(
        (name, PERSONA.format(name=name, country=country))
        for name, country in (("Lily", "the USA"), ("Abdul", "Jordan"))
    )
    """Name and system message; two speak in turns."""


Hold = Callable[[Job], int | Awaitable[int]]


@dataclass(frozen=True)
class Measured:
    """One run, the warm-up and the imports left out."""

    talks: int
    seconds: float
    cpu_seconds: float
    """Of this process and the children it waited for; the model server is another process."""
    base_mib: float
    """Resident after the imports and one warm-up talk."""
    peak_mib: float
    """The most that was resident during the run, looked at every 20 ms."""
    versions: dict[str, str]


def held(hold: Hold, job: Job) -> int:
    """Hold the talks, in an event loop of their own if they want one; a library's prints go to stderr."""
    with contextlib.redirect_stdout(sys.stderr):
        found = hold(job)
        return asyncio.run(awaited(found)) if inspect.isawaitable(found) else found


async def awaited(talks: Awaitable[int]) -> int:
    """`asyncio.run` wants a coroutine of our own."""
    return await talks


def measured(hold: Hold, job: Job, packages: list[str]) -> Measured:
    """Warm up with one talk, then measure."""
    held(hold, replace(job, talks=1, concurrency=1))
    gc.collect()
    base = resident()
    watch = Watch()
    start, cpu = time.perf_counter(), processor()
    talks = held(hold, job)
    seconds, cpu = time.perf_counter() - start, processor() - cpu
    return Measured(talks, seconds, cpu, base, watch.stop(), {one: importlib.metadata.version(one) for one in packages})


class Watch:
    """The most that was resident since it began."""

    def __init__(self) -> None:
        self._most = resident()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._done.wait(0.02):
            self._most = max(self._most, resident())

    def stop(self) -> float:
        """End it, in MiB."""
        self._done.set()
        self._thread.join()
        return self._most


def resident() -> float:
    """MiB of this process in memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20


def processor() -> float:
    """Seconds of processor time so far, children included."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


if __name__ == "__main__":
    given = json.load(sys.stdin)
    script = runpy.run_path(str(Path(__file__).with_name(f"{sys.argv[1]}.py")))
    print(json.dumps(asdict(measured(script["hold"], Job(**given["job"]), given["packages"]))))
