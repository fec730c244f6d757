"""Two talks side by side, as their page shows them."""

from typing import Literal, NamedTuple

from culturepark.runtime.store import Store
from culturepark.simulation.annotations import load_annotations
from culturepark.simulation.diff import Pair, Piece, TalkDiff, diff_talks
from culturepark.simulation.talks import find_transcript
from culturepark.simulation.transcript import Transcript

Side = Literal["a", "b"]


class Compared(NamedTuple):
    """The talks and what differs."""

    a: Transcript
    b: Transcript
    diff: TalkDiff

    @property
    def facts(self) -> list[tuple[str, str, str]]:
        """What the talks were made with: its name, in the first talk, in the second; only what differs."""
        both = [
            ("question", self.diff.question_a or "none", self.diff.question_b or "none"),
            ("protocol", self.diff.protocol_a, self.diff.protocol_b),
            ("model", self.diff.model_a, self.diff.model_b),
        ]
        for place, (one, other) in enumerate(zip(self.a.seats, self.b.seats, strict=False)):
            both.append((f"seat {place + 1}", one.id, other.id))
            stances = [seat.stance.words if seat.stance else "no stance" for seat in (one, other)]
            both.append((f"stance {place + 1}", stances[0], stances[1]))
        return [fact for fact in both if fact[1] != fact[2]]

    @property
    def shared(self) -> tuple[Pair, ...]:
        """The turns that both begin with."""
        return self.diff.pairs[: self.diff.shared]

    @property
    def apart(self) -> tuple[Pair, ...]:
        """The turns from the first difference on."""
        return self.diff.pairs[self.diff.shared :]


def load_comparison(store: Store, a: str, b: str) -> Compared:
    """Read and compare two talks of a run.

    Raises:
        CultureParkError: When a talk is not there, or the beginning of its id is that of several.
    """
    one, other = find_transcript(store, a), find_transcript(store, b)
    found_a, found_b = load_annotations(store, one.id), load_annotations(store, other.id)
    return Compared(one, other, diff_talks(one, other, found_a=found_a, found_b=found_b))


def pieces_of(pieces: tuple[Piece, ...], side: Side) -> list[tuple[str, bool]]:
    """One talk's text: runs of it, and whether only this talk has them."""
    return [(piece.text, piece.op == side) for piece in pieces if piece.op in {"both", side}]
