"""What the studio reads before its first page is on screen, and what afterwards."""

import subprocess
import sys
import time
from typing import Any

import psutil
import pytest

from tests.studio.conftest import Running

pytestmark = pytest.mark.integration

HEAVY = ("autogen_core", "langchain_core", "openai", "pandas", "plotly", "scipy", "sklearn", "torch", "transformers")
FIRST_PAGE = f"""
import sys
import culturepark.cli
import culturepark.studio.server
from culturepark.studio.pages import PAGES
PAGES[0].load()
print([name for name in {HEAVY} if name in sys.modules])
"""


def test_the_first_page_waits_for_no_heavy_package() -> None:
    shown = subprocess.run([sys.executable, "-c", FIRST_PAGE], capture_output=True, text=True, check=True)

    assert shown.stdout == "[]\n"


@pytest.mark.slow
def test_the_other_pages_are_read_as_soon_as_the_first_is_shown(library: Running, tab: Any) -> None:
    process = psutil.Process(library.process.pid)

    def read() -> bool:
        return any("scipy" in file.path for file in process.memory_maps())

    before = read()
    tab.goto(library.url)
    tab.get_by_role("article").wait_for()
    until = time.monotonic() + 60
    while not read() and time.monotonic() < until:
        time.sleep(0.1)

    assert (before, read()) == (False, True)
