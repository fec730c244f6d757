"""A run held once over HTTP, and its commands in this process."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from culturepark.runtime.store import open_store
from culturepark.simulation.talks import load_transcripts
from culturepark.simulation.transcript import Transcript
from tests.commands import command
from tests.conftest import ROOT
from tests.stub_server import StubServer, serving

STUDY = """
name: panel
model: openai:stub
base_url: {url}
seed: 3
persona_folders: [{people}]
simulate:
  cultures: [arabic, korean, turkish, german]
  questions: [Q27]
  cast: panel
  panel_size: 4
  protocol: {protocol}
  protocol_args: {{turns: 10}}
  talks: 2
"""
PROTOCOL = '''
from dataclasses import dataclass

from culturepark.protocols import Cue, Scene


@dataclass(frozen=True)
class Circle:
    """Everybody in turn; a seat drawn by lot is whispered to."""

    turns: int = 5

    def next_cue(self, scene: Scene) -> Cue | None:
        if len(scene.turns) == self.turns:
            return None
        speaker = scene.seats[len(scene.turns) % len(scene.seats)]
        return Cue(speaker, guidance=scene.rng.choice(["Tell of a meal.", "Tell of a journey.", "Tell of a quarrel."]))
'''


class Held(NamedTuple):
    """A folder with a finished run of two talks of five seats and ten turns, its persona and protocol files."""

    folder: Path
    stub: StubServer

    @property
    def run(self) -> Path:
        return self.folder / "run"

    def talks(self) -> list[Transcript]:
        return stored(self.run)


def stored(run: Path) -> list[Transcript]:
    """All talks of a run, in order."""
    store = open_store(run, create=False)
    try:
        return load_transcripts(store)
    finally:
        store.close()


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Held]:
    """The run that `held` copies."""
    folder = tmp_path_factory.mktemp("held")
    with serving() as stub:
        (folder / "people").mkdir()
        shutil.copy(ROOT / "personas/cultures/korean.yaml", folder / "people")
        (folder / "circle.py").write_text(PROTOCOL, encoding="utf-8")
        protocol, people = f"{folder}/circle.py:Circle", folder / "people"
        study = STUDY.format(url=stub.base_url, people=people, protocol=protocol)
        (folder / "study.yaml").write_text(study, encoding="utf-8")
        command("simulate", str(folder / "study.yaml"), "--run", str(folder / "run"))
        yield Held(folder, stub)


@pytest.fixture
def held(once: Held, tmp_path: Path) -> Held:
    """A copy of the run, to be changed freely; its server counts from zero."""
    folder = tmp_path / "held"
    shutil.copytree(once.folder, folder)
    study = folder / "run" / "study.yaml"
    once.stub.reset()
    # The protocol's name is part of the talks' ids, so its file stays where it is; the persona folder is our own.
    study.write_text(study.read_text("utf-8").replace(f"{once.folder}/people", f"{folder}/people"), encoding="utf-8")
    return Held(folder, once.stub)


@pytest.fixture
def edited_protocol(once: Held) -> Iterator[Callable[[str, str], None]]:
    """Edit the run's protocol file for one test."""
    path = once.folder / "circle.py"
    before = path.read_text("utf-8")

    def edit(old: str, new: str) -> None:
        assert old in before
        path.write_text(before.replace(old, new), encoding="utf-8")

    yield edit
    path.write_text(before, encoding="utf-8")
