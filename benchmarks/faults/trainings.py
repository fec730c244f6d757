"""kill -9 during a training: each resume goes on from the last whole checkpoint, and the end is the same."""

import json
import random
import shutil
import time
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import NamedTuple

import numpy as np
from safetensors.numpy import load_file

from benchmarks.faults.process import start_call
from culturepark.runtime.models.adapters import WEIGHTS
from culturepark.training.curves import Curve, read_curves
from culturepark.training.job import Job, run_job, write_job
from culturepark.training.local import CHECKPOINTS
from culturepark.training.lora_settings import LoraSettings
from tests.training.tiny import make_rows, tiny_base

CHECK_EVERY = 3
STEPS = 24
TOLERANCE = 1e-4
"""Of losses and weights: sums of floats in another order."""


class TrainingKilled(NamedTuple):
    """What kills of a training did."""

    kills: int
    runs: int
    steps: int
    """Taken in all, those that a kill threw away too."""
    most_lost: int
    """Steps since the last checkpoint that one kill threw away, at most."""
    problems: tuple[str, ...]

    @property
    def words(self) -> str:
        """One line."""
        return (
            f"train: {self.kills} kills over {self.runs} trainings of {STEPS} steps, a checkpoint every {CHECK_EVERY}; "
            f"{self.steps} steps taken, at most {self.most_lost} lost to a kill"
        )


class StepLog:
    """Writes down where a sitting began and each step, so that it can be read after a kill."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def start(self, what: str, *, total: int, done: int = 0) -> None:
        """A sitting begins at step `done`."""
        self._add("from", done)

    def advance(self, pieces: int = 1) -> None:
        """One step more."""
        self._add("step", pieces)

    def _add(self, what: str, number: int) -> None:
        with self._path.open("a", encoding="utf-8") as log:
            log.write(json.dumps([what, number]) + "\n")


def train(folder: str) -> None:
    """Train, or go on; runs in the process that is killed."""
    run_job(Path(folder), progress=StepLog(Path(folder) / "steps.jsonl"))


def kill_training(folder: Path, kills: int, rng: random.Random) -> TrainingKilled:
    """Kill a tiny training so often, resuming after each kill; one that ends is checked and begun anew."""
    base = tiny_base(folder / "tiny-llama")
    settings = LoraSettings(
        base=str(base), rank=4, alpha=8, batch=4, max_steps=STEPS, check_every=CHECK_EVERY, learning_rate=1e-2,
        dropout=0.1, patience=0, threads=1,
    )  # fmt: skip
    job, data, watched = Job(settings=settings, seed=3), make_rows(16), make_rows(5, seed=1)
    straight, run = folder / "straight", folder / "run"
    write_job(straight, job, data, watched)
    _join(straight)
    problems: list[str] = []
    done = runs = steps = most_lost = 0
    while done < kills:
        shutil.rmtree(run, ignore_errors=True)
        write_job(run, job, data, watched)
        while True:
            whole = _last_whole(run)
            child = start_call(train, str(run), output=folder / "train.out")
            if done < kills:
                _await_step(run, child, rng.randrange(10))
                child.join(rng.uniform(0, 0.1))
                if child.is_alive():
                    child.kill()
                    done += 1
            child.join()
            began_at, taken = _last_sitting(run)
            if began_at is not None and began_at != whole:
                problems.append(f"train: went on from step {began_at}, the last whole checkpoint is {whole}")
            steps += taken
            if child.exitcode == 0:
                break
            if child.exitcode != -9:
                said = (folder / "train.err").read_text("utf-8")
                problems.append(f"train: exit code {child.exitcode}: {said}")
                break
            if began_at is not None:
                most_lost = max(most_lost, began_at + taken - _last_whole(run))
        runs += 1
        problems += _differences(straight, run)
    if most_lost > CHECK_EVERY:
        problems.append(f"train: a kill lost {most_lost} steps")
    return TrainingKilled(done, runs, steps, most_lost, tuple(problems))


def _join(folder: Path) -> None:
    child = start_call(train, str(folder), output=folder.with_suffix(".out"))
    child.join()
    assert child.exitcode == 0, folder.with_suffix(".err").read_text("utf-8")


def _await_step(run: Path, child: ForkServerProcess, step: int) -> None:
    """Wait until a sitting has taken so many steps, and was written down as begun."""
    log = run / "steps.jsonl"
    while child.is_alive() and len(log.read_bytes().splitlines() if log.exists() else ()) <= step:
        time.sleep(0.005)


def _last_whole(run: Path) -> int:
    """Step of the newest whole checkpoint, 0 without one; looks only, and deletes nothing."""
    return max(
        (int(mark.parent.name.rpartition("-")[2]) for mark in (run / CHECKPOINTS).glob("checkpoint-*/complete")),
        default=0,
    )


def _last_sitting(run: Path) -> tuple[int | None, int]:
    """Where the last sitting began and how many steps it took; the log is emptied."""
    log = run / "steps.jsonl"
    told = [json.loads(line) for line in log.read_text("utf-8").splitlines()] if log.exists() else []
    log.unlink(missing_ok=True)
    began = [number for what, number in told if what == "from"]
    return (began[0] if began else None), sum(number for what, number in told if what == "step")


def _differences(straight: Path, run: Path) -> list[str]:
    problems = []
    if not np.allclose(_numbers(read_curves(run)), _numbers(read_curves(straight)), atol=TOLERANCE):
        problems.append("train: the losses differ from the uninterrupted training's")
    ours, theirs = load_file(run / WEIGHTS), load_file(straight / WEIGHTS)
    if not all(np.allclose(ours[name], theirs[name], atol=TOLERANCE) for name in theirs):
        problems.append("train: the weights differ from the uninterrupted training's")
    return problems


def _numbers(curve: list[Curve]) -> list[float]:
    return [value for point in curve for value in (point.step, point.loss or 0.0, point.validation_loss or 0.0)]
