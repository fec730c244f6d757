"""A run made once, the real `culturepark studio` on a copy of it, and a real browser in front."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.commands import command
from tests.conftest import lacking
from tests.postprocess.conftest import STUDY as SMALL
from tests.postprocess.conftest import THEIRS, answer
from tests.stub_server import StubServer, serving

STUDY = SMALL.replace("name: small", "name: quickstart")
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
SERIOUS = {"serious", "critical"}
IN_README = {"transcript", "opinions", "design"}


class Made(NamedTuple):
    """A folder with a run `quickstart`, refined, and the server that talked in it."""

    folder: Path
    stub: StubServer


class Running(NamedTuple):
    """A studio that answers."""

    url: str
    folder: Path
    """Folder of runs it was started on."""
    stub: StubServer
    process: subprocess.Popen[str]

    @property
    def run(self) -> Path:
        return self.folder / "quickstart"


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """What `studio` copies: twelve talks in English, three in Turkish, an imported one, opinions and samples."""
    folder = tmp_path_factory.mktemp("made")
    run = folder / "runs" / "quickstart"
    with serving(answer=answer, logprobs=False) as stub:
        (folder / "study.yaml").write_text(STUDY.format(url=stub.base_url), encoding="utf-8")
        native = ("--talk-language", "native", "--question", "Q29", "--culture", "turkish", "--limit", 3)
        command("simulate", folder / "study.yaml", "--run", run, *native)
        command("simulate", folder / "study.yaml", "--run", run)
        (folder / "theirs.json").write_text(THEIRS, encoding="utf-8")
        seats = ("--seat", "Anna=german:female", "--seat", "Omar=arabic_abdul", "--stance", "Omar=1")
        command("transcripts", "import", folder / "theirs.json", "--run", run, "--question", "wvs7:Q38", *seats)
        command("refine", "--all", "--run", run)
        yield Made(folder / "runs", stub)


def start(folder: Path, stub: StubServer, *options: str) -> Running:
    """Start the real command on a free port and wait for its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "culturepark", "studio", str(folder), "--port", "0", "--no-browser", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    assert url.startswith("http://"), f"the studio ended with {process.wait()}"
    return Running(url.rstrip("/"), folder, stub, process)


def stop(running: Running) -> None:
    running.process.terminate()
    running.process.wait(timeout=20)
    assert running.process.stdout is not None
    running.process.stdout.close()


@pytest.fixture
def studio(made: Made, tmp_path: Path) -> Iterator[Running]:
    """A studio of one test's own, on a copy that may be changed."""
    shutil.copytree(made.folder, tmp_path / "runs")
    running = start(tmp_path / "runs", made.stub)
    yield running
    stop(running)


@pytest.fixture(scope="module")
def library(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A studio that the tests of a module share: they only read."""
    folder = tmp_path_factory.mktemp("library") / "runs"
    shutil.copytree(made.folder, folder)
    running = start(folder, made.stub)
    yield running
    stop(running)


@pytest.fixture(scope="module")
def chromium(made: Made) -> Iterator[Any]:
    """A headless browser. It keeps an event loop in this thread, so the tests beside it run commands as processes."""
    found = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    if found is None:
        lacking("Chromium (apt install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture
def tab(chromium: Any) -> Iterator[Any]:
    """A tab in which nothing goes wrong: no script error, no refused or failed request, no other site."""
    context = chromium.new_context(viewport={"width": 1360, "height": 860})
    page = context.new_page()
    wrong: list[str] = []
    watch(page, wrong)
    yield page
    context.close()
    assert wrong == []


def watch(page: Any, wrong: list[str]) -> None:
    """Write down whatever a page should not do."""
    page.set_default_timeout(120_000)
    page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    page.on("console", lambda said: wrong.append(f"console: {said.text}") if said.type == "error" else None)
    page.on("request", lambda asked: None if _own(asked.url) else wrong.append(f"asked for {asked.url}"))


def _own(url: str) -> bool:
    return url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:"))


@pytest.fixture
def accessible() -> Callable[[Any], None]:
    """Check a page with axe-core, in light and in dark: no serious violation."""
    from axe_playwright_python.sync_playwright import Axe

    def check(page: Any) -> None:
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            page.wait_for_timeout(150)
            # Reading style sheets beforehand, it writes some of its own into the page, which the policy forbids.
            found = Axe().run(page, options={"preload": False}).response["violations"]
            serious = [
                f"{scheme}: {one['id']}: {node['target']} {node['failureSummary']}"
                for one in found
                if one["impact"] in SERIOUS
                for node in one["nodes"]
            ]
            assert serious == [], "\n".join(serious)

    return check


@pytest.fixture
def picture(tmp_path: Path) -> Callable[[Any, str], Path]:
    """Save a screenshot in the test's folder; with `CULTUREPARK_IMAGES=docs/images`, the README's are written there."""
    wanted = os.environ.get("CULTUREPARK_IMAGES")

    def save(page: Any, name: str) -> Path:
        folder = Path(wanted) if wanted and name in IN_README else tmp_path / "images"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"studio-{name}.png"
        page.emulate_media(color_scheme="light", reduced_motion="reduce")
        page.screenshot(path=path)
        return path

    return save
