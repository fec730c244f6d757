"""Two talks side by side: what they share is folded, what differs is marked."""

import asyncio

from culturepark.runtime.read_only import looking
from culturepark.simulation.diff import Pair, Piece
from culturepark.simulation.transcript import Transcript
from culturepark.studio.comparison import Compared, Side, load_comparison, pieces_of
from culturepark.studio.fields import text
from culturepark.studio.page import Visit, address
from culturepark.studio.palette import tint
from culturepark.studio.people import initial
from culturepark.studio.tags import Tag, empty
from culturepark.studio.transcript import direction, topic

PATH = "/run/{run}/diff"


async def draw(visit: Visit) -> None:
    """A form for two ids, and the comparison."""
    run, a, b = visit.run, visit.query.get("a", "").strip(), visit.query.get("b", "").strip()
    with Tag("form", classes="filter", method="get"):
        text("One talk", "a", value=a, placeholder="id, or its beginning")
        text("Another", "b", value=b, placeholder="id, or its beginning")
        Tag("button", "Compare", classes="button primary")
    if not (a and b):
        empty(
            "Two talks are compared here.",
            then="Fork a talk from its page and press “Compare the two”, or write two ids from Dialogues above.",
        )
        return

    def read() -> Compared:
        with looking(run) as store:
            return load_comparison(store, a, b)

    found = await asyncio.to_thread(read)
    with Tag("div", classes="stack"):
        _facts(found)
        with Tag("div", classes="sides heads"):
            for talk in (found.a, found.b):
                with Tag("div"):
                    href = address("/run/{run}/talk/{talk}", run=visit.params["run"], talk=talk.id)
                    Tag("a", talk.id, classes="mono", href=href)
                    Tag("p", f"{topic(talk)}, {len(talk.turns)} turns", classes="muted small tight")
        if found.shared:
            turns = "turn is" if len(found.shared) == 1 else "turns are"
            with Tag("details", classes="shared"):
                Tag("summary", f"The first {len(found.shared)} {turns} the same")
                for pair in found.shared:
                    _pair(found, pair)
        if found.apart:
            with Tag("section", classes="stack", aria_label="From the first difference on"):
                for pair in found.apart:
                    _pair(found, pair)
        else:
            Tag("p", "Nothing differs: both talks say the same, word for word.", role="status")


def _facts(found: Compared) -> None:
    if not found.facts:
        return
    with Tag("div", classes="wide"), Tag("table"):
        with Tag("thead"), Tag("tr"):
            for words in ("made with", "one talk", "another"):
                Tag("th", words, scope="col")
        with Tag("tbody"):
            for name, one, other in found.facts:
                with Tag("tr"):
                    Tag("th", name, scope="row")
                    Tag("td", one)
                    Tag("td", other)


def _pair(found: Compared, pair: Pair) -> None:
    with Tag("div", classes="sides"):
        _side(found.a, pair.a, pair, "a")
        _side(found.b, pair.b, pair, "b")


def _side(talk: Transcript, turn: int | None, pair: Pair, side: Side) -> None:
    if turn is None:
        Tag("div", "no such turn", classes="nothing muted small")
        return
    seat = talk.seat(talk.turns[turn].speaker)
    with Tag("article", classes="side-turn", style=tint(seat.culture.id), aria_label=f"Turn {turn}, {seat.name}"):
        with Tag("p", classes="who"):
            initial(seat)
            Tag("b", seat.name)
            Tag("span", f"{turn}", classes="turn-number")
            for flag in pair.flags_a if side == "a" else pair.flags_b:
                Tag("span", flag.replace("_", " "), classes="pill flag")
        if pair.cue:
            _words(pair.cue, side, classes="small muted", language="en")
        _words(pair.text, side, classes="words", language=seat.language)


def _words(pieces: tuple[Piece, ...], side: Side, *, classes: str, language: str) -> None:
    with Tag("p", classes=classes, dir=direction(language), lang=language):
        for words, only in pieces_of(pieces, side):
            Tag(("del" if side == "a" else "ins") if only else "span", words)
