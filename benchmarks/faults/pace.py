"""Limits a minute, as the endpoint sees them: `python -m benchmarks.faults.pace [--engine ray [--store URL]]`.

`simulate` runs under a limit of requests, then of tokens, with more talks in flight than the limit lets through. The
server writes down when each request came and what it took. No minute may hold more than 2 % over the limit, and the
fullest minute must come near to it.
"""

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from culturepark.benchmarks.faults.process import errors_of, start
from tests.stub_server import Stats, serving

STUDY: Final = """\
name: paced
seed: 2
model: openai:stub
base_url: {url}
simulate: {{talks: {talks}, concurrency: {concurrency}, protocol: free-chat, protocol_args: {{turns: 6}}}}
limits: {{{name}: {rate}}}
"""
ALLOWED: Final = 1.02
NEAR: Final = 0.95
"""Share of a limit that must be reached, or talks would wait for nothing."""
LIMITS: Final[Mapping[str, float]] = {"requests_per_minute": 600, "tokens_per_minute": 120_000}


class Paced(NamedTuple):
    """What came under one limit."""

    name: str
    rate: float
    """The limit, a minute."""
    window: float
    """Seconds over which it is held to."""
    fullest: float
    """Most that came within a window, as a share of what the limit lets through in it."""
    reached: float
    """What came in all from the first request to the last, as a share of what the limit lets through."""
    requests: int

    @property
    def words(self) -> str:
        """One line."""
        return (
            f"{self.name} {self.rate:g}: {self.requests} requests; fullest {self.window:g} s "
            f"{100 * self.fullest:.1f} % of the limit, in all {100 * self.reached:.1f} %"
        )


def main() -> None:
    """Run under each limit, print a line each, and exit with 1 when one was not kept or not used."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=150, help="from the first request")
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--engine", choices=("local", "ray"), default="local")
    parser.add_argument("--store", help="PostgreSQL, whose rows lease the pace to the workers")
    parser.add_argument("--only", choices=tuple(LIMITS))
    chosen = parser.parse_args()
    more = ["--engine", chosen.engine, *(["--store", chosen.store] if chosen.store else [])]
    failed = False
    for name, rate in LIMITS.items():
        if chosen.only in {None, name}:
            with tempfile.TemporaryDirectory() as folder:
                found = paced(
                    Path(folder),
                    name,
                    rate,
                    seconds=chosen.seconds,
                    window=60,
                    concurrency=chosen.concurrency,
                    more=more,
                )
            print(found.words, flush=True)
            failed |= found.fullest > ALLOWED or found.reached < NEAR
    sys.exit(int(failed))


def paced(
    folder: Path, name: str, rate: float, *, seconds: float, window: float, concurrency: int, more: Sequence[str] = ()
) -> Paced:
    """Hold talks under a limit for so long, as a command in a process of its own."""
    study, output = folder / "study.yaml", folder / "paced.out"
    with serving(delay=0.05) as stub:
        talks = int(40 * seconds)
        text = STUDY.format(url=stub.base_url, talks=talks, concurrency=concurrency, name=name, rate=rate)
        study.write_text(text, encoding="utf-8")
        # A name of its own: rows of a shared database are known by it.
        run = folder / f"paced-{os.getpid()}-{name}"
        child = start(["simulate", str(study), "--run", str(run), *more], output=output)
        while not stub.stats.arrivals and child.is_alive():
            time.sleep(0.05)
        child.join(seconds)
        assert child.pid is not None
        assert child.is_alive(), errors_of(output).read_text("utf-8")
        spent = came(stub.stats, name)
        os.kill(child.pid, signal.SIGTERM)
        child.join()
        assert child.exitcode == 130, errors_of(output).read_text("utf-8")
    lasted = spent[-1][0] - spent[0][0]
    # The first one does not wait.
    in_all = sum(amount for _, amount in spent[1:])
    return Paced(
        name,
        rate,
        window,
        fullest=fullest(spent, window) / (rate * window / 60),
        reached=in_all / (rate * lasted / 60),
        requests=len(spent),
    )


def came(stats: Stats, name: str) -> list[tuple[float, int]]:
    """When something came that a limit counts, and how much of it."""
    if name == "requests_per_minute":
        return [(moment, 1) for moment in stats.arrivals]
    return sorted(stats.spent)


def fullest(spent: Sequence[tuple[float, int]], window: float) -> int:
    """Most that came within so many seconds."""
    most = inside = first = 0
    for moment, amount in spent:
        inside += amount
        while spent[first][0] <= moment - window:
            inside -= spent[first][1]
            first += 1
        most = max(most, inside)
    return most


if __name__ == "__main__":
    main()
