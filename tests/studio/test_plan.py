"""The plan of a classroom study: the numbers of `education power`, and its protocol as a file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.studio.conftest import Running

pytestmark = pytest.mark.slow


def test_a_plan_and_its_protocol(
    library: Running, tab: Any, accessible: Callable[[Any], None], picture: Callable[[Any, str], Path], tmp_path: Path
) -> None:
    tab.goto(f"{library.url}/plan")
    tab.get_by_label("Effect, in standard deviations").fill("0.4")
    tab.get_by_label("Share that will not be complete").fill("0")
    tab.get_by_label("Print the forms of").select_option(label="Turkey")
    tab.get_by_role("button", name="Plan").click()

    tab.wait_for_url("**/plan?*effect=0.4*")
    numbers = dict(zip(tab.locator("dt").all_inner_texts(), tab.locator("dd").all_inner_texts(), strict=False))
    assert (numbers["complete lessons an arm"], numbers["enrol in all"]) == ("90", "270")
    accessible(tab)
    picture(tab, "plan")
    with tab.expect_download() as download:
        tab.get_by_role("button", name="Protocol as a page to print").click()
    download.value.save_as(tmp_path / "protocol.html")
    text = (tmp_path / "protocol.html").read_text("utf-8")
    assert "<b>90 complete lessons an arm</b>" in text
    assert "Turkey: form A" in text

    tab.goto(f"{library.url}/plan?effect=none")
    assert tab.locator(".refused").inner_text() == "effect = 'none' is no number"
