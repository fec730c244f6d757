"""Full disks, folders that cannot be written, locks, clocks that go back, and signals at any time."""

import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from culturepark.benchmarks.faults.process import errors_of, finish, start, start_call
from culturepark.runtime.store import open_store
from culturepark.simulation.talks import load_transcripts
from tests.conftest import lacking
from tests.stub_server import StubServer, serving

pytestmark = pytest.mark.integration


@pytest.fixture
def slow_stub() -> Iterator[StubServer]:
    with serving(delay=0.1) as stub:
        yield stub


def simulate(url: str, run: Path, *more: str) -> list[str]:
    return ["simulate", "--run", str(run), "--model", "openai:stub", "--base-url", url, "--limit", "8", "--json", *more]


def ended(arguments: list[str], output: Path) -> tuple[int, str]:
    """Exit code, and the last line of stderr."""
    child = start(arguments, output=output)
    child.join()
    said = errors_of(output).read_text("utf-8")
    assert "Traceback" not in said, said
    return child.exitcode or 0, said.splitlines()[-1]


def limited(arguments: list[str]) -> None:
    """Run a command that may write no file larger than 200 kB."""
    from culturepark.__main__ import main

    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
    sys.argv = ["culturepark", *arguments]
    main()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 400 kB; skipped where none can be mounted."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", place], check=False, capture_output=True
    )
    if mounted.returncode:
        lacking("a tmpfs that can be mounted")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


@pytest.mark.slow
def test_a_full_disk_ends_the_run_with_one_line_and_a_larger_one_goes_on(
    small_disk: Path, stub: StubServer, tmp_path: Path
) -> None:
    output = tmp_path / "out.json"
    code, said = ended(simulate(stub.base_url, small_disk / "run"), output)

    assert code == 2
    assert said == (
        f"error: {small_disk / 'run'}: the disk is full; everything before is saved; free space and run the same command"
    )
    shutil.copytree(small_disk / "run", tmp_path / "run")
    goes_on(stub, tmp_path / "run", output)


@pytest.mark.slow
def test_a_limit_of_file_sizes_ends_the_run_with_one_line(stub: StubServer, tmp_path: Path) -> None:
    output = tmp_path / "out.json"
    child = start_call(limited, simulate(stub.base_url, tmp_path / "run"), output=output)
    child.join()
    said = errors_of(output).read_text("utf-8")

    assert "Traceback" not in said
    assert child.exitcode == 2
    assert said.splitlines()[-1].startswith(f"error: {tmp_path / 'run'}: the disk ")
    goes_on(stub, tmp_path / "run", output)


def goes_on(stub: StubServer, run: Path, output: Path) -> None:
    """Finish a run; what was committed is not asked for again."""
    with sqlite3.connect(run / "run.db") as database:
        committed = database.execute("SELECT count(*) FROM replies").fetchone()[0]
    stub.reset()
    finish(simulate(stub.base_url, run), output=output)
    with sqlite3.connect(run / "run.db") as database:
        assert database.execute("SELECT count(*) FROM replies").fetchone()[0] == committed + stub.stats.requests
    store = open_store(run, create=False)
    assert {talk.status for talk in load_transcripts(store)} == {"complete"}
    store.close()


def test_a_folder_that_cannot_be_made_is_one_line(stub: StubServer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    assert ended(simulate(stub.base_url, tmp_path / "file" / "run"), tmp_path / "out.json") == (
        2, f"error: {tmp_path / 'file' / 'run'}: cannot be written (Not a directory); choose another --run",
    )  # fmt: skip
    assert stub.stats.requests == 0


def test_a_read_only_folder_is_one_line(small_disk: Path, stub: StubServer, tmp_path: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)

    assert ended(simulate(stub.base_url, small_disk / "run"), tmp_path / "out.json") == (
        2, f"error: {small_disk / 'run'}: cannot be written (Read-only file system); choose another --run",
    )  # fmt: skip
    assert stub.stats.requests == 0


@pytest.mark.slow
def test_a_second_stage_on_the_folder_is_refused_with_the_owner_s_process(
    slow_stub: StubServer, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    first = start(simulate(slow_stub.base_url, run), output=tmp_path / "first.json")
    while slow_stub.stats.requests < 3:
        time.sleep(0.01)

    for command in (["refine", "--run", str(run), "--base-url", slow_stub.base_url], simulate(slow_stub.base_url, run)):
        assert ended(command, tmp_path / "second.json") == (
            2, f"error: {run}: process {first.pid} is working on this run; wait for it or stop it first",
        )  # fmt: skip
    first.join()
    assert first.exitcode == 0
    assert ended(simulate(slow_stub.base_url, run), tmp_path / "third.json")[0] == 0


@pytest.mark.slow
def test_a_database_that_another_program_locks_is_one_line(stub: StubServer, tmp_path: Path) -> None:
    run = tmp_path / "run"
    finish(simulate(stub.base_url, run), output=tmp_path / "out.json")
    other = sqlite3.connect(run / "run.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        code, said = ended(simulate(stub.base_url, run, "--question", "Q28"), tmp_path / "out.json")
    finally:
        other.close()

    assert (code, said) == (2, f"error: {run}: another program has locked run.db; close it and run the same command")


def clock_back(arguments: list[str]) -> None:
    """Run a command while the wall clock jumps back by an hour at every look."""
    from culturepark.__main__ import main

    real, looks = time.time, iter(range(10**9))
    time.time = lambda: real() - 3600 * next(looks)
    sys.argv = ["culturepark", *arguments]
    main()


@pytest.mark.slow
def test_a_clock_that_goes_back_changes_nothing(stub: StubServer, tmp_path: Path) -> None:
    finish(simulate(stub.base_url, tmp_path / "ahead"), output=tmp_path / "out.json")
    child = start_call(clock_back, simulate(stub.base_url, tmp_path / "back"), output=tmp_path / "back.json")
    child.join()

    assert child.exitcode == 0
    talks = []
    for run in ("ahead", "back"):
        store = open_store(tmp_path / run, create=False)
        talks.append([(talk.id, [turn.text for turn in talk.turns]) for talk in load_transcripts(store)])
        store.close()
    assert talks[0] == talks[1]


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_at_any_time_ends_the_command_soon_and_loses_nothing(
    how: signal.Signals, slow_stub: StubServer, tmp_path: Path
) -> None:
    rng, run, output = random.Random(int(how)), tmp_path / "run", tmp_path / "out.json"
    codes: set[int | None] = set()
    took = []
    for _ in range(8):
        errors_of(output).unlink(missing_ok=True)
        child = start(simulate(slow_stub.base_url, run), output=output)
        child.join(rng.uniform(0.05, 0.8))
        began = time.monotonic()
        if child.pid is not None and child.is_alive():
            os.kill(child.pid, how)
        child.join()
        if not errors_of(output).exists():
            continue  # hit before a line of our code ran
        took.append(time.monotonic() - began)
        codes.add(child.exitcode)
        assert "Traceback" not in errors_of(output).read_text("utf-8")
    assert codes <= {130, 0}
    assert sorted(took)[len(took) // 2] < 2
    goes_on(slow_stub, run, output)
