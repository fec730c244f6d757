"""A talk as its page shows it: bubbles with quotes in them, whispers between them, stances over turns."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from culturepark.personas.language import ENGLISH, primary
from culturepark.postprocess.opinion import Opinion, Verdict
from culturepark.postprocess.tables import load_opinions
from culturepark.protocols.turn import Turn
from culturepark.runtime.read_only import stamp
from culturepark.runtime.record import Record
from culturepark.runtime.store import Store
from culturepark.simulation.fork import EDITED
from culturepark.simulation.talks import find_transcript
from culturepark.simulation.transcript import Edits, Transcript
from culturepark.studio.meters import Meter, Reading, readings
from culturepark.studio.palette import slot
from culturepark.studio.tags import shown

RIGHT_TO_LEFT: Final = frozenset({"ar", "arc", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"})
"""Languages, ISO 639, written from right to left."""
HELD: Final[Mapping[Verdict, float]] = {"entail": 1.0, "irrelevant": 0.0, "contradict": -1.0}
"""Where an opinion stands to its speaker's stance, from against it to with it."""
Mark = Literal["entail", "contradict", "irrelevant", "unjudged"]


class Segment(Record):
    """A run of characters of an utterance, with the opinion that was found there."""

    text: str
    opinion: str | None = None
    mark: Mark | None = None


class Person(Record):
    """Who sits in the talk."""

    id: str
    name: str
    culture: str
    country: str
    slot: int
    """Of the culture's colour."""
    role: Literal["main_contact", "delegate"]
    stance: str
    standing: str


class Bubble(Record):
    """One utterance."""

    index: int
    speaker: int
    """Place in `people`."""
    segments: tuple[Segment, ...]
    whisper: str | None
    private: bool
    note: str | None
    asks: tuple[tuple[str, str], ...]
    flags: tuple[str, ...]
    lang: str
    dir: Literal["rtl", "auto"]
    own: bool
    """Whether the talk itself asked a model for it: shared turns of a fork are its parent's."""
    edited: bool


class Point(Record):
    """How a speaker stands to their own stance at one turn."""

    turn: int
    value: float
    """In [-1, 1]: with the stance is 1, against it is -1. Of opinions the mean over the turn's judged ones; of a meter
    1 minus twice its distance."""


class Line(Record):
    """One speaker's points, as one meter has them."""

    speaker: int
    meter: Meter | Literal["opinions"]
    points: tuple[Point, ...]


class TalkView(Record):
    """All of a talk's page that the browser draws by itself."""

    people: tuple[Person, ...]
    bubbles: tuple[Bubble, ...]
    lines: tuple[Line, ...]
    under_way: bool


class Said(NamedTuple):
    """A talk with what refining found in it, and what meters read."""

    talk: Transcript
    opinions: Sequence[Opinion]
    readings: Sequence[Reading] = ()


def talk_view(said: Said, *, under_way: bool = False) -> TalkView:
    """Make the view of a talk."""
    talk = said.talk
    places = {seat.id: place for place, seat in enumerate(talk.seats)}
    by_turn: dict[int, list[Opinion]] = {}
    for opinion in said.opinions:
        by_turn.setdefault(opinion.turn, []).append(opinion)
    return TalkView(
        people=tuple(
            Person(
                id=seat.id,
                name=seat.name,
                culture=seat.culture.id,
                country=seat.culture.country_name,
                slot=slot(seat.culture.id),
                role=seat.role,
                stance=seat.stance.words if seat.stance else "holds no stance",
                standing=seat.stance.standing if seat.stance else "",
            )
            for seat in talk.seats
        ),
        bubbles=tuple(_bubble(talk, turn, places[turn.speaker], by_turn.get(turn.index, ())) for turn in talk.turns),
        lines=stance_lines(said),
        under_way=under_way,
    )


