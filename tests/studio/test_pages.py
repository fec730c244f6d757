"""Opinions, results and design, in a browser."""

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from culturepark.postprocess.tables import load_opinions
from culturepark.runtime.hashing import sha256
from culturepark.runtime.read_only import looking
from culturepark.simulation.talks import load_transcripts
from tests.stub_server import Body, serving
from tests.studio.conftest import Running, start, stop

pytestmark = pytest.mark.slow
Check = Callable[[Any], None]
Save = Callable[[Any, str], Any]
SCRIPT = """name: short
arguments: {times: 1}
repeat: times
rounds:
  - {speaker: everyone, guidance: "Say one thing about {topic}."}
"""
PROTOCOL = '''
from culturepark.protocols import Cue, Scene


class Twice:
    """Everybody speaks twice."""

    def next_cue(self, scene: Scene) -> Cue | None:
        if len(scene.turns) == 2 * len(scene.seats):
            return None
        return Cue(scene.seats[len(scene.turns) % len(scene.seats)], guidance="Be brief.")
'''


def test_the_map_is_coloured_moved_and_read(library: Running, tab: Any, accessible: Check, picture: Save) -> None:
    with looking(library.run) as store:
        verified = [one for one in load_opinions(store) if one.is_verified]

    tab.goto(f"{library.url}/run/quickstart/opinions")
    tab.get_by_text(f"{len(verified)} verified opinions").wait_for()
    tab.wait_for_selector(".js-plotly-plot .point")
    assert tab.locator(".scatterlayer .point").count() == len(verified)
    accessible(tab)
    tab.get_by_role("slider").fill("1")
    tab.get_by_text(re.compile(r"^at 1.00: \d+ samples of")).wait_for()
    told = re.search(r"at 1.00: (\d+) samples of (\d+) opinions", tab.locator(".card [role=status]").inner_text())
    assert told is not None
    kept = sum(one.kept is None for one in verified)
    assert (int(told[1]) >= kept, int(told[2])) == (True, len(verified))
    tab.get_by_role("slider").fill("0.4")
    tab.get_by_text(re.compile(r"^at 0.40")).wait_for()
    tab.locator("summary").first.click()
    kept, removed = tab.locator("details[open] .removed").get_by_role("button").all()[:2]
    text = removed.inner_text()
    assert {kept.inner_text(), text} <= {one.text for one in verified}
    removed.click()
    tab.get_by_role("link", name="Where it was said").wait_for()
    assert tab.locator("aside .opinion-text").inner_text() == text
    tab.evaluate("window.scrollTo(0, 0)")
    picture(tab, "opinions")
    tab.get_by_role("link", name="stance", exact=True).click()
    tab.wait_for_selector(".legendtext")
    assert set(tab.locator(".legendtext").all_text_contents()) <= {"below", "mid", "above", "unsure", "no stance"}


