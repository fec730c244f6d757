"""A planted key is in nothing that any command writes or says, not even where an endpoint quotes it."""

import importlib.util
import json
import logging
import os
import signal
import sys
import tempfile
import threading
import time
import urllib.request
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import sqlalchemy as sa

from culturepark.benchmarks.faults.process import errors_of, start_call
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.models.endpoint import HIDDEN, api_key
from tests.commands import command
from tests.conftest import lacking
from tests.fine_tuning_server import Trouble
from tests.fine_tuning_server import serving as serving_jobs
from tests.postprocess.conftest import answer
from tests.stub_server import Fault, StubServer, serving

pytestmark = pytest.mark.integration

CANARY = "sk-canary-918273645"
STUDY = """\
name: s
model: openai:stub
base_url: {url}
simulate: {{cultures: [arabic, korean], questions: [Q27, Q170], talks: 8, protocol: free-chat, protocol_args: {{turns: 4}}}}
refine: {{keep: entail+novel}}
train: {{hosted: {{poll_seconds: 0.05}}}}
"""
SETS = "tiny: {culture: turkish, language: tr, task: spam, local: tiny.jsonl, source: x, licence: x, labels: {spam: spam, ham: not_spam}}\n"


def with_the_key(given: tuple[str, Mapping[str, str], list[str]]) -> None:
    """Run a command in a folder with the canary for a key, and every library telling all it would ever say."""
    from culturepark.__main__ import main

    folder, environment, arguments = given
    os.chdir(folder)
    os.environ.update(environment, OPENAI_API_KEY=CANARY, PYTHONASYNCIODEBUG="1")
    warnings.simplefilter("ignore")
    tempfile.tempdir = None  # may have been looked up before this process was forked
    logging.basicConfig(level=logging.DEBUG)
    sys.argv = ["culturepark", *arguments]
    main()


class Place:
    """A folder in which commands are run, and all that they said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run = folder / "run"
        self.environment: dict[str, str] = {}
        self._commands = 0

    def do(self, *arguments: object, expect: int | Sequence[int] = 0) -> str:
        """Run a command; its output stays in the folder. Returns what it said."""
        self._commands += 1
        output = self.folder / f"said-{self._commands}.out"
        child = start_call(
            with_the_key, (str(self.folder), self.environment, [str(one) for one in arguments]), output=output
        )
        child.join()
        said = output.read_text("utf-8") + errors_of(output).read_text("utf-8")
        expected = [expect] if isinstance(expect, int) else expect
        assert child.exitcode in expected, (arguments, said[-3000:])
        assert "Traceback" not in said, said
        return said

    def leaks(self) -> list[str]:
        """Files that hold the key, those with what commands said among them."""
        files = files_in(self.folder)
        assert len(files) > 2
        return [path.relative_to(self.folder).as_posix() for path in files if CANARY.encode() in path.read_bytes()]


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@contextmanager
def kept(place: Path, into: Path) -> Iterator[None]:
    """Keep all files that are ever in a place, to their last byte, also when they are deleted: by a second name."""
    done = threading.Event()
    known: set[int] = set()

    def keep() -> None:
        while not done.wait(0.05):
            for path in files_in(place):
                with suppress(FileNotFoundError):
                    if (number := path.stat().st_ino) not in known:
                        os.link(path, into / f"{number}-{path.name}")
                        known.add(number)

    into.mkdir()
    watching = threading.Thread(target=keep)
    watching.start()
    try:
        yield
    finally:
        done.set()
        watching.join()


def rows_of(url: str) -> Iterator[tuple[str, str]]:
    """Every row of every table of a PostgreSQL database, its own among them, as text: table and row."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        for schema, table in connection.execute(
            sa.text("SELECT schemaname, tablename FROM pg_tables WHERE schemaname <> 'information_schema'")
        ).all():
            for (row,) in connection.execute(sa.text(f'SELECT found::text FROM "{schema}"."{table}" AS found')):
                yield table, row
    engine.dispose()


