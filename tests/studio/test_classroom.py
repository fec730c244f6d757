"""A person's lesson in a real browser, by keyboard where it matters: each arm, and what is kept, exported, deleted."""

import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from culturepark.benchmarks.education.lesson import Lesson
from culturepark.benchmarks.education.lesson_files import read_lessons
from culturepark.benchmarks.education.lots import lot
from culturepark.benchmarks.education.sessions import load_lessons
from culturepark.postprocess.tables import load_samples
from culturepark.runtime.store import open_store
from culturepark.simulation.talks import load_transcripts
from culturepark.studio.keys import LESSON
from culturepark.studio.page import address
from culturepark.studio.pages import PAGES
from tests.studio.conftest import Made, Running, start, stop
from tests.studio.test_hostile import answer

pytestmark = pytest.mark.slow

CANARY = "Do you know a place called Zwiebelbach?"
Picture = Callable[[Any, str], Path]


def cli(*arguments: object) -> str:
    """The command line as a process: the browser keeps a loop in this one."""
    command = [sys.executable, "-m", "culturepark", *map(str, arguments)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(autouse=True)
def three_models(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server has two tuned models beside the one that talked."""
    monkeypatch.setattr(made.stub, "models", ("stub", "tuned", "tuned-too"))
    monkeypatch.setattr(made.stub, "answer", made.stub.answer)


def set_up(studio: Running, seed: int) -> None:
    models = ("--culture-model", "turkish=openai:tuned", "--culture-model", "korean=openai:tuned-too")
    cli("education", "setup", studio.run, *models, "--seed", seed, "--contact", "the teacher, room 7")


def seed_for(arm: str, order: str | None = None) -> int:
    """The first seed whose first Turkish lesson is of an arm."""
    return next(
        seed
        for seed in range(1000)
        if (found := lot(0, culture="turkish", seed=seed)).arm == arm and order in {None, found.order}
    )


def lessons(studio: Running) -> list[Lesson]:
    with closing(open_store(studio.run, create=False)) as store:
        return load_lessons(store)


def agree(tab: Any, studio: Running) -> str:
    """Consent, pick Turkey, begin; returns the code."""
    tab.goto(f"{studio.url}/run/quickstart/classroom")
    begin(tab)
    return str(tab.locator("[data-code]").inner_text())


def begin(tab: Any) -> None:
    """Consent, pick Turkey, begin, on the page that is open."""
    for box in tab.get_by_role("checkbox").all():
        box.check()
    tab.get_by_label("The country you want to learn about").select_option(label="Turkey")
    tab.get_by_role("button", name="Begin").click()
    tab.get_by_role("heading", name="Turkey: your guesses").wait_for()


def guess(tab: Any, heading: str, *, start: int, leave_open: tuple[int, ...] = ()) -> None:
    """Fill a form with start, start + 1, … and hand it in with Enter."""
    tab.get_by_role("heading", name=heading).wait_for()
    tab.wait_for_function("document.activeElement.id === 'step'")  # so a screen reader reads the new step
    for place, field in enumerate(tab.get_by_role("spinbutton").all()):
        if place not in leave_open:
            field.fill(str(start + place))
    tab.get_by_role("spinbutton").first.press("Enter")


def rate(tab: Any) -> None:
    tab.get_by_role("heading", name="How was it?").wait_for()
    tab.get_by_role("group", name="The lesson was interesting.").get_by_label("4 quite").check()
    tab.get_by_role("button", name="Hand in").click()


def test_without_a_classroom_the_page_says_how_to_set_one_up(
    library: Running, tab: Any, accessible: Callable[[Any], None]
) -> None:
    tab.goto(f"{library.url}/run/quickstart/classroom")

    assert "No classroom is set up in this run." in tab.locator(".empty").inner_text()
    assert "culturepark education setup" in tab.locator(".command").inner_text()
    accessible(tab)


def test_a_whole_lesson_with_the_cultures_model(
    studio: Running, tab: Any, accessible: Callable[[Any], None], picture: Picture, tmp_path: Path
) -> None:
    set_up(studio, seed_for("culture_model", "BA"))
    studio.stub.reset()
    tab.goto(f"{studio.url}/run/quickstart/classroom")
    assert "the teacher, room 7" in tab.locator("#main").inner_text()
    accessible(tab)
    picture(tab, "classroom-consent")

    code = agree(tab, studio)
    accessible(tab)
    picture(tab, "classroom-guesses")
    guess(tab, "Turkey: your guesses", start=10, leave_open=(3,))
    tab.get_by_role("heading", name="Turkey: ask what you want to know").wait_for()
    assert "culture_model" not in tab.content()
    assert "tuned" not in tab.content()
    for place in range(2):
        tab.get_by_label("Your message").fill(f"{CANARY} {place}")
        tab.get_by_role("button", name="Send").click()
        tab.wait_for_function(f"document.querySelectorAll('.by-model').length === {place + 1}")
    tab.wait_for_function("document.activeElement.id === 'message'")
    accessible(tab)
    picture(tab, "classroom-chat")
    tab.get_by_role("button", name="I am done, go on").click()
    guess(tab, "Turkey: guess again", start=40)
    tab.get_by_role("heading", name="How was it?").wait_for()
    accessible(tab)
    rate(tab)
    tab.get_by_role("heading", name="Thank you").wait_for()
    assert "No member of the culture spoke to you." in tab.locator("#main").inner_text()
    accessible(tab)

    assert [(body["model"], len(body["messages"])) for body in studio.stub.bodies] == [("tuned", 2), ("tuned", 4)]
    cli("education", "export", "--run", studio.run, "--out", tmp_path / "lessons.jsonl")
    (found,) = read_lessons([tmp_path / "lessons.jsonl"]).lessons
    assert (found.id, found.arm, found.order, found.status, found.exchanges) == (
        code, "culture_model", "BA", "complete", 2,
    )  # fmt: skip
    assert [(one.share, one.spread) for one in found.before[:3]] == [(0.10, 0.11), (0.12, None), (0.14, 0.15)]
    assert [(one.share, one.spread) for one in found.after[:2]] == [(0.40, 0.41), (0.42, 0.43)]
    assert found.sheet == {
        "interesting": 4, "understood": None, "differences": None, "respectful": None, "again": None,
    }  # fmt: skip
    assert CANARY not in (tmp_path / "lessons.jsonl").read_text("utf-8")
    assert "1 lessons (0 unfinished) about turkish" in cli("education", "score", tmp_path / "lessons.jsonl")


def test_the_base_model_answers_in_its_arm(studio: Running, tab: Any) -> None:
    set_up(studio, seed_for("base_model"))
    studio.stub.reset()
    agree(tab, studio)
    guess(tab, "Turkey: your guesses", start=10)

    tab.get_by_label("Your message").fill("Good morning")
    tab.get_by_label("Your message").press("Tab")
    tab.keyboard.press("Enter")
    tab.locator(".by-model").wait_for()

    (body,) = studio.stub.bodies
    assert body["model"] == "stub"
    assert [message["content"] for message in body["messages"]] == [
        "You answer as people in Turkey do. Speak for yourself, in a sentence or two.", "Good morning",
    ]  # fmt: skip


def test_the_table_shows_seed_questions_and_asks_no_model(
    studio: Running, tab: Any, accessible: Callable[[Any], None], picture: Picture
) -> None:
    set_up(studio, seed_for("survey_table"))
    studio.stub.reset()
    agree(tab, studio)
    asked = tab.locator("legend").all_inner_texts()
    guess(tab, "Turkey: your guesses", start=10)

    tab.get_by_role("heading", name="Turkey: how people answered").wait_for()
    shown = tab.locator("tbody th").all_inner_texts()
    accessible(tab)
    picture(tab, "classroom-table")
    tab.get_by_role("button", name="I am done, go on").click()
    tab.get_by_role("heading", name="Turkey: guess again").wait_for()
    asked += tab.locator("legend").all_inner_texts()

    assert len(shown) == 30
    assert len(asked) == 12
    assert {re.sub(r"^\d+\. ", "", text) for text in asked} & set(shown) == set()
    assert studio.stub.bodies == []


def test_withdrawing_deletes_the_lesson_and_every_word_of_its_chat(studio: Running, tab: Any) -> None:
    set_up(studio, seed_for("culture_model"))
    code = agree(tab, studio)
    guess(tab, "Turkey: your guesses", start=10)
    tab.get_by_label("Your message").fill(CANARY)
    tab.get_by_role("button", name="Send").click()
    tab.locator(".by-model").wait_for()
    database = studio.run / "run.db"
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT count(*) FROM replies WHERE purpose = 'lesson'").fetchone() == (1,)
    replies = "SELECT count(*) FROM replies WHERE purpose != 'lesson'"
    with closing(sqlite3.connect(database)) as connection:
        before = connection.execute(replies).fetchone()

    tab.get_by_text("Stop and withdraw").click()
    tab.get_by_role("button", name="Delete my lesson").click()
    tab.get_by_role("heading", name="You have withdrawn").wait_for()

    assert lessons(studio) == []
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT count(*) FROM replies WHERE purpose = 'lesson'").fetchone() == (0,)
        assert connection.execute(replies).fetchone() == before
        assert connection.execute("SELECT count(*) FROM lesson_places").fetchone() == (1,)
    for path in studio.run.glob("run.db*"):
        data = path.read_bytes()
        assert CANARY.encode() not in data, path
        assert code.encode() not in data, path


def test_a_lesson_goes_on_with_its_code_and_only_in_one_tab(studio: Running, tab: Any) -> None:
    set_up(studio, seed_for("survey_table"))
    code = agree(tab, studio)
    other = tab.context.new_page()
    other.goto(f"{studio.url}/run/quickstart/classroom")
    other.get_by_text("I have a lesson's code").click()
    other.get_by_label("Code", exact=True).fill(code.upper())
    other.get_by_role("button", name="Go on").click()
    guess(other, "Turkey: your guesses", start=20)
    other.get_by_role("heading", name="Turkey: how people answered").wait_for()

    tab.get_by_role("button", name="Hand in").click()

    assert tab.locator(".refused").inner_text() == (
        "this lesson went on in another tab, or was withdrawn; open it again with its code"
    )
    assert lessons(studio)[0].before[0].share == 0.2


def test_nothing_begins_without_consent_and_age(studio: Running, tab: Any) -> None:
    set_up(studio, 0)
    tab.goto(f"{studio.url}/run/quickstart/classroom")
    boxes = tab.get_by_role("checkbox").all()
    for box in boxes[:-1]:
        box.check()
    tab.get_by_label("The country you want to learn about").select_option(label="Turkey")
    tab.get_by_role("button", name="Begin").click()
    assert tab.evaluate("document.querySelector('form').checkValidity()") is False

    # Whoever gets round the browser's own check is refused by the page.
    tab.evaluate("document.querySelector('form').noValidate = true")
    tab.get_by_role("button", name="Begin").click()

    assert tab.locator(".refused").inner_text() == (
        "a lesson needs every box ticked; without them nothing begins and nothing is kept"
    )
    assert lessons(studio) == []


def test_a_text_of_the_model_is_shown_as_text(studio: Running, tab: Any) -> None:
    set_up(studio, seed_for("culture_model"))
    attack = "<img src=x onerror=document.title='owned'> \x1b[31m \u202eabc"
    studio.stub.answer = lambda body: attack
    agree(tab, studio)
    guess(tab, "Turkey: your guesses", start=10)
    tab.get_by_label("Your message").fill("Hello")
    tab.get_by_role("button", name="Send").click()

    said = tab.locator(".by-model p").inner_text()

    assert said == "<img src=x onerror=document.title='owned'> \\x1b[31m \\x202eabc"
    assert tab.title() != "owned"


def elsewhere(studio: Running) -> list[str]:
    """Pages from which a participant could learn what other people answered, or what is asked next."""
    with closing(open_store(studio.run, create=False)) as store:
        talk, sample = load_transcripts(store)[0].id, load_samples(store)[0].id
    return [
        address(page.path, run="quickstart", talk=talk, sample=sample) for page in PAGES if page.path != LESSON
    ]  # fmt: skip


def test_a_participants_link_shows_the_lesson_and_nothing_else(
    studio: Running, tab: Any, chromium: Any, accessible: Callable[[Any], None], picture: Picture
) -> None:
    set_up(studio, seed_for("survey_table"))
    tab.goto(f"{studio.url}/run/quickstart/classroom")
    link = tab.locator("[data-invitation]").inner_text()
    context = chromium.new_context(viewport={"width": 1360, "height": 860})
    participant = context.new_page()
    participant.set_default_timeout(120_000)

    participant.goto(link)
    participant.get_by_role("heading", name="A lesson about a country").wait_for()
    assert participant.url == f"{studio.url}/lesson/quickstart"
    accessible(participant)
    picture(participant, "lesson")
    begin(participant)
    guess(participant, "Turkey: your guesses", start=10)
    participant.get_by_role("heading", name="Turkey: how people answered").wait_for()
    assert participant.locator("a").count() == 0
    assert participant.get_by_role("navigation").count() == 0
    assert "quickstart" not in participant.locator("body").inner_text()
    seen = {path: participant.goto(studio.url + path).status for path in elsewhere(studio)}
    assert seen == dict.fromkeys(seen, 403)
    assert participant.locator("body").inner_text() == "this browser is at a lesson: /lesson/quickstart"
    assert participant.goto(f"{studio.url}/lesson/other").status == 403
    assert participant.goto(f"{studio.url}/lesson/quickstart").status == 200
    context.close()
    assert tab.goto(studio.url).status == 200


def test_beyond_this_machine_a_lessons_token_opens_nothing_else(studio: Running, tab: Any) -> None:
    set_up(studio, 0)
    running = start(studio.folder, studio.stub, "--host", "0.0.0.0")
    try:
        url, _, token = running.url.replace("0.0.0.0", "127.0.0.1").partition("/?token=")
        cookie = answer(url, f"/?token={token}")[1]["set-cookie"].partition(";")[0]
        invited = re.search(
            r"/lesson/quickstart\?token=(\w+)", answer(url, "/run/quickstart/classroom", Cookie=cookie)[2]
        )
        assert invited is not None
        status, headers, _ = answer(url, invited[0])
        assert (status, headers["location"]) == (303, "/lesson/quickstart")
        ticket = headers["set-cookie"].partition(";")[0]
        assert "httponly" in headers["set-cookie"].lower()

        assert answer(url, "/lesson/quickstart", Cookie=ticket)[0] == 200
        assert {answer(url, path, Cookie=ticket)[0] for path in elsewhere(studio)} == {403}
        assert {answer(url, f"{path}?token={invited[1]}")[0] for path in elsewhere(studio)} == {401}
        assert answer(url, f"/lesson/other?token={invited[1]}")[0] == 401
        assert answer(url, "/lesson/quickstart", Cookie=ticket[:-1] + ("0" if ticket[-1] != "0" else "1"))[0] == 403
    finally:
        stop(running)
