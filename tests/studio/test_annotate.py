"""Rating with the keyboard alone in a real browser gives what importing the same sheet as CSV gives."""

import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from culturepark.postprocess.annotate.sheet import COLUMNS
from culturepark.postprocess.annotate.tables import Returned, load_draft, load_returned, load_sheets
from culturepark.postprocess.spreadsheet import read_csv, write_csv
from culturepark.runtime.store import open_store
from culturepark.studio.pages.annotate import KEYS
from tests.studio.conftest import Running
from tests.studio.test_classroom import cli

pytestmark = pytest.mark.slow

SAID = {
    "tie": {"tie": "lived there"},
    "opinion": {"authenticity": "4", "stance": "cannot tell", "stereotype": "no"},
    "pair": {"same": "different"},
}


def ratings(run: Path) -> list[Returned]:
    with closing(open_store(run, create=False)) as store:
        return load_returned(store)


def sheet(run: Path, out: Path) -> str:
    """Give out a sheet of eight rows for two people; returns its id."""
    cli("samples", "annotate", "sheet", "--run", run, "--raters", "anna,ben", "--n", 8, "--out", out)
    with closing(open_store(run, create=False)) as store:
        return load_sheets(store)[0].id


def filled(path: Path) -> Path:
    """The CSV as somebody filled it in who says the same to every row of a kind."""
    rows = [row | SAID[row["kind"]] for row in read_csv(path, COLUMNS)]
    write_csv(path, COLUMNS, rows)
    return path


def test_without_a_sheet_the_page_says_how_to_draw_one(
    library: Running, tab: Any, accessible: Callable[[Any], None]
) -> None:
    tab.goto(f"{library.url}/run/quickstart/annotate")

    assert "culturepark samples annotate sheet" in tab.locator(".command").inner_text()
    accessible(tab)


def test_a_sheet_rated_by_keyboard_is_the_sheet_imported(
    studio: Running,
    tab: Any,
    accessible: Callable[[Any], None],
    picture: Callable[[Any, str], Path],
    tmp_path: Path,
) -> None:
    name = sheet(studio.run, tmp_path / "sheets")
    by_csv = shutil.copytree(studio.run, tmp_path / "copy")
    cli("samples", "annotate", "import", filled(tmp_path / "sheets" / "anna.csv"), "--run", by_csv)
    rows = read_csv(tmp_path / "sheets" / "anna.csv", COLUMNS)

    tab.goto(f"{studio.url}/run/quickstart/annotate")
    accessible(tab)
    picture(tab, "annotate-raters")
    tab.get_by_role("article", name="anna").get_by_role("link", name="Begin").press("Enter")
    pictured = False
    for place, row in enumerate(rows):
        tab.get_by_role("heading", name=f"Row {place + 1} of {len(rows)}").wait_for()
        tab.wait_for_function("document.activeElement.id === 'step'")  # so a screen reader reads the new row
        if row["kind"] == "opinion":
            assert row["text"] in tab.locator(".rated-text").inner_text()
            if not pictured:
                accessible(tab)
                picture(tab, "annotate-row")
                pictured = True
        assert not {"entail", "contradict", "irrelevant", "merged"} & set(tab.locator("#main").inner_text().split())
        for column, word in SAID[row["kind"]].items():
            tab.keyboard.press(KEYS[column][word])
        tab.keyboard.press("Enter")
    tab.get_by_role("heading", name="Every row is answered").wait_for()
    accessible(tab)
    assert ratings(studio.run) == []
    tab.keyboard.press("Enter")
    tab.get_by_role("heading", name="Handed in").wait_for()

    assert ratings(studio.run) == ratings(by_csv) != []
    with closing(open_store(studio.run, create=False)) as store:
        assert load_draft(store, name, "anna") == {}
    tab.goto(f"{studio.url}/run/quickstart/annotate")
    assert tab.get_by_role("article", name="anna").locator("p").last.inner_text() == (
        f"{len(rows)} of {len(rows)} rows, handed in"
    )
    assert "not back yet: ben" in cli("samples", "annotate", "report", "--run", studio.run)


def test_two_raters_go_on_where_each_stopped(studio: Running, tab: Any, tmp_path: Path) -> None:
    name = sheet(studio.run, tmp_path / "sheets")
    tab.goto(f"{studio.url}/run/quickstart/annotate?sheet={name}&rater=anna")
    tab.get_by_role("heading", name="Row 1 of").wait_for()
    tab.keyboard.press("j")
    tab.get_by_role("heading", name="Row 2 of").wait_for()
    tab.keyboard.press("k")
    tab.get_by_role("heading", name="Row 1 of").wait_for()
    tab.keyboard.press("Enter")  # the browser asks for an answer first
    tab.keyboard.press("2")
    tab.keyboard.press("Enter")
    tab.get_by_role("heading", name="Row 2 of").wait_for()

    tab.reload()
    tab.get_by_role("heading", name="Row 2 of").wait_for()
    tab.goto(f"{studio.url}/run/quickstart/annotate?sheet={name}&rater=ben")
    tab.get_by_role("heading", name="Row 1 of").wait_for()

    tab.goto(f"{studio.url}/run/quickstart/annotate?sheet={name}&rater=bem")
    assert tab.locator(".refused").inner_text() == (
        f"sheet {name}: no rater named 'bem'; did you mean 'ben'? Known: anna, ben."
    )
