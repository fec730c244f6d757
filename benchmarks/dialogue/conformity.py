"""Do people give in? How far each speaker moves toward the others, and from which turn on they say the same."""

from collections.abc import Sequence
from itertools import combinations
from statistics import fmean

from culturepark.benchmarks.dialogue.readings import Meter, Reading, by_seat, stance_places, step
from culturepark.postprocess.stance_mix import place
from culturepark.simulation.transcript import Transcript


def starts_apart(talk: Transcript) -> bool:
    """Whether the stances of some two seats are one step of the scale or more apart, so that they could converge."""
    places = stance_places(talk)
    return any(_apart(one, other) >= _rounded(step(talk.seed.scale)) for one, other in combinations(places.values(), 2))


def conformity(talk: Transcript, readings: Sequence[Reading], *, meter: Meter = "heard") -> dict[str, float]:
    """How far each speaker moves toward the others within a talk, as a fraction of the scale.

    The move is the mean place in the second half of the speaker's readings less that in the first (the middle one of
    an odd number is in neither). The direction comes from the *stances*, never from the readings: a meter's error in
    the first reading would look like a move toward the others. Above 0 is toward them, below 0 away.

    Args:
        talk: With the stances of its seats.
        readings: Of this talk.
        meter: Which of them.

    Returns:
        By seat. Left out are seats without a place on the scale, those less than a step from the mean of the others,
        and those with fewer than two readings.
    """
    stances = stance_places(talk)
    found: dict[str, float] = {}
    for seat, own in by_seat(readings, meter).items():
        others = [at for other, at in stances.items() if other != seat]
        half = len(own) // 2
        if seat not in stances or not others or not half:
            continue
        gap = fmean(others) - stances[seat]
        if _rounded(abs(gap)) < _rounded(step(talk.seed.scale)):
            continue
        places = [reading.place for reading in own if reading.place is not None]
        move = fmean(places[-half:]) - fmean(places[:half])
        found[seat] = move if gap > 0 else -move
    return found


def convergence_turn(talk: Transcript, readings: Sequence[Reading], *, meter: Meter = "heard") -> int | None:
    """The first turn at which all speakers stand less than one step of the scale apart.

    Everybody stands where they were last read; before all seats were read once nothing is said.

    Returns:
        Index of the turn, from 0; None when they never do. For talks that start apart only (`starts_apart`): others
        are together from the beginning.
    """
    seats = {seat.id for seat in talk.seats}
    near = _rounded(step(talk.seed.scale))
    scale = talk.seed.scale
    latest: dict[str, float] = {}
    read = sorted((one for own in by_seat(readings, meter).values() for one in own), key=lambda one: one.turn)
    for reading in read:
        # The answer that was read: expected places shrink toward the middle with every doubt of the meter.
        at = None if reading.code is None else place(scale, reading.code)
        if at is None:
            continue
        latest[reading.seat] = at
        if seats <= latest.keys() and all(_apart(*pair) < near for pair in combinations(latest.values(), 2)):
            return reading.turn
    return None


def _apart(one: float, other: float) -> float:
    return _rounded(abs(one - other))


def _rounded(value: float) -> float:
    """Places are quotients: a step must not come out a hair below itself."""
    return round(value, 9)