@pytest.fixture
def echoing() -> Iterator[StubServer]:
    """A model that lets in the canary only; `faults` may be set."""
    with serving(key=CANARY, answer=answer, logprobs=False) as stub:
        yield stub


@pytest.fixture
def place(tmp_path: Path, echoing: StubServer) -> Place:
    (tmp_path / "study.yaml").write_text(STUDY.format(url=echoing.base_url), encoding="utf-8")
    (tmp_path / "sets.yaml").write_text(SETS, encoding="utf-8")
    rows = [{"text": f"text {number}", "label": "spam" if number % 2 else "ham"} for number in range(8)]
    (tmp_path / "tiny.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return Place(tmp_path)


FORMATS = ("openai", "sharegpt", "parquet", "hf", "csv")
ECHO = (Fault("echo", status=400),)
REFUSED = f"HTTP 400 'cannot read Authorization: Bearer {HIDDEN}'"


@pytest.mark.slow
def test_a_run_its_forks_exports_and_pages(place: Place, echoing: StubServer) -> None:
    place.do("run", "study.yaml", "--run", "run")
    talk = json.loads(command("transcripts", "list", "--run", place.run, "--json"))[0]["id"]
    sample = json.loads(command("samples", "list", "--run", place.run, "--json"))[0]["id"]
    place.do("transcripts", "fork", talk, "--at", 2, "--say", "No.", "--run", "run")
    fork = json.loads(command("transcripts", "list", "--run", place.run, "--json"))[1]["id"]
    echoing.faults = ECHO
    said = place.do("transcripts", "fork", talk, "--at", 1, "--say", "Why?", "--run", "run", expect=1)
    assert REFUSED in said

    for arguments in (
        ("transcripts", "list"), ("transcripts", "list", "--json"), ("transcripts", "show"), ("transcripts", "verify", "--all"),
        ("transcripts", "diff", talk, fork, "--html", "diff.html"), ("transcripts", "replay", talk),
        ("transcripts", "export", "--out", "talks.jsonl"), ("samples", "list"), ("samples", "explain", sample),
        ("samples", "audit", "--html", "audit.html"),
        ("samples", "annotate", "sheet", "--raters", "ann,bo", "--out", "sheets"),
        *(("samples", "export", "--format", kind, "--out", f"rows-{kind}") for kind in FORMATS),
    ):  # fmt: skip
        place.do(*arguments, "--run", "run")
    place.do("compare", "run", "--by", "persona", expect=2)
    place.do("estimate", "study.yaml", "--run", "run")
    place.do("report", "run")
    place.do("doctor")

    assert place.leaks() == []


@pytest.mark.slow
def test_a_run_with_faults_one_with_a_wrong_key_and_one_with_another_site(place: Place, echoing: StubServer) -> None:
    echoing.faults = (Fault("status", rate=0.1, status=500, retry_after=0),)
    said = place.do("run", "study.yaml", "--run", "run", expect=(0, 1))
    assert echoing.stats.faults["status"] > 0
    for arguments in (
        ("transcripts", "export", "--out", "talks.jsonl"), ("samples", "export", "--out", "rows.jsonl"),
        ("transcripts", "show"), ("samples", "list"), ("report",),
    ):  # fmt: skip
        said += place.do(*arguments, "--run", "run", expect=(0, 1, 2))
    echoing.key = "another"
    said += place.do("run", "study.yaml", "--run", "refused", expect=2)
    echoing.key = CANARY
    echoing.faults = (Fault("html"),)
    said += place.do("run", "study.yaml", "--run", "foreign", expect=2)

    assert CANARY not in said
    assert "check OPENAI_API_KEY" in said
    assert {"run.db", "study.yaml", "talks.jsonl"} <= {path.name for path in place.folder.rglob("*")}
    assert place.leaks() == []


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["simulate", "refine"])
def test_a_stage_whose_endpoint_quotes_the_key(stage: str, place: Place, echoing: StubServer) -> None:
    if stage == "refine":
        place.do("simulate", "study.yaml", "--run", "run")
    echoing.faults = ECHO
    arguments = ["study.yaml"] if stage == "simulate" else []
    said = place.do(stage, *arguments, "--run", "run", "--json", expect=1 if stage == "simulate" else 2)

    assert REFUSED in said
    assert place.leaks() == []
    echoing.key = "another"
    assert "the key was refused (HTTP 401); check OPENAI_API_KEY" in place.do(
        stage, *arguments, "--run", "run", expect=2
    )
    assert place.leaks() == []


