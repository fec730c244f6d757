"""What a talk adds to its seed: distance from the question, and the gain in diversity over a base of texts."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from culturepark.benchmarks.talk_metrics import WORD

Vectors = NDArray[np.float32]
CLIPPED: Final = 12
"""Words (Chinese: characters) that texts are cut to where their length must not matter."""


def novelty(said: Vectors, seed: Vectors) -> list[float]:
    """How far each text is from the seed question: 1 - cosine, in [0, 2].

    Args:
        said: Shape `(n, d)`, unit rows.
        seed: Shape `(d,)`, of length 1.
    """
    return [float(value) for value in 1 - said.astype(np.float64) @ seed.astype(np.float64)]


def diversity_gain(new: Vectors, base: Vectors) -> list[float]:
    """Euclidean distance of each new text to the nearest one of the base, in [0, 2]; their mean is the gain.

    Args:
        new: Shape `(n, d)`, unit rows.
        base: Shape `(m, d)`, unit rows, m at least 1.

    Source:
        arXiv:2405.15145 measures data so, after J. Bilmes, "Submodularity in Machine Learning and Artificial
        Intelligence", arXiv:2202.00132: the mean over new data of the least distance to old data.
    """
    cosines = (new.astype(np.float64) @ base.astype(np.float64).T).max(axis=1)
    return [float(value) for value in np.sqrt(np.maximum(2 - 2 * cosines, 0))]


def clipped(text: str, *, length: int = CLIPPED) -> str | None:
    """The first words of a text, Chinese by characters; None for one that has fewer.

    Short texts lie farther apart than long ones, so a style of short sentences looks diverse. Cut to one length, and
    without those that are shorter, texts differ in what they say.
    """
    ends = [found.end() for found in WORD.finditer(text)]
    return text[: ends[length - 1]] if len(ends) >= length else None


def clipped_texts(texts: Sequence[str], *, length: int = CLIPPED) -> list[str]:
    """Those of the texts that are long enough, cut."""
    return [cut for text in texts if (cut := clipped(text, length=length)) is not None]
