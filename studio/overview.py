"""A run at a glance: what is done, what is under way, what went wrong, what it cost."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, NamedTuple, cast

import psutil
import sqlalchemy as sa

from culturepark.benchmarks.results import BenchResult
from culturepark.postprocess.tables import OpinionRow, SampleRow
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.read_only import looking, stamp
from culturepark.runtime.store import Base, Store
from culturepark.simulation.talk_rows import TalkRow, TurnRow
from culturepark.studio.spending import NOTHING, Spending, Spent

State = Literal["being counted", "under way", "done", "unfinished", "empty", "unreadable"]
SHOWN_FAILURES: Final = 20
_TALKS = cast(sa.Table, TalkRow.__table__)


class Failure(NamedTuple):
    """A talk that failed, and why."""

    talk: str
    reason: str


class Overview(NamedTuple):
    """One run."""

    name: str
    state: State
    problem: str | None = None
    """Why it cannot be read."""
    complete: int = 0
    failed: int = 0
    planned: int = 0
    turns: int = 0
    opinions: int = 0
    samples: int = 0
    results: int = 0
    """Benchmark results kept."""
    spent: Mapping[str, Spent] = {}
    """By model."""
    failures: tuple[Failure, ...] = ()
    """The first of them."""

    @property
    def talks(self) -> int:
        """All talks, held or planned."""
        return self.complete + self.failed + self.planned

    @property
    def share(self) -> float:
        """Fraction of talks that are over."""
        return (self.complete + self.failed) / self.talks if self.talks else 0.0

    @property
    def total(self) -> Spent:
        """Of all models."""
        total = NOTHING
        for spent in self.spent.values():
            total = total.plus(spent)
        return total


class Overviews:
    """Looks at runs again only when something was written there."""

    def __init__(self) -> None:
        self._spending = Spending()
        self._seen: dict[Path, tuple[str, bool, Overview]] = {}

    def of(self, runs: Mapping[str, Path]) -> list[Overview]:
        """The runs in their order."""
        return [self._of(name, run) for name, run in runs.items()]

    def _of(self, name: str, run: Path) -> Overview:
        try:
            now, busy = stamp(run), is_busy(run)
        except CultureParkError as error:
            return Overview(name, "unreadable", problem=str(error))
        seen = self._seen.get(run)
        if seen is None or seen[:2] != (now, busy):
            seen = now, busy, self._look(name, run, busy=busy)
            self._seen[run] = seen
        return seen[2]

    def _look(self, name: str, run: Path, *, busy: bool) -> Overview:
        try:
            with looking(run) as store:
                return _overview(name, store, self._spending.of(store), busy=busy)
        except CultureParkError as error:
            return Overview(name, "unreadable", problem=str(error))


def is_busy(run: Path) -> bool:
    """Whether a process works on the run: it keeps the run's lock file open.

    Trying the lock itself could make a process that is about to take it believe that somebody else has it.
    """
    lock = (run / ".lock").resolve()
    try:
        pid = int(lock.read_text(encoding="utf-8"))
        return any(Path(file.path) == lock for file in psutil.Process(pid).open_files())
    except (OSError, ValueError, psutil.NoSuchProcess):
        return False
    except psutil.AccessDenied:  # somebody else's process: it is there, and more cannot be known
        return True


def _overview(name: str, store: Store, spent: Mapping[str, Spent], *, busy: bool) -> Overview:
    with store.engine.connect() as connection:
        by_status = sa.select(_TALKS.c.status, sa.func.count()).where(_TALKS.c.run_id == store.run_id)
        talks = {status: int(count) for status, count in connection.execute(by_status.group_by(_TALKS.c.status))}
        failed = (
            sa.select(_TALKS.c.id, _TALKS.c.reason)
            .where(_TALKS.c.run_id == store.run_id, _TALKS.c.status == "failed")
            .order_by(_TALKS.c.position)
            .limit(SHOWN_FAILURES)
        )
        failures = tuple(Failure(talk, reason or "") for talk, reason in connection.execute(failed))
        turns, opinions, samples, results = (
            _count(connection, store, table) for table in (TurnRow, OpinionRow, SampleRow, BenchResult)
        )
    complete, planned = talks.get("complete", 0), talks.get("planned", 0)
    state: State = "under way" if busy else "unfinished" if planned else "done"
    if not busy and not talks and not results:
        state = "empty"
    counts = complete, talks.get("failed", 0), planned, turns, opinions, samples, results
    return Overview(name, state, None, *counts, spent=spent, failures=failures)


def has_results(store: Store) -> bool:
    """Whether a benchmark was run here."""
    with store.engine.connect() as connection:
        return _count(connection, store, BenchResult) > 0


def _count(connection: sa.Connection, store: Store, table: type[Base]) -> int:
    of_run = cast(sa.Table, table.__table__)
    query = sa.select(sa.func.count()).select_from(of_run).where(of_run.c.run_id == store.run_id)
    return int(connection.scalar(query) or 0)
