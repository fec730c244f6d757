"""One talk: read, stepped through, followed while it is held; from a quote to its verdict and its sample."""

import asyncio

from nicegui import ui
from nicegui.events import GenericEventArguments

from culturepark.runtime.errors import CultureParkError
from culturepark.runtime.read_only import looking
from culturepark.simulation.transcript import Transcript
from culturepark.studio.fate import Fate, load_fate
from culturepark.studio.page import Page, Visit, address
from culturepark.studio.palette import tint
from culturepark.studio.people import initial
from culturepark.studio.tags import Tag, shown
from culturepark.studio.talk_elements import StancesElement, TalkElement
from culturepark.studio.transcript import Said, changed, direction, load_said, statement, talk_view, topic
from culturepark.studio.words import protocol_name

PATH = "/run/{run}/talk/{talk}"
EVERY = 0.7
"""Seconds between two looks at a talk under way."""


async def draw(visit: Visit) -> None:
    """The talk, and beside it who sits there, their stances, and what was found in a quote."""
    run = visit.run

    def read() -> Said:
        with looking(run) as store:
            return load_said(store, visit.params["talk"])

    said = await asyncio.to_thread(read)
    view = talk_view(said)
    _heading(visit, said.talk)
    with Tag("div", classes="reading"):
        with Tag("section", aria_label="Talk"):
            element = TalkElement(view)
            ended = Tag("div", role="status")
        with Tag("aside", classes="stack beside", aria_label="About the talk"):
            _people(said.talk)
            with Tag("section", classes="card", aria_label="Stances over turns") as charts:
                Tag("h2", "Stances over turns")
                lines = StancesElement(view)
            charts.set_visibility(bool(view.lines))
            found = Tag("section", classes="card", aria_label="Opinion", aria_live="polite")
    with found:
        _how_to_read(view_has_quotes=bool(said.opinions))

    async def pick(event: GenericEventArguments) -> None:
        element.pick(str(event.args))
        found.clear()
        with found:
            try:
                fate = await asyncio.to_thread(_fate, str(event.args))
            except CultureParkError as error:
                Tag("p", str(error), classes="refused", role="alert")
            else:
                _opinion(visit, said.talk, fate)

    def _fate(opinion: str) -> Fate:
        with looking(run) as store:
            return load_fate(store, opinion)

    def end(talk: Transcript) -> None:
        ended.clear()
        if talk.reason:
            with ended:
                Tag("p", f"failed: {talk.reason}", classes="refused")

    async def follow() -> None:
        nonlocal said
        now = await asyncio.to_thread(read)
        if now != said:
            said = now
            element.show(talk_view(now))
            lines.show(talk_view(now))
            end(now.talk)
        if now.talk.status != "planned":
            timer.deactivate()

    element.on("pick", pick)
    end(said.talk)
    timer = ui.timer(EVERY, follow, immediate=False, active=said.talk.status == "planned")


def _heading(visit: Visit, talk: Transcript) -> None:
    run = visit.params["run"]
    with Tag("div", classes="talk-heading"):
        Tag("h1", topic(talk))
        if (words := statement(talk)) is not None:
            Tag("p", words, classes="muted")
        with Tag("p", classes="muted small"):
            facts = (talk.id, protocol_name(talk.protocol.name), talk.language, talk.model, talk.status)
            Tag("span", "  ·  ".join(facts))
        if talk.parent is not None:
            with Tag("p", classes="small"):
                Tag("span", "Fork of ")
                Tag("a", talk.parent.id, classes="mono", href=address(PATH, run=run, talk=talk.parent.id))
                Tag("span", f" at turn {talk.parent.turn}: {changed(talk.parent.edits)}.")


def _people(talk: Transcript) -> None:
    with Tag("section", classes="card", aria_label="Who sits here"):
        Tag("h2", "Who sits here")
        for seat in talk.seats:
            with Tag("div", classes="person", style=tint(seat.culture.id)):
                initial(seat)
                with Tag("div"):
                    with Tag("p", classes="tight"):
                        Tag("b", seat.name)
                        Tag("span", f" {seat.culture.country_name}", classes="muted")
                    if seat.stance is None:
                        Tag("p", "holds no stance", classes="small muted tight")
                    else:
                        Tag("p", seat.stance.words, classes="small tight")
                        Tag("p", seat.stance.standing, classes="small muted tight")


def _how_to_read(*, view_has_quotes: bool) -> None:
    Tag("h2", "Opinions")
    if view_has_quotes:
        Tag("p", "Press a marked quote to see its verdict and its sample.", classes="muted")
        with Tag("ul", classes="legend small"):
            for mark, words in (
                ("entail", "says what the stance says"),
                ("contradict", "against the stance"),
                ("irrelevant", "the stance does not decide it"),
                ("unjudged", "not judged"),
            ):
                with Tag("li"):
                    Tag("span", mark, classes=f"quote quote-{mark}")
                    Tag("span", f" {words}", classes="muted")
    else:
        Tag("p", "None was found in this talk, or the run is not refined yet.", classes="muted")


def _opinion(visit: Visit, talk: Transcript, fate: Fate) -> None:
    opinion = fate.opinion
    Tag("h2", "Opinion")
    Tag("p", opinion.text, classes="opinion-text", dir=direction(opinion.language), lang=opinion.language)
    with Tag("p", classes="row"):
        mark = opinion.verdict_as_said or "unjudged"
        Tag("span", mark, classes=f"pill verdict verdict-{mark}")
        if opinion.dropped is not None:
            Tag("span", opinion.dropped.replace("_", " "), classes="pill")
    if opinion.stance is not None:
        Tag("p", f"{talk.seat(opinion.speaker).name} {opinion.stance.words}", classes="small")
    with Tag("ul", classes="small plain"):
        for line in fate.words:
            Tag("li", line)
    if fate.kept is not None:
        Tag("p", f"Merged ({opinion.merged_by}, cosine {opinion.cosine}) into:", classes="small muted tight")
        Tag("p", fate.kept.text, dir=direction(fate.kept.language), lang=fate.kept.language)
    if fate.sample is not None:
        href = address("/run/{run}/sample/{sample}", run=visit.params["run"], sample=fate.sample.id)
        Tag("a", "Open the sample", classes="button primary", href=href)
    elif opinion.dropped is not None:
        Tag("p", f"It is in no sample: {shown(opinion.dropped.replace('_', ' '))}.", classes="muted small")


PAGE = Page(PATH, "Transcript", draw, own_heading=True)
