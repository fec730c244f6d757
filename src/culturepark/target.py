"""Work toward a number of distinct samples: how many talks to hold next, and when to stop."""

from collections.abc import Sequence
from math import ceil
from typing import Final, Literal

from pydantic import Field

from culturepark.postprocess.yields import is_saturated
from culturepark.runtime.record import Record

FIRST_TALKS: Final = 4
SMALLEST_STEP: Final = 0.1
Stopped = Literal["reached", "saturated", "talks", "stalled"]


class TargetSettings(Record):
    """How many distinct samples a run is after."""

    samples: int | None = Field(default=None, ge=1)
    """None holds `simulate.talks` talks, whatever they give. With a number, that is the most talks to hold."""
    saturated: float = Field(default=0.05, ge=0, lt=1)
    """A run is saturated when the last 20 % of its talks added less than this fraction of all distinct samples."""


class TargetResult(Record):
    """How a run toward a target ended."""

    samples: int
    """Wanted."""
    found: int
    talks: int
    """Complete talks."""
    rounds: int
    """Of this sitting."""
    stopped: Stopped
    """`reached`; `saturated`; `talks`: as many as the study allows; `stalled`: a whole round of talks failed."""

    @property
    def words(self) -> str:
        """For people, with the way on."""
        why = {
            "reached": "the target is reached",
            "saturated": "the last fifth of the talks said almost nothing new: more questions, cultures or protocols "
            "would, more talks of these hardly",
            "talks": "the study allows no more talks; raise --limit (`simulate.talks`)",
            "stalled": "no talk of the last round was completed; see why they failed",
        }
        return f"{self.found} of {self.samples} samples from {self.talks} talks: {why[self.stopped]}"


def first_size(held: int, *, most: int | None) -> int:
    """Talks to begin with: those the run holds already, so that a second run asks for nothing."""
    return _capped(max(held, FIRST_TALKS), most)


def next_size(size: int, *, found: int, wanted: int, most: int | None) -> int:
    """Talks to hold in all in the next round.

    As many more as the yield so far says are missing, but a tenth more at least (each round is refined anew), and not
    more than twice as many (the first talks tell little).

    Args:
        size: Talks of the plan held so far.
        found: Distinct samples so far.
        wanted: Distinct samples wanted.
        most: Talks never exceeded.
    """
    missing = ceil((wanted - found) * size / found) if found else size
    step = min(max(missing, ceil(size * SMALLEST_STEP)), size)
    return _capped(size + step, most)


def why_stop(
    settings: TargetSettings, curve: Sequence[int], *, size: int, most: int | None, complete_before: int
) -> Stopped | None:
    """Why to hold no more talks; None to go on.

    Args:
        settings: With a number of samples.
        curve: Distinct samples after each complete talk.
        size: Talks of the plan that were held, or tried.
        most: Talks never exceeded.
        complete_before: Complete talks before this round.
    """
    assert settings.samples is not None
    if curve[-1] >= settings.samples:
        return "reached"
    if is_saturated(curve, below=settings.saturated):
        return "saturated"
    if most is not None and size >= most:
        return "talks"
    return "stalled" if len(curve) == complete_before else None


def _capped(size: int, most: int | None) -> int:
    return size if most is None else min(size, most)
