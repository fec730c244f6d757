"""Real Ray workers, a real PostgreSQL server: whatever dies, the result is the local engine's."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest

from culturepark.postprocess.tables import load_opinions, load_samples
from culturepark.runtime.store import open_store
from culturepark.simulation.talks import load_transcripts
from tests.conftest import ROOT, lacking
from tests.stub_server import StubServer, serving

PROTOCOL = '''
"""A protocol that is installed nowhere."""
from dataclasses import dataclass

from culturepark.protocols import Cue, Scene


@dataclass(frozen=True)
class Circle:
    """Everybody in turn."""

    turns: int = 6

    def next_cue(self, scene: Scene) -> Cue | None:
        if len(scene.turns) == self.turns:
            return None
        return Cue(scene.seats[len(scene.turns) % len(scene.seats)], guidance=scene.rng.choice(["Tell.", "Ask."]))
'''
NODE_DIES = """
import asyncio, sys, time
from pathlib import Path

import ray
from ray._private.utils import publish_error_to_driver

from culturepark.runtime.budget import BudgetSettings
from culturepark.runtime.engines.ray_engine import open_ray
from culturepark.runtime.ledger import Tally
from culturepark.runtime.pacing import LimitSettings
from culturepark.runtime.store import open_store


async def main():
    store = open_store(Path("run"), create=True)
    async with open_ray(None, store, budget=BudgetSettings(), limits=LimitSettings(), tally=Tally()):
        client = ray._private.worker.global_worker.gcs_client
        publish_error_to_driver("node_died", "a node died", gcs_client=client)
        await asyncio.sleep(2)
    sys.stdout.write("{}")


asyncio.run(main())
"""
"""Ray's own way of saying so, without the minute that it takes to notice a death."""
TOKEN = "5" * 64
TRIES = 3
ENVIRONMENT = {
    **os.environ,
    "OPENAI_API_KEY": "sk-canary-5512",
    "PGPASSWORD": "canary-7713",
    "PYTHONPATH": "",
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": TOKEN,
    "RAY_USAGE_STATS_ENABLED": "0",
}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(autouse=True)
def _ray() -> None:
    if importlib.util.find_spec("ray") is None:
        lacking("Ray (pip install 'culturepark[ray]')")


