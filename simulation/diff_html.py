"""A comparison of two talks as one HTML file that needs nothing else: no network, no script."""

from collections.abc import Sequence
from html import escape

from culturepark.simulation.diff import Pair, Piece, TalkDiff

TAGS = {"both": "span", "a": "del", "b": "ins"}
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
body { color: #1c1c1c; background: #fff }
h1 { font-size: 1.3rem } table { border-collapse: collapse; width: 100% }
th, td { text-align: start; vertical-align: top; padding: .4rem .6rem; border-bottom: 1px solid #ddd }
td.number { color: #666; white-space: nowrap } td.speaker { white-space: nowrap; font-weight: 600 }
del { background: #ffe0e0; color: #8b0000; text-decoration-thickness: 1px }
ins { background: #dff5df; color: #0b5a0b; text-decoration: none }
.cue, .found { color: #595959; font-size: .9rem }
.facts { table-layout: fixed } .facts th:first-child { width: 6rem }
details { margin: 1rem 0 } summary { cursor: pointer }
""".strip()


def diff_html(diff: TalkDiff) -> str:
    """Write the page. Everything from the talks is escaped, and each text finds its own direction."""
    facts = (
        ("question", diff.question_a, diff.question_b),
        ("protocol", diff.protocol_a, diff.protocol_b),
        ("model", diff.model_a, diff.model_b),
    )
    rows = [f"<tr><th>{name}</th><td>{_cell(one)}</td><td>{_cell(other)}</td></tr>" for name, one, other in facts]
    for seat in diff.seats:
        held = f'<td colspan="2" dir="auto">{_pieces(seat.stance)}</td>'
        rows.append(
            f"<tr><th>seat</th><td>{_cell(seat.a)}</td><td>{_cell(seat.b)}</td></tr><tr><th>holds</th>{held}</tr>"
        )
    shared = "".join(_row(pair) for pair in diff.pairs[: diff.shared])
    said = "turn is" if diff.shared == 1 else f"{diff.shared} turns are"
    folded = f"<details><summary>The first {said} the same</summary><table>{shared}</table></details>"
    own = "".join(_row(pair) for pair in diff.pairs[diff.shared :])
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{escape(diff.a)} and {escape(diff.b)}</title><style>{STYLE}</style></head><body>"
        f"<h1>{escape(diff.a)} and {escape(diff.b)}</h1>"
        f'<table class="facts"><tr><th></th><th><del>a</del></th><th><ins>b</ins></th></tr>{"".join(rows)}</table>'
        f"{folded if diff.shared else ''}<table>{own}</table>"
        f"{'' if own else '<p>No turn differs.</p>'}</body></html>\n"
    )


def _row(pair: Pair) -> str:
    number = " / ".join("–" if index is None else str(index) for index in (pair.a, pair.b))
    speakers = [name for name in dict.fromkeys((pair.speaker_a, pair.speaker_b)) if name]
    tags = ("del", "ins") if len(speakers) == 2 else ("span",)
    names = " ".join(f"<{tag}>{escape(name)}</{tag}>" for tag, name in zip(tags, speakers, strict=True))
    cue = f'<div class="cue" dir="auto">moderator: {_pieces(pair.cue)}</div>' if pair.cue else ""
    found = [
        f'<div class="found" dir="auto"><{tag}>{escape(text)}</{tag}></div>'
        for tag, texts in (("del", (*pair.flags_a, *pair.opinions.a)), ("ins", (*pair.flags_b, *pair.opinions.b)))
        for text in texts
    ]
    said = f'{cue}<div dir="auto">{_pieces(pair.text)}</div>{"".join(found)}'
    return f'<tr><td class="number">{number}</td><td class="speaker" dir="auto">{names}</td><td>{said}</td></tr>'


def _cell(text: str | None) -> str:
    return f'<span dir="auto">{escape("–" if text is None else text)}</span>'


def _pieces(pieces: Sequence[Piece]) -> str:
    return "".join(f"<{TAGS[piece.op]}>{escape(piece.text)}</{TAGS[piece.op]}>" for piece in pieces)