@pytest.mark.slow
def test_a_model_that_says_the_key(place: Place, echoing: StubServer) -> None:
    echoing.answer = lambda body: f"I was asked with {CANARY}. {answer(body)}"
    place.do("simulate", "study.yaml", "--run", "run")

    assert f"I was asked with {HIDDEN}." in command("transcripts", "show", "--run", place.run)
    assert place.leaks() == []


@pytest.mark.slow
@pytest.mark.parametrize("suite", ["moderation", "dialogue"])
def test_bench(suite: str, place: Place, echoing: StubServer) -> None:
    options: Sequence[object] = ("moderation", "--registry", "sets.yaml", "--model", "openai:stub")
    if suite == "dialogue":
        place.do("simulate", "study.yaml", "--run", "run")
        options = ("dialogue", "--judge-model", "openai:stub", "--same-judge", "--measure", "heard")
    else:
        echoing.answer = lambda _: "A"
    bench = ("bench", *options, "--base-url", echoing.base_url, "--run", "run")
    echoing.faults = ECHO
    place.do(*bench, expect=1)
    assert echoing.stats.faults["echo"] > 0
    place.do("report", "run")
    echoing.faults = ()
    place.do(*bench)
    place.do("report", "run")

    assert place.leaks() == []


@pytest.mark.slow
def test_train_at_a_hosted_service_and_rows_that_a_model_writes(place: Place, echoing: StubServer) -> None:
    place.do("run", "study.yaml", "--run", "run")
    asked = ("--model", "openai:stub", "--model-url", echoing.base_url, "--dry-run")
    place.do("train", "run", "--mode", "augment", *asked)
    echoing.faults = ECHO
    place.do("train", "run", "--mode", "direct", *asked, expect=2)
    hosted = ("train", "run", "--method", "openai", "--base", "openai:gpt-4o-mini", "--culture", "arabic", "--yes")
    quoting = f"rejected: Bearer {CANARY}"
    with serving_jobs(key=CANARY, troubles=[Trouble("POST /files", "status", status=400, says=quoting)]) as jobs:
        said = place.do(*hosted, "--base-url", jobs.base_url, expect=2)
        assert f"HTTP 400 'rejected: Bearer {HIDDEN}'" in said
        jobs.fail = quoting
        assert f"rejected: Bearer {HIDDEN}" in place.do(*hosted, "--base-url", jobs.base_url, expect=1)
        jobs.fail = None
        place.do(*hosted, "--base-url", jobs.base_url, "--again")

    assert place.leaks() == []


