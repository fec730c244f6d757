"""Somebody opens a finished run, filters, reads a talk, forks it, sees what differs, and follows a quote to its sample."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from culturepark.postprocess.opinion import Opinion
from culturepark.postprocess.tables import load_opinions
from culturepark.runtime.read_only import looking
from culturepark.simulation.talks import load_transcripts
from culturepark.simulation.transcript import Transcript
from tests.studio.conftest import Running
from tests.studio.test_runs import contents

pytestmark = pytest.mark.slow
Check = Callable[[Any], None]
Save = Callable[[Any, str], Any]


def talks_of(running: Running) -> list[Transcript]:
    with looking(running.run) as store:
        return load_transcripts(store)


def opinions_of(running: Running) -> list[Opinion]:
    with looking(running.run) as store:
        return load_opinions(store)


def test_from_the_runs_to_a_sample(library: Running, tab: Any, accessible: Check, picture: Save) -> None:
    before = contents(library.folder)
    own = next(one for one in opinions_of(library) if one.dropped is None and one.language == "en")
    tab.goto(library.url)

    tab.get_by_role("link", name="quickstart").click()
    tab.get_by_label("Culture").select_option(own.culture)
    tab.wait_for_url(re.compile(f"culture={own.culture}"))
    expected = [talk for talk in talks_of(library) if own.culture in {seat.culture.id for seat in talk.seats}]
    assert tab.get_by_role("status").inner_text() == f"{len(expected)} talks"
    accessible(tab)
    picture(tab, "dialogues")
    tab.get_by_role("link", name=own.talk).click()
    quote = tab.locator(".quote").filter(has_text=own.quote)
    assert quote.inner_text() == own.quote
    quote.focus()
    tab.keyboard.press("Enter")
    tab.get_by_role("link", name="Open the sample").wait_for()
    assert tab.locator(".opinion-text").inner_text() == own.text
    accessible(tab)
    picture(tab, "transcript")
    tab.get_by_role("link", name="Open the sample").click()
    tab.wait_for_selector("blockquote")
    assert tab.locator("blockquote mark").inner_text() == own.quote
    accessible(tab)
    picture(tab, "sample")
    assert contents(library.folder) == before


def test_steps_and_plays_with_the_keyboard(library: Running, tab: Any) -> None:
    talk = next(talk for talk in talks_of(library) if len(talk.turns) == 6)
    tab.goto(f"{library.url}/run/quickstart/talk/{talk.id}")
    tab.get_by_role("toolbar").wait_for()

    def visible() -> int:
        return int(tab.locator(".turn:visible").count())

    assert visible() == 6
    tab.keyboard.press("Home")
    assert visible() == 1
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("j")
    assert visible() == 3
    tab.keyboard.press("k")
    assert (visible(), tab.locator(".turn.current").get_attribute("id")) == (2, "turn-1")
    whispers = tab.locator(".whisper:visible").count()
    tab.keyboard.press("w")
    assert (whispers > 0, tab.locator(".whisper:visible").count()) == (True, 0)
    tab.keyboard.press("p")
    tab.get_by_role("button", name="Pause").wait_for()
    tab.wait_for_function("document.querySelectorAll('.turn:not([style*=none])').length > 2")
    tab.keyboard.press("End")
    assert visible() == 6


def test_a_fork_at_turn_3_with_another_protocol_runs_live_and_is_compared(
    studio: Running, tab: Any, accessible: Check, picture: Save
) -> None:
    talk = next(talk for talk in talks_of(studio) if len(talk.turns) == 6 and talk.language == "en")
    tab.goto(f"{studio.url}/run/quickstart/talk/{talk.id}")

    tab.get_by_role("button", name="Fork at turn 3").click()
    tab.get_by_label("Protocol").select_option("free-chat")
    tab.get_by_label("Its arguments").fill("turns=5")
    accessible(tab)
    tab.get_by_role("button", name="Run the fork").click()
    tab.get_by_role("link", name="Compare the two").wait_for()
    tab.wait_for_function("document.querySelectorAll('.turn').length === 5")
    (fork,) = [one for one in talks_of(studio) if one.parent is not None]
    assert fork.parent is not None
    assert (fork.parent.id, fork.parent.turn, fork.protocol.name, fork.status) == (talk.id, 3, "free-chat", "complete")
    assert [turn.text for turn in fork.turns[:3]] == [turn.text for turn in talk.turns[:3]]
    assert tab.locator(".turn.shared").count() == 3

    tab.get_by_role("link", name="Compare the two").click()
    tab.get_by_text("The first 3 turns are the same").click()
    assert tab.locator("details .side-turn").count() == 6
    assert tab.locator("del").count() > 0
    assert tab.locator("ins").count() > 0
    accessible(tab)
    picture(tab, "diff")


def test_an_edited_utterance_a_mistake_and_verify(studio: Running, tab: Any) -> None:
    talk = next(talk for talk in talks_of(studio) if len(talk.turns) == 6 and talk.language == "en")
    tab.goto(f"{studio.url}/run/quickstart/talk/{talk.id}")

    tab.get_by_role("button", name="Verify").click()
    tab.get_by_text("It holds: 6 turns come out again, word for word, with the model off.").wait_for()
    tab.get_by_role("button", name="Fork at turn 3").click()
    tab.get_by_label("Its arguments").fill("turn=9")
    tab.get_by_role("button", name="Run the fork").click()
    alert = tab.get_by_role("alert").locator(".refused")
    assert alert.inner_text() == "protocol 'self-guidance' takes no argument 'turn'; did you mean 'turns'?"
    tab.get_by_label("Its arguments").fill("")
    tab.get_by_label(re.compile("says at turn 3")).fill("Then my father fell ill, and I went back home.")
    tab.get_by_role("button", name="Run the fork").click()
    tab.get_by_role("link", name="Compare the two").wait_for()
    tab.wait_for_function("document.querySelectorAll('.turn').length === 6")
    assert tab.locator("#turn-3 .words").inner_text() == "Then my father fell ill, and I went back home."
    assert "edited" in tab.locator("#turn-3 .who").inner_text()
