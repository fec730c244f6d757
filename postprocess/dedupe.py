"""Dedupe: opinions that say the same are merged into one that stands for them; nothing else is.

Within a culture, by exact cosine, without transitive chains: an opinion is only ever compared with kept ones.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from importlib.resources import files
from itertools import groupby
from typing import cast

import numpy as np
from numpy.typing import NDArray

from culturepark.personas.language import primary
from culturepark.postprocess.opinion import Opinion
from culturepark.runtime.record import parse_yaml

DENSE = ("zh", "ko")
"""Languages whose markers are parts of words, or stand without spaces."""
WORD = re.compile(r"[\w\u064B-\u065F\u0900-\u0963\u0966-\u0DFF]+(?:'\w+)?")
"""Letters with the vowel signs of Arabic and of the Indian scripts, but not with their full stop (U+0964)."""
Same = Callable[[str, str], Awaitable[bool]]
"""Whether two texts entail each other, as a judge says."""


async def dedupe(
    opinions: Sequence[Opinion], vectors: NDArray[np.float32], *, min_cosine: float, same: Same
) -> list[Opinion]:
    """Merge near-duplicates; returns the opinions in their order, merged ones marked with the kept one.

    Args:
        opinions: Those that were not dropped.
        vectors: Shape `(n, d)`, float32, unit rows, one for each opinion.
        min_cosine: Cosine in [-1, 1] from which two opinions may count as one.
        same: Asked only for similar opinions of different questions, or without a stance.
    """
    result = list(opinions)
    places = sorted(range(len(opinions)), key=lambda place: opinions[place].culture)
    for _, group in groupby(places, key=lambda place: opinions[place].culture):
        order = sorted(group, key=lambda place: _rank(opinions[place]))
        kept: list[int] = []
        held = np.empty((len(order), vectors.shape[1]), dtype=np.float32)
        for place in order:
            cosines = held[: len(kept)] @ vectors[place]
            for nearest in np.argsort(-cosines, kind="stable"):
                if cosines[nearest] < min_cosine:
                    break
                standing = opinions[kept[nearest]]
                if await _mergeable(opinions[place], standing, same):
                    result[place] = opinions[place].model_copy(
                        update={
                            "dropped": "merged",
                            "kept": standing.id,
                            "cosine": min(1.0, round(float(cosines[nearest]), 6)),
                        }
                    )
                    break
            if result[place].dropped is None:
                held[len(kept)] = vectors[place]
                kept.append(place)
    return result


def _rank(opinion: Opinion) -> tuple[float, int, str]:
    """The surest opinion stands for the others; of equals the shorter."""
    sure = (opinion.confidence or {}).get("entail", 0.0)
    return (-round(sure, 6), len(opinion.text), opinion.id)


async def _mergeable(one: Opinion, other: Opinion, same: Same) -> bool:
    """The merge rule: the same side of the same question, or two-way entailment; and no word that changes meaning."""
    if one.language != other.language or marks(one.text, one.language) != marks(other.text, other.language):
        return False
    if one.question == other.question and one.stance is not None and other.stance is not None:
        return one.stance.side == other.stance.side
    return await same(one.text, other.text)


def marks(text: str, language: str) -> tuple[tuple[str, int], ...]:
    """Negations, quantifiers and numbers of a text, with how often each stands there.

    Each language has words of its own ("no" negates in Spanish and means "in the" in Portuguese); a language that is
    not in the table is looked at with the words of all.
    """
    # In NFC Bengali letters have one form each. Vowel signs are marks, which `\w` does not match.
    text = unicodedata.normalize("NFC", text).casefold().replace("’", "'")
    words = WORD.findall(text)
    exact, endings, parts = _markers(primary(language))
    found = Counter(word for word in words if word in exact or word.isnumeric())
    found.update(ending for word in words for ending in endings if word.endswith(ending))
    found.update({part: text.count(part) for part in parts if part in text})
    return tuple(sorted(found.items()))


@lru_cache(maxsize=16)
def _markers(language: str) -> tuple[frozenset[str], tuple[str, ...], tuple[str, ...]]:
    """Whole words, word endings, and parts for scripts without spaces."""
    text = unicodedata.normalize("NFC", (files(__package__) / "markers.yaml").read_text(encoding="utf-8"))
    table = cast("dict[str, dict[str, list[str]]]", parse_yaml(text, place="markers.yaml"))
    chosen = [
        (key, word)
        for kinds in table.values()
        for key, words in kinds.items()
        if key == language or language not in kinds
        for word in words
    ]
    dense = [word for key, word in chosen if key in DENSE or " " in word]
    spaced = [word for _, word in chosen if word not in dense]
    endings = tuple(sorted({word[1:] for word in spaced if word.startswith("*")}))
    return frozenset(word for word in spaced if not word.startswith("*")), endings, tuple(sorted(set(dense)))
