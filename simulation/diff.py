"""Two talks side by side: which turns stand for each other, and which words of them differ."""

import difflib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

from culturepark.protocols.turn import Turn
from culturepark.runtime.record import Record
from culturepark.simulation.annotations import Annotation
from culturepark.simulation.transcript import Transcript

# A turn left unpaired costs 0.8. So two turns of one seat are always rather paired, and of two seats never.
GAP, OTHER_SEAT = 0.8, 2.0
HAN_AND_KANA = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
MARKS = r".,;:!?…\"“”()،؛؟。，！？"
WORD = re.compile(rf"[{HAN_AND_KANA}]|\s+|[{MARKS}]|[^\s{MARKS}{HAN_AND_KANA}]+")
"""A word, a mark, white space; where words are not spaced, a character."""

Op = Literal["both", "a", "b"]


class Piece(Record):
    """A run of text that both talks have, or only one."""

    op: Op
    text: str


class Opinions(Record):
    """What refining found in a turn of each talk."""

    a: tuple[str, ...] = ()
    b: tuple[str, ...] = ()


class Pair(Record):
    """A turn of each talk that stand for each other, or a turn that only one talk has."""

    a: int | None
    b: int | None
    speaker_a: str | None
    speaker_b: str | None
    text: tuple[Piece, ...]
    cue: tuple[Piece, ...]
    """What the moderator said before it; empty where neither was told anything."""
    flags_a: tuple[str, ...] = ()
    flags_b: tuple[str, ...] = ()
    opinions: Opinions = Opinions()

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return self.speaker_a == self.speaker_b and all(piece.op == "both" for piece in (*self.text, *self.cue))


class SeatPair(Record):
    """Who sits at the same place in each talk, and holds what."""

    a: str | None
    b: str | None
    stance: tuple[Piece, ...]


class TalkDiff(Record):
    """Two talks compared."""

    a: str
    b: str
    question_a: str | None
    question_b: str | None
    protocol_a: str
    protocol_b: str
    model_a: str
    model_b: str
    shared: int
    """Turns at the beginning that are the same in both."""
    seats: tuple[SeatPair, ...]
    pairs: tuple[Pair, ...]
    """All turns, the shared ones first."""


Found = Mapping[int, Sequence[Annotation]]


def diff_talks(a: Transcript, b: Transcript, *, found_a: Found | None = None, found_b: Found | None = None) -> TalkDiff:
    """Compare two talks turn by turn.

    Turns are aligned by who speaks (the same place at the table) and how many words they share, at the least cost.
    `found_a` and `found_b` are the talks' annotations by turn.
    """
    pairs = tuple(_pair(a, b, one, other, found_a or {}, found_b or {}) for one, other in _aligned(a, b))
    shared = next((place for place, pair in enumerate(pairs) if not pair.same), len(pairs))
    places = range(max(len(a.seats), len(b.seats)))
    return TalkDiff(
        a=a.id,
        b=b.id,
        question_a=a.question.id if a.question else None,
        question_b=b.question.id if b.question else None,
        protocol_a=_protocol(a),
        protocol_b=_protocol(b),
        model_a=a.model,
        model_b=b.model,
        shared=shared,
        seats=tuple(_seat_pair(a, b, place) for place in places),
        pairs=pairs,
    )


def compare_words(a: str, b: str) -> tuple[Piece, ...]:
    """Split two texts into what both have and what only one has, word by word; for Chinese, character by character."""
    one, other = WORD.findall(a), WORD.findall(b)
    codes = difflib.SequenceMatcher(None, one, other, autojunk=False).get_opcodes()
    pieces: list[Piece] = []
    only_a = only_b = ""
    for number, (op, start_a, end_a, start_b, end_b) in enumerate(codes):
        text_a, text_b = "".join(one[start_a:end_a]), "".join(other[start_b:end_b])
        # A space between two changed words is part of the change, or phrases would fall into single words.
        if op == "equal" and not (text_a.isspace() and 0 < number < len(codes) - 1):
            pieces += [*_changed(only_a, only_b), Piece(op="both", text=text_a)]
            only_a = only_b = ""
        else:
            only_a, only_b = only_a + text_a, only_b + text_b
    return (*pieces, *_changed(only_a, only_b))


