"""Ctrl-C and SIGTERM at random moments of every stage: `python -m benchmarks.faults.signals [--signals 200]`.

Each stage is interrupted, started again with the same command until it ends, and begun anew, until there were so many
signals. Every one must end the command within two seconds, and nothing committed may be asked for again.
"""

import argparse
import os
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from culturepark.benchmarks.faults.process import errors_of, finish, start
from tests.stub_server import StubServer, persona_answer, serving
from tests.training.tiny import tiny_base

STAGES: Final = ("simulate", "refine", "train", "bench")
SOON: Final = 2.0
"""Seconds from the signal to the end of the process."""
SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
STUDY: Final = """\
name: interrupted
seed: 2
model: openai:stub
base_url: {url}
simulate: {{cultures: [arabic], questions: [Q27, Q28, Q170], talks: 16, concurrency: 8, protocol_args: {{turns: 4}}}}
train:
  cultures: [arabic]
  lora: {{base: {base}, rank: 4, alpha: 8, batch: 4, max_steps: 60, check_every: 5, patience: 0, threads: 1}}
"""
SET: Final = (
    "tiny: {culture: turkish, language: tr, task: spam, local: tiny.csv, source: made up, licence: CC0-1.0, "
    "labels: {spam: spam, ham: not_spam}}\n"
)


class Interrupted(NamedTuple):
    """What signals to one stage did."""

    stage: str
    seconds: tuple[float, ...]
    """From each signal to the end of the process."""
    runs: int
    """Times that the stage was gone through to its end."""
    problems: tuple[str, ...]

    @property
    def words(self) -> str:
        """One line."""
        took = f"ended after {median(self.seconds):.2f} s in the middle, {max(self.seconds):.2f} s at most"
        return f"{self.stage}: {len(self.seconds)} signals over {self.runs} runs, {took}"


def main() -> None:
    """Interrupt, print a line each stage, and exit with 1 when one took too long or lost something."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--signals", type=int, default=200, help="in all, shared out evenly")
    parser.add_argument("--seed", type=int, default=20240515)
    parser.add_argument("--only", choices=STAGES)
    chosen = parser.parse_args()
    rng = random.Random(chosen.seed)
    stages = [stage for stage in STAGES if chosen.only in {None, stage}]
    problems: list[str] = []
    with serving(delay=0.05) as stub, tempfile.TemporaryDirectory() as folder:
        work = Work(stub, Path(folder))
        for stage in stages:
            found = work.interrupt(stage, chosen.signals // len(stages), rng)
            print(found.words, flush=True)
            problems += found.problems
            if max(found.seconds) > SOON:
                problems.append(f"{stage}: a signal took {max(found.seconds):.2f} s")
    for problem in problems:
        print(f"WRONG: {problem}")
    sys.exit(1 if problems else 0)


class Work:
    """A small study, done once without a signal, so that each stage has something to begin from."""

    def __init__(self, stub: StubServer, folder: Path) -> None:
        self._stub = stub
        self._folder = folder
        base = tiny_base(folder / "tiny-llama")
        self._study = folder / "study.yaml"
        self._study.write_text(STUDY.format(url=stub.base_url, base=base), encoding="utf-8")
        (folder / "sets.yaml").write_text(SET, encoding="utf-8")
        rows = [f"text {number},{'spam' if number % 2 else 'ham'}" for number in range(40)]
        (folder / "tiny.csv").write_text("\n".join(["text,label", *rows]) + "\n", encoding="utf-8")
        run, output = folder / "whole", folder / "whole.out"
        finish(["simulate", str(self._study), "--run", str(run)], output=output)
        shutil.copytree(run, folder / "talks")
        finish(["refine", "--run", str(run)], output=output)

    def interrupt(self, stage: str, signals: int, rng: random.Random) -> Interrupted:
        """Send a stage so many signals, at moments of its whole length."""
        run, output = self._folder / "run", self._folder / "stage.out"
        seconds: list[float] = []
        problems: list[str] = []
        runs = 0
        self._stub.answer = (lambda _: "A") if stage == "bench" else persona_answer
        length = self._uninterrupted(stage, run, output)
        while len(seconds) < signals:
            self._begin(stage, run)
            self._stub.reset()
            paid = replies(run)
            while True:
                errors_of(output).unlink(missing_ok=True)
                child = start(self._command(stage, run), output=output)
                how = None
                if len(seconds) < signals:
                    child.join(rng.uniform(0.05, length))
                    how = rng.choice(SIGNALS)
                    began = time.monotonic()
                    if child.is_alive() and child.pid is not None:
                        os.kill(child.pid, how)
                        child.join()
                        seconds.append(time.monotonic() - began)
                child.join()
                if not errors_of(output).exists():
                    continue  # hit before a line of our code ran
                said = errors_of(output).read_text("utf-8")
                if "Traceback" in said:
                    problems.append(f"{stage}: {said}")
                if child.exitcode == 0:
                    break
                if how is None or child.exitcode != 130:
                    problems.append(f"{stage}: exit code {child.exitcode}: {said}")
                    break
            runs += 1
            if (lost := self._stub.stats.requests - (replies(run) - paid)) > self._most_lost(seconds):
                problems.append(f"{stage}: {lost} requests more than replies")
        return Interrupted(stage, tuple(seconds), runs, tuple(problems))

    def _most_lost(self, seconds: list[float]) -> int:
        """Requests that are in flight at a signal are broken off."""
        return 8 * len(seconds)

    def _uninterrupted(self, stage: str, run: Path, output: Path) -> float:
        self._begin(stage, run)
        began = time.monotonic()
        finish(self._command(stage, run), output=output)
        return time.monotonic() - began

    def _begin(self, stage: str, run: Path) -> None:
        shutil.rmtree(run, ignore_errors=True)
        before = {"refine": "talks", "train": "whole"}.get(stage)
        if before is not None:
            shutil.copytree(self._folder / before, run)

    def _command(self, stage: str, run: Path) -> list[str]:
        typed: dict[str, Callable[[], list[str]]] = {
            "simulate": lambda: ["simulate", str(self._study), "--run", str(run)],
            "refine": lambda: ["refine", "--run", str(run)],
            "train": lambda: ["train", str(run)],
            "bench": lambda: [
                "bench", "moderation", "--run", str(run), "--model", "openai:stub", "--base-url", self._stub.base_url,
                "--registry", str(self._folder / "sets.yaml"), "--concurrency", "8",
            ],
        }  # fmt: skip
        return typed[stage]()


def replies(run: Path) -> int:
    """Replies that a run has committed."""
    if not (run / "run.db").exists():
        return 0
    database = sqlite3.connect(run / "run.db")
    try:
        there = database.execute("SELECT count(*) FROM sqlite_master WHERE name = 'replies'").fetchone()[0]
        return int(database.execute("SELECT count(*) FROM replies").fetchone()[0]) if there else 0
    finally:
        database.close()


if __name__ == "__main__":
    main()
