"""Is a persona a caricature? That its talk can be told apart is as it should be; that it is all about being so is not.

After M. Cheng, T. Piccardi, D. Yang, "CoMPosT: Characterizing and Evaluating Caricature in LLM Simulations", EMNLP 2023
(arXiv:2310.11501): a simulation is a caricature where it is both *individuated* and *exaggerated*. Theirs are a random
forest against a default persona, and axes of words typical of persona and topic; ours need no default talk.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
SHORTEST_AXIS: Final = 0.05
"""Distance of description and question below which nothing lies between them."""


class Told(NamedTuple):
    """Whether an utterance's culture was told from the others'."""

    place: int
    """Of the utterance among those given."""
    culture: str
    right: bool
    chance: float
    """One in so many cultures as could have been chosen."""


def told_apart(said: Vectors, cultures: Sequence[str], talks: Sequence[str]) -> list[Told]:
    """Guess each utterance's culture from the talks of others: the nearest of the cultures' mean vectors.

    An utterance's own talk is left out of all means, so that neither its topic nor its turns give it away. Names and
    countries should be masked before, or they do.

    Args:
        said: Shape `(n, d)`, unit rows: one for each utterance.
        cultures: Of each utterance.
        talks: Of each utterance.

    Returns:
        Of each utterance whose culture talks elsewhere, and for which there is another culture elsewhere, too.
    """
    rows = said.astype(np.float64)
    groups, talk = np.array(cultures), np.array(talks)
    found: list[Told] = []
    for own in dict.fromkeys(talks):
        rest = talk != own
        known = sorted(set(groups[rest].tolist()))
        if len(known) < 2:
            continue
        means = np.stack([rows[rest & (groups == culture)].mean(axis=0) for culture in known])
        lengths = np.linalg.norm(means, axis=1, keepdims=True)
        means = means / np.where(lengths > 0, lengths, 1)
        for spot in map(int, np.flatnonzero(~rest)):
            culture = cultures[spot]
            if culture in known:
                nearest = known[int((means @ rows[spot]).argmax())]
                found.append(Told(spot, culture, nearest == culture, 1 / len(known)))
    return found


def exaggeration(said: Vectors, *, persona: NDArray[np.float32], question: NDArray[np.float32]) -> list[float] | None:
    """Where each utterance lies on the way from the question (0) to the description of the persona (1).

    A person talks about the topic; a caricature talks about being who it is. Utterances may lie beyond either end.

    Args:
        said: Shape `(n, d)`, unit rows.
        persona: Shape `(d,)`: of a sentence that says who the persona is and nothing else.
        question: Shape `(d,)`: of the question of the talk.

    Returns:
        None where description and question are all but the same to the embedder.
    """
    start = question.astype(np.float64)
    axis = persona.astype(np.float64) - start
    length = float(axis @ axis)
    if length < SHORTEST_AXIS**2:
        return None
    return [float(value) for value in (said.astype(np.float64) - start) @ axis / length]