def segments(text: str, opinions: Iterable[Opinion]) -> tuple[Segment, ...]:
    """Cut an utterance at the quotes found in it; where two overlap, the one that begins first keeps its place."""
    found: list[Segment] = []
    at = 0
    for opinion in sorted(opinions, key=lambda one: (one.start, one.end)):
        start, end = max(at, opinion.start), min(opinion.end, len(text))
        if start >= end:
            continue
        if start > at:
            found.append(Segment(text=shown(text[at:start])))
        mark: Mark = opinion.verdict_as_said or "unjudged"
        found.append(Segment(text=shown(text[start:end]), opinion=opinion.id, mark=mark))
        at = end
    if at < len(text) or not found:
        found.append(Segment(text=shown(text[at:])))
    return tuple(found)


def stance_lines(said: Said) -> tuple[Line, ...]:
    """How far each speaker kept to their stance, turn by turn: by their judged opinions, and by each meter."""
    lines = []
    for place, seat in enumerate(said.talk.seats):
        values: dict[Meter | Literal["opinions"], dict[int, list[float]]] = {}
        for opinion in said.opinions:
            if opinion.speaker == seat.id and opinion.about == "own" and opinion.verdict_as_said is not None:
                of_turn = values.setdefault("opinions", {}).setdefault(opinion.turn, [])
                of_turn.append(HELD[opinion.verdict_as_said])
        for reading in said.readings:
            if reading.seat == seat.id:
                values.setdefault(reading.meter, {}).setdefault(reading.turn, []).append(1 - 2 * reading.distance)
        for meter, turns in values.items():
            points = (Point(turn=turn, value=sum(own) / len(own)) for turn, own in sorted(turns.items()))
            lines.append(Line(speaker=place, meter=meter, points=tuple(points)))
    return tuple(lines)


def direction(language: str, text: str | None = None) -> Literal["rtl", "auto"]:
    """Right to left for languages written so; for others the first letter decides, as texts may be in any.

    A text without a letter of such a script is not turned around, whatever its speaker's language.
    """
    if primary(language) not in RIGHT_TO_LEFT:
        return "auto"
    turned = text is None or any(unicodedata.bidirectional(char) in {"R", "AL"} for char in text)
    return "rtl" if turned else "auto"


def topic(talk: Transcript) -> str:
    """What the talk is about, as a heading."""
    return talk.question.topic if talk.question else "No survey question"


def statement(talk: Transcript) -> str | None:
    """The question as it was put."""
    return talk.question.text[ENGLISH] if talk.question else None


def changed(edits: Edits) -> str:
    """What a fork does otherwise, in words."""
    parts = [f"protocol {edits.protocol.name}" if edits.protocol else ""]
    parts += [f"{new} for {old}" for old, new in edits.personas.items()]
    parts += [f"model {edits.model}" if edits.model else "", "another utterance" if edits.say is not None else ""]
    return ", ".join(part for part in parts if part) or "nothing changed"


def load_said(store: Store, talk: str) -> Said:
    """Read a talk by its id, or a beginning of it that only one talk has.

    Raises:
        CultureParkError: When no talk, or more than one, begins so.
    """
    found = find_transcript(store, talk)
    read = readings(store.folder, stamp(store.folder)).get(found.id, ())
    return Said(found, load_opinions(store, talk=found.id), read)


def _bubble(talk: Transcript, turn: Turn, speaker: int, opinions: Iterable[Opinion]) -> Bubble:
    seat = talk.seats[speaker]
    return Bubble(
        index=turn.index,
        speaker=speaker,
        segments=segments(turn.text, opinions),
        whisper=shown(turn.cue.guidance) if turn.cue else None,
        private=turn.cue.private if turn.cue else False,
        note=shown(turn.note) if turn.note else None,
        asks=tuple((shown(ask.prompt), shown(ask.answer)) for ask in turn.asks),
        flags=turn.flags,
        lang=seat.language,
        dir=direction(seat.language, turn.text),
        own=turn.index >= talk.own_from,
        edited=turn.model == EDITED,
    )
