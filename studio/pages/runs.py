"""All runs of the folder, live."""

import asyncio
from typing import Final

from nicegui import ui

from culturepark.studio.overview import Overview, Overviews
from culturepark.studio.page import Visit, address
from culturepark.studio.tags import Tag, empty
from culturepark.studio.words import amount, money

EVERY: Final = 2.0
"""Seconds between two looks at the folder."""
PATIENCE: Final = 0.4
"""Seconds that the page waits for counts; those of a large run take longer the first time, and come when they come."""
_overviews = Overviews()


async def draw(visit: Visit) -> None:
    """A card for each run; counts change while a run is going."""

    async def look() -> list[Overview]:
        return await asyncio.to_thread(lambda: _overviews.of(visit.folder.runs()))

    first = asyncio.create_task(look())
    counted, _ = await asyncio.wait({first}, timeout=PATIENCE)
    shown = first.result() if counted else [Overview(name, "being counted") for name in visit.folder.runs()]
    if not shown:
        empty(
            f"There is no run in {visit.folder.path} yet.",
            then="This one holds six talks with the small model that comes along, offline:",
            command=f"culturepark run --run {visit.folder.path}/quickstart",
        )
    cards = Tag("div", classes="cards", aria_live="off")

    def redraw() -> None:
        cards.clear()
        with cards:
            for one in shown:
                _card(one)

    async def look_again() -> None:
        nonlocal shown
        now = await (look() if first.done() else first)
        if now != shown:
            shown = now
            redraw()

    redraw()
    ui.timer(EVERY, look_again, immediate=not counted)


def _card(one: Overview) -> None:
    with Tag("article", classes="card run-card", aria_label=f"Run {one.name}"):
        with Tag("div", classes="row between"):
            with Tag("h2"):
                Tag("a", one.name, href=address("/run/{run}/dialogues", run=one.name))
            Tag("span", one.state, classes=f"pill state-{one.state.replace(' ', '-')}")
        if one.problem is not None:
            Tag("p", one.problem, classes="refused")
        if one.problem is not None or one.state == "being counted":
            return
        if one.talks:
            Tag("progress", classes="bar", value=f"{one.share:.3f}", max="1", aria_label="Talks that are over")
        with Tag("dl", classes="numbers"):
            _number("talks", one.complete if one.complete == one.talks else f"{one.complete} of {one.talks}")
            _number("turns", amount(one.turns))
            _number("opinions", amount(one.opinions))
            _number("samples", amount(one.samples))
            _number("requests", amount(one.total.requests))
            _number("tokens", amount(one.total.tokens_in + one.total.tokens_out))
            _number("cost", money(one.total.cost))
        if one.spent:
            Tag("p", "  ·  ".join(one.spent), classes="muted models")
        if one.failed:
            with Tag("details", classes="failures"):
                Tag("summary", f"{one.failed} failed")
                with Tag("ul"):
                    for failure in one.failures:
                        with Tag("li"):
                            Tag(
                                "a",
                                failure.talk,
                                href=address("/run/{run}/talk/{talk}", run=one.name, talk=failure.talk),
                            )
                            Tag("span", f" {failure.reason}")


def _number(name: str, value: object) -> None:
    with Tag("div"):
        Tag("dt", name)
        Tag("dd", value)
