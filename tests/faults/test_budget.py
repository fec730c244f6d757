"""A run's budget against what the server counted: 256 talks in flight, or several workers of a Ray cluster."""

import importlib.util
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
import sqlalchemy as sa

from culturepark.runtime.budget import Amount, known_price
from culturepark.runtime.ledger import spent_before
from culturepark.runtime.store import CommittedReply, open_store
from culturepark.simulation.talks import load_transcripts
from tests.conftest import Ended, lacking
from tests.stub_server import Fault, Stats, StubServer, serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

MODEL: Final = "openai:gpt-4o-mini"
STUDY: Final = """\
name: limited
model: {model}
base_url: {url}
simulate: {{talks: {talks}, concurrency: {concurrency}, protocol: free-chat, protocol_args: {{turns: 2}}}}
budget: {budget}
"""
FAULTS: Final = (Fault("status", rate=0.05, status=500, retry_after=0), Fault("invalid_json", rate=0.05))
MORE: Final = Amount(requests=60, tokens=50_000, money=0.004)
"""What each sitting may take beyond what was spent before it."""
LARGEST: Final = Amount(requests=1, tokens=4000, money=0.001)
"""No request of these talks may take more at worst; a sitting ends when the next one has no room."""

Command = Callable[..., Ended]


def counted(stats: Stats) -> Amount:
    """What the server has taken for all that it wrote, whether or not it arrived."""
    price = known_price(MODEL)
    assert price is not None
    money = price.of(tokens_in=stats.tokens_in, tokens_cached=stats.tokens_cached, tokens_out=stats.tokens_out)
    return Amount(stats.requests, stats.tokens, money)


def kept(run: Path) -> tuple[Amount, int]:
    """What a run has spent, and how many replies it holds."""
    store = open_store(run, create=False)
    try:
        with store.engine.connect() as connection:
            count = sa.select(sa.func.count()).where(CommittedReply.run_id == store.run_id)
            return spent_before(store), connection.scalar(count) or 0
    finally:
        store.close()


def budgets_hold(stub: StubServer, run: Path, command: Command, *, talks: int, concurrency: int) -> None:
    """One sitting for each limit, each beginning where the one before was stopped."""
    study = run.with_name("study.yaml")
    spent = Amount(0, 0, 0.0)
    for name, more in MORE._asdict().items():
        limit = round(getattr(spent, name) + more, 9)
        budget = json.dumps({name: limit})
        study.write_text(
            STUDY.format(model=MODEL, url=stub.base_url, talks=talks, concurrency=concurrency, budget=budget), "utf-8"
        )
        done = command("simulate", study, "--run", run)

        said = f"${limit:g}" if name == "money" else f"{limit} {name}"
        assert (done.code, done.err.splitlines()[-1]) == (
            1,
            f"stopped: the budget of {said} is spent; what is done is saved; raise it and run the same command",
        )
        took, (spent, replies) = counted(stub.stats), kept(run)
        assert took.requests == spent.requests, name
        assert stub.stats.answered == replies, name
        assert max(stub.stats.replied.values()) == 1
        assert took.tokens <= spent.tokens
        assert took.money <= spent.money + 1e-12
        # The limit was used up, and what the server counted is not beyond it.
        assert getattr(took, name) <= limit
        assert limit - getattr(LARGEST, name) < getattr(spent, name) <= limit
    assert stub.stats.requests < 2 * talks


def unlimited(run: Path) -> None:
    """Take the limit off the study."""
    study = run.with_name("study.yaml")
    study.write_text(study.read_text("utf-8").partition("budget:")[0], encoding="utf-8")


def stopped_in_flight(stub: StubServer, run: Path, start: Callable[..., "subprocess.Popen[str]"]) -> None:
    """What an interrupt breaks off is spent, too: the server may have written it."""
    reached = stub.stats.requests + 30
    child = start("simulate", run.with_name("study.yaml"), "--run", run)
    while stub.stats.requests < reached:
        assert child.poll() is None, child.communicate()
        time.sleep(0.01)
    child.send_signal(signal.SIGTERM)
    _, err = child.communicate(timeout=60)

    assert child.returncode == 130, err
    took, (spent, _) = counted(stub.stats), kept(run)
    assert reached <= took.requests <= spent.requests
    assert took.tokens <= spent.tokens


def completes(stub: StubServer, run: Path, command: Command, *, talks: int) -> None:
    """The run goes on from there to its end."""
    done = command("simulate", run.with_name("study.yaml"), "--run", run)

    assert done.code == 0, done.err
    store = open_store(run, create=False)
    held = load_transcripts(store)
    store.close()
    assert [(talk.status, len(talk.turns)) for talk in held] == [("complete", 2)] * talks
    assert stub.stats.distinct == len(stub.stats.replied)


def test_256_talks_in_flight(typed: Command, tmp_path: Path) -> None:
    with serving(delay=0.02, faults=FAULTS) as stub:
        budgets_hold(stub, tmp_path / "run", typed, talks=300, concurrency=256)
        assert stub.stats.max_in_flight > 20
        unlimited(tmp_path / "run")
        completes(stub, tmp_path / "run", typed, talks=300)
        assert set(stub.stats.replied.values()) == {1}


@pytest.mark.parametrize("shared", [False, True], ids=["sqlite", "postgresql"])
def test_workers_of_a_ray_cluster(
    shared: bool, typed: Command, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if importlib.util.find_spec("ray") is None:
        lacking("Ray (pip install 'culturepark[ray]')")
    store = ("--store", request.getfixturevalue("postgres")) if shared else ()
    monkeypatch.setenv("PGPASSWORD", "canary-7713")
    monkeypatch.setenv("OPENAI_API_KEY", "none")

    def start(*arguments: object) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "culturepark", *map(str, arguments), "--engine", "ray", *store]
        return subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def spread(*arguments: object) -> Ended:
        child = start(*arguments)
        out, err = child.communicate(timeout=300)
        return Ended(child.returncode, out, err)

    # A name of its own: rows of a shared database are known by it.
    run = tmp_path / f"limited{shared}"
    with serving(delay=0.02, faults=FAULTS) as stub:
        budgets_hold(stub, run, spread, talks=200, concurrency=64)
        unlimited(run)
        stopped_in_flight(stub, run, start)
        completes(stub, run, typed, talks=200)
