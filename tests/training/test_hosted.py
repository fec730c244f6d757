"""The whole life of a hosted job over HTTP: paid for once, followed through faults, resumed, cancelled, failed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.models.fine_tuning import FineTuning, FineTuningError
from culturepark.runtime.request import Message
from culturepark.training.hosted import JOB, cancel, chat_lines, estimate_cost, load_job, set_aside, tune
from culturepark.training.hosted_settings import HostedSettings
from culturepark.training.row import Row, make_row
from tests.conftest import ROOT, Ended
from tests.fine_tuning_server import FineTuningServer, Trouble, serving

QUICK = HostedSettings(base="openai:gpt-4o-mini-2024-07-18", poll_seconds=0.01)


def a_row(text: str, weight: int = 1) -> Row:
    messages = (Message(role="user", content="What do you think?"), Message(role="assistant", content=text))
    return make_row(
        "opinion", messages, culture="arabic", country="JOR", language="en", question="wvs7:Q27", stance=1,
        source="culturepark", weight=weight,
    )  # fmt: skip


ROWS = [a_row("Family first.", weight=3), a_row("مهم جدا")]
WATCHED = [a_row("It depends.")]


def follow(server: FineTuningServer, folder: Path, **changes: Any) -> Any:
    service = FineTuning(server.base_url, sleep=lambda _: None)
    try:
        settings = QUICK.model_copy(update=changes)
        return tune(service, ROWS, WATCHED, settings, folder, name="arabic", seed=5, sleep=lambda _: None)
    finally:
        service.close()


def test_a_job_is_uploaded_created_and_followed_to_its_model(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with serving() as server:
        job = follow(server, tmp_path)

    assert (job.status, job.model, job.trained_tokens) == (
        "succeeded", "openai:ft:gpt-4o-mini-2024-07-18:culturepark-arabic", 1234,
    )  # fmt: skip
    assert load_job(tmp_path) == job
    (train, watched) = server.files.values()
    assert train[1] == chat_lines(ROWS)
    lines = [json.loads(line) for line in train[1].decode().splitlines()]
    assert [line["messages"][-1]["content"] for line in lines] == ["Family first."] * 3 + ["مهم جدا"]
    assert watched[1] == chat_lines(WATCHED)
    (asked,) = server.jobs.values()
    assert (asked["hyperparameters"], asked["seed"]) == ({"n_epochs": 3}, 5)
    assert (asked["training_file"], asked["validation_file"]) == ("file-1", "file-2")
    shown = capfd.readouterr().err
    assert "arabic: Created fine-tuning job\n" in shown
    assert "arabic (ftjob-1): step 100 of 100\n" in shown


def test_the_same_work_is_never_uploaded_or_paid_for_twice(tmp_path: Path) -> None:
    with serving() as server:
        first = follow(server, tmp_path)
        again = follow(server, tmp_path)

        assert again == first
        assert (server.posts("/files"), server.posts("/fine_tuning/jobs")) == (2, 1)
        follow(server, tmp_path, epochs=4)  # other work is another job, on the same files only by name

        assert server.posts("/fine_tuning/jobs") == 2


@pytest.mark.parametrize(
    "troubles",
    [
        pytest.param([Trouble("POST /files", "drop_after")], id="upload-answer-lost"),
        pytest.param([Trouble("POST /files", "drop_before", times=2)], id="upload-lost"),
        pytest.param([Trouble("POST /fine_tuning/jobs", "drop_after")], id="job-answer-lost"),
        pytest.param([Trouble("POST /fine_tuning/jobs", "status", status=503, times=2)], id="job-503"),
        pytest.param([Trouble("GET /fine_tuning/jobs/ID", "drop_before", times=3)], id="look-lost"),
        pytest.param([Trouble("GET /fine_tuning/jobs/ID/events", "status", status=429, times=3)], id="events-429"),
    ],
)
def test_faults_on_the_way_change_nothing(tmp_path: Path, troubles: list[Trouble]) -> None:
    with serving(troubles=troubles) as server:
        job = follow(server, tmp_path)

    assert job.status == "succeeded"
    assert (len(server.files), len(server.jobs)) == (2, 1)


def test_a_lost_folder_state_finds_the_job_again(tmp_path: Path) -> None:
    with serving() as server:
        follow(server, tmp_path)
        (tmp_path / JOB).unlink()
        follow(server, tmp_path)

    assert (len(server.files), len(server.jobs)) == (2, 1)


def test_a_job_that_was_set_aside_is_not_taken_for_the_next_one(tmp_path: Path) -> None:
    with serving(fail="no") as server:
        failed = follow(server, tmp_path)
        set_aside(tmp_path, failed)
        server.fail = None
        again = follow(server, tmp_path)

    assert (failed.job, failed.status) == ("ftjob-1", "failed")
    assert (again.job, again.status) == ("ftjob-2", "succeeded")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param(
            {"troubles": [Trouble("GET /files", "html", times=99)]},
            "{url}: answers, but not as an OpenAI-compatible fine-tuning service ('<html>Please log in</html>'); "
            "check --base-url, which usually ends in /v1",
            id="html",
        ),
        pytest.param({"key": "right"}, "{url}: the key was refused (HTTP 401); check OPENAI_API_KEY", id="key"),
        pytest.param(
            {"troubles": [Trouble("POST /files", "status", status=400)]}, "{url}: HTTP 400 'try later'", id="refused"
        ),
        pytest.param(
            {"troubles": [Trouble("POST /fine_tuning/jobs", "status", times=99)]},
            "{url}: HTTP 503 'try later'",
            id="busy",
        ),
    ],
)
def test_what_a_service_cannot_do_is_one_line(tmp_path: Path, settings: dict[str, Any], expected: str) -> None:
    with serving(**settings) as server, pytest.raises(FineTuningError) as caught:
        follow(server, tmp_path)

    assert str(caught.value) == expected.format(url=server.base_url)


def test_an_unreachable_service_is_one_line(tmp_path: Path) -> None:
    with serving() as server:
        pass
    with pytest.raises(FineTuningError, match=r"no answer \(Connection error\.\); is --base-url right\?"):
        follow(server, tmp_path)


def test_a_failed_job_keeps_the_services_reason(tmp_path: Path) -> None:
    with serving(fail="Training file has 4 examples; 10 are needed.") as server:
        job = follow(server, tmp_path)

    assert (job.status, job.reason) == ("failed", "Training file has 4 examples; 10 are needed.")


def test_a_running_job_is_cancelled_and_an_ended_one_is_not(tmp_path: Path) -> None:
    with serving(endless=True) as server:
        service = FineTuning(server.base_url, sleep=lambda _: None)

        def interrupt(looks: int) -> None:
            if looks == 3:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            tune(
                service, ROWS, [], QUICK, tmp_path, name="arabic", seed=5,
                sleep=lambda _: interrupt(server.jobs["ftjob-1"]["looks"]),
            )  # fmt: skip
        assert cancel(service, tmp_path).status == "cancelled"
        with pytest.raises(CultureParkError, match=r"job ftjob-1 has ended already \(cancelled\)"):
            cancel(service, tmp_path)
        service.close()


def test_the_cost_is_told_from_the_price_table_or_not_at_all() -> None:
    rows = [a_row("x" * 400, weight=10)]
    known = estimate_cost(rows, QUICK)

    assert known.words == f"about {known.tokens} tokens, about ${3.0 * known.tokens / 1e6:.2f}"
    assert (
        estimate_cost(rows, HostedSettings(base="openai:mine")).words
        == f"about {known.tokens} tokens, at an unknown price"
    )


@pytest.mark.slow
def test_a_killed_command_goes_on_with_its_job(
    refined_run: Path, typed: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-9921")
    words = ("train", str(refined_run), "--culture", "turkish", "--rows", "opinion", "--method", "openai")

    with serving(endless=True, key="sk-canary-9921") as server:
        hosted = (*words, "--base", "openai:mine", "--base-url", server.base_url)
        asked = typed(*hosted)
        assert asked.code == 2
        assert "1 hosted job(s) would be created and their price is not known; add --yes to go on" in asked.err
        assert server.requests == []

        # A child inherits an ignored Ctrl-C from tests that run in the background.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        first = subprocess.Popen(
            [sys.executable, "-m", "culturepark", *hosted, "--yes"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": ""},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        signal.signal(signal.SIGINT, before)
        deadline = time.monotonic() + 120
        while not any(job["looks"] for job in list(server.jobs.values())) and time.monotonic() < deadline:
            time.sleep(0.05)
        first.send_signal(signal.SIGINT)
        told = first.communicate(timeout=120)[1].decode()
        assert first.returncode == 130, told
        assert "hosted jobs go on; the same command goes on from there" in told
        server.endless = False
        second = typed(*hosted, "--json")

    assert second.code == 0, second.err
    (model,) = json.loads(second.out)["models"]
    assert (model["status"], model["model"]) == ("succeeded", "openai:ft:mine:culturepark-turkish")
    assert server.posts("/fine_tuning/jobs") == 1
    assert not any(b"sk-canary-9921" in path.read_bytes() for path in refined_run.rglob("*") if path.is_file())
