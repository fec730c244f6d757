"""Whose views survive: refusals by view, minority stances from survey to samples, opinions that everybody shares."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from culturepark.benchmarks.parsing import REFUSING_ENDS, refuses
from culturepark.personas.question import Side
from culturepark.postprocess.stance_mix import STAGES, Mix, Rate, Stage, rate
from culturepark.protocols.turn import Turn
from culturepark.runtime.record import Record
from culturepark.simulation.character import MINORITY_BELOW
from culturepark.simulation.transcript import Transcript

SHARED_BY: Final = 5
"""Cultures that have to say the same for an opinion to be generic."""
PORTION: Final = 1000
"""Rows compared with all others at once."""
SIDES: Final[tuple[Side, ...]] = ("below", "mid", "above", "unsure")


class Survival(Record):
    """Minority stances at one step from the survey to the samples."""

    stage: Stage
    count: float
    """Of minority stances. Survey: the number of seats times the share of people with such stances."""
    n: float
    """All stances."""

    @property
    def share(self) -> float | None:
        """In [0, 1]; None where the stage is empty."""
        return self.count / self.n if self.n else None


def refused(turn: Turn) -> bool:
    """Whether an utterance does not speak as its persona: it was stopped, declines in words, or breaks role."""
    return turn.finish_reason in REFUSING_ENDS or "role_break" in turn.flags or refuses(turn.text)


def refusals_by_view(talks: Sequence[Transcript]) -> list[Rate]:
    """How often speakers with a stance on each side refused, with 95 % Wilson intervals."""
    total, declined = Counter[str](), Counter[str]()
    for talk in talks:
        for turn in talk.turns:
            stance = talk.seat(turn.speaker).stance
            if stance is not None:
                total[stance.side] += 1
                declined[stance.side] += refused(turn)
    return [rate(side, declined[side], total[side]) for side in SIDES if total[side]]


def minority_survival(mixes: Sequence[Mix], *, below: float = MINORITY_BELOW) -> list[Survival]:
    """What is left of stances that few people of a country hold, at each step.

    Args:
        mixes: As `stance_mixes` gives them; only those of single questions are read.
        below: Share of a country's people under which a stance is a minority's.
    """
    counts: dict[Stage, float] = dict.fromkeys(STAGES, 0.0)
    totals: dict[Stage, float] = dict.fromkeys(STAGES, 0.0)
    for mix in mixes:
        if mix.question is None:
            continue
        few = {code for code, share in mix.shares["survey"].items() if 0 < share < below}
        for stage in STAGES:
            weight = mix.counts["talks"] if stage == "survey" else mix.counts[stage]
            totals[stage] += weight
            counts[stage] += weight * sum(mix.shares[stage].get(code, 0.0) for code in few)
    return [Survival(stage=stage, count=counts[stage], n=totals[stage]) for stage in STAGES]


def generic(
    vectors: NDArray[np.float32], cultures: Sequence[str], *, min_cosine: float, shared_by: int = SHARED_BY
) -> list[bool] | None:
    """Which opinions are said alike in many cultures, and so say nothing of any.

    Args:
        vectors: Shape `(n, d)`, unit rows.
        cultures: Of each opinion.
        min_cosine: From which two opinions say the same; see `Embedder.min_cosine`.
        shared_by: Cultures, the opinion's own among them.

    Returns:
        For each opinion; None with opinions of fewer cultures than that.
    """
    if len(set(cultures)) < shared_by:
        return None
    names = np.array(cultures)
    found: list[bool] = []
    for start in range(0, len(vectors), PORTION):
        near = vectors[start : start + PORTION] @ vectors.T >= min_cosine - 1e-6
        found += [len(set(names[row].tolist())) >= shared_by for row in near]
    return found
