"""When did a speaker change their mind? A change-point rule on a meter's readings, with a threshold from simulation.

Two stances, one up to a turn and one after it, always explain readings at least as well as one stance does. The rule
counts how many more of them they explain, and says "changed" when that is more than a constant speaker, read by a meter
with a stated error, reaches in one of twenty talks.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from culturepark.benchmarks.dialogue.readings import METERS, Meter, Reading, by_seat, by_talk, sure_codes
from culturepark.personas.question import Scale
from culturepark.personas.surveys.survey import Survey
from culturepark.runtime.record import Record
from culturepark.simulation.transcript import Transcript

FALSE_ALARMS: Final = 0.05
"""Share of constant speakers that may be called changed."""
ERROR: Final = 0.05
"""Share of readings that the threshold lets the meter get wrong."""
SHORTEST: Final = 2
"""Readings on either side of a change: a single one cannot be told from an error of the meter."""
SIMULATED: Final = 20_000
Codes = NDArray[np.intp]


class Change(Record):
    """A speaker who stands elsewhere from a reading on."""

    at: int
    """Place of the first reading after the change among the speaker's own, from 0."""
    turn: int
    """Index of the utterance it was read at."""
    before: int
    after: int
    """Codes that explain most readings on each side."""
    explained: int
    """How many more readings the two stances explain than one does."""


def find_change(readings: Sequence[Reading], scale: Scale, *, error: float = ERROR) -> Change | None:
    """Find the change of one speaker.

    Args:
        readings: Of one seat and meter, in order; see `by_seat`.
        scale: Of the question that was asked.
        error: Share of readings that the meter gets wrong, for the threshold.

    Returns:
        The most telling change, of equals the earliest; None where there is none that a constant speaker would not
        show as well, or fewer than four readings.
    """
    codes = sure_codes(scale)
    read = [reading for reading in readings if reading.code in codes]
    if len(read) < 2 * SHORTEST:
        return None
    places = np.array([[codes.index(reading.code) for reading in read if reading.code is not None]], dtype=np.intp)
    explained, at = (int(found[0]) for found in best_cut(places, len(codes)))
    if explained <= allowance(len(read), len(codes), error):
        return None
    counts = _counts(places, len(codes))[0]
    return Change(
        at=at,
        turn=read[at].turn,
        before=codes[int(counts[at].argmax())],
        after=codes[int((counts[-1] - counts[at]).argmax())],
        explained=explained,
    )


def find_changes(readings: Sequence[Reading], scale: Scale, meter: Meter, *, error: float = ERROR) -> dict[str, Change]:
    """The changes of one talk's speakers on one meter, by seat; the constant are left out."""
    found = {seat: find_change(own, scale, error=error) for seat, own in by_seat(readings, meter).items()}
    return {seat: change for seat, change in found.items() if change is not None}


def changes(
    talks: Sequence[Transcript], readings: Sequence[Reading], survey: Survey
) -> Iterator[tuple[Transcript, Meter, str, Change]]:
    """Who changed their mind, by talk and meter; see `find_changes`."""
    read = by_talk(readings)
    for talk in talks:
        for meter in METERS:
            own = read.get(talk.id, [])
            asked = next((one.question for one in own if one.meter == meter), None)
            if asked is not None:
                scale = survey.questions[asked].scale if asked in survey.questions else talk.seed.scale
                for seat, change in find_changes(own, scale, meter).items():
                    yield talk, meter, seat, change


def readable(readings: Sequence[Reading]) -> dict[Meter, list[tuple[str, str]]]:
    """Talk and seat of all speakers with enough readings for a change to be seen, by meter."""
    return {
        meter: [
            (talk, seat)
            for talk, own in by_talk(readings).items()
            for seat, read in by_seat(own, meter).items()
            if len(read) >= 2 * SHORTEST
        ]
        for meter in METERS
    }


@lru_cache(maxsize=1024)
def allowance(n: int, options: int, error: float) -> int:
    """How many more readings two stances may explain than one before a speaker counts as changed.

    The smallest number that at most `FALSE_ALARMS` of the simulated constant speakers exceed.

    Args:
        n: Readings of the speaker.
        options: Codes of the scale.
        error: Share of readings that are wrong.
    """
    explained, _ = best_cut(noisy(np.zeros(n, dtype=bool), options, error, talks=SIMULATED, seed=0), options)
    return next(allowed for allowed in range(n + 1) if np.mean(explained > allowed) <= FALSE_ALARMS)


def noisy(changed: NDArray[np.bool_], options: int, error: float, *, talks: int, seed: int) -> Codes:
    """Simulate readings of speakers who stand at one code of a scale, and where `changed` at another.

    A wrong reading is a neighbouring code: the errors that judges make, and the hardest ones for the rule, since they
    agree with each other. At an end of the scale all of them are the same.

    Args:
        changed: Shape `(n,)`: at which of their readings a speaker stands elsewhere. Where: any other code.
        options: Codes of the scale, two or more.
        error: Share of readings that are wrong.
        talks: How many speakers.
        seed: Of everything random.

    Returns:
        Shape `(talks, n)`: places of codes on the scale, from 0.
    """
    rng = np.random.default_rng(seed)
    first = rng.integers(options, size=(talks, 1))
    second = (first + rng.integers(1, options, size=(talks, 1))) % options
    true = np.where(changed, second, first)
    beside = true + rng.choice((-1, 1), size=true.shape)
    beside = np.where((beside < 0) | (beside >= options), 2 * true - beside, beside)
    return np.where(rng.random(true.shape) < error, beside, true)


def best_cut(read: Codes, options: int) -> tuple[Codes, Codes]:
    """For each row how many more readings two stances explain than one, at best, and where the second begins."""
    counts = _counts(read, options)
    n = read.shape[1]
    cuts = range(SHORTEST, n - SHORTEST + 1)
    if not cuts:
        return np.zeros(len(read), dtype=np.intp), np.zeros(len(read), dtype=np.intp)
    whole = counts[:, -1]
    two = np.stack([counts[:, cut].max(axis=1) + (whole - counts[:, cut]).max(axis=1) for cut in cuts], axis=1)
    best = two.argmax(axis=1)
    return two.max(axis=1) - whole.max(axis=1), best + SHORTEST


def _counts(read: Codes, options: int) -> Codes:
    """Shape `(rows, n + 1, options)`: how often each code was read before each place."""
    hits = read[:, :, None] == np.arange(options)
    return np.concatenate([np.zeros_like(hits[:, :1], dtype=np.intp), hits.cumsum(axis=1)], axis=1)
