"""The runs page, in a browser; and what every page has."""

import hashlib
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.studio.conftest import Running
from tests.studio.test_hostile import answer

pytestmark = pytest.mark.slow


def contents(folder: Path) -> dict[str, tuple[str, int]]:
    """Every file with the hash of its bytes and when it was changed, in nanoseconds."""
    return {
        str(path.relative_to(folder)): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_finished_run_is_a_card(
    library: Running, tab: Any, accessible: Callable[[Any], None], picture: Callable[[Any, str], Path]
) -> None:
    tab.goto(library.url)

    card = tab.get_by_role("article", name="Run quickstart")
    assert card.locator(".pill").inner_text() == "done"
    numbers = dict(zip(card.locator("dt").all_inner_texts(), card.locator("dd").all_inner_texts(), strict=True))
    assert (numbers["talks"], numbers["turns"]) == ("16", "92")
    assert card.locator(".models").inner_text() == "openai:stub"
    accessible(tab)
    picture(tab, "runs")


def test_looking_changes_nothing(studio: Running, tab: Any) -> None:
    before = contents(studio.folder)

    tab.goto(studio.url)
    tab.get_by_role("article").wait_for()

    assert contents(studio.folder) == before


def test_keys_open_help_and_switch_the_theme(library: Running, tab: Any) -> None:
    tab.goto(library.url)

    tab.keyboard.press("?")
    assert tab.locator("#help").is_visible()
    tab.keyboard.press("Escape")
    assert not tab.locator("#help").is_visible()
    before = tab.locator("body").get_attribute("class")
    tab.keyboard.press("t")
    tab.wait_for_function("before => document.body.className !== before", arg=before)
    assert "body--dark" in tab.locator("body").get_attribute("class")
    tab.reload()
    tab.wait_for_selector("body.body--dark")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Skip to the content"
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.id") == "main"


def test_the_page_does_not_wait_for_a_run_that_takes_long_to_count(studio: Running) -> None:
    with closing(sqlite3.connect(studio.run / "run.db")) as busy:
        # Who looks waits for this one, as for the counts of a very large run.
        busy.execute("PRAGMA locking_mode=EXCLUSIVE")
        busy.execute("CREATE TABLE held (n)")
        page = answer(studio.url)[2]
        assert ("being counted" in page, "quickstart" in page) == (True, True)

    until = time.monotonic() + 60
    while "being counted" in (page := answer(studio.url)[2]) and time.monotonic() < until:
        time.sleep(0.2)
    assert ("being counted" in page, "openai:stub" in page) == (False, True)
