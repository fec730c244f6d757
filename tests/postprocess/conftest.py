"""A run refined once over HTTP (with a fork, an imported talk and a native-language one), and its commands."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from culturepark.postprocess.opinion import Opinion
from culturepark.postprocess.sample import Sample
from culturepark.postprocess.tables import load_opinions, load_samples
from culturepark.runtime.hashing import sha256
from culturepark.runtime.store import open_store
from culturepark.simulation.talks import load_transcripts
from culturepark.simulation.transcript import Transcript
from tests.commands import command
from tests.judging import implies
from tests.postprocess.talking import Scripted
from tests.stub_server import Body, StubServer, persona_answer, serving

STUDY = """
name: small
model: openai:stub
base_url: {url}
seed: 3
simulate:
  cultures: [arabic, korean, turkish]
  questions: [Q27, Q170]
  pair: conflict
  protocol: self-guidance
  protocol_args: {{turns: 6}}
  talks: 12
refine: {{keep: entail+novel, dedupe: {{min_cosine: 0.4}}}}
"""
THEIRS = """[{"speaker": "Anna", "text": "Would you move back in with your mother?"},
 {"speaker": "Omar", "text": "I did. Children should look after their parents, that is simply so."}]"""


TURKISH = (
    "Ben küçük bir köyde büyüdüm. Bence kadınlar ülkeyi erkekler kadar iyi yönetir, çünkü annem bizim evi tek başına yönetti.",
    "Bizim mahallede herkes birbirini tanır. Bana göre siyasette önemli olan dürüst olmaktır, kadın ya da erkek fark etmez.",
    "Geçen yıl oy verirken bunu uzun uzun düşündüm. Kadınların mecliste daha çok söz hakkı olması gerektiğine inanıyorum.",
)


REFINING = Scripted(
    implies,
    reword=lambda aim, statement: f"I say: {statement}" if len(statement) % 2 else statement,
    about=lambda sentence: "other" if int(sha256(sentence), 16) % 9 == 0 else "own",
)


def answer(body: Body) -> str:
    """Talk as the scripted persona does, in Turkish where that is spoken; read and judge as above."""
    if body["max_tokens"] <= 8 or "response_format" in body:
        return REFINING(body)
    text = "\n".join(message["content"] for message in body["messages"])
    return TURKISH[int(sha256(text), 16) % 3] if " bir " in text else persona_answer(body)


class Refined(NamedTuple):
    """A run and the server that talked in it."""

    run: Path
    stub: StubServer

    def talks(self) -> list[Transcript]:
        store = open_store(self.run, create=False)
        try:
            return load_transcripts(store)
        finally:
            store.close()

    def opinions(self) -> list[Opinion]:
        store = open_store(self.run, create=False)
        try:
            return load_opinions(store)
        finally:
            store.close()

    def samples(self) -> list[Sample]:
        store = open_store(self.run, create=False)
        try:
            return load_samples(store)
        finally:
            store.close()


@pytest.fixture(scope="session")
def refined_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Refined]:
    """The run that `refined` copies: nobody changes it."""
    folder = tmp_path_factory.mktemp("refined")
    run = folder / "run"
    with serving(answer=answer, logprobs=False) as stub:
        (folder / "study.yaml").write_text(STUDY.format(url=stub.base_url), encoding="utf-8")
        native = ("--talk-language", "native", "--question", "Q29", "--culture", "turkish", "--limit", 3)
        command("simulate", folder / "study.yaml", "--run", run, *native)
        command("simulate", folder / "study.yaml", "--run", run)
        found = Refined(run, stub)
        talk = next(talk for talk in found.talks() if talk.language == "en")
        command("transcripts", "fork", talk.id, "--at", 2, "--say", "And what of your sisters?", "--run", run)
        (folder / "theirs.json").write_text(THEIRS, encoding="utf-8")
        seats = ("--seat", "Anna=german:female", "--seat", "Omar=arabic_abdul", "--stance", "Omar=1")
        command("transcripts", "import", folder / "theirs.json", "--run", run, "--question", "wvs7:Q38", *seats)
        command("refine", "--all", "--run", run)
        yield found


@pytest.fixture
def refined(refined_once: Refined, tmp_path: Path) -> Refined:
    """A copy of the run, to be changed freely; its server counts from zero."""
    shutil.copytree(refined_once.run, tmp_path / "run")
    refined_once.stub.reset()
    return Refined(tmp_path / "run", refined_once.stub)