@pytest.mark.slow
def test_an_experiment(place: Place, echoing: StubServer) -> None:
    run = ("experiments", "run", "conflict", "--small", "--talks", "8", "--run", "tried")
    asked = ("--model", "openai:stub", "--base-url", echoing.base_url)
    place.do(*run, *asked, "--dry-run")
    echoing.faults = ECHO
    assert REFUSED in place.do(*run, *asked, expect=2)
    place.do(*run, "--model", "scripted", "--run", "scripted")

    assert place.leaks() == []


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("shared", [False, True], ids=["sqlite", "postgresql"])
def test_workers_of_a_ray_cluster(
    shared: bool, place: Place, echoing: StubServer, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if importlib.util.find_spec("ray") is None:
        lacking("Ray (pip install 'culturepark[ray]')")
    run = f"run-{shared}"  # rows of a shared database are known by it
    url = request.getfixturevalue("postgres") if shared else ""
    password = sa.make_url(url).password if shared else None
    if password is not None:
        monkeypatch.setenv("PGPASSWORD", password)
        place.environment["PGPASSWORD"] = password
    store = ("--store", url) if shared else ()
    echoing.faults = (Fault("echo", status=400, first=2),)
    # Near the root, since a socket's whole path is a hundred characters at most.
    with tempfile.TemporaryDirectory(prefix="cp-") as temporary, kept(Path(temporary), place.folder / "ray"):
        place.environment["TMPDIR"] = temporary
        said = place.do("simulate", "study.yaml", "--run", run, "--engine", "ray", *store, expect=1)
        assert list(Path(temporary).glob("cp-ray-*")) == []
    assert REFUSED in said
    place.do("refine", "--run", run, expect=1)  # talks that failed
    for kind in FORMATS:
        place.do("samples", "export", "--format", kind, "--out", f"rows-{kind}", "--run", run)
    place.do("transcripts", "export", "--out", "talks.jsonl", "--run", run)

    session = {path.name.partition("-")[2]: path.read_bytes() for path in (place.folder / "ray").iterdir()}
    assert {"gcs_server.out", "raylet.out", "token"} <= session.keys()
    assert any(name.startswith("worker-") for name in session)
    assert place.leaks() == []
    if password is not None:
        rows = list(rows_of(url))
        assert {"replies", "turns", "samples", "allowances", "pg_authid"} <= {table for table, _ in rows}
        assert any(HIDDEN in row for _, row in rows)
        assert [row for _, row in rows if CANARY in row] == []
        assert [name for name, content in session.items() if password.encode() in content] == []


@contextmanager
def studio(place: Place) -> Iterator[str]:
    """The studio on the folder; yields its address."""
    output = place.folder / "studio.out"
    arguments = ["studio", str(place.folder), "--port", "0", "--no-browser"]
    child = start_call(with_the_key, (str(place.folder), {}, arguments), output=output)
    try:
        while not (said := output.read_text("utf-8") if output.exists() else "").endswith("\n"):
            assert child.is_alive(), errors_of(output).read_text("utf-8")
            time.sleep(0.05)
        yield said.strip().rstrip("/")
    finally:
        assert child.pid is not None
        os.kill(child.pid, signal.SIGTERM)
        child.join(20)
    assert child.exitcode is not None


@pytest.mark.slow
def test_the_studio_s_pages(place: Place, echoing: StubServer) -> None:
    place.do("run", "study.yaml", "--run", "run")
    echoing.faults = ECHO
    talk = json.loads(command("transcripts", "list", "--run", place.run, "--json"))[0]["id"]
    place.do("transcripts", "fork", talk, "--at", 1, "--say", "Why?", "--run", "run", expect=1)
    failed = next(
        one["id"]
        for one in json.loads(command("transcripts", "list", "--run", place.run, "--json"))
        if one["status"] == "failed"
    )
    with studio(place) as url:
        pages = {path: _page(url + path) for path in ("/", "/run/run/dialogues", f"/run/run/talk/{failed}")}

    assert [path for path, page in pages.items() if CANARY in page] == []
    assert place.leaks() == []


def _page(url: str) -> str:
    with urllib.request.urlopen(url, timeout=60) as response:
        found: str = response.read().decode()
    return found


@pytest.mark.parametrize("key", ["sk canary", "sk-canary\r", "sk-canary\n", "sk-canäry", "sk-\x00canary"], ids=repr)
def test_what_is_no_key_is_refused_without_being_said(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"OPENAI_API_KEY": key})

    with pytest.raises(CultureParkError) as refused:
        api_key(None)

    assert str(refused.value) == "OPENAI_API_KEY: should hold one key and nothing else"


def test_an_address_with_a_password_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CultureParkError) as refused:
        command(
            "simulate",
            "--run",
            tmp_path / "run",
            "--model",
            "openai:m",
            "--base-url",
            f"http://me:{CANARY}@h.example/v1",
        )

    assert str(refused.value) == (
        "--base-url with a name or password before h.example would be written into study.yaml; put the key into OPENAI_API_KEY"
    )
    assert list(tmp_path.iterdir()) == []