def start(*arguments: object, cwd: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "culturepark", *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=cwd, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(child: "subprocess.Popen[str]", *, expect: int = 0) -> str:
    out, err = child.communicate(timeout=400)
    assert child.returncode == expect, err[-3000:]
    assert "Traceback" not in err, err
    return out


def job(url: str, folder: Path, run: str, *more: object, talks: int = 8) -> list[object]:
    (folder / "circle.py").write_text(PROTOCOL, encoding="utf-8")
    model = ("--model", "openai:stub", "--base-url", url, "--seed", "1")
    return [
        "run", "--run", folder / run, *model, "--limit", talks, "--protocol", "./circle.py:Circle", "--json", *more,
    ]  # fmt: skip


class Outcome(NamedTuple):
    """All that a run has come to, without what depends on what the endpoint had cached."""

    talks: list[dict[str, Any]]
    opinions: list[dict[str, Any]]
    samples: list[dict[str, Any]]


def outcome(run: Path, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    monkeypatch.setenv("PGPASSWORD", ENVIRONMENT["PGPASSWORD"])
    store = open_store(run, create=False)
    try:
        talks = [talk.model_dump(mode="json") for talk in load_transcripts(store)]
        for talk in talks:
            for turn in talk["turns"]:
                del turn["tokens_cached"]
        return Outcome(
            talks,
            [opinion.model_dump(mode="json") for opinion in load_opinions(store)],
            [sample.model_dump(mode="json") for sample in load_samples(store)],
        )
    finally:
        store.close()


class Nodes(NamedTuple):
    """A cluster in a process of its own."""

    address: str
    process: "subprocess.Popen[str]"

    def kill_second(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("kill\n")
        self.process.stdin.flush()
        assert "killed" in json.loads(self.process.stdout.readline())

    def workers(self) -> list[psutil.Process]:
        """Processes of our actors on both nodes."""
        below = psutil.Process(self.process.pid).children(recursive=True)
        return [one for one in below if " ".join(one.cmdline()).startswith("ray::Worker")]


@contextmanager
def nodes() -> Iterator[Nodes]:
    # Ray gives a node 30 seconds to start; on a machine that is busy with other things, more than one try may be needed.
    for _ in range(TRIES):
        with _started() as (said, child):
            if said:
                yield Nodes(json.loads(said)["address"], child)
                return
    pytest.fail(f"no cluster came up in {TRIES} tries")


@contextmanager
def _started() -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.runtime.engines.cluster"], cwd=ROOT, env=ENVIRONMENT, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        yield child.stdout.readline(), child
    finally:
        child.stdin.close()
        child.wait(60)
        child.stdout.close()


def done_by_ray(*command: object, cwd: Path, expect: int = 0) -> tuple[str, str]:
    """Run a command that starts Ray itself, again where the machine was too busy for Ray to start."""
    for _ in range(TRIES):
        child = start(*command, cwd=cwd)
        out, err = child.communicate(timeout=400)
        if "timed out during startup" not in err:
            break
    assert child.returncode == expect, err[-3000:]
    assert "Traceback" not in err, err
    return out, err


def until(reached: int, stub: StubServer, child: "subprocess.Popen[str]") -> None:
    """Wait for the endpoint to have been asked so often."""
    while stub.stats.requests < reached:
        assert child.poll() is None, child.communicate()
        time.sleep(0.02)


def test_ray_on_this_machine_gives_what_the_local_engine_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as stub:
        local = json.loads(finish(start(*job(stub.base_url, tmp_path, "local"), cwd=tmp_path)))
        asked = stub.stats.distinct
        stub.reset()
        out, _ = done_by_ray(*job(stub.base_url, tmp_path, "spread", "--engine", "ray"), cwd=tmp_path)
        spread = json.loads(out)

        assert stub.stats.distinct == asked
        assert stub.stats.requests == spread["requests_sent"]
    assert outcome(tmp_path / "spread", monkeypatch) == outcome(tmp_path / "local", monkeypatch)
    assert spread["funnel"] == local["funnel"]
    assert spread["funnel"]["samples"] > 0


def test_a_worker_a_node_and_the_driver_die_and_nothing_is_lost(
    tmp_path: Path, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver's own death comes last, so that its successor begins on what is left of the cluster."""
    with serving(delay=0.05) as stub:
        local = json.loads(finish(start(*job(stub.base_url, tmp_path, "local", talks=8), cwd=tmp_path)))
        whole, asked = stub.stats.requests, stub.stats.distinct
        stub.reset()
        with nodes() as cluster:
            command = job(
                stub.base_url, tmp_path, "spread", "--store", postgres, "--engine", "ray", "--address", cluster.address,
                talks=8,
            )  # fmt: skip
            first = start(*command, cwd=tmp_path)
            until(10, stub, first)
            assert len(cluster.workers()) == 2
            cluster.workers()[0].kill()
            until(25, stub, first)
            cluster.kill_second()
            until(whole * 9 // 10, stub, first)  # among the verdicts
            first.send_signal(signal.SIGKILL)
            first.communicate()
            again = json.loads(finish(start(*command, cwd=tmp_path)))

        assert stub.stats.distinct == asked
        assert stub.stats.requests <= whole + 3 * 16, "more than what was in flight at the three deaths was repeated"
    assert outcome(tmp_path / "spread", monkeypatch) == outcome(tmp_path / "local", monkeypatch)
    assert again["funnel"] == local["funnel"]
    assert not any(b"canary" in path.read_bytes() for path in (tmp_path / "spread").iterdir())


def test_what_ray_says_of_its_nodes_stays_out_of_a_commands_result(tmp_path: Path) -> None:
    child = subprocess.run(
        [sys.executable, "-c", NODE_DIES], check=False, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True
    )

    assert child.stdout == "{}", child.stderr[-3000:]
    assert "a node died" in child.stderr


MISTAKES: Mapping[str, tuple[tuple[str, ...], str]] = {
    "sqlite": (
        ("--engine", "ray", "--address", "10.0.0.1:6379"),
        "--address 10.0.0.1:6379: other machines cannot reach run/run.db; "
        "add --store postgresql+psycopg://user@host/database, or leave --address out",
    ),
    "local": (("--address", "10.0.0.1:6379"), "--address 10.0.0.1:6379 is for a Ray cluster; add --engine ray"),
    "unknown": (("--engine", "rey"), "--engine: no engine named 'rey'; did you mean 'ray'? Known: local, ray."),
    "builtin": (
        ("--engine", "ray", "--address", "a:1", "--store", "postgresql+psycopg://u@h/d", "--model", "builtin"),
        "--address a:1: 'builtin' is served on this machine only; serve it where all machines reach it, and use "
        "--model openai:NAME --base-url",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_what_cannot_work_is_refused_before_anything_is_made(case: str, tmp_path: Path) -> None:
    options, line = MISTAKES[case]
    model = () if "--model" in options else ("--model", "openai:stub", "--base-url", "http://127.0.0.1:9/v1")
    child = start("simulate", "--run", "run", "--limit", "1", *model, *options, cwd=tmp_path)
    _, err = child.communicate(timeout=60)

    assert (child.returncode, err) == (2, f"error: {line}\n")
    assert list(tmp_path.iterdir()) == []
