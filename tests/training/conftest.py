"""A tiny base for every test of training."""

from pathlib import Path

import pytest

from tests.training.tiny import tiny_base


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A transformers folder of forty thousand random weights."""
    return tiny_base(tmp_path_factory.mktemp("tiny") / "tiny-llama")
