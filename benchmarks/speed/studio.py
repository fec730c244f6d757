"""How quick the studio is on a large run: `python -m benchmarks.speed.studio [--dialogues N] [--rounds N]`.

Writes a run of N talks of 14 turns, and one of 200, and asks the real command for its pages. Prints one table: seconds
until the first page after the start, each page's answer (median of the rounds), memory of the process. Where Chromium
and Playwright are installed, the transcript page is timed in the browser, too: until its last utterance is on screen.
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
from functools import partial
from pathlib import Path
from typing import Any, cast

import psutil
import sqlalchemy as sa

from culturepark.personas import load_roster, load_survey
from culturepark.personas.casting import cast_talks
from culturepark.protocols.catalogue import load_protocol
from culturepark.protocols.turn import Turn
from culturepark.runtime.store import Store, open_store
from culturepark.simulation.plan import SimulateSettings, plan_talks
from culturepark.simulation.talk_rows import TalkRow, TurnRow
from culturepark.simulation.transcript import Transcript

TURNS, LONG = 14, 200
BATCH = 2000
SAID = "I grew up in a small town, and my mother kept the shop while my father was away; I still think of that often."


def main() -> None:
    """Write the run, start the studio, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dialogues", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "large"
        long = write_run(run, chosen.dialogues)
        size = sum(path.stat().st_size for path in run.iterdir()) / 1e6
        print(f"{chosen.dialogues} dialogues of {TURNS} turns, {size:.0f} MB", file=sys.stderr)
        print("| what | |")
        print("|---|---:|")
        for name, value in measured(run, long, rounds=chosen.rounds, dialogues=chosen.dialogues):
            print(f"| {name} | {value} |", flush=True)


def measured(run: Path, long: str, *, rounds: int, dialogues: int) -> Iterator[tuple[str, str]]:
    """Names of what is measured, and the values as they are printed."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "culturepark", "studio", str(run), "--port", "0", "--no-browser"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip()
        seen = psutil.Process(process.pid)
        asked(url)
        yield "start to the first page", f"{time.perf_counter() - began:.2f} s"
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
    finally:
        process.terminate()
        process.wait()


def write_run(run: Path, dialogues: int) -> str:
    """Write a run; returns the id of the talk of 200 turns."""
    settings = SimulateSettings(protocol="free-chat", talks=64)
    survey, protocol = load_survey(settings.source), load_protocol("free-chat")
    casting = cast_talks(settings, load_roster(), survey, seed=0)
    plans = plan_talks(casting.talks, settings, protocol, model="openai:stub", seed=0)
    store = open_store(run)
    try:
        for begin in range(0, dialogues, BATCH):
            numbers = range(begin, min(begin + BATCH, dialogues))
            write(store, [(number, plans[number % len(plans)], TURNS) for number in numbers])
        write(store, [(dialogues, plans[0], LONG)])
    finally:
        store.close()
    return talk_id(dialogues)


def write(store: Store, talks: list[tuple[int, Transcript, int]]) -> None:
    """Write talks, each a copy of a plan with turns of its own, in one transaction."""
    rows: list[dict[str, Any]] = []
    turns: list[dict[str, Any]] = []
    for number, plan, length in talks:
        name = talk_id(number)
        document = plan.model_dump(mode="json", exclude={"status", "reason", "turns"})
        rows.append(
            {
                "run_id": store.run_id,
                "id": name,
                "position": number,
                "question": plan.seed.id,
                "cultures": "+".join(seat.culture.id for seat in plan.seats if seat.role == "delegate"),
                "protocol": plan.protocol.name,
                "status": "complete",
                "reason": None,
                "plan": {**document, "id": name},
            }
        )
        for index in range(length):
            speaker = plan.seats[index % len(plan.seats)].id
            text = f"{SAID} This is turn {index} of talk {number}."
            turn = Turn(index=index, speaker=speaker, text=text, finish_reason="stop", model="stub")
            turns.append(
                {
                    "run_id": store.run_id,
                    "talk": name,
                    "index": index,
                    "speaker": speaker,
                    "text": text,
                    "turn": turn.model_dump(mode="json"),
                }
            )
    with store.session() as session:
        session.execute(sa.insert(cast(sa.Table, TalkRow.__table__)), rows)
        session.execute(sa.insert(cast(sa.Table, TurnRow.__table__)), turns)


def talk_id(number: int) -> str:
    """An id that looks like a content id."""
    return f"t_{number:020x}"


def asked(url: str) -> None:
    """Ask for a page and read it whole."""
    with urllib.request.urlopen(url) as reply:
        reply.read()


def seconds(work: Callable[[], None]) -> float:
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