def _changed(a: str, b: str) -> list[Piece]:
    found: list[Piece] = []
    if a:
        found.append(Piece(op="a", text=a))
    if b:
        found.append(Piece(op="b", text=b))
    return found


def _aligned(a: Transcript, b: Transcript) -> list[tuple[Turn | None, Turn | None]]:
    """Least-cost alignment of two talks' turns (Needleman and Wunsch); of equal ways the one that pairs."""
    ones, others = [_words(turn) for turn in a.turns], [_words(turn) for turn in b.turns]
    places_a, places_b = _places(a), _places(b)
    best: dict[tuple[int, int], tuple[float, tuple[int, int]]] = {}
    for row in reversed(range(len(ones) + 1)):
        for column in reversed(range(len(others) + 1)):
            ways: list[tuple[float, tuple[int, int]]] = []
            if row < len(ones) and column < len(others):
                same_seat = places_a[row] == places_b[column]
                pairing = 1 - _shared_words(ones[row], others[column]) if same_seat else OTHER_SEAT
                ways.append((pairing + best[row + 1, column + 1][0], (1, 1)))
            if row < len(ones):
                ways.append((GAP + best[row + 1, column][0], (1, 0)))
            if column < len(others):
                ways.append((GAP + best[row, column + 1][0], (0, 1)))
            best[row, column] = min(ways, key=lambda way: way[0], default=(0.0, (0, 0)))
    pairs: list[tuple[Turn | None, Turn | None]] = []
    row = column = 0
    while (step := best[row, column][1]) != (0, 0):
        pairs.append((a.turns[row] if step[0] else None, b.turns[column] if step[1] else None))
        row, column = row + step[0], column + step[1]
    return pairs


def _places(talk: Transcript) -> list[int]:
    seated = {seat.id: place for place, seat in enumerate(talk.seats)}
    return [seated[turn.speaker] for turn in talk.turns]


def _words(turn: Turn) -> Counter[str]:
    return Counter(word.casefold() for word in WORD.findall(turn.text) if not word.isspace())


def _shared_words(one: Counter[str], other: Counter[str]) -> float:
    """Dice's coefficient of two bags of words, in [0, 1]."""
    total = one.total() + other.total()
    return 2 * (one & other).total() / total if total else 1.0


def _pair(a: Transcript, b: Transcript, one: Turn | None, other: Turn | None, found_a: Found, found_b: Found) -> Pair:
    return Pair(
        a=one.index if one else None,
        b=other.index if other else None,
        speaker_a=a.seat(one.speaker).name if one else None,
        speaker_b=b.seat(other.speaker).name if other else None,
        text=_pieces(one.text if one else None, other.text if other else None),
        cue=_pieces(_guidance(one), _guidance(other)),
        flags_a=one.flags if one else (),
        flags_b=other.flags if other else (),
        opinions=Opinions(a=_opinions(found_a, one), b=_opinions(found_b, other)),
    )


def _pieces(a: str | None, b: str | None) -> tuple[Piece, ...]:
    return compare_words(a or "", b or "")


def _guidance(turn: Turn | None) -> str | None:
    return turn.cue.guidance if turn and turn.cue else None


def _opinions(found: Found, turn: Turn | None) -> tuple[str, ...]:
    return tuple(f"{one.label}: {one.text}" for one in found.get(turn.index, ())) if turn else ()


def _seat_pair(a: Transcript, b: Transcript, place: int) -> SeatPair:
    one, other = (talk.seats[place] if place < len(talk.seats) else None for talk in (a, b))
    held = [seat.stance.words if seat and seat.stance else "no stance" if seat else "" for seat in (one, other)]
    names = [f"{seat.name} ({seat.culture.country_name})" if seat else None for seat in (one, other)]
    return SeatPair(a=names[0], b=names[1], stance=compare_words(*held))


def _protocol(talk: Transcript) -> str:
    args = ", ".join(f"{key}={value}" for key, value in sorted(talk.protocol.args.items()))
    return f"{talk.protocol.name}({args})" if args else talk.protocol.name
