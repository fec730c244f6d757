"""Where a speaker stands, turn by turn: the record that every meter of stances fills, and what it is measured from."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

from culturepark.benchmarks.parsing import Kind
from culturepark.personas.question import Scale
from culturepark.postprocess.stance_mix import place
from culturepark.runtime.record import Record
from culturepark.simulation.transcript import Transcript

Meter = Literal["told", "near", "heard"]
"""`told`: the speaker is asked the question of the talk, which its prompt answers: a manipulation check.
`near`: the speaker is asked another item of the battery, which the talk never shows.
`heard`: a judge that sees one utterance, names and countries masked, says which answer it stands for."""
METERS: Final[tuple[Meter, ...]] = ("told", "near", "heard")
BEFORE: Final = -1
"""Turn of a probe that comes before the first utterance."""


class Reading(Record):
    """What a meter read at a turn."""

    talk: str
    turn: int
    """Index of the utterance that was said last, from 0; `BEFORE` before there is one."""
    seat: str
    meter: Meter
    question: str
    """The item that was asked: for `near` a sibling of the talk's."""
    kind: Kind
    code: int | None
    """The answer; None where none could be read, or the utterance takes no side."""
    place: float | None
    """Where that is between the ends of the scale, in [0, 1]: the expected place where the probabilities of the
    answers are known, else that of the answer. None for "hard to say"."""
    distance: float | None = None
    """From where it should be, as a fraction of the scale; see `with_distances`."""


class Placed(Record):
    """A sentence that says a stance outright, and what the judge of `heard` made of it."""

    question: str
    code: int
    read: int | None
    """None where the judge found that it takes no side, or could not be read."""
    right: bool
    """Whether both are on one side of the scale."""


def step(scale: Scale) -> float:
    """One step of a scale, as a fraction of it."""
    return 1 / (len(sure_codes(scale)) - 1)


def sure_codes(scale: Scale) -> tuple[int, ...]:
    """The codes that have a place, ascending: all but "hard to say"."""
    return tuple(code for code in scale.codes if code not in scale.unsure)


def expected_place(scale: Scale, shares: Mapping[int, float]) -> float | None:
    """Mean place of an answer with these probabilities of the codes; None when none of them has a place."""
    placed = {found: share for code, share in shares.items() if (found := place(scale, code)) is not None}
    whole = sum(placed.values())
    return sum(found * share for found, share in placed.items()) / whole if whole > 0 else None


def stance_places(talk: Transcript) -> dict[str, float]:
    """Where each seat's stance is on the scale of the talk's question, in [0, 1].

    Seats without such a place are left out: those without a stance, the unsure, and all on a scale without an order.
    """
    scale = talk.seed.scale
    if not scale.ordinal:
        return {}
    found = {seat.id: place(scale, seat.stance.code) for seat in talk.seats if seat.stance is not None}
    return {seat: at for seat, at in found.items() if at is not None}


def with_distances(talk: Transcript, readings: Iterable[Reading]) -> list[Reading]:
    """Add to each reading how far it is from where it should be.

    `told` and `heard` are held against the seat's own stance. Nobody knows what a person with that stance would say to
    a sibling item, so `near` is held against the seat's own answer before the first turn: it measures change only.
    """
    readings = list(readings)
    stances = stance_places(talk)
    before = {reading.seat: reading.place for reading in readings if reading.meter == "near" and reading.turn == BEFORE}
    found: list[Reading] = []
    for reading in readings:
        origin = (before if reading.meter == "near" else stances).get(reading.seat)
        apart = None if origin is None or reading.place is None else abs(reading.place - origin)
        found.append(reading.model_copy(update={"distance": apart}))
    return found


def by_seat(readings: Iterable[Reading], meter: Meter) -> dict[str, list[Reading]]:
    """One meter's readings after an utterance that gave a place, of each seat in the order of the talk."""
    found: dict[str, list[Reading]] = defaultdict(list)
    for reading in sorted(readings, key=lambda one: one.turn):
        if reading.meter == meter and reading.turn != BEFORE and reading.place is not None:
            found[reading.seat].append(reading)
    return dict(found)


def by_talk(readings: Sequence[Reading]) -> dict[str, list[Reading]]:
    """Readings of each talk."""
    found: dict[str, list[Reading]] = defaultdict(list)
    for reading in readings:
        found[reading.talk].append(reading)
    return dict(found)


def held_side(talk: Transcript, readings: Sequence[Reading], meter: Meter) -> dict[str, float]:
    """Stance consistency: the share of a speaker's readings on the side of the scale where they should be, by seat.

    `told` and `heard` should be on the side of the seat's stance, `near` on that of its own answer before the talk; the
    exact middle is a side of its own. Readings without a place do not count.
    """
    stances = stance_places(talk)
    before = {one.seat: one.place for one in readings if one.meter == "near" and one.turn == BEFORE}
    origins = before if meter == "near" else stances
    found: dict[str, float] = {}
    for seat, own in by_seat(readings, meter).items():
        if (origin := origins.get(seat)) is not None:
            found[seat] = sum(_side(one.place) == _side(origin) for one in own) / len(own)
    return found


def _side(at: float | None) -> int:
    """-1 below the middle of the scale, 0 on it, 1 above."""
    assert at is not None
    return (round(at, 9) > 0.5) - (round(at, 9) < 0.5)
