"""Embeddings of a run: each text is embedded once and kept, so that merging anew costs no model."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Final, cast

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Mapped, mapped_column

from culturepark.runtime.engines import LOCAL, Engine
from culturepark.runtime.engines.local import aside
from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.models.embedders import Embedder
from culturepark.runtime.progress import Reporter, Silent
from culturepark.runtime.store import Base, Put, Store

STORED: Final = np.dtype("<f4")
"""How numbers lie in the database, on every machine."""
PORTION: Final = 256
"""Texts embedded between two commits: what an interrupted run has to do again at most."""
KEYS: Final = 500
"""Keys in one query; databases bound the number of parameters."""


class EmbeddingRow(Base):
    """The vector of a text by one embedder."""

    __tablename__ = "embeddings"

    run_id: Mapped[str] = mapped_column(primary_key=True)
    embedder: Mapped[str] = mapped_column(primary_key=True)
    """Identity of the embedder: other weights, other vectors."""
    text: Mapped[str] = mapped_column(primary_key=True)
    """Sha256 of the text in UTF-8."""
    vector: Mapped[bytes]


_EMBEDDINGS = cast(sa.Table, EmbeddingRow.__table__)


async def embed(
    store: Store,
    embedder: Embedder,
    texts: Sequence[str],
    *,
    progress: Reporter | None = None,
    engine: Engine = LOCAL,
) -> NDArray[np.float32]:
    """Embed texts, those not yet in the run by the model, and keep them.

    Returns:
        Shape `(n, d)`, float32, unit rows, one for each text.
    """
    progress = progress or Silent()
    keys = [text_key(text) for text in texts]
    known = _load(store, embedder.identity, keys)
    missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
    todo = sorted(missing)
    if todo:
        progress.start("embeddings", total=len(todo))
    identity = embedder.identity

    async def encode(portion: Mapping[str, str]) -> NDArray[np.float32]:
        vectors = await aside(partial(embedder.encode, list(portion.values())))
        rows = [
            {"run_id": store.run_id, "embedder": identity, "text": key, "vector": vector.astype(STORED).tobytes()}
            for key, vector in zip(portion, vectors, strict=True)
        ]
        await store.commit(Put(EmbeddingRow, rows))
        return np.asarray(vectors, dtype=np.float32)

    def keep(portion: Mapping[str, str], vectors: NDArray[np.float32]) -> None:
        known.update(zip(portion, vectors, strict=True))
        progress.advance(len(portion))

    portions = [{key: missing[key] for key in todo[begin : begin + PORTION]} for begin in range(0, len(todo), PORTION)]
    await engine.map(encode, portions, concurrency=engine.processes, done=keep)
    return _matrix(known, keys)


def load_embeddings(store: Store, identity: str, texts: Sequence[str]) -> NDArray[np.float32]:
    """Read the vectors of texts that a refinement has embedded; see `embed`.

    Raises:
        CultureParkError: When the run lacks some.
    """
    keys = [text_key(text) for text in texts]
    known = _load(store, identity, keys)
    if missing := len({key for key in keys if key not in known}):
        raise CultureParkError(
            f"{store.folder}: {missing} of {len(set(keys))} texts have no vector by {identity} here; "
            "run `culturepark refine` first"
        )
    return _matrix(known, keys)


def forget_embeddings(connection: sa.Connection, run_id: str, texts: Collection[str]) -> None:
    """Delete the vectors of all other texts than these, inside the caller's transaction."""
    known = sa.select(_EMBEDDINGS.c.text).where(_EMBEDDINGS.c.run_id == run_id).distinct()
    gone = set(connection.scalars(known)) - {text_key(text) for text in texts}
    if gone:
        statement = sa.delete(_EMBEDDINGS).where(
            _EMBEDDINGS.c.run_id == run_id, _EMBEDDINGS.c.text == sa.bindparam("key")
        )
        connection.execute(statement, [{"key": key} for key in sorted(gone)])


def text_key(text: str) -> str:
    """Sha256 of a text."""
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()


def _load(store: Store, identity: str, keys: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    wanted = sorted(set(keys))
    query = sa.select(_EMBEDDINGS.c.text, _EMBEDDINGS.c.vector).where(
        _EMBEDDINGS.c.run_id == store.run_id, _EMBEDDINGS.c.embedder == identity
    )
    known: dict[str, NDArray[np.float32]] = {}
    with store.engine.connect() as connection:
        for begin in range(0, len(wanted), KEYS):
            found = connection.execute(query.where(_EMBEDDINGS.c.text.in_(wanted[begin : begin + KEYS])))
            known |= {key: np.frombuffer(vector, dtype=STORED).astype(np.float32) for key, vector in found}
    return known


def _matrix(known: dict[str, NDArray[np.float32]], keys: Sequence[str]) -> NDArray[np.float32]:
    if not keys:
        return np.zeros((0, 0), dtype=np.float32)
    return np.stack([known[key] for key in keys])