def process(*arguments: str) -> "subprocess.Popen[bytes]":
    """The command line beside the browser."""
    quiet = subprocess.DEVNULL
    return subprocess.Popen([sys.executable, "-m", "culturepark", *arguments], stdout=quiet, stderr=quiet)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A studio on a run in which a model was measured."""
    folder = tmp_path_factory.mktemp("measured")

    def answer(body: Body) -> str:
        return str(1 + int(sha256(str(body["messages"])), 16) % 4)

    with serving(answer=answer, logprobs=False) as stub:
        options = ("--culture", "arabic,korean", "--prompt-language", "en", "--limit", "4")
        model = ("--model", "openai:stub", "--base-url", stub.base_url)
        run = ("--run", str(folder / "runs" / "quickstart"))
        done = process("bench", "opinions", *run, *model, *options)
        assert done.wait() == 0
        running = start(folder / "runs", stub)
        yield running
        stop(running)


def test_results_are_drawn_and_exported(measured: Running, tab: Any, accessible: Check, picture: Save) -> None:
    tab.goto(f"{measured.url}/run/quickstart/results")

    tab.get_by_role("heading", name="opinions").wait_for()
    tab.wait_for_selector(".heatmaplayer image, .heatmaplayer .hm")
    accessible(tab)
    picture(tab, "results")
    with tab.expect_download() as download:
        tab.get_by_role("button", name="Export as one HTML file").click()
    page = Path(download.value.path()).read_text("utf-8")
    assert download.value.suggested_filename == "report.html"
    assert "<h1>Report</h1>" in page
    assert 'src="http' not in page


def test_a_script_is_tried_checked_and_run(studio: Running, tab: Any, accessible: Check, picture: Save) -> None:
    tab.goto(f"{studio.url}/design?what=protocol")
    tab.wait_for_selector(".cues li")
    accessible(tab)
    picture(tab, "design")
    script = tab.locator("textarea[name=script]")
    script.fill(SCRIPT)
    tab.wait_for_function("document.querySelectorAll('.cues li').length === 3")
    assert (
        tab.locator(".cues li p:nth-child(2)").all_inner_texts()
        == ["Say one thing about making one's parents proud."] * 3
    )
    script.fill(SCRIPT.replace("everyone", "everybody"))
    tab.locator("section[aria-label=Cues] .refused").wait_for()
    assert "the script: rounds.0.speaker" in tab.locator("section[aria-label=Cues] .refused").inner_text()
    script.fill(SCRIPT)
    tab.get_by_role("button", name="Check its promises").click()
    tab.get_by_text("Keeps all its promises.").wait_for()

    tab.get_by_label("Delegate").select_option("turkish")
    tab.get_by_label("Model").fill("openai:stub")
    tab.get_by_label("Its address").fill(studio.stub.base_url)
    tab.get_by_role("button", name="Run", exact=True).click()
    tab.wait_for_url(re.compile("/run/design/talk/t_"))
    tab.wait_for_function("document.querySelectorAll('.turn').length === 2")
    with looking(studio.folder / "design") as store:
        (talk,) = load_transcripts(store)
    assert [seat.culture.id for seat in talk.seats] == ["english", "turkish"]
    assert (studio.folder / "protocols" / "draft.yaml").read_text("utf-8") == SCRIPT


def test_a_python_file_is_code_and_runs_only_when_told_to(studio: Running, tab: Any) -> None:
    marker = studio.folder / "ran"
    (studio.folder / "twice.py").write_text(f"open({str(marker)!r}, 'w').close()\n{PROTOCOL}", encoding="utf-8")

    tab.goto(f"{studio.url}/design?from=./twice.py:Twice")
    tab.get_by_text("This protocol is a Python file. It is code").wait_for()
    time.sleep(1)
    assert not marker.exists()
    tab.get_by_role("button", name="Try").click()
    tab.wait_for_selector(".cues li")
    assert tab.locator(".cues li").count() == 6
    assert marker.exists()


def test_a_file_outside_the_folder_is_not_offered(studio: Running, tab: Any, tmp_path: Path) -> None:
    (tmp_path / "outside.py").write_text(PROTOCOL, encoding="utf-8")

    tab.goto(f"{studio.url}/design?from=../outside.py:Twice")

    assert "no script or file named '../outside.py:Twice'" in tab.get_by_role("alert").inner_text()


def test_a_culture_file_is_linted_as_it_is_typed(studio: Running, tab: Any, accessible: Check) -> None:
    tab.goto(f"{studio.url}/design?what=persona&from=turkish (shipped)")
    tab.get_by_text("Nothing is wrong with it.").wait_for()
    accessible(tab)

    editor = tab.get_by_label("Culture file")
    editor.fill(editor.input_value().replace("gender:", "gendre:", 1))
    tab.locator(".findings li").first.wait_for()
    assert "unknown field 'gendre'" in tab.locator(".findings li").first.inner_text()
    editor.fill('culture: {id: turkish}\npersonas:\n  - {name: Ayşe, background: "She runs a tea garden."}\n')
    tab.get_by_text("Nothing is wrong with it.").wait_for()
    tab.get_by_label("Save as").fill("my-people")
    tab.get_by_role("button", name="Save").click()
    tab.get_by_text("saved in").wait_for()
    assert (studio.folder / "people" / "my-people.yaml").read_text("utf-8").startswith("culture: {id: turkish}")


def test_two_tabs_and_a_running_simulation(studio: Running, chromium: Any, tmp_path: Path) -> None:
    """Both tabs see talks come in, and a fork in one of them is held while the run goes on."""
    with serving(delay=0.4) as slow:
        talks = ("--limit", "3", "--concurrency", "1", "--protocol-arg", "turns=6", "--culture", "arabic,korean")
        model = ("--model", "openai:stub", "--base-url", slow.base_url)
        going = process("simulate", "--run", str(studio.folder / "live"), *talks, *model)
        one, other = chromium.new_page(), chromium.new_page()
        for tab in (one, other):
            tab.set_default_timeout(90_000)
            tab.goto(studio.url)
            tab.get_by_role("article", name="Run live").get_by_text("under way").wait_for()
        one.goto(f"{studio.url}/run/live/dialogues?status=complete")
        while not one.locator("tbody a").count():
            one.wait_for_timeout(400)
            one.reload()
        one.locator("tbody a").first.click()
        one.get_by_role("button", name="Fork at turn 3").click()
        one.get_by_label("Its arguments").fill("turns=5")
        one.get_by_role("button", name="Run the fork").click()
        one.get_by_role("link", name="Compare the two").wait_for()
        one.wait_for_function("document.querySelectorAll('.turn').length === 5")
        assert going.wait(timeout=120) == 0
        other.get_by_role("article", name="Run live").get_by_text("done", exact=True).wait_for()
        one.close()
        other.close()
    with looking(studio.folder / "live") as store:
        held = load_transcripts(store)
    assert sorted((len(talk.turns), talk.status, talk.parent is not None) for talk in held) == [
        (5, "complete", True), (6, "complete", False), (6, "complete", False), (6, "complete", False),
    ]  # fmt: skip
