"""A small refined run over HTTP, made once, and what training reads of it; a tiny base for every test of training."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from culturepark import Study
from culturepark.runtime.hashing import sha256
from culturepark.runtime.store import open_store
from culturepark.training.material import Material, load_material
from tests.commands import command
from tests.postprocess.conftest import answer
from tests.stub_server import StubServer, serving
from tests.training.tiny import tiny_base

STUDY = """
name: small
model: openai:stub
base_url: {url}
seed: 3
simulate:
  cultures: [arabic, turkish]
  questions: [Q27, Q170]
  protocol: self-guidance
  protocol_args: {{turns: 4}}
  talks: 24
refine: {{dedupe: {{min_cosine: 0.99}}}}
"""


class HashEmbedder:
    """Unit vectors drawn from the text itself: equal texts are equal, others far apart. For tests of what is counted."""

    name = "hash"
    min_cosine = 0.9

    def encode(self, texts: list[str]) -> NDArray[np.float32]:
        rows = [np.random.default_rng(int(sha256(text)[:15], 16)).normal(size=64) for text in texts]
        return np.array([row / np.linalg.norm(row) for row in rows], dtype=np.float32).reshape(len(texts), 64)


@pytest.fixture(scope="session")
def trained_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, StubServer]]:
    """The run that `refined_run` copies, and the server that talked in it."""
    folder = tmp_path_factory.mktemp("trained")
    with serving(answer=answer, logprobs=False) as stub:
        (folder / "study.yaml").write_text(STUDY.format(url=stub.base_url), encoding="utf-8")
        command("run", folder / "study.yaml", "--run", folder / "run")
        yield folder / "run", stub


@pytest.fixture
def refined_run(trained_once: tuple[Path, StubServer], tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained_once[0], tmp_path / "run"))


@pytest.fixture(scope="session")
def material(trained_once: tuple[Path, StubServer]) -> Material:
    store = open_store(trained_once[0], create=False)
    try:
        return load_material(store, Study.load(trained_once[0] / "study.yaml").simulate)
    finally:
        store.close()


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A transformers folder of forty thousand random weights."""
    return tiny_base(tmp_path_factory.mktemp("tiny") / "tiny-llama")
