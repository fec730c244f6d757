"""The commands as a user types them: the whole job over HTTP, resumed, budgeted, killed; mistakes are one line."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from culturepark.postprocess.explain import explain, explanation_text
from culturepark.postprocess.tables import load_funnel, load_opinions, load_samples
from culturepark.runtime.store import open_store
from culturepark.simulation.talks import load_transcripts
from tests.conftest import ROOT, Ended
from tests.stub_server import Fault, serving

ENVIRONMENT = {**os.environ, "OPENAI_API_KEY": "sk-canary-5512", "PYTHONPATH": ""}


def culturepark(*arguments: str, cwd: Path, expect: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "culturepark", *arguments],
        cwd=cwd, env={**ENVIRONMENT, **environment}, capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == expect, done.stderr[-3000:]
    assert "Traceback" not in done.stderr
    return done


def job(url: str, run: Path, *more: str) -> Sequence[str]:
    """The main job at a small size, on any endpoint; with this seed the scripted model says what becomes samples."""
    return (
        "run", "--run", str(run), "--model", "openai:stub", "--base-url", url, "--limit", "4", "--seed", "2", "--json", *more,
    )  # fmt: skip


def document(stdout: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(stdout)
    return found


@pytest.fixture
def here(typed: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ended]:
    """`culturepark` of above in this process, for what needs none of its own."""
    monkeypatch.setenv("OPENAI_API_KEY", ENVIRONMENT["OPENAI_API_KEY"])

    def ended(*arguments: str, expect: int = 0) -> Ended:
        done = typed(*arguments)
        assert done.code == expect, done.err[-3000:]
        assert "Traceback" not in done.err
        return done

    return ended


@pytest.mark.slow
def test_the_whole_job_and_a_second_run_that_sends_nothing(tmp_path: Path) -> None:
    with serving() as stub:
        first = document(culturepark(*job(stub.base_url, tmp_path / "run"), cwd=tmp_path).stdout)
        stub.reset()
        second = document(culturepark(*job(stub.base_url, tmp_path / "run"), cwd=tmp_path).stdout)

        assert stub.stats.requests == 0
    assert first["dialogues"] == 4
    assert first["turns"] == 24
    assert first["failed"] == []
    assert first["funnel"]["samples"] > 0
    assert second["funnel"] == first["funnel"]
    assert second["requests_sent"] == 0
    assert second["requests_cached"] > 0
    assert not any(b"sk-canary-5512" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())

    store = open_store(tmp_path / "run", create=False)
    opinions, samples, funnel = load_opinions(store), load_samples(store), load_funnel(store)
    talks = {talk.id: talk for talk in load_transcripts(store)}
    for opinion in opinions:
        assert talks[opinion.talk].turns[opinion.turn].text[opinion.start : opinion.end] == opinion.quote
    assert funnel is not None
    funnel.check()
    for sample, found in zip(samples, explain(store, samples, source="wvs7"), strict=True):
        text = explanation_text(found)
        assert sample.stance is not None
        assert f"{100 * sample.stance.share:.1f} % of {sample.stance.n:g} valid answers of {sample.country}" in text
        assert sample.talk in text
    store.close()

    run = ("--run", str(tmp_path / "run"))
    listed = json.loads(culturepark("samples", "list", *run, "--json", cwd=tmp_path).stdout)
    assert [sample["id"] for sample in listed] == [sample.id for sample in samples]
    assert (
        "survey: World Values Survey" in culturepark("samples", "explain", listed[0]["id"], *run, cwd=tmp_path).stdout
    )
    culturepark("samples", "export", "--out", "rows.jsonl", *run, cwd=tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text("utf-8").splitlines()]
    assert [[message["role"] for message in row["messages"]] for row in rows] == [
        ["system", "user", "assistant"]
    ] * len(rows)
    culturepark("samples", "export", "--format", "parquet", "--out", "rows.parquet", *run, cwd=tmp_path)
    import pyarrow.parquet as pq

    table = pq.read_table(tmp_path / "rows.parquet").to_pylist()
    assert [row["text"] for row in table] == [sample.text for sample in samples]
    assert all(row["synthetic"] for row in table)
    shown = culturepark("transcripts", "show", *run, cwd=tmp_path).stdout
    assert all(turn.text in shown for talk in talks.values() for turn in talk.turns)
    culturepark("transcripts", "export", "--out", "talks.jsonl", *run, cwd=tmp_path)
    assert len((tmp_path / "talks.jsonl").read_text("utf-8").splitlines()) == 4


@pytest.mark.slow
def test_postgresql_holds_the_same_run(
    tmp_path: Path, postgres: str, here: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving() as stub:
        local = document(here(*job(stub.base_url, tmp_path / "local")).out)
        shared = document(here(*job(stub.base_url, tmp_path / "shared", "--store", postgres)).out)
        stub.reset()
        # The folder remembers where its rows are, all but the password.
        monkeypatch.setenv("PGPASSWORD", "canary-7713")
        again = document(here(*job(stub.base_url, tmp_path / "shared")).out)

        assert stub.stats.requests == 0
    assert (shared["funnel"], shared["turns"]) == (local["funnel"], local["turns"])
    assert again["funnel"] == local["funnel"]
    assert not (tmp_path / "shared/run.db").exists()
    assert not any(b"canary-7713" in path.read_bytes() for path in (tmp_path / "shared").iterdir())
    samples = [here("samples", "list", "--run", run, "--json").out for run in ("local", "shared")]
    assert samples[0] == samples[1]

    monkeypatch.delenv("PGPASSWORD")
    refused = here(*job(stub.base_url, tmp_path / "local", "--store", postgres), expect=2)
    assert refused.err == (
        f"error: {tmp_path / 'local'}: this run's rows are in run.db; leave out --store, or choose another --run\n"
    )
    monkeypatch.setenv("PGPASSWORD", "wrong")
    assert "password authentication failed" in here("samples", "list", "--run", "shared", expect=2).err


@pytest.mark.slow
def test_killed_at_random_moments_nothing_is_lost_doubled_or_paid_twice(
    tmp_path: Path, here: Callable[..., Ended]
) -> None:
    kills, flight = 6, 4
    rng = random.Random(20240515)
    with serving(delay=0.03) as stub:
        whole = document(here(*job(stub.base_url, tmp_path / "whole", "--concurrency", str(flight))).out)
        distinct = stub.stats.distinct
        stub.reset()
        command = [
            sys.executable,
            "-m",
            "culturepark",
            *job(stub.base_url, tmp_path / "run", "--concurrency", str(flight)),
        ]
        for _ in range(kills):
            child = subprocess.Popen(
                command, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            before, patience = stub.stats.requests, time.monotonic() + 60
            while stub.stats.requests < before + rng.randint(1, 12) and child.poll() is None:
                assert time.monotonic() < patience
                time.sleep(0.01)
            child.kill()
            child.wait()
        resumed = document(here(*job(stub.base_url, tmp_path / "run", "--concurrency", str(flight))).out)

        assert stub.stats.distinct == distinct
        assert stub.stats.requests <= distinct + flight * kills
    assert resumed["funnel"] == whole["funnel"]
    assert (resumed["dialogues"], resumed["turns"]) == (whole["dialogues"], whole["turns"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "keyboard"),
    [
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGTERM, signal.default_int_handler),
        (signal.SIGTERM, signal.SIG_IGN),
    ],
    ids=["Ctrl-C", "terminated", "terminated in the background"],
)
def test_an_interrupted_run_says_how_to_go_on(how: signal.Signals, keyboard: Any, tmp_path: Path) -> None:
    with serving(delay=0.2) as stub:
        command = [sys.executable, "-m", "culturepark", *job(stub.base_url, tmp_path / "run")]
        before = signal.signal(signal.SIGINT, keyboard)  # a child inherits what is ignored, and nothing else
        child = subprocess.Popen(
            command, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        signal.signal(signal.SIGINT, before)
        while stub.stats.requests < 6 and child.poll() is None:
            time.sleep(0.01)
        child.send_signal(how)
        _, said = child.communicate(timeout=20)

    assert child.returncode == 130
    assert f"everything said so far is saved in {tmp_path / 'run'}; the same command goes on from there" in said
    assert "Traceback" not in said


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["simulate", "refine"])
def test_an_interrupted_run_does_not_wait_for_a_slow_model(stage: str, tmp_path: Path) -> None:
    with serving() as stub:
        simulating = ("simulate", *job(stub.base_url, tmp_path / "run")[1:])
        refining = ("refine", "--run", str(tmp_path / "run"), "--base-url", stub.base_url)
        if stage == "refine":
            culturepark(*simulating, cwd=tmp_path)
        stub.delay = 120
        seen = stub.stats.requests
        command = [sys.executable, "-m", "culturepark", *(refining if stage == "refine" else simulating)]
        child = subprocess.Popen(command, cwd=tmp_path, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)
        while stub.stats.requests < seen + 3 and child.poll() is None:
            time.sleep(0.01)
        child.send_signal(signal.SIGTERM)
        _, said = child.communicate(timeout=40)  # a third of what one reply takes

    assert child.returncode == 130
    assert "the same command goes on from there" in said
    assert "Traceback" not in said


@pytest.mark.slow
def test_a_spent_budget_ends_the_run_with_what_is_done(tmp_path: Path, here: Callable[..., Ended]) -> None:
    study = tmp_path / "small.yaml"
    study.write_text("name: small\nsimulate: {cultures: [arabic], talks: 2}\nbudget: {requests: 5}\n", encoding="utf-8")
    with serving() as stub:
        arguments = ("run", str(study), "--model", "openai:stub", "--base-url", stub.base_url)
        done = here(*arguments, expect=1)

        assert stub.stats.requests == 5
    assert "stopped: the budget of 5 requests is spent; what is done is saved" in done.err


@pytest.mark.slow
def test_failed_talks_are_listed_and_the_rest_goes_on(tmp_path: Path, here: Callable[..., Ended]) -> None:
    study = tmp_path / "small.yaml"
    study.write_text(
        "name: s\nsimulate: {talks: 8, protocol: free-chat, protocol_args: {turns: 2}}\nlimits: {attempts: 1}\n"
    )
    with serving(faults=[Fault("status", rate=0.2, status=500)], seed=5) as stub:
        arguments = ("simulate", str(study), "--model", "openai:stub", "--base-url", stub.base_url, "--json")
        done = document(here(*arguments, expect=1).out)

    assert done["dialogues"] + len(done["failed"]) == 8
    assert done["failed"]
    assert all("HTTP 500" in failure["reason"] for failure in done["failed"])


URL = "http://127.0.0.1:1/v1"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "nothing.yaml"], "nothing.yaml: there is no such file"),
        (["run", "empty.yaml"], "empty.yaml: the file is empty"),
        (["run", "broken.yaml"], "broken.yaml:1: expected ',' or ']', but got '<stream end>'; correct the YAML"),
        (["run", "typo.yaml"], "typo.yaml: unknown field 'simulate.cultres'; did you mean 'cultures'?"),
        (["run", "--culture", "arabik"], "no culture named 'arabik'; did you mean 'arabic'? Known: arabic, bengali, "
         "chinese, english, german, korean, portuguese, spanish, turkish."),
        (["run", "--protocol", "self-guidence"], "no protocol named 'self-guidence'; did you mean 'self-guidance'? "
         "Known: consensus, debate, free-chat, interview, round-table, selector, self-guidance."),
        (["run", "--protocol", "two.yaml"], "two.yaml: rounds.0.speaker: no speaker 'delegats'; did you mean 'delegates'?; write "
         "main_contact, delegates, everyone, next delegate, next speaker, a seat's number from 1, or a persona id"),
        (["run", "--protocol-arg", "turns=x"], "protocol 'self-guidance': turns = 'x': input should be a valid integer"),
        (["run", "--model", "bultin"], "model 'bultin' (builtin[:NAME[+ADAPTER]], openai:NAME or gguf:PATH): no kind of model named "
         "'bultin'; did you mean 'builtin'? Known: builtin, gguf, nli, openai."),
        (["run", "--model", "nli:owner/name"], "model 'nli:owner/name' judges pairs of texts and cannot talk; give it as "
         "--judge-model"),
        (["run", "--judge-model", "nli:./none"], "model 'nli:./none': there is no folder './none'; give a folder or a hub id "
         "(owner/name)"),
        (["run", "--second-judge", "builtin"], "second_judge 'builtin' is the judge itself; name another model"),
        (["run", "--extract", "lily"], "quickstart.yaml: refine.extract = 'lily': input should be 'delegates' or 'all'"),
        (["run", "--min-corroboration", "-1"], "quickstart.yaml: refine.novel.min_corroboration = -1: input should be greater "
         "than or equal to 0"),
        (["run", "--model", "builtin:qwen"], "no built-in model named 'qwen'. Known: all-minilm-l6-v2, "
         "qwen2.5-coder-0.5b, qwen2.5-coder-1.5b, smollm2-135m."),
        (["run", "--model", "gguf:missing.gguf"], "model 'gguf:missing.gguf': there is no file 'missing.gguf'"),
        (["run", "--base-url", URL], "--base-url is for a server's model: write --model openai:NAME, not "
         "builtin:qwen2.5-coder-1.5b"),
        (["run", "--protocol-arg", "turns"], "--protocol-arg 'turns' is not key=value"),
        (["run", "--protocol-arg", "turn=4"], "protocol 'self-guidance' takes no argument 'turn'; did you mean 'turns'?"),
        (["run", "--stance", "modal"], "quickstart.yaml: simulate.stance: no stance choice named 'modal'; did you mean "
         "'mode'?; known: sampled, iid, mode, median, respondent, none, other:COUNTRY"),
        (["run", "--question", "Q158"], "question 'wvs7:Q158' is held out for measurement, so no talk may use its answers; "
         "`culturepark surveys list` shows the seed questions"),
        (["samples", "list", "--run", "none"], "none: there is no run here; `culturepark run --run none` makes one"),
        (["protocols", "show", "mine.py:Mine"], "mine.py:1: ZeroDivisionError: division by zero"),
        (["surveys", "import-wvs", "empty.yaml", "--out", "o"], "empty.yaml: no column B_COUNTRY_ALPHA; give the WVS wave 7 "
         "CSV in its official layout (found: , …)"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)  # fmt: skip
def test_mistakes_are_one_line_and_exit_2(
    arguments: list[str], message: str, typed: Callable[..., Ended], tmp_path: Path
) -> None:
    (tmp_path / "empty.yaml").write_text("")
    (tmp_path / "broken.yaml").write_text("model: [a")
    (tmp_path / "typo.yaml").write_text("simulate: {cultres: [arabic]}")
    (tmp_path / "mine.py").write_text("1 / 0")
    (tmp_path / "two.yaml").write_text("name: two\nrounds: [{speaker: delegats}]")

    assert typed(*arguments) == Ended(2, "", f"error: {message}\n")
    assert not (tmp_path / "runs").exists()


def test_no_key_is_said_before_anything_is_made(tmp_path: Path) -> None:
    done = culturepark("run", "--model", "openai:gpt-4o-mini", cwd=tmp_path, expect=2, OPENAI_API_KEY="")

    assert done.stderr.splitlines()[-1] == (
        "error: OPENAI_API_KEY is not set; set it to your key (or to any word, for a server that asks for none)"
    )


@pytest.mark.slow
def test_an_endpoint_that_speaks_html_ends_the_run_with_2(tmp_path: Path, here: Callable[..., Ended]) -> None:
    with serving(faults=[Fault("html")]) as stub:
        done = here(*job(stub.base_url, tmp_path / "run"), expect=2)

    assert "answers, but not as an OpenAI-compatible server" in done.err
    assert "check --base-url, which usually ends in /v1" in done.err


@pytest.mark.slow
@pytest.mark.parametrize("answer", ["", "I am only an echo."], ids=["nothing", "always-the-same"])
def test_a_model_that_says_nothing_new_yields_flags_and_no_crash(
    answer: str, tmp_path: Path, here: Callable[..., Ended]
) -> None:
    with serving(
        answer=lambda body: "Yes" if "logprobs" in body else "{}" if "response_format" in body else answer
    ) as stub:
        done = document(here(*job(stub.base_url, tmp_path / "run")).out)

    assert done["flagged"] >= 16
    assert done["funnel"]["samples"] == 0


def test_help_answers_without_heavy_imports() -> None:
    code = (
        "import sys, runpy; sys.argv = ['culturepark', '--help']\n"
        "try: runpy.run_module('culturepark', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "heavy = {'autogen_core', 'langchain_core', 'torch', 'openai', 'sqlalchemy', 'numpy', 'pydantic', 'rich'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)

    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "command",
    ["run", "simulate", "refine", "estimate", "doctor", "protocols list", "protocols show", "protocols try",
     "protocols check", "personas list", "personas show", "personas lint", "surveys list", "surveys explore",
     "surveys contrast", "surveys import-wvs", "surveys import-goqa", "transcripts list", "transcripts show",
     "transcripts replay", "transcripts verify", "transcripts fork", "transcripts diff", "transcripts export",
     "transcripts import", "transcripts schema", "samples list", "samples explain", "samples export", "models list",
     "models fetch", "models card", "models merge", "models push", "train"],
)  # fmt: skip
def test_every_command_has_help(command: str, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from culturepark.cli import app

    done = CliRunner().invoke(app, [*command.split(), "--help"])

    assert done.exit_code == 0
    assert "Usage: " in done.stdout
