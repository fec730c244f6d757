"""All talks of a run. The address holds the filter, so a view can be kept, shared and gone back to."""

import asyncio

from culturepark.studio.dialogues import Choices, DialoguePage, Filter, TalkLine, choices, page_of
from culturepark.studio.fields import choice, search
from culturepark.studio.page import Visit, address
from culturepark.studio.people import culture_dot
from culturepark.studio.tags import Tag, empty
from culturepark.studio.words import amount, protocol_name

PATH = "/run/{run}/dialogues"
COLUMNS = ("talk", "cultures", "question", "protocol", "language", "turns", "flagged", "status")


async def draw(visit: Visit) -> None:
    """A filter, a table, and links to its other pages."""
    run, wanted = visit.run, Filter.of(visit.query)
    number = visit.number("page", 1)
    offered = await asyncio.to_thread(choices, run)
    if not offered.statuses:
        empty(
            "No talk was held here yet.",
            then="Hold some, and they appear here while they are held:",
            command=f"culturepark simulate --run {run}",
        )
        return
    _filter(visit, offered, wanted)
    page = await asyncio.to_thread(page_of, run, wanted, number=number)
    if not page.total:
        empty("No talk fits.", then="Take something out of the filter above.")
        return
    Tag("p", f"{amount(page.total)} talks", classes="muted", role="status")
    _table(visit, page)
    _pager(visit, page)


def _filter(visit: Visit, offered: Choices, wanted: Filter) -> None:
    with Tag("form", classes="filter", method="get", role="search", data_submit=True):
        choice("Culture", "culture", {one: one for one in offered.cultures}, value=wanted.culture, any_word="all")
        choice("Question", "question", {one: one for one in offered.questions}, value=wanted.question, any_word="all")
        named = {one: protocol_name(one) for one in offered.protocols}
        choice("Protocol", "protocol", named, value=wanted.protocol, any_word="all")
        choice("Status", "status", {one: one for one in offered.statuses}, value=wanted.status, any_word="all")
        search("Said", "text", value=wanted.text, placeholder="words of an utterance")
        Tag("button", "Search", classes="button")
        if any(wanted):
            Tag("a", "Clear", classes="button", href=address(PATH, run=visit.params["run"]))


def _table(visit: Visit, page: DialoguePage) -> None:
    with Tag("div", classes="wide", tabindex="0", role="region", aria_label="Talks"), Tag("table", classes="talks"):
        with Tag("thead"), Tag("tr"):
            for name in COLUMNS:
                Tag("th", name, scope="col", classes="number" if name in {"turns", "flagged"} else "")
        with Tag("tbody"):
            for line in page.lines:
                _row(visit, line)


def _row(visit: Visit, line: TalkLine) -> None:
    talk = line.talk
    with Tag("tr"):
        with Tag("th", scope="row"):
            Tag(
                "a",
                talk.id,
                classes="mono",
                href=address("/run/{run}/talk/{talk}", run=visit.params["run"], talk=talk.id),
            )
            if talk.parent is not None:
                Tag("div", f"fork of {talk.parent.id} at {talk.parent.turn}", classes="muted small")
        with Tag("td"):
            for seat in talk.seats:
                if seat.role == "delegate":
                    culture_dot(seat.culture.id)
        with Tag("td"):
            Tag("div", talk.question.topic if talk.question else "no survey question")
            Tag("div", talk.question.id if talk.question else "", classes="muted small")
            if line.found is not None:
                with Tag("p", classes="found", dir="auto"):
                    before, hit, after = line.found
                    Tag("span", f"…{before}")
                    Tag("mark", hit)
                    Tag("span", f"{after}…")
            if talk.reason:
                Tag("p", talk.reason, classes="state-failed small")
        Tag("td", protocol_name(talk.protocol.name), classes="short")
        Tag("td", talk.language)
        Tag("td", len(talk.turns), classes="number")
        Tag("td", line.flagged or "–", classes="number")
        with Tag("td"):
            Tag("span", talk.status, classes=f"pill state-{talk.status}")


def _pager(visit: Visit, page: DialoguePage) -> None:
    if page.pages == 1:
        return
    with Tag("nav", classes="row pager", aria_label="Pages of the table"):
        for words, number in (
            ("First", 1),
            ("Before", page.number - 1),
            ("Next", page.number + 1),
            ("Last", page.pages),
        ):
            if 1 <= number <= page.pages and number != page.number:
                query = {**visit.query, "page": number}
                Tag("a", words, classes="button", href=address(PATH, run=visit.params["run"], query=query))
        Tag("span", f"page {page.number} of {amount(page.pages)}", classes="muted")
