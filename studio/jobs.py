"""Work that a page starts and does not wait for: each in a thread of its own, and never twice at once."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.ledger import Tally
from culturepark.runtime.progress import Silent
from culturepark.runtime.store import open_store
from culturepark.simulation.forking import PlannedFork, hold_fork

Key = tuple[Path, str]
"""A run's folder and the talk that is held there."""


class Job:
    """How a piece of work stands."""

    def __init__(self) -> None:
        self.running = True
        self.error: str | None = None


class Jobs:
    """All work of this process, by what it is on."""

    def __init__(self) -> None:
        self._jobs: dict[Key, Job] = {}
        self._lock = threading.Lock()

    def of(self, run: Path, talk: str) -> Job | None:
        """The last work on a talk; None when there was none."""
        return self._jobs.get((run.resolve(), talk))

    def start(self, run: Path, talk: str, work: Callable[[], None]) -> Job:
        """Start work on a talk in a thread, unless it is under way: two tabs may ask for the same fork."""
        key = (run.resolve(), talk)
        with self._lock:
            known = self._jobs.get(key)
            if known is not None and known.running:
                return known
            job = self._jobs[key] = Job()
        threading.Thread(target=_do, args=(job, work), name=f"studio-{talk}", daemon=True).start()
        return job


def _do(job: Job, work: Callable[[], None]) -> None:
    try:
        work()
    except CultureParkError as error:
        job.error = str(error)
    except BaseException as error:
        job.error = f"a fault of CulturePark's own: {error!r}; the terminal shows where"
        raise
    finally:
        job.running = False


def hold(run: Path, planned: PlannedFork) -> None:
    """Hold a fork. No lock is held on the run: a simulation may be going on there, and each turn is a transaction."""
    store = open_store(run, create=False)
    try:
        asyncio.run(hold_fork(store, planned, tally=Tally(), progress=Silent()))
    finally:
        store.close()


JOBS: Final = Jobs()
"""Pages of all tabs share it."""
