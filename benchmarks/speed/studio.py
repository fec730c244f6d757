"""How quick the studio is on a large run: `python -m benchmarks.speed.studio [--dialogues N] [--rounds N]`.

Writes a run of N talks of 14 turns, and one of 200, with all that a refined run holds of them: prompts and replies in
the ledger, opinions with their verdicts, samples. Asks the real command for its pages. Prints one table: seconds until
the first page after the start, each page's answer (median of the rounds), memory of the process. Where Chromium and
Playwright are installed, the transcript page is timed in the browser, too: until its last utterance is on screen.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psutil

from benchmarks.speed.refined_run import TURNS, fill
from culturepark.runtime.store import open_store
from culturepark.studio.overview import Overviews

LONG = 200


def main() -> None:
    """Write the run, start the studio, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dialogues", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run, small = Path(folder) / "large", Path(folder) / "small"
        write_run(small, 0)
        long = write_run(run, chosen.dialogues)
        size = sum(path.stat().st_size for path in run.iterdir()) / 1e6
        print(f"{chosen.dialogues} dialogues of {TURNS} turns, {size:.0f} MB", file=sys.stderr)
        print("| what | |")
        print("|---|---:|")
        for name, value in measured(run, small, long, rounds=chosen.rounds, dialogues=chosen.dialogues):
            print(f"| {name} | {value} |", flush=True)


def measured(run: Path, small: Path, long: str, *, rounds: int, dialogues: int) -> Iterator[tuple[str, str]]:
    """Names of what is measured, and the values as they are printed."""
    for what, place in (("a run of one talk", small), ("this run", run)):
        starts = [started(place) for _ in range(rounds)]
        wall, cpu = (statistics.median(column) for column in zip(*starts, strict=True))
        yield f"start to the first page, {what}: seconds, CPU seconds", f"{wall:.2f} s, {cpu:.2f} s"
    first = seconds(lambda: Overviews().of({"large": run}))
    yield "until the counts of this run stand on the page", f"{first:.2f} s"
    with studio(run) as (process, url):
        seen = psutil.Process(process.pid)
        asked(url)
        yield "memory after the first page", memory(seen)
        last = -(-(dialogues + 1) // 50)
        pages = {
            "runs": "",
            "dialogues, first page": "run/large/dialogues",
            "dialogues, last page": f"run/large/dialogues?page={last}",
            "dialogues of one culture": "run/large/dialogues?culture=korean",
            f"transcript of {LONG} turns": f"run/large/talk/{long}",
        }
        for name, path in pages.items():
            first, *others = (seconds(partial(asked, url + path)) for _ in range(1 + rounds))
            again = statistics.median(others)
            yield f"{name}: first, again", f"{1000 * first:.0f} ms, {1000 * again:.0f} ms"
        for number, word in enumerate(("shop", "talk 49")):
            path = f"run/large/dialogues?text={word.replace(' ', '+')}"
            first, again = (seconds(partial(asked, url + path)) for _ in range(2))
            what = ("a word that every talk has", "a text that few have")[number]
            yield f"search for {what}: first, again", f"{first:.2f} s, {1000 * again:.0f} ms"
        if (shown := in_browser(f"{url}run/large/talk/{long}", rounds)) is not None:
            yield f"transcript of {LONG} turns in the browser, to the last utterance", f"{1000 * shown:.0f} ms"
        yield "memory after all pages", memory(seen)


@contextmanager
def studio(run: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The real command on a run, and its address."""
    command = [sys.executable, "-m", "culturepark", "studio", str(run), "--port", "0", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.terminate()


def started(run: Path) -> tuple[float, float]:
    """Seconds from the start of the command until the first page is there, and the CPU seconds that took."""
    began = time.perf_counter()
    with studio(run) as (process, url):
        asked(url)
        seconds = time.perf_counter() - began
        spent = psutil.Process(process.pid).cpu_times()
    return seconds, spent.user + spent.system


def write_run(run: Path, dialogues: int) -> str:
    """Write a run; returns the id of the talk of 200 turns."""
    store = open_store(run)
    try:
        return fill(store, dialogues, longest=LONG)
    finally:
        store.close()


def asked(url: str) -> None:
    """Ask for a page and read it whole."""
    with urllib.request.urlopen(url) as reply:
        reply.read()


def seconds(work: Callable[[], object]) -> float:
    """How long something takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def memory(process: psutil.Process) -> str:
    """Resident memory of a process."""
    return f"{process.memory_info().rss / 2**20:.0f} MiB"


def in_browser(url: str, rounds: int) -> float | None:
    """Median seconds from the navigation until the last utterance is on screen; None without a browser."""
    found = shutil.which("chromium")
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415  (a developer's)
    except ModuleNotFoundError:
        return None
    if found is None:
        return None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()

        def shown() -> None:
            page.goto(url, wait_until="commit")
            page.wait_for_selector(f"#turn-{LONG - 1}", state="attached")

        shown()  # the framework's scripts are in the browser's cache from then on
        median = statistics.median(seconds(shown) for _ in range(rounds))
        browser.close()
    return median


if __name__ == "__main__":
    main()
