"""kill -9 at random moments, then the same command again: `python -m benchmarks.faults.kills [--kills 200]`.

Talks, refinement and training are killed at moments drawn from a seed and started again until they end, as often as it
takes; each end is compared with an uninterrupted run. A committed reply that is asked for again, a talk, turn, opinion
or sample that is missing, doubled or different, a training that went back further than its last checkpoint: each is an
error and ends with exit code 1.
"""

import argparse
import json
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.faults.process import finish, start
from benchmarks.faults.trainings import kill_training
from culturepark.runtime.committed import committed
from culturepark.runtime.hashing import sha256
from culturepark.runtime.models.endpoint import Endpoint
from culturepark.runtime.store import open_store
from tests.stub_server import StubServer, serving

SIMULATE, REFINE = "simulate", "refine"
TABLES: Mapping[str, Sequence[str]] = {
    SIMULATE: (
        "SELECT id, status, reason FROM talks ORDER BY id",
        'SELECT talk, "index", speaker, text FROM turns ORDER BY talk, "index"',
    ),
    REFINE: (
        "SELECT * FROM opinions ORDER BY id",
        "SELECT * FROM samples ORDER BY id",
        "SELECT * FROM funnel",
    ),
}
"""What must come out the same, stage by stage."""


class Killed(NamedTuple):
    """What kills of one stage did."""

    stage: str
    kills: int
    runs: int
    """Finished runs that the kills were spread over."""
    sent: int
    distinct: int
    """Different requests in these runs; those sent more often were in flight at a kill."""
    most_lost: int
    """Requests without a committed reply at one kill, at most."""
    problems: tuple[str, ...]

    @property
    def words(self) -> str:
        """One line."""
        return (
            f"{self.stage}: {self.kills} kills over {self.runs} runs; {self.sent} requests sent, {self.distinct} "
            f"distinct, {self.sent - self.distinct} in flight at a kill and asked again (at most {self.most_lost} a kill)"
        )


