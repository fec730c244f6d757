"""Vectors are made once, and kept in the run."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from culturepark.postprocess.embeddings import embed, load_embeddings
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.store import Store, open_store


class Letters:
    """An embedder that counts letters, and the texts it was given."""

    min_cosine = 0.9

    def __init__(self, name: str = "letters") -> None:
        self.name = self.identity = name
        self.given: list[str] = []

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.given += texts
        counts = np.array([[1 + text.count(letter) for letter in "aeiou"] for text in texts], dtype=np.float32)
        return np.asarray(counts / np.linalg.norm(counts, axis=1, keepdims=True), dtype=np.float32)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path)


def test_a_text_is_embedded_once_whatever_its_place(store: Store) -> None:
    embedder = Letters()

    first = asyncio.run(embed(store, embedder, ["tea", "আমি", "tea"]))
    again = asyncio.run(embed(store, embedder, ["আমি", "coffee\ud800", "tea"]))
    store.close()

    assert sorted(embedder.given) == ["coffee\ud800", "tea", "আমি"]
    assert first.dtype == again.dtype == np.float32
    assert (first[0] == first[2]).all()
    assert (again[[2, 0]] == first[[0, 1]]).all()


def test_another_embedder_has_vectors_of_its_own(store: Store) -> None:
    one, other = Letters("one"), Letters("other")

    asyncio.run(embed(store, one, ["tea"]))
    asyncio.run(embed(store, other, ["tea"]))

    assert (one.given, other.given) == (["tea"], ["tea"])
    assert load_embeddings(store, "one", ["tea"]).shape == (1, 5)
    with pytest.raises(CultureParkError) as caught:
        load_embeddings(store, "one", ["tea", "coffee", "coffee"])
    store.close()
    assert str(caught.value) == (
        f"{store.folder}: 1 of 2 texts have no vector by one here; run `culturepark refine` first"
    )


def test_no_text_needs_no_model(store: Store) -> None:
    embedder = Letters()

    assert len(asyncio.run(embed(store, embedder, []))) == 0
    store.close()
    assert embedder.given == []
