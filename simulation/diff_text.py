"""A comparison of two talks as lines: coloured on a terminal by the command, with +/- marks when piped."""

from collections.abc import Sequence
from typing import NamedTuple

from culturepark.simulation.diff import Pair, Piece, TalkDiff


class Line(NamedTuple):
    """One line, cut into what both talks have and what only one has."""

    pieces: tuple[Piece, ...]
    dim: bool = False


def diff_lines(diff: TalkDiff) -> list[Line]:
    """Say a comparison line by line, the shared beginning folded."""
    lines = [_line(f"a {diff.a}  b {diff.b}")]
    for what, one, other in (
        ("question", diff.question_a, diff.question_b),
        ("protocol", diff.protocol_a, diff.protocol_b),
        ("model", diff.model_a, diff.model_b),
    ):
        lines.append(_line(f"{what}: ", _whole(one, other)))
    lines += [_line("  ", _whole(seat.a, seat.b), ": ", seat.stance) for seat in diff.seats]
    if diff.shared:
        said = "turn is" if diff.shared == 1 else f"{diff.shared} turns are"
        lines.append(_line(f"the first {said} the same"))
    for pair in diff.pairs[diff.shared :]:
        lines += _pair_lines(pair)
    if diff.shared == len(diff.pairs):
        lines.append(_line("no turn differs"))
    return lines


def marked(line: Line) -> str:
    """A line in which `[-…-]` stands only in the first talk and `{+…+}` only in the second."""
    marks = {"both": "{}", "a": "[-{}-]", "b": "{{+{}+}}"}
    return "".join(marks[piece.op].format(piece.text) for piece in line.pieces)


def _pair_lines(pair: Pair) -> list[Line]:
    number = "/".join("-" if index is None else str(index) for index in (pair.a, pair.b))
    lines = [_line("      (moderator: ", pair.cue, ")")._replace(dim=True)] if pair.cue else []
    lines.append(_line(f"{number:>5} ", _whole(pair.speaker_a, pair.speaker_b), ": ", pair.text))
    for mark, flags, opinions in (("-", pair.flags_a, pair.opinions.a), ("+", pair.flags_b, pair.opinions.b)):
        if flags:
            lines.append(_line(f"      {mark} flags: {', '.join(flags)}"))
        lines += [_line(f"      {mark} {opinion}") for opinion in opinions]
    return lines


def _whole(a: str | None, b: str | None) -> tuple[Piece, ...]:
    """Compare two names as wholes."""
    if a == b:
        return (Piece(op="both", text=a or "-"),)
    found = ((Piece(op="a", text=a),) if a is not None else (), (Piece(op="b", text=b),) if b is not None else ())
    return (*found[0], *found[1])


def _line(*parts: str | Sequence[Piece]) -> Line:
    """Put a line together from words of ours and pieces of the talks."""
    pieces: list[Piece] = []
    for part in parts:
        pieces += [Piece(op="both", text=part)] if isinstance(part, str) else part
    return Line(tuple(pieces))