def main() -> None:
    """Kill, resume, compare; print a line a stage, and exit with 1 when anything differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="in all: two fifths each for talks and refinement")
    parser.add_argument("--talks", type=int, default=8, help="talks a run")
    parser.add_argument("--seed", type=int, default=20240515)
    chosen = parser.parse_args()
    each = chosen.kills * 2 // 5
    rng = random.Random(chosen.seed)
    with tempfile.TemporaryDirectory() as folder, serving(delay=0.05) as stub:
        job = Job(stub, Path(folder), talks=chosen.talks)
        problems = [problem for stage in (SIMULATE, REFINE) for problem in told(job.kill(stage, each, rng))]
    with tempfile.TemporaryDirectory() as folder:
        trained = kill_training(Path(folder), chosen.kills - 2 * each, rng)
    print(trained.words)
    problems += trained.problems
    for problem in problems:
        print(f"WRONG: {problem}")
    sys.exit(1 if problems else 0)


def told(killed: Killed) -> tuple[str, ...]:
    """Print what was done, and hand on what went wrong."""
    print(killed.words, flush=True)
    return killed.problems


class Job:
    """The main job at a small size over the scripted server, held once without a kill."""

    def __init__(self, stub: StubServer, folder: Path, *, talks: int, concurrency: int = 8) -> None:
        self._stub = stub
        self._folder = folder
        self._options = ["--base-url", stub.base_url, "--concurrency", str(concurrency), "--json"]
        self._new = ["--model", "openai:stub", "--limit", str(talks), "--seed", "2"]
        self.whole = folder / "whole"
        self.asked: dict[str, Counter[str]] = {}
        """Bodies of each stage, uninterrupted."""
        self.flight: dict[str, int] = {}
        """Most requests of each stage in flight at once."""
        for stage in (SIMULATE, REFINE):
            stub.reset()
            finish(self.command(stage, self.whole), output=folder / "whole.json")
            self.asked[stage] = Counter(map(fingerprint, stub.bodies))
            self.flight[stage] = stub.stats.max_in_flight
            if stage == SIMULATE:
                shutil.copytree(self.whole, folder / "talks")

    def command(self, stage: str, run: Path) -> list[str]:
        """What is typed to do a stage, and again after a kill."""
        return [stage, "--run", str(run), *(self._new if stage == SIMULATE else []), *self._options]

    def kill(self, stage: str, kills: int, rng: random.Random) -> Killed:
        """Kill a stage so often, resuming after each kill; a run that ends is checked and begun anew."""
        run, output = self._folder / "run", self._folder / "killed.json"
        problems: list[str] = []
        done = runs = sent = most_lost = 0
        while done < kills:
            shutil.rmtree(run, ignore_errors=True)
            if stage == REFINE:
                shutil.copytree(self._folder / "talks", run)
            self._stub.reset()
            ended = False
            while not ended:
                paid = committed_bodies(run)
                before = len(self._stub.bodies)
                child = start(self.command(stage, run), output=output)
                if done < kills:
                    ended = not self._await_moment(child, rng, before + rng.randrange(1 + self._distinct(stage) // 4))
                    child.kill()
                    done += not ended
                child.join()
                ended = child.exitcode == 0
                arrived = Counter(map(fingerprint, self._stub.bodies[before:]))
                problems += [
                    f"{stage}: a committed reply was asked for again" for _ in (paid & self._again(paid, arrived))
                ]
                lost = sum(arrived.values()) - (committed_bodies(run) - paid).total()
                most_lost = max(most_lost, lost)
                if lost > self.flight[stage]:
                    problems.append(f"{stage}: {lost} requests lost at one kill, {self.flight[stage]} were in flight")
                if not ended and child.exitcode != -9:
                    problems.append(
                        f"{stage}: exit code {child.exitcode}: {output.with_suffix('.err').read_text('utf-8')}"
                    )
                    break
            runs += 1
            sent += len(self._stub.bodies)
            problems += self._differences(stage, run)
        return Killed(stage, done, runs, sent, runs * self._distinct(stage), most_lost, tuple(problems))

    def _distinct(self, stage: str) -> int:
        return self.asked[stage].total()

    def _again(self, paid: Counter[str], arrived: Counter[str]) -> Counter[str]:
        """Bodies that arrived though every request that has them was committed already."""
        expected = self.asked[SIMULATE] | self.asked[REFINE]
        return Counter({body: count for body, count in arrived.items() if paid[body] >= max(1, expected[body])})

    def _await_moment(self, child: Any, rng: random.Random, requests: int) -> bool:
        """Wait until so many requests came, and a moment more; False when the process ended before."""
        while len(self._stub.bodies) < requests and child.is_alive():
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.08))
        return child.is_alive()

    def _differences(self, stage: str, run: Path) -> list[str]:
        """What is not as in the uninterrupted run."""
        return [
            f"{stage}: {query.split(' FROM ')[1].split()[0]} differ from the uninterrupted run's"
            for query in TABLES[stage]
            if rows(run, query) != rows(self.whole, query)
        ]


def rows(run: Path, query: str) -> list[Any]:
    """Rows of a run's database."""
    connection = sqlite3.connect(run / "run.db")
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def fingerprint(body: Mapping[str, Any]) -> str:
    """Hash of a request's body."""
    return sha256(json.loads(json.dumps(body)))


def committed_bodies(run: Path) -> Counter[str]:
    """What a run has paid for, as the bodies that were sent for it."""
    if not (run / "run.db").exists():
        return Counter()
    endpoint = Endpoint(identity="openai:stub", model="stub", base_url="http://127.0.0.1:1", dialect="compatible")
    store = open_store(run, create=False)
    try:
        with store.engine.connect() as connection:
            keys = [key for (key,) in connection.exec_driver_sql("SELECT key FROM replies")]
        found = [committed(store, key) for key in keys]
        return Counter(fingerprint(endpoint.body(one.request)) for one in found if one is not None)
    finally:
        store.close()


if __name__ == "__main__":
    main()
