"""Speakers whose stances are known at every turn, and a judge that reads them with a known error."""

import asyncio
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from culturepark import Study
from culturepark.benchmarks.dialogue.asked import OUTRIGHT
from culturepark.benchmarks.dialogue.suite import prepare, run
from culturepark.benchmarks.task import SuiteResult
from culturepark.personas.surveys.survey import load_survey
from culturepark.postprocess.fence import quoted
from culturepark.runtime.hashing import sha256
from culturepark.runtime.ledger import Ledger
from culturepark.runtime.progress import Silent
from culturepark.runtime.request import Model
from culturepark.runtime.store import open_store
from tests.commands import command
from tests.postprocess.talking import Words
from tests.stub_server import Body

NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
WORDS = [
    "river",
    "stone",
    "garden",
    "winter",
    "bread",
    "lamp",
    "market",
    "wool",
    "candle",
    "bridge",
    "letter",
    "harbor",
    "violin",
    "copper",
    "meadow",
    "ladder",
]
OUTRIGHT_CODES = {
    quoted(OUTRIGHT.format(words=words))[1:-1]: place
    for question in load_survey("wvs7").questions.values()
    for place, words in enumerate(question.words.values())
}
"""What says a stance outright, and the place of its letter."""
Stands = Callable[[str, int, int], int]
"""Name, number of the own utterance from 0, and seed of the talk, to the code that is voiced."""


class World:
    """Answers everything a run and the dialogue suite ask."""

    def __init__(
        self, stands: Stands, *, error: float = 0.0, understands: str = "A", kind: str = "B", hears: bool = True
    ) -> None:
        """`error` is the share of utterances that the judge reads one answer wrong; one that does not hear says A."""
        self.hears = hears
        self.stands = stands
        self.error = error
        self.understands = understands
        self.kind = kind

    def __call__(self, body: Body) -> str:
        text = str(body["messages"][-1]["content"])
        if "Which answer do these words stand for?" in text:
            return self._hear(text)
        if "What do these words tell about a culture?" in text:
            return self.kind
        if "was understood?" in text:
            return self.understands
        name = text.rstrip().removesuffix(":").rpartition("\n")[2]
        own = re.findall(
            rf"^{re.escape(name)}: (.*)$", "\n".join(str(m["content"]) for m in body["messages"]), re.MULTILINE
        )
        if "[Direction for" not in text.rpartition("\n\n")[2]:
            return str(voiced(own[-1])) if own else str(self.stands(name, 0, 0))
        return utterance(self.stands(name, len(own), int(body["seed"])), salt=f"{name} {len(own)} {body['seed']}")

    def _hear(self, text: str) -> str:
        said = re.search(r'^The person said: "(.*)"$', text, re.MULTILINE)
        assert said is not None, text
        letters = re.findall(r"^([A-Z]): ", text, re.MULTILINE)
        if said[1] in OUTRIGHT_CODES:
            return letters[OUTRIGHT_CODES[said[1]] if self.hears else 0]
        if "number" not in said[1]:
            return letters[-1]
        place, answers = voiced(said[1]) - 1, len(letters) - 1
        if random.Random(said[1]).random() < self.error:
            place += 1 if place == 0 else -1
        return letters[min(place, answers - 1)]


def utterance(code: int, *, salt: str) -> str:
    """One sentence that voices a code; no two share a run of words."""
    draw = random.Random(sha256(salt))
    words = [f"{draw.choice(WORDS)}{draw.randrange(10_000)}" for _ in range(8)]
    return f"{' '.join(words[:4])} number {NUMBERS[code]} {' '.join(words[4:])}.".capitalize()


def voiced(said: str) -> int:
    """The code of an utterance."""
    found = re.search(r"number (\w+)", said)
    assert found is not None, said
    return NUMBERS.index(found[1])


def simulate(folder: Path, url: str, *, talks: int, **options: str) -> None:
    """Hold talks with a scripted model."""
    settings: dict[str, str] = {
        "culture": "arabic", "question": "Q27,Q28", "protocol": "free-chat", "model": "openai:talker", **options,
    }  # fmt: skip
    flags = [part for name, value in settings.items() for part in (f"--{name}", value)]
    command("simulate", "--run", folder, "--base-url", url, "--limit", talks, *flags)


def study(folder: Path, url: str, **dialogue: Any) -> Study:
    """The study of a bench on the folder."""
    return Study.load(
        None, {"base_url": url, "bench": {"suites": ["dialogue"], "dialogue": {"judge": "openai:judge", **dialogue}}}
    )


def measured(folder: Path, url: str, **dialogue: Any) -> SuiteResult:
    """Run the suite with an embedder of the tests."""
    chosen = study(folder, url, **dialogue)
    store = open_store(folder, create=False)

    def make_ledger(model: Model) -> Ledger:
        return Ledger(store, model)

    try:
        plans = prepare(store, chosen, folder)
        (found,) = asyncio.run(run(plans, store, chosen, make_ledger=make_ledger, progress=Silent(), embedder=Words()))
    finally:
        store.close()
    return found
