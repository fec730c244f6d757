"""A comparison of two talks for the terminal: coloured there, with +/- marks when piped."""

from collections.abc import Callable, Sequence

from culturepark.simulation.diff import Pair, Piece, TalkDiff

Write = Callable[[Sequence[Piece]], str]
REMOVED, ADDED, DIM, OFF = "\x1b[31;9m", "\x1b[32m", "\x1b[2m", "\x1b[0m"


def diff_text(diff: TalkDiff, *, colour: bool, clean: Callable[[str], str]) -> str:
    """Say it line by line; `clean` makes control characters in the talks' own words visible."""

    def write(pieces: Sequence[Piece]) -> str:
        return "".join(
            _coloured(piece.op, clean(piece.text)) if colour else _marked(piece.op, clean(piece.text))
            for piece in pieces
        )

    lines = [f"a {diff.a}  b {diff.b}"]
    for what, one, other in (
        ("question", diff.question_a, diff.question_b),
        ("protocol", diff.protocol_a, diff.protocol_b),
        ("model", diff.model_a, diff.model_b),
    ):
        lines.append(f"{what}: {write(_whole(one, other))}")
    lines += [f"  {write(_whole(seat.a, seat.b))}: {write(seat.stance)}" for seat in diff.seats]
    if diff.shared:
        said = "turn is" if diff.shared == 1 else f"{diff.shared} turns are"
        lines.append(f"the first {said} the same")
    for pair in diff.pairs[diff.shared :]:
        lines += _pair_lines(pair, write, clean, colour=colour)
    if diff.shared == len(diff.pairs):
        lines.append("no turn differs")
    return "\n".join(lines)


def _pair_lines(pair: Pair, write: Write, clean: Callable[[str], str], *, colour: bool) -> list[str]:
    number = "/".join("-" if index is None else str(index) for index in (pair.a, pair.b))
    lines = []
    if pair.cue:
        cue = f"      (moderator: {write(pair.cue)})"
        lines.append(f"{DIM}{cue}{OFF}" if colour else cue)
    lines.append(f"{number:>5} {write(_whole(pair.speaker_a, pair.speaker_b))}: {write(pair.text)}")
    for mark, flags, opinions in (("-", pair.flags_a, pair.opinions.a), ("+", pair.flags_b, pair.opinions.b)):
        if flags:
            lines.append(f"      {mark} flags: {', '.join(flags)}")
        lines += [f"      {mark} {clean(opinion)}" for opinion in opinions]
    return lines


def _whole(a: str | None, b: str | None) -> tuple[Piece, ...]:
    """Compare two names as wholes."""
    if a == b:
        return (Piece(op="both", text=a or "-"),)
    found = (("a", a), ("b", b))
    return tuple(Piece.model_validate({"op": op, "text": text}) for op, text in found if text is not None)


def _marked(op: str, text: str) -> str:
    return {"both": text, "a": f"[-{text}-]", "b": f"{{+{text}+}}"}[op]


def _coloured(op: str, text: str) -> str:
    return {"both": text, "a": f"{REMOVED}{text}{OFF}", "b": f"{ADDED}{text}{OFF}"}[op]
