"""One progress bar for a stage: what is done, tokens a second, cost, time left; on stderr."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

    from culturepark.runtime.ledger import Tally

PLAIN_EVERY = 15.0


class Reporter(Protocol):
    """What a stage tells about its way."""

    def start(self, what: str, *, total: int, done: int = 0) -> None:
        """Begin a stage of `total` pieces, `done` of which are there already."""

    def advance(self, pieces: int = 1) -> None:
        """Count finished pieces (or steps of the stage)."""


class Silent:
    """No progress: for Python callers."""

    def start(self, what: str, *, total: int, done: int = 0) -> None:
        """Say nothing."""

    def advance(self, pieces: int = 1) -> None:
        """Say nothing."""


@contextmanager
def show_progress(tally: "Tally") -> Iterator[Reporter]:
    """Show a bar on a terminal, a plain line every 15 seconds elsewhere."""
    if not sys.stderr.isatty():
        yield _Lines(tally)
        return
    from rich.console import Console  # noqa: PLC0415  (slow to import, and only a terminal needs it)
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        yield _Bar(bars, tally)


@contextmanager
def show_parts(what: str, *, total: int, done: int = 0) -> Iterator[Callable[[], None]]:
    """Show a bar (lines elsewhere than on a terminal) of parts that are fetched; call what it yields after each."""
    if not sys.stderr.isatty():
        fetched = iter(range(done + 1, total + 1))
        yield lambda: print(f"  part {next(fetched)} of {total}", file=sys.stderr)
        return
    from rich.console import Console  # noqa: PLC0415  (slow to import, and only a terminal needs it)
    from rich.progress import Progress  # noqa: PLC0415

    with Progress(console=Console(stderr=True)) as bars:
        bar = bars.add_task(what, total=total, completed=done)
        yield lambda: bars.advance(bar)


@contextmanager
def show_steps(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show how far work is that is done elsewhere; call what it yields with steps done and steps in all.

    A bar on a terminal, a plain line every 15 seconds elsewhere.
    """
    if not sys.stderr.isatty():
        told = float("-inf")

        def line(done: int, total: int) -> None:
            nonlocal told
            if time.monotonic() - told >= PLAIN_EVERY or done == total:
                told = time.monotonic()
                sys.stderr.write(f"{what}: step {done} of {total}\n")

        yield line
        return
    from rich.console import Console  # noqa: PLC0415  (slow to import, and only a terminal needs it)
    from rich.progress import Progress  # noqa: PLC0415

    with Progress(console=Console(stderr=True)) as bars:
        bar = bars.add_task(what, total=None)
        yield lambda done, total: bars.update(bar, completed=done, total=total)


def rate(tally: "Tally") -> str:
    """Tokens a second since the start, and the cost where prices are known; nothing while no model has written."""
    if not tally.tokens_out:
        return ""
    seconds = max(time.monotonic() - tally.started, 1e-9)
    speed = f"{tally.tokens_out / seconds:.0f} tokens/s"
    return f"{speed}  ${tally.cost:.4f}" if tally.cost else speed


class _Bar:
    """A rich bar a stage."""

    def __init__(self, bars: "Bars", tally: "Tally") -> None:
        self._bars = bars
        self._tally = tally

    def start(self, what: str, *, total: int, done: int = 0) -> None:
        self._bars.add_task(what, total=total, completed=done, rate="")

    def advance(self, pieces: int = 1) -> None:
        self._bars.update(self._bars.task_ids[-1], advance=pieces, rate=rate(self._tally))


class _Lines:
    """A line now and then, for logs."""

    def __init__(self, tally: "Tally") -> None:
        self._tally = tally
        self._what, self._total, self._done, self._began, self._told = "", 0, 0, 0.0, 0.0
        self._before = 0

    def start(self, what: str, *, total: int, done: int = 0) -> None:
        self._what, self._total, self._done, self._before = what, total, done, done
        self._began = self._told = time.monotonic()
        sys.stderr.write(f"{what}: {done} of {total}\n")

    def advance(self, pieces: int = 1) -> None:
        self._done += pieces
        now = time.monotonic()
        if now - self._told < PLAIN_EVERY and self._done < self._total:
            return
        self._told = now
        here = self._done - self._before
        left = (self._total - self._done) * (now - self._began) / here if here else 0
        told = ", ".join(part for part in (f"{self._done} of {self._total}", rate(self._tally)) if part)
        sys.stderr.write(f"{self._what}: {told}, {left:.0f} s left\n")
