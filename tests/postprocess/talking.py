"""Talks with given words, a scripted judge and writer behind real HTTP, and refinement of the one by the other."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from culturepark.personas.roster import load_roster
from culturepark.personas.seat import Seat
from culturepark.personas.stance import Stance, stance_from
from culturepark.personas.surveys.survey import Survey, load_survey
from culturepark.postprocess.funnel import Funnel
from culturepark.postprocess.opinion import Opinion
from culturepark.postprocess.refine import Models, RefineSettings, refine
from culturepark.postprocess.tables import load_opinions, load_samples
from culturepark.protocols.turn import Turn
from culturepark.runtime.ledger import Ledger, Tally
from culturepark.runtime.models.endpoint import Endpoint
from culturepark.runtime.models.langchain_client import LedgerChatModel
from culturepark.runtime.progress import Silent
from culturepark.runtime.request import Sampling
from culturepark.runtime.store import Store, open_store
from culturepark.simulation.talks import add_talks, statuses
from culturepark.simulation.transcript import ProtocolUsed, Transcript
from tests.judging import LABELS, asked_pair, right_about_statements

SURVEY: Survey = load_survey("wvs7")
ROSTER = load_roster()
GREEDY = Sampling(temperature=0, top_p=1, max_tokens=200)
Implies = Callable[[str, str], str]
"""Premise and hypothesis to a verdict, or to any other text that the judge shall answer."""


def stance(question: str, code: int, country: str) -> Stance:
    """A stance that people of the country really hold."""
    answers = SURVEY.distribution(question, country)
    assert answers is not None
    return stance_from(SURVEY.question(question), answers, code, chosen="given")


def talk(
    *texts: str,
    identifier: str = "t_1",
    question: str = "wvs7:Q27",
    code: int | None = 1,
    delegate: str = "arabic_abdul",
    language: str = "en",
    finish_reason: str = "stop",
) -> Transcript:
    """A talk in which one delegate says the texts, one a turn."""
    lily = ROSTER.personas["english_lily"]
    persona = ROSTER.personas[delegate]
    culture = ROSTER.cultures[persona.culture]
    held = None if code is None else stance(question, code, culture.country)
    seats = (
        Seat(persona=lily, culture=ROSTER.cultures["english"], role="main_contact", stance=None),
        Seat(persona=persona, culture=culture, role="delegate", stance=held, language=language),
    )
    turns = tuple(
        Turn(index=place, speaker=delegate, text=text, finish_reason=finish_reason, model="m")
        for place, text in enumerate(texts)
    )
    asked = SURVEY.question(question)
    if language != "en":
        wording = SURVEY.wording(question, language)
        texts_asked = {**asked.text, language: wording.text}
        asked = asked.model_copy(update={"text": texts_asked, "topics": {language: wording.topic}})
    return Transcript(
        id=identifier,
        question=asked,
        language=language,
        model="m",
        protocol=ProtocolUsed(name="p", sha256="0"),
        status="complete",
        seats=seats,
        turns=turns,
        inputs={},
    )


class Scripted(NamedTuple):
    """What the models say: which sentences are opinions, what implies what, and how a statement is put otherwise."""

    implies: Implies
    reword: Callable[[str, str], str] = lambda _aim, statement: statement
    """Aim (`rewrite` or `voice`) and statement to the text."""
    about: Callable[[str], str] = lambda _sentence: "own"
    kind: str = "value"

    def __call__(self, body: Mapping[str, Any]) -> str:
        asked = body["messages"][-1]["content"]
        name = body.get("response_format", {}).get("json_schema", {}).get("name")
        if name == "extract":
            sentences = re.findall(r'^\[(\d+)\] "(.*)"$', asked, re.MULTILINE)
            found = [
                {"sentence": int(number), "about": self.about(text), "kind": self.kind} for number, text in sentences
            ]
            return json.dumps({"opinions": found})
        if name in {"rewrite", "voice"}:
            statement = re.search(r'^The statement: "(.*)"$', asked, re.MULTILINE)
            assert statement is not None, asked
            return json.dumps({"text": self.reword(name, statement[1])}, ensure_ascii=False)
        pair = asked_pair(asked)
        assert pair is not None, asked
        said = right_about_statements(*pair) or self.implies(*pair)
        return LABELS.get(said, said)


class Words:
    """An embedder that knows words: the cosine of two texts is that of their counts of words."""

    name = identity = "words"
    min_cosine = 0.95

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.zeros((len(texts), 512), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in re.findall(r"\w+", text.casefold()):
                vectors[row, sum(map(ord, word)) % 512] += 1
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True).clip(1e-9)


class Refined(NamedTuple):
    """What a refinement left behind."""

    funnel: Funnel
    opinions: list[Opinion]
    texts: list[str]
    """Of the samples, in order."""
    sent: int


def refined(
    folder: Path, url: str, talks: Sequence[Transcript], *, second: str | None = None, **settings: Any
) -> Refined:
    """Refine talks with the model at the address, as the pipeline does."""

    async def main(store: Store, tally: Tally) -> Funnel:
        endpoints: list[Endpoint] = []

        def ledger(name: str, at: str) -> Ledger:
            endpoint = Endpoint(identity=f"openai:{name}", model=name, base_url=at, dialect="compatible")
            endpoints.append(endpoint)
            return Ledger(store, endpoint, tally=tally)

        async def open_second() -> Ledger:
            assert second is not None
            return ledger("second", second)

        first = ledger("first", url)
        try:
            return await refine(
                store,
                Models(first, first, open_second if second else None),
                [talk.id for talk in talks],
                Words(),
                RefineSettings(**settings),
                survey=SURVEY,
                concurrency=4,
                progress=Silent(),
            )
        finally:
            for endpoint in endpoints:
                await endpoint.close()

    store, tally = open_store(folder), Tally()
    try:
        known = statuses(store, [talk.id for talk in talks])
        add_talks(store, [talk for talk in talks if talk.id not in known])
        funnel = asyncio.run(main(store, tally))
        texts = [sample.text for sample in load_samples(store)]
        return Refined(funnel, load_opinions(store), texts, tally.sent)
    finally:
        store.close()


def ask(folder: Path, url: str, work: Callable[[LedgerChatModel], Awaitable[Any]], *, purpose: str = "verify") -> Any:
    """Do something with a model behind a real ledger and real HTTP."""

    async def main() -> Any:
        store = open_store(folder)
        endpoint = Endpoint(identity="openai:judge", model="stub", base_url=url, dialect="compatible")
        model = LedgerChatModel(ledger=Ledger(store, endpoint), purpose=purpose, sampling=GREEDY)
        try:
            return await work(model)
        finally:
            await endpoint.close()
            store.close()

    return asyncio.run(main())
